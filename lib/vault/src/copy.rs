//! Copies a repository to a second place: ciphertext as it is, nothing opened, nothing that is there replaced.
//!
//! What a snapshot needs goes before it, so that the second place is whole whenever the copy is interrupted; the next one goes
//! on where it ended. Each place forgets and prunes for itself: what was forgotten at the first and is at the second stays there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Malformed, Result};
use crate::forgotten;
use crate::id::Id;
use crate::pack;
use crate::repository::{Repository, copy_of, sound, store_error};
use crate::snapshot;
use crate::store::{Listed, Store};

/// How a repository is copied.
pub struct Options<'a> {
    /// Store nothing, only count.
    pub dry_run: bool,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Bytes copied so far.
    pub bytes: &'a AtomicU64,
}

/// What a copy did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Snapshots that the second place lacked.
    pub snapshots: u64,
    /// Objects that were copied, these among them.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the second place was made.
    pub made: bool,
    /// What could not be copied as it should be, each in a sentence.
    pub problems: Vec<String>,
}

/// How often the first place is listed anew when prune deletes there meanwhile.
const TRIES: usize = 3;

/// Copies what the second place lacks; `place` is its name for messages.
///
/// # Errors
/// When the second place holds another repository or a newer state of this one, or a storage fails. What was copied until
/// then is not copied again.
pub fn copy(
    from: &Repository,
    to: &Arc<dyn Store>,
    place: &Path,
    options: &Options<'_>,
) -> Result<Copied> {
    let mut run = Run {
        from,
        to,
        options,
        copied: Mutex::default(),
        vanished: AtomicBool::new(false),
    };
    let mut rekeyed = false;
    match Repository::open(Arc::clone(to), place) {
        Ok(there) if there.config.id != from.config.id => {
            return Err(Error::Refused(format!(
                "'{}' is another repository: copy to an empty place, or to an earlier copy",
                place.display()
            )));
        }
        Ok(there) if there.config.generation > from.config.generation => {
            return Err(Error::Refused(format!(
                "'{}' has seen a change of keys that '{}' has not: copy the other way round",
                place.display(),
                from.config.id
            )));
        }
        // A copy that was interrupted may have left one of the two configs.
        Ok(there) => {
            rekeyed = there.config_damaged || there.config.generation < from.config.generation;
        }
        Err(Error::NotARepository { .. }) => run.copied().made = true,
        Err(error) => return Err(error),
    }
    for _ in 0..TRIES {
        run.vanished.store(false, Ordering::Relaxed);
        run.all(rekeyed)?;
        if !run.vanished.load(Ordering::Relaxed) {
            break;
        }
        // Prune deleted at the first place what was listed before: whatever needs it is forgotten by now.
        run.copied().problems.clear();
    }
    Ok(run
        .copied
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

struct Run<'a> {
    from: &'a Repository,
    to: &'a Arc<dyn Store>,
    options: &'a Options<'a>,
    copied: Mutex<Copied>,
    vanished: AtomicBool,
}

/// Whether an object may take another's place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Its name says what it is: any of this name is the same.
    Same,
    /// It is of a newer state.
    Older,
    /// It must be the only one of its name.
    Nothing,
}

