//! Why a command was not done, as words, cause and exit code.

use ce_cli::{ConfigError, Explain, FileError, OutputError, SecretError};
use ce_record::{Cause, State};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Usage(String, Option<String>),
    #[error(transparent)]
    Vault(#[from] ce_vault::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Database(#[from] crate::database::Error),
}

impl Fault {
    pub fn usage(message: impl Into<String>) -> Self {
        Fault::Usage(message.into(), None)
    }

    pub fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Fault::Usage(message.into(), Some(hint.into()))
    }

    /// Critical where the work was begun and not done, unknown where it could not be tried.
    pub fn state(&self) -> State {
        use ce_vault::Error;
        match self {
            Fault::Vault(
                Error::Io { .. }
                | Error::Store { .. }
                | Error::Reach { .. }
                | Error::Missing { .. }
                | Error::Damaged { .. }
                | Error::Source { .. }
                | Error::Overtaken,
            ) => State::Critical,
            Fault::Database(error) if !error.is_refusal() => State::Critical,
            _ => State::Unknown,
        }
    }
}

impl Explain for Fault {
    fn hint(&self) -> Option<String> {
        match self {
            Fault::Usage(_, hint) => hint.clone(),
            Fault::Vault(error) => error.hint(),
            Fault::Config(error) => error.hint(),
            Fault::File(error) => error.hint(),
            Fault::Secret(error) => error.hint(),
            Fault::Output(error) => error.hint(),
            Fault::Database(error) => error.hint(),
        }
    }

    fn cause(&self) -> Cause {
        use ce_vault::Error;
        match self {
            Fault::Usage(..) => Cause::CONFIG,
            Fault::Vault(error) => match error {
                Error::Damaged { .. } | Error::Missing { .. } | Error::Source { .. } => {
                    Cause::CONTENT
                }
                Error::Io { .. }
                | Error::Store { .. }
                | Error::Reach { .. }
                | Error::Interrupted => Cause::SYSTEM,
                Error::WrongIdentity { .. }
                | Error::WrongPassphrase { .. }
                | Error::NeedsIdentity => Cause::AUTH,
                _ => Cause::CONFIG,
            },
            Fault::Config(error) => error.cause(),
            Fault::File(error) => error.cause(),
            Fault::Secret(error) => error.cause(),
            Fault::Output(error) => error.cause(),
            Fault::Database(error) => error.cause(),
        }
    }
}
