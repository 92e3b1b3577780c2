//! Load averages: how many tasks ran or waited over the last 1, 5 and 15 minutes.

use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::processes::{Processes, Stat, TICKS_PER_SECOND, uptime_seconds};
use crate::root::Root;

pub(super) static CHECK: Check = Check::new::<Load>(
    "load",
    Group::Machine,
    "Load averages of 1, 5 and 15 minutes",
)
.metrics(&[
    MetricDoc {
        name: "load1",
        unit: "",
        about: "tasks running or waiting, mean of 1 minute",
    },
    MetricDoc {
        name: "load5",
        unit: "",
        about: "tasks running or waiting, mean of 5 minutes",
    },
    MetricDoc {
        name: "load15",
        unit: "",
        about: "tasks running or waiting, mean of 15 minutes",
    },
    MetricDoc {
        name: "scaled_load1",
        unit: "",
        about: "load1 for each online CPU (with --percpu)",
    },
    MetricDoc {
        name: "scaled_load5",
        unit: "",
        about: "load5 for each online CPU (with --percpu)",
    },
    MetricDoc {
        name: "scaled_load15",
        unit: "",
        about: "load15 for each online CPU (with --percpu)",
    },
])
.data(&[
    Field {
        name: "cpus",
        kind: "integer",
        about: "online CPUs",
    },
    Field {
        name: "runnable",
        kind: "integer",
        about: "tasks running or ready to run now",
    },
    Field {
        name: "tasks",
        kind: "integer",
        about: "tasks in all",
    },
])
.plugins(&[Plugin {
    name: "check_load",
    word: "LOAD",
    preset: &["--just-as-plugin"],
    perfdata: |_, metric| Some(metric.clone()),
    deviations: &[
        "-c without -w is refused: the plugin takes 0 for what is missing, which warns always, or is CRITICAL always without both",
        "an average is judged by a whole range where one is given, 1:5: the plugin reads its first number or its second",
        "--percpu counts the CPUs that are online, not those configured: the others do no work",
    ],
}]);

/// Load averages of 1, 5 and 15 minutes
///
/// WARNING and CRITICAL take one range for each of the three averages, or one for all.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check load -w 15,10,5 -c 30,25,20
  ce-check load --percpu -w 1.5 -c 3
  ce-check load --format nagios")]
pub(super) struct Load {
    /// WARNING outside these ranges: one for 1, 5 and 15 minutes each, or one for all
    #[arg(short, long, value_name = "L1,L5,L15", value_parser = three)]
    warning: Option<Three>,

    /// CRITICAL outside these ranges
    #[arg(short, long, value_name = "L1,L5,L15", value_parser = three)]
    critical: Option<Three>,

    /// Name so many of the processes that used the CPUs most since they began
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true
    )]
    procs_to_show: usize,

    /// Judge the load for each online CPU
    #[arg(short = 'r', long)]
    percpu: bool,

    /// Refuse to run without limits, as check_load does
    #[arg(long, hide = true)]
    just_as_plugin: bool,

    #[command(flatten)]
    root: Root,
}

