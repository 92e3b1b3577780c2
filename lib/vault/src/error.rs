//! What can go wrong with a repository, each naming its object.

use std::io;
use std::path::PathBuf;

/// Why bytes cannot be what they should be, in words that follow "is damaged: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// A failure of a repository, a key or a tree.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {action} '{object}' in the repository: {source}")]
    Store {
        action: &'static str,
        object: String,
        source: io::Error,
    },
    #[error("cannot reach '{object}': {source}")]
    Reach { object: String, source: io::Error },
    #[error("'{object}' is missing in the repository")]
    Missing { object: String },
    #[error("'{object}' in the repository is damaged: {why}")]
    Damaged { object: String, why: &'static str },
    #[error("'{}' is not a repository: there is no config", path.display())]
    NotARepository { path: PathBuf },
    #[error("'{}' is a repository already, for {recipients}", path.display())]
    Exists { path: PathBuf, recipients: String },
    #[error("'{}' is not empty and not a repository", path.display())]
    NotEmpty { path: PathBuf },
    #[error("repository version {0} is newer than this program knows")]
    Version(u64),
    #[error("this machine has no key for repository {repository}")]
    NoWriterKey { repository: String },
    #[error("the key in '{}' is for repository {key}, not for {repository}", path.display())]
    OtherRepository {
        path: PathBuf,
        key: String,
        repository: String,
    },
    #[error("the organisation key does not open this repository: it is sealed to {recipients}")]
    WrongIdentity { recipients: String },
    #[error("wrong passphrase for the organisation key in '{}'", path.display())]
    WrongPassphrase { path: PathBuf },
    #[error("'{}' is not an organisation key: {why}", path.display())]
    NotAnIdentity { path: PathBuf, why: &'static str },
    #[error("'{text}' is not a recipient: {why}")]
    NotARecipient { text: String, why: &'static str },
    #[error("no snapshot '{0}'")]
    NoSnapshot(String),
    #[error("'{prefix}' is the beginning of {count} snapshots' ids")]
    Ambiguous { prefix: String, count: usize },
    #[error("'{word}' may mean a snapshot of several machines, the writers {writers}")]
    Writers { word: String, writers: String },
    #[error("this needs the organisation key")]
    NeedsIdentity,
    #[error("{0}")]
    Refused(String),
    #[error("stopped by a signal")]
    Interrupted,
    #[error("prune condemned packs that this backup relies on while it ran; run it again")]
    Overtaken,
    #[error("the content of '{name}' was not taken whole: {why}")]
    Source { name: String, why: String },
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn damaged(object: impl Into<String>) -> impl FnOnce(Malformed) -> Error {
        let object = object.into();
        move |Malformed(why)| Error::Damaged { object, why }
    }

    /// What the user could do about it, for the line after the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NotARepository { .. } => "ce-backup init REPO --recipient R makes one".into(),
            Error::WrongIdentity { .. } => {
                "after a change of keys that was interrupted, ce-backup repair REPO with the new key ends it".into()
            }
            Error::NoWriterKey { .. } => {
                "ce-backup init REPO lets this machine write to it; reading needs --identity".into()
            }
            Error::NeedsIdentity => "give it with --identity org.key".into(),
            Error::Writers { .. } => {
                "ce-backup list REPO says whose they are; write latest:HOST or latest:WRITER".into()
            }
            Error::NoSnapshot(_) => "ce-backup list REPO names them".into(),
            Error::NotARecipient { .. } => "ce-backup key new prints it".into(),
            Error::Damaged { object, .. } if object == "config" => {
                "it and its copy are gone: put one back from a copy of the repository, for nothing is read without it".into()
            }
            Error::Damaged { .. } | Error::Missing { .. } => {
                "ce-backup check REPO says what is affected, ce-backup repair REPO mends what can be".into()
            }
            Error::Version(_) => "use the program that wrote it or a newer one".into(),
            _ => return None,
        })
    }
}

/// What almost everything here returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
