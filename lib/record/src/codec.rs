//! Records as lines: NDJSON, at most 1 MiB a line, unknown records passed on as they came.

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value};

use crate::Record;

/// The longest line that is read, in bytes, without its newline.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// One line of a stream of records.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A record of this version.
    Record(Box<Record>),
    /// A JSON object that is no record of version 1: to be passed on byte for byte.
    Foreign(String),
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The stream itself failed.
    #[error("cannot read records: {0}")]
    Io(#[from] io::Error),
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("line {line} is longer than 1 MiB, which no record is")]
    TooLong {
        /// Counted from 1.
        line: u64,
    },
    /// Not JSON, or a record of version 1 with a field missing or of the wrong type.
    #[error("line {line} is not a record: {fault}")]
    Invalid {
        /// Counted from 1.
        line: u64,
        /// What the parser said.
        fault: String,
    },
}

/// Reads a stream line by line; blank lines are passed over.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    has_failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// Over this input.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            buffer: Vec::new(),
            has_failed: false,
        }
    }

    /// Fills `buffer` with the next line; false at the end. An overlong line is skipped whole.
    fn next_line(&mut self) -> Result<bool, CodecError> {
        self.buffer.clear();
        self.line += 1;
        let mut too_long = false;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                break;
            }
            let (chunk, used, ended) = match available.iter().position(|byte| *byte == b'\n') {
                Some(at) => (&available[..at], at + 1, true),
                None => (available, available.len(), false),
            };
            too_long |= self.buffer.len() + chunk.len() > MAX_LINE_BYTES;
            if !too_long {
                self.buffer.extend_from_slice(chunk);
            }
            self.input.consume(used);
            if ended {
                return if too_long {
                    Err(CodecError::TooLong { line: self.line })
                } else {
                    Ok(true)
                };
            }
        }
        if too_long {
            Err(CodecError::TooLong { line: self.line })
        } else {
            Ok(!self.buffer.is_empty())
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line, CodecError>;

    /// The next record. After a faulty line the one behind it is read; after an I/O error nothing is.
    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_failed {
            match self.next_line() {
                Ok(false) => return None,
                Ok(true) if self.buffer.trim_ascii().is_empty() => {}
                Ok(true) => return Some(parse(&self.buffer, self.line)),
                Err(error) => {
                    self.has_failed = matches!(error, CodecError::Io(_));
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn parse(bytes: &[u8], line: u64) -> Result<Line, CodecError> {
    let invalid = |fault: &dyn std::fmt::Display| CodecError::Invalid {
        line,
        fault: fault.to_string(),
    };
    let text = std::str::from_utf8(bytes).map_err(|error| invalid(&error))?;
    match serde_json::from_str::<Record>(text) {
        Ok(record) if record.v == Record::VERSION => Ok(Line::Record(Box::new(record))),
        Ok(_) => Ok(Line::Foreign(text.to_owned())),
        Err(error) => {
            let object: Map<String, Value> =
                serde_json::from_str(text).map_err(|error| invalid(&error))?;
            if object.get("v").is_some_and(|v| *v == Record::VERSION) {
                Err(invalid(&error))
            } else {
                Ok(Line::Foreign(text.to_owned()))
            }
        }
    }
}

/// Writes one record as one line, in one piece: two writers on one pipe do not mix.
///
/// # Errors
/// What the writer says, and `InvalidData` for a record of more than [`MAX_LINE_BYTES`], of which nothing is written.
pub fn write_line(output: &mut impl Write, record: &Record) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    if line.len() > MAX_LINE_BYTES {
        let fault = format!("the record of '{}' is longer than 1 MiB", record.key());
        return Err(io::Error::new(io::ErrorKind::InvalidData, fault));
    }
    line.push(b'\n');
    output.write_all(&line)
}

#[cfg(test)]
mod tests;
