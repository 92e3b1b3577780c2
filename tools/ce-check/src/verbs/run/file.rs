//! The file that names the checks of a run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ce_cli::{Common, ConfigError, parse_duration};
use clap::Command;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use crate::check::{Check, Observe, Subject};
use crate::fault::Fault;
use crate::{checks, runner};

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    check: Vec<Spanned<Table>>,
}

/// What holds for every check that does not say otherwise.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    timeout: Option<Value>,
    ttl: Option<Value>,
    host: Option<String>,
}

/// One check of the file.
pub(crate) struct Job {
    /// The check's name, or what stands in its place.
    pub(crate) check: String,
    /// What records are filed under, where the file says so.
    pub(crate) subject: Subject,
    /// The check ready to look, or why it never will.
    pub(crate) observe: Result<Arc<dyn Observe>, Fault>,
    /// How long it has.
    pub(crate) timeout: Duration,
    /// After so long its record is stale.
    pub(crate) ttl: Option<Duration>,
}

/// Keys of a check that are no flags of it.
const OWN_KEYS: [&str; 6] = ["args", "check", "host", "object", "timeout", "ttl"];

/// Reads the file. A check that cannot be understood becomes a job that says so: the others run all the same.
///
/// # Errors
/// The file cannot be read, or is no TOML of `[defaults]` and `[[check]]`.
pub(crate) fn load(path: &Path, patience: Duration) -> Result<Vec<Job>, ConfigError> {
    let text = ce_cli::read_given(path, 64 << 20, patience)?;
    let file: File = ce_cli::parse(path, &text)?;
    let mut commands = Commands::default();
    let mut line = LineCounter::new(&text);
    let fault = |at: usize, fault: String, hint: Option<String>| ConfigError::Invalid {
        path: path.to_owned(),
        line: at,
        fault,
        hint,
    };
    let duration = |value: &Option<Value>| value.as_ref().map(read_duration).transpose();
    let defaults = (
        duration(&file.defaults.timeout),
        duration(&file.defaults.ttl),
    );
    let (Ok(timeout), Ok(ttl)) = defaults else {
        let message = defaults.0.err().or(defaults.1.err()).unwrap_or_default();
        return Err(fault(1, format!("[defaults]: {message}"), None));
    };
    let defaults = (
        timeout.unwrap_or(runner::DEFAULT_TIMEOUT),
        ttl,
        file.defaults.host,
    );
    let mut jobs = Vec::with_capacity(file.check.len());
    for entry in file.check {
        let at = line.of(entry.span().start);
        let table = entry.into_inner();
        jobs.push(job(
            &table,
            at,
            &defaults,
            &mut commands,
            &|message, hint| fault(at, message, hint).into(),
        ));
    }
    Ok(jobs)
}

/// Counts lines forward: offsets come in rising order.
struct LineCounter<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            offset: 0,
            line: 1,
        }
    }

    fn of(&mut self, offset: usize) -> usize {
        let offset = offset.clamp(self.offset, self.bytes.len());
        self.line += self.bytes[self.offset..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        self.offset = offset;
        self.line
    }
}

