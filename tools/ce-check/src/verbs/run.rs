//! `ce-check run FILE`: hundreds of checks from one file in one process, one record each.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ce_cli::{Common, parse_duration};
use ce_record::render::Format;
use ce_record::{Cause, Finding, Metric, Record, State};
use clap::Args;

use super::{Act, Verb};
use crate::fault::Fault;
use crate::runner;

mod engine;
mod file;
mod queue;

pub(super) static VERB: Verb = Verb::new::<Run>(
    "run",
    "Run the checks that a file names, all in one process",
);

const LONG_ABOUT: &str = "\
Run the checks that a file names, all in one process

A check that is broken, panics or hangs is reported as UNKNOWN by its name, and the others go on. Records are written as \
they come; text and plugin output when all have ended, worst first.

FILE is TOML. It has a table [[check]] for each check; ce-check list names the checks that there are:

  [[check]]
  check = \"http\"
  hostname = \"www.example.org\"
  ssl = true
  not-regex = [\"maintenance\", \"unexpected error\"]
  warning = \"2s\"
  object = \"shop\"
  timeout = \"20s\"

A key is a long flag of that check (ce-check http --help names them): a text or a number is its value, true gives a flag \
that takes none, false leaves it out, and a list gives the flag once for each of its values. These keys are no flags:

check: the check's name; it must be there.

host and object: what the records are filed under, in place of what the check itself says. They choose nothing: which \
machine is asked stands in hostname.

timeout: how long the check has, in seconds or with a unit such as 500ms or 2m; 10 s unless somebody says otherwise. -t of \
the command line shortens it for all.

ttl: for how long the record holds, in the same form; 0 takes the default away.

args: further arguments, put behind the flags as they are. Where their order matters, all stand here:

  [[check]]
  check = \"disk\"
  args = [\"-w\", \"20%\", \"-p\", \"/\", \"-C\", \"-w\", \"5G\", \"-p\", \"/boot\"]

[defaults] stands once and takes timeout, ttl and host, which hold for every check that does not say otherwise:

  [defaults]
  timeout = \"10s\"
  ttl = \"10m\"
  host = \"web1\"";

/// Run the checks that a file names, all in one process
#[derive(Args, Debug)]
#[command(long_about = LONG_ABOUT, after_help = "Examples:
  ce-check run /etc/ce/checks.toml
  ce-check run --only disk --only load /etc/ce/checks.toml
  ce-check run --jitter 30s /etc/ce/checks.toml | ce-check submit --nagios /var/lib/nagios4/rw/nagios.cmd")]
pub(super) struct Run {
    /// The file that names the checks
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Only checks of this name
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,

    /// Have so many checks under way at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,

    /// Spread the starts over this time, each check at its own place in it
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_duration)]
    jitter: Duration,
}

impl Act for Run {
    fn act(&self, common: &Common) -> Result<ExitCode, Fault> {
        let mut jobs = file::load(&self.file, common.patience())?;
        if !self.only.is_empty() {
            jobs.retain(|job| self.only.contains(&job.check));
        }
        if let Some(timeout) = common.timeout {
            jobs.iter_mut()
                .for_each(|job| job.timeout = job.timeout.min(timeout));
        }
        if jobs.is_empty() {
            let message = format!("'{}' names no check to run", self.file.display());
            return Err(Fault::Usage {
                message,
                hint: Some("begin one with [[check]] and check = \"load\"".to_owned()),
            });
        }
        let context = runner::context(common);
        let started = Instant::now();
        let streamed = ce_cli::format_or_default(common) == Format::Json;

        // Whoever reads slowly must not hold up the checks, so writing has a thread and a queue of its own.
        let (sender, receiver) = channel::<Vec<Record>>();
        let writer_common = common.clone();
        let writer = std::thread::spawn(move || {
            let mut told = Ok(());
            for records in receiver {
                told = told.and_then(|()| ce_cli::emit(&writer_common, &records));
            }
            told
        });
        let mut progress = Progress::new(jobs.len(), started);
        let mut worst = State::Ok;
        let mut kept = Vec::new();
        let concurrency = usize::try_from(self.concurrency).unwrap_or(1);
        let tally =
            engine::Engine::new(&jobs, context.clone(), concurrency, self.jitter).run(|records| {
                progress.show();
                worst = records
                    .iter()
                    .map(|record| record.state)
                    .fold(worst, State::max);
                if streamed {
                    let _ = sender.send(records);
                } else {
                    kept.extend(records);
                }
            });
        drop(progress);
        let about = self.about_itself(&tally);
        worst = worst.max(about.state);
        let own = runner::stamp("run", vec![about], &context, started.elapsed());
        if streamed {
            let _ = sender.send(own);
        } else {
            kept.extend(own);
            kept.sort_by_key(|record| (std::cmp::Reverse(record.state), record.key()));
            let _ = sender.send(kept);
        }
        drop(sender);
        let told = writer.join().unwrap_or(Ok(()));
        runner::finish(told, worst)
    }
}

/// How far it is, on a terminal and not before two seconds have passed.
struct Progress {
    total: usize,
    done: usize,
    next: Instant,
    shown: bool,
    terminal: bool,
}

impl Progress {
    fn new(total: usize, started: Instant) -> Self {
        let next = started + Duration::from_secs(2);
        Self {
            total,
            done: 0,
            next,
            shown: false,
            terminal: io::stderr().is_terminal(),
        }
    }

    /// One more has ended.
    fn show(&mut self) {
        self.done += 1;
        let now = Instant::now();
        if self.terminal && now >= self.next {
            self.next = now + Duration::from_millis(200);
            self.shown = true;
            let _ = write!(io::stderr(), "\r{} of {} checks", self.done, self.total);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Run {
    fn about_itself(&self, tally: &engine::Tally) -> Finding {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let mut summary = format!("ran {} check{}", tally.checks, plural(tally.checks));
        if tally.broken > 0 {
            summary.push_str(&format!(", {} of them cannot be understood", tally.broken));
        }
        if tally.cut_off > 0 {
            summary.push_str(&format!(", {} cut off at their timeout", tally.cut_off));
        }
        let state = if tally.broken > 0 {
            State::Unknown
        } else {
            State::Ok
        };
        Finding::new(state, summary)
            .cause(Cause::CONFIG)
            .object(self.file.display().to_string())
            .metric(Metric::new("checks", tally.checks, "").min(0i64))
            .metric(Metric::new("broken", tally.broken, "").min(0i64))
            .metric(Metric::new("cut_off", tally.cut_off, "").min(0i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_help_are_a_file_that_runs() {
        let example: String = LONG_ABOUT
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .map(|line| format!("{line}\n"))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, example).unwrap();
        let jobs = file::load(&path, Duration::from_secs(1)).unwrap();
        assert_eq!(jobs.len(), 2);
        for job in jobs {
            assert!(
                job.observe.is_ok(),
                "{}: {:?}",
                job.check,
                job.observe.err()
            );
            assert_eq!(job.ttl, Some(Duration::from_secs(600)));
        }
    }
}
