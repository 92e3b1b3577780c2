//! Makes a snapshot: walk, compare with the last run, read what changed, chunk, store, commit.
//!
//! Order of writes: session key, packs, index, snapshot. Nothing is locked: a backup runs beside others and beside prune.

mod cache;
mod content;
mod journal;
mod leaf;
pub(crate) mod metadata;
mod pipeline;
mod roots;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use rustix::fs::FileType;

use self::cache::{CacheReader, CacheWriter, Stamp};
use self::content::{Content, Outcome};
use self::journal::Journal;
use self::leaf::{Leaves, Source};
use self::metadata::Owners;
use self::pipeline::{Known, Lane, Pipeline, Shared};
use self::roots::Roots;
use self::walk::{Entry, Event, Walk};
use crate::chunker::Chunker;
use crate::condemned::{self, Condemned};
use crate::error::{Error, Result};
use crate::exclude::Exclude;
use crate::id::{Id, hex};
use crate::index::{self, Index};
use crate::key::WriterKey;
use crate::repository::{Repository, store_error};
use crate::seal::{Key, random};
use crate::snapshot::{self, Figures, Head, Omission, Snapshot};
use crate::tree::{Item, Kind, Xattrs};

/// What is backed up.
pub enum What<'a> {
    /// Trees, by absolute path.
    Paths(Vec<PathBuf>),
    /// A stream under a name; `end` says after its last byte whether it was whole.
    Stream {
        /// Its path in the snapshot.
        name: String,
        /// Its bytes.
        from: &'a mut dyn Read,
        /// Why it is not whole, when it is not.
        end: &'a mut dyn FnMut() -> Result<(), String>,
    },
}

/// How a snapshot is made.
pub struct Options<'a> {
    /// Of this machine.
    pub host: String,
    /// Program and version.
    pub program: String,
    /// What the user attached.
    pub tags: BTreeMap<String, String>,
    /// What is left out.
    pub exclude: Exclude,
    /// Whether to stay on the file systems of the roots.
    pub one_file_system: bool,
    /// Parity, in percent.
    pub parity: u8,
    /// Of zstd.
    pub level: i32,
    /// Store nothing, only count.
    pub dry_run: bool,
    /// Where the cache is; without it everything is read.
    pub cache: Option<&'a Path>,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Counts as it goes.
    pub progress: &'a Progress,
}

/// What a backup has done so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// Items looked at.
    pub items: AtomicU64,
    /// Bytes of files, read or known.
    pub bytes: AtomicU64,
}

/// A snapshot that was made, or with `dry_run` would have been.
#[derive(Debug)]
pub struct Created {
    /// Its id; none for a dry run.
    pub id: Option<Id>,
    /// Its number among the writer's; 0 for a dry run.
    pub sequence: u64,
    /// In numbers.
    pub figures: Figures,
    /// What could not be taken whole.
    pub omissions: Vec<Omission>,
}

/// How often a commit is tried when others commit or prune at the same time.
const ATTEMPTS: usize = 50;

