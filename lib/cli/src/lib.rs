//! What the main of every ce program does alike, so that a user learns it once.
//!
//! Arguments that do not parse, files that cannot be read, panics and signals all end here: in one sentence on
//! stderr and one of the exit codes 0 to 3.

#![warn(missing_docs)]

mod common;
mod config;
mod dirs;
mod explain;
mod file;
mod flags;
mod host;
mod output;
mod process;
mod secret;
mod size;
mod stream;
mod subprocess;
mod time;

pub use common::Common;
pub use config::{ConfigError, load, nearest, parse};
pub use dirs::Dirs;
pub use explain::{Explain, complain};
pub use file::{FileError, lock, read_bounded, read_given, try_lock, try_share, write_whole};
pub use flags::{flags, scalar};
pub use host::hostname;
pub use output::{OutputError, emit, format_or_default};
pub use process::{
    at_end, begin, do_at_end, end, exit_code, explain_usage, guard, outlive_signals, parse_args,
    usage_sentence,
};
pub use secret::{Secret, SecretError};
pub use size::{parse_bytes, parse_bytes_by};
pub use stream::{Flow, Running};
pub use subprocess::{Finished, Group, Program, ProgramError};
pub use time::{DurationError, new_id, parse_duration};
