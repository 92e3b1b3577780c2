//! Whether a repository is whole: as much of it as the keys at hand can see.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Malformed, Result};
use crate::forgotten::{self, Forgotten};
use crate::id::{Id, hex};
use crate::index;
use crate::key::KeyObject;
use crate::pack;
use crate::reach;
use crate::reader::Reader;
use crate::repository::{Repository, TWICE, Writer, copy_of};
use crate::snapshot::{Snapshot, parse_name};
use crate::tree::{Extent, Item, Kind, Reference};

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
            let whole = match folder {
                "keys" => KeyObject::decode(name, &bytes).map(drop),
                "snapshots" => Snapshot::decode(name, &bytes).map(drop),
                _ => Writer::decode(name, &bytes).map(drop),
            };
            if let Err(Malformed(why)) = whole {
                report
                    .problems
                    .push(format!("'{}' is damaged: {why}", listed.name));
            }
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

/// The packs that are damaged.
fn packs(
    repository: &Repository,
    sealed: &HashSet<String>,
    options: &Options<'_>,
    report: &mut Report,
) -> Result<Packs> {
    let mut there = HashSet::new();
    let mut to_read = Vec::new();
    for listed in repository.list("packs")? {
        match pack::id_of(&listed.name) {
            Some(id) => {
                there.insert(id);
                to_read.push(id);
            }
            None => report
                .problems
                .push(format!("'{}' is no pack", listed.name)),
        }
    }
    report.seen.packs = there.len() as u64;
    let Some((part, of)) = options.read else {
        return Ok(Packs {
            there,
            damaged: HashSet::new(),
        });
    };
    to_read.retain(|id| {
        u64::from_le_bytes(id.0[8..16].try_into().unwrap_or_default()) % of == part - 1
    });
    let queue = Mutex::new(to_read.into_iter());
    let (problems, damaged) = (Mutex::new(Vec::new()), Mutex::new(HashSet::new()));
    let read = AtomicU64::new(0);
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(id) = next.filter(|_| !options.stop.load(Ordering::Relaxed)) else {
                return;
            };
            let problem = match repository.get(&pack::name(&id)) {
                Ok(bytes) => {
                    read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    pack_problem(repository, sealed, &id, bytes)
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(problem) = problem {
                problems
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(problem);
                damaged
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(id);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism()
            .map_or(1, |cores| cores.get().min(4))
            .max(repository.store.connections());
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    if options.stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    report.seen.bytes_read = read.into_inner();
    report.contents = repository.reads_content();
    let mut problems = problems
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    problems.sort_unstable();
    report.problems.append(&mut problems);
    Ok(Packs {
        there,
        damaged: damaged.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

struct Packs {
    there: HashSet<Id>,
    damaged: HashSet<Id>,
}

impl Packs {
    fn is_whole(&self, id: &Id) -> bool {
        self.there.contains(id) && !self.damaged.contains(id)
    }
}

/// What is wrong with a pack: its digest, and with the organisation's key any chunk.
fn pack_problem(
    repository: &Repository,
    sealed: &HashSet<String>,
    id: &Id,
    mut bytes: Vec<u8>,
) -> Option<String> {
    let name = pack::name(id);
    if Id::of(&bytes) != *id {
        let mendable = if pack::mend(id, &bytes).is_some() {
            "; parity can mend it"
        } else {
            ", beyond its parity"
        };
        return Some(format!(
            "'{name}' is damaged: its digest does not match{mendable}"
        ));
    }
    let header = match pack::header(&bytes) {
        Ok(header) => header,
        Err(Malformed(why)) => return Some(format!("'{name}' is damaged: {why}")),
    };
    // A backup that runs meanwhile stores its key before its packs, but perhaps after the keys were listed.
    let session = format!("keys/{}", hex(&header.session));
    if !sealed.contains(&session)
        && let Err(error) = key(repository, &session)
    {
        return Some(format!("nobody can read '{name}': {error}"));
    }
    let index_key = repository.index_key(&header.writer)?;
    let groups = match pack::read(id, &bytes, &index_key) {
        Ok((_, groups)) => groups,
        Err(error) => return Some(error.to_string()),
    };
    if !repository.reads_content() {
        return None;
    }
    let session = repository.session(header.session, &index_key);
    let id_key = repository.id_key(&header.writer)?;
    for group in &groups {
        let sealed = bytes
            .get_mut(group.offset as usize..)?
            .get(..group.stored as usize)?
            .to_vec();
        let Some(raw) = group.open(&session, sealed) else {
            return Some(format!("'{name}' is damaged: a group does not open"));
        };
        let mut at = 0;
        for (chunk, len) in &group.members {
            let end = at + *len as usize;
            if *blake3::keyed_hash(&id_key, &raw[at..end]).as_bytes() != chunk.0 {
                return Some(format!(
                    "'{name}' has chunk {chunk}, whose content is another"
                ));
            }
            at = end;
        }
    }
    None
}

/// Whether every chunk that a snapshot needs is in a whole pack that somebody can open; the keys that packs use.
fn structure(
    repository: &Repository,
    snapshots: &[Snapshot],
    (packs, sealed): (&Packs, &HashSet<String>),
    options: &Options<'_>,
    report: &mut Report,
) -> Result<HashSet<String>> {
    let mut closed: BTreeMap<String, bool> = BTreeMap::new();
    let mut opens = |session: &[u8; 16]| {
        let name = format!("keys/{}", hex(session));
        // A backup that runs meanwhile may have stored its key after the keys were listed.
        let is_open = |name: &String| sealed.contains(name) || key(repository, name).is_ok();
        *closed.entry(name).or_insert_with_key(is_open)
    };
    let mut writers: BTreeMap<[u8; 16], Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        writers.entry(snapshot.writer).or_default().push(snapshot);
    }
    let mut all = !writers.is_empty();
    for (writer, snapshots) in writers {
        if repository.index_key(&writer).is_none() {
            all = false;
            continue;
        }
        let reader = Reader::new(repository, writer, |error| {
            report.problems.push(error.to_string());
        })?;
        report.seen.chunks += reader.index().len() as u64;
        let index = reader.index();
        let open: Vec<bool> = index.sessions.iter().map(&mut opens).collect();
        let mut lost: HashSet<Id> = HashSet::new();
        let mut packs_lost: BTreeSet<Id> = BTreeSet::new();
        let mut seen = HashSet::new();
        for snapshot in &snapshots {
            if options.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let head = match repository.head(snapshot) {
                Ok(head) => head,
                Err(error) => {
                    report.problems.push(error.to_string());
                    continue;
                }
            };
            let mut visit = |id: &Id| {
                let short = id.short();
                let within = || {
                    let places = index.places(&short);
                    places
                        .map(|place| (&index.packs[place.pack as usize], open[place.pack as usize]))
                };
                let whole = within().any(|(pack, opens)| opens && packs.is_whole(pack));
                if !whole && lost.insert(*id) {
                    let gone = within().map(|(pack, _)| pack);
                    packs_lost.extend(gone.filter(|pack| !packs.there.contains(pack)));
                }
            };
            head.errors.iter().for_each(&mut visit);
            if let Err(error) = reach::visit(&reader, &head.nodes, &mut seen, &mut visit) {
                report.problems.push(format!(
                    "snapshot {}: {error}",
                    &snapshot.id.to_string()[..8]
                ));
            }
        }
        for pack in packs_lost {
            let object = pack::name(&pack);
            report.problems.push(Error::Missing { object }.to_string());
        }
        if !lost.is_empty() {
            report.problems.push(format!(
                "{} chunks that snapshots need are missing, in damaged packs, or without the key to them",
                lost.len()
            ));
            if repository.reads_content() {
                affected(repository, &reader, &snapshots, &lost, report);
            }
        }
    }
    let keys = closed.iter().filter(|(_, opens)| !**opens);
    report.problems.extend(keys.map(|(object, _)| {
        let object = object.clone();
        Error::Missing { object }.to_string()
    }));
    report.structure = all;
    Ok(closed.into_keys().collect())
}

/// Names the files that need lost chunks.
fn affected(
    repository: &Repository,
    reader: &Reader<'_>,
    snapshots: &[&Snapshot],
    lost: &HashSet<Id>,
    report: &mut Report,
) {
    let mut names = BTreeSet::new();
    for snapshot in snapshots {
        let short = &snapshot.id.to_string()[..8];
        let Ok(head) = repository.head(snapshot) else {
            continue;
        };
        if head.errors.is_some_and(|errors| lost.contains(&errors)) {
            names.insert(format!("{short}: the list of what was not taken whole"));
        }
        for pair in &head.nodes {
            let Ok(node) = reader.node(pair) else {
                names.insert(format!("{short}: part of the tree"));
                continue;
            };
            let node_lost = lost.contains(&pair.0) || lost.contains(&pair.1);
            for ((skeleton, private), first) in node.leaves.iter().zip(&node.firsts) {
                // Parity may still give the names of what hangs on a damaged pack.
                let all = node_lost || lost.contains(skeleton) || lost.contains(private);
                let read =
                    || Ok::<_, Error>((reader.references(skeleton)?, reader.items(private)?));
                match read() {
                    Ok((references, items)) => {
                        let hit = items
                            .iter()
                            .filter(|item| all || needs(reader, item, &references, lost));
                        names.extend(hit.map(|item| {
                            format!("{short}: /{}", String::from_utf8_lossy(&item.path))
                        }));
                    }
                    Err(_) => drop(names.insert(format!(
                        "{short}: /{} and what follows",
                        String::from_utf8_lossy(first)
                    ))),
                }
            }
        }
    }
    let count = names.len();
    report.affected.extend(names.into_iter().take(AFFECTED));
    if count > AFFECTED {
        report
            .affected
            .push(format!("and {} more", count - AFFECTED));
    }
}

fn needs(reader: &Reader<'_>, item: &Item, references: &[Reference], lost: &HashSet<Id>) -> bool {
    let Kind::File { extents, .. } = &item.kind else {
        return false;
    };
    extents.iter().any(|extent| {
        let chunk = match extent {
            Extent::Data { chunk, .. } | Extent::List { chunk, .. } => *chunk,
            Extent::Hole { .. } => return false,
        };
        let Some(reference) = references.get(chunk as usize) else {
            return true;
        };
        lost.contains(&reference.id)
            || (reference.list
                && reader
                    .list(&reference.id)
                    .map_or(true, |list| list.iter().any(|(id, _)| lost.contains(id))))
    })
}
