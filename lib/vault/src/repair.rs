//! Mends what can be mended: the config from its copy, packs from their parity, the index from the packs.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::id::{Id, hex};
use crate::index::{self, Index};
use crate::pack;
use crate::repository::{Repository, TWICE, copy_of, sound, store_error};
use crate::store::Listed;

/// What a repair did.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the field's names say it")]
pub struct Repaired {
    pub config_restored: bool,
    pub packs: u64,
    pub packs_mended: Vec<Id>,
    /// Packs beyond their parity, and packs that are gone; the index forgets them, so that the next backup stores anew what it can.
    pub packs_lost: Vec<Id>,
    /// Keys, writers and snapshots that were written from their copies or the other way round.
    pub objects_mended: Vec<String>,
    /// Those of which neither is whole.
    pub objects_lost: Vec<String>,
    pub shards_written: u64,
    pub shards_removed: u64,
    /// Writers whose index was left alone for want of their key.
    pub writers_left: u64,
}

/// Mends a repository.
///
/// # Errors
/// When the storage fails.
pub fn repair(repository: &Repository, dry_run: bool, stop: &AtomicBool) -> Result<Repaired> {
    let mut repaired = Repaired {
        config_restored: !repository.config_problems().is_empty(),
        ..Repaired::default()
    };
    if !dry_run {
        repository.restore_config()?;
    }
    small_objects(repository, dry_run, &mut repaired)?;
    repaired
        .objects_mended
        .extend(repository.finish_rekey(dry_run)?);
    let keys: HashSet<String> = repository
        .list_twice("keys")?
        .into_iter()
        .map(|listed| listed.name)
        .collect();
    // Listed before the packs: a backup that ends meanwhile adds shards that are not looked at here, nor touched.
    let shards = repository.list("index")?;
    let mut indexes: BTreeMap<[u8; 16], Index> = BTreeMap::new();
    let mut whole = HashSet::new();
    for listed in repository.list("packs")? {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let Some(id) = pack::id_of(&listed.name) else {
            continue;
        };
        repaired.packs += 1;
        let mut bytes = match repository.get(&listed.name) {
            Err(Error::Missing { .. }) => continue,
            bytes => bytes?,
        };
        if Id::of(&bytes) != id {
            let Some(mended) = pack::mend(&id, &bytes) else {
                repaired.packs_lost.push(id);
                salvage(repository, &id, &bytes, &mut indexes);
                continue;
            };
            if !dry_run {
                repository
                    .store
                    .put(&listed.name, &mended)
                    .map_err(store_error("write", &listed.name))?;
            }
            repaired.packs_mended.push(id);
            bytes = mended;
        }
        whole.insert(id);
        let header = pack::header(&bytes).map_err(Error::damaged(&listed.name))?;
        let session = format!("keys/{}", hex(&header.session));
        if !keys.contains(&session) && repository.get(&session).is_err() {
            // Whole, and closed for ever.
            repaired.packs_lost.push(id);
            whole.remove(&id);
            continue;
        }
        if let Some(key) = repository.index_key(&header.writer) {
            let (_, groups) = pack::read(&id, &bytes, &key)?;
            let index = indexes.entry(header.writer).or_default();
            index.add(id, header.session, &groups);
        }
    }
    rebuild(
        repository,
        (&shards, &indexes, &whole),
        dry_run,
        &mut repaired,
    )?;
    Ok(repaired)
}

/// Keeps what still opens of a pack beyond its parity; only the organisation's key can tell.
fn salvage(
    repository: &Repository,
    id: &Id,
    bytes: &[u8],
    indexes: &mut BTreeMap<[u8; 16], Index>,
) {
    let Ok(header) = pack::header(bytes) else {
        return;
    };
    let Some(key) = repository
        .index_key(&header.writer)
        .filter(|_| repository.reads_content())
    else {
        return;
    };
    let Ok((_, mut groups)) = pack::read(id, bytes, &key) else {
        return;
    };
    let session = repository.session(header.session, &key);
    for group in &mut groups {
        let from = group.offset as usize;
        let sealed = bytes.get(from..from + group.stored as usize);
        if sealed
            .and_then(|sealed| group.open(&session, sealed.to_vec()))
            .is_none()
        {
            group.members.clear();
        }
    }
    let index = indexes.entry(header.writer).or_default();
    index.add(*id, header.session, &groups);
}

