//! Keys, by who holds them: the organisation (reads), a writer (one server, writes) and maintenance (prunes).

mod identity;
mod object;
mod writer;

pub use identity::{Identity, Recipient, Role};
pub(crate) use object::{KeyKind, KeyObject, Signer};
pub use writer::WriterKey;
pub(crate) use writer::{verifies, writer_id};
