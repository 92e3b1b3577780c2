//! Objects in memory: the in-memory twin for tests, with a clock that tests set.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Listed, Store};

/// A store that lasts as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<String, (Vec<u8>, i64)>>,
    clock: AtomicI64,
}

impl MemoryStore {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, (Vec<u8>, i64)>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the storage's clock.
    pub fn set_clock(&self, seconds: i64) {
        self.clock.store(seconds, Ordering::Relaxed);
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no object {name}"))
}

impl Store for MemoryStore {
    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        self.objects()
            .get(name)
            .map(|(bytes, _)| bytes.clone())
            .ok_or_else(|| missing(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let objects = self.objects();
        let (bytes, _) = objects.get(name).ok_or_else(|| missing(name))?;
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        Ok(bytes[from..bytes.len().min(from.saturating_add(len))].to_vec())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let now = self.now()?;
        self.objects()
            .insert(name.to_owned(), (bytes.to_vec(), now));
        Ok(())
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let now = self.now()?;
        let mut objects = self.objects();
        if objects.contains_key(name) {
            return Ok(false);
        }
        objects.insert(name.to_owned(), (bytes.to_vec(), now));
        Ok(true)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let prefix = format!("{folder}/");
        let objects = self.objects();
        let listed = objects.iter().filter(|(name, _)| name.starts_with(&prefix));
        Ok(listed
            .map(|(name, (bytes, received))| Listed {
                name: name.clone(),
                size: bytes.len() as u64,
                received: *received,
            })
            .collect())
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.objects().remove(name);
        Ok(())
    }

    fn now(&self) -> io::Result<i64> {
        Ok(self.clock.load(Ordering::Relaxed))
    }
}
