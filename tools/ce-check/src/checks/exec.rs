//! Any Nagios plugin as a check: its output as a record, its exit code as the state.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use ce_cli::Program;
use ce_record::{Cause, Finding, State, plugin};
use clap::Args;

use crate::check::{Check, Field, Group, Observe, Subject};
use crate::context::Context;
use crate::fault::Fault;

pub(super) static CHECK: Check = Check::new::<Exec>(
    "exec",
    Group::Join,
    "Any Nagios plugin, its output as a record",
)
.foreign_metrics()
.data(&[
    Field {
        name: "plugin",
        kind: "string",
        about: "the program that ran",
    },
    Field {
        name: "exit_code",
        kind: "integer",
        about: "its exit code; absent when a signal ended it",
    },
    Field {
        name: "stderr",
        kind: "array",
        about: "what it wrote to stderr, line by line",
    },
]);

/// Any Nagios plugin, its output as a record
///
/// The plugin runs without a shell, in the C locale, and is killed with all that it started at the timeout. Its first
/// line becomes the summary, its long output the detail, its perfdata the metrics; an exit code above 3 is UNKNOWN.
/// A name without a slash is looked for in the plugin folders of Debian, then in PATH.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check exec -- check_dummy 0 fine
  ce-check exec --name mail-queue -- /usr/lib/nagios/plugins/check_mailq -w 50 -c 100
  ce-check exec --host db1 --timeout 30s -- check_dummy 1 slow")]
pub(super) struct Exec {
    /// File the record under this name instead of the plugin's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// File the record under this host
    #[arg(short = 'H', long, value_name = "HOST")]
    host: Option<String>,

    /// The plugin and its arguments, behind --
    #[arg(value_name = "PLUGIN", required = true, last = true)]
    command: Vec<OsString>,
}

/// Where plugins live, in the order they are looked for.
const FOLDERS: [&str; 3] = [
    "/usr/lib/nagios/plugins",
    "/usr/local/lib/nagios/plugins",
    "/usr/lib64/nagios/plugins",
];

/// The most that is kept of a plugin's output, in bytes: more than any monitoring server takes.
const OUTPUT_BYTES: usize = 64 << 10;

impl Observe for Exec {
    fn subject(&self) -> Subject {
        let name = self
            .name
            .clone()
            .or_else(|| self.command.first().map(|path| base_name(path)));
        Subject {
            host: self.host.clone(),
            object: name,
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let Some((plugin, args)) = self.command.split_first() else {
            return Err(Fault::usage("no plugin is named"));
        };
        let path = locate(plugin, Path::is_file)?;
        let finished = Program::new(&path, args)
            .output_limit(OUTPUT_BYTES)
            .run(context.deadline)?;
        let finding = judge(&Ran {
            exit_code: finished.status.code(),
            ending: finished.ending(),
            stdout: &String::from_utf8_lossy(&finished.stdout),
            stderr: &String::from_utf8_lossy(&finished.stderr),
            cut: finished.cut,
        });
        Ok(vec![
            self.subject()
                .apply(finding.data("plugin", path.to_string_lossy())),
        ])
    }
}

fn base_name(path: &OsStr) -> String {
    Path::new(path)
        .file_name()
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// The path of a plugin; a name without a slash is looked for.
fn locate(plugin: &OsStr, is_there: impl Fn(&Path) -> bool) -> Result<PathBuf, Fault> {
    if plugin.as_encoded_bytes().contains(&b'/') {
        return Ok(plugin.into());
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let folders = FOLDERS
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&search));
    folders
        .map(|folder| folder.join(plugin))
        .find(|path| is_there(path))
        .ok_or_else(|| Fault::Usage {
            message: format!("there is no plugin '{}'", plugin.display()),
            hint: Some("name it by its path, or apt-get install monitoring-plugins".to_owned()),
        })
}

/// A plugin that has run.
struct Ran<'a> {
    exit_code: Option<i32>,
    ending: String,
    stdout: &'a str,
    stderr: &'a str,
    cut: bool,
}

fn judge(ran: &Ran<'_>) -> Finding {
    let output = plugin::parse(ran.stdout);
    let state = ran.exit_code.map_or(State::Unknown, State::from_exit_code);
    let proper = matches!(ran.exit_code, Some(0..=3));
    let stderr: Vec<String> = ran
        .stderr
        .lines()
        .map(ce_record::one_line)
        .filter(|line| !line.is_empty())
        .take(20)
        .collect();
    let words = match (output.text.is_empty(), stderr.first()) {
        (false, _) => output.text,
        (true, Some(line)) => format!("nothing on stdout; stderr: {line}"),
        (true, None) => "the plugin wrote nothing".to_owned(),
    };
    let summary = if proper {
        words
    } else {
        format!("{}: {words}", ran.ending)
    };
    let cause = if proper && state != State::Unknown {
        Cause::THRESHOLD
    } else {
        Cause::INTERNAL
    };
    let mut finding = Finding::new(state, summary).cause(cause);
    finding.detail = output.long;
    finding
        .detail
        .extend(output.faults.iter().map(ToString::to_string));
    if ran.cut {
        finding
            .detail
            .push("the rest of its output was not kept".to_owned());
    }
    finding.metrics = output.metrics;
    if let Some(code) = ran.exit_code {
        finding = finding.data("exit_code", code);
    }
    if stderr.is_empty() {
        finding
    } else {
        finding.data("stderr", stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran<'a>(exit_code: Option<i32>, stdout: &'a str, stderr: &'a str) -> Ran<'a> {
        let ending = exit_code.map_or("killed by signal 9".to_owned(), |code| {
            format!("exit code {code}")
        });
        Ran {
            exit_code,
            ending,
            stdout,
            stderr,
            cut: false,
        }
    }

    #[test]
    fn text_long_output_and_perfdata_find_their_places() {
        let finding = judge(&ran(Some(1), "DISK WARNING - low | /=5MB;4;9\nmore\n", ""));
        assert_eq!(
            (finding.state, finding.summary.as_str()),
            (State::Warning, "DISK WARNING - low")
        );
        assert_eq!(finding.detail, ["more"]);
        assert_eq!(finding.metrics[0].name, "/");
    }

    #[test]
    fn codes_above_3_signals_and_silence_are_unknown_and_say_so() {
        for (code, stdout, stderr, summary) in [
            (
                Some(127),
                "",
                "sh: not found\n",
                "exit code 127: nothing on stdout; stderr: sh: not found",
            ),
            (None, "OK - x", "", "killed by signal 9: OK - x"),
            (Some(4), "", "", "exit code 4: the plugin wrote nothing"),
        ] {
            let finding = judge(&ran(code, stdout, stderr));
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (State::Unknown, summary)
            );
        }
        assert_eq!(judge(&ran(Some(0), "", "")).state, State::Ok);
    }

    #[test]
    fn a_bare_name_is_looked_for_where_plugins_live() {
        let found = locate(OsStr::new("check_x"), |path| path.starts_with("/usr/local")).unwrap();
        assert_eq!(found, Path::new("/usr/local/lib/nagios/plugins/check_x"));
        assert_eq!(
            locate(OsStr::new("./x"), |_| false).unwrap(),
            Path::new("./x")
        );
        assert!(
            locate(OsStr::new("check_x"), |_| false)
                .unwrap_err()
                .to_string()
                .contains("check_x")
        );
    }
}
