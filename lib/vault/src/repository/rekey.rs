//! A change of the recipients: whenever it is interrupted, whom the config names opens all keys.

use std::sync::{Arc, Mutex};

use super::config::{CONFIG, COPY, Config, digest_of, encode_config, read_config};
use super::{Repository, store_error};
use crate::error::{Error, Malformed, Result};
use crate::id::from_hex;
use crate::key::{Identity, KeyKind, KeyObject, Recipient, Signer, WriterKey};

/// What a change of recipients did.
#[derive(Debug, Default)]
pub struct Rekeyed {
    /// Keys that are sealed to them now.
    pub resealed: usize,
    /// Keys that are not, each in a sentence.
    pub problems: Vec<String>,
}

impl Repository {
    /// Seals everything to other recipients; content is not touched. Also ends such a change that was interrupted.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn rekey(
        &mut self,
        recipients: Vec<Recipient>,
        maintainers: Vec<Recipient>,
    ) -> Result<Rekeyed> {
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
        self.signer = Some(identity.recipient());
        self.digest = digest_of(&bytes)?;
        self.config = config;
        let identity = self.identity.as_ref().ok_or(Error::NeedsIdentity)?;
        let rekeyed = self.seal_all(identity, &self.config.recipients, &self.config.maintainers)?;
        self.known = Mutex::default();
        Ok(rekeyed)
    }

    /// Seals every key to these. One that is none, or that nobody can open, must not keep a removed key in the others.
    fn seal_all(
        &self,
        identity: &Identity,
        recipients: &[Recipient],
        maintainers: &[Recipient],
    ) -> Result<Rekeyed> {
        let mut rekeyed = Rekeyed::default();
        for listed in self.list_twice("keys")? {
            let read = self.read(&listed.name, |bytes| KeyObject::decode(&listed.name, bytes));
            let mut object = match read {
                Ok(object) => object,
                Err(error @ (Error::Damaged { .. } | Error::Missing { .. })) => {
                    rekeyed.problems.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            if object.kind == KeyKind::Index {
                continue;
            }
            let Some(secret) = object.open(identity) else {
                rekeyed.problems.push(format!(
                    "'{}' does not open with the key at hand and is left as it is",
                    listed.name
                ));
                continue;
            };
            rekeyed.resealed += 1;
            if !object.is_sealed_to(recipients) || self.vouched(&object).is_err() {
                object.reseal(&secret, recipients, Signer::Identity(identity));
                self.put_key(&object)?;
            }
            if object.kind == KeyKind::Writer {
                self.reseal_index(&object, &secret, maintainers, identity)?;
            }
        }
        Ok(rekeyed)
    }

    /// That who may seal a key sealed this one: its writer, a recipient, or who changed the recipients last.
    ///
    /// # Errors
    /// When it was somebody else.
    pub(crate) fn vouched(&self, object: &KeyObject) -> Result<()> {
        let public = self.public(&from_hex(&object.writer).unwrap_or_default())?;
        let mut entitled = self.config.recipients.clone();
        entitled.extend(self.signer);
        match object.is_vouched_for(&public, &entitled) {
            true => Ok(()),
            false => Err(Error::damaged(object.name())(Malformed(
                "nobody who may seal it signed it",
            ))),
        }
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
                object.reseal(&secret, &self.config.recipients, Signer::Identity(identity));
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
        let read = read_config(self.store.as_ref(), CONFIG)
            .or_else(|_| read_config(self.store.as_ref(), COPY))?;
        if read.digest != self.digest {
            let now = Self::with_config(Arc::clone(&self.store), read, false);
            now.trust(&mut key)?;
        }
        Ok(key.recipients.clone())
    }

    fn reseal_index(
        &self,
        writer: &KeyObject,
        secret: &[u8],
        maintainers: &[Recipient],
        identity: &Identity,
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
            Signer::Identity(identity),
        ))
    }
}
