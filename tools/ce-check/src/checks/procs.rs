//! Processes: how many there are that match, or how much each of them takes.

use ce_record::{Cause, Finding, Metric, Range, State};
use clap::Args;
use regex::Regex;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::processes::{self, Processes, Stat};
use crate::root::Root;
use ce_cli::parse_bytes_by;

mod filter;
mod measure;

use filter::Filter;
use measure::{Measure, Process};

pub(super) static CHECK: Check = Check::new::<Procs>(
    "procs",
    Group::Machine,
    "Processes: how many match, or what each of them takes",
)
.metrics(&[
    MetricDoc { name: "procs", unit: "", about: "processes that match" },
    MetricDoc { name: "procs_warn", unit: "", about: "of them beyond -w only (with -m)" },
    MetricDoc { name: "procs_crit", unit: "", about: "of them beyond -c (with -m)" },
    MetricDoc { name: "vsz_max", unit: "B", about: "the largest address space (with -m VSZ)" },
    MetricDoc { name: "rss_max", unit: "B", about: "the most memory held by one (with -m RSS)" },
    MetricDoc { name: "cpu_max", unit: "%", about: "the most CPU used by one since it started (with -m CPU)" },
    MetricDoc { name: "elapsed_max", unit: "s", about: "the oldest (with -m ELAPSED)" },
])
.data(&[
    Field { name: "filter", kind: "string", about: "what a process had to be to match, in words" },
    Field { name: "zombies", kind: "integer", about: "matching processes that ended and wait for their parent" },
    Field { name: "blocked", kind: "integer", about: "matching processes that wait for a device" },
])
.plugins(&[Plugin {
    name: "check_procs",
    word: "PROCS",
    preset: &[],
    perfdata: |_, metric| metric.name.starts_with("procs").then(|| metric.clone()),
    deviations: &[
        "-s takes any one of its flags, as the plugin's help says: the plugin wants them all, in ps' order",
        "-k goes by the kernel's own mark of its threads: the plugin counts kthreadd and drops process 1",
        "-u knows the names in /etc/passwd: users of a directory service are given by number",
        "-C also finds names longer than the 15 bytes that the kernel keeps, by the first argument",
        "-r and -z also take units (500M); plain numbers are kB as in the plugin",
        "a range that does not read is refused: the plugin takes foo for 0",
        "-X is of later releases of the plugin, and can be given several times or with commas",
    ],
}]);

/// Processes: how many match, or what each of them takes
///
/// Without thresholds it counts and is OK. The process itself, others of the same program and its parent are left out.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check procs -c 1: -C sshd
  ce-check procs -s Z -w 5 -c 20
  ce-check procs -m RSS -w 2000000 -c 4000000 -k")]
pub(super) struct Procs {
    #[command(flatten)]
    limits: Limits,

    /// Judge this of each process instead of their number; VSZ and RSS in kB, CPU in %, ELAPSED in seconds
    #[arg(
        short,
        long,
        value_name = "METRIC",
        ignore_case = true,
        default_value = "PROCS"
    )]
    metric: Measure,

    /// Only processes with one of these flags as ps shows them: R S D Z T I, < N L s l +
    #[arg(short, long, value_name = "STATEFLAGS")]
    state: Option<String>,

    /// Only children of this process
    #[arg(short, long, value_name = "PPID")]
    ppid: Option<u32>,

    /// Only processes with at least this address space, in kB or with a unit
    #[arg(short = 'z', long, value_name = "VSZ", value_parser = kilobytes)]
    vsz: Option<u64>,

    /// Only processes that hold at least this memory, in kB or with a unit
    #[arg(short, long, value_name = "RSS", value_parser = kilobytes)]
    rss: Option<u64>,

    /// Only processes that used at least this percentage of one CPU since they started
    #[arg(short = 'P', long, value_name = "PCPU")]
    pcpu: Option<f64>,

    /// Only processes of this user, by name or number
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// Only processes whose arguments contain this text
    #[arg(short, long, value_name = "STRING", allow_hyphen_values = true)]
    argument_array: Option<String>,

    /// Only processes whose arguments match this regular expression
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    ereg_argument_array: Option<Regex>,

    /// Leave out processes of this command
    #[arg(
        short = 'X',
        long = "exclude-process",
        value_name = "COMMAND",
        value_delimiter = ','
    )]
    exclude: Vec<String>,

    /// Only processes of this command, without its path
    #[arg(short = 'C', long, value_name = "COMMAND")]
    command: Option<String>,

    /// Leave out threads of the kernel
    #[arg(short = 'k', long)]
    no_kthreads: bool,

    /// Leave out this process only, not others of the same program
    #[arg(short = 'T', long, alias = "traditional-filter")]
    traditional: bool,

    #[command(flatten)]
    root: Root,
}

fn kilobytes(text: &str) -> Result<u64, String> {
    parse_bytes_by(text, 1024)
}

