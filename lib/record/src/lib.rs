//! The language of the ce programs: one JSON record for each thing that somebody could be told about.
//!
//! Pure: nothing here reads a file, a clock or the environment. What a program observes becomes a [`Finding`],
//! stamped with where and when it becomes a [`Record`], and a [`render`]er turns records into what a reader wants.

#![warn(missing_docs)]

pub mod bytes;
mod codec;
mod finding;
mod metric;
mod number;
pub mod perfdata;
pub mod plugin;
pub mod quantity;
mod range;
mod record;
pub mod render;
mod state;
#[cfg(test)]
mod testing;
mod text;
mod thresholds;

pub use bytes::shown;
pub use codec::{CodecError, Line, MAX_LINE_BYTES, Reader, write_line};
pub use finding::{Finding, Stamp};
pub use metric::{Metric, Number};
pub use range::{Range, RangeError};
pub use record::{Cause, Key, Record};
pub use state::{State, StateError};
pub use text::one_line;
pub use thresholds::Thresholds;

/// The JSON Schema (2020-12) of a record, as installed beside the man pages.
pub const SCHEMA: &str = include_str!("../record.schema.json");