/// Writes keys, writers and snapshots from their copies, and copies from them.
fn small_objects(repository: &Repository, dry_run: bool, repaired: &mut Repaired) -> Result<()> {
    for folder in TWICE {
        for listed in repository.list_twice(folder)? {
            let name = listed.name;
            let whole = |from: &str| match repository.get(from) {
                Ok(bytes) => Ok(Some(bytes).filter(|bytes| sound(&name, bytes).is_ok())),
                Err(Error::Missing { .. }) => Ok(None),
                Err(error) => Err(error),
            };
            let copy = copy_of(&name);
            let (target, bytes) = match (whole(&name)?, whole(&copy)?) {
                (Some(bytes), Some(other)) if bytes == other => continue,
                (Some(bytes), _) => (copy, bytes),
                (None, Some(bytes)) => (name.clone(), bytes),
                // What it condemned, the next prune condemns anew.
                (None, None) if folder == "condemned" => {
                    if !dry_run {
                        repository.delete_twice(&name)?;
                    }
                    repaired.objects_mended.push(name);
                    continue;
                }
                (None, None) => {
                    repaired.objects_lost.push(name);
                    continue;
                }
            };
            if !dry_run {
                repository
                    .store
                    .put(&target, &bytes)
                    .map_err(store_error("write", &target))?;
            }
            repaired.objects_mended.push(target);
        }
    }
    Ok(())
}

/// Writes the index of these packs in place of all shards of their writers.
fn rebuild(
    repository: &Repository,
    (shards, indexes, whole): (&[Listed], &BTreeMap<[u8; 16], Index>, &HashSet<Id>),
    dry_run: bool,
    repaired: &mut Repaired,
) -> Result<()> {
    let mut left = HashSet::new();
    let mut old = Vec::new();
    let mut named: BTreeMap<[u8; 16], HashSet<Id>> = BTreeMap::new();
    let mut damaged: HashSet<[u8; 16]> = HashSet::new();
    for listed in shards {
        let bytes = match repository.get(&listed.name) {
            // A prune replaced it meanwhile.
            Err(Error::Missing { .. }) => continue,
            bytes => bytes?,
        };
        match index::writer_of(&bytes) {
            Ok(writer) => match repository.index_key(&writer) {
                Some(key) => {
                    let mut shard = Index::default();
                    let sound =
                        index::name(&bytes) == listed.name && shard.read(&bytes, &key).is_ok();
                    if !sound {
                        damaged.insert(writer);
                    }
                    named.entry(writer).or_default().extend(&shard.packs);
                    old.push((writer, &listed.name));
                }
                None => drop(left.insert(writer)),
            },
            // Nobody's any more: what it said is in the packs.
            Err(_) => {
                damaged.extend(indexes.keys());
                old.push(([0; 16], &listed.name));
            }
        }
    }
    repaired.writers_left = left.len() as u64;
    repaired.packs_lost.extend(
        named
            .values()
            .flatten()
            .filter(|pack| !whole.contains(pack)),
    );
    for (writer, packs) in &named {
        // What was lost of a pack must go from the index, even if the rest of it stays.
        if repaired.packs_lost.iter().any(|pack| packs.contains(pack)) {
            damaged.insert(*writer);
        }
    }
    repaired.packs_lost.sort_unstable();
    repaired.packs_lost.dedup();
    let all = named
        .keys()
        .chain(indexes.keys())
        .copied()
        .collect::<HashSet<_>>();
    let wrong: HashSet<[u8; 16]> = all
        .into_iter()
        .filter(|writer| {
            let packs: HashSet<Id> = indexes
                .get(writer)
                .map(|index| index.packs.iter().copied().collect())
                .unwrap_or_default();
            damaged.contains(writer) || named.get(writer).cloned().unwrap_or_default() != packs
        })
        .collect();
    let mut new = HashSet::new();
    for writer in &wrong {
        let (Some(index), Some(key)) = (indexes.get(writer), repository.index_key(writer)) else {
            continue;
        };
        for shard in index.encode(writer, &key) {
            let name = index::name(&shard);
            if !dry_run {
                repository
                    .store
                    .put(&name, &shard)
                    .map_err(store_error("write", &name))?;
            }
            new.insert(name);
        }
    }
    repaired.shards_written = new.len() as u64;
    for (_, name) in old.iter().filter(|(writer, name)| {
        (wrong.contains(writer) || *writer == [0; 16]) && !new.contains(*name)
    }) {
        repaired.shards_removed += 1;
        if !dry_run {
            repository
                .store
                .delete(name)
                .map_err(store_error("delete", name))?;
        }
    }
    Ok(())
}
