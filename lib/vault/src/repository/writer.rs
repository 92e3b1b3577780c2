//! The machines that write to a repository, and how they announce themselves.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Repository;
use crate::error::{Error, Malformed, Result};
use crate::frame::{self, Kind};
use crate::id::{from_hex, hex};
use crate::key::{KeyKind, KeyObject, Signer, WriterKey, verifies, writer_id};
use crate::store::Listed;

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

impl Repository {
    /// Lets a machine write: a new key for it, announced in the repository and sealed to the recipients.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn join(&self, host: &str) -> Result<WriterKey> {
        let mut key = WriterKey::generate(self.config.id.clone(), self.config.recipients.clone());
        key.maintainers.clone_from(&self.config.maintainers);
        key.generation = self.config.generation;
        key.config = self.digest;
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
            Signer::Writer(key),
        ))?;
        if !key.maintainers.is_empty() {
            self.put_key(&KeyObject::seal(
                KeyKind::Index,
                &id,
                &id,
                &*key.index_key(),
                &key.maintainers,
                Signer::Writer(key),
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
        let lost = |error: &Error| matches!(error, Error::Missing { .. } | Error::Damaged { .. });
        let gone = |name: String| {
            let read = self.read(&name, |bytes| KeyObject::decode(&name, bytes));
            read.and_then(|object| self.vouched(&object))
                .is_err_and(|error| lost(&error))
        };
        let name = format!("writers/{writer}");
        let announced = self
            .read(&name, |bytes| Writer::decode(&name, bytes))
            .is_err_and(|error| lost(&error));
        if announced {
            self.announce(key, host)?;
        }
        let keys = gone(format!("keys/{writer}-writer"))
            || (!key.maintainers.is_empty() && gone(format!("keys/{writer}-index")));
        if keys {
            self.seal_writer(key)?;
        }
        Ok(keys || announced)
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

    /// What a writer's signatures are checked with.
    pub(super) fn public(&self, writer: &[u8; 16]) -> Result<[u8; 32]> {
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
}
