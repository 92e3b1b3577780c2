//! What is true of a whole repository, and who may change it.

use serde::{Deserialize, Serialize};

use super::{Repository, store_error};
use crate::error::{Error, Result};
use crate::frame::{self, Kind};
use crate::id::{Id, from_hex, hex};
use crate::key::{Identity, Recipient};
use crate::store::Store;

pub(super) const CONFIG: &str = "config";
pub(super) const COPY: &str = "config.copy";

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
pub(super) struct Signed {
    pub config: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Recipient>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// A config that was read.
pub(super) struct Read {
    pub config: Config,
    /// Of its text.
    pub digest: Id,
    /// Whose change it was; the first is nobody's.
    pub signer: Option<Recipient>,
}

impl Repository {
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

pub(super) fn config_message(text: &str) -> Vec<u8> {
    format!("ce-vault 1 config\0{text}").into_bytes()
}

/// A config whose signature, which every one but the first has, is its signer's. Whether the signer is to be trusted is for
/// a writer to say, who knows the recipients before.
pub(super) fn read_config(store: &dyn Store, name: &str) -> Result<Read> {
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
    // The first is nobody's word: it can name those whom everything is sealed to, and no more.
    let is_first = config.generation == 0;
    let is_plain = config.maintainers.is_empty() && config.accepted.is_empty();
    if (is_first && !is_plain) || (!is_first && valid() != Some(true)) {
        return Err(damaged("its signature is not valid"));
    }
    Ok(Read {
        digest: Id::of(signed.config.as_bytes()),
        signer: signed.signer.filter(|_| !is_first),
        config,
    })
}

/// The digest of a config that was encoded.
pub(super) fn digest_of(bytes: &[u8]) -> Result<Id> {
    let signed: Signed = frame::unwrap_json(Kind::Config, bytes).map_err(Error::damaged(CONFIG))?;
    Ok(Id::of(signed.config.as_bytes()))
}

/// For messages.
pub(super) fn list_of(recipients: &[Recipient]) -> String {
    recipients
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