impl Observe for Procs {
    fn validate(&self) -> Result<(), Fault> {
        self.limits.validate()?;
        match self.pcpu {
            Some(percent) if !percent.is_finite() => {
                Err(Fault::usage(format!("-P {percent} is not a percentage")))
            }
            _ => Ok(()),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let filter = self.filter()?;
        let uptime = processes::uptime_seconds(&self.root)?;
        let mut table = Processes::open(&self.root)?;
        let pids = table.pids()?;
        if pids.is_empty() {
            return Err(Fault::Absent("the process table is empty".to_owned()));
        }
        let own = table.own_pid();
        let own = own.and_then(|pid| table.stat(pid));
        let mut found = Vec::new();
        for pid in pids {
            let Some(stat) = table.stat(pid) else {
                continue;
            };
            if own
                .as_ref()
                .is_some_and(|own| self.is_own(own, &stat, &table))
            {
                continue;
            }
            let process = Process::new(stat, uptime);
            if let Some(process) = filter.matching(process, &mut table) {
                found.push(process);
            }
        }
        let mut finding = self.judge(&found);
        // Arguments are read for the few that are shown only.
        let shown = if context.verbose > 0 { usize::MAX } else { 5 };
        for mut process in self
            .shown(found, context.verbose > 0)
            .into_iter()
            .take(shown)
        {
            if process.arguments.is_empty() {
                process.arguments = filter::arguments(&mut table, &process.stat);
            }
            finding = finding.detail(process.line());
        }
        Ok(vec![finding])
    }
}

/// A range of counts as a person says it.
fn words(range: Range) -> String {
    let (start, end) = (range.start(), range.end());
    match (range.is_inverted(), start > 0.0, end.is_finite()) {
        (true, _, _) => format!("not {start} to {end}"),
        (false, true, false) => format!("at least {start}"),
        (false, false, _) => format!("at most {end}"),
        (false, true, true) if start == end => format!("{start}"),
        (false, true, true) => format!("{start} to {end}"),
    }
}

impl Procs {
    fn filter(&self) -> Result<Filter, Fault> {
        let user = match &self.user {
            None => None,
            Some(name) => Some((name.clone(), filter::user_id(name, &self.root)?)),
        };
        Ok(Filter {
            state: self.state.clone(),
            ppid: self.ppid,
            vsz_bytes: self.vsz,
            rss_bytes: self.rss,
            cpu_percent: self.pcpu,
            user,
            argument: self.argument_array.clone(),
            argument_regex: self.ereg_argument_array.clone(),
            exclude: self.exclude.clone(),
            command: self.command.clone(),
            no_kernel_threads: self.no_kthreads,
        })
    }

    /// This process, its parent (a shell that was given the same words to look for) and others of the same program.
    fn is_own(&self, own: &Stat, stat: &Stat, table: &Processes) -> bool {
        if stat.pid == own.pid || stat.pid == own.ppid {
            return true;
        }
        let same_program = || match (table.program(own.pid), table.program(stat.pid)) {
            (Some(mine), Some(theirs)) => {
                (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino)
            }
            _ => false,
        };
        !self.traditional && stat.comm == own.comm && same_program()
    }

    fn judge(&self, found: &[Process]) -> Finding {
        let thresholds = self.limits.thresholds();
        let what = self
            .filter()
            .map(|filter| filter.words())
            .unwrap_or_default();
        let processes = match found.len() {
            1 => "1 process".to_owned(),
            count => format!("{count} processes"),
        };
        let state_count = |state: char| found.iter().filter(|one| one.stat.state == state).count();
        let (zombies, blocked) = (state_count('Z'), state_count('D'));
        #[allow(clippy::cast_precision_loss)]
        let count = found.len() as f64;
        let (state, summary, metrics) = if self.metric == Measure::Procs {
            let state = thresholds.judge(count);
            let expected = match state {
                State::Critical => thresholds.crit,
                State::Warning => thresholds.warn,
                _ => None,
            };
            let mut summary = format!("{processes}{what}");
            if let Some(range) = expected {
                summary.push_str(&format!(", expected {}", words(range)));
            }
            for (count, name) in [(zombies, "zombie"), (blocked, "waiting for a device")] {
                if count > 0 && self.state.is_none() {
                    summary.push_str(&format!(", {count} {name}"));
                }
            }
            let metric = Metric::new("procs", found.len(), "")
                .limits(thresholds)
                .min(0i64);
            (state, summary, vec![metric])
        } else {
            self.judge_each(found, &format!("{processes}{what}"))
        };
        let mut finding = Finding::new(state, summary)
            .cause(Cause::THRESHOLD)
            .data("zombies", zombies)
            .data("blocked", blocked);
        if !what.is_empty() {
            finding = finding.data("filter", what.trim_start());
        }
        finding.metrics = metrics;
        finding
    }

