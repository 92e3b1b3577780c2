//! Small objects are stored twice: a flipped bit in one must not cost a backup.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::{Repository, Writer, store_error};
use crate::error::{Error, Malformed, Result};
use crate::id::Id;
use crate::key::KeyObject;
use crate::snapshot::Snapshot;
use crate::store::Listed;

/// The folders of small objects, each of which is stored twice.
pub(crate) const TWICE: [&str; 5] = ["condemned", "forgotten", "keys", "snapshots", "writers"];

/// That a small object is what its name says.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn sound(name: &str, bytes: &[u8]) -> Result<(), Malformed> {
    match name.split_once('/') {
        Some(("keys", _)) => KeyObject::decode(name, bytes).map(drop),
        Some(("snapshots", _)) => Snapshot::decode(name, bytes).map(drop),
        Some(("writers", _)) => Writer::decode(name, bytes).map(drop),
        Some((_, digest)) if digest != Id::of(bytes).to_string() => {
            Err(Malformed("its digest does not match"))
        }
        _ => Ok(()),
    }
}

/// What stands before the name of a copy.
const COPIES: &str = "copies/";

/// Where the copy of a small object is.
pub(crate) fn copy_of(name: &str) -> String {
    format!("{COPIES}{name}")
}

impl Repository {
    pub(crate) fn put_key(&self, object: &KeyObject) -> Result<()> {
        self.put_twice(&object.name(), &object.encode())
    }

    /// The bytes of a small object whose name is its digest; of its copy when it is damaged or gone.
    pub(crate) fn read_bytes(&self, name: &str) -> Result<Vec<u8>> {
        self.read(name, |bytes| sound(name, bytes).map(|()| bytes.to_vec()))
    }

    /// Stores a small object and its copy.
    pub(crate) fn put_twice(&self, name: &str, bytes: &[u8]) -> Result<()> {
        for name in [name, &copy_of(name)] {
            self.store
                .put(name, bytes)
                .map_err(store_error("write", name))?;
        }
        Ok(())
    }

    /// Deletes a small object and its copy.
    pub(crate) fn delete_twice(&self, name: &str) -> Result<()> {
        for name in [name, &copy_of(name)] {
            self.store
                .delete(name)
                .map_err(store_error("delete", name))?;
        }
        Ok(())
    }

    /// A small object; its copy when it is damaged or gone.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        decode: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T> {
        let read = |from: &str| decode(&self.get(from)?).map_err(Error::damaged(from));
        match read(name) {
            Err(error @ (Error::Damaged { .. } | Error::Missing { .. })) => {
                let Ok(whole) = read(&copy_of(name)) else {
                    return Err(error);
                };
                let told = format!("{error}; its copy is whole");
                self.fallen
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(told);
                Ok(whole)
            }
            done => done,
        }
    }

    /// What is wrong with objects whose copies were read instead, so far.
    pub(crate) fn fallen(&self) -> Vec<String> {
        self.fallen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The small objects of a folder, by their first names, be it that only the copy is there.
    pub(crate) fn list_twice(&self, folder: &str) -> Result<Vec<Listed>> {
        let mut all: BTreeMap<String, Listed> = BTreeMap::new();
        for listed in self.list(&copy_of(folder))? {
            if let Some(name) = listed.name.strip_prefix(COPIES) {
                let name = name.to_owned();
                all.insert(name.clone(), Listed { name, ..listed });
            }
        }
        for listed in self.list(folder)? {
            all.insert(listed.name.clone(), listed);
        }
        Ok(all.into_values().collect())
    }
}
