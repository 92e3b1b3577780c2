//! The machine's files, or a recorded or mounted tree of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use ce_cli::FileError;
use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::fault::Fault;

/// No file of /proc or /sys that a check reads is longer, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// As path_resolution(7): the kernel follows no more.
const MAX_LINKS: usize = 40;

/// The machine's files, or a recorded or mounted tree of them.
#[derive(Args, Clone, Debug)]
pub struct Root {
    /// Read the machine's files below this folder instead of /: a container's host, an image, a recorded tree
    #[arg(
        long = "root",
        value_name = "DIR",
        value_parser = PathBufValueParser::new().try_map(std::path::absolute),
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

    /// Where this absolute path of the machine lies, as far as it is there. Links lead nowhere outside of the root.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        match self.is_live() {
            true => Path::new("/").join(path),
            false => self
                .resolve(path.as_ref(), |_| Ok::<_, Infallible>(()))
                .unwrap_or_else(|never| match never {}),
        }
    }

    /// The same, but for a link at its end, which is not followed.
    pub fn link(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => self.path(parent).join(name),
            _ => self.path(path),
        }
    }

    /// The path without symbolic links, as far as it exists. Each step is shown to `look` before it is touched.
    ///
    /// # Errors
    /// What `look` says.
    pub fn resolve<E>(
        &self,
        path: &Path,
        mut look: impl FnMut(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let mut steps: VecDeque<OsString> = steps(path).collect();
        let mut here = self.dir.clone();
        let mut links = 0;
        while let Some(step) = steps.pop_front() {
            if step == ".." {
                if here != self.dir {
                    here.pop();
                }
                continue;
            }
            let next = here.join(&step);
            look(&next)?;
            match std::fs::read_link(&next) {
                Ok(target) if links < MAX_LINKS => {
                    links += 1;
                    if target.is_absolute() {
                        here.clone_from(&self.dir);
                    }
                    let rest = std::mem::take(&mut steps);
                    steps = self::steps(&target).chain(rest).collect();
                }
                _ => here = next,
            }
        }
        Ok(here)
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

/// The parts of a path that lead somewhere.
pub fn steps(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_leads_out_of_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("root");
        std::fs::create_dir_all(dir.join("etc")).unwrap();
        std::fs::write(dir.join("etc/passwd"), "inside").unwrap();
        symlink("/etc/passwd", dir.join("absolute")).unwrap();
        symlink("../../../../etc/passwd", dir.join("relative")).unwrap();
        symlink("/etc", dir.join("folder")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        let root = Root::new(&dir);
        for path in [
            "/absolute",
            "/relative",
            "/folder/passwd",
            "/../../etc/passwd",
        ] {
            assert_eq!(root.read(path).unwrap(), "inside", "{path}");
        }
        assert_eq!(root.link("/folder"), dir.join("folder"));
        assert!(root.read("/loop").is_err());
        assert_eq!(root.path("/no/such"), dir.join("no/such"));
    }
}
