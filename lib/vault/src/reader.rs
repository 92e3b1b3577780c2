//! Chunks of one writer, fetched by the group, opened once, checked against their names.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::id::Id;
use crate::index::{Index, Place};
use crate::pack::{self, Group, Header, Session};
use crate::repository::{Repository, store_error};
use crate::seal::Key;
use crate::tree::{Item, Node, Reference, decode_leaf, decode_list, decode_references};

/// Groups kept open: 2 MiB each.
const OPEN_GROUPS: usize = 12;

/// Groups fetched ahead, for each connection to the storage, that nobody has asked for yet.
const AHEAD: usize = 3;

/// A group's chunks in clear.
pub(crate) struct OpenGroup {
    bytes: Vec<u8>,
    places: HashMap<Id, (u32, u32)>,
}

impl OpenGroup {
    fn chunk(&self, id: &Id) -> Option<&[u8]> {
        let (at, len) = self.places.get(id)?;
        self.bytes.get(*at as usize..(at + len) as usize)
    }
}

/// A chunk's bytes, kept alive with its group.
pub struct Chunk {
    group: Arc<OpenGroup>,
    id: Id,
}

impl std::ops::Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.group
            .chunk(&self.id)
            .expect("a chunk is only made for a group that has it")
    }
}

type Slot = Arc<OnceLock<Result<Arc<OpenGroup>, (String, &'static str)>>>;

/// Groups in clear, and their order by last use.
type Open = (HashMap<(u32, u16), Slot>, VecDeque<(u32, u16)>);

struct OpenPack {
    id: Id,
    groups: Vec<Group>,
    session: Arc<Session>,
}

/// Reads one writer's chunks; may be used by several threads at once.
pub struct Reader<'a> {
    repository: &'a Repository,
    writer: [u8; 16],
    index: Index,
    index_key: Key,
    id_key: Option<Key>,
    packs: Mutex<HashMap<u32, Arc<OpenPack>>>,
    sessions: Mutex<HashMap<[u8; 16], Arc<Session>>>,
    groups: Mutex<Open>,
    /// Fetched before anybody asked.
    ahead: Mutex<HashSet<(u32, u16)>>,
    /// How many of these there may be.
    window: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Reader<'a> {
    /// Loads the writer's index. Damaged shards go to `report`.
    ///
    /// # Errors
    /// When no key at hand opens it, or the storage fails.
    pub fn new(
        repository: &'a Repository,
        writer: [u8; 16],
        report: impl FnMut(Error),
    ) -> Result<Self> {
        let index = repository.index(&writer, report)?;
        Self::with_index(repository, writer, index)
    }

    /// Takes an index that was loaded already.
    ///
    /// # Errors
    /// When no key at hand opens the writer's packs.
    pub(crate) fn with_index(
        repository: &'a Repository,
        writer: [u8; 16],
        index: Index,
    ) -> Result<Self> {
        let index_key = repository.index_key(&writer).ok_or(Error::NeedsIdentity)?;
        let id_key = repository.id_key(&writer);
        Ok(Reader {
            repository,
            writer,
            index,
            index_key,
            id_key,
            packs: Mutex::default(),
            sessions: Mutex::default(),
            groups: Mutex::default(),
            ahead: Mutex::default(),
            window: match repository.store.connections() {
                1 => 0,
                connections => AHEAD * connections,
            },
        })
    }

    /// Fetches a chunk's group for somebody who will ask for it soon, unless enough is waiting.
    pub(crate) fn fetch_ahead(&self, id: &Id) {
        let Some(place) = self.index.find(&id.short()) else {
            return;
        };
        let key = (place.pack, place.group);
        if lock(&self.groups).0.contains_key(&key) {
            return;
        }
        {
            let mut ahead = lock(&self.ahead);
            if ahead.len() >= self.window || !ahead.insert(key) {
                return;
            }
        }
        let _ = self.fetch(place);
    }

    /// Where chunks are.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// A chunk's bytes. When the first place that has it is damaged, the others are tried.
    ///
    /// # Errors
    /// When it is nowhere, or nowhere undamaged.
    pub fn chunk(&self, id: &Id) -> Result<Chunk> {
        let mut failed = Error::Missing {
            object: format!("chunk {id}"),
        };
        for place in self.index.places(&id.short()) {
            match self.group(place) {
                Ok(group) if group.chunk(id).is_some() => return Ok(Chunk { group, id: *id }),
                Ok(_) => {}
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn group(&self, place: Place) -> Result<Arc<OpenGroup>> {
        if self.window > 0 {
            lock(&self.ahead).remove(&(place.pack, place.group));
        }
        self.fetch(place)
    }

    fn fetch(&self, place: Place) -> Result<Arc<OpenGroup>> {
        let key = (place.pack, place.group);
        let slot = {
            let mut groups = lock(&self.groups);
            let (open, order) = &mut *groups;
            if let Some(slot) = open.get(&key) {
                if let Some(at) = order.iter().position(|open| *open == key) {
                    order.remove(at);
                    order.push_back(key);
                }
                slot.clone()
            } else {
                if order.len() >= OPEN_GROUPS + self.window {
                    order.pop_front().map(|oldest| open.remove(&oldest));
                }
                order.push_back(key);
                open.entry(key).or_default().clone()
            }
        };
        let opened = slot.get_or_init(|| {
            self.open_group(place).map_err(|error| match error {
                Error::Damaged { object, why } => (object, why),
                Error::Missing { object } => (object, "it is missing"),
                other => (other.to_string(), "it could not be read"),
            })
        });
        opened
            .clone()
            .map_err(|(object, why)| Error::Damaged { object, why })
    }

    fn open_group(&self, place: Place) -> Result<Arc<OpenGroup>> {
        let pack = self.pack(place.pack)?;
        let name = pack::name(&pack.id);
        let damaged = |why| Error::Damaged {
            object: name.clone(),
            why,
        };
        let group = pack
            .groups
            .get(usize::from(place.group))
            .ok_or_else(|| damaged("it lacks a group"))?;
        let sealed = self
            .repository
            .store
            .get_range(&name, u64::from(group.offset), group.stored as usize)
            .map_err(store_error("read", &name))?;
        let bytes = group
            .open(&pack.session, sealed)
            .ok_or_else(|| damaged("a group does not open"))?;
        let mut places = HashMap::with_capacity(group.members.len());
        let mut at = 0;
        for (id, len) in &group.members {
            let chunk = &bytes[at as usize..(at + len) as usize];
            if let Some(key) = &self.id_key
                && *blake3::keyed_hash(key, chunk).as_bytes() != id.0
            {
                return Err(damaged("a chunk is not what its name says"));
            }
            places.insert(*id, (at, *len));
            at += len;
        }
        Ok(Arc::new(OpenGroup { bytes, places }))
    }

    fn pack(&self, number: u32) -> Result<Arc<OpenPack>> {
        if let Some(pack) = lock(&self.packs).get(&number) {
            return Ok(pack.clone());
        }
        let id = self.index.packs[number as usize];
        let (header, groups) = directory(self.repository, &id, &self.index_key)?;
        if header.writer != self.writer {
            return Err(Error::Damaged {
                object: pack::name(&id),
                why: "it is another writer's",
            });
        }
        let session = {
            let known = lock(&self.sessions).get(&header.session).cloned();
            known.unwrap_or_else(|| {
                Arc::new(self.repository.session(header.session, &self.index_key))
            })
        };
        lock(&self.sessions).insert(header.session, session.clone());
        let pack = Arc::new(OpenPack {
            id,
            groups,
            session,
        });
        lock(&self.packs).insert(number, pack.clone());
        Ok(pack)
    }

    /// The chunks that a leaf's items point at, by number.
    pub(crate) fn references(&self, skeleton: &Id) -> Result<Vec<Reference>> {
        decode_references(&self.chunk(skeleton)?)
            .map_err(Error::damaged(format!("chunk {skeleton}")))
    }

    /// The chunks that a list names, with their lengths.
    pub(crate) fn list(&self, id: &Id) -> Result<Vec<(Id, u32)>> {
        decode_list(&self.chunk(id)?).map_err(Error::damaged(format!("chunk {id}")))
    }

    pub(crate) fn items(&self, private: &Id) -> Result<Vec<Item>> {
        decode_leaf(&self.chunk(private)?).map_err(Error::damaged(format!("chunk {private}")))
    }

    pub(crate) fn node(&self, (skeleton, private): &(Id, Id)) -> Result<Node> {
        Node::decode(&self.chunk(skeleton)?, &self.chunk(private)?)
            .map_err(Error::damaged(format!("chunk {skeleton}")))
    }

    pub(crate) fn leaves(&self, skeleton: &Id) -> Result<Vec<(Id, Id)>> {
        Node::leaves(&self.chunk(skeleton)?).map_err(Error::damaged(format!("chunk {skeleton}")))
    }
}

/// A pack's header and directory, by two small reads.
pub(crate) fn directory(
    repository: &Repository,
    id: &Id,
    index_key: &[u8; 32],
) -> Result<(Header, Vec<Group>)> {
    let name = pack::name(id);
    let range = |at, len| {
        repository
            .store
            .get_range(&name, at, len)
            .map_err(store_error("read", &name))
    };
    let attempt = || -> Result<(Header, Vec<Group>)> {
        let header = Header::decode(&range(0, Header::LEN)?).map_err(Error::damaged(&name))?;
        let (at, len) = header.directory();
        let groups = header
            .groups(index_key, &range(at, len)?)
            .map_err(Error::damaged(&name))?;
        Ok((header, groups))
    };
    match attempt() {
        Err(Error::Damaged { .. }) => {
            let bytes = repository.get(&name)?;
            let mended = pack::mend(id, &bytes);
            pack::read(id, mended.as_deref().unwrap_or(&bytes), index_key)
        }
        done => done,
    }
}
