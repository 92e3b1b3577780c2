//! The mail queue: how many messages wait, in which state, and since when.
//!
//! It counts the files of the spool itself. Asking `mailq` takes a set-user-id program and, with a large queue, longer
//! than a check has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;
use serde_json::{Map, Value};

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::ranges;
use crate::reach::said;
use crate::root::Root;

mod envelope;
mod spool;

use spool::{Messages, Mta};

pub(super) static CHECK: Check = Check::new::<Mailq>("mailq", Group::Machine, "Messages that wait in the mail queue")
    .metrics(&[
        MetricDoc { name: "messages", unit: "", about: "in all queues" },
        MetricDoc { name: "oldest", unit: "s", about: "since the oldest of them came" },
        MetricDoc { name: "worst_domain", unit: "", about: "messages to the domain with the most (with -W or -C)" },
    ])
    .data(&[
        Field { name: "states", kind: "object", about: "messages by queue: active, deferred, hold, frozen and so on" },
        Field { name: "domain", kind: "string", about: "the domain with the most messages" },
    ])
    .plugins(&[Plugin {
        name: "check_mailq",
        word: "MAILQ",
        preset: &[],
        // check_mailq prints the count from which it alerts, not the last that is fine.
        perfdata: |_, metric| {
            let from = |range: Range| Range::new(0.0, range.end() + 1.0).unwrap_or(range);
            let unsent = Metric {
                warn: metric.warn.map(from),
                crit: metric.crit.map(from),
                ..metric.clone().named("unsent")
            };
            (metric.name == "messages").then_some(unsent)
        },
        deviations: &[
            "it reads the spool folders and calls no mailq, so it needs the right to read them instead of sudo: -s is taken and does nothing",
            "-W and -C count recipients' domains for postfix, exim, sendmail and nullmailer; for qmail, messages that are not yet processed",
            "every mail server that has a spool here is judged: what an earlier one left behind is mail that nobody gets",
            "without -w and -c it judges by 100 and 500 instead of refusing to run",
        ],
    }]);

/// Messages that wait in the mail queue
///
/// One record for each mail server that has a queue on this machine.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check mailq
  ce-check mailq -w 50 -c 200 --warning-age 4h --critical-age 1d
  ce-check mailq -M postfix -W 20 -C 100")]
pub(super) struct Mailq {
    /// WARNING when so many messages wait
    #[arg(short, long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    warning: u64,

    /// CRITICAL when so many messages wait
    #[arg(short, long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    critical: u64,

    /// WARNING when so many wait for one domain
    #[arg(short = 'W', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    warning_domain: Option<u64>,

    /// CRITICAL when so many wait for one domain
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    critical_domain: Option<u64>,

    /// WARNING when the oldest message is older
    #[arg(long, value_name = "AGE", value_parser = ranges::age)]
    warning_age: Option<Range>,

    /// CRITICAL when the oldest message is older
    #[arg(long, value_name = "AGE", value_parser = ranges::age)]
    critical_age: Option<Range>,

    /// Judge only this mail server's queue [default: every one that is here]
    #[arg(short = 'M', long, value_name = "MTA")]
    mailserver: Option<Mta>,

    /// What it means that there is no mail queue
    #[arg(long, value_name = "STATE", default_value = "unknown")]
    missing: State,

    /// Taken for compatibility: the spool is read, nothing is called
    #[arg(short, long, hide = true)]
    sudo: bool,

    /// Taken for compatibility
    #[arg(short = 'd', long, hide = true)]
    configdir: Option<PathBuf>,

    #[command(flatten)]
    root: Root,
}

