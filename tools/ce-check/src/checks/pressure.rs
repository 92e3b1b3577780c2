//! Pressure stall information: the share of time in which tasks waited for CPU, memory or disks.

use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::{Args, ValueEnum};

use crate::cgroups::{self, CgroupFlag};
use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::{above_unless_given, refuse_contradiction};
use crate::root::Root;

mod psi;

use psi::{Facts, parse};

pub(super) static CHECK: Check = Check::new::<Pressure>(
    "pressure",
    Group::Machine,
    "Time that tasks waited for CPU, memory or disks",
)
.metrics(&[
    MetricDoc {
        name: "some_avg10",
        unit: "%",
        about: "time in which at least one task waited, mean of 10 seconds",
    },
    MetricDoc {
        name: "some_avg60",
        unit: "%",
        about: "the same, mean of 60 seconds",
    },
    MetricDoc {
        name: "some_avg300",
        unit: "%",
        about: "the same, mean of 5 minutes",
    },
    MetricDoc {
        name: "full_avg10",
        unit: "%",
        about: "time in which all tasks waited, mean of 10 seconds",
    },
    MetricDoc {
        name: "full_avg60",
        unit: "%",
        about: "the same, mean of 60 seconds",
    },
    MetricDoc {
        name: "full_avg300",
        unit: "%",
        about: "the same, mean of 5 minutes",
    },
])
.data(&[
    Field {
        name: "some_total_us",
        kind: "integer",
        about: "microseconds in which at least one task waited, since boot",
    },
    Field {
        name: "full_total_us",
        kind: "integer",
        about: "microseconds in which all tasks waited, since boot",
    },
    Field {
        name: "cgroup",
        kind: "string",
        about: "the control group that it is about",
    },
]);

/// Time that tasks waited for CPU, memory or disks
///
/// One record each for cpu, memory and io, from the kernel's pressure stall information (PSI). Judged is the share of
/// time in which at least one task waited. Without thresholds it judges the means of a minute: cpu by -w 60,
/// memory by -w 10 -c 40, io by -w 40 -c 80.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check pressure
  ce-check pressure --memory-warning 5 --memory-critical 20 --window 300
  ce-check pressure -w 25 --full --cgroup")]
pub(super) struct Pressure {
    /// WARNING when the percentage of time is outside this range, for those without a range of their own
    #[arg(short, long, value_name = "RANGE")]
    warning: Option<Range>,

    /// CRITICAL when the percentage of time is outside this range, for those without a range of their own
    #[arg(short, long, value_name = "RANGE")]
    critical: Option<Range>,

    /// WARNING outside this range of waiting for CPU
    #[arg(long, value_name = "RANGE")]
    cpu_warning: Option<Range>,

    /// CRITICAL outside this range of waiting for CPU
    #[arg(long, value_name = "RANGE")]
    cpu_critical: Option<Range>,

    /// WARNING outside this range of waiting for memory
    #[arg(long, value_name = "RANGE")]
    memory_warning: Option<Range>,

    /// CRITICAL outside this range of waiting for memory
    #[arg(long, value_name = "RANGE")]
    memory_critical: Option<Range>,

    /// WARNING outside this range of waiting for disks
    #[arg(long, value_name = "RANGE")]
    io_warning: Option<Range>,

    /// CRITICAL outside this range of waiting for disks
    #[arg(long, value_name = "RANGE")]
    io_critical: Option<Range>,

    /// Judge the mean of so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    window: Window,

    /// Judge the time in which all tasks waited, so that no work was done at all
    #[arg(long)]
    full: bool,

    #[command(flatten)]
    cgroup: CgroupFlag,

