//! Reading with a limit, writing whole, and locks that cannot go stale.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::Explain;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read '{}': {}", .path.display(), reason(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write '{}': {}", .path.display(), reason(.source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is longer than it can sensibly be.
    #[error("'{}' is longer than {limit} bytes", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How much is read.
        limit: u64,
    },
    /// It is no text.
    #[error("'{}' is not UTF-8 text", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for FileError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => (source.kind()
                == io::ErrorKind::PermissionDenied)
                .then(|| "run it as a user who may, or change the file's mode".to_owned()),
            Self::TooLong { .. } | Self::NotText { .. } => None,
        }
    }
}

/// The system's words without their error number, in lower case.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, is longer, or is not UTF-8.
pub fn read_bounded(path: &Path, limit: u64) -> Result<String, FileError> {
    // Room for what most files of /proc hold, so that they are read at once.
    let mut bytes = Vec::with_capacity(8 << 10);
    let read = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    File::open(path)
        .map_err(read)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    as_text(path, bytes, limit)
}

/// The same for what a user names, which may be a pipe: one that nobody writes to is given up after `patience`.
///
/// # Errors
/// As [`read_bounded`]; nothing came in time.
pub fn read_given(path: &Path, limit: u64, patience: Duration) -> Result<String, FileError> {
    let read = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(read)?;
    if file.metadata().map_err(read)?.is_file() {
        return read_bounded(path, limit);
    }
    let deadline = Instant::now() + patience;
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| read(ErrorKind::InvalidInput.into()))?;
        match poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(read(io::Error::other("nothing more came in time"))),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(read(error.into())),
        }
        let mut buffer = [0; 16 << 10];
        match (&file).read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(read(error)),
        }
        if bytes.len() as u64 > limit {
            break;
        }
    }
    as_text(path, bytes, limit)
}

fn as_text(path: &Path, bytes: Vec<u8>, limit: u64) -> Result<String, FileError> {
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLong {
            path: path.to_owned(),
            limit,
        });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText {
        path: path.to_owned(),
    })
}

/// Writes a file whole or not at all: temporary name beside it, fsync, rename, fsync of the folder, which is made
/// when it is missing.
///
/// # Errors
/// Any of these steps fails; the file is then as it was.
pub fn write_whole(path: &Path, contents: &[u8], mode: u32) -> Result<(), FileError> {
    let fail = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", crate::new_id(jiff::Timestamp::now())));
    let temporary = folder.join(name);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(contents)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    })();
    written.map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        fail(source)
    })
}

fn open_lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Waits for the exclusive lock on this file, which the kernel gives up when its holder ends, however that was.
///
/// # Errors
/// The file cannot be made or locked.
pub fn lock(path: &Path) -> Result<File, FileError> {
    let fail = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let file = open_lock(path).map_err(fail)?;
    file.lock().map_err(fail)?;
    Ok(file)
}

/// The exclusive lock on this file, or `None` while somebody else holds it.
///
/// # Errors
/// The file cannot be made or locked.
pub fn try_lock(path: &Path) -> Result<Option<File>, FileError> {
    let fail = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let file = open_lock(path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}

/// A share in the lock on this file: alone when nobody else may have one now, which others may have later all the
/// same. `None` while somebody else holds one (`alone`), or holds it exclusively.
///
/// # Errors
/// The file cannot be made or locked.
pub fn try_share(path: &Path, alone: bool) -> Result<Option<File>, FileError> {
    let fail = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let file = open_lock(path).map_err(fail)?;
    let locked = match alone {
        // To give the exclusive lock back for a share is not atomic (flock(2)): who lost it between lost it to another.
        true => file.try_lock().and_then(|()| file.try_lock_shared()),
        false => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        write_whole(&path, b"one", 0o600).unwrap();
        write_whole(&path, b"two", 0o600).unwrap();
        assert_eq!(read_bounded(&path, 3).unwrap(), "two");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
        assert!(matches!(
            read_bounded(&path, 2),
            Err(FileError::TooLong { .. })
        ));
    }

    #[test]
    fn a_lock_is_held_by_one_and_free_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path).unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }

    #[test]
    fn shares_exclude_only_who_wants_to_be_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let one = try_share(&path, true).unwrap().unwrap();
        let two = try_share(&path, false).unwrap().unwrap();
        assert!(try_share(&path, true).unwrap().is_none());
        drop(one);
        assert!(try_share(&path, true).unwrap().is_none());
        drop(two);
        assert!(try_share(&path, true).unwrap().is_some());
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_a_silent_one_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let error = read_given(&path, 10, Duration::from_millis(20)).unwrap_err();
        assert!(error.to_string().contains("nothing more came in time"));
        let writer = path.clone();
        let writer = std::thread::spawn(move || std::fs::write(writer, "text").unwrap());
        assert_eq!(
            read_given(&path, 10, Duration::from_secs(5)).unwrap(),
            "text"
        );
        writer.join().unwrap();
    }

    #[test]
    fn a_missing_file_is_named_without_an_error_number() {
        let error = read_bounded(Path::new("/no/such"), 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read '/no/such': no such file or directory"
        );
    }
}