/// A check's command line, built once however often it is used.
#[derive(Default)]
struct Commands(BTreeMap<&'static str, Command>);

impl Commands {
    fn parse(
        &mut self,
        check: &'static Check,
        args: Vec<OsString>,
    ) -> Result<(Common, Box<dyn Observe>), Fault> {
        let command = self.0.entry(check.name).or_insert_with(|| {
            check
                .full_command(Command::new(check.name))
                .no_binary_name(true)
        });
        let matches = command
            .try_get_matches_from_mut(check.rewrite(args))
            .map_err(|error| runner::usage(&error))?;
        runner::prepare(check, matches)
    }
}

fn job(
    table: &Table,
    at: usize,
    (timeout, ttl, host): &(Duration, Option<Duration>, Option<String>),
    commands: &mut Commands,
    fault: &dyn Fn(String, Option<String>) -> Fault,
) -> Job {
    let name = table.get("check").and_then(Value::as_str).unwrap_or("run");
    let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    // One that cannot be understood must still be told from the others.
    let named = |keys: &[&str]| keys.iter().find_map(|key| text(key));
    let subject = Subject {
        host: named(&["host", "hostname"]).or_else(|| host.clone()),
        object: named(&["object", "name"]).or_else(|| Some(format!("line {at}"))),
    };
    let mut job = Job {
        check: name.to_owned(),
        subject,
        observe: Err(fault(
            "a check without 'check = \"NAME\"'".to_owned(),
            Some("ce-check list names them".to_owned()),
        )),
        timeout: *timeout,
        ttl: *ttl,
    };
    job.observe = (|| {
        if !table.contains_key("check") {
            return job.observe;
        }
        let Some(check) = checks::find(name) else {
            let near = ce_cli::nearest(name, checks::CHECKS.iter().map(|check| check.name));
            let hint = near.map_or_else(
                || "ce-check list names them".to_owned(),
                |near| format!("did you mean '{near}'?"),
            );
            return Err(fault(format!("there is no check '{name}'"), Some(hint)));
        };
        for (key, target) in [
            ("timeout", &mut job.timeout),
            ("ttl", job.ttl.get_or_insert_default()),
        ] {
            match table.get(key).map(read_duration) {
                Some(Ok(duration)) => *target = duration,
                Some(Err(message)) => return Err(fault(format!("{key}: {message}"), None)),
                None => {}
            }
        }
        if job.ttl == Some(Duration::ZERO) {
            job.ttl = None;
        }
        let args = arguments(table).map_err(|message| fault(message, None))?;
        let (_, observe) = commands
            .parse(check, args)
            .map_err(|error| fault(format!("{name}: {error}"), ce_cli::Explain::hint(&error)))?;
        Ok(observe.into())
    })();
    if let Ok(observe) = &job.observe {
        let known = observe.subject();
        job.subject = Subject {
            host: text("host").or_else(|| host.clone()).or(known.host),
            object: text("object").or(known.object),
        };
    }
    job
}

/// Each key is a long flag; `true` gives it alone, a list repeats it; `args` are put behind them as they are.
fn arguments(table: &Table) -> Result<Vec<OsString>, String> {
    let mut args: Vec<OsString> = Vec::new();
    for (key, value) in table
        .iter()
        .filter(|(key, _)| !OWN_KEYS.contains(&key.as_str()))
    {
        args.extend(ce_cli::flags(key, value)?);
    }
    match table.get("args") {
        None => {}
        Some(Value::Array(values)) => {
            for value in values {
                args.push(ce_cli::scalar("args", value)?.into());
            }
        }
        Some(_) => return Err("args is a list of texts".to_owned()),
    }
    Ok(args)
}

fn read_duration(value: &Value) -> Result<Duration, String> {
    parse_duration(&ce_cli::scalar("it", value)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use ce_cli::Explain;

    use super::*;

    fn jobs(text: &str) -> Result<Vec<Job>, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        load(&path, Duration::from_secs(1))
    }

    #[test]
    fn a_broken_check_says_where_and_what_and_the_others_stand() {
        let jobs = jobs(concat!(
            "[[check]]\ncheck = \"load\"\nwarning = 5\npercpu = true\n\n",
            "[[check]]\ncheck = \"laod\"\n\n",
            "[[check]]\ncheck = \"load\"\nwarnin = 5\n\n",
            "[[check]]\nhost = \"h\"\n\n",
            "[[check]]\ncheck = \"load\"\nwarning = 5\ncritical = 3\n",
        ))
        .unwrap();
        let said: Vec<String> = jobs
            .iter()
            .map(|job| match &job.observe {
                Ok(_) => "fine".to_owned(),
                Err(fault) => format!("{fault} / {}", fault.hint().unwrap_or_default()),
            })
            .map(|text| {
                text.split_once("c.toml, ")
                    .map_or(text.clone(), |(_, rest)| rest.to_owned())
            })
            .collect();
        assert_eq!(
            said,
            [
                "fine",
                "line 6: there is no check 'laod' / did you mean 'load'?",
                "line 9: load: unexpected argument '--warnin' found / a similar argument exists: '--warning'",
                "line 13: a check without 'check = \"NAME\"' / ce-check list names them",
                "line 16: load: -w 5 can never warn: -c 3 is CRITICAL wherever it would / swap the values of -w and -c",
            ]
        );
    }

    #[test]
    fn defaults_hold_unless_a_check_says_otherwise() {
        let jobs = jobs(concat!(
            "[defaults]\ntimeout = 3\nhost = \"web1\"\n",
            "[[check]]\ncheck = \"load\"\n",
            "[[check]]\ncheck = \"load\"\ntimeout = \"500ms\"\nttl = \"5m\"\nhost = \"web2\"\n",
        ))
        .unwrap();
        assert_eq!(
            (jobs[0].timeout, jobs[0].ttl),
            (Duration::from_secs(3), None)
        );
        assert_eq!(jobs[0].subject.host.as_deref(), Some("web1"));
        assert_eq!(
            (jobs[1].timeout, jobs[1].ttl),
            (Duration::from_millis(500), Some(Duration::from_secs(300)))
        );
        assert_eq!(jobs[1].subject.host.as_deref(), Some("web2"));
    }

    #[test]
    fn keys_become_long_flags_in_every_form() {
        let table: Table =
            toml::from_str("check='x'\na='t'\nb=true\nc=false\nd=[1,2.5]\nargs=['-z']").unwrap();
        assert_eq!(
            arguments(&table).unwrap(),
            ["--a=t", "--b", "--d=1", "--d=2.5", "-z"]
        );
        let table: Table = toml::from_str("a={b=1}").unwrap();
        assert!(arguments(&table).is_err());
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_its_line() {
        let text = jobs("[[check]]\ncheck = \"load\"\n\noops\n")
            .err()
            .unwrap()
            .to_string();
        assert!(text.contains("c.toml, line 4"), "{text}");
        let text = jobs("[[checks]]\ncheck = \"load\"\n")
            .err()
            .unwrap()
            .to_string();
        assert!(text.contains("unknown key 'checks'"), "{text}");
    }
}
