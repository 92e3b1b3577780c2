//! What a command found, as records and exit code.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use ce_cli::{Common, Explain};
use ce_record::render::Format;
use ce_record::{Finding, Record, Stamp, State};

use crate::TOOL;
use crate::fault::Fault;
use crate::{progress, settings};

/// When something began.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    time: jiff::Timestamp,
    pub instant: Instant,
}

impl Started {
    pub fn now() -> Self {
        Started {
            time: jiff::Timestamp::now(),
            instant: Instant::now(),
        }
    }

    /// What was found since then, as a record.
    pub fn stamp(&self, check: &str, finding: Finding) -> Record {
        finding.into_record(Stamp {
            id: ce_cli::new_id(jiff::Timestamp::now()),
            time: self.time,
            took_ms: u64::try_from(self.instant.elapsed().as_millis()).unwrap_or(u64::MAX),
            tool: TOOL.to_owned(),
            check: check.to_owned(),
            host: ce_cli::hostname(),
            ttl_s: None,
        })
    }
}

/// Whether each record can be written for itself, as soon as it is there.
pub(crate) fn is_stream(common: &Common) -> bool {
    matches!(
        ce_cli::format_or_default(common),
        Format::Json | Format::Text
    )
}

/// Runs a command and says how it went: records on stdout, a failure in words on stderr too. Where stdout is what was
/// asked for, `content`, all goes to stderr in words.
pub(crate) fn run(
    check: &str,
    common: &Common,
    content: bool,
    act: impl FnOnce() -> Result<Vec<Finding>, Fault>,
) -> ExitCode {
    let started = Started::now();
    if let Some(timeout) = common.timeout {
        progress::end_within(timeout);
    }
    let acted = settings::load(common)
        .map_err(Fault::from)
        .and_then(|()| act());
    let (findings, failed) = match acted {
        Ok(findings) => (findings, None),
        Err(fault) => {
            if matches!(&fault, Fault::Output(error) if error.is_broken_pipe()) {
                return ce_cli::exit_code(State::Unknown);
            }
            ce_cli::complain(TOOL, &fault);
            let finding = Finding::new(fault.state(), fault.to_string()).cause(fault.cause());
            (vec![finding], Some(fault.state()))
        }
    };
    let findings = findings.into_iter();
    let records: Vec<Record> = findings
        .map(|finding| started.stamp(check, finding))
        .collect();
    let state = records
        .iter()
        .map(|record| record.state)
        .max()
        .unwrap_or(State::Ok);
    if content {
        if failed.is_none() {
            for record in records.iter().filter(|record| record.state != State::Ok) {
                let _ = writeln!(std::io::stderr(), "{TOOL}: {}", record.summary);
            }
        }
        return ce_cli::exit_code(failed.unwrap_or(state));
    }
    // On a terminal the sentence on stderr says it already.
    let told = failed.is_some() && ce_cli::format_or_default(common) == Format::Text;
    if !told && let Err(error) = ce_cli::emit(common, &records) {
        if !error.is_broken_pipe() {
            ce_cli::complain(TOOL, &error);
        }
        return ce_cli::exit_code(State::Unknown);
    }
    ce_cli::exit_code(failed.unwrap_or(state))
}
