//! A repository: its config, who may open what, and what is in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Malformed, Result};
use crate::frame::{self, Kind};
use crate::id::{Id, from_hex, hex};
use crate::index::{self, Index};
use crate::key::{Identity, KeyKind, KeyObject, Recipient, Role, WriterKey, verifies, writer_id};
use crate::pack::Session;
use crate::seal::{Key, random};
use crate::snapshot::{self, Head, Snapshot};
use crate::store::{Listed, Store};

const CONFIG: &str = "config";
const COPY: &str = "config.copy";
/// The folders of small objects, each of which is stored twice: a flipped bit in one must not cost a backup.
pub(crate) const TWICE: [&str; 3] = ["keys", "snapshots", "writers"];
/// How often the index is listed anew when prune replaces shards meanwhile.
const LISTINGS: usize = 20;
/// Seconds by which two clocks may differ.
pub const FUTURE: i64 = 300;
/// The newest that this program knows.
const VERSION: u64 = 1;

/// What is true of a whole repository; nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Of the format.
    pub version: u64,
    /// 32 hexadecimal digits.
    pub id: String,
    /// Whom everything is sealed to.
    pub recipients: Vec<Recipient>,
    /// Who may see structure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Recipient>,
    /// Objects under `forgotten/` that were valid when the recipients changed, whoever signed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// Raised with every change, each signed by a recipient of the one before.
    pub generation: u64,
}

/// A config as it is stored: the text that is signed, and by whom.
#[derive(Debug, Serialize, Deserialize)]
struct Signed {
    config: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<Recipient>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    signature: String,
}

/// A server that writes to the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// 32 hexadecimal digits: the beginning of the public key's digest.
    pub id: String,
    /// The public key of its signatures, 64 hexadecimal digits.
    pub public: String,
    /// Its host name when it joined.
    pub host: String,
    signature: String,
}

impl Writer {
    fn new(key: &WriterKey, host: &str) -> Self {
        let mut writer = Writer {
            id: hex(&key.id()),
            public: hex(&key.public()),
            host: host.to_owned(),
            signature: String::new(),
        };
        writer.signature = hex(&key.sign(&writer.message()));
        writer
    }

    fn message(&self) -> Vec<u8> {
        format!(
            "ce-vault 1 writer\0{}\0{}\0{}",
            self.id, self.public, self.host
        )
        .into_bytes()
    }

    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let writer: Writer = frame::unwrap_json(Kind::Writer, bytes)?;
        let public = from_hex(&writer.public).ok_or(Malformed("its public key is none"))?;
        let signature: [u8; 64] =
            from_hex(&writer.signature).ok_or(Malformed("its signature is none"))?;
        if hex(&writer_id(&public)) != writer.id || name != writer.name() {
            return Err(Malformed("it is another writer than its name says"));
        }
        if !verifies(&public, &writer.message(), &signature) {
            return Err(Malformed("its signature does not match"));
        }
        Ok(writer)
    }

    fn name(&self) -> String {
        format!("writers/{}", self.id)
    }

    /// Its id as bytes.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        from_hex(&self.id).unwrap_or_default()
    }

    /// Its public key as bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        from_hex(&self.public).unwrap_or_default()
    }
}

/// An open repository, with whatever keys there are.
pub struct Repository {
    /// Where it is.
    pub store: Arc<dyn Store>,
    /// What is true of it.
    pub config: Config,
    /// Whether the first of the config's two copies had to be passed over.
    pub config_damaged: bool,
    writer: Option<WriterKey>,
    identity: Option<Identity>,
    known: Mutex<HashMap<String, Option<Zeroizing<Vec<u8>>>>>,
    /// What is wrong with objects whose copies were read instead.
    fallen: Mutex<Vec<String>>,
    publics: Mutex<HashMap<[u8; 16], [u8; 32]>>,
}

impl Repository {
    /// Makes a repository in an empty place.
    ///
    /// # Errors
    /// When something is there already or the storage fails.
    pub fn init(store: Arc<dyn Store>, recipients: Vec<Recipient>, place: &Path) -> Result<Self> {
        let config = Config {
            version: VERSION,
            id: hex(&random::<16>()),
            recipients,
            maintainers: Vec::new(),
            accepted: Vec::new(),
            generation: 0,
        };
        let bytes = encode_config(&config, None);
        let stored = store
            .put_new(CONFIG, &bytes)
            .map_err(store_error("write", CONFIG))?;
        if !stored {
            return Err(Error::Exists {
                path: place.to_owned(),
                recipients: list_of(&config.recipients),
            });
        }
        store
            .put(COPY, &bytes)
            .map_err(store_error("write", COPY))?;
        Ok(Self::with_config(store, config, false))
    }

