//! The table of commands that are no checks: one line each, sorted by name.

mod list;
mod render;
mod run;
mod submit;

use std::fmt;
use std::process::ExitCode;

use ce_cli::Common;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::TOOL;
use crate::check::with_common;
use crate::fault::Fault;

/// Every command that is no check, sorted by name.
pub(crate) static VERBS: &[&Verb] = &[&list::VERB, &render::VERB, &run::VERB, &submit::VERB];

/// The command of this name.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().copied().find(|verb| verb.name == name)
}

/// A parsed command, ready to run.
pub(crate) trait Act: Args + FromArgMatches {
    /// Does it and gives the exit code.
    ///
    /// # Errors
    /// It could not be done; nothing is half done.
    fn act(&self, common: &Common) -> Result<ExitCode, Fault>;
}

/// A command that is no check.
pub(crate) struct Verb {
    /// The subcommand.
    pub(crate) name: &'static str,
    about: &'static str,
    augment: fn(Command) -> Command,
    act: fn(&ArgMatches, &Common) -> Result<ExitCode, Fault>,
}

impl fmt::Debug for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verb")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Verb {
    /// A command whose flags are those of `A`.
    pub(crate) const fn new<A: Act>(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            augment: A::augment_args,
            act: |matches, common| {
                let args = A::from_arg_matches(matches)
                    .map_err(|error| Fault::usage(ce_cli::usage_sentence(&error).0))?;
                args.act(common)
            },
        }
    }

    /// Its subcommand, with the common flags.
    pub(crate) fn command(&self) -> Command {
        with_common((self.augment)(Command::new(self.name)).about(self.about))
    }

    /// Runs it.
    pub(crate) fn run(&self, matches: &ArgMatches) -> ExitCode {
        let common = Common::from_arg_matches(matches).unwrap_or_default();
        (self.act)(matches, &common).unwrap_or_else(|fault| {
            ce_cli::complain(TOOL, &fault);
            ce_cli::exit_code(fault.state())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_shares_no_name_with_a_check() {
        assert!(VERBS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(
            VERBS
                .iter()
                .all(|verb| crate::checks::find(verb.name).is_none())
        );
    }
}
