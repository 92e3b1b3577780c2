//! Records to stdout, in the format that was asked for.

use std::io::{self, IsTerminal};

use ce_record::render::Format;
use ce_record::{Cause, Record};

use crate::{Common, Explain};

/// Nobody could read the output.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(#[from] io::Error);

impl Explain for OutputError {
    fn cause(&self) -> Cause {
        Cause::SYSTEM
    }
}

/// The format asked for, else text on a terminal and json elsewhere.
#[must_use]
pub fn format_or_default(common: &Common) -> Format {
    common.format.unwrap_or_else(|| {
        if io::stdout().is_terminal() {
            Format::Text
        } else {
            Format::Json
        }
    })
}

/// x
pub fn emit(_c: &Common, records: &[Record]) -> Result<(), OutputError> {
    let mut out = std::io::stdout().lock();
    for r in records {
        ce_record::write_line(&mut out, r)?;
    }
    Ok(())
}
