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

/// Run the checks that a file names, all in one process
///
/// The file is TOML: a [[check]] for each, with check = "NAME" and that check's long flags as keys (a list repeats the
/// flag, true gives it alone). host and object say what its records are filed under, timeout and ttl how long it has
/// and its record holds; args is a list of further arguments. [defaults] takes timeout, ttl and host.
///
/// A check that is broken, panics or hangs is reported as UNKNOWN by its name, and the others go on. Records are
/// written as they come; text and plugin output when all have ended, worst first.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
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
