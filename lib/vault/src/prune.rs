//! Forgets snapshots and deletes what none needs any more, while backups go on.
//!
//! A pack is deleted in two steps: condemned, from when on no backup relies on it; and, when a grace period by the storage's
//! clock is over and still nothing needs it, deleted. Content is never opened: sealed groups are copied as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::check;
use crate::condemned;
use crate::error::{Error, Result};
use crate::forgotten::{self, Forgotten};
use crate::id::{Id, hex};
use crate::index::{self, Index};
use crate::pack::{self, Builder, Header};
use crate::reach;
use crate::reader::{Reader, directory};
use crate::repository::{Repository, store_error};
use crate::snapshot::Snapshot;

/// Forgets these snapshots: notes that it was on purpose, then deletes them.
///
/// # Errors
/// When the storage fails; what was noted then is done by the next call.
pub fn forget(repository: &Repository, snapshots: &[Snapshot]) -> Result<()> {
    if snapshots.is_empty() {
        return Ok(());
    }
    let noted: Vec<Forgotten> = snapshots
        .iter()
        .map(|snapshot| Forgotten {
            writer: hex(&snapshot.writer),
            sequence: snapshot.sequence,
            id: snapshot.id,
        })
        .collect();
    forgotten::note(repository, &noted)?;
    for snapshot in snapshots {
        repository.delete_twice(&snapshot.name())?;
    }
    Ok(())
}

/// How a prune goes about it.
pub struct Options<'a> {
    /// Seconds between condemning and deleting, by the storage's clock.
    pub grace: i64,
    /// Packs of which more than this share is unused, in percent, are written anew without it.
    pub unused: u64,
    /// Parity of the packs written anew, in percent.
    pub parity: u8,
    /// Whether to go on although snapshots are gone that nobody forgot: what only they need is then deleted.
    pub despite_gaps: bool,
    /// Change nothing, only count.
    pub dry_run: bool,
    /// Snapshots that are to count as forgotten already.
    pub without: &'a [Id],
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// What a prune did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field's names say it")]
pub struct Pruned {
    pub packs_kept: u64,
    pub packs_condemned: u64,
    pub packs_rewritten: u64,
    pub packs_deleted: u64,
    pub bytes_deleted: u64,
    /// Bytes that wait for the end of their grace.
    pub bytes_condemned: u64,
    /// Writers whose packs were left alone for want of their key.
    pub writers_left: u64,
}

