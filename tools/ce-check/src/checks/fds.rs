//! Open files: of the machine against its limit, and of the processes nearest to theirs.

use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::{above_unless_given, refuse_contradiction};
use crate::processes::{self, Processes};
use crate::root::Root;

pub(super) static CHECK: Check = Check::new::<Fds>(
    "fds",
    Group::Machine,
    "Open files, of the machine and of each process",
)
.metrics(&[
    MetricDoc {
        name: "open",
        unit: "",
        about: "open files of the machine",
    },
    MetricDoc {
        name: "open_percent",
        unit: "%",
        about: "share of the machine's limit (fs.file-max)",
    },
    MetricDoc {
        name: "inodes",
        unit: "",
        about: "inodes in the kernel's memory (with --inodes)",
    },
    MetricDoc {
        name: "process_percent_max",
        unit: "%",
        about: "the largest share of its own soft limit that a process has open",
    },
    MetricDoc {
        name: "unreadable_processes",
        unit: "",
        about: "processes that could not be looked into",
    },
])
.data(&[
    Field {
        name: "limit",
        kind: "integer",
        about: "the machine's limit",
    },
    Field {
        name: "nearest",
        kind: "array",
        about: "the processes nearest to their limit: pid, command, open, limit",
    },
]);

/// Open files, of the machine and of each process
///
/// Without thresholds it judges the machine by -w 80 -c 90 and each process by 85 and 95 percent of its own soft
/// limit. Only root sees the processes of others; how many could not be seen is said.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check fds
  ce-check fds -w 60 -c 80 --inodes
  ce-check fds --per-process 70 --per-process-critical 90")]
pub(super) struct Fds {
    /// WARNING when the percentage of the machine's limit is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,

    /// CRITICAL when the percentage of the machine's limit is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,

    /// WARNING when the percentage of a process' soft limit is outside this range
    #[arg(long, value_name = "RANGE", visible_alias = "per-process-warning")]
    per_process: Option<Range>,

    /// CRITICAL when the percentage of a process' soft limit is outside this range
    #[arg(long, value_name = "RANGE")]
    per_process_critical: Option<Range>,

    /// Count the kernel's inodes too
    #[arg(long)]
    inodes: bool,

    #[command(flatten)]
    root: Root,
}

/// A process with its open files and how many it may open.
#[derive(Clone, Debug, PartialEq)]
struct Process {
    pid: u32,
    comm: String,
    open: u64,
    limit: u64,
}

impl Process {
    fn percent(&self) -> f64 {
        percent(self.open, self.limit)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    open: u64,
    limit: u64,
    inodes: Option<u64>,
    /// Nearest to its limit first.
    processes: Vec<Process>,
    unreadable: usize,
}

impl Observe for Fds {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.thresholds())?;
        refuse_contradiction(
            "--per-process",
            "--per-process-critical",
            self.process_thresholds(),
        )
    }

    fn observe(&self, _: &Context) -> Result<Vec<Finding>, Fault> {
        const FILE_NR: &str = "/proc/sys/fs/file-nr";
        const INODE_NR: &str = "/proc/sys/fs/inode-nr";
        let numbers = |path: &str, text: &str| -> Result<Vec<u64>, Fault> {
            text.split_ascii_whitespace()
                .map(|word| {
                    word.parse().map_err(|_| {
                        self.root
                            .malformed(path, format!("'{word}' is not a number"))
                    })
                })
                .collect()
        };
        let file_nr = numbers(FILE_NR, &self.root.read(FILE_NR)?)?;
        // Since Linux 2.6 the second, free ones that were allocated, is always 0 (proc_sys_fs(5)).
        let [open, unused, limit] = file_nr[..] else {
            return Err(self.root.malformed(FILE_NR, "expected three numbers"));
        };
        let inodes = if self.inodes {
            match numbers(INODE_NR, &self.root.read(INODE_NR)?)?[..] {
                [all, unused, ..] => Some(all.saturating_sub(unused)),
                _ => return Err(self.root.malformed(INODE_NR, "expected two numbers")),
            }
        } else {
            None
        };
        let (processes, unreadable) = look(&self.root)?;
        Ok(vec![self.judge(&Facts {
            open: open.saturating_sub(unused),
            limit,
            inodes,
            processes,
            unreadable,
        })])
    }
}

/// Every process that may be looked into, nearest to its limit first, and how many may not.
fn look(root: &Root) -> Result<(Vec<Process>, usize), Fault> {
    let mut table = Processes::open(root)?;
    let (mut found, mut unreadable) = (Vec::new(), 0);
    // This one has a handful open for looking, which nobody wants to know.
    let own = table.own_pid();
    for pid in table.pids()? {
        let Some(stat) = table.stat(pid) else {
            continue;
        };
        if stat.is_kernel_thread() || own == Some(pid) {
            continue;
        }
        let open = match std::fs::read_dir(root.path(format!("/proc/{pid}/fd"))) {
            Ok(entries) => entries.count() as u64,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                unreadable += 1;
                continue;
            }
            Err(_) => continue,
        };
        if open == 0 {
            continue;
        }
        let limit = table
            .read(pid, "limits")
            .ok()
            .flatten()
            .and_then(|text| soft_limit(&String::from_utf8_lossy(text)));
        let Some(limit) = limit else {
            continue;
        };
        found.push(Process {
            pid,
            comm: stat.comm,
            open,
            limit,
        });
    }
    found.sort_by(|a, b| b.percent().total_cmp(&a.percent()).then(a.pid.cmp(&b.pid)));
    Ok((found, unreadable))
}

