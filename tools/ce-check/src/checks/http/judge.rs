//! The verdict on all that was seen on the way.

use ce_net::CertInfo;
use ce_record::quantity::{bytes, duration};
use ce_record::{Cause, Finding, Metric, Record, State};
use jiff::Timestamp;

use super::client::{Answer, Hop, Times};
use super::expect::{self, Problem};
use super::flags::Flags;
use super::report;
use super::walk::{Stop, Walked};
use crate::certificate;

/// What check_http prints, times in seconds; those of the parts as with -E.
pub(super) fn perfdata(_: &Record, metric: &Metric) -> Option<Metric> {
    match &*metric.name {
        "time" | "time_connect" | "time_transfer" => Some(metric.clone().in_seconds()),
        "time_tls" => Some(metric.clone().in_seconds().named("time_ssl")),
        "time_first_byte" => Some(metric.clone().in_seconds().named("time_firstbyte")),
        "size" => Some(metric.clone()),
        _ => None,
    }
}

/// Status, content, time and certificates: the worst first.
pub(super) fn judge(flags: &Flags, walked: &Walked, now: Timestamp) -> Finding {
    let Some(last) = walked.hops.last() else {
        return Finding::new(State::Unknown, "nothing was asked").cause(Cause::INTERNAL);
    };
    let mut problems = arrival(flags, walked, last, now);
    problems.extend(time(flags, walked));
    problems.extend(
        walked
            .hops
            .iter()
            .flat_map(|hop| certificates(flags, hop, now)),
    );
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.state));

    let told = told(walked, last, now);
    let finding = match problems.split_first() {
        None => Finding::new(State::Ok, told),
        Some((worst, rest)) => {
            let summary = match &last.answer {
                // The status line is not said twice.
                Ok(Some(answer)) => match told.strip_prefix(&answer.head.line) {
                    Some(rest) if worst.text.contains(&answer.head.line) => {
                        format!("{}{rest}", worst.text)
                    }
                    _ => format!("{}; {told}", worst.text),
                },
                _ => worst.text.clone(),
            };
            let finding = Finding::new(worst.state, summary).cause(worst.cause.clone());
            rest.iter().fold(finding, |finding, problem| {
                finding.detail(format!("{}: {}", problem.state, problem.text))
            })
        }
    };
    let finding = details(flags, walked, finding, now);
    report::measured(flags, walked, finding, now)
}

/// What is wrong with where the way ended.
fn arrival(flags: &Flags, walked: &Walked, last: &Hop, now: Timestamp) -> Vec<Problem> {
    let mut problems = match &walked.stop {
        Stop::Arrived => Vec::new(),
        // As check_http has it.
        Stop::Loop(url) => vec![Problem::new(
            State::Critical,
            Cause::CONTENT,
            format!("redirects go round in a circle to {url}"),
        )],
        Stop::TooMany(max) => vec![Problem::new(
            State::Warning,
            Cause::CONTENT,
            format!("more than {max} redirects"),
        )],
        Stop::Lost(fault) => vec![Problem::new(State::Unknown, Cause::CONTENT, fault.clone())],
    };
    match &last.answer {
        Err(error) => {
            let state = crate::fault::net_state(error);
            let mut text = error.to_string();
            if walked.hops.len() > 1 {
                text = format!("{text} (redirected to {})", last.url);
            }
            problems.push(Problem::new(state, error.cause(), text));
        }
        Ok(None) => {
            if let Some(Err(error)) = last
                .peer
                .as_ref()
                .map(|peer| peer.require_trust(&last.url.authority()))
            {
                problems.push(Problem::new(
                    State::Critical,
                    error.cause(),
                    error.to_string(),
                ));
            }
        }
        Ok(Some(answer)) if walked.stop == Stop::Arrived => {
            problems.extend(expect::problems(flags, answer, now));
            problems.extend(final_url(flags, last));
        }
        Ok(Some(_)) => {}
    }
    problems
}

fn final_url(flags: &Flags, last: &Hop) -> Option<Problem> {
    let wanted = flags.final_url.as_ref()?;
    let matches = expect::pattern(wanted, false, false)
        .is_ok_and(|regex| regex.is_match(last.url.to_string().as_bytes()));
    (!matches).then(|| {
        let text = format!("ended at {}, not at '{wanted}'", last.url);
        Problem::new(State::Critical, Cause::CONTENT, text)
    })
}

