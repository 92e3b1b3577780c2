//! What the CPUs spend their time on, between two looks.

use std::time::{Duration, Instant};

use ce_cli::parse_duration;
use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::kept::Kept;
use crate::limits::{above_unless_given, refuse_contradiction};
use crate::root::Root;

mod sample;

use sample::{IDLE, IOWAIT, MODES, STEAL, Times, busy_ticks, parse, shares, top};

pub(super) static CHECK: Check =
    Check::new::<Cpu>("cpu", Group::Machine, "What the CPUs spend their time on")
        .metrics(&[
            MetricDoc {
                name: "busy",
                unit: "%",
                about: "all time but idle and iowait, stolen time among it",
            },
            MetricDoc {
                name: "user",
                unit: "%",
                about: "programs",
            },
            MetricDoc {
                name: "nice",
                unit: "%",
                about: "programs with low priority",
            },
            MetricDoc {
                name: "system",
                unit: "%",
                about: "the kernel for programs",
            },
            MetricDoc {
                name: "iowait",
                unit: "%",
                about: "idle while a program waited for a disk",
            },
            MetricDoc {
                name: "irq",
                unit: "%",
                about: "interrupts",
            },
            MetricDoc {
                name: "softirq",
                unit: "%",
                about: "deferred interrupts, mostly the network",
            },
            MetricDoc {
                name: "steal",
                unit: "%",
                about: "taken by the host of this virtual machine",
            },
            MetricDoc {
                name: "guest",
                unit: "%",
                about: "virtual machines that this machine runs",
            },
            MetricDoc {
                name: "idle",
                unit: "%",
                about: "nothing",
            },
        ])
        .data(&[
            Field {
                name: "cpus",
                kind: "integer",
                about: "online CPUs",
            },
            Field {
                name: "seconds",
                kind: "number",
                about: "the time looked at",
            },
        ]);

/// What the CPUs spend their time on
///
/// Looks twice, --interval apart, or at the time since the last run. Without thresholds it warns only, since a busy CPU
/// is no outage: -w 90 --iowait-warning 40 --steal-warning 20.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check cpu
  ce-check cpu -w 80 -c 95 --interval 5
  ce-check cpu --since-last --steal-warning 10 --steal-critical 30")]
pub(super) struct Cpu {
    /// WARNING when the percentage of busy time is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,

    /// CRITICAL when the percentage of busy time is outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,

    /// WARNING when the percentage of time waiting for disks is outside this range
    #[arg(long, value_name = "RANGE")]
    iowait_warning: Option<Range>,

    /// CRITICAL when the percentage of time waiting for disks is outside this range
    #[arg(long, value_name = "RANGE")]
    iowait_critical: Option<Range>,

    /// WARNING when the percentage of time that the host took away is outside this range
    #[arg(long, value_name = "RANGE")]
    steal_warning: Option<Range>,

    /// CRITICAL when the percentage of time that the host took away is outside this range
    #[arg(long, value_name = "RANGE")]
    steal_critical: Option<Range>,

    /// Look twice, so far apart
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    interval: Duration,

    /// Look once, at the time since the last run; the first run looks twice
    #[arg(long)]
    since_last: bool,

    #[command(flatten)]
    root: Root,
}

/// What happened between two looks.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    percent: [f64; 9],
    cpus: usize,
    over: Duration,
    /// Programs by the share of one CPU they took, most first.
    top: Vec<(String, u32, f64)>,
}