    /// Opens a repository; `place` is for messages.
    ///
    /// # Errors
    /// When there is none, or its config and the copy are damaged.
    pub fn open(store: Arc<dyn Store>, place: &Path) -> Result<Self> {
        let first = read_config(store.as_ref(), CONFIG);
        let (config, damaged) = match first {
            Ok(config) => (config, false),
            Err(first) => match (read_config(store.as_ref(), COPY), first) {
                (Ok(config), Error::Damaged { .. } | Error::Missing { .. }) => (config, true),
                (Err(Error::Missing { .. }), Error::Missing { .. }) => {
                    return Err(Error::NotARepository {
                        path: place.to_owned(),
                    });
                }
                (_, Error::Store { source, .. })
                    if source.kind() == std::io::ErrorKind::NotADirectory =>
                {
                    return Err(Error::NotARepository {
                        path: place.to_owned(),
                    });
                }
                (_, first) => return Err(first),
            },
        };
        if config.version > VERSION {
            return Err(Error::Version(config.version));
        }
        Ok(Self::with_config(store, config, damaged))
    }

    fn with_config(store: Arc<dyn Store>, config: Config, config_damaged: bool) -> Self {
        Repository {
            store,
            config,
            config_damaged,
            writer: None,
            identity: None,
            known: Mutex::default(),
            fallen: Mutex::default(),
            publics: Mutex::default(),
        }
    }

    /// Opens with a writer's key too.
    ///
    /// # Errors
    /// When the key is another repository's, or the config is not what this writer may trust.
    pub fn with_writer(mut self, mut key: WriterKey, path: &Path) -> Result<Self> {
        if key.repository != self.config.id {
            return Err(Error::OtherRepository {
                path: path.to_owned(),
                key: key.repository.clone(),
                repository: self.config.id.clone(),
            });
        }
        self.trust(&mut key)?;
        self.writer = Some(key);
        Ok(self)
    }

    /// Takes recipients over from the config when one of the writer's own recipients signed it.
    fn trust(&self, key: &mut WriterKey) -> Result<()> {
        if self.config.generation == key.generation && self.config.recipients == key.recipients {
            return Ok(());
        }
        let bytes = self
            .store
            .get(CONFIG)
            .or_else(|_| self.store.get(COPY))
            .map_err(store_error("read", CONFIG))?;
        let signed: Signed =
            frame::unwrap_json(Kind::Config, &bytes).map_err(Error::damaged(CONFIG))?;
        let signature = from_hex::<64>(&signed.signature);
        let trusted = signed
            .signer
            .zip(signature)
            .is_some_and(|(signer, signature)| {
                key.recipients.contains(&signer)
                    && signer.verifies(&config_message(&signed.config), &signature)
            });
        if !trusted || self.config.generation <= key.generation {
            return Err(Error::Refused(format!(
                "the repository's recipients are not those that this machine was told, and none of these signed the \
                 change: it says {}, this machine knows {}",
                list_of(&self.config.recipients),
                list_of(&key.recipients)
            )));
        }
        key.recipients.clone_from(&self.config.recipients);
        key.maintainers.clone_from(&self.config.maintainers);
        key.generation = self.config.generation;
        Ok(())
    }

    /// Opens with an organisation's or a maintenance host's key too.
    ///
    /// # Errors
    /// When nothing here is sealed to it.
    pub fn with_identity(mut self, identity: Identity) -> Result<Self> {
        let recipient = identity.recipient();
        let entitled = match recipient.role {
            Role::Organisation => &self.config.recipients,
            Role::Maintain => &self.config.maintainers,
        };
        if !entitled.contains(&recipient) {
            return Err(Error::WrongIdentity {
                recipients: list_of(&self.config.recipients),
            });
        }
        self.identity = Some(identity);
        Ok(self)
    }