/// The soft limit of `Max open files`; `None` when it is unlimited.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        // A limit of nothing is used up by anything.
        if part == 0 { 0.0 } else { 100.0 }
    } else {
        100.0 * part as f64 / whole as f64
    }
}

impl Fds {
    fn thresholds(&self) -> Thresholds {
        above_unless_given(self.warning, self.critical, 80.0, Some(90.0))
    }

    fn process_thresholds(&self) -> Thresholds {
        above_unless_given(
            self.per_process,
            self.per_process_critical,
            85.0,
            Some(95.0),
        )
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let (limits, process_limits) = (self.thresholds(), self.process_thresholds());
        let open_percent = percent(facts.open, facts.limit);
        let own = limits.judge(open_percent);
        let mut summary = format!(
            "{open_percent:.0}% of the machine's limit open ({} of {})",
            facts.open, facts.limit
        );
        let mut judged: Vec<(State, &Process)> = facts
            .processes
            .iter()
            .map(|process| (process_limits.judge(process.percent()), process))
            .collect();
        judged.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let worst = judged.first().map_or(State::Ok, |(state, _)| *state);
        if let Some((_, process)) = judged.first() {
            let who = format!(
                "{} ({}) has {:.0}% of its own ({} of {})",
                process.comm,
                process.pid,
                process.percent(),
                process.open,
                process.limit
            );
            summary = if worst == State::Ok {
                format!("{summary}, nearest {who}")
            } else {
                format!("{who}, {summary}; see: ls -l /proc/{}/fd", process.pid)
            };
        }
        if own != State::Ok && worst == State::Ok {
            summary.push_str("; raise fs.file-max, or find who opens them");
        }
        let mut finding = Finding::new(own.max(worst), summary)
            .cause(Cause::THRESHOLD)
            .metric(
                Metric::new("open", facts.open, "")
                    .min(0i64)
                    .max(facts.limit),
            )
            .metric(
                Metric::new("open_percent", Number::rounded(open_percent, 2), "%")
                    .limits(limits)
                    .min(0i64)
                    .max(100i64),
            )
            .metric(Metric::new("unreadable_processes", facts.unreadable, "").min(0i64))
            .data("limit", facts.limit);
        if let Some(inodes) = facts.inodes {
            finding = finding.metric(Metric::new("inodes", inodes, "").min(0i64));
        }
        if let Some(process) = facts.processes.first() {
            finding = finding.metric(
                Metric::new(
                    "process_percent_max",
                    Number::rounded(process.percent(), 2),
                    "%",
                )
                .limits(process_limits)
                .min(0i64),
            );
        }
        let mut nearest = Vec::new();
        for (state, process) in judged.iter().take(5) {
            if *state != State::Ok || worst == State::Ok {
                finding = finding.detail(format!(
                    "{} ({}): {} of {} open",
                    process.comm, process.pid, process.open, process.limit
                ));
            }
            nearest.push(serde_json::json!({
                "pid": process.pid,
                "command": process.comm,
                "open": process.open,
                "limit": process.limit,
            }));
        }
        if facts.unreadable > 0 {
            finding = finding.detail(processes::unseen(facts.unreadable));
        }
        finding.data("nearest", nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn fds(args: &[&str]) -> Fds {
        let command = Fds::augment_args(clap::Command::new("fds"));
        let args = [&["fds"], args].concat();
        Fds::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn facts(open: u64, process_open: u64) -> Facts {
        let process = |pid, open| Process {
            pid,
            comm: "mysqld".to_owned(),
            open,
            limit: 1000,
        };
        Facts {
            open,
            limit: 10_000,
            processes: vec![process(7, process_open), process(8, 1)],
            ..Facts::default()
        }
    }

    #[test]
    fn the_machine_and_each_process_are_judged_by_their_own_limits() {
        for (args, open, process_open, state, part) in [
            (
                &[][..],
                100,
                10,
                State::Ok,
                "1% of the machine's limit open (100 of 10000), nearest mysqld (7)",
            ),
            (&[], 8_100, 10, State::Warning, "raise fs.file-max"),
            (
                &[],
                9_100,
                900,
                State::Critical,
                "mysqld (7) has 90% of its own (900 of 1000), 91% of",
            ),
            (&[], 100, 960, State::Critical, "see: ls -l /proc/7/fd"),
            (
                &["--per-process", "50"],
                100,
                600,
                State::Warning,
                "mysqld (7) has 60%",
            ),
            (&["-c", "99"], 9_800, 10, State::Ok, "98% of"),
        ] {
            let finding = fds(args).judge(&facts(open, process_open));
            assert_eq!(finding.state, state, "{args:?}: {}", finding.summary);
            assert!(
                finding.summary.contains(part),
                "{args:?}: {}",
                finding.summary
            );
        }
    }

    #[test]
    fn what_could_not_be_seen_is_said() {
        let finding = fds(&[]).judge(&Facts {
            unreadable: 4,
            processes: Vec::new(),
            ..facts(1, 1)
        });
        assert_eq!(finding.state, State::Ok);
        assert!(finding.detail[0].starts_with("4 processes could not"));
    }

    #[test]
    fn the_soft_limit_is_the_first_number_and_unlimited_is_none() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\nMax open files            {soft}                 1048576              files\n"
            )
        };
        assert_eq!(soft_limit(&limits("1024")), Some(1024));
        assert_eq!(soft_limit(&limits("unlimited")), None);
        assert_eq!(soft_limit(""), None);
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(fds(&["-w", "9", "-c", "8"]).validate().is_err());
        assert!(
            fds(&["--per-process", "9", "--per-process-critical", "8"])
                .validate()
                .is_err()
        );
    }
}
