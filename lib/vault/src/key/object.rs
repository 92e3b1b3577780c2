//! A secret in the repository, sealed to each who may open it. Rotation rewrites these and moves no data.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::identity::{Identity, Recipient, Sealed};
use super::writer::{WriterKey, verifies, writer_id};
use crate::error::Malformed;
use crate::frame::{self, Kind};
use crate::id::{from_hex, hex};

/// What the secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyKind {
    /// The key that one run of a writer seals content with; 32 bytes.
    Session,
    /// A writer's id key and index key; 64 bytes, to the organisation.
    Writer,
    /// A writer's index key; 32 bytes, to maintenance.
    Index,
}

impl KeyKind {
    fn name(self) -> &'static str {
        match self {
            KeyKind::Session => "session",
            KeyKind::Writer => "writer",
            KeyKind::Index => "index",
        }
    }
}

/// One object under `keys/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyObject {
    pub kind: KeyKind,
    /// Of the session or of the writer, 32 hexadecimal digits.
    pub id: String,
    /// Whose it is, 32 hexadecimal digits.
    pub writer: String,
    boxes: Vec<Box>,
    /// Who sealed it, when that is not the writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<Recipient>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    signature: String,
}

/// Who seals a key, and vouches for it: without that, storage could put boxes in its place that nobody opens.
#[derive(Clone, Copy)]
pub(crate) enum Signer<'a> {
    Writer(&'a WriterKey),
    Identity(&'a Identity),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Box {
    to: String,
    enc: String,
    text: String,
}

impl KeyObject {
    pub fn seal(
        kind: KeyKind,
        id: &[u8; 16],
        writer: &[u8; 16],
        secret: &[u8],
        to: &[Recipient],
        signer: Signer<'_>,
    ) -> Self {
        let mut object = KeyObject {
            kind,
            id: hex(id),
            writer: hex(writer),
            boxes: Vec::new(),
            signer: None,
            signature: String::new(),
        };
        object.reseal(secret, to, signer);
        object
    }

    /// Seals the secret to others than before.
    pub fn reseal(&mut self, secret: &[u8], to: &[Recipient], signer: Signer<'_>) {
        let context = self.context();
        self.boxes = to
            .iter()
            .map(|recipient| {
                let sealed = recipient.seal(context.as_bytes(), secret);
                Box {
                    to: hex(&recipient.fingerprint()),
                    enc: hex(&sealed.enc),
                    text: hex(&sealed.text),
                }
            })
            .collect();
        let message = self.message();
        (self.signer, self.signature) = match signer {
            Signer::Writer(key) => (None, hex(&key.sign(&message))),
            Signer::Identity(identity) => {
                (Some(identity.recipient()), hex(&identity.sign(&message)))
            }
        };
    }

    /// What is signed: all of it, line by line.
    fn message(&self) -> Vec<u8> {
        let mut text = format!("ce-vault 1 key\0{}", self.context());
        for sealed in &self.boxes {
            text.push_str(&format!("\n{} {} {}", sealed.to, sealed.enc, sealed.text));
        }
        text.into_bytes()
    }

    /// Whether the writer, whose public key this is, or one of these recipients sealed it.
    pub fn is_vouched_for(&self, public: &[u8; 32], recipients: &[Recipient]) -> bool {
        let Some(signature) = from_hex::<64>(&self.signature) else {
            return false;
        };
        match &self.signer {
            None => {
                hex(&writer_id(public)) == self.writer
                    && verifies(public, &self.message(), &signature)
            }
            Some(signer) => {
                recipients.contains(signer) && signer.verifies(&self.message(), &signature)
            }
        }
    }

    fn context(&self) -> String {
        format!("{} {} {}", self.kind.name(), self.id, self.writer)
    }

    /// The secret, when this identity is one of those that it is sealed to.
    pub fn open(&self, identity: &Identity) -> Option<Zeroizing<Vec<u8>>> {
        let own = hex(&identity.recipient().fingerprint());
        self.boxes
            .iter()
            .filter(|sealed| sealed.to == own)
            .find_map(|sealed| {
                let sealed = Sealed {
                    enc: from_hex(&sealed.enc)?,
                    text: bytes_of(&sealed.text)?,
                };
                identity.open(&sealed, self.context().as_bytes())
            })
    }

    /// Whether it is sealed to all of these and to nobody else.
    pub fn is_sealed_to(&self, recipients: &[Recipient]) -> bool {
        let wanted: std::collections::BTreeSet<String> = recipients
            .iter()
            .map(|recipient| hex(&recipient.fingerprint()))
            .collect();
        wanted == self.boxes.iter().map(|sealed| sealed.to.clone()).collect()
    }

    /// Whether the organisation opens it.
    pub fn is_for_content(&self) -> bool {
        self.kind != KeyKind::Index
    }

    /// Where it is in the store.
    pub fn name(&self) -> String {
        match self.kind {
            KeyKind::Session => format!("keys/{}", self.id),
            kind => format!("keys/{}-{}", self.writer, kind.name()),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        frame::wrap_json(Kind::Key, self)
    }

    /// Reads an object; its name must be its own, so that one cannot stand in for another.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let object: KeyObject = frame::unwrap_json(Kind::Key, bytes)?;
        if object.name() != name {
            return Err(Malformed("it is another key than its name says"));
        }
        Ok(object)
    }
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(from_hex::<1>)
                .map(|[byte]| byte)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    #[test]
    fn each_recipient_opens_it_and_after_rotation_the_old_one_does_not() {
        let [old, new, other] = [(); 3].map(|()| Identity::generate(Role::Organisation));
        let writer = WriterKey::generate("r".into(), Vec::new());
        let mut object = KeyObject::seal(
            KeyKind::Session,
            &[1; 16],
            &writer.id(),
            b"secret",
            &[old.recipient(), other.recipient()],
            Signer::Writer(&writer),
        );
        let name = object.name();
        let read = KeyObject::decode(&name, &object.encode()).expect("as written");
        assert!(
            read.open(&old).is_some() && read.open(&other).is_some() && read.open(&new).is_none()
        );
        assert!(read.is_vouched_for(&writer.public(), &[]));
        object.reseal(b"secret", &[new.recipient()], Signer::Identity(&old));
        let read = KeyObject::decode(&name, &object.encode()).expect("as written");
        assert!(read.is_vouched_for(&writer.public(), &[old.recipient()]));
        assert!(!read.is_vouched_for(&writer.public(), &[new.recipient()]));
        let mut other = read.clone();
        other.boxes[0].text.replace_range(..2, "ff");
        other.boxes[0].enc.replace_range(..2, "ff");
        assert!(!other.is_vouched_for(&writer.public(), &[old.recipient()]));
        assert!(read.open(&old).is_none() && read.open(&new).is_some());
        assert!(KeyObject::decode("keys/00", &object.encode()).is_err());
    }
}
