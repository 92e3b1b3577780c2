//! Keep a copy: encrypted, deduplicated snapshots that the server itself cannot read.

mod commands;
mod database;
mod documented;
mod fault;
mod hook;
mod place;
mod progress;
mod report;
mod settings;
mod storage;

use std::ffi::OsString;
use std::process::ExitCode;

pub use documented::{DOCUMENTED, Documented, Field};

use clap::{Command, CommandFactory, FromArgMatches, Parser};

/// The name in messages and records.
pub const TOOL: &str = "ce-backup";

#[derive(Parser, Debug)]
#[command(
    name = TOOL,
    version,
    about = "Keep a copy: encrypted, deduplicated snapshots that the server itself cannot read",
    long_about = LONG_ABOUT,
    after_help = "Each command explains itself: ce-backup COMMAND --help.",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: commands::Verb,
}

const LONG_ABOUT: &str = "\
Keep a copy: encrypted, deduplicated snapshots that the server itself cannot read.

Examples:
  ce-backup key new --out org.key
  ce-backup init /backup --recipient ceorg1...
  ce-backup create /backup /etc /srv --exclude '*.tmp'
  ce-backup restore /backup latest --to /tmp/r --identity org.key

The server can write, deduplicate and list; only the organisation's key reads. It exits 0 when all is done, 1 when \
something was left out, 2 when it was not done and 3 when it could not be tried.";

/// The whole command line, for man pages and completions.
#[must_use]
pub fn command() -> Command {
    Cli::command()
}

/// Runs the program on these arguments; the first is the name it was called by.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    ce_cli::begin(TOOL);
    let matches = match ce_cli::parse_args(TOOL, &mut command(), args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command.run(),
        Err(error) => ce_cli::explain_usage(TOOL, &error),
    }
}
