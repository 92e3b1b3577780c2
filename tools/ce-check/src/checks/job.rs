//! Cron jobs: a wrapper notes each run, the check tells of one that failed, hangs or has not run for too long.

use std::process::ExitCode;
use std::time::Duration;

use ce_cli::Common;
use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Range, State, Thresholds};
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::ranges;
use crate::root::Root;

mod note;
mod run;

use note::{Ended, Note};

pub(super) static CHECK: Check = Check::new::<Job>(
    "job",
    Group::Machine,
    "Cron jobs: run one and note it, or tell whether it ran",
)
.metrics(&[
    MetricDoc {
        name: "age",
        unit: "s",
        about: "since a run last ended well",
    },
    MetricDoc {
        name: "runtime",
        unit: "s",
        about: "of the last run",
    },
    MetricDoc {
        name: "running",
        unit: "s",
        about: "since the run that goes on has begun",
    },
    MetricDoc {
        name: "failures",
        unit: "",
        about: "runs that failed since one ended well",
    },
])
.data(&[
    Field {
        name: "command",
        kind: "array",
        about: "what was run",
    },
    Field {
        name: "exit_code",
        kind: "integer",
        about: "of the last run",
    },
    Field {
        name: "signal",
        kind: "integer",
        about: "that ended the last run",
    },
    Field {
        name: "started",
        kind: "integer",
        about: "when the last run began, in seconds since 1970",
    },
]);

/// Cron jobs: run one and note it, or tell whether it ran
///
/// In the crontab stands ce-check job --run NAME -- COMMAND: the command's output passes through, and the exit code is
/// 0 when it succeeded, else 2. The monitor calls ce-check job NAME. With -t a command that runs for longer is asked to
/// end and, five seconds later, killed; without, it has all the time it needs.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check job --run hello -- echo done
  ce-check job hello -w 26h -c 50h
  ce-check job hello --max-runtime 4h --failed warning")]
pub(super) struct Job {
    /// The job to judge
    #[arg(value_name = "NAME", value_parser = note::name, required_unless_present = "run", conflicts_with = "run")]
    name: Option<String>,

    /// Run the command behind -- as this job
    #[arg(long, value_name = "NAME", value_parser = note::name, requires = "command")]
    run: Option<String>,

    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND", requires = "run")]
    command: Vec<String>,

    /// With --run: do nothing while an earlier run goes on, and exit 2
    #[arg(long, requires = "run")]
    exclusive: bool,

    /// WARNING when no run ended well for so long
    #[arg(short, long, value_name = "AGE", value_parser = ranges::age, default_value = "26h")]
    warning: Range,

    /// CRITICAL when no run ended well for so long
    #[arg(short, long, value_name = "AGE", value_parser = ranges::age, default_value = "50h")]
    critical: Range,

    /// CRITICAL when a run goes on for longer
    #[arg(long, value_name = "TIME", value_parser = ce_cli::parse_duration)]
    max_runtime: Option<Duration>,

    /// What it means that the last run failed
    #[arg(long, value_name = "STATE", default_value = "critical")]
    failed: State,

    /// What it means that the job has never run
    #[arg(long, value_name = "STATE", default_value = "critical")]
    missing: State,

    #[command(flatten)]
    root: Root,
}

impl Observe for Job {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.thresholds())
    }

    fn subject(&self) -> Subject {
        Subject {
            host: None,
            object: self.name.clone(),
        }
    }

    fn instead(&self, common: &Common, context: &Context) -> Option<Result<ExitCode, Fault>> {
        let name = self.run.as_ref()?;
        let job = run::Job {
            command: &self.command,
            alone: self.exclusive,
            limit: common.timeout,
        };
        Some(job.run(name, context))
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let name = self.name.as_deref().unwrap_or_default();
        let note = note::find(context, &self.root, name)?;
        let alive = note
            .as_ref()
            .and_then(|note| note.running.as_ref())
            .is_some_and(|running| note::is_alive(running, &self.root));
        let finding = self.judge(note.as_ref(), alive, context.now.as_second());
        Ok(vec![self.subject().apply(finding)])
    }
}

impl Job {
    fn thresholds(&self) -> Thresholds {
        Thresholds::new(Some(self.warning), Some(self.critical))
    }