/// Deletes what no snapshot needs.
///
/// # Errors
/// When a snapshot that is there cannot be followed to all of its chunks, or the storage fails; nothing needed is deleted.
pub fn prune(repository: &Repository, options: &Options<'_>) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    if !options.despite_gaps {
        let gaps = check::gaps(repository)?;
        if let Some(gap) = gaps.first() {
            return Err(Error::Refused(format!(
                "{gap}; put it back from where it was copied to, or prune --despite-gaps deletes what only it needs"
            )));
        }
    }
    let now = repository
        .store
        .now()
        .map_err(store_error("ask for the time of", "the storage"))?;
    let condemned = condemned::load(repository)?;
    // Listed before the snapshots: whatever is stored later is not touched.
    let mut there: BTreeMap<Id, u64> = BTreeMap::new();
    let mut young: HashSet<Id> = HashSet::new();
    for listed in repository.list("packs")? {
        if let Some(id) = pack::id_of(&listed.name) {
            there.insert(id, listed.size);
            if listed.received + options.grace > now {
                young.insert(id);
            }
        }
    }
    let mut writers: BTreeMap<[u8; 16], Vec<Snapshot>> = BTreeMap::new();
    for writer in repository.writers()? {
        writers.insert(writer?.id(), Vec::new());
    }
    if !options.dry_run {
        forgotten::delete_leftovers(repository)?;
    }
    for snapshot in repository.snapshots()? {
        let (snapshot, _) = snapshot?;
        if options.without.contains(&snapshot.id) {
            continue;
        }
        writers.entry(snapshot.writer).or_default().push(snapshot);
    }

    let mut expendable: HashSet<Id> = HashSet::new();
    let mut indexed: HashSet<Id> = HashSet::new();
    let mut open: HashSet<[u8; 16]> = HashSet::new();
    for (writer, snapshots) in &writers {
        if options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if repository.index_key(writer).is_none() {
            pruned.writers_left += 1;
            continue;
        }
        open.insert(*writer);
        let stays = |pack: &Id| there.contains_key(pack) && !condemned.contains(pack);
        let used = Used::find(repository, writer, snapshots, stays)?;
        indexed.extend(&used.packs);
        let mut rewrite = Vec::new();
        for (number, pack) in used.packs.iter().enumerate() {
            if !there.contains_key(pack) {
                continue;
            }
            let (live, all) = used.share(number);
            if live == 0 {
                expendable.insert(*pack);
            } else if all - live > all * options.unused / 100 && !condemned.contains(pack) {
                rewrite.push(number);
            } else {
                pruned.packs_kept += 1;
            }
        }
        pruned.packs_rewritten += rewrite.len() as u64;
        if !options.dry_run {
            rewrite_packs(repository, writer, &used, &rewrite, options)?;
        }
        expendable.extend(rewrite.iter().map(|number| used.packs[*number]));
    }
    // What no index names: left by runs that ended early, or, while it is young, written by one that goes on.
    let unnamed = |pack: &&Id| !indexed.contains(*pack) && !young.contains(*pack);
    for pack in there.keys().filter(unnamed) {
        let name = pack::name(pack);
        let header = repository.store.get_range(&name, 0, Header::LEN);
        if header
            .ok()
            .and_then(|bytes| Header::decode(&bytes).ok())
            .is_some_and(|header| open.contains(&header.writer))
        {
            expendable.insert(*pack);
        }
    }

    let size = |pack: &Id| there.get(pack).copied().unwrap_or(0);
    let fresh: Vec<Id> = expendable
        .iter()
        .filter(|pack| !condemned.contains(pack))
        .copied()
        .collect();
    pruned.packs_condemned = fresh.len() as u64;
    pruned.bytes_condemned = fresh.iter().map(&size).sum();
    if !options.dry_run && !fresh.is_empty() {
        condemned::condemn(repository, fresh)?;
    }
    for (name, received, packs) in condemned.sentences {
        if received + options.grace > now {
            pruned.bytes_condemned += packs
                .iter()
                .filter(|pack| expendable.contains(pack))
                .map(&size)
                .sum::<u64>();
            continue;
        }
        let gone: Vec<Id> = packs
            .into_iter()
            .filter(|pack| expendable.contains(pack))
            .collect();
        pruned.packs_deleted += gone.len() as u64;
        pruned.bytes_deleted += gone.iter().map(&size).sum::<u64>();
        if options.dry_run {
            continue;
        }
        // First no index names them, then they go, and last the word that they may not be relied on.
        drop_from_index(repository, &open, &gone.iter().copied().collect())?;
        for pack in &gone {
            let name = pack::name(pack);
            repository
                .store
                .delete(&name)
                .map_err(store_error("delete", &name))?;
        }
        repository.delete_twice(&name)?;
    }
    if !options.dry_run {
        repository
            .store
            .sweep(now - options.grace.max(86_400))
            .map_err(store_error("clean", "tmp"))?;
    }
    Ok(pruned)
}

/// Which chunks of a writer's packs its snapshots need.
struct Used {
    packs: Vec<Id>,
    /// For each pack and group: entries that are needed, entries in all.
    groups: HashMap<(u32, u16), (u64, u64)>,
}

impl Used {
    fn find(
        repository: &Repository,
        writer: &[u8; 16],
        snapshots: &[Snapshot],
        stays: impl Fn(&Id) -> bool,
    ) -> Result<Self> {
        let mut damaged = None;
        let reader = Reader::new(repository, *writer, |error| damaged = Some(error))?;
        if let Some(error) = damaged {
            return Err(error);
        }
        let index = reader.index();
        let mut needed = vec![false; index.len()];
        let mut missing = None;
        let mut seen = HashSet::new();
        for snapshot in snapshots {
            let head = repository.head(snapshot)?;
            let mut mark = |id: &Id| {
                // A chunk that is in several packs is needed in one of them: one that stays.
                let chunk = id.short();
                let places = || index.numbered(&chunk);
                let best = places().find(|(_, place)| stays(&index.packs[place.pack as usize]));
                match best.or_else(|| places().next()) {
                    Some((at, _)) => needed[at] = true,
                    None => missing = Some(*id),
                }
            };
            head.errors.iter().for_each(&mut mark);
            reach::visit(&reader, &head.nodes, &mut seen, &mut mark)?;
            if let Some(id) = missing {
                return Err(Error::Missing {
                    object: format!("chunk {id} of snapshot {}", &snapshot.id.to_string()[..8]),
                });
            }
        }
        let mut groups: HashMap<(u32, u16), (u64, u64)> = HashMap::new();
        for (at, place) in index.all().enumerate() {
            let group = groups.entry((place.pack, place.group)).or_default();
            group.0 += u64::from(needed[at]);
            group.1 += 1;
        }
        Ok(Used {
            packs: index.packs.clone(),
            groups,
        })
    }

