//! Goes through what is asked for, item by item: what is unchanged is taken over, the rest is read; what cannot be is named.

use std::collections::hash_map::Entry as Known;
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FileType;

use super::Options;
use super::cache::{CacheReader, CacheWriter, CachedLeaf, Stamp};
use super::content::{self, Content, Outcome};
use super::leaf::{Leaves, Source};
use super::metadata::{self, Owners};
use super::roots::Roots;
use super::walk::{self, Entry, Event, Walk};
use crate::error::{Error, Result};
use crate::seal::Key;
use crate::snapshot::{Figures, Omission};
use crate::tree::{Extent, Item, Kind, Metadata, Owner, Xattrs};

/// A tree that is walked, and the folders on the way to it that are in the snapshot already.
struct Tree<'a> {
    roots: &'a Roots,
    root: &'a [u8],
    /// The walk above this path was reported already: this tree is inside of another.
    above_from: &'a [u8],
    seen_above: &'a mut HashSet<Vec<u8>>,
}

impl Tree<'_> {
    fn is_new_above(&mut self, path: &[u8]) -> bool {
        (path == self.above_from || crate::restore::is_below(path, self.above_from))
            && self.seen_above.insert(path.to_vec())
    }
}

/// What a run finds on its way.
pub(super) struct Run<'a> {
    pub options: &'a Options<'a>,
    pub owners: Owners,
    pub cache_key: Key,
    /// First path of each inode that has several.
    pub links: HashMap<(u32, u32, u64), Vec<u8>>,
    pub omissions: Vec<Omission>,
    pub figures: Figures,
    pub leaves: Leaves,
    /// What the last run saw.
    pub seen: Option<CacheReader>,
    /// What this run sees, for the next.
    pub seeing: Option<CacheWriter>,
    /// Whether the cache's chunks are known to be stored.
    pub sure: bool,
    pub now: i64,
}

