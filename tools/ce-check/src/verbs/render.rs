//! `ce-check render`: records on stdin in any format.

use std::cmp::Reverse;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ce_cli::Common;
use ce_record::render::Format;
use ce_record::{Cause, Finding, Line, Reader, Record, State};
use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Act, Verb};
use crate::fault::Fault;
use crate::{TOOL, runner};

pub(super) static VERB: Verb =
    Verb::new::<Render>("render", "Turn records on stdin into any format");

/// Turn records on stdin into any format
///
/// The worst comes first. Its exit code is the worst state on stdin; a stream without records is UNKNOWN, and so is
/// one with a line that is no record, which is named while the others are rendered. Records of a later version are
/// passed on as they are in json, and counted on stderr otherwise.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check disk | ce-check render --format nagios
  ce-check run /etc/ce/checks.toml | ce-check render --only-problems
  ce-check run /etc/ce/checks.toml | ce-check render --worst --format nagios")]
pub(super) struct Render {
    /// Leave out what is OK
    #[arg(long)]
    only_problems: bool,

    /// One combined plugin line: the worst in words, the others counted, all perfdata
    #[arg(long)]
    worst: bool,
}

impl Act for Render {
    fn act(&self, common: &Common) -> Result<ExitCode, Fault> {
        let started = Instant::now();
        let mut common = common.clone();
        if self.worst {
            common.format = Some(Format::Nagios);
        }
        let format = ce_cli::format_or_default(&common);
        let Stream {
            mut records,
            foreign,
            faults,
        } = Stream::read(common.timeout)?;
        let count = records.len();
        if self.only_problems {
            records.retain(|record| record.state != State::Ok);
        }
        // What a person or Nagios reads must say what the exit code says.
        let own = match faults.split_first() {
            Some((first, [])) => Some(Finding::new(State::Unknown, first)),
            Some((first, rest)) => Some(Finding::new(
                State::Unknown,
                format!("{first} (+{} more)", rest.len()),
            )),
            None if records.is_empty()
                && count > 0
                && matches!(format, Format::Nagios | Format::Text) =>
            {
                let plural = if count == 1 { "" } else { "s" };
                Some(Finding::new(
                    State::Ok,
                    format!("nothing wrong in {count} record{plural}"),
                ))
            }
            None => None,
        };
        let context = runner::context(&common);
        let own = own
            .into_iter()
            .map(|finding| finding.cause(Cause::CONTENT))
            .collect();
        records.extend(runner::stamp("render", own, &context, started.elapsed()));
        records.sort_by_key(|record| (Reverse(record.state), record.key()));
        let state = State::worst(records.iter().map(|record| record.state));
        match (format, foreign.len()) {
            (_, 0) => {}
            (Format::Json, _) if !common.quiet => {
                let mut stdout = io::stdout().lock();
                for line in &foreign {
                    writeln!(stdout, "{line}").map_err(ce_cli::OutputError::from)?;
                }
            }
            (_, count) => {
                let _ = writeln!(
                    io::stderr(),
                    "{TOOL}: left out {count} of another version than this program knows"
                );
            }
        }
        if count == 0 && format != Format::Json {
            return Err(Fault::Absent(NONE.to_owned()));
        }
        runner::finish(ce_cli::emit(&common, &records), state)
    }
}

const NONE: &str = "there is no record on standard input";

/// What stood on standard input.
pub(super) struct Stream {
    pub(super) records: Vec<Record>,
    /// Records of another version, as they came.
    pub(super) foreign: Vec<String>,
    /// Why lines could not be read; named on stderr already.
    pub(super) faults: Vec<String>,
}

impl Stream {
    /// Reads standard input to its end, or until the time is over.
    ///
    /// # Errors
    /// There is not even one record.
    pub(super) fn read(timeout: Option<Duration>) -> Result<Self, Fault> {
        let input = io::BufReader::new(Timed {
            input: io::stdin().lock(),
            deadline: timeout.map(|timeout| Instant::now() + timeout),
        });
        let mut stream = Self {
            records: Vec::new(),
            foreign: Vec::new(),
            faults: Vec::new(),
        };
        for line in Reader::new(input) {
            match line {
                Ok(Line::Record(record)) => stream.records.push(*record),
                Ok(Line::Foreign(line)) => stream.foreign.push(line),
                Err(error) => {
                    stream.faults.push(error.to_string());
                    ce_cli::complain(TOOL, &Fault::from(error));
                }
            }
        }
        if stream.records.is_empty() && stream.foreign.is_empty() {
            return Err(Fault::Absent(NONE.to_owned()));
        }
        Ok(stream)
    }
}

/// Standard input, waited for no longer than until a deadline.
struct Timed<'a> {
    input: io::StdinLock<'a>,
    deadline: Option<Instant>,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            let input = [PollFd::new(&self.input, PollFlags::IN)];
            match poll(&mut { input }, Some(&left)) {
                Ok(0) => return Err(io::Error::other("its end did not come in time")),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.input.read(buffer)
    }
}