impl Observe for Cpu {
    fn validate(&self) -> Result<(), Fault> {
        for (warning, critical, thresholds) in self.all_thresholds() {
            refuse_contradiction(warning, critical, thresholds)?;
        }
        if self.interval < Duration::from_millis(50) {
            return Err(Fault::usage(
                "--interval is less than 50ms: the kernel counts in hundredths of a second",
            ));
        }
        Ok(())
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let (first, cpus) = self.look()?;
        if self.since_last {
            let judged_by = format!("{:?}", self.all_thresholds());
            let kept = Kept::open(context, &self.root, "cpu", &[&judged_by])?;
            if let Some(previous) = kept.replace(&first)?
                && previous.same_boot
                && let Some(percent) = shares(&previous.value, &first)
            {
                return Ok(vec![self.judge(&Facts {
                    percent,
                    cpus,
                    over: previous.age,
                    top: Vec::new(),
                })]);
            }
        }
        let left = context.deadline.saturating_duration_since(Instant::now());
        if self.interval >= left {
            return Err(Fault::Usage {
                message: format!(
                    "--interval {} does not fit into the timeout of {}",
                    duration(self.interval),
                    duration(context.timeout)
                ),
                hint: Some("give a longer --timeout, or look with --since-last".to_owned()),
            });
        }
        let programs = busy_ticks(&self.root);
        let started = Instant::now();
        std::thread::sleep(self.interval);
        let over = started.elapsed();
        let (second, cpus) = self.look()?;
        let percent = shares(&first, &second).ok_or_else(|| {
            self.root.malformed(
                "/proc/stat",
                "the CPUs' times did not grow between two looks",
            )
        })?;
        let top = top(&programs, &busy_ticks(&self.root), over);
        Ok(vec![self.judge(&Facts {
            percent,
            cpus,
            over,
            top,
        })])
    }
}

impl Cpu {
    fn look(&self) -> Result<(Times, usize), Fault> {
        const STAT: &str = "/proc/stat";
        parse(&self.root.read(STAT)?).ok_or_else(|| {
            self.root
                .malformed(STAT, "expected a line 'cpu' with its times")
        })
    }

    /// Of busy, iowait and stolen time, with their flags. The embedded ones hold where nothing at all was given.
    fn all_thresholds(&self) -> [(&'static str, &'static str, Thresholds); 3] {
        let given = [
            (self.warning, self.critical),
            (self.iowait_warning, self.iowait_critical),
            (self.steal_warning, self.steal_critical),
        ];
        let none = given
            .iter()
            .all(|(warn, crit)| warn.is_none() && crit.is_none());
        let thresholds = |at: usize, embedded: f64| {
            let (warn, crit) = given[at];
            if none {
                above_unless_given(warn, crit, embedded, None)
            } else {
                Thresholds::new(warn, crit)
            }
        };
        [
            ("-w", "-c", thresholds(0, 90.0)),
            ("--iowait-warning", "--iowait-critical", thresholds(1, 40.0)),
            ("--steal-warning", "--steal-critical", thresholds(2, 20.0)),
        ]
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let busy = (100.0 - facts.percent[IDLE] - facts.percent[IOWAIT]).clamp(0.0, 100.0);
        let (iowait, steal) = (facts.percent[IOWAIT], facts.percent[STEAL]);
        let [busy_limits, iowait_limits, steal_limits] =
            self.all_thresholds().map(|(_, _, thresholds)| thresholds);
        let verdicts = [
            (busy_limits.judge(busy), format!("{busy:.0}% busy")),
            (
                iowait_limits.judge(iowait),
                format!("{iowait:.0}% waiting for disks"),
            ),
            (
                steal_limits.judge(steal),
                format!("{steal:.0}% stolen by the host"),
            ),
        ];
        let state = State::worst(verdicts.iter().map(|(state, _)| *state));
        // What is not as it should be comes first, and what is nothing is not told.
        let mut told: Vec<&(State, String)> = verdicts
            .iter()
            .enumerate()
            .filter(|(at, (state, _))| {
                *at == 0 || *state != State::Ok || [iowait, steal][*at - 1] >= 1.0
            })
            .map(|(_, verdict)| verdict)
            .collect();
        told.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let told: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
        let cpus = match facts.cpus {
            1 => "1 CPU".to_owned(),
            count => format!("{count} CPUs"),
        };
        let mut summary = format!("{}, {cpus} over {}", told.join(", "), duration(facts.over));
        if state != State::Ok {
            match facts.top.first() {
                Some((comm, pid, percent)) => {
                    summary.push_str(&format!(", most by {comm} ({pid}) {percent:.0}% of a CPU"));
                }
                None if self.since_last => summary.push_str("; see: top -b -n 1"),
                None => {}
            }
        }
        let mut finding = Finding::new(state, summary)
            .cause(Cause::THRESHOLD)
            .metric(metric("busy", busy).limits(busy_limits))
            .data("cpus", facts.cpus)
            .data(
                "seconds",
                (facts.over.as_secs_f64() * 1000.0).round() / 1000.0,
            );
        for (at, name) in MODES.into_iter().enumerate() {
            let limits = match at {
                IOWAIT => iowait_limits,
                STEAL => steal_limits,
                _ => Thresholds::default(),
            };
            finding = finding.metric(metric(name, facts.percent[at]).limits(limits));
        }
        for (comm, pid, percent) in &facts.top {
            finding = finding.detail(format!("{comm} ({pid}) took {percent:.0}% of a CPU"));
        }
        finding
    }
}

