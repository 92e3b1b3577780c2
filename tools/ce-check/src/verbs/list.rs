//! `ce-check list`: every check, what it looks at, and the plugin that it stands in for.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use ce_cli::Common;
use ce_record::State;
use ce_record::render::Format;
use clap::Args;
use serde_json::json;

use super::{Act, Verb};
use crate::check::Check;
use crate::checks::CHECKS;
use crate::fault::Fault;

pub(super) static VERB: Verb = Verb::new::<List>("list", "Name all checks");

/// Name all checks, with what they look at and the plugin that each stands in for
///
/// A table, also into a pipe; with --format json an object a line.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check list
  ce-check list | grep network")]
pub(super) struct List {}

impl Act for List {
    fn act(&self, common: &Common) -> Result<ExitCode, Fault> {
        let text = match common.format {
            _ if common.quiet => String::new(),
            None | Some(Format::Text) => table(),
            Some(Format::Json) => objects(),
            Some(_) => {
                return Err(Fault::usage("checks are listed as text or json only"));
            }
        };
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(ce_cli::OutputError::from)?;
        Ok(ce_cli::exit_code(State::Ok))
    }
}

/// One JSON object a line.
fn objects() -> String {
    let object = |check: &&Check| {
        let plugins: Vec<&str> = check.plugins.iter().map(|plugin| plugin.name).collect();
        format!(
            "{}\n",
            json!({
                "check": check.name,
                "group": check.group.to_string(),
                "about": check.about,
                "plugins": plugins,
            })
        )
    };
    CHECKS.iter().map(object).collect()
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