fn time(flags: &Flags, walked: &Walked) -> Option<Problem> {
    let thresholds = super::flags_thresholds(flags);
    let state = thresholds.judge(walked.took.as_secs_f64());
    (state != State::Ok && answered(walked)).then(|| {
        let slowest = slowest(&sum(walked));
        let text = format!("took {}, most of it {slowest}", duration(walked.took));
        Problem::new(state, Cause::THRESHOLD, text)
    })
}

pub(super) fn answered(walked: &Walked) -> bool {
    walked.hops.last().is_some_and(|hop| hop.answer.is_ok())
}

/// The part that took longest: where to look.
fn slowest(times: &Times) -> &'static str {
    let parts = [
        (times.dns, "looking up the name"),
        (times.connect, "connecting"),
        (times.tls, "in the TLS handshake"),
        (times.first_byte, "waiting for the first byte"),
        (times.transfer, "in the transfer"),
    ];
    parts
        .into_iter()
        .max_by_key(|(took, _)| *took)
        .map_or("", |(_, part)| part)
}

pub(super) fn sum(walked: &Walked) -> Times {
    walked.hops.iter().fold(Times::default(), |sum, hop| Times {
        dns: sum.dns + hop.times.dns,
        connect: sum.connect + hop.times.connect,
        tls: sum.tls + hop.times.tls,
        first_byte: sum.first_byte + hop.times.first_byte,
        transfer: sum.transfer + hop.times.transfer,
    })
}

/// The dates of a server's own certificate and of those above it.
fn certificates(flags: &Flags, hop: &Hop, now: Timestamp) -> Vec<Problem> {
    let (Some(days), Some(peer)) = (flags.certificate, &hop.peer) else {
        return Vec::new();
    };
    let path = certificate::path(&peer.chain);
    path.iter()
        .enumerate()
        .filter_map(|(at, cert)| {
            let state = days.thresholds().judge(left(cert, now));
            let whose = if at == 0 {
                "certificate"
            } else {
                "issuer's certificate"
            };
            let text = format!(
                "{whose} '{}' {}",
                certificate::name(cert),
                certificate::expiry(cert, now)
            );
            (state != State::Ok).then(|| Problem::new(state, Cause::TLS, text))
        })
        .collect()
}

#[allow(clippy::cast_precision_loss)]
fn left(cert: &CertInfo, now: Timestamp) -> f64 {
    certificate::left_s(cert, now) as f64
}

/// What was got, for a line that says all is well, or as the rest of one that does not.
fn told(walked: &Walked, last: &Hop, now: Timestamp) -> String {
    let certificate = last.peer.as_ref().and_then(|peer| peer.chain.first());
    match &last.answer {
        Ok(Some(answer)) => {
            let mut told = format!(
                "{}, {} in {}",
                answer.head.line,
                bytes(answer.body.bytes),
                duration(walked.took)
            );
            if walked.hops.len() > 1 {
                told.push_str(&format!(" at {}", last.url));
            }
            told
        }
        _ => match certificate {
            Some(cert) => format!(
                "certificate '{}' {}",
                certificate::name(cert),
                certificate::expiry(cert, now)
            ),
            None => String::new(),
        },
    }
}

fn details(flags: &Flags, walked: &Walked, mut finding: Finding, now: Timestamp) -> Finding {
    let last = walked.hops.last();
    if let Some(Err(error)) = last.map(|hop| &hop.answer)
        && let Some(hint) = error.hint()
    {
        finding = finding.detail(format!("hint: {hint}"));
    }
    // What is wrong with a certificate is easier to see beside what it says.
    for hop in &walked.hops {
        if let Some(peer) = &hop.peer
            && peer.trust.is_err()
        {
            for cert in certificate::path(&peer.chain) {
                let (name, issuer) = (certificate::name(cert), &cert.issuer);
                finding = finding.detail(format!(
                    "certificate '{name}' of {issuer} {}",
                    certificate::expiry(cert, now)
                ));
            }
        }
    }
    for pair in walked.hops.windows(2) {
        if pair[0].url.secure && !pair[1].url.secure {
            finding = finding.detail(format!(
                "{} leads to plain http: {}",
                pair[0].url, pair[1].url
            ));
        }
    }
    if let (true, Some(answer)) = (flags.show_body, answer(last)) {
        // Whoever wants more than a page has a browser.
        const SHOWN_BYTES: usize = 2048;
        let shown = &answer.body.kept[..answer.body.kept.len().min(SHOWN_BYTES)];
        for line in String::from_utf8_lossy(shown).lines() {
            finding = finding.detail(line);
        }
    }
    finding
}

pub(super) fn answer(hop: Option<&Hop>) -> Option<&Answer> {
    hop?.answer.as_ref().ok()?.as_ref()
}
