//! Standing in for a plugin of the monitoring-plugins when called by its name.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use ce_record::render::{NagiosOptions, nagios};
use ce_record::{Finding, Metric, Record, State};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};

use crate::check::{Check, Plugin};
use crate::checks::CHECKS;
use crate::runner;

/// Where every drop-in differs from its plugin.
pub const DEVIATIONS: &[&str] = &[
    "the words of the output are our own, its first word, state and the perfdata labels are the plugin's",
    "thresholds that cannot be read are refused instead of being taken for 0, and so are pairs that can never warn",
    "--extra-opts is not taken: use ce-check run with a file",
];

/// The plugin that this program was called as.
pub(crate) fn find(called_as: Option<&OsString>) -> Option<(&'static Check, &'static Plugin)> {
    let name = Path::new(called_as?).file_name().and_then(OsStr::to_str)?;
    if !name.starts_with("check_") {
        return None;
    }
    let of = |check: &'static Check| {
        check
            .plugins
            .iter()
            .find(|plugin| plugin.name == name)
            .map(|plugin| (check, plugin))
    };
    CHECKS.iter().copied().find_map(of)
}

/// Runs as that plugin: its flags, its kind of line, its exit codes.
pub(crate) fn main(
    check: &'static Check,
    plugin: &'static Plugin,
    args: Vec<OsString>,
) -> ExitCode {
    let mut args = named(check, plugin, args).into_iter();
    let called: Vec<OsString> = args
        .next()
        .into_iter()
        .chain(plugin.preset.iter().map(OsString::from))
        .chain(args)
        .collect();
    let command = check
        .full_command(Command::new(plugin.name))
        .version(env!("CARGO_PKG_VERSION"))
        // As getopt_long(3) reads: --warn is --warning, and of a flag given twice the last counts.
        .infer_long_args(true)
        .args_override_self(true)
        .override_usage(format!("{} [OPTIONS]", plugin.name));
    let parsed = command.try_get_matches_from(check.rewrite(called));
    let prepared = match parsed {
        // The guidelines of the plugins want 3 for help and version too; check_log never followed them.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            let _ = write!(io::stdout(), "{}", error.render());
            return ce_cli::exit_code(match plugin.name {
                "check_log" => State::Ok,
                _ => State::Unknown,
            });
        }
        Err(error) => {
            let (sentence, hint) = ce_cli::usage_sentence(&error);
            return refuse(plugin, &sentence, hint);
        }
        Ok(matches) => runner::prepare(check, matches)
            .map_err(|fault| (fault.to_string(), ce_cli::Explain::hint(&fault))),
    };
    let (common, observe) = match prepared {
        Ok(prepared) => prepared,
        Err((sentence, hint)) => return refuse(plugin, &sentence, hint),
    };
    let context = runner::context(&common);
    runner::run_to_end(check.name, &observe.into(), &context, move |records| {
        // Of several hosts check_icmp puts the name before each label.
        let several = plugin.name == "check_icmp" && records.len() > 1;
        let perfdata = |record: &Record, metric: &Metric| {
            let metric = (plugin.perfdata)(record, metric)?;
            let name = format!("{}{}", record.host, metric.name);
            Some(if several { metric.named(name) } else { metric })
        };
        let options = NagiosOptions {
            word: Some(plugin.word),
            perfdata: Some(&perfdata),
            verbose: common.verbose,
        };
        Ok(io::stdout().write_all(nagios(records, &options).as_bytes())?)
    })
}

/// The arguments with a flag before each word that stands alone where the plugin takes such words, and with the host
/// that it takes for granted.
fn named(check: &'static Check, plugin: &Plugin, args: Vec<OsString>) -> Vec<OsString> {
    let flags: &[&str] = match plugin.name {
        "check_http" | "check_curl" => &["-I"],
        "check_dns" => &["-H", "-s"],
        "check_dig" | "check_smtp" => &["-H"],
        "check_ssh" => &["-H", "-p"],
        "check_ping" => &["-H", "", "", "", ""],
        _ if check.name == "tcp" || plugin.name == "check_udp" => &["-H"],
        _ => return args,
    };
    let command = check
        .full_command(Command::new(plugin.name))
        .infer_long_args(true)
        .args_override_self(true)
        .ignore_errors(true);
    let given: Vec<String> = command
        .get_positionals()
        .map(|word| word.get_id().to_string())
        .collect();
    let command = match given.is_empty() {
        true => command.arg(Arg::new("words").num_args(0..)),
        false => command.mut_args(|arg| match arg.is_positional() {
            true => arg.num_args(0..).action(ArgAction::Append),
            false => arg,
        }),
    };
    let Ok(matches) = command.try_get_matches_from(check.rewrite(args.clone())) else {
        return args;
    };
    let id = given.first().map_or("words", String::as_str);
    let words: Vec<OsString> = matches
        .get_raw(id)
        .unwrap_or_default()
        .map(OsString::from)
        .collect();
    let has_host = ["host", "hostname", "hosts"].iter().any(|id| {
        matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let mut args = args;
    if words.is_empty() {
        if !has_host && (check.name == "tcp" || plugin.name == "check_smtp") {
            args.extend(["-H".into(), "127.0.0.1".into()]);
        }
        return args;
    }
    let Some(at) = args
        .windows(words.len())
        .rposition(|window| window == words)
    else {
        return args;
    };
    args.drain(at..at + words.len());
    match words.as_slice() {
        [host, limits @ ..] if plugin.name == "check_ping" => {
            args.extend(["-H".into(), host.clone()]);
            let text = |at: usize| {
                limits
                    .get(at)
                    .map(|word| word.to_string_lossy().into_owned())
            };
            // First the losses, then the times.
            for (flag, loss, time) in [("-w", 0, 2), ("-c", 1, 3)] {
                if let (Some(loss), Some(time)) = (text(loss), text(time)) {
                    args.extend([flag.into(), format!("{time},{loss}%").into()]);
                }
            }
        }
        words => {
            for (flag, word) in flags.iter().zip(words) {
                args.extend([OsString::from(flag), word.clone()]);
            }
        }
    }
    args
}

/// A usage error where Nagios looks for it: on stdout, as a plugin's line.
fn refuse(plugin: &Plugin, sentence: &str, hint: Option<String>) -> ExitCode {
    let finding = Finding::new(State::Unknown, sentence);
    let finding = match hint {
        Some(hint) => finding.detail(format!("hint: {hint}")),
        None => finding,
    };
    let _ = writeln!(
        io::stdout(),
        "{} UNKNOWN - {}",
        plugin.word,
        ce_record::one_line(&finding.summary)
    );
    for line in &finding.detail {
        let _ = writeln!(io::stdout(), "{}", ce_record::one_line(line));
    }
    ce_cli::exit_code(State::Unknown)
}