impl Run<'_> {
    fn omit(&mut self, path: &[u8], why: &dyn std::fmt::Display) {
        let path = format!("/{}", String::from_utf8_lossy(path));
        self.omissions.push(Omission {
            path,
            why: why.to_string(),
        });
    }

    pub fn paths(&mut self, paths: &[PathBuf], content: &mut Content<'_, '_, '_>) -> Result<()> {
        let roots = Roots::new(paths);
        let mut seen_above = HashSet::new();
        for root in roots.outermost() {
            let mut tree = Tree {
                roots: &roots,
                root,
                above_from: b"",
                seen_above: &mut seen_above,
            };
            self.tree(&mut tree, content)?;
        }
        Ok(())
    }

    /// Walks one tree. Where it does not go, it still goes to what was asked for below.
    fn tree(&mut self, tree: &mut Tree<'_>, content: &mut Content<'_, '_, '_>) -> Result<()> {
        let mut walk = Walk::new(tree.root);
        while let Some(event) = walk.next() {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let entry = match event {
                Event::Entry(entry) => *entry,
                // What was asked for and never was there did not vanish.
                Event::Failed(path, error)
                    if Some(path.as_slice()) == tree.root.strip_prefix(b"/") =>
                {
                    self.omit(&path, &error);
                    continue;
                }
                Event::Failed(path, error) => {
                    self.omit(&path, &vanished(&error));
                    continue;
                }
            };
            let above = walk.is_above();
            if above && !tree.is_new_above(&entry.path) {
                continue;
            }
            self.options.progress.items.fetch_add(1, Ordering::Relaxed);
            let path = entry.path.clone();
            let (major, minor) = entry.device();
            let device = rustix::fs::makedev(major, minor);
            let exclude = &self.options.exclude;
            let excluded =
                !above && (exclude.excludes(&path) || exclude.is_own(device, entry.stat.stx_ino));
            let crosses = !above
                && self.options.one_file_system
                && tree
                    .roots
                    .device(&path)
                    .is_some_and(|device| device != entry.device());
            let mut folder = None;
            if !excluded {
                folder = self.entry(entry, above || crosses, content)?;
            }
            if excluded || crosses {
                if crosses && !excluded {
                    tree.seen_above.insert(path.clone());
                }
                for root in tree.roots.below(&path) {
                    let mut inner = Tree {
                        roots: tree.roots,
                        root,
                        above_from: &path,
                        seen_above: tree.seen_above,
                    };
                    self.tree(&mut inner, content)?;
                }
            }
            if let Some(folder) = folder
                && let Err(error) = walk.enter(&path, folder)
            {
                self.omit(&path, &error);
            }
        }
        Ok(())
    }

    /// Takes one entry; the open folder when there is one to go into.
    fn entry(
        &mut self,
        mut entry: Entry,
        shallow: bool,
        content: &mut Content<'_, '_, '_>,
    ) -> Result<Option<OwnedFd>> {
        let path_key = metadata::path_key(&self.cache_key, &entry.path);
        let file_type = entry.file_type();
        let linked_to = self.linked_to(&entry, file_type);
        let target = if file_type == FileType::Symlink {
            match rustix::fs::readlinkat(&entry.folder, &entry.name, Vec::new()) {
                Ok(target) => target.into_bytes(),
                Err(error) => {
                    self.omit(&entry.path, &vanished(&error.into()));
                    return Ok(None);
                }
            }
        } else {
            Vec::new()
        };
        let mut folder = None;
        if file_type == FileType::Directory && !shallow {
            match walk::open_folder(&entry.folder, &entry.name) {
                Ok(open) => folder = Some(open),
                Err(error) => self.omit(&entry.path, &vanished(&error)),
            }
        }
        let other = linked_to.as_deref().unwrap_or(&target);
        let mut stamp = metadata::stamp(&self.cache_key, &entry.stat, other, self.now);
        if let Some((leaf, at)) = self.seen.as_mut().and_then(|seen| seen.find(path_key)) {
            let known = &leaf.items[at];
            if Some(known.stamp) == stamp && self.is_stored(&leaf, at, content)? {
                if file_type == FileType::RegularFile && linked_to.is_none() {
                    self.figures.bytes += entry.stat.stx_size;
                    self.options
                        .progress
                        .bytes
                        .fetch_add(entry.stat.stx_size, Ordering::Relaxed);
                }
                let xattrs = known.xattrs.clone();
                let kind = kind_of(&entry, file_type, linked_to, target, false);
                let folder = self.unless_tagged(folder);
                self.push(
                    entry,
                    kind,
                    xattrs,
                    path_key,
                    stamp,
                    Source::Cached(leaf, at),
                    content,
                )?;
                return Ok(folder);
            }
        }
        let mut pieces = Vec::new();
        let mut torn = false;
        let xattrs = if file_type == FileType::RegularFile && linked_to.is_none() {
            match content.read_file(&mut entry)? {
                Ok(Outcome::Whole(read, xattrs)) => {
                    pieces = read;
                    stamp = metadata::stamp(
                        &self.cache_key,
                        &entry.stat,
                        other,
                        jiff::Timestamp::now().as_second(),
                    );
                    Ok(xattrs)
                }
                Ok(Outcome::Torn(read, xattrs)) => {
                    self.omit(&entry.path, &"it changed while it was read, three times");
                    pieces = read;
                    torn = true;
                    stamp = None;
                    Ok(xattrs)
                }
                Err(error) => {
                    self.omit(&entry.path, &vanished(&error));
                    // Another of its names may still be there.
                    self.links.retain(|_, first| *first != entry.path);
                    return Ok(None);
                }
            }
        } else if let Some(folder) = &folder {
            metadata::xattrs_of(folder)
        } else {
            metadata::xattrs_at(&entry)
        };
        let xattrs = xattrs.unwrap_or_else(|error| {
            self.omit(&entry.path, &format!("extended attributes: {error}"));
            Vec::new()
        });
        self.figures.bytes += pieces.iter().map(piece_len).sum::<u64>();
        let kind = kind_of(&entry, file_type, linked_to, target, torn);
        let folder = self.unless_tagged(folder);
        self.push(
            entry,
            kind,
            xattrs,
            path_key,
            stamp,
            Source::Read(pieces),
            content,
        )?;
        Ok(folder)
    }

    #[allow(clippy::too_many_arguments, reason = "an item is made of these")]
    fn push(
        &mut self,
        entry: Entry,
        kind: Kind,
        xattrs: Xattrs,
        path_key: u64,
        stamp: Option<Stamp>,
        source: Source,
        content: &mut Content<'_, '_, '_>,
    ) -> Result<()> {
        match kind {
            Kind::File { .. } => self.figures.files += 1,
            _ => self.figures.others += 1,
        }
        let metadata = metadata::metadata(&entry.stat, &self.owners, xattrs);
        self.leaves.push(
            Item {
                path: entry.path,
                kind,
                metadata,
            },
            path_key,
            stamp,
            source,
            content,
            &mut self.seeing,
        )
    }

    /// The first path of an inode that this is another path of.
    fn linked_to(&mut self, entry: &Entry, file_type: FileType) -> Option<Vec<u8>> {
        if entry.stat.stx_nlink < 2 || file_type == FileType::Directory {
            return None;
        }
        let inode = (
            entry.stat.stx_dev_major,
            entry.stat.stx_dev_minor,
            entry.stat.stx_ino,
        );
        match self.links.entry(inode) {
            Known::Occupied(first) if *first.get() != entry.path => Some(first.get().clone()),
            Known::Occupied(_) => None,
            Known::Vacant(vacant) => {
                vacant.insert(entry.path.clone());
                None
            }
        }
    }

    /// Whether the chunks of a cached item are in the repository still.
    fn is_stored(
        &self,
        leaf: &CachedLeaf,
        at: usize,
        content: &mut Content<'_, '_, '_>,
    ) -> Result<bool> {
        if self.sure {
            return Ok(true);
        }
        let mut needed = vec![(leaf.skeleton, false), (leaf.private, false)];
        needed.extend(
            leaf.items[at]
                .extents
                .iter()
                .filter_map(|extent| match extent {
                    Extent::Data { chunk, .. } => {
                        Some((leaf.references[*chunk as usize].id, false))
                    }
                    Extent::List { chunk, .. } => Some((leaf.references[*chunk as usize].id, true)),
                    Extent::Hole { .. } => None,
                }),
        );
        for (id, list) in needed {
            if !content.pipeline.has(&id)? || (list && !content.pipeline.has_all_of(&id)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The folder, unless it says that it is a cache and caches are left out.
    fn unless_tagged(&self, folder: Option<OwnedFd>) -> Option<OwnedFd> {
        folder.filter(|folder| !(self.options.exclude.caches && crate::exclude::is_cache(folder)))
    }

    pub fn stream(
        &mut self,
        name: &str,
        from: &mut dyn Read,
        end: &mut dyn FnMut() -> Result<(), String>,
        content: &mut Content<'_, '_, '_>,
    ) -> Result<()> {
        let source = |why: String| Error::Source {
            name: name.to_owned(),
            why,
        };
        let mut from = Stoppable {
            from,
            stop: self.options.stop,
        };
        let pieces = match content.stream(&mut from)? {
            Ok(pieces) => pieces,
            Err(_) if self.options.stop.load(Ordering::Relaxed) => return Err(Error::Interrupted),
            Err(error) => return Err(source(error.to_string())),
        };
        end().map_err(source)?;
        self.figures.files = 1;
        self.figures.bytes = pieces.iter().map(piece_len).sum();
        let kind = Kind::File {
            extents: Vec::new(),
            torn: false,
        };
        let owner = Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            ..Default::default()
        };
        let metadata = Metadata {
            mode: 0o600,
            owner,
            mtime: (self.now, 0),
            xattrs: Vec::new(),
        };
        let item = Item {
            path: name.trim_start_matches('/').as_bytes().to_vec(),
            kind,
            metadata,
        };
        let source = Source::Read(pieces);
        self.leaves
            .push(item, 0, None, source, content, &mut self.seeing)
    }
}

/// A stream that ends with an error when the run is stopped.
struct Stoppable<'a> {
    from: &'a mut dyn Read,
    stop: &'a AtomicBool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Other.into());
            }
            match self.from.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

fn piece_len(piece: &content::Piece) -> u64 {
    match piece {
        content::Piece::Chunk { len, .. } | content::Piece::Hole { len } => *len,
        content::Piece::Bundled { len, .. } => u64::from(*len),
    }
}

fn vanished(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it vanished while the backup ran".to_owned(),
        _ => error.to_string(),
    }
}

fn kind_of(
    entry: &Entry,
    file_type: FileType,
    linked_to: Option<Vec<u8>>,
    target: Vec<u8>,
    torn: bool,
) -> Kind {
    if let Some(first) = linked_to {
        return Kind::Hardlink(first);
    }
    match file_type {
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink(target),
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => {
            Kind::Char(entry.stat.stx_rdev_major, entry.stat.stx_rdev_minor)
        }
        FileType::BlockDevice => Kind::Block(entry.stat.stx_rdev_major, entry.stat.stx_rdev_minor),
        _ => Kind::File {
            extents: Vec::new(),
            torn,
        },
    }
}
