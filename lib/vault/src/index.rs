//! Which pack and group holds a chunk: shards in the repository, one sorted table in memory.

use std::collections::HashMap;

use crate::error::{Malformed, Result};
use crate::frame::{self, Kind};
use crate::id::{Id, ShortId};
use crate::pack::{Group, padme};
use crate::seal::{open_box, seal_box};
use crate::wire::{Cursor, put_varint};

const CONTEXT: &str = "index";
/// Bytes of an entry in a shard: short id, pack, group.
const ENTRY: usize = 20;
/// Bytes of a pack in a shard: id, session.
const PACK: usize = 48;
/// Packs that one shard names at most; their numbers have two bytes.
const PACKS: usize = 4096;

/// Where a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its pack's number in the index.
    pub pack: u32,
    /// Its group's number in the pack.
    pub group: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    chunk: ShortId,
    pack: u32,
    group: u16,
}

/// Every chunk of one writer: 24 bytes each.
#[derive(Debug, Default)]
pub struct Index {
    /// The packs, by number.
    pub packs: Vec<Id>,
    /// The session of each: without its key nobody reads the pack.
    pub sessions: Vec<[u8; 16]>,
    entries: Vec<Entry>,
    /// Where the entries begin whose ids share their first bits: ids are random, so that each bucket has about
    /// [`BUCKET`]. Empty until the entries are sorted.
    starts: Vec<u32>,
}

/// Entries that share their first bits, on average at most.
const BUCKET: usize = 32;

impl Index {
    /// Takes a pack's directory.
    pub fn add(&mut self, pack: Id, session: [u8; 16], groups: &[Group]) {
        let number = self.packs.len() as u32;
        self.packs.push(pack);
        self.sessions.push(session);
        for (at, group) in groups.iter().enumerate() {
            let members = group.members.iter();
            self.entries.extend(members.map(|(id, _)| Entry {
                chunk: id.short(),
                pack: number,
                group: at as u16,
            }));
        }
        self.starts.clear();
    }

    /// An index of so many chunks that exist nowhere, a thousand in a pack: to measure with.
    #[must_use]
    pub fn simulated(chunks: u32) -> Self {
        let mut index = Index::default();
        index.entries.reserve_exact(chunks as usize);
        for chunk in 0..chunks {
            if chunk % 1000 == 0 {
                index.packs.push(Id::of(&chunk.to_le_bytes()));
                index.sessions.push([0; 16]);
            }
            index.entries.push(Entry {
                chunk: simulated_chunk(chunk).short(),
                pack: chunk / 1000,
                group: 0,
            });
        }
        index
    }

    /// How many chunks there are; one that is stored twice counts twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes [`Index::find`] ready; call it after the last addition. A pack that several shards name counts once.
    pub fn sort(&mut self) {
        self.join();
        self.entries.sort_unstable();
        self.entries.dedup();
        let buckets = (self.entries.len() / BUCKET).next_power_of_two();
        self.starts = vec![0; buckets + 1];
        for entry in &self.entries {
            let bucket = self.bucket(&entry.chunk);
            self.starts[bucket + 1] += 1;
        }
        for bucket in 0..buckets {
            self.starts[bucket + 1] += self.starts[bucket];
        }
    }

    /// Gives each pack one number, be it in several shards: one run may end before it deletes what another replaces.
    fn join(&mut self) {
        let mut first: HashMap<Id, u32> = HashMap::with_capacity(self.packs.len());
        let numbers: Vec<u32> = self
            .packs
            .iter()
            .map(|pack| {
                let next = first.len() as u32;
                *first.entry(*pack).or_insert(next)
            })
            .collect();
        if first.len() == self.packs.len() {
            return;
        }
        let (mut packs, mut sessions) = (Vec::new(), Vec::new());
        for (at, number) in numbers.iter().enumerate() {
            if *number as usize == packs.len() {
                packs.push(self.packs[at]);
                sessions.push(self.sessions[at]);
            }
        }
        (self.packs, self.sessions) = (packs, sessions);
        for entry in &mut self.entries {
            entry.pack = numbers[entry.pack as usize];
        }
    }

