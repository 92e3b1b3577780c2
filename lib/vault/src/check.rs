//! Whether a repository is whole: as much of it as the keys at hand can see.

mod packs;
mod structure;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::AtomicBool;

use self::packs::packs;
use self::structure::structure;

use crate::error::{Error, Malformed, Result};
use crate::forgotten::{self, Forgotten};
use crate::id::{Id, hex};
use crate::index;
use crate::key::KeyObject;
use crate::repository::{Repository, TWICE, copy_of, sound};
use crate::snapshot::{Snapshot, parse_name};

/// How much is looked at.
pub struct Options<'a> {
    /// Which share of the packs is read: the n-th of so many parts.
    pub read: Option<(u64, u64)>,
    /// The newest snapshots that were seen earlier, by writer: none of these may be gone.
    pub known: &'a [(String, u64, Id)],
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong, each in a sentence.
    pub problems: Vec<String>,
    /// The files that are affected, as `snapshot: path`; only where the organisation's key is at hand.
    pub affected: Vec<String>,
    /// Whether a key let it see which chunks the snapshots need.
    pub structure: bool,
    /// Whether the contents were compared with their names.
    pub contents: bool,
    /// What was looked at.
    pub seen: Seen,
    /// The newest snapshot of each writer.
    pub heads: Vec<(String, u64, Id)>,
}

/// In numbers.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the field's names say it")]
pub struct Seen {
    pub snapshots: u64,
    pub packs: u64,
    pub chunks: u64,
    pub bytes_read: u64,
}

/// Files that are named at most.
const AFFECTED: usize = 1000;

/// Looks at everything.
///
/// # Errors
/// When the storage fails; what is damaged is no error but in the report.
pub fn check(repository: &Repository, options: &Options<'_>) -> Result<Report> {
    let mut report = Report::default();
    report.problems.append(&mut repository.config_problems());
    let publics = writers(repository, &mut report)?;
    let sealed = keys(repository, &publics, &mut report)?;
    shards(repository, &mut report)?;
    let mut damaged = Vec::new();
    let forgotten = forgotten::load(repository, |error| damaged.push(error.to_string()))?;
    report.problems.append(&mut damaged);
    if let Err(error) = crate::condemned::load(repository) {
        report.problems.push(error.to_string());
    }
    let mut snapshots = snapshots(repository, &publics, &mut report)?;
    chain(
        repository,
        &snapshots,
        &forgotten,
        options.known,
        &mut report,
    );
    snapshots.retain(|snapshot| {
        forgotten
            .iter()
            .all(|forgotten| forgotten.id != snapshot.id)
    });
    let bad = packs(repository, &sealed, options, &mut report)?;
    let used = structure(
        repository,
        &snapshots,
        (&bad, &sealed),
        options,
        &mut report,
    )?;
    copies(repository, &snapshots, &used, &mut report)?;
    report.problems.append(&mut repository.fallen());
    let mut told = HashSet::new();
    report
        .problems
        .retain(|problem| told.insert(problem.clone()));
    Ok(report)
}

/// What is wrong with the chains of snapshots, without a look at packs.
///
/// # Errors
/// When the storage fails.
pub fn chains(repository: &Repository, known: &[(String, u64, Id)]) -> Result<Vec<String>> {
    let mut report = Report::default();
    let publics = writers(repository, &mut report)?;
    let mut damaged = Vec::new();
    let forgotten = forgotten::load(repository, |error| damaged.push(error.to_string()))?;
    report.problems.append(&mut damaged);
    let snapshots = snapshots(repository, &publics, &mut report)?;
    chain(repository, &snapshots, &forgotten, known, &mut report);
    Ok(report.problems)
}

/// The snapshots that are gone and were not forgotten: a sentence for each gap.
///
/// # Errors
/// When the storage fails.
pub(crate) fn gaps(repository: &Repository) -> Result<Vec<String>> {
    let forgotten = forgotten::load(repository, |_| {})?;
    let there = repository.snapshots()?.into_iter().flatten();
    let there = there.map(|(snapshot, _)| (hex(&snapshot.writer), snapshot.sequence));
    let numbers: BTreeSet<(String, u64)> = forgotten
        .into_iter()
        .map(|forgotten| (forgotten.writer, forgotten.sequence))
        .chain(there)
        .collect();
    Ok(missing(&numbers))
}

