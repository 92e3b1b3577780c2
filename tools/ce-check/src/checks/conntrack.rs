//! The firewall's table of connections: when it is full, new connections vanish without a word.

use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::kept::Kept;
use crate::limits::{above_unless_given, refuse_contradiction};
use crate::root::Root;

pub(super) static CHECK: Check = Check::new::<Conntrack>(
    "conntrack",
    Group::Machine,
    "The firewall's table of connections",
)
.metrics(&[
    MetricDoc {
        name: "entries",
        unit: "",
        about: "connections in the table",
    },
    MetricDoc {
        name: "entries_percent",
        unit: "%",
        about: "share of the table in use",
    },
    MetricDoc {
        name: "drop",
        unit: "c",
        about: "packets dropped for want of room since boot",
    },
    MetricDoc {
        name: "early_drop",
        unit: "c",
        about: "connections given up to make room since boot",
    },
    MetricDoc {
        name: "insert_failed",
        unit: "c",
        about: "connections that could not be entered since boot",
    },
    MetricDoc {
        name: "new_drops",
        unit: "",
        about: "drop and early_drop since the last run",
    },
    MetricDoc {
        name: "new_insert_failed",
        unit: "",
        about: "insert_failed since the last run",
    },
])
.data(&[Field {
    name: "limit",
    kind: "integer",
    about: "the size of the table (nf_conntrack_max)",
}]);

/// The firewall's table of connections
///
/// Without thresholds it judges the table by -w 80 -c 90 and warns of every drop since the last run. A failed insert
/// can be a harmless race of two packets: it is judged only when asked for.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check conntrack
  ce-check conntrack -w 70 -c 85 --drops-critical 1000
  ce-check conntrack --missing ok")]
pub(super) struct Conntrack {
    /// WARNING when the percentage of the table in use is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,

    /// CRITICAL when the percentage of the table in use is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,

    /// WARNING when the drops since the last run are outside this range
    #[arg(long, value_name = "RANGE")]
    drops_warning: Option<Range>,

    /// CRITICAL when the drops since the last run are outside this range
    #[arg(long, value_name = "RANGE")]
    drops_critical: Option<Range>,

    /// WARNING when the failed inserts since the last run are outside this range
    #[arg(long, value_name = "RANGE")]
    insert_failed_warning: Option<Range>,

    /// CRITICAL when the failed inserts since the last run are outside this range
    #[arg(long, value_name = "RANGE")]
    insert_failed_critical: Option<Range>,

    /// How it is when the kernel tracks no connections: ok, warning, critical or unknown
    #[arg(long, value_name = "STATE", default_value = "unknown")]
    missing: State,

    #[command(flatten)]
    root: Root,
}

/// Summed over all CPUs, since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counters {
    drop: u64,
    early_drop: u64,
    insert_failed: u64,
}

/// What is new since the last run.
#[derive(Clone, Debug, PartialEq)]
enum New {
    First,
    Untold(String),
    Counted { drops: u64, insert_failed: u64 },
}

#[derive(Clone, Debug, PartialEq)]
struct Facts {
    entries: u64,
    limit: u64,
    counters: Option<Counters>,
    new: New,
}

impl Observe for Conntrack {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.thresholds())?;
        refuse_contradiction(
            "--drops-warning",
            "--drops-critical",
            self.drop_thresholds(),
        )?;
        refuse_contradiction(
            "--insert-failed-warning",
            "--insert-failed-critical",
            self.insert_thresholds(),
        )
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";
        const LIMIT: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
        const STAT: &str = "/proc/net/stat/nf_conntrack";
        let number = |path: &str| -> Result<Option<u64>, Fault> {
            self.root
                .read_if_there(path)?
                .map(|text| {
                    text.trim()
                        .parse()
                        .map_err(|_| self.root.malformed(path, "expected a number"))
                })
                .transpose()
        };
        // A tree that cannot be read is not a kernel without the module.
        if !self.root.path("/proc/sys").is_dir() {
            return Err(Fault::Absent(format!(
                "'{}' is not there: it needs the machine's /proc",
                self.root.path("/proc/sys").display()
            )));
        }
        let (Some(entries), Some(limit)) = (number(COUNT)?, number(LIMIT)?) else {
            return Ok(vec![
                Finding::new(
                    self.missing,
                    "the kernel tracks no connections: the module nf_conntrack is not loaded",
                )
                .cause(Cause::SYSTEM),
            ]);
        };
        let counters = match self.root.read_if_there(STAT)? {
            None => None,
            Some(text) => Some(parse(&text).ok_or_else(|| {
                self.root.malformed(
                    STAT,
                    "expected names and a line of hexadecimal numbers for each CPU",
                )
            })?),
        };
        Ok(vec![self.judge(&Facts {
            entries,
            limit,
            counters,
            new: self.new_since(counters, context),
        })])
    }
}

