//! What the last run saw of each file, so that the next reads only what changed. Local, disposable, and without names.
//!
//! In leaves as the snapshot has them: an unbroken run of unchanged items is taken over as the leaf that it was.
//! Items are found by a keyed digest of their path, and count as unchanged when the digest of their stat is the same.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Malformed;
use crate::id::Id;
use crate::tree::{
    Extent, Reference, Xattrs, decode_extents, decode_references, encode_extents, encode_references,
};
use crate::wire::{Cursor, put_bytes, put_varint};

const MAGIC: &[u8; 8] = b"CECACHE3";
/// Bytes of the file's end: offset of the table, digest of all before, magic.
const FOOTER: u64 = 8 + 8 + 8;

/// The digest of a path.
pub(super) type PathKey = u64;
/// The digest of what `stat` said; never all zeros.
pub(super) type Stamp = [u8; 16];

/// An item as the last run left it.
#[derive(Debug)]
pub(super) struct CachedItem {
    path: PathKey,
    pub stamp: Stamp,
    pub extents: Vec<Extent>,
    pub xattrs: Xattrs,
}

/// A leaf as the last run left it.
#[derive(Debug)]
pub(super) struct CachedLeaf {
    pub skeleton: Id,
    pub private: Id,
    pub references: Vec<Reference>,
    pub items: Vec<CachedItem>,
}

/// Where an item is in the cache.
pub(super) type Hit = (Arc<CachedLeaf>, usize);

/// Reads the last run's cache in the order of the walk, and jumps where the order changed.
pub(super) struct CacheReader {
    file: File,
    /// The shards of the index that the cached ids were good for.
    pub shards: Vec<Id>,
    /// The packs that were there.
    pub packs: Vec<Id>,
    /// The sessions whose keys open them.
    pub sessions: Vec<[u8; 16]>,
    offsets: Vec<u64>,
    table_at: u64,
    table: Option<Vec<(PathKey, u32)>>,
    leaf: u32,
    loaded: Option<Arc<CachedLeaf>>,
    at: usize,
}

impl CacheReader {
    /// Opens a cache; a damaged one is as good as none.
    pub fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let len = file.metadata().ok()?.len();
        let footer = read_at(&file, len.checked_sub(FOOTER)?, FOOTER as usize)?;
        let mut cursor = Cursor::new(&footer);
        let table_at = cursor.u64().ok()?;
        let digest: [u8; 8] = cursor.array().ok()?;
        if cursor.take(8).ok()? != MAGIC {
            return None;
        }
        let head = read_at(
            &file,
            table_at,
            usize::try_from(len.checked_sub(FOOTER + table_at)?).ok()?,
        )?;
        if blake3::hash(&head).as_bytes()[..8] != digest {
            return None;
        }
        let mut cursor = Cursor::new(&head);
        let ids = |cursor: &mut Cursor<'_>| -> Option<Vec<Id>> {
            let count = cursor.count(32).ok()?;
            (0..count).map(|_| cursor.array().map(Id).ok()).collect()
        };
        let (shards, packs) = (ids(&mut cursor)?, ids(&mut cursor)?);
        let sessions: Vec<[u8; 16]> = (0..cursor.count(16).ok()?)
            .map(|_| cursor.array())
            .collect::<Result<_, _>>()
            .ok()?;
        let offsets: Vec<u64> = (0..cursor.count(8).ok()?)
            .map(|_| cursor.u64())
            .collect::<Result<_, _>>()
            .ok()?;
        let table_at = table_at + (head.len() - cursor.rest_len()) as u64;
        Some(CacheReader {
            file,
            shards,
            packs,
            sessions,
            offsets,
            table_at,
            table: None,
            leaf: 0,
            loaded: None,
            at: 0,
        })
    }

    /// The item of this path, if the last run had it.
    pub fn find(&mut self, path: PathKey) -> Option<Hit> {
        if self
            .loaded
            .as_ref()
            .is_none_or(|leaf| self.at >= leaf.items.len())
        {
            let next = if self.loaded.is_some() {
                self.leaf + 1
            } else {
                0
            };
            self.load(next);
        }
        if let Some(hit) = self.expect(path) {
            return Some(hit);
        }
        let leaf = self.look_up(path)?;
        if self.loaded.is_none() || leaf != self.leaf {
            self.load(leaf);
        }
        let at = self
            .loaded
            .as_ref()?
            .items
            .iter()
            .position(|item| item.path == path)?;
        self.at = at;
        self.expect(path)
    }

    fn expect(&mut self, path: PathKey) -> Option<Hit> {
        let leaf = self.loaded.as_ref()?;
        if leaf.items.get(self.at)?.path != path {
            return None;
        }
        self.at += 1;
        Some((leaf.clone(), self.at - 1))
    }

    fn look_up(&mut self, path: PathKey) -> Option<u32> {
        let table = self.table.get_or_insert_with(|| {
            let len = self
                .file
                .metadata()
                .map_or(0, |metadata| metadata.len())
                .saturating_sub(FOOTER + self.table_at);
            let bytes = read_at(&self.file, self.table_at, usize::try_from(len).unwrap_or(0))
                .unwrap_or_default();
            let entry = |bytes: &[u8]| {
                let mut cursor = Cursor::new(bytes);
                Some((cursor.u64().ok()?, cursor.u32().ok()?))
            };
            bytes.chunks_exact(12).filter_map(entry).collect()
        });
        let at = table.binary_search_by_key(&path, |(path, _)| *path).ok()?;
        Some(table[at].1)
    }

    fn load(&mut self, leaf: u32) {
        self.leaf = leaf;
        self.at = 0;
        self.loaded = self.read(leaf).map(Arc::new);
    }

    fn read(&self, leaf: u32) -> Option<CachedLeaf> {
        let at = *self.offsets.get(leaf as usize)?;
        let end = *self.offsets.get(leaf as usize + 1)?;
        let bytes = read_at(&self.file, at, usize::try_from(end.checked_sub(at)?).ok()?)?;
        let (digest, record) = bytes.split_first_chunk::<8>()?;
        if blake3::hash(record).as_bytes()[..8] != *digest {
            return None;
        }
        decode(record).ok()
    }
}

