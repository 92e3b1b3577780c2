//! Packs that a prune found unreferenced: nobody may rely on them any more, and after a grace period they go.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frame::{self, Kind};
use crate::id::Id;
use crate::repository::Repository;

/// All condemned packs, and the objects that say so.
#[derive(Debug, Default)]
pub(crate) struct Condemned {
    packs: HashSet<Id>,
    names: HashSet<String>,
    /// Each object with the time that the storage received it.
    pub sentences: Vec<(String, i64, Vec<Id>)>,
}

#[derive(Serialize, Deserialize)]
struct Sentence {
    packs: Vec<Id>,
}

impl Condemned {
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    pub fn contains(&self, pack: &Id) -> bool {
        self.packs.contains(pack)
    }

    /// Whether nothing was condemned since.
    pub fn is_subset_of(&self, earlier: &Condemned) -> bool {
        self.names.is_subset(&earlier.names)
    }
}

pub(crate) fn load(repository: &Repository) -> Result<Condemned> {
    let mut condemned = Condemned::default();
    for listed in repository.list_twice("condemned")? {
        let bytes = match repository.read_bytes(&listed.name) {
            Err(Error::Missing { .. }) => continue,
            bytes => bytes?,
        };
        let sentence: Sentence =
            frame::unwrap_json(Kind::Condemned, &bytes).map_err(Error::damaged(&listed.name))?;
        condemned.packs.extend(&sentence.packs);
        condemned.names.insert(listed.name.clone());
        condemned
            .sentences
            .push((listed.name, listed.received, sentence.packs));
    }
    Ok(condemned)
}

/// Condemns packs from now on, by the storage's clock.
pub(crate) fn condemn(repository: &Repository, packs: Vec<Id>) -> Result<()> {
    let bytes = frame::wrap_json(Kind::Condemned, &Sentence { packs });
    let name = format!("condemned/{}", Id::of(&bytes));
    repository.put_twice(&name, &bytes)
}
