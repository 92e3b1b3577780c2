//! The flags that all six programs share.

use std::path::PathBuf;
use std::time::Duration;

use ce_record::render::Format;
use clap::{ArgAction, Args};

use crate::parse_duration;

/// The flags that all six programs share.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Say more; up to three times
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Write nothing to stdout; the exit code tells
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Read this configuration instead of the one in /etc/ce
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// End within this time: seconds, or with a unit such as 500ms or 2m
    #[arg(short, long, value_name = "TIME", value_parser = timeout)]
    pub timeout: Option<Duration>,
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be done in no time".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

impl Common {
    /// How long a file that is a pipe is waited for.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(10))
    }
}
