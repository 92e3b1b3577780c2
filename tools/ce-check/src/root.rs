//! The machine's files, or a recorded or mounted tree of them.

use std::path::{Path, PathBuf};

use ce_cli::FileError;
use clap::Args;

use crate::fault::Fault;

/// No file of /proc or /sys that a check reads is longer, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The machine's files, or a recorded or mounted tree of them.
#[derive(Args, Clone, Debug)]
pub struct Root {
    /// Read the machine's files below this folder instead of /: a container's host, an image, a recorded tree
    #[arg(
        long = "root",
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    dir: PathBuf,
}

impl Root {
    /// The tree below this folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Whether this is the running machine itself.
    pub fn is_live(&self) -> bool {
        self.dir == Path::new("/")
    }

    /// Where this absolute path of the machine lies.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.dir.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a file such as `/proc/loadavg`.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String, Fault> {
        Ok(ce_cli::read_bounded(&self.path(path), MAX_BYTES)?)
    }

    /// The text of a file that not every machine has.
    pub fn read_if_there(&self, path: impl AsRef<Path>) -> Result<Option<String>, Fault> {
        match ce_cli::read_bounded(&self.path(path), MAX_BYTES) {
            Ok(text) => Ok(Some(text)),
            Err(FileError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A fault in a file of the machine.
    pub fn malformed(&self, path: impl AsRef<Path>, fault: impl Into<String>) -> Fault {
        Fault::Malformed {
            path: self.path(path),
            fault: fault.into(),
        }
    }
}
