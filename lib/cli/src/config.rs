//! Configuration files: TOML whose mistakes are named with line, key and what was probably meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ce_record::Cause;
use serde::de::DeserializeOwned;

use crate::{Explain, FileError, read_given};

/// No configuration is longer, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It does not say what a configuration can say.
    #[error("{}, line {line}: {fault}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        fault: String,
        /// What was probably meant.
        hint: Option<String>,
    },
}

impl Explain for ConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Invalid { hint, .. } => hint.clone(),
        }
    }

    fn cause(&self) -> Cause {
        Cause::CONFIG
    }
}

/// Reads a TOML file into `T`, which denies unknown fields. A pipe is waited for no longer than `patience`.
///
/// # Errors
/// The file cannot be read, is no TOML, or has an unknown key or a value of the wrong type.
pub fn load<T: DeserializeOwned>(path: &Path, patience: Duration) -> Result<T, ConfigError> {
    parse(path, &read_given(path, MAX_BYTES, patience)?)
}

/// Reads TOML text that came from `path` into `T`.
///
/// # Errors
/// As [`load`], but for the reading.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let (fault, hint) = reword(error.message());
        ConfigError::Invalid {
            path: path.to_owned(),
            line,
            fault,
            hint,
        }
    })
}

/// serde's words for an unknown field, in ours; with the nearest known one as the hint.
fn reword(message: &str) -> (String, Option<String>) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => {
            let hint = match nearest(unknown, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            (format!("unknown key '{unknown}'"), Some(hint))
        }
        _ => (message.lines().collect::<Vec<_>>().join(" "), None),
    }
}

/// The known word that a mistyped one was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        interval: u32,
    }

    #[test]
    fn a_mistake_is_named_with_file_line_and_the_nearest_key() {
        for (text, message, hint) in [
            (
                "\nintervall = 3\n",
                "x.toml, line 2: unknown key 'intervall'",
                Some("did you mean 'interval'?"),
            ),
            (
                "zzz = 3\n",
                "x.toml, line 1: unknown key 'zzz'",
                Some("known keys: interval"),
            ),
            (
                "interval = \"a\"",
                "x.toml, line 1: invalid type: string \"a\", expected u32",
                None,
            ),
        ] {
            let error = parse::<Sample>(Path::new("x.toml"), text).unwrap_err();
            assert_eq!(
                (error.to_string().as_str(), error.hint().as_deref()),
                (message, hint)
            );
        }
    }
}