fn metric(name: &'static str, percent: f64) -> Metric {
    Metric::new(name, Number::rounded(percent, 2), "%")
        .min(0i64)
        .max(100i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn cpu(args: &[&str]) -> Cpu {
        let command = Cpu::augment_args(clap::Command::new("cpu"));
        let args = [&["cpu"], args].concat();
        Cpu::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn facts(user: f64, iowait: f64, steal: f64) -> Facts {
        let mut percent = [0.0; 9];
        percent[0] = user;
        percent[IOWAIT] = iowait;
        percent[STEAL] = steal;
        percent[IDLE] = 100.0 - user - iowait - steal;
        Facts {
            percent,
            cpus: 2,
            over: Duration::from_secs(1),
            top: vec![("mysqld".to_owned(), 7, 180.0)],
        }
    }

    #[test]
    fn busy_waiting_and_stolen_time_have_thresholds_of_their_own() {
        for (args, facts, state, summary) in [
            (
                &[][..],
                facts(20.0, 0.0, 0.0),
                State::Ok,
                "20% busy, 2 CPUs over 1 s",
            ),
            (
                &[],
                facts(95.0, 0.0, 0.0),
                State::Warning,
                "95% busy, 2 CPUs over 1 s, most by mysqld (7) 180% of a CPU",
            ),
            (
                &[],
                facts(10.0, 50.0, 0.0),
                State::Warning,
                "50% waiting for disks, 10% busy, ",
            ),
            (
                &[],
                facts(10.0, 0.0, 30.0),
                State::Warning,
                "30% stolen by the host, 40% busy, ",
            ),
            (
                &["-c", "90"],
                facts(10.0, 50.0, 0.0),
                State::Ok,
                "10% busy, 50% waiting",
            ),
            (
                &["--steal-critical", "20"],
                facts(95.0, 0.0, 5.0),
                State::Ok,
                "100% busy, 5% stolen",
            ),
            (
                &["-w", "5:"],
                facts(1.0, 0.0, 0.0),
                State::Warning,
                "1% busy",
            ),
        ] {
            let finding = cpu(args).judge(&facts);
            assert_eq!(finding.state, state, "{args:?}: {}", finding.summary);
            assert!(
                finding.summary.starts_with(summary),
                "{args:?}: {}",
                finding.summary
            );
        }
    }

    #[test]
    fn contradictions_and_an_interval_too_short_to_measure_are_refused() {
        for args in [
            &["-w", "90", "-c", "80"][..],
            &["--iowait-warning", "9", "--iowait-critical", "8"],
            &["--interval", "10ms"],
        ] {
            assert!(cpu(args).validate().is_err(), "{args:?}");
        }
    }
}
