//! The commands: one file each, one line here, sorted by name.

mod bench;
mod cat;
mod check;
mod create;
mod diff;
mod find;
mod forget;
mod init;
mod key;
mod list;
mod listing;
mod ls;
mod prune;
mod repair;
mod restore;
mod stats;
mod status;

use std::process::ExitCode;

use ce_cli::Common;
use ce_record::Finding;
use clap::{Args, Subcommand};

use crate::fault::Fault;
use crate::report;

/// A parsed command.
pub(crate) trait Act: Args {
    /// The check in its records.
    const NAME: &'static str;

    /// Does it; what is to be told.
    fn act(&self, common: &Common) -> Result<Vec<Finding>, Fault>;
}

/// A command with the flags that all have.
#[derive(Args, Debug)]
pub(crate) struct With<A: Args> {
    #[command(flatten)]
    own: A,
    #[command(flatten)]
    common: Common,
}

impl<A: Act> With<A> {
    pub fn run(&self) -> ExitCode {
        report::run(A::NAME, &self.common, || self.own.act(&self.common))
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Measure each stage of a backup on this machine
    Bench(With<bench::Bench>),
    /// Write a file of a snapshot to standard output
    Cat(With<cat::Cat>),
    /// Prove that a repository is whole
    Check(With<check::Check>),
    /// Make a snapshot
    Create(With<create::Create>),
    /// Say what differs between two snapshots
    Diff(With<diff::Diff>),
    /// Find items of a snapshot by name
    Find(With<find::Find>),
    /// Forget snapshots that no rule keeps
    Forget(With<forget::Forget>),
    /// Make a repository, or let this machine write to one
    Init(With<init::Init>),
    /// Make, print and exchange keys
    #[command(subcommand)]
    Key(key::Key),
    /// Name the snapshots
    List(With<list::List>),
    /// Name what a snapshot holds
    Ls(With<ls::Ls>),
    /// Delete what no snapshot needs any more
    Prune(With<prune::Prune>),
    /// Mend damage from parity, rebuild the index
    Repair(With<repair::Repair>),
    /// Put a snapshot's files back
    Restore(With<restore::Restore>),
    /// Say what is stored
    Stats(With<stats::Stats>),
    /// Judge how fresh and whole the backups are
    Status(With<status::Status>),
}

impl Verb {
    pub fn run(&self) -> ExitCode {
        match self {
            Verb::Bench(command) => command.run(),
            Verb::Cat(command) => command.run(),
            Verb::Check(command) => command.run(),
            Verb::Create(command) => command.run(),
            Verb::Diff(command) => command.run(),
            Verb::Find(command) => command.run(),
            Verb::Forget(command) => command.run(),
            Verb::Init(command) => command.run(),
            Verb::Key(command) => command.run(),
            Verb::List(command) => command.run(),
            Verb::Ls(command) => command.run(),
            Verb::Prune(command) => command.run(),
            Verb::Repair(command) => command.run(),
            Verb::Restore(command) => command.run(),
            Verb::Stats(command) => command.run(),
            Verb::Status(command) => command.run(),
        }
    }
}

/// An age in seconds: a plain number, or with a unit.
fn age(text: &str) -> Result<u64, ce_cli::DurationError> {
    ce_cli::parse_duration(text).map(|age| age.as_secs())
}
