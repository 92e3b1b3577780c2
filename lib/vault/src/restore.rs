//! Puts a snapshot's items back, below one folder and nowhere else, whatever the snapshot says.
//!
//! Folders first, files by several threads in the order that their chunks are stored, then hard links, then what folders
//! have. Everything goes by descriptor and follows no link.

mod place;
mod write;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

pub use self::place::Existing;
use self::place::{Folders, Place};
pub(crate) use self::write::flatten;
use self::write::{LargeFile, Segment, Target};
use crate::error::{Error, Malformed, Result};
use crate::id::Id;
use crate::reader::Reader;
use crate::repository::Repository;
use crate::snapshot::{Omission, Snapshot};
use crate::tree::{Extent, Item, Kind, Metadata, Reference};

/// How a snapshot is restored.
pub struct Options<'a> {
    /// Below which folder; it is made when it is missing.
    pub to: &'a Path,
    /// Only these paths and what is below them; all when empty.
    pub paths: &'a [Vec<u8>],
    /// What to do with what is there already.
    pub existing: Existing,
    /// Read everything back and compare.
    pub verify: bool,
    /// Change nothing, only count.
    pub dry_run: bool,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Counts as it goes.
    pub progress: &'a Progress,
}

/// What a restore has done so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// Regular files.
    pub files: AtomicU64,
    /// Everything else.
    pub others: AtomicU64,
    /// Bytes of files.
    pub bytes: AtomicU64,
    /// Files that were there already, as they should be.
    pub unchanged: AtomicU64,
}

/// Bytes from which a file is written by several threads, and of each part.
const LARGE: u64 = 4 << 20;
/// Items that a thread takes at once.
const BATCH: usize = 32;

/// Work for a thread.
enum Task {
    /// Items of one folder.
    Items(Vec<(Place, Item, std::sync::Arc<Vec<Reference>>)>),
    /// A part of a large file.
    Segment(Segment),
}

/// Restores; what could not be put back.
///
/// # Errors
/// When nothing could be begun, or the snapshot cannot be read at all.
pub fn restore(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &Options<'_>,
) -> Result<Vec<Omission>> {
    if !repository.reads_content() {
        return Err(Error::NeedsIdentity);
    }
    let omissions = Mutex::new(Vec::new());
    let omit = |path: &[u8], why: String| {
        let path = format!("/{}", String::from_utf8_lossy(path));
        omissions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Omission { path, why });
    };
    let reader = Reader::new(repository, snapshot.writer, |error| {
        omit(b"", error.to_string());
    })?;
    let head = repository.head(snapshot)?;
    let folders = Folders::open(options.to, options.existing, options.dry_run)?;
    let run = Run {
        reader: &reader,
        options,
        omit: &omit,
    };
    let late = std::thread::scope(|scope| {
        let connections = repository.store.connections();
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
        let workers = cores.max(connections);
        // Over a network the plan runs far ahead, so that what it needs is on its way before a worker asks.
        let (ahead, to_fetch) = sync_channel::<Id>(connections);
        let to_fetch = std::sync::Arc::new(Mutex::new(to_fetch));
        for _ in 0..if connections > 1 { connections } else { 0 } {
            let (to_fetch, reader) = (to_fetch.clone(), &reader);
            scope.spawn(move || {
                loop {
                    let next = to_fetch
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    match next {
                        Ok(id) => reader.fetch_ahead(&id),
                        Err(_) => return,
                    }
                }
            });
        }
        let (tasks, queue) = sync_channel::<Task>(if connections > 1 { 64 } else { workers * 2 });
        let queue = std::sync::Arc::new(Mutex::new(queue));
        for _ in 0..workers {
            let (queue, run) = (queue.clone(), &run);
            scope.spawn(move || run.work(&queue));
        }
        run.plan(&head.nodes, folders, &tasks, &ahead)
    })?;
    run.finish(&head.nodes, late);
    if options.stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    Ok(omissions
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

/// The chunk that a file begins with.
fn first_chunk(kind: &Kind, references: &[Reference]) -> Option<Id> {
    let Kind::File { extents, .. } = kind else {
        return None;
    };
    let number = extents.iter().find_map(|extent| match extent {
        Extent::Data { chunk, .. } | Extent::List { chunk, .. } => Some(*chunk),
        Extent::Hole { .. } => None,
    })?;
    references
        .get(number as usize)
        .map(|reference| reference.id)
}

/// Why a path that was asked for is not restored.
pub const ABSENT: &str = "the snapshot has no such path";

/// What the backup itself could not take whole.
///
/// # Errors
/// When its list cannot be read.
pub fn not_taken_whole(repository: &Repository, snapshot: &Snapshot) -> Result<Vec<Omission>> {
    let Some(errors) = repository.head(snapshot)?.errors else {
        return Ok(Vec::new());
    };
    let reader = Reader::new(repository, snapshot.writer, |_| {})?;
    serde_json::from_slice(&reader.chunk(&errors)?)
        .map_err(|_| Error::damaged(snapshot.name())(Malformed("its list of errors is not JSON")))
}

/// What must wait until all files are there.
struct Late {
    folders: Folders,
    links: Vec<(Item, Vec<u8>)>,
    metadata: Vec<(Vec<u8>, Metadata)>,
}

struct Run<'a> {
    reader: &'a Reader<'a>,
    options: &'a Options<'a>,
    omit: &'a (dyn Fn(&[u8], String) + Sync),
}

