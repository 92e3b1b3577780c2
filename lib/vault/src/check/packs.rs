//! Packs, each against its name and, with the organisation's key, chunk by chunk.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Options, Report, key};
use crate::error::{Error, Malformed, Result};
use crate::id::{Id, hex};
use crate::pack;
use crate::repository::Repository;

/// The packs that are damaged.
pub(super) fn packs(
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

/// Which packs there are, and which of them are damaged.
pub(super) struct Packs {
    pub there: HashSet<Id>,
    pub damaged: HashSet<Id>,
}

impl Packs {
    pub fn is_whole(&self, id: &Id) -> bool {
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
