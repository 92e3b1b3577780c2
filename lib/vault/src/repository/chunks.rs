//! Where the chunks of a writer are: its index, read while prune may replace parts of it.

use super::Repository;
use crate::error::{Error, Malformed, Result};
use crate::index::{self, Index};
use crate::seal::Key;

/// How often the index is listed anew when prune replaces shards meanwhile.
const LISTINGS: usize = 20;

impl Repository {
    /// Every chunk of a writer. Damaged shards go to `report`; the index is then incomplete.
    pub(crate) fn index(&self, writer: &[u8; 16], mut report: impl FnMut(Error)) -> Result<Index> {
        let key = self.need_index_key(writer)?;
        for _ in 0..LISTINGS {
            if let Some(index) = self.try_index(writer, &key, &mut report)? {
                return Ok(index);
            }
        }
        Err(Error::Refused(
            "the index changed each time that it was read; run it again".into(),
        ))
    }

    /// Every chunk of a writer, unless a shard was replaced while they were read.
    fn try_index(
        &self,
        writer: &[u8; 16],
        key: &Key,
        report: &mut dyn FnMut(Error),
    ) -> Result<Option<Index>> {
        let mut index = Index::default();
        let mut failed = Vec::new();
        for listed in self.list("index")? {
            let read = self.get(&listed.name).and_then(|bytes| {
                let damaged = || Error::damaged(&listed.name);
                if index::name(&bytes) != listed.name {
                    return Err(damaged()(Malformed("its digest does not match")));
                }
                if index::writer_of(&bytes).map_err(damaged())? == *writer {
                    index.read(&bytes, key).map_err(damaged())?;
                }
                Ok(())
            });
            match read {
                Ok(()) => {}
                Err(Error::Missing { .. }) => return Ok(None),
                Err(error) => failed.push(error),
            }
        }
        failed.into_iter().for_each(report);
        index.sort();
        Ok(Some(index))
    }
}
