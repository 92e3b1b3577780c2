//! `/etc/ce/check.toml` has a table for each check whose flags shall have other defaults here; what stands on the
//! command line wins.

use std::collections::BTreeMap;
use std::ffi::OsString;

use ce_cli::{Common, ConfigError, Dirs};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches};
use toml::Table;

use crate::check::Check;
use crate::checks;
use crate::fault::Fault;

/// No settings are longer, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The arguments with the settings for their check put in front; `None` when there are none.
///
/// # Errors
/// The file cannot be read or names something that does not exist.
pub(crate) fn apply(
    check: &Check,
    matches: &ArgMatches,
    args: &[OsString],
) -> Result<Option<Vec<OsString>>, Fault> {
    let common = Common::from_arg_matches(matches).unwrap_or_default();
    let path = match &common.config {
        Some(path) => path.clone(),
        None => Dirs::from_env().config.join("check.toml"),
    };
    if common.config.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = ce_cli::read_given(&path, MAX_BYTES, common.patience())?;
    let tables: BTreeMap<String, Table> = ce_cli::parse(&path, &text)?;
    let fault = |key: &str, fault: String, hint: Option<String>| ConfigError::Invalid {
        path: path.clone(),
        line: line_of(&text, key),
        fault,
        hint,
    };
    if let Some(name) = tables.keys().find(|name| checks::find(name).is_none()) {
        let near = ce_cli::nearest(name, checks::CHECKS.iter().map(|check| check.name));
        let hint = near.map(|near| format!("did you mean '{near}'?"));
        return Err(fault(name, format!("there is no check '{name}'"), hint).into());
    }
    let Some(table) = tables.get(check.name) else {
        return Ok(None);
    };
    let command = check.full_command(Command::new(check.name));
    let mut settings = Vec::new();
    for (key, value) in table {
        let known = command.get_arguments().find(|argument| {
            argument.get_long() == Some(key)
                || argument
                    .get_all_aliases()
                    .is_some_and(|aliases| aliases.contains(&key.as_str()))
        });
        let Some(known) = known else {
            let longs = command.get_arguments().filter_map(clap::Arg::get_long);
            let hint = ce_cli::nearest(key, longs).map(|near| format!("did you mean '{near}'?"));
            return Err(fault(key, format!("unknown key '{key}'"), hint).into());
        };
        if matches.value_source(known.get_id().as_str()) != Some(ValueSource::CommandLine) {
            settings
                .extend(ce_cli::flags(key, value).map_err(|message| fault(key, message, None))?);
        }
    }
    let (name, rest) = args.split_at(args.len().min(2));
    Ok((!settings.is_empty()).then(|| [name, &settings, rest].concat()))
}

/// The first line that begins with this key or is the head of this table.
fn line_of(text: &str, key: &str) -> usize {
    let begins = |line: &str| {
        line.trim_start()
            .trim_start_matches(['[', '"'])
            .starts_with(key)
    };
    text.lines().position(begins).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(settings: &str, args: &[&str]) -> Result<Option<Vec<String>>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("check.toml");
        std::fs::write(&path, settings).unwrap();
        let mut args: Vec<OsString> = args.iter().map(OsString::from).collect();
        args.extend(["--config".into(), path.clone().into()]);
        let matches = crate::command().try_get_matches_from(&args).unwrap();
        let (name, matches) = matches.subcommand().unwrap();
        let check = checks::find(name).unwrap();
        let text = |args: Vec<OsString>| {
            args.iter()
                .map(|arg| arg.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        match apply(check, matches, &args) {
            Ok(args) => Ok(args.map(text).map(|args| args[..args.len() - 2].to_vec())),
            Err(error) => Err(error
                .to_string()
                .replace(&folder.path().display().to_string(), "")),
        }
    }

    #[test]
    fn settings_stand_in_front_and_the_command_line_wins() {
        let settings = "[load]\nwarning = 5\npercpu = true\n[disk]\npath = [\"/\", \"/srv\"]\n";
        for (args, expected) in [
            (
                &["ce-check", "load"][..],
                Some(&["ce-check", "load", "--percpu", "--warning=5"][..]),
            ),
            (
                &["ce-check", "load", "-w", "9"],
                Some(&["ce-check", "load", "--percpu", "-w", "9"]),
            ),
            (
                &["ce-check", "disk"],
                Some(&["ce-check", "disk", "--path=/", "--path=/srv"]),
            ),
            (&["ce-check", "uptime"], None),
        ] {
            let expected =
                expected.map(|args| args.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(applied(settings, args), Ok(expected), "{args:?}");
        }
    }

    #[test]
    fn what_does_not_exist_is_named_with_its_line() {
        for (settings, message) in [
            (
                "\n[laod]\n",
                "/check.toml, line 2: there is no check 'laod'",
            ),
            (
                "[load]\nwarnin = 5\n",
                "/check.toml, line 2: unknown key 'warnin'",
            ),
            (
                "[load]\nwarning = {}\n",
                "/check.toml, line 2: warning is a text, a number, true, or a list of these",
            ),
        ] {
            assert_eq!(
                applied(settings, &["ce-check", "load"]).unwrap_err(),
                message
            );
        }
        assert!(applied("load = 3\n", &["ce-check", "load"]).is_err());
        let gone = ["ce-check", "load", "--config", "/no/such"];
        let matches = crate::command().try_get_matches_from(gone).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        assert!(apply(checks::find("load").unwrap(), matches, &[]).is_err());
    }
}