    fn judge_each(&self, found: &[Process], processes: &str) -> (State, String, Vec<Metric>) {
        let thresholds = self.limits.thresholds();
        let states: Vec<State> = found
            .iter()
            .map(|process| thresholds.judge(self.metric.of(process)))
            .collect();
        let in_state = |state: State| states.iter().filter(|one| **one == state).count();
        let (warning, critical) = (in_state(State::Warning), in_state(State::Critical));
        let name = self.metric.name();
        let mut metrics = vec![Metric::new("procs", found.len(), "").min(0i64)];
        for (name, count) in [("procs_warn", warning), ("procs_crit", critical)] {
            metrics.push(Metric::new(name, count, "").min(0i64));
        }
        let largest = found
            .iter()
            .max_by(|a, b| self.metric.of(a).total_cmp(&self.metric.of(b)));
        let Some(largest) = largest else {
            return (State::Ok, processes.to_owned(), metrics);
        };
        metrics.extend(self.metric.metric(largest, thresholds));
        let state = states.into_iter().max().unwrap_or(State::Ok);
        // Where the range has a lower end, the worst one need not be the largest.
        let worst = found
            .iter()
            .filter(|one| thresholds.judge(self.metric.of(one)) == state)
            .max_by(|a, b| self.metric.of(a).total_cmp(&self.metric.of(b)))
            .unwrap_or(largest);
        let who = format!(
            "{} ({}) {}",
            worst.stat.comm,
            worst.stat.pid,
            self.metric.text(worst)
        );
        let summary = if state == State::Ok {
            format!("{name} of {processes} within limits, largest {who}")
        } else {
            format!("{name}: {critical} critical, {warning} warning of {processes}, worst {who}")
        };
        (state, summary, metrics)
    }

    /// Those worth showing, worst first: all on request, else those beyond a threshold.
    fn shown(&self, mut found: Vec<Process>, all: bool) -> Vec<Process> {
        let thresholds = self.limits.thresholds();
        let state = |process: &Process| match self.metric {
            Measure::Procs => State::Ok,
            metric => thresholds.judge(metric.of(process)),
        };
        #[allow(clippy::cast_precision_loss)]
        let too_many =
            self.metric == Measure::Procs && thresholds.judge(found.len() as f64) != State::Ok;
        if !all && !too_many {
            found.retain(|process| state(process) != State::Ok);
        }
        found.sort_by(|a, b| {
            let by_value = self.metric.of(b).total_cmp(&self.metric.of(a));
            state(b).cmp(&state(a)).then(by_value)
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn procs(args: &[&str]) -> Procs {
        let command = Procs::augment_args(clap::Command::new("procs"));
        let args = [&["procs"], args].concat();
        Procs::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn process(pid: u32, resident_pages: u64, start_ticks: u64) -> Process {
        let stat = Stat {
            pid,
            comm: format!("p{pid}"),
            state: if pid == 3 { 'Z' } else { 'S' },
            resident_pages,
            start_ticks,
            busy_ticks: 500,
            ..Stat::default()
        };
        Process::new(stat, 100.0)
    }

    #[test]
    fn the_number_of_processes_or_each_of_them_is_judged() {
        let found = [
            process(1, 10, 0),
            process(2, 1000, 9000),
            process(3, 0, 5000),
        ];
        for (args, state, part) in [
            (&[][..], State::Ok, "3 processes, 1 zombie"),
            (&["-c", "1:"], State::Ok, "3 processes"),
            (
                &["-w", "2"],
                State::Warning,
                "3 processes, expected at most 2",
            ),
            (
                &["-c", "4:", "-C", "x"],
                State::Critical,
                "3 processes with command 'x', expected at least 4",
            ),
            (
                &["-m", "RSS", "-w", "100"],
                State::Warning,
                "0 critical, 1 warning of 3 processes, worst p2 (2) 3.9 MiB",
            ),
            (
                &["-m", "rss", "-w", "10", "-c", "3999"],
                State::Critical,
                "1 critical, 1 warning",
            ),
            (
                &["-m", "ELAPSED", "-c", "60"],
                State::Critical,
                "worst p1 (1) 1 min 40 s",
            ),
            (
                &["-m", "ELAPSED", "-c", "20:"],
                State::Critical,
                "worst p2 (2) 10 s",
            ),
            (
                &["-m", "CPU", "-w", "60"],
                State::Ok,
                "largest p2 (2) 50.0%",
            ),
        ] {
            let finding = procs(args).judge(&found);
            assert_eq!(finding.state, state, "{args:?}: {}", finding.summary);
            assert!(
                finding.summary.contains(part),
                "{args:?}: {}",
                finding.summary
            );
        }
    }

    #[test]
    fn nothing_that_matches_is_fine_for_a_metric_and_judged_for_a_count() {
        assert_eq!(procs(&["-m", "RSS", "-c", "1"]).judge(&[]).state, State::Ok);
        assert_eq!(procs(&["-c", "1:"]).judge(&[]).state, State::Critical);
    }

    #[test]
    fn thresholds_in_kb_become_metrics_in_bytes() {
        let finding = procs(&["-m", "VSZ", "-w", "50"]).judge(&[process(1, 1, 0)]);
        let metric = finding
            .metrics
            .iter()
            .find(|metric| metric.name == "vsz_max");
        assert_eq!(metric.unwrap().warn.unwrap().to_string(), "51200");
    }
}
