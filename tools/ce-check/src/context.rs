//! What a check may know of its surroundings.

use std::time::{Duration, Instant};

use ce_cli::Dirs;
use jiff::Timestamp;

/// What a check may know of its surroundings, the same for all that run together.
#[derive(Clone, Debug)]
pub struct Context {
    /// This machine's name.
    pub host: String,
    /// The time that verdicts are about.
    pub now: Timestamp,
    /// When this check has to have ended.
    pub deadline: Instant,
    /// How long it had from the start.
    pub timeout: Duration,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Where state is kept.
    pub dirs: Dirs,
}
