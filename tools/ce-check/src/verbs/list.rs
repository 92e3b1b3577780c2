//! `ce-check list`: every check, what it looks at, and the plugin that it stands in for.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use ce_cli::Common;
use ce_record::State;
use clap::Args;

use super::{Act, Verb};
use crate::checks::CHECKS;
use crate::fault::Fault;

pub(super) static VERB: Verb = Verb::new::<List>("list", "Name all checks");

/// Name all checks, with what they look at and the plugin that each stands in for
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check list
  ce-check list | grep network")]
pub(super) struct List {}

impl Act for List {
    fn act(&self, _: &Common) -> Result<ExitCode, Fault> {
        let mut stdout = io::stdout().lock();
        let told = stdout
            .write_all(table().as_bytes())
            .and_then(|()| stdout.flush());
        Ok(ce_cli::exit_code(if told.is_ok() {
            State::Ok
        } else {
            State::Unknown
        }))
    }
}

fn table() -> String {
    let mut text = String::new();
    for check in CHECKS {
        let plugins: Vec<&str> = check.plugins.iter().map(|plugin| plugin.name).collect();
        let plugins = if plugins.is_empty() {
            String::new()
        } else {
            format!(" ({})", plugins.join(", "))
        };
        let _ = writeln!(
            text,
            "{:<10} {:<8} {}{plugins}",
            check.name, check.group, check.about
        );
    }
    text
}
