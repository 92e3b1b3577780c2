//! Packs that are stored but in no index yet: after a crash the next run takes them over instead of storing them again.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::id::{Id, hex};
use crate::index::Index;
use crate::pack::{self, Group, Pack};
use crate::store::Store;
use crate::wire::{Cursor, put_bytes};

const PREFIX: &str = "journal-";

/// A journal that is locked as long as its run lives.
///
/// It only saves work after a crash: a full disk for caches does not stop a backup.
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
}

impl Journal {
    /// A new one for this session, if there is a folder for it.
    pub fn create(folder: Option<&Path>, session: &[u8; 16]) -> Self {
        let path = folder
            .unwrap_or(Path::new(""))
            .join(format!("{PREFIX}{}", hex(session)));
        let open = || {
            OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .ok()
        };
        let file = folder
            .and_then(|_| open())
            .filter(|file| file.lock().is_ok());
        Journal { path, file }
    }

    /// Notes a pack that is stored.
    pub fn note(&mut self, pack: &Pack) {
        if self
            .file
            .as_mut()
            .is_some_and(|file| file.write_all(&encode(pack)).is_err())
        {
            self.file = None;
        }
    }

    /// The journals of runs that are dead.
    pub fn orphans(folder: &Path) -> Vec<(Self, Vec<u8>)> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let names = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
        names
            .filter_map(|entry| {
                let path = entry.path();
                let locked = File::open(&path).ok()?;
                locked.try_lock().ok()?;
                let bytes = fs::read(&path).ok()?;
                Some((
                    Journal {
                        path,
                        file: Some(locked),
                    },
                    bytes,
                ))
            })
            .collect()
    }

    /// Forgets it, once the index has what it says.
    pub fn remove(self) {
        if self.file.is_some() {
            let _ = fs::remove_file(self.path);
        }
    }
}

/// A record: digest, pack's id, length of the directory, directory.
pub(crate) fn encode(pack: &Pack) -> Vec<u8> {
    let mut record = pack.id.0.to_vec();
    put_bytes(&mut record, &pack::encode_directory(&pack.groups));
    let mut out = blake3::hash(&record).as_bytes()[..8].to_vec();
    out.append(&mut record);
    out
}

/// Adds the packs of a journal that the store has.
pub(super) fn adopt(bytes: &[u8], store: &dyn Store, index: &mut Index) {
    let mut rest = Cursor::new(bytes);
    while let Some((id, groups)) = next(&mut rest) {
        let header = store.get_range(&pack::name(&id), 0, pack::Header::LEN);
        if let Some(header) = header
            .ok()
            .and_then(|bytes| pack::Header::decode(&bytes).ok())
        {
            index.add(id, header.session, &groups);
        }
    }
}

/// The next whole record; a crash may have cut the last.
fn next(rest: &mut Cursor<'_>) -> Option<(Id, Vec<Group>)> {
    let digest: [u8; 8] = rest.array().ok()?;
    let id: [u8; 32] = rest.array().ok()?;
    let directory = rest.bytes().ok()?;
    let mut record = id.to_vec();
    put_bytes(&mut record, directory);
    if blake3::hash(&record).as_bytes()[..8] != digest {
        return None;
    }
    Some((Id(id), pack::decode_directory(directory, u32::MAX).ok()?))
}