    fn judge(&self, note: Option<&Note>, alive: bool, now: i64) -> Finding {
        let Some(note) = note else {
            let name = self.name.as_deref().unwrap_or_default();
            let text =
                format!("has never run: put ce-check job --run {name} -- before its command");
            return Finding::new(self.missing, text).cause(Cause::CONTENT);
        };
        let mut parts: Vec<(State, Cause, String)> = Vec::new();
        let running = note.running.as_ref().filter(|_| alive);
        let since = |time: i64| Duration::from_secs((now - time).max(0).unsigned_abs());
        let limit = self
            .max_runtime
            .map(|limit| Range::at_most(limit.as_secs_f64()));
        if let Some(running) = running {
            let time = since(running.started);
            let late = limit.is_some_and(|limit| limit.alerts(time.as_secs_f64()));
            let state = if late { State::Critical } else { State::Ok };
            parts.push((
                state,
                Cause::THRESHOLD,
                format!("running for {}", duration(time)),
            ));
        } else if let Some(lost) = &note.running {
            let text = format!(
                "began {} ago and vanished: killed, or the machine went down",
                duration(since(lost.started))
            );
            parts.push((self.failed, Cause::SYSTEM, text));
        }
        let failure = note.last.as_ref().filter(|last| !last.is_success());
        if let Some(last) = failure {
            let text = format!("failed {} ago ({})", duration(since(last.ended)), how(last));
            parts.push((self.failed, Cause::CONTENT, text));
        }
        match note.last_success {
            Some(time) => {
                let age = since(time);
                let state = self.thresholds().judge(age.as_secs_f64());
                parts.push((
                    state,
                    Cause::THRESHOLD,
                    format!("last success {} ago", duration(age)),
                ));
            }
            // Its first run goes on: there is nothing to hold against it yet.
            None if running.is_some() && failure.is_none() => {}
            None => parts.push((
                self.failed,
                Cause::CONTENT,
                "no run has ever succeeded".to_owned(),
            )),
        }
        parts.sort_by_key(|(state, ..)| std::cmp::Reverse(*state));
        let state = State::worst(parts.iter().map(|(state, ..)| *state));
        let words: Vec<&str> = parts.iter().map(|(.., text)| text.as_str()).collect();
        let mut finding =
            Finding::new(state, words.join(", ")).data("command", note.command.clone());
        if let Some((_, cause, _)) = parts.first() {
            finding = finding.cause(cause.clone());
        }
        if let Some(time) = note.last_success {
            finding = finding.metric(
                Metric::new("age", (now - time).max(0), "s")
                    .limits(self.thresholds())
                    .min(0i64),
            );
        }
        if let Some(running) = running {
            let limits = Thresholds::new(None, limit);
            finding = finding.metric(
                Metric::new("running", (now - running.started).max(0), "s")
                    .limits(limits)
                    .min(0i64),
            );
        }
        finding = finding.metric(Metric::new("failures", note.failures, "").min(0i64));
        let Some(last) = &note.last else {
            return finding;
        };
        finding = finding
            .metric(Metric::new("runtime", last.took_ms / 1000, "s").min(0i64))
            .data("started", last.started);
        if let Some(code) = last.exit_code {
            finding = finding.data("exit_code", code);
        }
        if let Some(signal) = last.signal {
            finding = finding.data("signal", signal);
        }
        if failure.is_some() {
            finding.detail.extend(last.tail.iter().cloned());
        }
        finding
    }
}

fn how(ended: &Ended) -> String {
    match (&ended.fault, ended.exit_code, ended.signal) {
        (Some(fault), ..) => fault.clone(),
        (None, Some(code), _) => format!("exit code {code}"),
        (None, None, Some(signal)) => format!("signal {signal}"),
        (None, None, None) => "no exit code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};
    use note::Running;

    const NOW: i64 = 1_800_000_000;

    fn job(args: &str) -> Job {
        let words = ["job", "backup"].into_iter().chain(args.split_whitespace());
        let matches = Job::augment_args(Command::new("job")).get_matches_from(words);
        Job::from_arg_matches(&matches).unwrap()
    }

    fn ended(age: i64, code: i32) -> Ended {
        Ended {
            started: NOW - age - 60,
            ended: NOW - age,
            took_ms: 60_000,
            exit_code: Some(code),
            signal: None,
            fault: None,
            tail: vec!["last words".into()],
        }
    }

    fn running(age: i64) -> Option<Running> {
        Some(Running {
            started: NOW - age,
            pid: 1,
            ticks: 1,
        })
    }

    #[test]
    fn age_result_and_running_time_are_judged() {
        let good = Note::default().ended(1, ended(3600, 0));
        let bad = good.clone().ended(1, ended(60, 7));
        let busy = Note {
            running: running(7200),
            ..good.clone()
        };
        let first = Note {
            running: running(10),
            ..Note::default()
        };
        for (args, note, alive, state, summary) in [
            ("", &good, false, State::Ok, "last success 1 h ago"),
            (
                "-w 30m",
                &good,
                false,
                State::Warning,
                "last success 1 h ago",
            ),
            (
                "-w 10m -c 30m",
                &good,
                false,
                State::Critical,
                "last success 1 h ago",
            ),
            (
                "",
                &bad,
                false,
                State::Critical,
                "failed 1 min ago (exit code 7), last success 1 h ago",
            ),
            (
                "--failed warning",
                &bad,
                false,
                State::Warning,
                "failed 1 min ago (exit code 7), last success 1 h ago",
            ),
            (
                "",
                &busy,
                true,
                State::Ok,
                "running for 2 h, last success 1 h ago",
            ),
            (
                "--max-runtime 1h",
                &busy,
                true,
                State::Critical,
                "running for 2 h, last success 1 h ago",
            ),
            (
                "",
                &busy,
                false,
                State::Critical,
                "began 2 h ago and vanished: killed, or the machine went down, last success 1 h ago",
            ),
            ("", &first, true, State::Ok, "running for 10 s"),
        ] {
            let finding = job(args).judge(Some(note), alive, NOW);
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (state, summary),
                "{args}"
            );
        }
        assert_eq!(job("").judge(Some(&bad), false, NOW).detail, ["last words"]);
    }

    #[test]
    fn a_job_that_never_ran_is_what_missing_says() {
        assert_eq!(job("").judge(None, false, NOW).state, State::Critical);
        assert_eq!(job("--missing ok").judge(None, false, NOW).state, State::Ok);
        assert!(job("-w 3h -c 2h").validate().is_err());
    }

    #[test]
    fn failures_are_counted_until_one_ends_well() {
        let note = Note::default().ended(1, ended(3, 1)).ended(1, ended(2, 1));
        assert_eq!(note.failures, 2);
        assert_eq!(note.ended(1, ended(1, 0)).failures, 0);
    }
}
