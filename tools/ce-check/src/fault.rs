//! Why a check could not tell.

use std::io;
use std::path::PathBuf;

use ce_cli::{ConfigError, Explain, FileError, OutputError, ProgramError, SecretError};
use ce_net::NetError;
use ce_record::{Cause, CodecError, State};

/// Why a check could not tell.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Arguments that make no sense together.
    #[error("{message}")]
    Usage {
        /// One sentence.
        message: String,
        /// The way out.
        hint: Option<String>,
    },
    /// A file of the machine or the user.
    #[error(transparent)]
    File(#[from] FileError),
    /// A configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A password or token.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A program that was to be run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Another machine.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A stream of records.
    #[error(transparent)]
    Records(#[from] CodecError),
    /// Nobody can read what it says.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A file that does not read as its documentation says.
    #[error("cannot make sense of '{}': {fault}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The system said no.
    #[error("{action}: {source}")]
    System {
        /// What was tried, with its object.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// This user may not.
    #[error("{action}")]
    Forbidden {
        /// What was tried, and that it is not allowed.
        action: String,
        /// The way out.
        hint: String,
    },
    /// This machine has no such thing.
    #[error("{0}")]
    Absent(String),
}

impl Fault {
    /// Arguments that make no sense together.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: None,
        }
    }

    /// What a record of this fault says: nothing could be told, but for what is at the other end of the network.
    pub fn state(&self) -> State {
        match self {
            Self::Net(error) => net_state(error),
            _ => State::Unknown,
        }
    }
}

/// A target that cannot be reached is down; options that cannot be used say nothing about it.
pub(crate) fn net_state(error: &NetError) -> State {
    if error.cause() == Cause::CONFIG {
        State::Unknown
    } else {
        State::Critical
    }
}

impl Explain for Fault {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } => hint.clone(),
            Self::Forbidden { hint, .. } => Some(hint.clone()),
            Self::File(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Secret(error) => error.hint(),
            Self::Program(error) => error.hint(),
            Self::Net(error) => error.hint(),
            Self::Records(_)
            | Self::Output(_)
            | Self::Malformed { .. }
            | Self::System { .. }
            | Self::Absent(_) => None,
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Self::Program(error) => error.cause(),
            Self::Net(error) => error.cause(),
            Self::Records(_) => Cause::CONTENT,
            Self::Usage { .. } | Self::Config(_) | Self::Secret(_) => Cause::CONFIG,
            Self::File(_)
            | Self::Output(_)
            | Self::Malformed { .. }
            | Self::System { .. }
            | Self::Forbidden { .. }
            | Self::Absent(_) => Cause::SYSTEM,
        }
    }
}
