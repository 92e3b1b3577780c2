//! From chunks to stored packs: what is new is gathered into groups, sealed by workers, packed and stored behind the reader.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

use super::journal::Journal;
use crate::chunker::MOST;
use crate::error::{Error, Result};
use crate::id::{Id, ShortId};
use crate::index::Index;
use crate::key::{KeyKind, KeyObject, Recipient, Signer, WriterKey};
use crate::pack::{self, Builder, Class, GROUP, Member, Sealer, Session};
use crate::reader::Reader;
use crate::repository::{Repository, store_error};
use crate::seal::{Key, random};

/// What a chunk is, which says where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Content, in packs of its own.
    Content,
    /// Items and names.
    Names,
    /// Ids in order.
    Skeleton,
}

impl Lane {
    const ALL: [Lane; 3] = [Lane::Content, Lane::Names, Lane::Skeleton];

    fn class(self) -> Class {
        match self {
            Lane::Content | Lane::Names => Class::Private,
            Lane::Skeleton => Class::Skeleton,
        }
    }

    /// Which of the two open packs.
    fn pack(self) -> usize {
        usize::from(self != Lane::Content)
    }
}

struct Job {
    lane: Lane,
    raw: Vec<u8>,
    members: Vec<Member>,
}

/// What the threads share.
pub(super) struct Shared<'a> {
    repository: &'a Repository,
    key: &'a WriterKey,
    session: Session,
    counter: AtomicU64,
    percent: u8,
    level: i32,
    /// Whether anything is stored at all.
    dry_run: bool,
    open: [Mutex<Builder>; 2],
    new: Mutex<Index>,
    /// Of packs that are stored, for the next ones: memory does not depend on what an allocator gives back.
    buffers: Mutex<Vec<Vec<u8>>>,
    private: Key,
    /// Where a journal may be kept.
    folder: Option<&'a Path>,
    begun: Mutex<Option<Journal>>,
    stored: AtomicU64,
    failed: Mutex<Option<Error>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Shared<'a> {
    pub fn new(
        repository: &'a Repository,
        key: &'a WriterKey,
        session: [u8; 16],
        folder: Option<&'a Path>,
        percent: u8,
        level: i32,
        dry_run: bool,
    ) -> Self {
        let private = Key::new(random());
        Shared {
            repository,
            key,
            session: Session::new(session, private.clone(), &key.index_key()),
            private,
            folder,
            begun: Mutex::default(),
            counter: AtomicU64::new(0),
            percent,
            level,
            dry_run,
            open: Default::default(),
            new: Mutex::default(),
            buffers: Mutex::default(),
            stored: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    pub fn stored_bytes(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// The index of what was stored.
    pub fn take_new(&self) -> Index {
        std::mem::take(&mut lock(&self.new))
    }

    fn fail(&self, error: Error) {
        lock(&self.failed).get_or_insert(error);
    }

    fn has_failed(&self) -> bool {
        lock(&self.failed).is_some()
    }

    fn seal(
        &self,
        jobs: &Mutex<Receiver<Job>>,
        spent: &SyncSender<Vec<u8>>,
        packs: &SyncSender<Builder>,
    ) {
        let mut sealer = Sealer::new(self.level);
        loop {
            let job = lock(jobs).recv();
            let Ok(Job {
                lane,
                mut raw,
                members,
            }) = job
            else {
                return;
            };
            let counter = self.counter.fetch_add(1, Ordering::Relaxed);
            let sealed = sealer.seal(&self.session, counter, lane.class(), &raw, members);
            // Held while the pack is handed over: no further pack is begun before the last one is on its way.
            let mut open = lock(&self.open[lane.pack()]);
            open.push(sealed);
            if open.is_full() {
                let full = std::mem::take(&mut *open);
                if packs.send(full).is_err() {
                    return;
                }
                *open = Builder::reusing(lock(&self.buffers).pop().unwrap_or_default());
            }
            drop(open);
            raw.clear();
            let _ = spent.try_send(raw);
        }
    }

    /// Before the first pack: the key that opens it.
    fn begin(&self) -> Result<Journal> {
        self.put_key(&self.key.recipients)?;
        Ok(Journal::create(self.folder, &self.session.id))
    }

    fn put_key(&self, recipients: &[Recipient]) -> Result<()> {
        let (session, writer) = (&self.session.id, self.key.id());
        let kind = KeyKind::Session;
        self.repository.put_key(&KeyObject::seal(
            kind,
            session,
            &writer,
            &*self.private,
            recipients,
            Signer::Writer(self.key),
        ))
    }

    /// Seals the session's key, if there is one, to whom the recipients have become meanwhile.
    pub fn seal_to(&self, recipients: &[Recipient]) -> Result<()> {
        match self.stored_bytes() {
            0 => Ok(()),
            _ => self.put_key(recipients),
        }
    }

    /// The journal of what was stored, to be removed once the index has it.
    pub fn take_journal(&self) -> Option<Journal> {
        lock(&self.begun).take()
    }

    fn store(&self, builder: Builder) -> Result<()> {
        let pack = builder.finish(
            &self.session.id,
            &self.key.id(),
            &self.key.index_key(),
            self.percent,
        );
        self.stored
            .fetch_add(pack.bytes.len() as u64, Ordering::Relaxed);
        if !self.dry_run {
            {
                let mut begun = lock(&self.begun);
                if begun.is_none() {
                    *begun = Some(self.begin()?);
                }
            }
            let name = pack::name(&pack.id);
            self.repository
                .store
                .put(&name, &pack.bytes)
                .map_err(store_error("write", &name))?;
            lock(&self.begun)
                .iter_mut()
                .for_each(|journal| journal.note(&pack));
        }
        lock(&self.new).add(pack.id, self.session.id, &pack.groups);
        lock(&self.buffers).push(pack.bytes);
        Ok(())
    }
}

/// Takes chunks, forgets those that are stored already.
pub(super) struct Pipeline<'scope, 'env> {
    shared: &'env Shared<'env>,
    id_key: Key,
    known: Known<'env>,
    lanes: [(Vec<u8>, Vec<Member>); 3],
    jobs: Option<SyncSender<Job>>,
    spent: Receiver<Vec<u8>>,
    threads: Vec<std::thread::ScopedJoinHandle<'scope, ()>>,
    /// Bytes of content that were new.
    pub new_bytes: u64,
}

/// Which chunks are stored: the index, loaded when the first chunk asks, and what this run added.
pub(super) struct Known<'a> {
    load: Option<Box<dyn FnOnce() -> Result<Reader<'a>> + 'a>>,
    reader: Option<Reader<'a>>,
    added: HashSet<ShortId>,
}

impl<'a> Known<'a> {
    pub fn new(load: impl FnOnce() -> Result<Reader<'a>> + 'a) -> Self {
        Known {
            load: Some(Box::new(load)),
            reader: None,
            added: HashSet::new(),
        }
    }

    fn reader(&mut self) -> Result<&Reader<'a>> {
        if let Some(load) = self.load.take() {
            self.reader = Some(load()?);
        }
        self.reader.as_ref().ok_or(Error::NeedsIdentity)
    }

    fn has(&mut self, chunk: &ShortId) -> Result<bool> {
        Ok(self.added.contains(chunk) || self.reader()?.index().find(chunk).is_some())
    }

    /// Whether all chunks that a list names are there; a list that cannot be read has none.
    fn has_all_of(&mut self, list: &Id) -> Result<bool> {
        let Ok(chunks) = self.reader()?.list(list) else {
            return Ok(false);
        };
        for (id, _) in chunks {
            if !self.has(&id.short())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Threads that compress and seal.
const SEALERS: usize = 2;

impl<'scope, 'env> Pipeline<'scope, 'env> {
    pub fn start(
        scope: &'scope Scope<'scope, 'env>,
        shared: &'env Shared<'env>,
        known: Known<'env>,
    ) -> Self {
        let sealers = std::thread::available_parallelism()
            .map_or(SEALERS, |cores| cores.get().clamp(SEALERS, 8));
        let (jobs, receiver) = sync_channel::<Job>(sealers);
        let (spent_out, spent) = sync_channel(sealers);
        let (packs, to_store) = sync_channel::<Builder>(0);
        let to_store = std::sync::Arc::new(Mutex::new(to_store));
        let receiver = std::sync::Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for _ in 0..sealers {
            let (receiver, spent, packs) = (receiver.clone(), spent_out.clone(), packs.clone());
            threads.push(scope.spawn(move || shared.seal(&receiver, &spent, &packs)));
        }
        drop(packs);
        for _ in 0..shared.repository.store.connections() {
            let to_store = to_store.clone();
            threads.push(scope.spawn(move || {
                loop {
                    let next = lock(&to_store).recv();
                    let Ok(pack) = next else { return };
                    if let Err(error) = shared.store(pack) {
                        shared.fail(error);
                        return;
                    }
                }
            }));
        }
        drop(to_store);
        Pipeline {
            shared,
            id_key: shared.key.id_key(),
            known,
            lanes: Default::default(),
            jobs: Some(jobs),
            spent,
            threads,
            new_bytes: 0,
        }
    }

    /// Whether a chunk of this id is stored or about to be.
    pub fn has(&mut self, id: &Id) -> Result<bool> {
        self.known.has(&id.short())
    }

    /// Whether all chunks that a stored list names are.
    pub fn has_all_of(&mut self, list: &Id) -> Result<bool> {
        self.known.has_all_of(list)
    }

    /// Takes a chunk; its id.
    pub fn add(&mut self, lane: Lane, bytes: &[u8]) -> Result<Id> {
        let id = Id(*blake3::keyed_hash(&self.id_key, bytes).as_bytes());
        if self.known.has(&id.short())? {
            return Ok(id);
        }
        self.known.added.insert(id.short());
        if lane == Lane::Content {
            self.new_bytes += bytes.len() as u64;
        }
        let (raw, members) = &mut self.lanes[lane as usize];
        if raw.capacity() == 0 {
            raw.reserve_exact(GROUP + MOST);
        }
        raw.extend_from_slice(bytes);
        members.push((id, bytes.len() as u32));
        if raw.len() >= GROUP {
            self.send(lane)?;
        }
        Ok(id)
    }

    fn send(&mut self, lane: Lane) -> Result<()> {
        let (raw, members) = std::mem::take(&mut self.lanes[lane as usize]);
        if raw.is_empty() {
            return Ok(());
        }
        if self.shared.has_failed() {
            return Err(self.failure());
        }
        self.lanes[lane as usize].0 = self.spent.try_recv().unwrap_or_default();
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(Job { lane, raw, members }).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    fn failure(&self) -> Error {
        let error = lock(&self.shared.failed).take();
        error.unwrap_or_else(|| {
            Error::Refused("a worker of the backup ended early; this is a bug".into())
        })
    }

    /// Seals and stores what is left, waits for all of it.
    pub fn finish(&mut self) -> Result<()> {
        for lane in Lane::ALL {
            self.send(lane)?;
        }
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                self.shared.fail(Error::Refused(
                    "a worker of the backup panicked; this is a bug".into(),
                ));
            }
        }
        if self.shared.has_failed() {
            return Err(self.failure());
        }
        for open in &self.shared.open {
            let last = std::mem::take(&mut *lock(open));
            if !last.is_empty() {
                self.shared.store(last)?;
            }
        }
        Ok(())
    }
}