/// The numbers that are missing in each writer's sequence.
fn missing(numbers: &BTreeSet<(String, u64)>) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut last: HashMap<&str, u64> = HashMap::new();
    for (writer, sequence) in numbers {
        let before = last.insert(writer, *sequence).unwrap_or(0);
        if *sequence != before + 1 {
            let gap = if *sequence == before + 2 {
                format!("snapshot {} of writer {} is", before + 1, &writer[..8])
            } else {
                format!(
                    "snapshots {} to {} of writer {} are",
                    before + 1,
                    sequence - 1,
                    &writer[..8]
                )
            };
            gaps.push(format!("{gap} gone and not forgotten"));
        }
    }
    gaps
}

/// What is wrong with copies. A run that ended early leaves some without: a key that no pack uses, the newest snapshot, a
/// writer without any.
fn copies(
    repository: &Repository,
    snapshots: &[Snapshot],
    used: &HashSet<String>,
    report: &mut Report,
) -> Result<()> {
    let mut newest: HashMap<[u8; 16], u64> = HashMap::new();
    for snapshot in snapshots {
        let last = newest.entry(snapshot.writer).or_default();
        *last = (*last).max(snapshot.sequence);
    }
    let needs_one = |name: &str| match parse_name(name) {
        Some((writer, sequence)) => newest.get(&writer).is_some_and(|last| sequence < *last),
        None => used.contains(name) || newest.keys().any(|writer| name.contains(&hex(writer))),
    };
    for folder in TWICE {
        let copies = repository.list(&copy_of(folder))?;
        let there: HashSet<&str> = copies.iter().map(|listed| listed.name.as_str()).collect();
        for listed in repository.list(folder)? {
            let copy = copy_of(&listed.name);
            if !there.contains(copy.as_str()) && needs_one(&listed.name) {
                report
                    .problems
                    .push(Error::Missing { object: copy }.to_string());
            }
        }
        for listed in copies {
            let name = listed.name.trim_start_matches("copies/");
            let bytes = match repository.get(&listed.name) {
                Err(Error::Missing { .. }) => continue,
                bytes => bytes?,
            };
            let why = match sound(name, &bytes) {
                Err(Malformed(why)) => why,
                // A change of keys that was interrupted leaves an older copy, which a removed key may open.
                Ok(()) if repository.get(name).is_ok_and(|first| first != bytes) => {
                    "it is another than the object that it is a copy of"
                }
                Ok(()) => continue,
            };
            report
                .problems
                .push(format!("'{}' is damaged: {why}", listed.name));
        }
    }
    Ok(())
}

