//! Memory: what programs can still have, of the machine or of one control group.

use ce_record::quantity::bytes;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;

use crate::cgroups::CgroupFlag;
use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::kept::Kept;
use crate::limits::{Limits, refuse_contradiction};
use crate::root::Root;
use ce_cli::parse_bytes;

mod gather;

use gather::Facts;

pub(super) static CHECK: Check = Check::new::<Memory>(
    "memory",
    Group::Machine,
    "Memory that programs can still have",
)
.metrics(&[
    MetricDoc {
        name: "used",
        unit: "B",
        about: "memory that cannot be had: total less available",
    },
    MetricDoc {
        name: "used_percent",
        unit: "%",
        about: "share of it",
    },
    MetricDoc {
        name: "available",
        unit: "B",
        about: "memory that programs can have without swapping (MemAvailable)",
    },
    MetricDoc {
        name: "free",
        unit: "B",
        about: "memory that nothing uses, not even a cache",
    },
    MetricDoc {
        name: "cached",
        unit: "B",
        about: "file contents kept in memory",
    },
    MetricDoc {
        name: "hugepages_used_percent",
        unit: "%",
        about: "share of the reserved huge pages in use",
    },
    MetricDoc {
        name: "oom_kills",
        unit: "c",
        about: "processes killed for want of memory since boot",
    },
    MetricDoc {
        name: "new_oom_kills",
        unit: "",
        about: "of them since the last run (with --oom-kills)",
    },
])
.data(&[
    Field {
        name: "total_bytes",
        kind: "integer",
        about: "memory of the machine, or the limit of the control group",
    },
    Field {
        name: "hugepages",
        kind: "integer",
        about: "huge pages reserved",
    },
]);

/// Memory that programs can still have
///
/// Caches count as available, as the kernel's MemAvailable does. Without thresholds it judges by -w 90 -c 95.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check memory
  ce-check memory -w 85 -c 95 --oom-kills
  ce-check memory --available-warning 2G --available-critical 500M")]
pub(super) struct Memory {
    /// WARNING when the percentage in use is outside this range: 90 is 0 to 90
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,

    /// CRITICAL when the percentage in use is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,

    /// WARNING when less than this is available: 500M, 2G
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    available_warning: Option<u64>,

    /// CRITICAL when less than this is available
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    available_critical: Option<u64>,

    /// WARNING when the percentage of huge pages in use is outside this range
    #[arg(long, value_name = "RANGE")]
    hugepages_warning: Option<Range>,

    /// CRITICAL when the percentage of huge pages in use is outside this range
    #[arg(long, value_name = "RANGE")]
    hugepages_critical: Option<Range>,

    /// WARNING when the kernel killed a process for want of memory since the last run
    #[arg(long)]
    oom_kills: bool,

    #[command(flatten)]
    cgroup: CgroupFlag,

    #[command(flatten)]
    root: Root,
}

impl Observe for Memory {
    fn validate(&self) -> Result<(), Fault> {
        let limits = Limits {
            warning: self.warning,
            critical: self.critical,
        };
        limits.validate()?;
        let hugepages = Thresholds::new(self.hugepages_warning, self.hugepages_critical);
        refuse_contradiction("--hugepages-warning", "--hugepages-critical", hugepages)?;
        match (self.available_warning, self.available_critical) {
            (Some(warning), Some(critical)) if warning < critical => Err(Fault::Usage {
                message:
                    "--available-warning is less than --available-critical: it could never warn"
                        .to_owned(),
                hint: Some("swap their values".to_owned()),
            }),
            _ => Ok(()),
        }
    }

    fn subject(&self) -> crate::check::Subject {
        match &self.cgroup.cgroup {
            Some(path) if !path.is_empty() => crate::check::Subject::default().object(path),
            _ => crate::check::Subject::default(),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let mut facts = match &self.cgroup.cgroup {
            None => gather::machine(&self.root)?,
            Some(path) => gather::cgroup(&self.root, path)?,
        };
        if self.oom_kills {
            facts.new_oom_kills = Some(self.new_oom_kills(&facts, context));
        }
        // Only somebody who has to act wants to know who holds it.
        if facts.name.is_none() && self.judge(&facts).state != State::Ok {
            facts.largest = gather::largest(&self.root);
        }
        Ok(vec![self.judge(&facts)])
    }
}

impl Memory {
    /// By percentage: the embedded thresholds hold where nothing at all was given.
    fn thresholds(&self) -> Thresholds {
        let limits = Limits {
            warning: self.warning,
            critical: self.critical,
        };
        if self.available_warning.is_some() || self.available_critical.is_some() {
            limits.thresholds()
        } else {
            limits.or_above(90.0, Some(95.0))
        }
    }

