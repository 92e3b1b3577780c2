//! The snapshots of a repository, and which of them a word means.

use std::collections::{BTreeSet, HashSet};

use super::{Repository, store_error};
use crate::error::{Error, Malformed, Result};
use crate::id::{Id, hex};
use crate::key::WriterKey;
use crate::snapshot::{self, Head, Snapshot};
use crate::store::Listed;

/// Seconds by which two clocks may differ.
pub const FUTURE: i64 = 300;

impl Repository {
    /// All snapshots in the order of writers and sequence, each with when the storage received it; damaged ones as errors.
    /// One that was forgotten and is there all the same is none.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn snapshots(&self) -> Result<Vec<Result<(Snapshot, i64)>>> {
        let forgotten: HashSet<Id> = crate::forgotten::load(self, |_| {})?
            .into_iter()
            .map(|forgotten| forgotten.id)
            .collect();
        let mut all = self.snapshots_there()?;
        all.retain(|snapshot| match snapshot {
            Ok((snapshot, _)) => !forgotten.contains(&snapshot.id),
            Err(_) => true,
        });
        Ok(all)
    }

    /// All snapshots, forgotten ones among them.
    pub(crate) fn snapshots_there(&self) -> Result<Vec<Result<(Snapshot, i64)>>> {
        let read = |listed: Listed| {
            let read = self.read(&listed.name, |bytes| Snapshot::decode(&listed.name, bytes));
            match read {
                Err(Error::Missing { .. }) => None,
                read => Some(read.map(|snapshot| (snapshot, listed.received))),
            }
        };
        Ok(self
            .list_twice("snapshots")?
            .into_iter()
            .filter_map(read)
            .collect())
    }

    /// What a snapshot says of itself, when its writer signed it.
    ///
    /// # Errors
    /// When no key at hand opens it, or it is damaged or forged.
    pub fn head(&self, snapshot: &Snapshot) -> Result<Head> {
        let damaged = || Error::damaged(snapshot.name());
        let public = self.public(&snapshot.writer)?;
        if !snapshot.is_signed_by(&public) {
            return Err(damaged()(Malformed("its writer did not sign it")));
        }
        let key = self.need_index_key(&snapshot.writer)?;
        snapshot.head(&key).map_err(damaged())
    }

    /// The one snapshot that a word means: `latest`, `latest:KEY=VALUE` or `latest:HOST`, or the beginning of an id.
    ///
    /// The latest is the one that the storage received last; the writer's own clock is not asked. It is this machine's where
    /// it writes to the repository, else there must be one writer only or the word must tell which: anybody who may store
    /// objects can join and call himself by any host's name.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn find(&self, word: &str) -> Result<Snapshot> {
        let all = self.snapshots()?.into_iter().flatten();
        if let Some(rest) = word.strip_prefix("latest") {
            let wanted = rest.strip_prefix(':').unwrap_or(rest);
            let fits = |snapshot: &Snapshot| {
                wanted.is_empty()
                    || self
                        .head(snapshot)
                        .is_ok_and(|head| match wanted.split_once('=') {
                            Some((key, value)) => {
                                head.tags.get(key).is_some_and(|own| own == value)
                            }
                            None => head.host == wanted || head.tags.contains_key(wanted),
                        })
                    || (wanted.len() >= 8 && hex(&snapshot.writer).starts_with(wanted))
            };
            let mut fitting: Vec<(Snapshot, i64)> =
                all.filter(|(snapshot, _)| fits(snapshot)).collect();
            let own = self.writer.as_ref().map(WriterKey::id);
            if wanted.is_empty()
                && fitting
                    .iter()
                    .any(|(snapshot, _)| Some(snapshot.writer) == own)
            {
                fitting.retain(|(snapshot, _)| Some(snapshot.writer) == own);
            }
            let writers: BTreeSet<String> = fitting
                .iter()
                .map(|(snapshot, _)| hex(&snapshot.writer)[..8].to_owned())
                .collect();
            if writers.len() > 1 {
                return Err(Error::Writers {
                    word: word.to_owned(),
                    writers: writers.into_iter().collect::<Vec<_>>().join(", "),
                });
            }
            // One from the future was received while the storage's clock was wrong: any other is newer.
            let soon = self
                .store
                .now()
                .map_err(store_error("ask for the time of", "the storage"))?
                + FUTURE;
            let latest = fitting.into_iter().max_by_key(|(snapshot, received)| {
                (*received <= soon, *received, snapshot.sequence)
            });
            return latest
                .map(|(snapshot, _)| snapshot)
                .ok_or_else(|| Error::NoSnapshot(word.to_owned()));
        }
        let mut fits: Vec<Snapshot> = all
            .map(|(snapshot, _)| snapshot)
            .filter(|snapshot| {
                word.len() >= 4 && snapshot.id.to_string().starts_with(&word.to_lowercase())
            })
            .collect();
        match (fits.len(), fits.pop()) {
            (1, Some(snapshot)) => Ok(snapshot),
            (0, _) => Err(Error::NoSnapshot(word.to_owned())),
            (count, _) => Err(Error::Ambiguous {
                prefix: word.to_owned(),
                count,
            }),
        }
    }

    /// The number of a writer's newest snapshot, and its id when it can be read.
    pub(crate) fn newest(&self, writer: &[u8; 16]) -> Result<Option<(u64, Option<Id>)>> {
        let names = self.list_twice(&format!("snapshots/{}", hex(writer)))?;
        let newest = names
            .iter()
            .rev()
            .find_map(|listed| Some((&listed.name, snapshot::parse_name(&listed.name)?.1)));
        let Some((name, sequence)) = newest else {
            return Ok(None);
        };
        match self.read(name, |bytes| Snapshot::decode(name, bytes)) {
            Ok(snapshot) => Ok(Some((sequence, Some(snapshot.id)))),
            Err(Error::Damaged { .. } | Error::Missing { .. }) => Ok(Some((sequence, None))),
            Err(error) => Err(error),
        }
    }
}
