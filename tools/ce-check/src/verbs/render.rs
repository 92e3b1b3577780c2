//! `ce-check render`: records on stdin in any format.

use std::io;
use std::process::ExitCode;

use ce_cli::Common;
use ce_record::render::Format;
use ce_record::{Line, Reader, Record, State};
use clap::Args;

use super::{Act, Verb};
use crate::fault::Fault;
use crate::runner;

pub(super) static VERB: Verb =
    Verb::new::<Render>("render", "Turn records on stdin into any format");

/// Turn records on stdin into any format
///
/// The worst comes first. Its exit code is the worst state on stdin; a stream without records is UNKNOWN, and so is
/// one with a line that is no record, which is named while the others are rendered.
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
        let (mut records, mut state) = read(io::stdin().lock())?;
        state = state.max(State::worst(records.iter().map(|record| record.state)));
        if self.only_problems {
            records.retain(|record| record.state != State::Ok);
        }
        records.sort_by_key(|record| (std::cmp::Reverse(record.state), record.key()));
        let mut common = common.clone();
        if self.worst {
            common.format = Some(Format::Nagios);
        }
        runner::finish(ce_cli::emit(&common, &records), state)
    }
}

/// All records of a stream, and UNKNOWN when a line of it could not be read. Such lines are named on stderr.
pub(super) fn read(input: impl io::BufRead) -> Result<(Vec<Record>, State), Fault> {
    let mut records = Vec::new();
    let mut state = State::Ok;
    for line in Reader::new(input) {
        match line {
            Ok(Line::Record(record)) => records.push(*record),
            Ok(Line::Foreign(_)) => {}
            Err(error) => {
                ce_cli::complain(crate::TOOL, &Fault::from(error));
                state = State::Unknown;
            }
        }
    }
    if records.is_empty() {
        return Err(Fault::Absent(
            "there is no record on standard input".to_owned(),
        ));
    }
    Ok((records, state))
}