const AVERAGES: [(&str, &str); 3] = [
    ("load1", "scaled_load1"),
    ("load5", "scaled_load5"),
    ("load15", "scaled_load15"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
struct Three([Range; 3]);

fn three(text: &str) -> Result<Three, String> {
    let ranges: Vec<Range> = text
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{error}"))?;
    match ranges[..] {
        [one] => Ok(Three([one; 3])),
        [one, two] => Ok(Three([one, two, two])),
        [one, two, three] => Ok(Three([one, two, three])),
        _ => Err(format!("'{text}' has more than three ranges")),
    }
}

#[derive(Debug, PartialEq)]
struct Facts {
    averages: [f64; 3],
    runnable: u64,
    tasks: u64,
    cpus: usize,
}

impl Observe for Load {
    fn validate(&self) -> Result<(), Fault> {
        if self.just_as_plugin && (self.warning.is_none() || self.critical.is_none()) {
            return Err(Fault::Usage {
                message: "both -w and -c are needed".to_owned(),
                hint: Some("check_load -w 15,10,5 -c 30,25,20".to_owned()),
            });
        }
        (0..3).try_for_each(|at| refuse_contradiction("-w", "-c", self.thresholds(at)))
    }

    fn observe(&self, _: &Context) -> Result<Vec<Finding>, Fault> {
        const LOADAVG: &str = "/proc/loadavg";
        let text = self.root.read(LOADAVG)?;
        let cpus = count_cpus(&self.root.read("/proc/stat")?);
        let facts = parse(&text, cpus).ok_or_else(|| {
            self.root
                .malformed(LOADAVG, "expected three averages and running/total")
        })?;
        let mut finding = self.judge(&facts);
        if self.procs_to_show > 0 {
            finding.detail = busiest(&self.root, self.procs_to_show)?;
        }
        Ok(vec![finding])
    }
}

/// The processes with the largest share of a CPU over their lives, a line each, as ps(1) counts it.
fn busiest(root: &Root, count: usize) -> Result<Vec<String>, Fault> {
    let uptime = uptime_seconds(root)?;
    #[allow(clippy::cast_precision_loss)]
    let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND as f64;
    let mut shares: Vec<(f64, Stat)> = Processes::open(root)?
        .stats()?
        .into_iter()
        .map(|stat| {
            let age = (uptime - seconds(stat.start_ticks)).max(1.0);
            (seconds(stat.busy_ticks) / age * 100.0, stat)
        })
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let line = |(share, stat): &(f64, Stat)| format!("{share:.1}% {} ({})", stat.comm, stat.pid);
    Ok(shares.iter().take(count).map(line).collect())
}

/// `0.20 0.18 0.12 1/80 11206`, as proc(5) documents it.
fn parse(loadavg: &str, cpus: usize) -> Option<Facts> {
    let mut words = loadavg.split_ascii_whitespace();
    let mut average = || {
        words
            .next()?
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
    };
    let averages = [average()?, average()?, average()?];
    let (runnable, tasks) = words.next()?.split_once('/')?;
    Some(Facts {
        averages,
        runnable: runnable.parse().ok()?,
        tasks: tasks.parse().ok()?,
        cpus,
    })
}

/// The `cpuN` lines of /proc/stat: one for each CPU that is online.
fn count_cpus(stat: &str) -> usize {
    let numbered = |line: &&str| {
        line.strip_prefix("cpu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    stat.lines().filter(numbered).count().max(1)
}

impl Load {
    fn thresholds(&self, at: usize) -> Thresholds {
        let range = |three: Option<Three>| three.map(|Three(ranges)| ranges[at]);
        Thresholds::new(range(self.warning), range(self.critical))
    }

    fn judge(&self, facts: &Facts) -> Finding {
        #[allow(clippy::cast_precision_loss)]
        let scaled = facts.averages.map(|average| average / facts.cpus as f64);
        let judged = if self.percpu { scaled } else { facts.averages };
        let state = State::worst((0..3).map(|at| self.thresholds(at).judge(judged[at])));

        let [one, five, fifteen] = judged;
        let basis = match (self.percpu, facts.cpus) {
            (true, _) => " for each CPU".to_owned(),
            (false, 1) => " on 1 CPU".to_owned(),
            (false, cpus) => format!(" on {cpus} CPUs"),
        };
        let mut finding = Finding::new(
            state,
            format!("load average {one:.2}, {five:.2}, {fifteen:.2}{basis}"),
        )
        .cause(Cause::THRESHOLD)
        .data("cpus", facts.cpus)
        .data("runnable", facts.runnable)
        .data("tasks", facts.tasks);
        for (at, (plain, per_cpu)) in AVERAGES.into_iter().enumerate() {
            let metric = |name: &'static str, value: f64| {
                Metric::new(name, Number::rounded(value, 3), "").min(0i64)
            };
            if self.percpu {
                finding = finding
                    .metric(metric(plain, facts.averages[at]))
                    .metric(metric(per_cpu, scaled[at]).limits(self.thresholds(at)));
            } else {
                finding =
                    finding.metric(metric(plain, facts.averages[at]).limits(self.thresholds(at)));
            }
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(warning: &str, critical: &str, percpu: bool) -> Load {
        Load {
            warning: Some(three(warning).unwrap()),
            critical: Some(three(critical).unwrap()),
            percpu,
            procs_to_show: 0,
            just_as_plugin: false,
            root: Root::new("/"),
        }
    }

    #[test]
    fn each_average_is_judged_by_its_own_range_and_the_worst_counts() {
        let facts = Facts {
            averages: [6.0, 4.0, 2.0],
            runnable: 1,
            tasks: 90,
            cpus: 2,
        };
        for (warning, critical, percpu, state) in [
            ("7", "9", false, State::Ok),
            ("5,9,9", "9", false, State::Warning),
            ("5", "9,9,1", false, State::Critical),
            ("5", "9", true, State::Ok),
            ("2.5", "9", true, State::Warning),
            ("6", "9", false, State::Ok),
        ] {
            let finding = load(warning, critical, percpu).judge(&facts);
            assert_eq!(
                finding.state, state,
                "-w {warning} -c {critical} percpu {percpu}"
            );
        }
    }

    #[test]
    fn loadavg_reads_as_proc_documents_it() {
        let facts = Facts {
            averages: [0.2, 0.18, 0.12],
            runnable: 1,
            tasks: 80,
            cpus: 2,
        };
        assert_eq!(parse("0.20 0.18 0.12 1/80 11206\n", 2), Some(facts));
        for text in [
            "",
            "0.1 0.2",
            "0.1 0.2 x 1/2 3",
            "nan 0 0 1/2 3",
            "0.1 0.2 0.3 12 3",
        ] {
            assert_eq!(parse(text, 1), None, "{text}");
        }
    }

    #[test]
    fn only_online_cpus_count() {
        assert_eq!(
            count_cpus("cpu  1 2\ncpu0 1\ncpu3 1\nintr 5\ncpufreq 1\n"),
            2
        );
        assert_eq!(count_cpus(""), 1);
    }

    #[test]
    fn a_warning_that_can_never_show_is_refused() {
        assert!(load("5", "3", false).validate().is_err());
        assert!(load("5", "9,9,4", false).validate().is_err());
        assert!(load("5", "5", false).validate().is_ok());
    }

    #[test]
    fn as_the_plugin_it_wants_both_limits() {
        for (just_as_plugin, warning, fine) in [
            (false, None, true),
            (true, None, false),
            (true, Some("4"), true),
        ] {
            let load = Load {
                warning: warning.map(|text| three(text).unwrap()),
                just_as_plugin,
                ..load("4", "9", false)
            };
            assert_eq!(load.validate().is_ok(), fine, "{load:?}");
        }
    }
}
