//! Objects as files below a folder. Nothing is ever seen half written: a temporary name, fsync, rename or link, fsync.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Listed, Store};
use crate::id::hex;
use crate::seal::random;

/// Where unfinished objects are.
const TEMPORARY: &str = "tmp";

/// A repository on a file system.
#[derive(Debug)]
pub struct DirStore {
    root: PathBuf,
}

impl DirStore {
    /// The store in this folder, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        DirStore { root: root.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes the bytes under a temporary name and gives them to `place`; nothing is left behind either way.
    fn write<T>(
        &self,
        name: &str,
        bytes: &[u8],
        place: impl FnOnce(&Path, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let target = self.path(name);
        let folder = target.parent().unwrap_or(&self.root);
        let temporary = self.root.join(TEMPORARY).join(hex(&random::<12>()));
        let mut file = match create(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(self.root.join(TEMPORARY))?;
                create(&temporary)?
            }
            file => file?,
        };
        let placed = (|| {
            write_all(&mut file, bytes)?;
            file.sync_all()?;
            if !folder.is_dir() {
                fs::create_dir_all(folder)?;
                sync(folder.parent().unwrap_or(folder))?;
            }
            let placed = place(&temporary, &target)?;
            sync(folder)?;
            Ok(placed)
        })();
        let _ = fs::remove_file(&temporary);
        placed
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Bytes from which an object is written past the page cache, which belongs to the server's own work.
const LARGE: usize = 4 << 20;
/// Bytes of one such write.
const BLOCK: usize = 1 << 20;
/// What such writes are aligned to; no common disk asks for more.
const ALIGN: usize = 4096;

fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let flags = fcntl_getfl(&*file)?;
    let direct = bytes.len() >= LARGE && fcntl_setfl(&*file, flags | OFlags::DIRECT).is_ok();
    if !direct {
        return file.write_all(bytes);
    }
    let mut buffer = vec![0; BLOCK + ALIGN];
    let skip = buffer.as_ptr().align_offset(ALIGN);
    let aligned = &mut buffer[skip..skip + BLOCK];
    let mut rest = bytes;
    while rest.len() >= ALIGN {
        let len = rest.len().min(BLOCK) / ALIGN * ALIGN;
        aligned[..len].copy_from_slice(&rest[..len]);
        match file.write_all(&aligned[..len]) {
            // A file system that takes the flag and not the write.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            written => written?,
        }
        rest = &rest[len..];
    }
    fcntl_setfl(&*file, flags)?;
    file.write_all(rest)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Store for DirStore {
    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(name))?;
        let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(name))?;
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(name, bytes, |temporary, target| {
            fs::rename(temporary, target)
        })
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        self.write(name, bytes, |temporary, target| {
            match fs::hard_link(temporary, target) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        list(&self.path(folder), folder, &mut listed)?;
        listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn sweep(&self, before: i64) -> io::Result<()> {
        for listed in self.list(TEMPORARY)? {
            if listed.received < before {
                self.delete(&listed.name)?;
            }
        }
        Ok(())
    }

    fn now(&self) -> io::Result<i64> {
        let path = self.path(&format!("{TEMPORARY}/{}", hex(&random::<12>())));
        let probe = fs::create_dir_all(self.path(TEMPORARY)).and_then(|()| create(&path));
        match probe {
            Ok(file) => {
                let time = file.metadata()?.mtime();
                fs::remove_file(path)?;
                Ok(time)
            }
            // Who may only read has no other clock than this machine's.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
                ) =>
            {
                Ok(jiff::Timestamp::now().as_second())
            }
            Err(error) => Err(error),
        }
    }
}

fn list(path: &Path, name: &str, into: &mut Vec<Listed>) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(own) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{name}/{own}");
        match entry.file_type()? {
            kind if kind.is_dir() => list(&entry.path(), &name, into)?,
            kind if kind.is_file() => match entry.metadata() {
                Ok(metadata) => into.push(Listed {
                    name,
                    size: metadata.len(),
                    received: metadata.mtime(),
                }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            },
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;
    use crate::conformance::conforms;

    #[test]
    fn memory_conforms() {
        conforms(&MemoryStore::default());
    }

    #[test]
    fn a_folder_conforms_and_keeps_no_leftovers() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = DirStore::new(folder.path().join("repo"));
        conforms(&store);
        assert_eq!(
            fs::read_dir(folder.path().join("repo/tmp"))
                .expect("it exists")
                .count(),
            0
        );
    }
}