/// Makes a snapshot.
///
/// # Errors
/// When nothing was committed; omissions are no error.
pub fn create(
    repository: &Repository,
    mut what: What<'_>,
    options: &Options<'_>,
) -> Result<Created> {
    let mut again = 0;
    loop {
        match attempt(repository, &mut what, options) {
            Err(Error::Refused(why))
                if why == OVERTAKEN && again < 3 && matches!(what, What::Paths(_)) =>
            {
                again += 1;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
pub(crate) use self::journal::encode as journal_record;

const OVERTAKEN: &str =
    "prune condemned packs that this backup relies on while it ran; run it again";

fn attempt(repository: &Repository, what: &mut What<'_>, options: &Options<'_>) -> Result<Created> {
    let started = Instant::now();
    let time = jiff::Timestamp::now();
    let key = repository.writer()?;
    let writer = key.id();
    let session: [u8; 16] = random();

    let shards = shard_names(repository)?;
    let condemned = condemned::load(repository)?;
    let roots = roots(what);
    let cache_path = options.cache.map(|folder| {
        folder.join(format!(
            "seen-{}",
            &Id::of(roots.join("\0").as_bytes()).to_string()[..16]
        ))
    });
    let mut reader = cache_path.as_deref().and_then(CacheReader::open);
    let sure = condemned.is_empty()
        && reader
            .as_ref()
            .is_some_and(|reader| reader.shards.iter().all(|shard| shards.contains(shard)));

    let mut orphans = Vec::new();
    if let Some(folder) = options.cache.filter(|_| !options.dry_run) {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        orphans = Journal::orphans(folder);
    }
    let mut adopted = Index::default();
    for (_, bytes) in &orphans {
        journal::adopt(bytes, repository.store.as_ref(), &mut adopted);
    }
    adopted.retain(|pack| !condemned.contains(pack));
    let load = || {
        let mut damaged = None;
        let mut index = repository.index(&writer, |error| damaged = Some(error))?;
        index.retain(|pack| !condemned.contains(pack));
        for shard in adopted.encode(&writer, &key.index_key()) {
            index
                .read(&shard, &key.index_key())
                .map_err(Error::damaged("journal"))?;
        }
        index.sort();
        Ok(index)
    };

    let shared = Shared::new(
        repository,
        key,
        session,
        options.cache,
        options.parity,
        options.level,
        options.dry_run,
    );
    let mut writer_cache = cache_path
        .as_deref()
        .filter(|_| !options.dry_run)
        .and_then(|path| CacheWriter::create(path, &hex(&session)).ok());

    let mut run = Run {
        options,
        owners: Owners::load(),
        cache_key: key.cache_key(),
        links: HashMap::new(),
        omissions: Vec::new(),
        figures: Figures::default(),
        sure,
        now: time.as_second(),
    };
    let count = |bytes| {
        options.progress.bytes.fetch_add(bytes, Ordering::Relaxed);
    };
    let mut leaves = Leaves::default();
    let (nodes, errors) = std::thread::scope(|scope| -> Result<_> {
        let mut pipeline = Pipeline::start(scope, &shared, Known::new(load));
        let mut content = Content::new(&mut pipeline, Chunker::new(&key.chunker_secret()), &count);
        match what {
            What::Paths(paths) => {
                run.paths(
                    paths,
                    &mut content,
                    &mut leaves,
                    &mut reader,
                    &mut writer_cache,
                )?;
            }
            What::Stream { name, from, end } => {
                run.stream(
                    name,
                    *from,
                    *end,
                    &mut content,
                    &mut leaves,
                    &mut writer_cache,
                )?;
            }
        }
        let nodes = leaves.finish(&mut content, &mut writer_cache)?;
        let errors = if run.omissions.is_empty() {
            None
        } else {
            let list =
                serde_json::to_vec(&run.omissions).expect("these types have string keys only");
            Some(pipeline.add(Lane::Names, &list)?)
        };
        pipeline.finish()?;
        run.figures.new_bytes = pipeline.new_bytes;
        Ok((nodes, errors))
    })?;

    let mut figures = run.figures;
    figures.complete = run.omissions.is_empty();
    figures.error_count = run.omissions.len() as u64;
    figures.stored_bytes = shared.stored_bytes();
    let mut index = shared.take_new();
    if options.dry_run {
        figures.took_ms = millis(started);
        return Ok(Created {
            id: None,
            sequence: 0,
            figures,
            omissions: run.omissions,
        });
    }
    for shard in adopted.encode(&writer, &key.index_key()) {
        index
            .read(&shard, &key.index_key())
            .map_err(Error::damaged("journal"))?;
    }
    let mut shards = shards;
    for shard in index.encode(&writer, &key.index_key()) {
        let name = index::name(&shard);
        repository
            .store
            .put(&name, &shard)
            .map_err(store_error("write", &name))?;
        figures.stored_bytes += shard.len() as u64;
        shards.insert(Id::of(&shard));
    }
    let orphans = orphans.into_iter().map(|(journal, _)| journal);
    orphans
        .chain(shared.take_journal())
        .for_each(Journal::remove);

    not_condemned_since(repository, &condemned, &writer, &nodes)?;
    figures.took_ms = millis(started);
    let head = Head {
        previous: None,
        time: time.to_string(),
        host: options.host.clone(),
        program: options.program.clone(),
        roots,
        tags: options.tags.clone(),
        nodes,
        errors,
        figures,
    };
    let (id, sequence) = commit(repository, key, head)?;
    if (leaves.changed || !sure)
        && let Some(cache) = writer_cache
    {
        let mut shards: Vec<Id> = shards.into_iter().collect();
        shards.sort_unstable();
        let _ = cache.commit(&shards);
    }
    Ok(Created {
        id: Some(id),
        sequence,
        figures,
        omissions: run.omissions,
    })
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn roots(what: &What<'_>) -> Vec<String> {
    match what {
        What::Paths(paths) => paths
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        What::Stream { name, .. } => vec![name.clone()],
    }
}

fn shard_names(repository: &Repository) -> Result<HashSet<Id>> {
    let listed = repository.list("index")?;
    Ok(listed
        .iter()
        .filter_map(|listed| Id::parse(listed.name.strip_prefix("index/")?))
        .collect())
}

/// Fails when a prune that ran meanwhile condemned a pack that the new snapshot needs.
fn not_condemned_since(
    repository: &Repository,
    before: &Condemned,
    writer: &[u8; 16],
    nodes: &[(Id, Id)],
) -> Result<()> {
    let now = condemned::load(repository)?;
    if now.is_subset_of(before) {
        return Ok(());
    }
    if crate::reach::relies_on(repository, writer, nodes, |pack| now.contains(pack))? {
        return Err(Error::Refused(OVERTAKEN.to_owned()));
    }
    Ok(())
}

/// Puts the snapshot at the end of the writer's chain; another run of the same writer may be faster.
fn commit(repository: &Repository, key: &WriterKey, mut head: Head) -> Result<(Id, u64)> {
    for _ in 0..ATTEMPTS {
        let newest = repository.newest(&key.id())?;
        let forgotten = crate::forgotten::last(repository, &key.id())?;
        let (sequence, previous) = chain_end(newest.as_ref(), forgotten);
        head.previous = previous;
        let bytes = snapshot::encode(&head, sequence, key);
        let name = snapshot::name(&key.id(), sequence);
        if repository
            .store
            .put_new(&name, &bytes)
            .map_err(store_error("write", &name))?
        {
            return Ok((Id::of(&bytes), sequence));
        }
    }
    Err(Error::Refused(
        "other backups of this machine committed each time that this one tried; run it again"
            .into(),
    ))
}

/// The next number and the digest of the one before it, be it there or forgotten.
fn chain_end(newest: Option<&Snapshot>, forgotten: Option<(u64, Id)>) -> (u64, Option<Id>) {
    let there = newest.map(|snapshot| (snapshot.sequence, snapshot.id));
    match there
        .into_iter()
        .chain(forgotten)
        .max_by_key(|(sequence, _)| *sequence)
    {
        Some((sequence, id)) => (sequence + 1, Some(id)),
        None => (1, None),
    }
}

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

struct Run<'a> {
    options: &'a Options<'a>,
    owners: Owners,
    cache_key: Key,
    /// First path of each inode that has several.
    links: HashMap<(u32, u32, u64), Vec<u8>>,
    omissions: Vec<Omission>,
    figures: Figures,
    /// Whether the cache's chunks are known to be stored.
    sure: bool,
    now: i64,
}

impl Run<'_> {
    fn omit(&mut self, path: &[u8], why: &dyn std::fmt::Display) {
        let path = format!("/{}", String::from_utf8_lossy(path));
        self.omissions.push(Omission {
            path,
            why: why.to_string(),
        });
    }

    fn paths(
        &mut self,
        paths: &[PathBuf],
        content: &mut Content<'_, '_, '_>,
        leaves: &mut Leaves,
        cache: &mut Option<CacheReader>,
        writer: &mut Option<CacheWriter>,
    ) -> Result<()> {
        let roots = Roots::new(paths);
        let mut seen_above = HashSet::new();
        for root in roots.outermost() {
            let mut tree = Tree {
                roots: &roots,
                root,
                above_from: b"",
                seen_above: &mut seen_above,
            };
            self.tree(&mut tree, content, leaves, cache, writer)?;
        }
        Ok(())
    }

    /// Walks one tree. Where it does not go, it still goes to what was asked for below.
    fn tree(
        &mut self,
        tree: &mut Tree<'_>,
        content: &mut Content<'_, '_, '_>,
        leaves: &mut Leaves,
        cache: &mut Option<CacheReader>,
        writer: &mut Option<CacheWriter>,
    ) -> Result<()> {
        let mut walk = Walk::new(tree.root);
        while let Some(event) = walk.next() {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let entry = match event {
                Event::Entry(entry) => *entry,
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
            let excluded = !above && self.options.exclude.excludes(&path);
            let crosses = !above
                && self.options.one_file_system
                && tree
                    .roots
                    .device(&path)
                    .is_some_and(|device| device != entry.device());
            let mut folder = None;
            if !excluded {
                folder = self.entry(entry, above || crosses, content, leaves, cache, writer)?;
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
                    self.tree(&mut inner, content, leaves, cache, writer)?;
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
        leaves: &mut Leaves,
        cache: &mut Option<CacheReader>,
        writer: &mut Option<CacheWriter>,
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
        if let Some((leaf, at)) = cache.as_mut().and_then(|cache| cache.find(path_key)) {
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
                let folder = self.unless_tagged(folder, &entry.path);
                self.push(
                    entry,
                    kind,
                    xattrs,
                    path_key,
                    stamp,
                    Source::Cached(leaf, at),
                    leaves,
                    content,
                    writer,
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
        let folder = self.unless_tagged(folder, &entry.path);
        self.push(
            entry,
            kind,
            xattrs,
            path_key,
            stamp,
            Source::Read(pieces),
            leaves,
            content,
            writer,
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
        leaves: &mut Leaves,
        content: &mut Content<'_, '_, '_>,
        writer: &mut Option<CacheWriter>,
    ) -> Result<()> {
        match kind {
            Kind::File { .. } => self.figures.files += 1,
            _ => self.figures.others += 1,
        }
        let metadata = metadata::metadata(&entry.stat, &self.owners, xattrs);
        leaves.push(
            Item {
                path: entry.path,
                kind,
                metadata,
            },
            path_key,
            stamp,
            source,
            content,
            writer,
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
            std::collections::hash_map::Entry::Occupied(first) if *first.get() != entry.path => {
                Some(first.get().clone())
            }
            std::collections::hash_map::Entry::Occupied(_) => None,
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(entry.path.clone());
                None
            }
        }
    }

    /// Whether the chunks of a cached item are in the repository still.
    fn is_stored(
        &self,
        leaf: &cache::CachedLeaf,
        at: usize,
        content: &mut Content<'_, '_, '_>,
    ) -> Result<bool> {
        if self.sure {
            return Ok(true);
        }
        let mut ids: Vec<Id> = vec![leaf.skeleton, leaf.private];
        ids.extend(
            leaf.items[at]
                .extents
                .iter()
                .filter_map(|extent| match extent {
                    crate::tree::Extent::Data { chunk, .. } => {
                        Some(leaf.references[*chunk as usize].id)
                    }
                    crate::tree::Extent::List { .. } | crate::tree::Extent::Hole { .. } => None,
                }),
        );
        if leaf.items[at]
            .extents
            .iter()
            .any(|extent| matches!(extent, crate::tree::Extent::List { .. }))
        {
            return Ok(false);
        }
        for id in ids {
            if !content.pipeline.has(&id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The folder, unless it says that it is a cache and caches are left out.
    fn unless_tagged(&self, folder: Option<OwnedFd>, _path: &[u8]) -> Option<OwnedFd> {
        folder.filter(|folder| !(self.options.exclude.caches && crate::exclude::is_cache(folder)))
    }

    fn stream(
        &mut self,
        name: &str,
        from: &mut dyn Read,
        end: &mut dyn FnMut() -> Result<(), String>,
        content: &mut Content<'_, '_, '_>,
        leaves: &mut Leaves,
        writer: &mut Option<CacheWriter>,
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
        let owner = crate::tree::Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            ..Default::default()
        };
        let metadata = crate::tree::Metadata {
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
        leaves.push(item, 0, None, Source::Read(pieces), content, writer)
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