    /// The number that the first bits of a chunk's id make.
    fn bucket(&self, chunk: &ShortId) -> usize {
        let bits = (self.starts.len() - 1).ilog2();
        let first = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        (u64::from(first) >> (32 - bits)) as usize
    }

    /// The number of the first entry that is not below a chunk.
    fn first(&self, chunk: &ShortId) -> usize {
        if self.starts.is_empty() {
            debug_assert!(
                self.entries.is_empty(),
                "an index is sorted before it is asked"
            );
            return self.entries.len();
        }
        let bucket = self.bucket(chunk);
        let (from, to) = (
            self.starts[bucket] as usize,
            self.starts[bucket + 1] as usize,
        );
        from + self.entries[from..to].partition_point(|entry| entry.chunk < *chunk)
    }

    /// Where a chunk is; the first pack when several have it.
    #[must_use]
    pub fn find(&self, chunk: &ShortId) -> Option<Place> {
        self.places(chunk).next()
    }

    /// The numbers of a chunk's entries, each with its place.
    pub fn numbered(&self, chunk: &ShortId) -> impl Iterator<Item = (usize, Place)> {
        (self.first(chunk)..).zip(self.places(chunk))
    }

    /// The places of all entries, by number.
    pub fn all(&self) -> impl Iterator<Item = Place> {
        self.entries.iter().map(|entry| Place {
            pack: entry.pack,
            group: entry.group,
        })
    }

    /// Everywhere that a chunk is.
    pub fn places(&self, chunk: &ShortId) -> impl Iterator<Item = Place> {
        let chunk = *chunk;
        let from = self.first(&chunk);
        let found = self.entries[from..]
            .iter()
            .take_while(move |entry| entry.chunk == chunk);
        found.map(|entry| Place {
            pack: entry.pack,
            group: entry.group,
        })
    }

    /// Drops the packs that are not kept, with their chunks.
    pub fn retain(&mut self, mut keep: impl FnMut(&Id, &[u8; 16]) -> bool) {
        let (mut packs, mut sessions) = (Vec::new(), Vec::new());
        let numbers: Vec<Option<u32>> = self
            .packs
            .iter()
            .zip(&self.sessions)
            .map(|(pack, session)| {
                keep(pack, session).then(|| {
                    packs.push(*pack);
                    sessions.push(*session);
                    packs.len() as u32 - 1
                })
            })
            .collect();
        self.entries
            .retain_mut(|entry| match numbers[entry.pack as usize] {
                Some(number) => {
                    entry.pack = number;
                    true
                }
                None => false,
            });
        (self.packs, self.sessions) = (packs, sessions);
        self.sort();
    }

    /// The shards that hold all of it.
    #[must_use]
    pub fn encode(&self, writer: &[u8; 16], index_key: &[u8; 32]) -> Vec<Vec<u8>> {
        (0..self.packs.len())
            .step_by(PACKS)
            .map(|from| {
                let packs = &self.packs[from..self.packs.len().min(from + PACKS)];
                let range = from as u32..(from + packs.len()) as u32;
                let mut entries: Vec<&Entry> = self
                    .entries
                    .iter()
                    .filter(|entry| range.contains(&entry.pack))
                    .collect();
                entries.sort_unstable();
                let mut plain = Vec::with_capacity(16 + packs.len() * PACK + entries.len() * ENTRY);
                put_varint(&mut plain, packs.len() as u64);
                for (pack, session) in packs.iter().zip(&self.sessions[from..]) {
                    plain.extend_from_slice(&pack.0);
                    plain.extend_from_slice(session);
                }
                put_varint(&mut plain, entries.len() as u64);
                for entry in entries {
                    plain.extend_from_slice(&entry.chunk);
                    plain.extend_from_slice(&((entry.pack - range.start) as u16).to_le_bytes());
                    plain.extend_from_slice(&entry.group.to_le_bytes());
                }
                plain.resize(padme(plain.len()), 0);
                let mut body = writer.to_vec();
                body.append(&mut seal_box(index_key, CONTEXT, &plain));
                frame::wrap(Kind::Index, &body)
            })
            .collect()
    }

