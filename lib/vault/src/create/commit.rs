//! The end of a backup: one more look at what prune did meanwhile, then the snapshot at the end of the writer's chain.

use std::collections::HashSet;

use crate::condemned::{self, Condemned};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::key::WriterKey;
use crate::pack;
use crate::repository::{Repository, copy_of, store_error};
use crate::snapshot::{self, Head};

/// How often a commit is tried when others commit at the same time.
const ATTEMPTS: usize = 50;

/// Fails when a prune that ran meanwhile condemned a pack that the new snapshot needs.
pub(super) fn not_condemned_since(
    repository: &Repository,
    (before, there): (&Condemned, &HashSet<Id>),
    writer: &[u8; 16],
    nodes: &[(Id, Id)],
) -> Result<()> {
    let now = condemned::load(repository)?;
    // A prune with too short a grace may have come and gone: then its word is gone too, and so are the packs.
    let listed: HashSet<Id> = repository
        .list("packs")?
        .iter()
        .filter_map(|listed| pack::id_of(&listed.name))
        .collect();
    let gone: HashSet<&Id> = there
        .difference(&listed)
        .filter(|pack| repository.store.get_range(&pack::name(pack), 0, 1).is_err())
        .collect();
    if now.is_subset_of(before) && gone.is_empty() {
        return Ok(());
    }
    let lost = |pack: &Id| now.contains(pack) || gone.contains(pack);
    if crate::reach::relies_on(repository, writer, nodes, lost)? {
        return Err(Error::Overtaken);
    }
    Ok(())
}

/// Puts the snapshot at the end of the writer's chain; another run of the same writer may be faster.
pub(super) fn commit(
    repository: &Repository,
    key: &WriterKey,
    mut head: Head,
    known: Option<(u64, Id)>,
) -> Result<Committed> {
    for _ in 0..ATTEMPTS {
        let newest = repository.newest(&key.id())?;
        let forgotten = crate::forgotten::last(repository, &key.id())?;
        let (sequence, previous) = chain_end(newest, forgotten, known);
        head.previous = previous;
        let bytes = snapshot::encode(&head, sequence, key);
        let name = snapshot::name(&key.id(), sequence);
        copy_of_the_last(repository, &key.id(), newest)?;
        if repository
            .store
            .put_new(&name, &bytes)
            .map_err(store_error("write", &name))?
        {
            let copy = copy_of(&name);
            repository
                .store
                .put(&copy, &bytes)
                .map_err(store_error("write", &copy))?;
            let there = newest.map(|(sequence, _)| sequence);
            let last = there
                .max(forgotten.map(|(sequence, _)| sequence))
                .unwrap_or(0);
            return Ok(Committed {
                id: Id::of(&bytes),
                sequence,
                removed: known.map_or(0, |(sequence, _)| sequence.saturating_sub(last)),
                unreadable: newest.is_some_and(|(_, id)| id.is_none()),
            });
        }
    }
    Err(Error::Refused(
        "other backups of this machine committed each time that this one tried; run it again"
            .into(),
    ))
}

/// Writes the copy of the snapshot before, if the run that made it ended between the two.
fn copy_of_the_last(
    repository: &Repository,
    writer: &[u8; 16],
    newest: Option<(u64, Option<Id>)>,
) -> Result<()> {
    let Some((sequence, Some(_))) = newest else {
        return Ok(());
    };
    let name = snapshot::name(writer, sequence);
    let copy = copy_of(&name);
    if repository.store.get_range(&copy, 0, 1).is_err()
        && let Ok(bytes) = repository.get(&name)
    {
        repository
            .store
            .put(&copy, &bytes)
            .map_err(store_error("write", &copy))?;
    }
    Ok(())
}

/// A snapshot at the end of its chain.
pub(super) struct Committed {
    pub id: Id,
    pub sequence: u64,
    /// How many snapshots that this machine made before are gone and were not forgotten.
    pub removed: u64,
    /// Whether the one before cannot be read.
    pub unreadable: bool,
}

/// The next number and the digest of the one before it, be it there, forgotten, or removed by somebody: a number is
/// never given twice, so that what is gone leaves a gap.
fn chain_end(
    newest: Option<(u64, Option<Id>)>,
    forgotten: Option<(u64, Id)>,
    known: Option<(u64, Id)>,
) -> (u64, Option<Id>) {
    let whole = |one: Option<(u64, Id)>| one.map(|(sequence, id)| (sequence, Some(id)));
    match [newest, whole(forgotten), whole(known)]
        .into_iter()
        .flatten()
        .max()
    {
        Some((sequence, id)) => (sequence + 1, id),
        None => (1, None),
    }
}
