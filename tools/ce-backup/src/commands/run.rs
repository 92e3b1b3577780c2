//! `ce-backup run`: the night that the configuration describes, one record for each step and one for all.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ce_cli::{Common, Dirs, Explain};
use ce_record::{Cause, Finding, Metric, Record, State};
use clap::{Args, Command};
use toml::Table;

use super::check::Check;
use super::create::Create;
use super::dump::Dump;
use super::forget::Forget;
use super::{Act, With};
use crate::TOOL;
use crate::fault::Fault;
use crate::hook;
use crate::progress::{self, STOP};
use crate::report::{self, Started};
use crate::settings::{self, settings};

const LONG_ABOUT: &str = "\
Back up as the configuration says: databases, then paths into each repository.

Commands before it, dumps, then for each repository a snapshot, what is to be forgotten and what is to be checked, then \
commands after it. A step that fails does not keep the others from being done, but for a command before it: then only the \
commands after it still run, which they do after a signal, too. What runs on failure reads the records so far from its \
standard input, so that ce-alert can stand there; CE_STATE has the worst state. Each command is given to /bin/sh. In \
/etc/ce/backup.toml:

  [repository.offsite]
  url = \"swift:web1\"
  forget = { keep-daily = 14, keep-weekly = 8, prune = true }

  [[dump]]
  engine = \"mysql\"
  all = true
  preset = \"drupal\"
  to = \"/var/backups/mysql\"
  keep = 7

  [run]
  paths = [\"/etc\", \"/srv\"]
  on-failure = [\"ce-alert\"]

The keys of [[dump]], forget and check are the long flags of these commands; the folders of the dumps are backed up with the \
paths. A repository has a url, and may have network, swift, s3 and sftp tables of its own; every other command takes its \
name for REPO, too. What [run] leaves out here: before, after, hook-timeout (1h), repositories (all that have a name, else repo).";

/// Back up as the configuration says: databases, then paths into each repository
#[derive(Args, Debug)]
#[command(long_about = LONG_ABOUT, after_help = "Examples:
  ce-backup run --dry-run
  ce-backup run | ce-alert
  ce-check job --run backup -- ce-backup run")]
pub(crate) struct Run {
    /// Only into this repository of the configuration
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Change nothing, say what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// What must be done at the end is not ended by a signal: it has its deadline.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Into one repository.
#[derive(Debug)]
struct Target {
    name: String,
    create: Create,
    forget: Option<Forget>,
    check: Option<Check>,
}

/// All that is to be done.
#[derive(Debug)]
struct Plan {
    dumps: Vec<Dump>,
    targets: Vec<Target>,
    hook_timeout: Duration,
    run: &'static settings::Run,
}

/// What was done so far.
struct Night {
    common: Common,
    started: Started,
    plan: Plan,
    records: Vec<Record>,
    /// Of these so many are written.
    told: usize,
    /// Whether anybody reads them.
    readable: bool,
}

impl With<Run> {
    /// Does all of it.
    pub fn run_night(&self) -> ExitCode {
        if let Some(timeout) = self.common.timeout {
            progress::end_within(timeout);
        }
        let planned = settings::load(&self.common)
            .map_err(Fault::from)
            .and_then(|()| self.own.plan(&self.common))
            .and_then(|plan| Ok((plan, alone()?)));
        let (plan, _lock) = match planned {
            Ok(planned) => planned,
            Err(fault) => return report::run("run", &self.common, false, || Err(fault)),
        };
        progress::heed_signals();
        progress::heed_until_the_end();
        let night = Arc::new(Mutex::new(Night {
            common: self.common.clone(),
            started: Started::now(),
            plan,
            records: Vec::new(),
            told: 0,
            readable: true,
        }));
        if self.own.dry_run {
            self.own.steps(&night);
            return lock(&night).conclude(false);
        }
        let at_end = night.clone();
        ce_cli::at_end(move || {
            lock(&at_end).conclude(true);
        });
        let run = lock(&night).plan.run;
        if hooks(&night, "before", &run.before) {
            self.own.steps(&night);
        }
        ce_cli::do_at_end();
        let night = lock(&night);
        if night.readable {
            ce_cli::exit_code(night.worst())
        } else {
            ce_cli::exit_code(State::Unknown)
        }
    }
}

fn lock(night: &Mutex<Night>) -> std::sync::MutexGuard<'_, Night> {
    night.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody else's run goes on meanwhile.
fn alone() -> Result<std::fs::File, Fault> {
    let path = Dirs::from_env().state.join("backup/run.lock");
    ce_cli::try_lock(&path)?.ok_or_else(|| {
        Fault::with_hint(
            "another ce-backup run is going on",
            "wait for it, or look with ps(1) what it does",
        )
    })
}

impl Run {
    /// What the settings ask for; nothing is done before all of it is understood.
    fn plan(&self, common: &Common) -> Result<Plan, Fault> {
        let file = settings::path(common);
        let file = file.display();
        let settings = settings();
        let Some(run) = &settings.run else {
            return Err(Fault::with_hint(
                format!("'{file}' does not say what to back up"),
                "it needs a table [run]; man ce-backup-run shows one",
            ));
        };
        let dry_run = self.dry_run.then(|| OsString::from("--dry-run"));
        let dry_run = || dry_run.iter().cloned();
        let mut dumps = Vec::new();
        for (at, table) in settings.dump.iter().enumerate() {
            let what = format!("{file}, [[dump]] {}", at + 1);
            let dump: Dump = parse(&what, table.as_ref(), Some("engine"), dry_run())?;
            if dump.folder().is_none() {
                return Err(Fault::with_hint(
                    format!("{what} does not say into which folder"),
                    "add to = \"/var/backups/mysql\"",
                ));
            }
            dumps.push(dump);
        }
        let mut paths = run.paths.clone();
        for folder in dumps.iter().filter_map(Dump::folder) {
            // A first dry run has made no folder yet.
            let there = !self.dry_run || folder.exists();
            if there && !paths.iter().any(|path| folder.starts_with(path)) {
                paths.push(folder.to_owned());
            }
        }
        let names = self.names(run)?;
        if names.is_empty() && dumps.is_empty() || !names.is_empty() && paths.is_empty() {
            let missing = match names.is_empty() {
                true => "names no repository and no database",
                false => "names neither paths nor databases",
            };
            return Err(Fault::usage(format!("{file}: [run] {missing}")));
        }
        let mut targets = Vec::new();
        for name in names {
            let own = settings.repository.get(&name);
            let repo = || [OsString::from("--repo"), OsString::from(&name)];
            let words = paths.iter().map(|path| path.clone().into_os_string());
            let more = repo().into_iter().chain(dry_run()).chain(words);
            let table = |key: &str| format!("{file}, [repository.{name}] {key}");
            let more_of = || repo().into_iter().chain(dry_run());
            targets.push(Target {
                create: parse(&table("create"), &Table::new(), None, more)?,
                forget: match own.and_then(|own| own.forget.as_ref()) {
                    Some(flags) => Some(parse(&table("forget"), flags, None, more_of())?),
                    None => None,
                },
                check: match own.and_then(|own| own.check.as_ref()) {
                    Some(flags) if !self.dry_run => {
                        Some(parse(&table("check"), flags, None, repo())?)
                    }
                    _ => None,
                },
                name,
            });
        }
        let hook_timeout = match &run.hook_timeout {
            None => Duration::from_hours(1),
            Some(text) => ce_cli::parse_duration(text)
                .map_err(|error| Fault::usage(format!("{file}, [run] hook-timeout: {error}")))?,
        };
        Ok(Plan {
            dumps,
            targets,
            hook_timeout,
            run,
        })
    }

    /// The repositories: those of the flag, else of the table, else all that have a name, else the usual one.
    fn names(&self, run: &settings::Run) -> Result<Vec<String>, Fault> {
        let settings = settings();
        let asked = if self.only.is_empty() {
            &run.repositories
        } else {
            &self.only
        };
        for name in asked {
            if !settings.repository.contains_key(name) {
                let known = settings.repository.keys().map(String::as_str);
                let hint = match ce_cli::nearest(name, known) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("a table [repository.{name}] with a url makes it"),
                };
                return Err(Fault::with_hint(
                    format!("the configuration has no repository '{name}'"),
                    hint,
                ));
            }
        }
        if !asked.is_empty() {
            return Ok(asked.clone());
        }
        let named: Vec<String> = settings.repository.keys().cloned().collect();
        let usual = || settings.repo.iter().map(|repo| repo.display().to_string());
        Ok(if named.is_empty() {
            usual().collect()
        } else {
            named
        })
    }

    /// Dumps, then each repository.
    fn steps(&self, night: &Mutex<Night>) {
        let count = {
            let night = lock(night);
            (night.plan.dumps.len(), night.plan.targets.len())
        };
        // What is left to do is taken out of the plan, so that its lock is free while it is done.
        for _ in 0..count.0 {
            let dump = lock(night).plan.dumps.remove(0);
            step(night, &dump, None);
        }
        for _ in 0..count.1 {
            let target = lock(night).plan.targets.remove(0);
            let name = Some(target.name.as_str());
            if step(night, &target.create, name) > State::Warning {
                continue;
            }
            if let Some(forget) = &target.forget {
                step(night, forget, name);
            }
            if let Some(check) = &target.check {
                step(night, check, name);
            }
        }
    }
}

/// A command from a table whose keys are its long flags; `word` is the key of what is no flag.
fn parse<A: Args>(
    what: &str,
    table: &Table,
    word: Option<&str>,
    more: impl IntoIterator<Item = OsString>,
) -> Result<A, Fault> {
    let fault = |message: String| Fault::usage(format!("{what}: {message}"));
    let mut args: Vec<OsString> = Vec::new();
    for (key, value) in table {
        if Some(key.as_str()) == word {
            args.push(ce_cli::scalar(key, value).map_err(fault)?.into());
        } else {
            args.extend(ce_cli::flags(key, value).map_err(fault)?);
        }
    }
    args.extend(more);
    let command = A::augment_args(Command::new("")).no_binary_name(true);
    command
        .try_get_matches_from(args)
        .and_then(|matches| A::from_arg_matches(&matches))
        .map_err(|error| {
            let (sentence, hint) = ce_cli::usage_sentence(&error);
            Fault::Usage(format!("{what}: {sentence}"), hint)
        })
}

/// Does one step, unless all is to end; the worst state of its records.
fn step<A: Act>(night: &Mutex<Night>, act: &A, object: Option<&str>) -> State {
    if STOP.load(Ordering::Relaxed) {
        return State::Unknown;
    }
    let started = Started::now();
    let common = lock(night).common.clone();
    let findings = act.act(&common).unwrap_or_else(|fault| {
        ce_cli::complain(TOOL, &fault);
        let mut finding = Finding::new(fault.state(), fault.to_string()).cause(fault.cause());
        if let Some(hint) = fault.hint() {
            finding = finding.detail(format!("hint: {hint}"));
        }
        vec![match object {
            Some(object) => finding.object(object),
            None => finding,
        }]
    });
    lock(night).push(A::NAME, &started, findings)
}

/// Runs commands until one fails; whether none did.
fn hooks(night: &Mutex<Night>, when: &str, commands: &[String]) -> bool {
    commands.iter().all(|command| {
        let started = Started::now();
        let deadline = started.instant + lock(night).plan.hook_timeout;
        let found = hook::run(when, command, &[], State::Ok, deadline, &STOP);
        lock(night).push("run", &started, vec![found]) == State::Ok
    })
}

impl Night {
    fn worst(&self) -> State {
        let states = self.records.iter().map(|record| record.state);
        states.max().unwrap_or(State::Ok)
    }

    /// Files what a step found; the worst of it.
    fn push(&mut self, check: &str, started: &Started, findings: Vec<Finding>) -> State {
        let records = findings
            .into_iter()
            .map(|finding| started.stamp(check, finding));
        let before = self.records.len();
        self.records.extend(records);
        let states = self.records[before..].iter().map(|record| record.state);
        let worst = states.max().unwrap_or(State::Ok);
        self.tell(report::is_stream(&self.common));
        worst
    }

    /// Writes the records that are not written yet, where they can be written one by one, or at the end.
    fn tell(&mut self, now: bool) {
        if now {
            let told = ce_cli::emit(&self.common, &self.records[self.told..]);
            self.told = self.records.len();
            self.readable &= told.is_ok();
        }
    }

    fn hook(&mut self, when: &str, command: &str, input: &[u8]) -> State {
        let started = Started::now();
        let deadline = started.instant + self.plan.hook_timeout;
        let found = hook::run(when, command, input, self.worst(), deadline, &NEVER);
        self.push("run", &started, vec![found])
    }

    /// What is done however it ended: the commands for after it, the record of the whole, the commands for a failure.
    fn conclude(&mut self, hooks: bool) -> ExitCode {
        let run = self.plan.run;
        if hooks {
            for command in &run.after {
                self.hook("after", command, &[]);
            }
        }
        let finding = self.summary();
        let started = self.started.clone();
        let worst = self.push("run", &started, vec![finding]);
        if hooks && worst > State::Warning {
            let mut lines = Vec::new();
            for record in &self.records {
                let _ = ce_record::write_line(&mut lines, record);
            }
            for command in &run.on_failure {
                self.hook("on failure", command, &lines);
            }
        }
        self.tell(true);
        ce_cli::exit_code(if self.readable {
            self.worst()
        } else {
            State::Unknown
        })
    }

    fn summary(&self) -> Finding {
        let bad = |state: State| {
            let records = self.records.iter();
            records
                .filter(move |record| record.state == state)
                .collect::<Vec<_>>()
        };
        let took = self.started.instant.elapsed();
        let (steps, dumps, snapshots) =
            (self.records.len(), self.count("dump"), self.count("create"));
        let mut problems = bad(State::Critical);
        problems.extend(bad(State::Unknown));
        problems.extend(bad(State::Warning));
        let interrupted = STOP.load(Ordering::Relaxed);
        let state = match interrupted {
            true => self.worst().max(State::Unknown),
            false => self.worst(),
        };
        let done = format!(
            "{dumps} dumps, {snapshots} snapshots in {}",
            ce_record::quantity::duration(took)
        );
        let mut finding = match (problems.as_slice(), interrupted) {
            (_, true) => Finding::new(state, format!("asked to end before the end: {done}")),
            ([], false) => Finding::new(state, done),
            ([first, rest @ ..], false) => {
                let more = match rest.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                Finding::new(state, format!("{}{more}; {done}", one(first)))
            }
        };
        finding = finding
            .cause(
                problems
                    .first()
                    .and_then(|first| first.cause.clone())
                    .unwrap_or(Cause::CONTENT),
            )
            .metric(Metric::new("duration", took.as_secs_f64(), "s"))
            .metric(Metric::new("steps", steps as u64, ""))
            .metric(Metric::new("failed", problems.len() as u64, ""))
            .data("steps", steps as u64)
            .data("failed", problems.len() as u64)
            .data(
                "duration_ms",
                u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            );
        for problem in problems {
            finding = finding.detail(one(problem));
        }
        finding
    }

    fn count(&self, check: &str) -> usize {
        let done = self
            .records
            .iter()
            .filter(|record| record.check == check && record.state <= State::Warning);
        done.count()
    }
}

/// A record in one line.
fn one(record: &Record) -> String {
    let object = record.object.as_deref().unwrap_or_default();
    format!("{} {object}: {}", record.check, record.summary).replace(" :", ":")
}
