//! Records to stdout, in the format that was asked for.

use std::io::{self, IsTerminal, Write};

use ce_record::render::{self, Format, NagiosOptions, TextOptions};
use ce_record::{Cause, Record};

use crate::{Common, Explain};

/// Nobody could read the output.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whether the reader went away, as head(1) does: nobody need be told.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

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

/// Writes records to stdout as the flags say, in their order; nothing with `--quiet`.
///
/// # Errors
/// Standard output cannot be written to.
pub fn emit(common: &Common, records: &[Record]) -> Result<(), OutputError> {
    if common.quiet {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(&encode(common, records)?)?;
    Ok(stdout.flush()?)
}

fn encode(common: &Common, records: &[Record]) -> io::Result<Vec<u8>> {
    let text = match format_or_default(common) {
        Format::Json => {
            let mut lines = Vec::new();
            records
                .iter()
                .try_for_each(|record| ce_record::write_line(&mut lines, record))?;
            return Ok(lines);
        }
        Format::Text => render::text(records, &text_options(common)),
        Format::Nagios => render::nagios(
            records,
            &NagiosOptions {
                verbose: common.verbose,
                ..NagiosOptions::default()
            },
        ),
        Format::Openmetrics => render::openmetrics(records),
        Format::Munin => render::munin(records),
        Format::MuninConfig => render::munin_config(records),
    };
    Ok(text.into_bytes())
}

/// Colours and width only for a terminal; no colours when NO_COLOR is set (no-color.org).
fn text_options(common: &Common) -> TextOptions {
    let terminal = io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col));
    TextOptions {
        color: terminal && !no_color,
        width: width.filter(|width| terminal && *width >= 40),
        verbose: common.verbose,
    }
}