impl Run<'_> {
    fn copied(&mut self) -> std::sync::MutexGuard<'_, Copied> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Copied)) {
        change(&mut self.copied.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything once, in the order in which one thing needs another.
    fn all(&mut self, rekeyed: bool) -> Result<()> {
        // Listed first: what they need is listed after them, and so is there.
        let snapshots = self.list("snapshots")?;
        let keys = match rekeyed {
            true => Over::Older,
            false => Over::Same,
        };
        if self.copied().made && !self.options.dry_run {
            self.config(Over::Nothing)?;
        }
        let (sessions, writers) = (self.list("keys")?, self.list("writers")?);
        self.each(&sessions, keys)?;
        self.each(&writers, keys)?;
        if rekeyed && !self.options.dry_run {
            self.config(Over::Older)?;
        }
        let (packs, shards) = (self.list("packs")?, self.list("index")?);
        self.each(&packs, Over::Same)?;
        self.each(&shards, Over::Same)?;
        self.forgotten()?;
        if self.vanished.load(Ordering::Relaxed) {
            return Ok(());
        }
        let new = self.each(&snapshots, Over::Nothing)?;
        let first = |name: &&String| name.starts_with("snapshots/");
        self.copied().snapshots += new.iter().filter(first).count() as u64;
        if !self.options.dry_run {
            // A prune at the second place may have deleted meanwhile what nothing there needed yet.
            self.each(&packs, Over::Same)?;
        }
        Ok(())
    }

    /// The objects of a folder, and those of their copies.
    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let mut listed = self.from.list(folder)?;
        listed.extend(self.from.list(&copy_of(folder))?);
        Ok(listed)
    }

    fn config(&self, over: Over) -> Result<()> {
        // Whichever of the two is whole.
        let bytes = self.from.get(match self.from.config_damaged {
            true => "config.copy",
            false => "config",
        })?;
        for name in ["config.copy", "config"] {
            self.put(name, &bytes, over)?;
        }
        Ok(())
    }

    /// Statements that snapshots were forgotten on purpose, but for those of snapshots that the second place keeps.
    fn forgotten(&self) -> Result<()> {
        let kept: BTreeSet<String> = self.there("snapshots")?.into_keys().collect();
        let mut wanted = Vec::new();
        for listed in self.from.list_twice("forgotten")? {
            let bytes = match self.from.read_bytes(&listed.name) {
                Err(Error::Missing { .. }) => continue,
                bytes => bytes?,
            };
            match forgotten::read(self.from, &listed.name, &bytes) {
                Ok(names) => {
                    let stays = |one: &forgotten::Forgotten| {
                        let writer = crate::id::from_hex(&one.writer).unwrap_or_default();
                        kept.contains(&snapshot::name(&writer, one.sequence))
                    };
                    if !names.iter().any(stays) {
                        let copy = copy_of(&listed.name);
                        wanted.push(Listed {
                            name: copy,
                            ..listed.clone()
                        });
                        wanted.push(listed);
                    }
                }
                Err(error) => self.count(|copied| copied.problems.push(error.to_string())),
            }
        }
        self.each(&wanted, Over::Same)?;
        Ok(())
    }

    /// What the second place has in this folder, with sizes.
    fn there(&self, folder: &str) -> Result<HashMap<String, u64>> {
        let listed = self.to.list(folder).map_err(store_error("list", folder))?;
        Ok(listed
            .into_iter()
            .map(|listed| (listed.name, listed.size))
            .collect())
    }

    /// Copies those of these objects that the second place lacks, several at once; the names of these.
    fn each(&self, listed: &[Listed], over: Over) -> Result<Vec<String>> {
        let folders: BTreeSet<&str> = listed
            .iter()
            .filter_map(|listed| listed.name.split('/').next())
            .collect();
        let mut there = HashMap::new();
        for folder in folders {
            there.extend(self.there(folder)?);
        }
        let newest = match over {
            Over::Nothing => newest(listed.iter().filter(|one| there.contains_key(&one.name))),
            Over::Same | Over::Older => BTreeSet::new(),
        };
        let lacks = |listed: &&Listed| {
            over == Over::Older
                || there.get(&listed.name) != Some(&listed.size)
                || newest.contains(&listed.name)
        };
        let missing: Vec<&Listed> = listed.iter().filter(lacks).collect();
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<Error>> = Mutex::default();
        let new: Mutex<Vec<String>> = Mutex::default();
        let work = || {
            while let Some(listed) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.options.stop.load(Ordering::Relaxed) {
                    return;
                }
                let done = match self.options.dry_run {
                    true if over == Over::Nothing && there.contains_key(&listed.name) => Ok(false),
                    true => {
                        self.count_one(listed.size);
                        Ok(true)
                    }
                    false => self.one(&listed.name, over),
                };
                match done {
                    Ok(true) => new
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(listed.name.clone()),
                    Ok(false) => {}
                    Err(error) => {
                        next.store(missing.len(), Ordering::Relaxed);
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(error);
                    }
                }
            }
        };
        let threads = self.to.connections().max(self.from.store.connections());
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, missing.len().max(1)) {
                scope.spawn(work);
            }
        });
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(new.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Copies one object when it is whole; whether it was.
    fn one(&self, name: &str, over: Over) -> Result<bool> {
        let bytes = match self.from.get(name) {
            // A copy that is not there yet, or not any more, is made by whoever needs it.
            Err(Error::Missing { .. }) if name.starts_with("copies/") => return Ok(false),
            Err(Error::Missing { .. }) => {
                self.vanished.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            bytes => bytes?,
        };
        let bytes = match whole(name, bytes) {
            Ok(bytes) => bytes,
            Err(Malformed(why)) => {
                let problem = format!("'{name}' is damaged and not copied: {why}");
                self.count(|copied| copied.problems.push(problem));
                return Ok(false);
            }
        };
        self.put(name, &bytes, over)
    }

    fn put(&self, name: &str, bytes: &[u8], over: Over) -> Result<bool> {
        if over == Over::Nothing {
            if !self
                .to
                .put_new(name, bytes)
                .map_err(store_error("write", name))?
            {
                let same = self.to.get(name).is_ok_and(|there| there == bytes);
                if !same {
                    let problem = format!(
                        "'{name}' is another there: this machine backed up to that place, too"
                    );
                    self.count(|copied| copied.problems.push(problem));
                }
                return Ok(false);
            }
        } else {
            self.to
                .put(name, bytes)
                .map_err(store_error("write", name))?;
        }
        self.count_one(bytes.len() as u64);
        Ok(true)
    }

    fn count_one(&self, bytes: u64) {
        self.options.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.count(|copied| {
            copied.objects += 1;
            copied.bytes += bytes;
        });
    }
}

/// Each writer's newest of these snapshots that two places have in common. It names the digest of the one before it: where
/// the newest are the same, all before them are.
fn newest<'a>(common: impl Iterator<Item = &'a Listed>) -> BTreeSet<String> {
    let mut newest = BTreeMap::new();
    for listed in common {
        if let Some((writer, sequence)) = snapshot::parse_name(&listed.name) {
            let last = newest.entry(writer).or_insert(sequence);
            *last = sequence.max(*last);
        }
    }
    newest
        .iter()
        .map(|(writer, sequence)| snapshot::name(writer, *sequence))
        .collect()
}

/// An object's bytes when they are what its name says, a pack's mended where its parity suffices.
fn whole(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    match pack::id_of(name) {
        Some(id) if Id::of(&bytes) != id => {
            pack::mend(&id, &bytes).ok_or(Malformed("its digest does not match"))
        }
        Some(_) => Ok(bytes),
        None => {
            let original = name.strip_prefix("copies/").unwrap_or(name);
            sound(original, &bytes).map(|()| bytes)
        }
    }
}
