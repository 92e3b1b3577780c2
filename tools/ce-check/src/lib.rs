//! Is it healthy? One file a check; each gathers facts, judges them purely and says what it found as records.

mod certificate;
mod cgroups;
mod check;
mod checks;
mod context;
mod datagram;
mod dropin;
mod expect;
mod fault;
mod kept;
mod limits;
mod mail;
mod meminfo;
mod mounts;
mod names;
mod probe;
mod processes;
mod ranges;
mod reach;
mod root;
mod runner;
mod secure;
mod settings;
mod starttls;
mod target;
#[cfg(test)]
mod testing;
mod timing;
mod verbs;
mod versions;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Command;

pub use check::{Check, Field, Group, MetricDoc, Plugin};
pub use checks::CHECKS;
pub use dropin::DEVIATIONS;

/// The name in messages and records.
pub const TOOL: &str = "ce-check";

/// The whole command line, for parsing, man pages and completions.
///
/// The flags of a check are added only when it is the one called: building all of them costs more than most checks.
#[must_use]
pub fn command() -> Command {
    let checks = CHECKS.iter().map(|check| check.command());
    let verbs = verbs::VERBS.iter().map(|verb| verb.command());
    empty_command().subcommands(checks).subcommands(verbs)
}

/// The command line with nothing but this check, when it is one.
fn command_for(name: Option<&OsString>) -> Command {
    match name.and_then(|name| name.to_str()).and_then(checks::find) {
        Some(check) => empty_command().subcommand(check.command()),
        None => command(),
    }
}

fn empty_command() -> Command {
    Command::new(TOOL)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Check a machine and what it reaches; end with Nagios' exit codes")
        .long_about(LONG_ABOUT)
        .after_help(
            "Each check explains itself: ce-check CHECK --help. ce-check list names them all.",
        )
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("CHECK")
        .subcommand_help_heading("Checks and commands")
}

const LONG_ABOUT: &str = "\
Check a machine and what it reaches; end with Nagios' exit codes.

Examples:
  ce-check disk -w 15% -c 5%
  ce-check http -H www.example.org --ssl -s Welcome --format nagios
  ce-check run /etc/ce/checks.toml | ce-check render --only-problems

Every check writes one record for each thing that somebody could be told about: as JSON lines into a pipe, as text on \
a terminal, as a plugin's line with --format nagios. It exits 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN.";

/// Runs the program on these arguments; the first is the name it was called by.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    if probe::is_child(&args) {
        return probe::child(&args);
    }
    ce_cli::begin(TOOL);
    let called_as = dropin::find(args.first());
    match called_as {
        Some((check, plugin)) => dropin::main(check, plugin, args),
        None => {
            let args = rewrite(args);
            match ce_cli::parse_args(TOOL, &mut command_for(args.get(1)), args.clone()) {
                Err(code) => code,
                Ok(matches) => dispatch(matches, &args),
            }
        }
    }
}

/// Lets the check that is called put its arguments into a form that clap takes.
fn rewrite(args: Vec<OsString>) -> Vec<OsString> {
    let check = args
        .get(1)
        .and_then(|name| name.to_str())
        .and_then(checks::find);
    match check {
        Some(check) => check.rewrite(args),
        None => args,
    }
}

fn dispatch(mut matches: clap::ArgMatches, args: &[OsString]) -> ExitCode {
    let Some((name, matches)) = matches.remove_subcommand() else {
        return ce_cli::exit_code(ce_record::State::Unknown);
    };
    if let Some(check) = checks::find(&name) {
        return runner::main(check, matches, args);
    }
    match verbs::find(&name) {
        Some(verb) => verb.run(&matches),
        None => ce_cli::exit_code(ce_record::State::Unknown),
    }
}