impl Run<'_> {
    fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    /// Goes through the items in order, makes folders, hands out the rest.
    fn plan(
        &self,
        nodes: &[(Id, Id)],
        mut folders: Folders,
        tasks: &SyncSender<Task>,
        ahead: &SyncSender<Id>,
    ) -> Result<Late> {
        let mut links = Vec::new();
        let mut metadata = Vec::new();
        let mut batch = Vec::new();
        let mut missing: Vec<&Vec<u8>> = self.options.paths.iter().collect();
        for pair in nodes {
            let node = match self.reader.node(pair) {
                Ok(node) => node,
                Err(error) => {
                    (self.omit)(b"", format!("part of the tree is lost: {error}"));
                    continue;
                }
            };
            for (at, (skeleton, private)) in node.leaves.iter().enumerate() {
                let (first, next) = (&node.firsts[at], node.firsts.get(at + 1));
                if !may_hold(self.options.paths, first, next) {
                    continue;
                }
                let read = || {
                    Ok((
                        self.reader.references(skeleton)?,
                        self.reader.items(private)?,
                    ))
                };
                let (references, items) = match read() {
                    Ok(leaf) => leaf,
                    Err::<_, Error>(error) => {
                        (self.omit)(first, format!("items from here on are lost: {error}"));
                        continue;
                    }
                };
                let references = std::sync::Arc::new(references);
                for item in items {
                    if self.stopped() {
                        break;
                    }
                    if !self.wants(&item.path) && !self.leads(&item) {
                        continue;
                    }
                    missing.retain(|wanted| item.path != **wanted && !is_below(&item.path, wanted));
                    let place = match folders.place(&item.path) {
                        Ok(place) => place,
                        Err(error) => {
                            (self.omit)(&item.path, error.to_string());
                            continue;
                        }
                    };
                    match &item.kind {
                        Kind::Folder => {
                            self.options.progress.others.fetch_add(1, Ordering::Relaxed);
                            match folders.make(&place) {
                                // One on the way that is there already is nobody's to change.
                                Ok(false) if !self.wants(&item.path) => {}
                                Ok(_) => metadata.push((item.path, item.metadata)),
                                Err(error) => (self.omit)(&item.path, error.to_string()),
                            }
                        }
                        Kind::Hardlink(target) => {
                            let target = target.clone();
                            links.push((item, target));
                        }
                        Kind::File { .. } if item.size() >= LARGE && !self.options.dry_run => {
                            if !batch.is_empty() {
                                let _ = tasks.send(Task::Items(std::mem::take(&mut batch)));
                            }
                            self.split(&place, item, &references, tasks);
                        }
                        kind => {
                            if let Some(first) = first_chunk(kind, &references) {
                                let _ = ahead.try_send(first);
                            }
                            batch.push((place, item, references.clone()));
                            if batch.len() >= BATCH {
                                let _ = tasks.send(Task::Items(std::mem::take(&mut batch)));
                            }
                        }
                    }
                }
            }
        }
        if !batch.is_empty() {
            let _ = tasks.send(Task::Items(batch));
        }
        for path in missing {
            (self.omit)(path, ABSENT.to_owned());
        }
        Ok(Late {
            folders,
            links,
            metadata,
        })
    }

    fn wants(&self, path: &[u8]) -> bool {
        self.options.paths.is_empty()
            || self
                .options
                .paths
                .iter()
                .any(|wanted| path == wanted || is_below(path, wanted))
    }

    /// Whether an item is a folder on the way to a wanted path.
    fn leads(&self, item: &Item) -> bool {
        item.kind == Kind::Folder
            && self
                .options
                .paths
                .iter()
                .any(|wanted| is_below(wanted, &item.path))
    }

    /// Hands a large file out in parts.
    fn split(
        &self,
        place: &Place,
        item: Item,
        references: &std::sync::Arc<Vec<Reference>>,
        tasks: &SyncSender<Task>,
    ) {
        let path = item.path.clone();
        let extents = match self.flat(&item, references) {
            Ok(extents) => extents,
            Err(error) => return (self.omit)(&path, error.to_string()),
        };
        let file = match LargeFile::create(place, item, self.options) {
            Ok(Some(file)) => file,
            Ok(None) => {
                self.options.progress.files.fetch_add(1, Ordering::Relaxed);
                return self.count_unchanged();
            }
            Err(error) => return (self.omit)(&path, error.to_string()),
        };
        for segment in file.segments(extents, LARGE) {
            let _ = tasks.send(Task::Segment(segment));
        }
    }

    fn count_unchanged(&self) {
        self.options
            .progress
            .unchanged
            .fetch_add(1, Ordering::Relaxed);
    }

    /// A file's extents with ids and without lists.
    fn flat(&self, item: &Item, references: &[Reference]) -> Result<Vec<write::Part>> {
        write::flatten(self.reader, item, references)
    }

    fn work(&self, queue: &Mutex<Receiver<Task>>) {
        loop {
            let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match task {
                Err(_) => return,
                Ok(_) if self.stopped() => {}
                Ok(Task::Items(items)) => {
                    for (place, item, references) in items {
                        self.item(&place, &item, &references);
                    }
                }
                Ok(Task::Segment(segment)) => {
                    let written = segment.write(self.reader, self.options);
                    if let Err(error) = written {
                        (self.omit)(segment.path(), error);
                    }
                }
            }
        }
    }

    fn item(&self, place: &Place, item: &Item, references: &[Reference]) {
        let progress = self.options.progress;
        if self.options.dry_run && place.is_folder() {
            let error = std::io::Error::from(rustix::io::Errno::ISDIR);
            return (self.omit)(&item.path, error.to_string());
        }
        let Kind::File { extents, .. } = &item.kind else {
            progress.others.fetch_add(1, Ordering::Relaxed);
            if !self.options.dry_run
                && let Err(error) = write::special(place, item, self.options.existing)
            {
                (self.omit)(&item.path, error.to_string());
            }
            return;
        };
        if self.options.dry_run {
            progress.files.fetch_add(1, Ordering::Relaxed);
            progress
                .bytes
                .fetch_add(extents.iter().map(Extent::len).sum(), Ordering::Relaxed);
            return;
        }
        let done = self
            .flat(item, references)
            .map_err(|error| error.to_string())
            .and_then(|parts| {
                match Target::create(place, item, self.options)
                    .map_err(|error| error.to_string())?
                {
                    None => {
                        self.count_unchanged();
                        Ok(())
                    }
                    Some(target) => {
                        target.write(self.reader, &parts, self.options)?;
                        target.finish(item).map_err(|error| error.to_string())
                    }
                }
            });
        match done {
            Ok(()) => {
                progress.files.fetch_add(1, Ordering::Relaxed);
            }
            Err(why) => (self.omit)(&item.path, why),
        }
    }

    /// Restores the item of one path under another.
    fn stand_in(
        &self,
        nodes: &[(Id, Id)],
        path: &[u8],
        under: &[u8],
        folders: &mut Folders,
    ) -> Result<()> {
        let paths = [path.to_vec()];
        for pair in nodes {
            let node = self.reader.node(pair)?;
            for (at, (skeleton, private)) in node.leaves.iter().enumerate() {
                if !may_hold(&paths, &node.firsts[at], node.firsts.get(at + 1)) {
                    continue;
                }
                let items = self.reader.items(private)?;
                if let Some(mut item) = items.into_iter().find(|item| item.path == path) {
                    item.path = under.to_vec();
                    let place = folders
                        .place(under)
                        .map_err(Error::io("open", "its folder"))?;
                    self.item(&place, &item, &self.reader.references(skeleton)?);
                    return Ok(());
                }
            }
        }
        Err(Error::Missing {
            object: format!("/{}", String::from_utf8_lossy(path)),
        })
    }

    /// Hard links, then what folders have, the innermost first.
    fn finish(&self, nodes: &[(Id, Id)], mut late: Late) {
        // Where only some names of a file are wanted, and not its first, another one gets the content.
        let mut stand_ins: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for (item, target) in &late.links {
            let target = match stand_ins.get(target) {
                _ if self.wants(target) => target,
                Some(stand_in) => stand_in,
                None => {
                    let done = self.stand_in(nodes, target, &item.path, &mut late.folders);
                    if let Err(error) = done {
                        (self.omit)(&item.path, error.to_string());
                    }
                    stand_ins.insert(target.clone(), item.path.clone());
                    continue;
                }
            };
            self.options.progress.others.fetch_add(1, Ordering::Relaxed);
            if !self.options.dry_run
                && let Err(error) = late.folders.link(target, &item.path)
            {
                (self.omit)(&item.path, error.to_string());
            }
        }
        if self.options.dry_run {
            return;
        }
        for (path, metadata) in late.metadata.iter().rev() {
            if let Err(error) = late.folders.dress(path, metadata) {
                (self.omit)(path, error.to_string());
            }
        }
    }
}

/// Whether a path is below a folder.
pub(crate) fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// Whether a leaf that begins with `first` and ends before `next` may have one of these paths or something below it.
pub(crate) fn may_hold(paths: &[Vec<u8>], first: &[u8], next: Option<&Vec<u8>>) -> bool {
    use crate::tree::compare;
    paths.is_empty()
        || paths.iter().any(|path| {
            let before_end =
                next.is_none_or(|next| compare(path, next).is_le() || is_below(next, path));
            before_end && (compare(first, path).is_le() || is_below(first, path))
        })
}