/// A line of names, then one of hexadecimal numbers for each CPU (net/netfilter/nf_conntrack_standalone.c writes it).
fn parse(text: &str) -> Option<Counters> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split_ascii_whitespace().collect();
    let column = |name: &str| names.iter().position(|one| *one == name);
    let (drop, early_drop, insert_failed) = (
        column("drop")?,
        column("early_drop")?,
        column("insert_failed")?,
    );
    let mut sum = Counters::default();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let numbers: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |at: usize| u64::from_str_radix(numbers.get(at)?, 16).ok();
        sum.drop = sum.drop.saturating_add(number(drop)?);
        sum.early_drop = sum.early_drop.saturating_add(number(early_drop)?);
        sum.insert_failed = sum.insert_failed.saturating_add(number(insert_failed)?);
    }
    Some(sum)
}

impl Conntrack {
    fn thresholds(&self) -> Thresholds {
        above_unless_given(self.warning, self.critical, 80.0, Some(90.0))
    }

    fn drop_thresholds(&self) -> Thresholds {
        above_unless_given(self.drops_warning, self.drops_critical, 0.0, None)
    }

    fn insert_thresholds(&self) -> Thresholds {
        Thresholds::new(self.insert_failed_warning, self.insert_failed_critical)
    }

    /// Whether somebody asked for what only a second run can tell.
    fn asks_for_new(&self) -> bool {
        let given = [
            self.drops_warning,
            self.drops_critical,
            self.insert_failed_warning,
            self.insert_failed_critical,
        ];
        given.iter().any(Option::is_some)
    }