fn writers(repository: &Repository, report: &mut Report) -> Result<HashMap<[u8; 16], [u8; 32]>> {
    let mut publics = HashMap::new();
    for writer in repository.writers()? {
        match writer {
            Ok(writer) => drop(publics.insert(writer.id(), writer.public())),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    Ok(publics)
}

/// The names of the keys that are whole.
fn keys(
    repository: &Repository,
    publics: &HashMap<[u8; 16], [u8; 32]>,
    report: &mut Report,
) -> Result<HashSet<String>> {
    let mut whole = HashSet::new();
    let mut there = HashSet::new();
    for listed in repository.list_twice("keys")? {
        there.insert(listed.name.clone());
        match key(repository, &listed.name) {
            Ok(()) => drop(whole.insert(listed.name)),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    for writer in publics.keys() {
        let mut needed = vec![format!("keys/{}-writer", hex(writer))];
        if !repository.config.maintainers.is_empty() {
            needed.push(format!("keys/{}-index", hex(writer)));
        }
        for object in needed.into_iter().filter(|name| !there.contains(name)) {
            report.problems.push(Error::Missing { object }.to_string());
        }
    }
    Ok(whole)
}

/// Whether a key is whole and, where that can be told, sealed to the organisation.
fn key(repository: &Repository, name: &str) -> Result<()> {
    let object = repository.read(name, |bytes| KeyObject::decode(name, bytes))?;
    repository.vouched(&object)?;
    if object.is_for_content() && !object.is_sealed_to(&repository.config.recipients) {
        return Err(Error::damaged(name)(Malformed(
            "it is sealed to others than the config names: a change of keys was interrupted",
        )));
    }
    match repository.identity() {
        Some(identity)
            if repository.reads_content()
                && object.is_for_content()
                && object.open(identity).is_none() =>
        {
            Err(Error::damaged(name)(Malformed(
                "it does not open with the organisation's key",
            )))
        }
        _ => Ok(()),
    }
}

fn shards(repository: &Repository, report: &mut Report) -> Result<()> {
    for listed in repository.list("index")? {
        let read = repository.get(&listed.name).and_then(|bytes| {
            if index::name(&bytes) != listed.name {
                return Err(Error::damaged(&listed.name)(Malformed(
                    "its digest does not match",
                )));
            }
            index::writer_of(&bytes)
                .map(drop)
                .map_err(Error::damaged(&listed.name))
        });
        if let Err(error) = read {
            report.problems.push(error.to_string());
        }
    }
    Ok(())
}

fn snapshots(
    repository: &Repository,
    publics: &HashMap<[u8; 16], [u8; 32]>,
    report: &mut Report,
) -> Result<Vec<Snapshot>> {
    let mut whole = Vec::new();
    for snapshot in repository.snapshots_there()? {
        match snapshot {
            Ok((snapshot, _)) => {
                report.seen.snapshots += 1;
                match publics.get(&snapshot.writer) {
                    Some(public) if snapshot.is_signed_by(public) => {}
                    Some(_) => report
                        .problems
                        .push(format!("'{}' is not signed by its writer", snapshot.name())),
                    None => report.problems.push(format!(
                        "the writer of '{}' is not known here: 'writers/{}' is missing or damaged",
                        snapshot.name(),
                        hex(&snapshot.writer)
                    )),
                }
                whole.push(snapshot);
            }
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    Ok(whole)
}

/// Whether each writer's numbers have no gap and each snapshot names the one before it.
fn chain(
    repository: &Repository,
    snapshots: &[Snapshot],
    forgotten: &[Forgotten],
    known: &[(String, u64, Id)],
    report: &mut Report,
) {
    let mut links: BTreeMap<(String, u64), Id> = BTreeMap::new();
    for snapshot in forgotten {
        links.insert((snapshot.writer.clone(), snapshot.sequence), snapshot.id);
    }
    for snapshot in snapshots {
        let key = (hex(&snapshot.writer), snapshot.sequence);
        match links.insert(key, snapshot.id) {
            None => {}
            Some(id) if id == snapshot.id => report.problems.push(format!(
                "'{}' was forgotten and is here again: ce-backup prune deletes it",
                snapshot.name()
            )),
            Some(_) => report.problems.push(format!(
                "'{}' is another than the one that was forgotten",
                snapshot.name()
            )),
        }
    }
    report
        .problems
        .append(&mut missing(&links.keys().cloned().collect()));
    let last: BTreeMap<&str, u64> = links
        .keys()
        .map(|(writer, sequence)| (writer.as_str(), *sequence))
        .collect();
    for snapshot in snapshots {
        let Ok(head) = repository.head(snapshot) else {
            continue;
        };
        let before = links.get(&(hex(&snapshot.writer), snapshot.sequence.wrapping_sub(1)));
        if before.is_some_and(|before| head.previous != Some(*before)) {
            report.problems.push(format!(
                "'{}' does not follow the snapshot before it",
                snapshot.name()
            ));
        }
    }
    for (writer, sequence, id) in known {
        match links.get(&(writer.clone(), *sequence)) {
            Some(found) if found == id => {}
            _ => report.problems.push(format!(
                "snapshot {sequence} of writer {} was here when this was last looked at, and is gone or another",
                &writer[..8.min(writer.len())]
            )),
        }
    }
    report.heads = last
        .into_iter()
        .filter_map(|(writer, sequence)| {
            let id = links.get(&(writer.to_owned(), sequence))?;
            Some((writer.to_owned(), sequence, *id))
        })
        .collect();
}