impl Observe for Mailq {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.counts())?;
        refuse_contradiction("-W", "-C", self.domains())?;
        refuse_contradiction("--warning-age", "--critical-age", self.ages())
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let servers = match self.mailserver {
            Some(mta) => vec![mta],
            None => Mta::detect(&self.root),
        };
        // Counting goes on when there is no time left to read.
        let reading_until = std::time::Instant::now() + context.timeout / 2;
        let mut findings = Vec::new();
        for mta in servers {
            let found = mta.messages(&self.root, reading_until);
            let finding = match found {
                Ok(messages) if messages.folders == 0 => {
                    Finding::new(self.missing, format!("no queue of {}", mta.name()))
                        .cause(Cause::CONTENT)
                }
                Ok(messages) => self.judge(mta, &messages, context.now.as_second()),
                Err((path, error)) => unreadable(mta, &path, &error),
            };
            findings.push(finding.object(mta.name()));
        }
        if findings.is_empty() {
            let finding = Finding::new(
                self.missing,
                "no mail queue: no mail server that is known has a spool here",
            );
            findings.push(finding.cause(Cause::CONTENT));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

fn unreadable(mta: Mta, path: &std::path::Path, error: &std::io::Error) -> Finding {
    let summary = format!("cannot read '{}': {}", path.display(), said(error));
    let finding = Finding::new(State::Unknown, summary).cause(Cause::SYSTEM);
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        let name = mta.name();
        finding.detail(format!(
            "hint: run it as root, or as the user whom {name}'s spool belongs to"
        ))
    } else {
        finding
    }
}

/// Alerts from this count on.
fn below(count: u64) -> Option<Range> {
    Range::new(0.0, Number::from(count.saturating_sub(1)).as_f64())
}

impl Mailq {
    fn counts(&self) -> Thresholds {
        Thresholds::new(below(self.warning), below(self.critical))
    }

    fn domains(&self) -> Thresholds {
        Thresholds::new(
            self.warning_domain.and_then(below),
            self.critical_domain.and_then(below),
        )
    }

    fn ages(&self) -> Thresholds {
        Thresholds::new(self.warning_age, self.critical_age)
    }

    fn judge(&self, mta: Mta, messages: &Messages, now: i64) -> Finding {
        let count = messages.all.len();
        let oldest = messages
            .all
            .iter()
            .map(|message| (now - message.arrived).max(0))
            .max()
            .unwrap_or_default();
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        let mut domains: BTreeMap<&str, u64> = BTreeMap::new();
        for message in &messages.all {
            *states.entry(message.state).or_default() += 1;
            for domain in &message.domains {
                *domains.entry(domain).or_default() += 1;
            }
        }
        let mut domains: Vec<(&str, u64)> = domains.into_iter().collect();
        domains.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        // qmail's -W has always meant those that are not yet processed.
        let worst = match mta {
            Mta::Qmail => (
                "unprocessed",
                states.get("unprocessed").copied().unwrap_or_default(),
            ),
            _ => domains.first().copied().unwrap_or(("", 0)),
        };
        let float = |count: u64| Number::from(count).as_f64();
        let domain_state = self.domains().judge(float(worst.1));
        #[allow(clippy::cast_precision_loss)]
        let state = State::worst([
            self.counts().judge(float(count as u64)),
            self.ages().judge(oldest as f64),
            domain_state,
        ]);
        let mut finding = Finding::new(state, tell(&states, count, oldest, worst, domain_state))
            .cause(Cause::THRESHOLD)
            .metric(
                Metric::new("messages", count, "")
                    .limits(self.counts())
                    .min(0i64),
            )
            .metric(
                Metric::new("oldest", oldest, "s")
                    .limits(self.ages())
                    .min(0i64),
            );
        if self.domains() != Thresholds::default() {
            finding = finding.metric(
                Metric::new("worst_domain", worst.1, "")
                    .limits(self.domains())
                    .min(0i64),
            );
        }
        let by_state: Map<String, Value> = states
            .iter()
            .map(|(state, count)| ((*state).to_owned(), (*count).into()))
            .collect();
        finding = finding.data("states", by_state);
        if let Some((domain, _)) = domains.first() {
            finding = finding.data("domain", *domain);
        }
        for (domain, count) in domains.iter().take(5) {
            finding = finding.detail(format!("{count} to {domain}"));
        }
        if messages.unread > 0 {
            finding = finding.detail(format!("{} counted by their files alone", messages.unread));
        }
        finding
    }
}

