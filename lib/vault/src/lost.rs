//! Snapshots that are beyond help: gone without a word, or damaged with their copies. Whoever may forget can give them up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::{Error, Result};
use crate::forgotten::{self, Forgotten};
use crate::id::{Id, hex};
use crate::repository::Repository;
use crate::snapshot::{Snapshot, parse_name};

/// Forgets what cannot be read any more, so that checks and prune do not stumble over it again; what it was, each in a
/// sentence.
///
/// # Errors
/// When the storage fails, or no key is at hand that may forget.
pub fn give_up(repository: &Repository, dry_run: bool) -> Result<Vec<String>> {
    let mut told = Vec::new();
    let mut known: BTreeSet<(String, u64)> = forgotten::load(repository, |_| {})?
        .into_iter()
        .map(|forgotten| (forgotten.writer, forgotten.sequence))
        .collect();
    let mut damaged = Vec::new();
    // What each says of the one before it.
    let mut digests: HashMap<(String, u64), Id> = HashMap::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for (writer, sequence) in &known {
        let newest = last.entry(writer.clone()).or_default();
        *newest = (*newest).max(*sequence);
    }
    for listed in repository.list_twice("snapshots")? {
        let name = listed.name;
        let Some((writer, sequence)) = parse_name(&name) else {
            continue;
        };
        let writer = hex(&writer);
        let newest = last.entry(writer.clone()).or_default();
        *newest = (*newest).max(sequence);
        match repository.read(&name, |bytes| Snapshot::decode(&name, bytes)) {
            Ok(snapshot) => {
                if let Ok(head) = repository.head(&snapshot)
                    && let Some(previous) = head.previous
                {
                    digests.insert((writer.clone(), sequence - 1), previous);
                }
                known.insert((writer, sequence));
            }
            Err(Error::Damaged { .. }) => damaged.push(name),
            Err(Error::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let mut notes = Vec::new();
    for (writer, newest) in last {
        for sequence in
            (1..=newest).filter(|sequence| !known.contains(&(writer.clone(), *sequence)))
        {
            told.push(format!("snapshot {sequence} of writer {}", &writer[..8]));
            let key = (writer.clone(), sequence);
            notes.push(Forgotten {
                id: digests.get(&key).copied().unwrap_or(Id([0; 32])),
                writer: writer.clone(),
                sequence,
            });
        }
    }
    for listed in repository.list_twice("forgotten")? {
        if let Err(Error::Damaged { .. }) = repository.read_bytes(&listed.name) {
            told.push(format!("'{}'", listed.name));
            damaged.push(listed.name);
        }
    }
    if dry_run || told.is_empty() {
        return Ok(told);
    }
    if !notes.is_empty() {
        forgotten::note(repository, &notes)?;
    }
    for name in damaged {
        repository.delete_twice(&name)?;
    }
    Ok(told)
}
