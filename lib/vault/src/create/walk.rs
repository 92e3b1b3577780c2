//! Walks a tree that others may change meanwhile: folder by folder, by descriptor, following no symbolic link.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, Statx, StatxFlags};

/// What opens a folder: never through a link, never as a controlling terminal, without touching its access time.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// An entry of a folder, still to be looked into.
pub(super) struct Entry {
    /// The folder that it is in.
    pub folder: Rc<OwnedFd>,
    pub name: CString,
    /// From the root of the file system, without the first slash.
    pub path: Vec<u8>,
    pub stat: Statx,
}

impl Entry {
    pub fn file_type(&self) -> rustix::fs::FileType {
        rustix::fs::FileType::from_raw_mode(u32::from(self.stat.stx_mode))
    }

    /// The device that it is on.
    pub fn device(&self) -> (u32, u32) {
        (self.stat.stx_dev_major, self.stat.stx_dev_minor)
    }
}

/// What the walk comes across.
pub(super) enum Event {
    Entry(Box<Entry>),
    /// Something that cannot be looked at.
    Failed(Vec<u8>, io::Error),
}

struct Level {
    folder: Rc<OwnedFd>,
    names: std::vec::IntoIter<CString>,
    path_len: usize,
}

/// The walk: a folder before what is in it, names in the order of their bytes.
pub(super) struct Walk {
    levels: Vec<Level>,
    path: Vec<u8>,
    pending: VecDeque<Event>,
}

/// What `statx` is asked for.
pub(super) const WANTED: StatxFlags = StatxFlags::BASIC_STATS;

pub(super) fn stat(folder: impl AsFd, name: &CStr) -> io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    Ok(rustix::fs::statx(folder, name, flags, WANTED)?)
}

/// Opens a folder; without a new access time where that is allowed.
pub(super) fn open_folder(folder: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let folder = folder.as_fd();
    match rustix::fs::openat(folder, name, FOLDER | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => {
            Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
        }
        opened => Ok(opened?),
    }
}

impl Walk {
    /// Starts at an absolute path; the folders above it are reported first.
    pub fn new(root: &[u8]) -> Self {
        let mut walk = Walk {
            levels: Vec::new(),
            path: Vec::new(),
            pending: VecDeque::new(),
        };
        let parts: Vec<&[u8]> = root
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .collect();
        let start = || -> io::Result<(Rc<OwnedFd>, Vec<Entry>)> {
            let mut folder = Rc::new(open_folder(rustix::fs::CWD, c"/")?);
            let mut entries = Vec::new();
            let mut path = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                let name = CString::new(*part).map_err(|_| io::ErrorKind::InvalidInput)?;
                let stat = stat(&folder, &name)?;
                if at > 0 {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
                let next = if at + 1 < parts.len() {
                    Some(open_folder(&folder, &name)?)
                } else {
                    None
                };
                entries.push(Entry {
                    folder: folder.clone(),
                    name,
                    path: path.clone(),
                    stat,
                });
                if let Some(next) = next {
                    folder = Rc::new(next);
                }
            }
            Ok((folder, entries))
        };
        match start() {
            Ok((folder, entries)) => {
                walk.pending
                    .extend(entries.into_iter().map(Box::new).map(Event::Entry));
                if parts.is_empty() {
                    match names(folder.as_fd()) {
                        Ok(names) => walk.levels.push(Level {
                            folder,
                            names: names.into_iter(),
                            path_len: 0,
                        }),
                        Err(error) => walk.pending.push_back(Event::Failed(Vec::new(), error)),
                    }
                }
            }
            Err(error) => {
                let path = root.strip_prefix(b"/").unwrap_or(root).to_vec();
                walk.pending.push_back(Event::Failed(path, error));
            }
        }
        walk
    }

    /// Goes into a folder that was reported last, by the descriptor that the caller opened.
    ///
    /// # Errors
    /// When its names cannot be read.
    pub fn enter(&mut self, path: &[u8], folder: OwnedFd) -> io::Result<()> {
        let names = names(folder.as_fd())?;
        self.path.clear();
        self.path.extend_from_slice(path);
        self.levels.push(Level {
            folder: Rc::new(folder),
            names: names.into_iter(),
            path_len: path.len(),
        });
        Ok(())
    }

    /// Whether the entry that was reported last is only on the way to the root that was asked for.
    pub fn is_above(&self) -> bool {
        !self.pending.is_empty()
    }
}

impl Iterator for Walk {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.pending.pop_front() {
            return Some(event);
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            self.path.truncate(level.path_len);
            if level.path_len > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_bytes());
            return Some(match stat(&level.folder, &name) {
                Ok(stat) => Event::Entry(Box::new(Entry {
                    folder: level.folder.clone(),
                    name,
                    path: self.path.clone(),
                    stat,
                })),
                Err(error) => Event::Failed(self.path.clone(), error),
            });
        }
    }
}

/// A folder's names, sorted.
fn names(folder: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut buffer = [const { MaybeUninit::uninit() }; 32 << 10];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
