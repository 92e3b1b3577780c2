//! One backup of one writer: what it found, how it went, where its tree begins; signed, and chained to the one before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Malformed;
use crate::frame::{self, Kind};
use crate::id::Id;
use crate::key::WriterKey;
use crate::seal::{open_box, seal_box};
use crate::wire::Cursor;

const CONTEXT: &str = "snapshot";
const SIGNATURE: usize = 64;

/// What the index key opens of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The digest of the writer's snapshot before this one; absent for its first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Id>,
    /// When it began, RFC 3339, by the writer's clock.
    pub time: String,
    /// The writer's host name.
    pub host: String,
    /// Program and version.
    pub program: String,
    /// What was asked for, as text: paths, or the name of a stream.
    pub roots: Vec<String>,
    /// What the user attached.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The tree: skeleton and private chunk of each node.
    pub nodes: Vec<(Id, Id)>,
    /// The private chunk that names what could not be taken whole; absent when all could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Id>,
    /// Figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A snapshot in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Whether nothing was left out.
    pub complete: bool,
    /// Regular files.
    pub files: u64,
    /// Everything else: folders, links, devices.
    pub others: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Bytes of content that no earlier snapshot had.
    pub new_bytes: u64,
    /// Bytes that were stored for it.
    pub stored_bytes: u64,
    /// Entries in the error list.
    pub error_count: u64,
    /// Milliseconds from start to commit.
    pub took_ms: u64,
}

/// An entry of the error list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omission {
    /// Where, as text; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Why it is missing or not as it should be.
    pub why: String,
}

/// A snapshot as it was read.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The digest of the whole object.
    pub id: Id,
    /// Whose.
    pub writer: [u8; 16],
    /// Counted from 1, without gaps.
    pub sequence: u64,
    /// Bytes of the object.
    pub size: u64,
    sealed: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// Where a snapshot is in the store: in its writer's folder, by sequence.
pub(crate) fn name(writer: &[u8; 16], sequence: u64) -> String {
    format!("snapshots/{}/{sequence:010}", crate::id::hex(writer))
}

/// Writer and sequence that a name stands for.
pub(crate) fn parse_name(name: &str) -> Option<([u8; 16], u64)> {
    let (writer, sequence) = name.strip_prefix("snapshots/")?.split_once('/')?;
    let parsed = (crate::id::from_hex(writer)?, sequence.parse().ok()?);
    (self::name(&parsed.0, parsed.1) == name).then_some(parsed)
}

/// The object of a new snapshot.
pub(crate) fn encode(head: &Head, sequence: u64, key: &WriterKey) -> Vec<u8> {
    encode_for(head, sequence, &key.id(), &key.index_key(), key)
}

/// The object of a snapshot of any writer, signed with this key.
pub(crate) fn encode_for(
    head: &Head,
    sequence: u64,
    writer: &[u8; 16],
    index_key: &[u8; 32],
    signer: &WriterKey,
) -> Vec<u8> {
    let plain = serde_json::to_vec(head).expect("these types have string keys only");
    let mut body = writer.to_vec();
    body.extend_from_slice(&sequence.to_le_bytes());
    body.append(&mut seal_box(index_key, CONTEXT, &plain));
    let mut signature = signer.sign(&message(&body));
    body.append(&mut signature);
    frame::wrap(Kind::Snapshot, &body)
}

fn message(body: &[u8]) -> Vec<u8> {
    [b"ce-vault 1 snapshot\0", body].concat()
}

impl Snapshot {
    /// Reads an object; its place in the store must be its own.
    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let body = frame::unwrap(Kind::Snapshot, bytes)?;
        let (signed, signature) = body
            .split_at_checked(body.len().saturating_sub(SIGNATURE))
            .filter(|(_, signature)| signature.len() == SIGNATURE)
            .ok_or(Malformed("it is cut short"))?;
        let mut cursor = Cursor::new(signed);
        let (writer, sequence) = (cursor.array()?, cursor.u64()?);
        if parse_name(name) != Some((writer, sequence)) {
            return Err(Malformed("it is another snapshot than its name says"));
        }
        Ok(Snapshot {
            id: Id::of(bytes),
            writer,
            sequence,
            size: bytes.len() as u64,
            sealed: signed[24..].to_vec(),
            signed: message(signed),
            signature: signature.to_vec(),
        })
    }

    /// Whether the writer of this public key signed it.
    #[must_use]
    pub fn is_signed_by(&self, public: &[u8; 32]) -> bool {
        crate::key::verifies(public, &self.signed, &self.signature)
    }

    /// What it says, for who has the writer's index key.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn head(&self, index_key: &[u8; 32]) -> Result<Head, Malformed> {
        let plain =
            open_box(index_key, CONTEXT, &self.sealed).ok_or(Malformed("it does not open"))?;
        serde_json::from_slice(&plain).map_err(|_| Malformed("its JSON is not as the format says"))
    }

    /// Where it is in the store.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.writer, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            previous: None,
            time: "2026-11-23T02:00:00Z".into(),
            host: "web1".into(),
            program: "ce-backup 0.1.0".into(),
            roots: vec!["/srv".into()],
            tags: BTreeMap::from([("client".into(), "acme".into())]),
            nodes: vec![(Id::of(b"skeleton"), Id::of(b"private"))],
            errors: None,
            figures: Figures {
                complete: true,
                files: 3,
                ..Figures::default()
            },
        }
    }

    #[test]
    fn a_snapshot_comes_back_and_is_its_writers() {
        let key = WriterKey::generate("r".into(), Vec::new());
        let bytes = encode(&head(), 1, &key);
        let read = Snapshot::decode(&name(&key.id(), 1), &bytes).expect("as written");
        assert_eq!(
            (read.sequence, read.head(&key.index_key())),
            (1, Ok(head()))
        );
        assert!(read.is_signed_by(&key.public()));
        let other = WriterKey::generate("r".into(), Vec::new());
        assert!(!read.is_signed_by(&other.public()));
        assert!(read.head(&other.index_key()).is_err());
    }

    #[test]
    fn one_cannot_stand_in_for_another() {
        let key = WriterKey::generate("r".into(), Vec::new());
        let bytes = encode(&head(), 1, &key);
        assert!(Snapshot::decode(&name(&key.id(), 2), &bytes).is_err());
        assert!(Snapshot::decode("snapshots/x/1", &bytes).is_err());
        assert!(Snapshot::decode(&name(&key.id(), 1), &bytes[..60]).is_err());
    }
}