    #[command(flatten)]
    root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Window {
    #[value(name = "10")]
    Ten,
    #[value(name = "60")]
    Sixty,
    #[value(name = "300")]
    ThreeHundred,
}

/// One resource: its name in /proc/pressure, what it is called, what to look at, and when somebody is told.
struct Resource {
    name: &'static str,
    waited_for: &'static str,
    next: &'static str,
    warning: f64,
    critical: Option<f64>,
}

const RESOURCES: [Resource; 3] = [
    Resource {
        name: "cpu",
        waited_for: "a CPU",
        next: "top -b -n 1 -o %CPU",
        warning: 60.0,
        critical: None,
    },
    Resource {
        name: "memory",
        waited_for: "memory",
        next: "top -b -n 1 -o %MEM",
        warning: 10.0,
        critical: Some(40.0),
    },
    Resource {
        name: "io",
        waited_for: "disks",
        next: "ce-check procs -s D -v",
        warning: 40.0,
        critical: Some(80.0),
    },
];

impl Observe for Pressure {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", Thresholds::new(self.warning, self.critical))?;
        RESOURCES.iter().enumerate().try_for_each(|(at, resource)| {
            let (warning, critical) = self.own_limits(at);
            refuse_contradiction(
                &format!("--{}-warning", resource.name),
                &format!("--{}-critical", resource.name),
                Thresholds::new(warning, critical),
            )
        })
    }

