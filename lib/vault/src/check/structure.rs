//! What snapshots need, chunk by chunk, and the files that lack some.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;

use super::packs::Packs;
use super::{AFFECTED, Options, Report, key};
use crate::error::{Error, Result};
use crate::id::{Id, hex};
use crate::pack;
use crate::reach;
use crate::reader::Reader;
use crate::repository::Repository;
use crate::snapshot::Snapshot;
use crate::tree::{Extent, Item, Kind, Reference};

/// Whether every chunk that a snapshot needs is in a whole pack that somebody can open; the keys that packs use.
pub(super) fn structure(
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