    /// Lets a machine write: a new key for it, announced in the repository and sealed to the recipients.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn join(&self, host: &str) -> Result<WriterKey> {
        let mut key = WriterKey::generate(self.config.id.clone(), self.config.recipients.clone());
        key.maintainers.clone_from(&self.config.maintainers);
        key.generation = self.config.generation;
        self.seal_writer(&key)?;
        self.announce(&key, host)?;
        Ok(key)
    }

    fn announce(&self, key: &WriterKey, host: &str) -> Result<()> {
        let writer = Writer::new(key, host);
        self.put_twice(&writer.name(), &frame::wrap_json(Kind::Writer, &writer))
    }

    fn seal_writer(&self, key: &WriterKey) -> Result<()> {
        let id = key.id();
        let mut secret = Zeroizing::new(key.id_key().to_vec());
        secret.extend_from_slice(&*key.index_key());
        self.put_key(&KeyObject::seal(
            KeyKind::Writer,
            &id,
            &id,
            &secret,
            &key.recipients,
        ))?;
        if !key.maintainers.is_empty() {
            self.put_key(&KeyObject::seal(
                KeyKind::Index,
                &id,
                &id,
                &*key.index_key(),
                &key.maintainers,
            ))?;
        }
        Ok(())
    }

    /// Writes anew what this machine announced itself with, where it is gone; whether anything was.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn announce_again(&self, host: &str) -> Result<bool> {
        let Some(key) = &self.writer else {
            return Ok(false);
        };
        let writer = hex(&key.id());
        let gone = |name: String| {
            let there = |name: &str| {
                self.store
                    .get_range(name, 0, 1)
                    .is_ok_and(|byte| !byte.is_empty())
            };
            !there(&name) && !there(&copy_of(&name))
        };
        let keys = gone(format!("keys/{writer}-writer"))
            || (!key.maintainers.is_empty() && gone(format!("keys/{writer}-index")));
        if keys {
            self.seal_writer(key)?;
        }
        let announced = gone(format!("writers/{writer}"));
        if announced {
            self.announce(key, host)?;
        }
        Ok(keys || announced)
    }

    pub(crate) fn put_key(&self, object: &KeyObject) -> Result<()> {
        self.put_twice(&object.name(), &object.encode())
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

    /// This machine's key for it.
    ///
    /// # Errors
    /// When there is none.
    pub fn writer(&self) -> Result<&WriterKey> {
        self.writer.as_ref().ok_or_else(|| Error::NoWriterKey {
            repository: self.config.id.clone(),
        })
    }

    /// Whether the organisation's key is at hand.
    #[must_use]
    pub fn reads_content(&self) -> bool {
        self.identity
            .as_ref()
            .is_some_and(|identity| identity.recipient().role == Role::Organisation)
    }

    /// Whose key it was opened with, besides the writer's.
    #[must_use]
    pub fn opened_by(&self) -> Option<Recipient> {
        self.identity.as_ref().map(Identity::recipient)
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// All writers, and what is wrong with the objects that are none.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn writers(&self) -> Result<Vec<Result<Writer>>> {
        let read =
            |listed: Listed| self.read(&listed.name, |bytes| Writer::decode(&listed.name, bytes));
        Ok(self.list_twice("writers")?.into_iter().map(read).collect())
    }

    /// The key of a writer's structure, if any key at hand gives it.
    pub(crate) fn index_key(&self, writer: &[u8; 16]) -> Option<Key> {
        if let Some(own) = self.writer.as_ref().filter(|own| own.id() == *writer) {
            return Some(own.index_key());
        }
        match self.identity.as_ref()?.recipient().role {
            Role::Organisation => {
                key_at(&self.secret(&format!("keys/{}-writer", hex(writer)))?, 32)
            }
            Role::Maintain => key_at(&self.secret(&format!("keys/{}-index", hex(writer)))?, 0),
        }
    }

    /// The same, or why there is none.
    pub(crate) fn need_index_key(&self, writer: &[u8; 16]) -> Result<Key> {
        if let Some(key) = self.index_key(writer) {
            return Ok(key);
        }
        let kind = match self
            .identity
            .as_ref()
            .map(|identity| identity.recipient().role)
        {
            None => return Err(Error::NeedsIdentity),
            Some(Role::Organisation) => "writer",
            Some(Role::Maintain) => "index",
        };
        let name = format!("keys/{}-{kind}", hex(writer));
        self.read(&name, |bytes| KeyObject::decode(&name, bytes))?;
        Err(Error::damaged(name)(Malformed(
            "it does not open with the key at hand",
        )))
    }

    /// The key that names a writer's chunks, if any key at hand gives it.
    pub(crate) fn id_key(&self, writer: &[u8; 16]) -> Option<Key> {
        if let Some(own) = self.writer.as_ref().filter(|own| own.id() == *writer) {
            return Some(own.id_key());
        }
        if !self.reads_content() {
            return None;
        }
        key_at(&self.secret(&format!("keys/{}-writer", hex(writer)))?, 0)
    }

    /// A session's keys; without the organisation's key they open skeletons only.
    pub(crate) fn session(&self, id: [u8; 16], index_key: &[u8; 32]) -> Session {
        let private = self
            .reads_content()
            .then(|| self.secret(&format!("keys/{}", hex(&id))))
            .flatten();
        let private = private
            .and_then(|secret| key_at(&secret, 0))
            .unwrap_or_else(|| Key::new(random()));
        Session::new(id, private, index_key)
    }

    fn secret(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let identity = self.identity.as_ref()?;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = known().get(name) {
            return secret.clone();
        }
        let object = self.read(name, |bytes| KeyObject::decode(name, bytes)).ok();
        let secret = object.and_then(|object| object.open(identity));
        known().insert(name.to_owned(), secret.clone());
        secret
    }

    /// An object's bytes.
    pub(crate) fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.store.get(name).map_err(store_error("read", name))
    }

    pub(crate) fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        self.store.list(folder).map_err(store_error("list", folder))
    }

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

    /// What a writer's signatures are checked with.
    fn public(&self, writer: &[u8; 16]) -> Result<[u8; 32]> {
        let own = self.writer.as_ref().filter(|own| own.id() == *writer);
        if let Some(own) = own {
            return Ok(own.public());
        }
        let known = || self.publics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(public) = known().get(writer) {
            return Ok(*public);
        }
        let name = format!("writers/{}", hex(writer));
        let read = self.read(&name, |bytes| Writer::decode(&name, bytes))?;
        known().insert(*writer, read.public());
        Ok(read.public())
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

    /// Seals everything to other recipients; content is not touched.
    ///
    /// # Errors
    /// When the identity does not open a key, which then keeps its recipients, or the storage fails.
    pub fn rekey(
        &mut self,
        recipients: Vec<Recipient>,
        maintainers: Vec<Recipient>,
    ) -> Result<usize> {
        let identity = self
            .identity
            .as_ref()
            .filter(|_| self.reads_content())
            .ok_or(Error::NeedsIdentity)?;
        let accepted = crate::forgotten::valid(self)?;
        let config = Config {
            recipients,
            maintainers,
            accepted,
            generation: self.config.generation + 1,
            ..self.config.clone()
        };
        // First the keys are sealed to old and new, then the config names the new, and last the keys are sealed to these
        // alone: whenever it ends, whom the config names opens all of them.
        let mut both = self.config.recipients.clone();
        both.extend(
            config
                .recipients
                .iter()
                .filter(|new| !self.config.recipients.contains(new))
                .copied(),
        );
        if both != self.config.recipients {
            self.seal_all(identity, &both, &config.maintainers)?;
        }
        let bytes = encode_config(&config, Some(identity));
        self.store
            .put(COPY, &bytes)
            .map_err(store_error("write", COPY))?;
        self.store
            .put(CONFIG, &bytes)
            .map_err(store_error("write", CONFIG))?;
        self.config = config;
        let identity = self.identity.as_ref().ok_or(Error::NeedsIdentity)?;
        let resealed =
            self.seal_all(identity, &self.config.recipients, &self.config.maintainers)?;
        self.known = Mutex::default();
        Ok(resealed)
    }

    /// Seals every key to these; how many there are.
    fn seal_all(
        &self,
        identity: &Identity,
        recipients: &[Recipient],
        maintainers: &[Recipient],
    ) -> Result<usize> {
        let mut resealed = 0;
        for listed in self.list_twice("keys")? {
            let mut object =
                self.read(&listed.name, |bytes| KeyObject::decode(&listed.name, bytes))?;
            if object.kind == KeyKind::Index {
                continue;
            }
            resealed += 1;
            let secret = object.open(identity).ok_or_else(|| {
                Error::damaged(&listed.name)(Malformed("it does not open with the key at hand"))
            })?;
            if !object.is_sealed_to(recipients) {
                object.reseal(&secret, recipients);
                self.put_key(&object)?;
            }
            if object.kind == KeyKind::Writer {
                self.reseal_index(&object, &secret, maintainers)?;
            }
        }
        Ok(resealed)
    }

    /// Ends a change of recipients that was interrupted: the keys that were sealed anew.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn finish_rekey(&self, dry_run: bool) -> Result<Vec<String>> {
        let Some(identity) = self.identity.as_ref().filter(|_| self.reads_content()) else {
            return Ok(Vec::new());
        };
        let mut strays = Vec::new();
        for listed in self.list_twice("keys")? {
            let object = self.read(&listed.name, |bytes| KeyObject::decode(&listed.name, bytes));
            let Ok(mut object) = object else { continue };
            if !object.is_for_content() || object.is_sealed_to(&self.config.recipients) {
                continue;
            }
            let Some(secret) = object.open(identity) else {
                continue;
            };
            if !dry_run {
                object.reseal(&secret, &self.config.recipients);
                self.put_key(&object)?;
            }
            strays.push(listed.name);
        }
        Ok(strays)
    }

    /// The recipients that the config names by now, when this machine may trust it.
    ///
    /// # Errors
    /// When it may not, or the storage fails.
    pub(crate) fn recipients_now(&self) -> Result<Vec<Recipient>> {
        let own = self.writer()?;
        let mut key = WriterKey::from_json(&own.to_json()).ok_or_else(|| {
            Error::Refused("this machine's key cannot be copied; this is a bug".into())
        })?;
        let config = read_config(self.store.as_ref(), CONFIG)
            .or_else(|_| read_config(self.store.as_ref(), COPY))?;
        if config.generation != key.generation {
            let now = Self::with_config(Arc::clone(&self.store), config, false);
            now.trust(&mut key)?;
        }
        Ok(key.recipients.clone())
    }

    fn reseal_index(
        &self,
        writer: &KeyObject,
        secret: &[u8],
        maintainers: &[Recipient],
    ) -> Result<()> {
        let name = format!("keys/{}-index", writer.writer);
        if maintainers.is_empty() {
            return self.delete_twice(&name);
        }
        let id = from_hex(&writer.writer).unwrap_or_default();
        let index_key = secret.get(32..64).unwrap_or_default();
        self.put_key(&KeyObject::seal(
            KeyKind::Index,
            &id,
            &id,
            index_key,
            maintainers,
        ))
    }

    /// What is wrong with either copy of the config, or that they differ.
    #[must_use]
    pub fn config_problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = [CONFIG, COPY]
            .into_iter()
            .filter_map(|name| read_config(self.store.as_ref(), name).err())
            .map(|error| error.to_string())
            .collect();
        if problems.is_empty() && self.get(CONFIG).ok() != self.get(COPY).ok() {
            problems.push(format!("'{CONFIG}' and '{COPY}' differ"));
        }
        problems
    }

    /// Writes both copies of the config anew, from the one that could be read.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn restore_config(&self) -> Result<()> {
        let bytes = if self.config_damaged {
            self.get(COPY)?
        } else {
            self.get(CONFIG)?
        };
        self.store
            .put(CONFIG, &bytes)
            .map_err(store_error("write", CONFIG))?;
        self.store
            .put(COPY, &bytes)
            .map_err(store_error("write", COPY))
    }
}

