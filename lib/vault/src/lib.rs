//! Encrypted, deduplicating snapshots of file trees and streams, over any object store.
//!
//! `FORMAT.md` beside this crate has the format, exact enough for a reader in another language.

#![warn(missing_docs)]
#![allow(
    missing_debug_implementations,
    reason = "keys and buffers are not for printing"
)]

pub mod browse;
pub mod check;
pub mod chunker;
mod condemned;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod copy;
pub mod create;
mod error;
mod exclude;
mod forgotten;
mod frame;
mod id;
mod index;
mod key;
pub mod lost;
pub mod pack;
pub mod parity;
pub mod prune;
mod reach;
mod reader;
pub mod repair;
mod repository;
pub mod restore;
pub mod retention;
pub mod seal;
mod snapshot;
pub mod store;
#[cfg(test)]
mod tests;
pub mod tree;
mod wire;

pub use error::{Error, Malformed, Result};
pub use exclude::Exclude;
pub use id::{Id, ShortId, from_hex, hex};
pub use index::{Index, Place, simulated_chunk};
pub use key::{Identity, Recipient, Role, WriterKey};
pub use reader::{Chunk, Reader};
pub use repository::{Config, FUTURE, Rekeyed, Repository, Writer};
pub use snapshot::{Figures, Head, Omission, Snapshot};
