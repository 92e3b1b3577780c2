//! How an error becomes words for a person.

use std::error::Error;
use std::io::Write;

use ce_record::{Cause, one_line};

/// An error that knows why it happened and what to do about it.
pub trait Explain: Error {
    /// The way out, in one line without a final period.
    fn hint(&self) -> Option<String> {
        None
    }

    /// The word for the record.
    fn cause(&self) -> Cause {
        Cause::SYSTEM
    }
}

/// Writes `tool: message` to stderr and, when there is one, `tool: hint: way out`.
///
/// A stderr that cannot be written to is nobody's loss: the exit code still says it.
pub fn complain(tool: &str, error: &dyn Explain) {
    let mut stderr = std::io::stderr().lock();
    // What others named, files and arguments, is in these lines: it shall not steer the terminal.
    let _ = writeln!(stderr, "{tool}: {}", one_line(&error.to_string()));
    if let Some(hint) = error.hint() {
        let _ = writeln!(stderr, "{tool}: hint: {}", one_line(&hint));
    }
}
