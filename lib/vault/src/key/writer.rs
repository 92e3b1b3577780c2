//! A server's own key: enough to write, to deduplicate and to see how fresh its backups are; not to read their content.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::identity::Recipient;
use crate::id::{Id, from_hex, hex};
use crate::seal::{Key, derive, random};

/// Everything a writer knows about one repository.
pub struct WriterKey {
    /// Of the repository.
    pub repository: String,
    /// Whom content is sealed to: those it was told by a person, or by a config that one of these signed.
    pub recipients: Vec<Recipient>,
    /// The maintenance hosts that may see its structure.
    pub maintainers: Vec<Recipient>,
    /// Of the config that it took them from; an older one is refused.
    pub generation: u64,
    /// The digest of that config: another one of the same generation is refused.
    pub config: Id,
    secret: Key,
}

#[derive(Serialize, Deserialize)]
struct File {
    repository: String,
    secret: Zeroizing<String>,
    recipients: Vec<Recipient>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    maintainers: Vec<Recipient>,
    generation: u64,
    config: Id,
}

impl fmt::Debug for WriterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WriterKey {}", hex(&self.id()))
    }
}

impl WriterKey {
    /// A new one for a repository.
    #[must_use]
    pub fn generate(repository: String, recipients: Vec<Recipient>) -> Self {
        WriterKey {
            repository,
            recipients,
            maintainers: Vec::new(),
            generation: 0,
            config: Id([0; 32]),
            secret: Zeroizing::new(random()),
        }
    }

    /// The content of its file, which nobody but the owner may read.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let file = File {
            repository: self.repository.clone(),
            secret: Zeroizing::new(hex(&*self.secret)),
            recipients: self.recipients.clone(),
            maintainers: self.maintainers.clone(),
            generation: self.generation,
            config: self.config,
        };
        Zeroizing::new(serde_json::to_vec(&file).expect("these types have string keys only"))
    }

    /// Back from [`WriterKey::to_json`].
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(bytes).ok()?;
        Some(WriterKey {
            secret: Zeroizing::new(from_hex(&file.secret)?),
            repository: file.repository,
            recipients: file.recipients,
            maintainers: file.maintainers,
            generation: file.generation,
            config: file.config,
        })
    }

    /// Names chunks: without it nobody can tell whether a known content is stored.
    #[must_use]
    pub fn id_key(&self) -> Key {
        derive(&self.secret, b"ce-vault 1 writer id")
    }

    /// Opens directories, index, skeletons and snapshots' heads; maintenance has it too.
    #[must_use]
    pub fn index_key(&self) -> Key {
        derive(&self.secret, b"ce-vault 1 writer index")
    }

    /// Makes the chunker's table.
    #[must_use]
    pub fn chunker_secret(&self) -> Key {
        derive(&self.secret, b"ce-vault 1 writer chunker")
    }

    /// Names what the local cache remembers.
    #[must_use]
    pub fn cache_key(&self) -> Key {
        derive(&self.secret, b"ce-vault 1 writer cache")
    }

    fn signing(&self) -> Ed25519KeyPair {
        let seed = derive(&self.secret, b"ce-vault 1 writer ed25519");
        Ed25519KeyPair::from_seed_unchecked(&*seed).expect("any 32 bytes are an Ed25519 seed")
    }

    /// What its signatures are checked with.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.signing().public_key().as_ref());
        public
    }

    /// Its id: the first 16 bytes of the public key's digest.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        writer_id(&self.public())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing().sign(message).as_ref().to_vec()
    }
}

/// The id that belongs to a public signing key.
pub(crate) fn writer_id(public: &[u8; 32]) -> [u8; 16] {
    crate::id::Id::of(public).short()
}

/// Whether a writer signed this.
pub(crate) fn verifies(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, signature)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_comes_back_from_its_file() {
        let key = WriterKey::generate("r".into(), Vec::new());
        let back = WriterKey::from_json(&key.to_json()).expect("as written");
        assert_eq!(
            (back.id(), back.index_key(), back.id_key()),
            (key.id(), key.index_key(), key.id_key())
        );
        assert_ne!(key.index_key(), key.id_key());
        assert!(verifies(&key.public(), b"m", &back.sign(b"m")));
        assert!(WriterKey::from_json(b"{}").is_none());
    }
}