    fn new_since(&self, counters: Option<Counters>, context: &Context) -> New {
        let Some(now) = counters else {
            return New::Untold("this kernel does not show the counters".to_owned());
        };
        let judged_by = format!("{:?}", [self.drop_thresholds(), self.insert_thresholds()]);
        let previous = Kept::<Counters>::open(context, &self.root, "conntrack", &[&judged_by])
            .and_then(|kept| kept.replace(&now));
        match previous {
            Err(fault) => New::Untold(fault.to_string()),
            Ok(None) => New::First,
            Ok(Some(previous)) => New::Counted {
                drops: previous
                    .growth(|counters| counters.drop, now.drop)
                    .saturating_add(
                        previous.growth(|counters| counters.early_drop, now.early_drop),
                    ),
                insert_failed: previous
                    .growth(|counters| counters.insert_failed, now.insert_failed),
            },
        }
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let (limits, drop_limits, insert_limits) = (
            self.thresholds(),
            self.drop_thresholds(),
            self.insert_thresholds(),
        );
        #[allow(clippy::cast_precision_loss)]
        let percent = (facts.limit > 0).then(|| 100.0 * facts.entries as f64 / facts.limit as f64);
        let mut state = percent.map_or(State::Ok, |percent| limits.judge(percent));
        let mut summary = match percent {
            Some(percent) => format!(
                "{percent:.0}% of the table used ({} of {})",
                facts.entries, facts.limit
            ),
            // So it is in nf_conntrack_core.c, whatever the documentation leaves out.
            None => format!("{} entries; nf_conntrack_max is 0: no limit", facts.entries),
        };
        if state != State::Ok {
            summary.push_str("; raise net.netfilter.nf_conntrack_max, or see: conntrack -S");
        }
        let entries = Metric::new("entries", facts.entries, "").min(0i64);
        let mut finding = Finding::new(State::Ok, "").cause(Cause::THRESHOLD);
        finding = match percent {
            Some(percent) => finding.metric(entries.max(facts.limit)).metric(
                Metric::new("entries_percent", Number::rounded(percent, 2), "%")
                    .limits(limits)
                    .min(0i64)
                    .max(100i64),
            ),
            None => finding.metric(entries),
        };
        finding = finding.data("limit", facts.limit);
        if let Some(counters) = facts.counters {
            for (name, value) in [
                ("drop", counters.drop),
                ("early_drop", counters.early_drop),
                ("insert_failed", counters.insert_failed),
            ] {
                finding = finding.metric(Metric::new(name, value, "c"));
            }
        }
        match &facts.new {
            New::First => finding = finding.detail("first run: drops are counted from now on"),
            New::Untold(why) => {
                finding = finding.detail(format!("drops since the last run cannot be told: {why}"));
                if self.asks_for_new() {
                    summary.push_str(", but drops since the last run cannot be told");
                    state = state.max(State::Unknown);
                }
            }
            New::Counted {
                drops,
                insert_failed,
            } => {
                for (name, value, limits, words) in [
                    ("new_drops", *drops, drop_limits, "dropped for want of room"),
                    (
                        "new_insert_failed",
                        *insert_failed,
                        insert_limits,
                        "failed inserts",
                    ),
                ] {
                    #[allow(clippy::cast_precision_loss)]
                    let verdict = limits.judge(value as f64);
                    if verdict != State::Ok {
                        summary = format!("{value} {words} since the last run, {summary}");
                        state = state.max(verdict);
                    }
                    finding = finding.metric(Metric::new(name, value, "").limits(limits).min(0i64));
                }
            }
        }
        finding.state = state;
        finding.summary = summary;
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn conntrack(args: &[&str]) -> Conntrack {
        let command = Conntrack::augment_args(clap::Command::new("conntrack"));
        let args = [&["conntrack"], args].concat();
        Conntrack::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn facts(entries: u64, new: New) -> Facts {
        Facts {
            entries,
            limit: 1000,
            counters: Some(Counters::default()),
            new,
        }
    }

    #[test]
    fn the_table_and_what_was_lost_since_the_last_run_are_judged() {
        let counted = |drops, insert_failed| New::Counted {
            drops,
            insert_failed,
        };
        let untold = || New::Untold("no".to_owned());
        for (args, facts, state) in [
            (&[][..], facts(100, counted(0, 9)), State::Ok),
            (&[], facts(850, New::First), State::Warning),
            (&[], facts(950, New::First), State::Critical),
            (&[], facts(100, counted(1, 0)), State::Warning),
            (
                &["--drops-critical", "5"],
                facts(100, counted(6, 0)),
                State::Critical,
            ),
            (
                &["--insert-failed-warning", "5"],
                facts(100, counted(0, 9)),
                State::Warning,
            ),
            (&[], facts(100, untold()), State::Ok),
            (
                &["--drops-warning", "5"],
                facts(100, untold()),
                State::Unknown,
            ),
            (
                &["--drops-warning", "5"],
                facts(950, untold()),
                State::Critical,
            ),
        ] {
            let finding = conntrack(args).judge(&facts);
            assert_eq!(finding.state, state, "{args:?}: {}", finding.summary);
        }
    }

    #[test]
    fn counters_are_hexadecimal_found_by_name_and_summed_over_cpus() {
        let text = "entries  insert_failed drop early_drop\n00000001 0000000a 00000002 00000000\n00000001 00000006 00000001 000000ff\n";
        let sum = Counters {
            drop: 3,
            early_drop: 255,
            insert_failed: 16,
        };
        assert_eq!(parse(text), Some(sum));
        for text in [
            "",
            "entries drop\n1 2\n",
            "insert_failed drop early_drop\n1 x 2\n",
            "insert_failed drop early_drop\n1\n",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(conntrack(&["-w", "9", "-c", "8"]).validate().is_err());
        assert!(
            conntrack(&["--drops-warning", "9", "--drops-critical", "8"])
                .validate()
                .is_err()
        );
    }
}
