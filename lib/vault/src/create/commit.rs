//! The end of a backup: one more look at what prune did meanwhile, then the snapshot at the end of the writer's chain.

use crate::condemned::{self, Condemned};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::key::WriterKey;
use crate::repository::{Repository, store_error};
use crate::snapshot::{self, Head, Snapshot};

/// How often a commit is tried when others commit at the same time.
const ATTEMPTS: usize = 50;

/// Why a backup must begin again.
pub(super) const OVERTAKEN: &str =
    "prune condemned packs that this backup relies on while it ran; run it again";

/// Fails when a prune that ran meanwhile condemned a pack that the new snapshot needs.
pub(super) fn not_condemned_since(
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
pub(super) fn commit(
    repository: &Repository,
    key: &WriterKey,
    mut head: Head,
) -> Result<(Id, u64)> {
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