fn read_at(file: &File, at: u64, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

fn decode(record: &[u8]) -> Result<CachedLeaf, Malformed> {
    let mut cursor = Cursor::new(record);
    let (skeleton, private) = (Id(cursor.array()?), Id(cursor.array()?));
    let references: Vec<Reference> = decode_references(cursor.bytes()?)?;
    let items = (0..cursor.count(26)?)
        .map(|_| {
            let (path, stamp) = (cursor.u64()?, cursor.array()?);
            let extents = decode_extents(&mut cursor)?;
            let known = |extent: &Extent| match extent {
                Extent::Data { chunk, .. } | Extent::List { chunk, .. } => {
                    (*chunk as usize) < references.len()
                }
                Extent::Hole { .. } => true,
            };
            if !extents.iter().all(known) {
                return Err(Malformed("it refers to no chunk"));
            }
            let xattrs = (0..cursor.count(2)?)
                .map(|_| Ok((cursor.bytes()?.to_vec(), cursor.bytes()?.to_vec())))
                .collect::<Result<_, Malformed>>()?;
            Ok(CachedItem {
                path,
                stamp,
                extents,
                xattrs,
            })
        })
        .collect::<Result<_, Malformed>>()?;
    Ok(CachedLeaf {
        skeleton,
        private,
        references,
        items,
    })
}

/// Writes this run's cache.
pub(super) struct CacheWriter {
    path: PathBuf,
    temporary: PathBuf,
    out: BufWriter<File>,
    at: u64,
    offsets: Vec<u64>,
    table: Vec<(PathKey, u32)>,
}

impl CacheWriter {
    pub fn create(path: &Path, session: &str) -> io::Result<Self> {
        let temporary = path.with_extension(session);
        let file = File::options()
            .write(true)
            .read(true)
            .create_new(true)
            .open(&temporary)?;
        Ok(CacheWriter {
            path: path.to_owned(),
            temporary,
            out: BufWriter::with_capacity(1 << 18, file),
            at: 0,
            offsets: Vec::new(),
            table: Vec::new(),
        })
    }

    /// Appends a leaf.
    pub fn leaf<'a>(
        &mut self,
        (skeleton, private): (&Id, &Id),
        references: &[Reference],
        items: impl ExactSizeIterator<Item = (PathKey, Stamp, &'a [Extent], &'a [(Vec<u8>, Vec<u8>)])>,
    ) -> io::Result<()> {
        let mut record = vec![0; 8];
        record.extend_from_slice(&skeleton.0);
        record.extend_from_slice(&private.0);
        put_bytes(&mut record, &encode_references(references));
        put_varint(&mut record, items.len() as u64);
        for (path, stamp, extents, xattrs) in items {
            self.table.push((path, self.offsets.len() as u32));
            record.extend_from_slice(&path.to_le_bytes());
            record.extend_from_slice(&stamp);
            encode_extents(extents, &mut record);
            put_varint(&mut record, xattrs.len() as u64);
            for (name, value) in xattrs {
                put_bytes(&mut record, name);
                put_bytes(&mut record, value);
            }
        }
        let digest = *blake3::hash(&record[8..]).as_bytes();
        record[..8].copy_from_slice(&digest[..8]);
        self.offsets.push(self.at);
        self.at += record.len() as u64;
        self.out.write_all(&record)
    }

    /// Puts it in place of the last run's.
    pub fn commit(mut self, shards: &[Id], packs: &[Id], sessions: &[[u8; 16]]) -> io::Result<()> {
        self.offsets.push(self.at);
        let mut head = Vec::new();
        for ids in [shards, packs] {
            put_varint(&mut head, ids.len() as u64);
            ids.iter().for_each(|id| head.extend_from_slice(&id.0));
        }
        put_varint(&mut head, sessions.len() as u64);
        head.extend(sessions.iter().flatten());
        put_varint(&mut head, self.offsets.len() as u64);
        for offset in &self.offsets {
            head.extend_from_slice(&offset.to_le_bytes());
        }
        self.table.sort_unstable();
        for (path, leaf) in &self.table {
            head.extend_from_slice(&path.to_le_bytes());
            head.extend_from_slice(&leaf.to_le_bytes());
        }
        let digest = blake3::hash(&head);
        self.out.write_all(&head)?;
        self.out.write_all(&self.at.to_le_bytes())?;
        self.out.write_all(&digest.as_bytes()[..8])?;
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}
