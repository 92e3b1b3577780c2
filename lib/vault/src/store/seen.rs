//! Names that must be there: what was written or listed in this run. Some storages forget them for a moment.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// A set of names, eight bytes each.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashSet<u64>>);

impl Seen {
    pub fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(short(name));
    }

    pub fn forget(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&short(name));
    }

    pub fn has(&self, name: &str) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.contains(&short(name))
    }
}

fn short(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
