//! Where items go: folders by descriptor, names that are names, nothing through a link.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::write;
use crate::error::{Error, Result};
use crate::tree::Metadata;

/// What to do with what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The folder must be empty.
    Refuse,
    /// Files that are as they should be stay, others are replaced, what the snapshot lacks is left alone.
    Replace,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A name in a folder that is open.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// None where a dry run would have made it.
    pub folder: Option<Arc<OwnedFd>>,
    pub name: CString,
}

impl Place {
    /// Whether a folder is there, which nothing but a folder can take the place of.
    pub fn is_folder(&self) -> bool {
        let stat = |folder: &Arc<OwnedFd>| {
            rustix::fs::statat(folder, &self.name, AtFlags::SYMLINK_NOFOLLOW).ok()
        };
        self.folder
            .as_ref()
            .and_then(stat)
            .is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

/// The folders on the way to the last item.
pub(super) struct Folders {
    root: Option<Arc<OwnedFd>>,
    open: Vec<(CString, Option<Arc<OwnedFd>>)>,
    existing: Existing,
    dry_run: bool,
}

impl Folders {
    pub fn open(to: &Path, existing: Existing, dry_run: bool) -> Result<Self> {
        if !dry_run {
            std::fs::create_dir_all(to).map_err(Error::io("create", to))?;
        }
        if existing == Existing::Refuse {
            let mut entries = match std::fs::read_dir(to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                entries => Some(entries.map_err(Error::io("read", to))?),
            };
            if entries
                .as_mut()
                .is_some_and(|entries| entries.next().is_some())
            {
                return Err(Error::Refused(format!(
                    "'{}' is not empty: restore to a new folder, or over what is there with --in-place",
                    to.display()
                )));
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = match rustix::fs::open(to, flags, Mode::empty()) {
            Ok(root) => Some(Arc::new(root)),
            Err(rustix::io::Errno::NOENT) if dry_run => None,
            Err(error) => return Err(Error::io("open", to)(error.into())),
        };
        Ok(Folders {
            root,
            open: Vec::new(),
            existing,
            dry_run,
        })
    }

    /// The place of a path; folders on the way are made where they are missing.
    pub fn place(&mut self, path: &[u8]) -> io::Result<Place> {
        let mut parts = Vec::new();
        for part in path.split(|byte| *byte == b'/') {
            if part.is_empty() || part == b"." || part == b".." || part.len() > 255 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "its path is none that a file can have",
                ));
            }
            parts
                .push(CString::new(part).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?);
        }
        let name = parts.pop().ok_or(io::ErrorKind::InvalidData)?;
        let shared = self
            .open
            .iter()
            .zip(&parts)
            .take_while(|((open, _), part)| open == *part)
            .count();
        self.open.truncate(shared);
        for part in parts.into_iter().skip(shared) {
            let parent = self.last();
            let opened = match &parent {
                Some(parent) => self.enter(parent, &part)?.map(Arc::new),
                None => None,
            };
            self.open.push((part, opened));
        }
        Ok(Place {
            folder: self.last(),
            name,
        })
    }

    fn last(&self) -> Option<Arc<OwnedFd>> {
        self.open
            .last()
            .map_or_else(|| self.root.clone(), |(_, folder)| folder.clone())
    }

    fn enter(&self, parent: &OwnedFd, name: &CString) -> io::Result<Option<OwnedFd>> {
        let open = || rustix::fs::openat(parent, name, FOLDER, Mode::empty());
        match open() {
            Ok(folder) => Ok(Some(folder)),
            Err(rustix::io::Errno::NOENT) if self.dry_run => Ok(None),
            // What would be replaced by a folder.
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP)
                if self.dry_run && self.existing == Existing::Replace =>
            {
                Ok(None)
            }
            Err(rustix::io::Errno::NOENT) => {
                rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
                Ok(Some(open()?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a folder, for its owner only until it is dressed; whether it was not there.
    pub fn make(&self, place: &Place) -> io::Result<bool> {
        let Some(folder) = place.folder.as_ref().filter(|_| !self.dry_run) else {
            return Ok(true);
        };
        match rustix::fs::mkdirat(folder, &place.name, Mode::RWXU) {
            Err(rustix::io::Errno::EXIST) => {
                let opened = rustix::fs::openat(folder, &place.name, FOLDER, Mode::empty());
                match opened {
                    Ok(_) => Ok(false),
                    Err(_) if self.existing == Existing::Replace => {
                        rustix::fs::unlinkat(folder, &place.name, AtFlags::empty())?;
                        rustix::fs::mkdirat(folder, &place.name, Mode::RWXU)?;
                        Ok(true)
                    }
                    Err(error) => Err(error.into()),
                }
            }
            made => {
                made?;
                Ok(true)
            }
        }
    }

    /// Makes a path another name of an item that was restored.
    pub fn link(&mut self, target: &[u8], path: &[u8]) -> io::Result<()> {
        let from = self.place(target)?;
        let to = self.place(path)?;
        let (Some(from_folder), Some(to_folder)) = (&from.folder, &to.folder) else {
            return Ok(());
        };
        let link = |name: &CString| {
            rustix::fs::linkat(from_folder, &from.name, to_folder, name, AtFlags::empty())
        };
        match link(&to.name) {
            // What is there stays until the other is there to take its place.
            Err(rustix::io::Errno::EXIST) if self.existing == Existing::Replace => {
                let temporary = write::temporary_name();
                link(&temporary)?;
                let placed = rustix::fs::renameat(to_folder, &temporary, to_folder, &to.name);
                // Two names of one file already: then nothing is renamed, and this one is too many.
                let _ = rustix::fs::unlinkat(to_folder, &temporary, AtFlags::empty());
                Ok(placed?)
            }
            done => Ok(done?),
        }
    }

    /// Gives a folder its owner, attributes, permissions and times.
    pub fn dress(&mut self, path: &[u8], metadata: &Metadata) -> io::Result<()> {
        let place = self.place(path)?;
        let Some(parent) = &place.folder else {
            return Ok(());
        };
        let folder = rustix::fs::openat(parent, &place.name, FOLDER, Mode::empty())?;
        write::dress(&folder, metadata)
    }
}