/// `312 messages wait: 300 deferred, 12 active; oldest 3 h 20 min`.
fn tell(
    states: &BTreeMap<&str, u64>,
    count: usize,
    oldest: i64,
    worst: (&str, u64),
    domain_state: State,
) -> String {
    if count == 0 {
        return "queue is empty".to_owned();
    }
    let mut parts: Vec<(&str, u64)> = states
        .iter()
        .map(|(state, count)| (*state, *count))
        .collect();
    parts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let parts: Vec<String> = parts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let noun = if count == 1 {
        "message waits"
    } else {
        "messages wait"
    };
    let age = duration(Duration::from_secs(oldest.unsigned_abs()));
    let mut text = format!("{count} {noun}: {}; oldest {age}", parts.join(", "));
    if domain_state != State::Ok {
        text.push_str(&format!("; {} for {}", worst.1, worst.0));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};
    use spool::Message;
    use std::time::Instant;

    fn mailq(args: &str) -> Mailq {
        let words = ["mailq"].into_iter().chain(args.split_whitespace());
        let matches = Mailq::augment_args(Command::new("mailq")).get_matches_from(words);
        Mailq::from_arg_matches(&matches).unwrap()
    }

    fn messages(groups: &[(&'static str, usize, &str, i64)]) -> Messages {
        let message = |&(state, _, domain, age): &(&'static str, usize, &str, i64)| Message {
            state,
            arrived: 10_000_000 - age,
            domains: vec![domain.to_owned()],
        };
        let all = groups
            .iter()
            .flat_map(|group| std::iter::repeat_n(message(group), group.1));
        Messages {
            all: all.collect(),
            folders: 1,
            unread: 0,
        }
    }

    #[test]
    fn count_age_and_domain_are_judged_and_told() {
        let some = messages(&[("deferred", 30, "a.org", 12_000), ("active", 2, "b.org", 5)]);
        let plain = "32 messages wait: 30 deferred, 2 active; oldest 3 h 20 min";
        for (args, state, summary) in [
            ("-w 33 -c 40", State::Ok, plain.to_owned()),
            ("-w 32 -c 40", State::Warning, plain.to_owned()),
            ("-w 5 -c 32", State::Critical, plain.to_owned()),
            ("--warning-age 3h", State::Warning, plain.to_owned()),
            ("--critical-age 3h", State::Critical, plain.to_owned()),
            (
                "-W 30 -C 31",
                State::Warning,
                format!("{plain}; 30 for a.org"),
            ),
        ] {
            let finding = mailq(args).judge(Mta::Postfix, &some, 10_000_000);
            assert_eq!((finding.state, finding.summary), (state, summary), "{args}");
        }
        let empty = mailq("").judge(Mta::Exim, &messages(&[]), 0);
        assert_eq!(
            (empty.state, empty.summary.as_str()),
            (State::Ok, "queue is empty")
        );
        let qmail = messages(&[("queued", 9, "", 1), ("unprocessed", 4, "", 1)]);
        assert_eq!(
            mailq("-W 4").judge(Mta::Qmail, &qmail, 10_000_000).state,
            State::Warning
        );
    }

    #[test]
    fn spools_are_found_and_their_messages_counted_by_state() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(Mta::detect(&root), []);
        write("var/spool/postfix/deferred/A/B/AB1", "");
        write("var/spool/postfix/active/C1", "T\x031 2R\x05x@y.zE\0");
        write(
            "var/spool/exim4/input/1abc-H",
            "1abc-H\nu 1 1\n<>\n1700000000 0\n-frozen 1\nXX\n1\na@b.c\n",
        );
        write("var/spool/exim4/input/1abc-D", "");
        assert_eq!(Mta::detect(&root), [Mta::Postfix, Mta::Exim]);
        let found = |mta: Mta| {
            mta.messages(&root, Instant::now() + Duration::from_secs(5))
                .unwrap()
                .all
        };
        let mut states: Vec<&str> = found(Mta::Postfix)
            .iter()
            .map(|message| message.state)
            .collect();
        states.sort_unstable();
        assert_eq!(states, ["active", "deferred"]);
        let exim = found(Mta::Exim);
        assert_eq!(
            exim,
            [Message {
                state: "frozen",
                arrived: 1_700_000_000,
                domains: vec!["b.c".into()]
            }]
        );
    }

    #[test]
    fn a_pair_that_can_never_warn_is_refused() {
        for args in [
            "-w 10 -c 5",
            "-W 10 -C 5",
            "--warning-age 2h --critical-age 1h",
        ] {
            assert!(mailq(args).validate().is_err(), "{args}");
        }
    }
}
