//! A repository: who may open what, and what is in it.

mod chunks;
mod config;
mod rekey;
mod snapshots;
mod twice;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

pub use self::config::Config;
pub(crate) use self::config::encode_config;
use self::config::{CONFIG, COPY, Read, digest_of, list_of, read_config};
pub use self::rekey::Rekeyed;
pub use self::snapshots::FUTURE;
pub(crate) use self::twice::{TWICE, copy_of, sound};
pub use self::writer::Writer;
use crate::error::{Error, Malformed, Result};
use crate::id::{Id, hex};
use crate::key::{Identity, KeyObject, Recipient, Role, WriterKey};
use crate::pack::Session;
use crate::seal::{Key, random};
use crate::store::{Listed, Store};

/// The newest that this program knows.
const VERSION: u64 = 1;

/// An open repository, with whatever keys there are.
pub struct Repository {
    /// Where it is.
    pub store: Arc<dyn Store>,
    /// What is true of it.
    pub config: Config,
    /// The digest of what the config says.
    pub digest: Id,
    /// Whether the first of the config's two copies had to be passed over.
    pub config_damaged: bool,
    /// Who changed the config last.
    signer: Option<Recipient>,
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
        let digest = digest_of(&bytes)?;
        let read = Read {
            config,
            digest,
            signer: None,
        };
        Ok(Self::with_config(store, read, false))
    }

    /// Opens a repository; `place` is for messages.
    ///
    /// # Errors
    /// When there is none, or its config and the copy are damaged.
    pub fn open(store: Arc<dyn Store>, place: &Path) -> Result<Self> {
        let first = read_config(store.as_ref(), CONFIG);
        let (read, damaged) = match first {
            Ok(read) => (read, false),
            Err(first) => match (read_config(store.as_ref(), COPY), first) {
                (Ok(read), Error::Damaged { .. } | Error::Missing { .. }) => (read, true),
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
        if read.config.version > VERSION {
            return Err(Error::Version(read.config.version));
        }
        Ok(Self::with_config(store, read, damaged))
    }

    fn with_config(store: Arc<dyn Store>, read: Read, config_damaged: bool) -> Self {
        Repository {
            store,
            config: read.config,
            digest: read.digest,
            signer: read.signer,
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
        if self.digest == key.config {
            return Ok(());
        }
        self.follows(key.generation, &key.recipients)?;
        key.config = self.digest;
        key.recipients.clone_from(&self.config.recipients);
        key.maintainers.clone_from(&self.config.maintainers);
        key.generation = self.config.generation;
        Ok(())
    }

    /// That the config is a later one than that of this generation, changed by one of these.
    ///
    /// # Errors
    /// When it is older, or somebody else changed it.
    pub fn follows(&self, generation: u64, recipients: &[Recipient]) -> Result<()> {
        // Its signature was looked at when it was read.
        let trusted = self
            .signer
            .is_some_and(|signer| recipients.contains(&signer));
        if trusted && self.config.generation > generation {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "the repository's config is not the one that this machine knows, and no recipient that it knows signed the \
             change: it is sealed to {}, this machine knows {}",
            list_of(&self.config.recipients),
            list_of(recipients)
        )))
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
}

fn key_at(secret: &[u8], at: usize) -> Option<Key> {
    secret
        .get(at..at + 32)
        .and_then(|bytes| bytes.try_into().ok())
        .map(Zeroizing::new)
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