/// What stands before the name of a copy.
const COPIES: &str = "copies/";

/// Where the copy of a small object is.
pub(crate) fn copy_of(name: &str) -> String {
    format!("{COPIES}{name}")
}

pub(crate) fn encode_config(config: &Config, signer: Option<&Identity>) -> Vec<u8> {
    let text = serde_json::to_string(config).expect("these types have string keys only");
    let signature = signer
        .map(|signer| hex(&signer.sign(&config_message(&text))))
        .unwrap_or_default();
    frame::wrap_json(
        Kind::Config,
        &Signed {
            config: text,
            signer: signer.map(Identity::recipient),
            signature,
        },
    )
}

fn config_message(text: &str) -> Vec<u8> {
    format!("ce-vault 1 config\0{text}").into_bytes()
}

/// A config whose signature, which every one but the first has, is its signer's. Whether the signer is to be trusted is for
/// a writer to say, who knows the recipients before.
fn read_config(store: &dyn Store, name: &str) -> Result<Config> {
    let bytes = store.get(name).map_err(store_error("read", name))?;
    let damaged = |why| Error::Damaged {
        object: name.to_owned(),
        why,
    };
    let signed: Signed = frame::unwrap_json(Kind::Config, &bytes).map_err(Error::damaged(name))?;
    let config: Config = serde_json::from_str(&signed.config)
        .map_err(|_| damaged("its JSON is not as the format says"))?;
    let valid = || {
        let signature = from_hex::<64>(&signed.signature)?;
        let signer = signed.signer.as_ref()?;
        Some(signer.verifies(&config_message(&signed.config), &signature))
    };
    if config.generation > 0 && valid() != Some(true) {
        return Err(damaged("its signature is not valid"));
    }
    Ok(config)
}

fn key_at(secret: &[u8], at: usize) -> Option<Key> {
    secret
        .get(at..at + 32)
        .and_then(|bytes| bytes.try_into().ok())
        .map(Zeroizing::new)
}

fn list_of(recipients: &[Recipient]) -> String {
    recipients
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(crate) fn store_error(
    action: &'static str,
    object: &str,
) -> impl FnOnce(std::io::Error) -> Error {
    let object = object.to_owned();
    move |source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { object },
        _ => Error::Store {
            action,
            object,
            source,
        },
    }
}
