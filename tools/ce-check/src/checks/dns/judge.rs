//! What the answers are worth: the pure part.

use std::time::Duration;

use ce_record::{Cause, Finding, Metric, Number, State};
use jiff::Timestamp;

use super::exchange::Answered;
use super::expect;
use super::message::{Code, Data, Type};
use super::{Days, Dns, Facts};
use crate::timing::TIME;

impl Dns {
    pub(super) fn judge_time(&self, finding: Finding, took: Duration) -> Finding {
        let state = State::worst([finding.state, self.limits.judge(took)]);
        let mut finding = Finding { state, ..finding };
        if let Some(time) = finding.metrics.iter_mut().find(|one| one.name == TIME.name) {
            *time = self.limits.metric(took);
        }
        finding
    }

    pub(super) fn judge(&self, facts: &Facts, now: Timestamp) -> Finding {
        let mut values: Vec<String> = Vec::new();
        let mut aliases = Vec::new();
        let mut ttl_s = None;
        for (answered, kind) in facts.answers.iter().zip(&facts.kinds) {
            for record in &answered.message.answer {
                if record.kind == *kind || kind.0 == 255 {
                    values.push(record.data.to_string());
                    ttl_s = ttl_s.min(Some(record.ttl_s)).or(Some(record.ttl_s));
                } else if record.kind == Type::CNAME {
                    aliases.push(record.data.to_string());
                }
            }
        }
        values.sort_unstable();
        values.dedup();
        aliases.dedup();

        let took = ce_record::quantity::duration(facts.took);
        let (state, cause, summary) = match self.fault(facts, &values) {
            // check_dig warns of what check_dns takes for an outage.
            Some((cause, summary)) if self.dig && cause == Cause::CONTENT => {
                (State::Warning, cause, summary)
            }
            Some((cause, summary)) => (State::Critical, cause, summary),
            None if self.expect_nxdomain => (
                State::Ok,
                Cause::THRESHOLD,
                format!("no such name, as expected, in {took}"),
            ),
            None => (
                self.limits.judge(facts.took),
                Cause::THRESHOLD,
                format!("{} in {took}", some(&values)),
            ),
        };
        let mut finding = Finding::new(state, summary)
            .cause(cause)
            .metric(self.limits.metric(facts.took))
            .data("answers", values);
        if !aliases.is_empty() {
            finding = finding.data("aliases", aliases);
        }
        if let Some(ttl_s) = ttl_s {
            finding = finding.data("ttl_s", ttl_s);
        }
        if let Some(answered) = facts.answers.last() {
            finding = finding
                .data("code", answered.message.code.to_string())
                .data("server", answered.server.to_string())
                .data("flags", flags(answered));
        }
        for failed in &facts.failed {
            finding = finding.detail(failed);
        }
        match self.signature_days {
            Some(days) => judge_signatures(finding, facts, days, now),
            None => finding,
        }
    }

    /// What is wrong with the answers, the time they took apart.
    fn fault(&self, facts: &Facts, values: &[String]) -> Option<(Cause, String)> {
        let bad = |answered: &&Answered| {
            let code = answered.message.code;
            if self.expect_nxdomain {
                code != Code::NX_DOMAIN
            } else {
                code != Code::NO_ERROR
            }
        };
        if let Some(answered) = facts.answers.iter().find(bad) {
            let code = answered.message.code;
            return Some(match code {
                Code::NO_ERROR => (
                    Cause::CONTENT,
                    format!("the name exists ({}) but should not", some(values)),
                ),
                Code::NX_DOMAIN => (
                    Cause::DNS,
                    format!("'{}' does not exist (NXDOMAIN)", facts.name),
                ),
                _ => (Cause::DNS, format!("{} answers {code}", answered.server)),
            });
        }
        // An answer that there is no AAAA record says nothing of the one that there is an A record.
        let has_values = |answered: &&Answered| !answered.message.answer.is_empty();
        let telling = facts.answers.iter().filter(has_values);
        let all = |has: fn(&Answered) -> bool| telling.clone().all(has);
        let server = facts.answers.first().map(|answered| answered.server);
        let server = server.map(|server| server.to_string()).unwrap_or_default();
        if self.has("") && !all(|answered| answered.message.flags.authoritative) {
            let summary = format!("{server} is not authoritative for '{}'", facts.name);
            return Some((Cause::CONTENT, summary));
        }
        if self.expect_authentic && !all(|answered| answered.message.flags.authentic) {
            let summary = format!("{server} has not verified the answer by DNSSEC");
            return Some((Cause::CONTENT, summary));
        }
        if values.is_empty() && !self.expect_nxdomain {
            let summary = format!("'{}' has no {} record", facts.name, list(&facts.kinds));
            return Some((Cause::CONTENT, summary));
        }
        let fault = expect::fault(&self.expected(), values, self.amount())?;
        Some((Cause::CONTENT, format!("{fault} in {}", some(values))))
    }
}

pub(super) fn list(kinds: &[Type]) -> String {
    let names: Vec<String> = kinds.iter().map(Type::to_string).collect();
    names.join(",")
}

/// The first values, for a phone.
fn some(values: &[String]) -> String {
    match values {
        [] => "nothing".to_owned(),
        [one, two, three, _, rest @ ..] => {
            format!("{one}, {two}, {three} and {} more", rest.len() + 1)
        }
        few => few.join(", "),
    }
}

fn flags(answered: &Answered) -> Vec<&'static str> {
    let flags = answered.message.flags;
    [
        (flags.authoritative, "AA"),
        (flags.authentic, "AD"),
        (flags.recursion, "RA"),
        (answered.tcp, "TC"),
    ]
    .into_iter()
    .filter(|(is_set, _)| *is_set)
    .map(|(_, name)| name)
    .collect()
}

/// Days until the first of the signatures expires; its time counts modulo 2^32 seconds (RFC 4034, 3.1.5).
fn first_expiry(facts: &Facts, now: Timestamp) -> Option<f64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let now_s = now.as_second() as u32;
    facts
        .answers
        .iter()
        .flat_map(|answered| &answered.message.answer)
        .filter_map(|record| match record.data {
            #[allow(clippy::cast_possible_wrap)]
            Data::Signature { expires, .. } => Some(expires.wrapping_sub(now_s) as i32),
            _ => None,
        })
        .min()
        .map(|seconds| f64::from(seconds) / 86_400.0)
}

fn judge_signatures(finding: Finding, facts: &Facts, limit: Days, now: Timestamp) -> Finding {
    let Some(days) = first_expiry(facts, now) else {
        return Finding {
            state: State::Critical,
            summary: format!("no signature, {}", finding.summary),
            ..finding
        }
        .cause(Cause::CONTENT);
    };
    let state = match days {
        days if days <= limit.crit => State::Critical,
        days if days <= limit.warn => State::Warning,
        _ => State::Ok,
    };
    let finding = finding.metric(Metric::new("signature_days", Number::rounded(days, 2), ""));
    if state == State::Ok {
        return finding;
    }
    let words = if days < 0.0 {
        format!("a signature expired {:.1} days ago", -days)
    } else {
        format!("a signature expires in {days:.1} days")
    };
    Finding {
        state: State::worst([state, finding.state]),
        summary: format!("{words}, {}", finding.summary),
        ..finding
    }
}
