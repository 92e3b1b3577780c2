//! The four states, their order and their exit codes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a thing is, ordered as several are merged: the worst of many is their maximum.
///
/// UNKNOWN ranks above WARNING: not having looked must not hide behind a mild finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Needs somebody during working hours.
    Warning,
    /// Could not be told.
    Unknown,
    /// Needs somebody now.
    Critical,
}

impl State {
    /// All states, mildest first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Unknown, Self::Critical];

    /// The exit code that Nagios, Icinga and cron jobs understand: 0, 1, 2 or 3.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// The state that a program means by this exit code; every code above 3 is UNKNOWN.
    #[must_use]
    pub fn from_exit_code(code: i32) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::Warning,
            2 => Self::Critical,
            _ => Self::Unknown,
        }
    }

    /// The word in a plugin's first line: `OK`, `WARNING`, `CRITICAL` or `UNKNOWN`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The worst of several; UNKNOWN when there is none, for nothing was looked at.
    #[must_use]
    pub fn worst(states: impl IntoIterator<Item = Self>) -> Self {
        states.into_iter().max().unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        })
    }
}

/// A word that names no state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a state: ok, warning, critical, unknown or 0 to 3")]
pub struct StateError(pub String);

impl FromStr for State {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, StateError> {
        match text.to_ascii_lowercase().as_str() {
            "ok" | "0" => Ok(Self::Ok),
            "warning" | "1" => Ok(Self::Warning),
            "critical" | "2" => Ok(Self::Critical),
            "unknown" | "3" => Ok(Self::Unknown),
            _ => Err(StateError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_critical_then_unknown_then_warning() {
        assert!(
            State::Ok < State::Warning
                && State::Warning < State::Unknown
                && State::Unknown < State::Critical
        );
        assert_eq!(
            State::worst([State::Warning, State::Unknown]),
            State::Unknown
        );
        assert_eq!(
            State::worst([State::Unknown, State::Critical]),
            State::Critical
        );
        assert_eq!(State::worst([]), State::Unknown);
    }

    #[test]
    fn a_state_reads_as_a_word_in_any_case_or_as_one_digit() {
        for (text, state) in [
            ("OK", State::Ok),
            ("Warning", State::Warning),
            ("critical", State::Critical),
            ("3", State::Unknown),
        ] {
            assert_eq!(text.parse(), Ok(state));
        }
        for text in ["", "00", "01", "10", "4", "fine", " ok"] {
            assert_eq!(text.parse::<State>(), Err(StateError(text.to_owned())));
        }
    }

    #[test]
    fn exit_codes_are_nagios_and_never_another() {
        for state in State::ALL {
            assert_eq!(State::from_exit_code(i32::from(state.exit_code())), state);
        }
        for code in [-1, 4, 126, 139, 255] {
            assert_eq!(State::from_exit_code(code), State::Unknown);
        }
    }
}
