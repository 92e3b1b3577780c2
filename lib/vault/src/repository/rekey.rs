//! A change of the recipients: whenever it is interrupted, whom the config names opens all keys.

use std::sync::{Arc, Mutex};

use super::config::{CONFIG, COPY, Config, encode_config, read_config};
use super::{Repository, store_error};
use crate::error::{Error, Malformed, Result};
use crate::id::from_hex;
use crate::key::{Identity, KeyKind, KeyObject, Recipient, WriterKey};

impl Repository {
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
}