    fn new_oom_kills(&self, facts: &Facts, context: &Context) -> Result<u64, String> {
        let now = facts.oom_kills.ok_or("this kernel does not count them")?;
        let name = facts.name.as_deref().unwrap_or_default();
        let judged_by = format!("{:?}", self.thresholds());
        let previous = Kept::<u64>::open(context, &self.root, "memory", &["oom", name, &judged_by])
            .and_then(|kept| kept.replace(&now))
            .map_err(|fault| fault.to_string())?;
        // On the first run nobody knows when they were: they count from here on.
        Ok(previous.map_or(0, |previous| previous.growth(|kills| *kills, now)))
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let used = facts.total.saturating_sub(facts.available);
        let used_percent = percent(used, facts.total);
        #[allow(clippy::cast_precision_loss)]
        let at_least = |size: Option<u64>| size.map(|size| Range::at_least(size as f64));
        let available_limits = Thresholds::new(
            at_least(self.available_warning),
            at_least(self.available_critical),
        );
        let hugepage_limits = Thresholds::new(self.hugepages_warning, self.hugepages_critical);

        #[allow(clippy::cast_precision_loss)]
        let mut state = self
            .thresholds()
            .judge(used_percent)
            .max(available_limits.judge(facts.available as f64));
        let mut summary = format!(
            "{used_percent:.0}% used, {} of {} available",
            bytes(facts.available),
            bytes(facts.total)
        );
        if let Some((comm, pid, held)) = facts.largest.first().filter(|_| state != State::Ok) {
            summary.push_str(&format!(", most by {comm} ({pid}) {}", bytes(*held)));
        }
        let mut metrics = vec![
            Metric::new("used", used, "B").min(0i64).max(facts.total),
            Metric::new("used_percent", Number::rounded(used_percent, 2), "%")
                .limits(self.thresholds())
                .min(0i64)
                .max(100i64),
            Metric::new("available", facts.available, "B")
                .limits(available_limits)
                .min(0i64)
                .max(facts.total),
        ];
        for (name, value) in [("free", facts.free), ("cached", facts.cached)] {
            metrics.extend(value.map(|value| Metric::new(name, value, "B").min(0i64)));
        }
        if let Some((total, free)) = facts.hugepages {
            let percent = percent(total.saturating_sub(free), total);
            let verdict = hugepage_limits.judge(percent);
            if verdict != State::Ok {
                summary = format!("{percent:.0}% of {total} huge pages used, {summary}");
            }
            state = state.max(verdict);
            metrics.push(
                Metric::new("hugepages_used_percent", Number::rounded(percent, 2), "%")
                    .limits(hugepage_limits),
            );
        }
        metrics.extend(
            facts
                .oom_kills
                .map(|kills| Metric::new("oom_kills", kills, "c")),
        );
        match &facts.new_oom_kills {
            Some(Ok(kills)) => {
                let limits = Thresholds::new(Range::new(0.0, 0.0), None);
                metrics.push(Metric::new("new_oom_kills", *kills, "").limits(limits));
                if *kills > 0 {
                    state = state.max(State::Warning);
                    let was = if *kills == 1 { "process" } else { "processes" };
                    summary = format!(
                        "{kills} {was} killed for want of memory since the last run, {summary}; see: journalctl -k -g 'Killed process'"
                    );
                }
            }
            Some(Err(_)) => state = state.max(State::Unknown),
            None => {}
        }
        let mut finding = Finding::new(state, summary)
            .cause(Cause::THRESHOLD)
            .data("total_bytes", facts.total);
        if let Some(Err(why)) = &facts.new_oom_kills {
            finding = finding.detail(format!("OOM kills cannot be told: {why}"));
            finding.summary.push_str(", but OOM kills cannot be told");
            if state == State::Unknown {
                finding.cause = Some(Cause::SYSTEM);
            }
        }
        for (comm, pid, held) in &facts.largest {
            finding = finding.detail(format!("{comm} ({pid}) holds {}", bytes(*held)));
        }
        if let Some((total, _)) = facts.hugepages {
            finding = finding.data("hugepages", total);
        }
        finding.object.clone_from(&facts.name);
        finding.metrics = metrics;
        finding
    }
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn memory(args: &[&str]) -> Memory {
        let command = Memory::augment_args(clap::Command::new("memory"));
        let args = [&["memory"], args].concat();
        Memory::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn facts(available_percent: u64) -> Facts {
        Facts {
            total: 100 << 30,
            available: available_percent << 30,
            hugepages: Some((10, 1)),
            ..Facts::default()
        }
    }

    #[test]
    fn the_share_in_use_the_rest_and_huge_pages_are_judged_together() {
        for (args, available, state) in [
            (&[][..], 50, State::Ok),
            (&[], 9, State::Warning),
            (&[], 4, State::Critical),
            (&["-w", "40"], 50, State::Warning),
            (&["-w", "40:"], 70, State::Warning),
            (&["--available-warning", "60G"], 50, State::Warning),
            (
                &["--available-warning", "3G", "--available-critical", "2G"],
                4,
                State::Ok,
            ),
            (
                &["-c", "90", "--available-warning", "60G"],
                4,
                State::Critical,
            ),
            (&["--hugepages-critical", "80"], 50, State::Critical),
        ] {
            let finding = memory(args).judge(&facts(available));
            assert_eq!(finding.state, state, "{args:?} at {available}");
        }
    }

    #[test]
    fn a_kill_warns_and_not_knowing_is_no_ok() {
        let judge = |kills| {
            memory(&[]).judge(&Facts {
                new_oom_kills: Some(kills),
                ..facts(50)
            })
        };
        assert_eq!(judge(Ok(0)).state, State::Ok);
        let finding = judge(Ok(2));
        assert_eq!(finding.state, State::Warning);
        assert!(
            finding
                .summary
                .starts_with("2 processes killed for want of memory")
        );
        assert_eq!(judge(Err("no".to_owned())).state, State::Unknown);
    }

    #[test]
    fn contradictions_are_refused() {
        for args in [
            &["-w", "95", "-c", "90"][..],
            &["--available-warning", "1G", "--available-critical", "2G"],
            &["--hugepages-warning", "9", "--hugepages-critical", "8"],
        ] {
            assert!(memory(args).validate().is_err(), "{args:?}");
        }
        assert!(memory(&["-w", "80", "-c", "90"]).validate().is_ok());
    }
}
