//! Makes a snapshot: walk, compare with the last run, read what changed, chunk, store, commit.
//!
//! Order of writes: session key, packs, index, snapshot. Nothing is locked: a backup runs beside others and beside prune.

mod cache;
mod commit;
mod content;
mod gather;
mod journal;
mod leaf;
pub(crate) mod metadata;
mod pipeline;
mod roots;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use self::cache::{CacheReader, CacheWriter};
use self::commit::{Committed, commit, not_condemned_since};
use self::content::Content;
use self::gather::Run;
use self::journal::Journal;
use self::leaf::Leaves;
use self::metadata::Owners;
use self::pipeline::{Known, Lane, Pipeline, Shared};
use crate::chunker::Chunker;
use crate::condemned;
use crate::error::{Error, Result};
use crate::exclude::Exclude;
use crate::id::{Id, hex};
use crate::index::{self, Index};
use crate::pack;
use crate::reader::Reader;
use crate::repository::{Repository, copy_of, store_error};
use crate::seal::random;
use crate::snapshot::{Figures, Head, Omission};

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
    /// The newest snapshot that this machine remembers to have made.
    pub known: Option<(u64, Id)>,
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
    /// What is wrong with the repository: each a sentence.
    pub alarms: Vec<String>,
}

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
            Err(Error::Overtaken) if again < 3 && matches!(what, What::Paths(_)) => {
                again += 1;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
pub(crate) use self::journal::encode as journal_record;

fn attempt(repository: &Repository, what: &mut What<'_>, options: &Options<'_>) -> Result<Created> {
    let started = Instant::now();
    let time = jiff::Timestamp::now();
    let key = repository.writer()?;
    let writer = key.id();
    let session: [u8; 16] = random();

    let shards = shard_names(repository)?;
    let condemned = condemned::load(repository)?;
    let mut there = There::look(repository)?;
    let roots = roots(what);
    let cache_path = options.cache.map(|folder| {
        folder.join(format!(
            "seen-{}",
            &Id::of(roots.join("\0").as_bytes()).to_string()[..16]
        ))
    });
    let seen = cache_path.as_deref().and_then(CacheReader::open);
    let sure = condemned.is_empty()
        && seen
            .as_ref()
            .is_some_and(|seen| seen.shards.iter().all(|shard| shards.contains(shard)))
        && seen
            .as_ref()
            .is_some_and(|seen| there.has_all(repository, seen));

    let seen_packs = seen
        .as_ref()
        .map(|seen| (seen.packs.clone(), seen.sessions.clone()));
    let mut orphans = Vec::new();
    let mut uncached = None;
    if let Some(folder) = options.cache.filter(|_| !options.dry_run) {
        uncached = std::fs::create_dir_all(folder)
            .map_err(Error::io("create", folder))
            .err();
        orphans = Journal::orphans(folder);
    }
    let mut adopted = Index::default();
    for (_, bytes) in &orphans {
        journal::adopt(bytes, repository.store.as_ref(), &mut adopted);
    }
    adopted.retain(|pack, session| !condemned.contains(pack) && there.opens(repository, session));
    let lost = std::cell::Cell::new((0, 0));
    let known_packs = std::cell::RefCell::new(None);
    let load = || {
        let mut damaged = None;
        let mut index = repository.index(&writer, |error| damaged = Some(error))?;
        let (mut gone, mut closed) = (0, 0);
        index.retain(|pack, session| {
            let is_there = there.has(repository, pack);
            let opens = there.opens(repository, session);
            let is_condemned = condemned.contains(pack);
            gone += u64::from(!is_there && !is_condemned);
            closed += u64::from(is_there && !opens);
            is_there && opens && !is_condemned
        });
        lost.set((gone, closed));
        *known_packs.borrow_mut() = Some((index.packs.clone(), index.sessions.clone()));
        for shard in adopted.encode(&writer, &key.index_key()) {
            index
                .read(&shard, &key.index_key())
                .map_err(Error::damaged("journal"))?;
        }
        index.sort();
        Reader::with_index(repository, writer, index)
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
    let seeing = cache_path
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
        leaves: Leaves::default(),
        seen,
        seeing,
        sure,
        now: time.as_second(),
    };
    let count = |bytes| {
        options.progress.bytes.fetch_add(bytes, Ordering::Relaxed);
    };
    let (nodes, errors) = std::thread::scope(|scope| -> Result<_> {
        let mut pipeline = Pipeline::start(scope, &shared, Known::new(load));
        let mut content = Content::new(&mut pipeline, Chunker::new(&key.chunker_secret()), &count);
        match what {
            What::Paths(paths) => {
                run.paths(paths, &mut content)?;
            }
            What::Stream { name, from, end } => {
                run.stream(name, *from, *end, &mut content)?;
            }
        }
        let nodes = run.leaves.finish(&mut content, &mut run.seeing)?;
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
            alarms: Vec::new(),
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

    let mut there = there.packs;
    there.extend(known_packs.borrow().iter().flat_map(|(packs, _)| packs));
    not_condemned_since(repository, (&condemned, &there), &writer, &nodes)?;
    let recipients = repository.recipients_now()?;
    if recipients != key.recipients {
        shared.seal_to(&recipients)?;
    }
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
    let committed = commit(repository, key, head, options.known)?;
    if (run.leaves.changed || !sure)
        && let Some(seeing) = run.seeing
    {
        let mut shards: Vec<Id> = shards.into_iter().collect();
        shards.sort_unstable();
        let (mut packs, mut sessions) = known_packs.into_inner().or(seen_packs).unwrap_or_default();
        packs.extend(index.packs);
        packs.sort_unstable();
        packs.dedup();
        sessions.extend(index.sessions);
        sessions.sort_unstable();
        sessions.dedup();
        let _ = seeing.commit(&shards, &packs, &sessions);
    }
    Ok(Created {
        id: Some(committed.id),
        sequence: committed.sequence,
        figures,
        omissions: run.omissions,
        alarms: alarms(&committed, lost.get(), uncached),
    })
}

/// What somebody should look at, although the snapshot is whole.
fn alarms(
    committed: &Committed,
    (gone, closed): (u64, u64),
    uncached: Option<Error>,
) -> Vec<String> {
    let mut alarms: Vec<String> = uncached
        .map(|error| format!("{error}, so all is read each time"))
        .into_iter()
        .collect();
    if committed.removed > 0 {
        alarms.push(format!(
            "{} snapshots that this machine made are gone and were not forgotten: run ce-backup check",
            committed.removed
        ));
    }
    if committed.unreadable {
        alarms.push(
            "the snapshot before this one is damaged, and so is its copy: run ce-backup check"
                .to_owned(),
        );
    }
    if gone > 0 {
        alarms.push(format!(
            "{gone} packs are gone: what was in them is stored anew as far as it is still here; run ce-backup check"
        ));
    }
    if closed > 0 {
        alarms.push(format!(
            "the keys of {closed} packs are gone: what is in them is stored anew as far as it is still here; run ce-backup check"
        ));
    }
    alarms
}

/// What the storage says is there. A listing may lag behind: what it lacks is asked for by name before it counts as gone.
struct There {
    packs: HashSet<Id>,
    keys: HashSet<String>,
    /// Sessions whose keys were asked for in vain.
    lost: HashSet<[u8; 16]>,
}

impl There {
    fn look(repository: &Repository) -> Result<Self> {
        let packs = repository.list("packs")?;
        let keys = repository.list_twice("keys")?;
        Ok(There {
            packs: packs
                .iter()
                .filter_map(|listed| pack::id_of(&listed.name))
                .collect(),
            keys: keys.into_iter().map(|listed| listed.name).collect(),
            lost: HashSet::new(),
        })
    }

    fn has(&mut self, repository: &Repository, pack: &Id) -> bool {
        if self.packs.contains(pack) {
            return true;
        }
        let found = repository.store.get_range(&pack::name(pack), 0, 1).is_ok();
        if found {
            self.packs.insert(*pack);
        }
        found
    }

    /// Whether all is there that the last run saw, and the keys to it.
    fn has_all(&mut self, repository: &Repository, seen: &CacheReader) -> bool {
        seen.packs.iter().all(|pack| self.has(repository, pack))
            && seen
                .sessions
                .iter()
                .all(|session| self.opens(repository, session))
    }

    fn opens(&mut self, repository: &Repository, session: &[u8; 16]) -> bool {
        let name = format!("keys/{}", hex(session));
        if self.keys.contains(&name) {
            return true;
        }
        if self.lost.contains(session) {
            return false;
        }
        let found = [name.clone(), copy_of(&name)]
            .iter()
            .any(|name| repository.store.get_range(name, 0, 1).is_ok());
        if found {
            self.keys.insert(name);
        } else {
            self.lost.insert(*session);
        }
        found
    }
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
