//! Passwords and tokens: from a file, a systemd credential or standard input; never from argv, never printed.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ce_record::Cause;
use zeroize::Zeroizing;

use crate::{Explain, FileError, read_bounded};

/// No secret is longer, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// A secret text. It is wiped when dropped and shows nothing when printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others than its owner can read it.
    #[error("'{}' holds a secret but its mode is {mode:04o}", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The credential is not there.
    #[error("there is no systemd credential '{name}'")]
    NoCredential {
        /// The name after `credential:`.
        name: String,
    },
    /// Nothing in it.
    #[error("'{source_name}' holds no secret: it is empty")]
    Empty {
        /// Where it was looked for.
        source_name: String,
    },
}

impl Explain for SecretError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Exposed { path, .. } => Some(format!("chmod 600 '{}'", path.display())),
            Self::NoCredential { name } => {
                Some(format!("add LoadCredential={name}:/path/to/it to the unit"))
            }
            Self::Empty { .. } => None,
        }
    }

    fn cause(&self) -> Cause {
        Cause::CONFIG
    }
}

impl Secret {
    /// A secret that a person typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Secret(Zeroizing::new(text.to_owned()))
    }

    /// From where `source` says: `-` standard input, `credential:NAME` systemd's, else a file. One trailing newline
    /// is not part of it.
    ///
    /// # Errors
    /// It cannot be read, is empty, or a file that others can read.
    pub fn load(source: &str) -> Result<Self, SecretError> {
        let text = Zeroizing::new(if source == "-" {
            let mut text = String::new();
            let read = |source| FileError::Read {
                path: "standard input".into(),
                source,
            };
            std::io::stdin()
                .take(MAX_BYTES)
                .read_to_string(&mut text)
                .map_err(read)?;
            text
        } else if let Some(name) = source.strip_prefix("credential:") {
            let missing = || SecretError::NoCredential {
                name: name.to_owned(),
            };
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(missing)?;
            if name.contains('/') || !Path::new(&folder).join(name).exists() {
                return Err(missing());
            }
            read_bounded(&Path::new(&folder).join(name), MAX_BYTES)?
        } else {
            let path = Path::new(source);
            let mode = std::fs::metadata(path)
                .map_err(|source| FileError::Read {
                    path: path.to_owned(),
                    source,
                })?
                .mode();
            if mode & 0o077 != 0 {
                return Err(SecretError::Exposed {
                    path: path.to_owned(),
                    mode: mode & 0o7777,
                });
            }
            read_bounded(path, MAX_BYTES)?
        });
        let trimmed = text.strip_suffix('\n').unwrap_or(&text);
        let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(SecretError::Empty {
                source_name: source.to_owned(),
            });
        }
        Ok(Self(Zeroizing::new(trimmed.to_owned())))
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let name = path.to_str().unwrap();
        let error = Secret::load(name).unwrap_err();
        assert_eq!(error.hint(), Some(format!("chmod 600 '{name}'")));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let secret = Secret::load(name).unwrap();
        assert_eq!(secret.expose(), "s3cret");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