    /// Takes a shard.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn read(&mut self, bytes: &[u8], index_key: &[u8; 32]) -> Result<(), Malformed> {
        let mut body = Cursor::new(frame::unwrap(Kind::Index, bytes)?);
        body.take(16)?;
        let sealed = body.take(body.rest_len())?;
        let plain = open_box(index_key, CONTEXT, sealed).ok_or(Malformed("it does not open"))?;
        let mut cursor = Cursor::new(&plain);
        let first = self.packs.len() as u32;
        let packs = cursor.count(PACK)?;
        self.packs.reserve(packs);
        self.sessions.reserve(packs);
        for _ in 0..packs {
            self.packs.push(Id(cursor.array()?));
            self.sessions.push(cursor.array()?);
        }
        let entries = cursor.count(ENTRY)?;
        self.entries.reserve(entries);
        for _ in 0..entries {
            let (chunk, pack, group) = (cursor.array()?, cursor.u16()?, cursor.u16()?);
            if usize::from(pack) >= packs {
                return Err(Malformed("an entry names no pack"));
            }
            self.entries.push(Entry {
                chunk,
                pack: first + u32::from(pack),
                group,
            });
        }
        self.starts.clear();
        Ok(())
    }
}

/// The id of a chunk of [`Index::simulated`].
#[must_use]
pub fn simulated_chunk(number: u32) -> Id {
    Id::of(&number.to_be_bytes())
}

/// The writer of a shard, which needs no key.
pub(crate) fn writer_of(bytes: &[u8]) -> Result<[u8; 16], Malformed> {
    Cursor::new(frame::unwrap(Kind::Index, bytes)?).array()
}

/// Where a shard is in the store.
pub(crate) fn name(bytes: &[u8]) -> String {
    format!("index/{}", Id::of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(number: u32) -> Id {
        Id::of(&number.to_le_bytes())
    }

    #[test]
    fn entries_are_small() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn a_pack_that_two_shards_name_counts_once() {
        let shard = |packs: &[u32]| {
            let mut index = Index::default();
            for (number, pack) in packs.iter().enumerate() {
                index.packs.push(chunk(*pack));
                index.sessions.push([*pack as u8; 16]);
                for group in 0..2 {
                    index.entries.push(Entry {
                        chunk: chunk(pack * 10 + u32::from(group)).short(),
                        pack: number as u32,
                        group,
                    });
                }
            }
            index.encode(&[1; 16], &[2; 32]).remove(0)
        };
        let mut index = Index::default();
        for packs in [&[1, 2, 3][..], &[2, 3, 4], &[4, 1]] {
            index.read(&shard(packs), &[2; 32]).expect("as written");
        }
        index.sort();
        assert_eq!(index.packs, [1, 2, 3, 4].map(chunk));
        assert_eq!(index.sessions, [1, 2, 3, 4].map(|pack| [pack; 16]));
        assert_eq!(index.len(), 8);
        for pack in 1..5 {
            let places: Vec<Place> = index.places(&chunk(pack * 10 + 1).short()).collect();
            assert_eq!(
                places,
                [Place {
                    pack: pack - 1,
                    group: 1
                }]
            );
        }
    }

    #[test]
    fn shards_hold_every_chunk() {
        let mut index = Index::default();
        for pack in 0..5000 {
            index.packs.push(chunk(pack));
            index.sessions.push([pack as u8; 16]);
            index.entries.push(Entry {
                chunk: chunk(pack + 10_000).short(),
                pack,
                group: 3,
            });
        }
        let shards = index.encode(&[1; 16], &[2; 32]);
        assert_eq!(shards.len(), 2);
        let mut read = Index::default();
        for shard in &shards {
            assert_eq!(writer_of(shard), Ok([1; 16]));
            read.read(shard, &[2; 32]).expect("as written");
            assert!(Index::default().read(shard, &[3; 32]).is_err());
        }
        read.sort();
        let place = read
            .find(&chunk(14_999).short())
            .expect("it is in the last shard");
        assert_eq!(
            (read.packs[place.pack as usize], place.group),
            (chunk(4999), 3)
        );
        read.retain(|pack, session| *pack == chunk(4999) && *session == [4999_u32 as u8; 16]);
        assert_eq!(
            (
                read.len(),
                read.find(&chunk(14_999).short()).map(|place| place.pack)
            ),
            (1, Some(0))
        );
    }
}