    fn is_live(&self, pack: usize, group: usize) -> bool {
        self.groups
            .get(&(pack as u32, group as u16))
            .is_some_and(|(needed, _)| *needed > 0)
    }

    /// Groups that are needed, groups in all.
    fn share(&self, pack: usize) -> (u64, u64) {
        let groups = (0..=u16::MAX).map_while(|group| self.groups.get(&(pack as u32, group)));
        groups.fold((0, 0), |(live, all), (needed, _)| {
            (live + u64::from(*needed > 0), all + 1)
        })
    }
}

/// Copies the needed groups of packs into new packs, of one session each.
fn rewrite_packs(
    repository: &Repository,
    writer: &[u8; 16],
    used: &Used,
    numbers: &[usize],
    options: &Options<'_>,
) -> Result<()> {
    let index_key = repository.index_key(writer).ok_or(Error::NeedsIdentity)?;
    let mut open: HashMap<[u8; 16], Builder> = HashMap::new();
    let mut written = Index::default();
    let mut store = |builder: Builder, session: &[u8; 16]| -> Result<()> {
        let pack = builder.finish(session, writer, &index_key, options.parity);
        let name = pack::name(&pack.id);
        repository
            .store
            .put(&name, &pack.bytes)
            .map_err(store_error("write", &name))?;
        written.add(pack.id, *session, &pack.groups);
        Ok(())
    };
    for number in numbers {
        let id = used.packs[*number];
        let (header, groups) = directory(repository, &id, &index_key)?;
        let name = pack::name(&id);
        for (_, group) in groups
            .into_iter()
            .enumerate()
            .filter(|(at, _)| used.is_live(*number, *at))
        {
            let sealed = repository
                .store
                .get_range(&name, u64::from(group.offset), group.stored as usize)
                .map_err(store_error("read", &name))?;
            let builder = open.entry(header.session).or_default();
            builder.push_sealed(group, &sealed);
            if builder.is_full() {
                store(std::mem::take(builder), &header.session)?;
            }
        }
    }
    for (session, builder) in open {
        if !builder.is_empty() {
            store(builder, &session)?;
        }
    }
    for shard in written.encode(writer, &index_key) {
        let name = index::name(&shard);
        repository
            .store
            .put(&name, &shard)
            .map_err(store_error("write", &name))?;
    }
    Ok(())
}

/// Replaces the shards that name these packs.
fn drop_from_index(
    repository: &Repository,
    writers: &HashSet<[u8; 16]>,
    gone: &HashSet<Id>,
) -> Result<()> {
    for writer in writers {
        let Some(key) = repository.index_key(writer) else {
            continue;
        };
        let mut kept = Index::default();
        let mut old = Vec::new();
        for listed in repository.list("index")? {
            let bytes = match repository.get(&listed.name) {
                Err(Error::Missing { .. }) => continue,
                bytes => bytes?,
            };
            if index::writer_of(&bytes).map_err(Error::damaged(&listed.name))? != *writer {
                continue;
            }
            let mut shard = Index::default();
            shard
                .read(&bytes, &key)
                .map_err(Error::damaged(&listed.name))?;
            let small = bytes.len() < SMALL_SHARD;
            if small || shard.packs.iter().any(|pack| gone.contains(pack)) {
                kept.read(&bytes, &key)
                    .map_err(Error::damaged(&listed.name))?;
                old.push(listed.name);
            }
        }
        kept.retain(|pack, _| !gone.contains(pack));
        let mut new = HashSet::new();
        for shard in kept.encode(writer, &key) {
            let name = index::name(&shard);
            repository
                .store
                .put(&name, &shard)
                .map_err(store_error("write", &name))?;
            new.insert(name);
        }
        for name in old.iter().filter(|name| !new.contains(*name)) {
            repository
                .store
                .delete(name)
                .map_err(store_error("delete", name))?;
        }
    }
    Ok(())
}

/// Shards below this size are joined where shards are written anew.
const SMALL_SHARD: usize = 1 << 20;
