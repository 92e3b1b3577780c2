//! The commands: one file each, one line here, sorted by name.

mod bench;
mod cat;
mod check;
mod copy;
mod create;
mod diff;
mod dump;
mod find;
mod forget;
mod init;
mod key;
mod list;
mod listing;
mod ls;
mod prune;
mod reach;
mod repair;
mod restore;
mod restore_db;
mod run;
mod stats;
mod status;

use std::process::ExitCode;

use ce_cli::Common;
use ce_record::Finding;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::fault::Fault;
use crate::report;

/// A parsed command.
pub(crate) trait Act: Args {
    /// The check in its records.
    const NAME: &'static str;

    /// Whether standard output is what was asked for, so that no record may stand there.
    fn writes_content(&self) -> bool {
        false
    }

    /// Does it; what is to be told.
    fn act(&self, common: &Common) -> Result<Vec<Finding>, Fault>;
}

/// A command with the flags that all have.
#[derive(Debug)]
pub(crate) struct With<A> {
    own: A,
    common: Common,
}

impl<A: Args> Args for With<A> {
    fn augment_args(command: Command) -> Command {
        let own = A::augment_args(Command::new(""));
        let words = |text: Option<&clap::builder::StyledStr>| text.cloned().unwrap_or_default();
        let (about, long) = (
            words(own.get_about()),
            words(own.get_long_about().or(own.get_about())),
        );
        Common::augment_args(A::augment_args(command))
            .about(about)
            .long_about(long)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<A: Args> FromArgMatches for With<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (own, common) = (
            A::from_arg_matches(matches)?,
            Common::from_arg_matches(matches)?,
        );
        Ok(With { own, common })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<A: Act> With<A> {
    pub fn run(&self) -> ExitCode {
        report::run(A::NAME, &self.common, self.own.writes_content(), || {
            self.own.act(&self.common)
        })
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    Bench(With<bench::Bench>),
    Cat(With<cat::Cat>),
    Check(With<check::Check>),
    Copy(With<copy::Copy>),
    Create(With<create::Create>),
    Diff(With<diff::Diff>),
    Dump(With<dump::Dump>),
    Find(With<find::Find>),
    Forget(With<forget::Forget>),
    Init(With<init::Init>),
    /// Make, print and exchange keys
    #[command(subcommand)]
    Key(key::Key),
    List(With<list::List>),
    Ls(With<ls::Ls>),
    Prune(With<prune::Prune>),
    Repair(With<repair::Repair>),
    Restore(With<restore::Restore>),
    RestoreDb(With<restore_db::RestoreDb>),
    Run(With<run::Run>),
    Stats(With<stats::Stats>),
    Status(With<status::Status>),
}

impl Verb {
    pub fn run(&self) -> ExitCode {
        match self {
            Verb::Bench(command) => command.run(),
            Verb::Cat(command) => command.run(),
            Verb::Check(command) => command.run(),
            Verb::Copy(command) => command.run(),
            Verb::Create(command) => command.run(),
            Verb::Diff(command) => command.run(),
            Verb::Dump(command) => command.run(),
            Verb::Find(command) => command.run(),
            Verb::Forget(command) => command.run(),
            Verb::Init(command) => command.run(),
            Verb::Key(command) => command.run(),
            Verb::List(command) => command.run(),
            Verb::Ls(command) => command.run(),
            Verb::Prune(command) => command.run(),
            Verb::Repair(command) => command.run(),
            Verb::Restore(command) => command.run(),
            Verb::RestoreDb(command) => command.run(),
            Verb::Run(command) => command.run_night(),
            Verb::Stats(command) => command.run(),
            Verb::Status(command) => command.run(),
        }
    }
}

/// An age in seconds: a plain number, or with a unit.
fn age(text: &str) -> Result<u64, ce_cli::DurationError> {
    ce_cli::parse_duration(text).map(|age| age.as_secs())
}
