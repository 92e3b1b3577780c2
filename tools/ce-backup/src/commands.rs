//! The commands: one file each, one line here, sorted by name.

mod check;
mod create;
mod init;
mod key;
mod list;
mod restore;

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
    /// Prove that a repository is whole
    Check(With<check::Check>),
    /// Make a snapshot
    Create(With<create::Create>),
    /// Make a repository, or let this machine write to one
    Init(With<init::Init>),
    /// Make, print and exchange keys
    #[command(subcommand)]
    Key(key::Key),
    /// Name the snapshots
    List(With<list::List>),
    /// Put a snapshot's files back
    Restore(With<restore::Restore>),
}

impl Verb {
    pub fn run(&self) -> ExitCode {
        match self {
            Verb::Check(command) => command.run(),
            Verb::Create(command) => command.run(),
            Verb::Init(command) => command.run(),
            Verb::Key(command) => command.run(),
            Verb::List(command) => command.run(),
            Verb::Restore(command) => command.run(),
        }
    }
}
