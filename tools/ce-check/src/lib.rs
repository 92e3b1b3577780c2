//! Is it healthy? One file a check; each gathers facts, judges them purely and says what it found as records.

mod certificate;
mod check;
mod checks;
mod context;
mod datagram;
mod dropin;
mod expect;
mod fault;
mod limits;
mod mail;
mod mounts;
mod names;
mod probe;
mod root;
mod runner;
mod secure;
mod starttls;
mod target;
#[cfg(test)]
mod testing;
mod timing;
mod verbs;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Command;

pub use check::{Check, Field, Group, MetricDoc};
pub use checks::CHECKS;

/// The name in messages and records.
pub const TOOL: &str = "ce-check";

/// The whole command line, for parsing, man pages and completions.
///
/// A check's own flags are added only when it is the one called: building all of them costs more than most checks.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new(TOOL)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Check a machine and what it reaches; end with Nagios' exit codes")
        .long_about(LONG_ABOUT)
        .after_help(
            "Each check explains itself: ce-check CHECK --help. ce-check list names them all.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("CHECK")
        .subcommand_help_heading("Checks and commands");
    for check in CHECKS {
        command = command.subcommand(check.command());
    }
    for verb in verbs::VERBS {
        command = command.subcommand(verb.command());
    }
    command
}

const LONG_ABOUT: &str = "\
Check a machine and what it reaches; end with Nagios' exit codes.

Examples:
  ce-check disk -w 15% -c 5%
  ce-check http -H www.example.org --ssl -s Welcome --format nagios
  ce-check run /etc/ce/checks.toml | ce-check render --only-problems

Every check writes one record for each thing that somebody could be told about: as JSON lines into a pipe, as text on
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
        None => match ce_cli::parse_args(TOOL, &mut command(), rewrite(args)) {
            Err(code) => code,
            Ok(matches) => dispatch(&matches),
        },
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

fn dispatch(matches: &clap::ArgMatches) -> ExitCode {
    let Some((name, matches)) = matches.subcommand() else {
        return ce_cli::exit_code(ce_record::State::Unknown);
    };
    if let Some(check) = checks::find(name) {
        return runner::main(check, matches);
    }
    match verbs::find(name) {
        Some(verb) => verb.run(matches),
        None => ce_cli::exit_code(ce_record::State::Unknown),
    }
}