    fn observe(&self, _: &Context) -> Result<Vec<Finding>, Fault> {
        let mut cgroup = None;
        let folder = match &self.cgroup.cgroup {
            None => "/proc/pressure".to_owned(),
            Some(path) => {
                let found = cgroups::find(&self.root, path, "cpu.pressure", "pressure")?;
                cgroup = Some(found.name);
                found.folder
            }
        };
        let mut findings = Vec::new();
        for (at, resource) in RESOURCES.iter().enumerate() {
            let name = resource.name;
            let path = match cgroup {
                None => format!("{folder}/{name}"),
                Some(_) => format!("{folder}/{name}.pressure"),
            };
            let Some(text) = self.read(&path)? else {
                continue;
            };
            let facts = parse(&text).ok_or_else(|| {
                self.root
                    .malformed(&path, "expected a line 'some avg10=...'")
            })?;
            let finding = self.judge(at, &facts, cgroup.as_deref());
            findings.push(finding);
        }
        if findings.is_empty() {
            return Err(Fault::Absent(
                "this kernel tells no pressure stall information: it needs CONFIG_PSI, and psi=1 on its command line"
                    .to_owned(),
            ));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

impl Pressure {
    /// `None` where the kernel has no PSI, or has it switched off: then the files are there and refuse to be read.
    fn read(&self, path: &str) -> Result<Option<String>, Fault> {
        match self.root.read_if_there(path) {
            Err(Fault::File(ce_cli::FileError::Read { source, .. }))
                if source.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) =>
            {
                Ok(None)
            }
            other => other,
        }
    }

    fn own_limits(&self, at: usize) -> (Option<Range>, Option<Range>) {
        match at {
            0 => (self.cpu_warning, self.cpu_critical),
            1 => (self.memory_warning, self.memory_critical),
            _ => (self.io_warning, self.io_critical),
        }
    }

    /// Its own, else the common, else the embedded ones.
    fn thresholds(&self, at: usize) -> Thresholds {
        let (warning, critical) = self.own_limits(at);
        if warning.is_some() || critical.is_some() {
            return Thresholds::new(warning, critical);
        }
        let resource = &RESOURCES[at];
        above_unless_given(
            self.warning,
            self.critical,
            resource.warning,
            resource.critical,
        )
    }

    fn judge(&self, at: usize, facts: &Facts, cgroup: Option<&str>) -> Finding {
        let resource = &RESOURCES[at];
        let thresholds = self.thresholds(at);
        let judged = if self.full {
            facts.full
        } else {
            Some(facts.some)
        };
        let (window, seconds) = match self.window {
            Window::Ten => (0, "10 s"),
            Window::Sixty => (1, "60 s"),
            Window::ThreeHundred => (2, "5 min"),
        };
        let (who, value) = match judged {
            Some(line) if self.full => ("all tasks", line.averages[window]),
            Some(line) => ("tasks", line.averages[window]),
            // What an old kernel does not count, it has no way to show.
            None => ("tasks", facts.some.averages[window]),
        };
        let state = if judged.is_some() {
            thresholds.judge(value)
        } else {
            State::Ok
        };
        let mut summary = format!(
            "{who} waited for {} {value:.1}% of {seconds}",
            resource.waited_for
        );
        if state != State::Ok {
            summary.push_str(&format!("; see: {}", resource.next));
        }
        let mut finding = Finding::new(state, summary)
            .object(match cgroup {
                None => resource.name.to_owned(),
                Some(group) => format!("{} {group}", resource.name),
            })
            .cause(Cause::THRESHOLD)
            .data("some_total_us", facts.some.total_us);
        if let Some(group) = cgroup {
            finding = finding.data("cgroup", group);
        }
        let names = [
            ["some_avg10", "some_avg60", "some_avg300"],
            ["full_avg10", "full_avg60", "full_avg300"],
        ];
        for (names, line, is_full) in [
            (names[0], Some(facts.some), false),
            (names[1], facts.full, true),
        ] {
            let Some(line) = line else {
                continue;
            };
            for (index, name) in names.into_iter().enumerate() {
                let mut metric = Metric::new(name, Number::rounded(line.averages[index], 2), "%")
                    .min(0i64)
                    .max(100i64);
                if is_full == self.full && index == window {
                    metric = metric.limits(thresholds);
                }
                finding = finding.metric(metric);
            }
            if is_full {
                finding = finding.data("full_total_us", line.total_us);
            }
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn pressure(args: &[&str]) -> Pressure {
        let command = Pressure::augment_args(clap::Command::new("pressure"));
        let args = [&["pressure"], args].concat();
        Pressure::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    const TEXT: &str = "some avg10=50.00 avg60=15.00 avg300=2.00 total=18581135\nfull avg10=5.00 avg60=3.00 avg300=1.00 total=7\n";

    #[test]
    fn each_resource_is_judged_by_its_own_range_line_and_window() {
        let facts = parse(TEXT).unwrap();
        for (args, at, state) in [
            (&[][..], 0, State::Ok),
            (&[], 1, State::Warning),
            (&[], 2, State::Ok),
            (&["--window", "10"], 1, State::Critical),
            (&["--full"], 1, State::Ok),
            (&["-w", "14"], 0, State::Warning),
            (&["-c", "14"], 2, State::Critical),
            (&["-c", "14", "--io-critical", "90"], 2, State::Ok),
            (
                &["--cpu-critical", "1", "--window", "300"],
                0,
                State::Critical,
            ),
        ] {
            let finding = pressure(args).judge(at, &facts, None);
            assert_eq!(finding.state, state, "{args:?} {at}: {}", finding.summary);
        }
    }

    #[test]
    fn a_kernel_that_does_not_count_full_for_cpus_is_read_too() {
        let facts = parse("some avg10=0.00 avg60=0.10 avg300=0.00 total=5\n").unwrap();
        assert_eq!(facts.full, None);
        let finding = pressure(&["--full"]).judge(0, &facts, Some("/a"));
        assert_eq!(
            (finding.state, finding.object.as_deref()),
            (State::Ok, Some("cpu /a"))
        );
        for text in [
            "",
            "some",
            "some avg10=x avg60=0 avg300=0 total=0",
            "full avg10=0 avg60=0 avg300=0 total=0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_kernel_without_it_is_told_from_one_that_waits_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let fault = Pressure {
            root: Root::new(folder.path()),
            ..pressure(&[])
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let context = Context {
            host: String::new(),
            now,
            deadline: std::time::Instant::now(),
            timeout: std::time::Duration::ZERO,
            verbose: 0,
            dirs: ce_cli::Dirs::from_env(),
        };
        let said = fault.observe(&context).unwrap_err().to_string();
        assert!(said.starts_with("this kernel tells no pressure"), "{said}");
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(
            pressure(&["--io-warning", "9", "--io-critical", "8"])
                .validate()
                .is_err()
        );
        assert!(pressure(&["-w", "9", "-c", "8"]).validate().is_err());
        assert!(pressure(&["-w", "9", "-c", "10"]).validate().is_ok());
    }
}
