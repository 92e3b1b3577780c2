//! Snapshots that were forgotten on purpose: without this, a missing one is one that somebody removed.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Malformed, Result};
use crate::frame::{self, Kind};
use crate::id::{Id, from_hex, hex};
use crate::key::{Recipient, verifies};
use crate::repository::Repository;

/// A forgotten snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forgotten {
    pub writer: String,
    pub sequence: u64,
    pub id: Id,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    forgotten: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<Recipient>,
    /// Of the writer itself, when no other key signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<String>,
    signature: String,
}

fn message(text: &str) -> Vec<u8> {
    format!("ce-vault 1 forgotten\0{text}").into_bytes()
}

/// Deletes forgotten snapshots that are there all the same: somebody put them back, or a run was interrupted.
pub(crate) fn delete_leftovers(repository: &Repository) -> Result<()> {
    let forgotten: HashSet<Id> = load(repository, |_| {})?
        .into_iter()
        .map(|forgotten| forgotten.id)
        .collect();
    for (snapshot, _) in repository.snapshots_there()?.into_iter().flatten() {
        if forgotten.contains(&snapshot.id) {
            repository.delete_twice(&snapshot.name())?;
        }
    }
    Ok(())
}

/// Notes that snapshots are forgotten, signed with the best key at hand.
pub(crate) fn note(repository: &Repository, forgotten: &[Forgotten]) -> Result<()> {
    let text = serde_json::to_string(forgotten).expect("these types have string keys only");
    let message = message(&text);
    let signed = if let Some(identity) = repository.identity() {
        let signature = hex(&identity.sign(&message));
        Signed {
            forgotten: text,
            signer: Some(identity.recipient()),
            writer: None,
            signature,
        }
    } else {
        let writer = repository.writer()?;
        let signature = hex(&writer.sign(&message));
        Signed {
            forgotten: text,
            signer: None,
            writer: Some(hex(&writer.id())),
            signature,
        }
    };
    let bytes = frame::wrap_json(Kind::Forgotten, &signed);
    let name = format!("forgotten/{}", Id::of(&bytes));
    repository.put_twice(&name, &bytes)
}

/// What one object says, when one who may forget signed it.
pub(crate) fn read(repository: &Repository, name: &str, bytes: &[u8]) -> Result<Vec<Forgotten>> {
    let damaged = || Error::damaged(name);
    let signed: Signed = frame::unwrap_json(Kind::Forgotten, bytes).map_err(damaged())?;
    let forgotten: Vec<Forgotten> = serde_json::from_str(&signed.forgotten)
        .map_err(|_| damaged()(Malformed("its JSON is not as the format says")))?;
    let signature: [u8; 64] = from_hex(&signed.signature)
        .ok_or(Malformed("its signature is none"))
        .map_err(damaged())?;
    let message = message(&signed.forgotten);
    let entitled = repository
        .config
        .accepted
        .iter()
        .any(|accepted| accepted == name)
        || match (&signed.signer, &signed.writer) {
            (Some(signer), _) => {
                let config = &repository.config;
                (config.recipients.contains(signer) || config.maintainers.contains(signer))
                    && signer.verifies(&message, &signature)
            }
            (None, Some(writer)) => {
                let own = forgotten.iter().all(|snapshot| snapshot.writer == *writer);
                let known = repository
                    .writers()?
                    .into_iter()
                    .flatten()
                    .find(|known| known.id == *writer);
                own && known.is_some_and(|known| verifies(&known.public(), &message, &signature))
            }
            (None, None) => false,
        };
    if !entitled {
        return Err(damaged()(Malformed("nobody who may forget signed it")));
    }
    Ok(forgotten)
}

/// All that was forgotten; objects that are damaged go to `report`.
pub(crate) fn load(
    repository: &Repository,
    mut report: impl FnMut(Error),
) -> Result<Vec<Forgotten>> {
    let mut all = Vec::new();
    for listed in repository.list_twice("forgotten")? {
        let read = repository
            .read_bytes(&listed.name)
            .and_then(|bytes| read(repository, &listed.name, &bytes));
        match read {
            Ok(mut forgotten) => all.append(&mut forgotten),
            Err(Error::Missing { .. }) => {}
            Err(error) => report(error),
        }
    }
    Ok(all)
}

/// The names of all objects that are valid now.
pub(crate) fn valid(repository: &Repository) -> Result<Vec<String>> {
    let listed = repository.list_twice("forgotten")?;
    let is_valid = |name: &String| {
        repository
            .read_bytes(name)
            .and_then(|bytes| read(repository, name, &bytes))
            .is_ok()
    };
    Ok(listed
        .into_iter()
        .map(|listed| listed.name)
        .filter(is_valid)
        .collect())
}

/// The newest forgotten snapshot of a writer.
pub(crate) fn last(repository: &Repository, writer: &[u8; 16]) -> Result<Option<(u64, Id)>> {
    let writer = hex(writer);
    let all = load(repository, |_| {})?;
    let own = all
        .into_iter()
        .filter(|forgotten| forgotten.writer == writer);
    Ok(own
        .map(|forgotten| (forgotten.sequence, forgotten.id))
        .max_by_key(|(sequence, _)| *sequence))
}
