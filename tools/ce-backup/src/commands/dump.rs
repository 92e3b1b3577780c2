//! `ce-backup dump`: databases, each whole, to standard output or into a folder that keeps some nights.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ce_cli::{Common, Explain};
use ce_record::{Cause, Finding, Metric, State};
use clap::Args;

use super::Act;
use super::create::bytes;
use super::reach::Reach;
use crate::database::folder::{self, Slot};
use crate::database::frames::Frames;
use crate::database::preset::{Choice, Preset};
use crate::database::{self, Engine, Error, Server, Summary, Watch, What};
use crate::fault::Fault;
use crate::progress::{self, Reading, STOP};

/// Dump databases, each consistent and whole, or not at all
///
/// One database goes to standard output; with --to each goes into a file of its own, which zstdcat reads, and which
/// stays as it was when the dump fails. With --all the accounts and grants go into '@accounts'. A database that fails
/// does not keep the others from being dumped; the exit code is 2.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup dump mysql --all --to /var/backups/mysql --keep 7
  ce-backup dump mysql --database shop --preset drupal --to /var/backups/mysql
  ce-backup create /backup --exec shop.sql -- ce-backup dump postgres --database shop
  ce-backup dump sqlite --database /srv/app/app.db --to /var/backups/sqlite")]
pub(crate) struct Dump {
    /// The kind of server
    #[arg(value_name = "ENGINE")]
    engine: Engine,

    /// Dump all databases, accounts and grants
    #[arg(long, conflicts_with = "database")]
    all: bool,

    /// Dump this database; for SQLite its file
    #[arg(long, value_name = "NAME")]
    database: Vec<String>,

    /// Leave this table out: TABLE or DATABASE.TABLE, with * and ?
    #[arg(long, value_name = "PATTERN")]
    exclude_table: Vec<String>,

    /// Dump only the structure of this table
    #[arg(long, value_name = "PATTERN")]
    structure_only: Vec<String>,

    /// Dump only the structure of the application's caches, sessions and logs
    #[arg(long, value_name = "APPLICATION")]
    preset: Option<Preset>,

    /// Do not lock tables that know no transactions, name them in a warning
    #[arg(long)]
    no_lock: bool,

    /// Into this folder, which is made when it is missing
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,

    /// With --to: keep so many days' older dumps besides the newest
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        requires = "to"
    )]
    keep: usize,

    /// With --to: of zstd, 1 to 19
    #[arg(long, value_name = "LEVEL", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    compression: i32,

    /// End each database's dump within this time
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = ce_cli::parse_duration)]
    each_within: Duration,

    /// Dump nothing, say what would be dumped
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Act for Dump {
    const NAME: &'static str = "dump";

    fn writes_content(&self) -> bool {
        self.to.is_none() && !self.dry_run
    }

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        if !self.all && self.database.is_empty() {
            return Err(Fault::with_hint(
                "no database is named",
                "give --all, or --database for each",
            ));
        }
        if self.writes_content() && (self.all || self.database.len() != 1) {
            return Err(Fault::with_hint(
                "several databases do not fit into one stream",
                "add --to DIR, or name one with --database",
            ));
        }
        let choice = Choice::new(
            &self.exclude_table,
            &self.structure_only,
            self.preset,
            self.no_lock,
        )
        .map_err(Fault::usage)?;
        progress::heed_signals();
        let passed = Arc::new(AtomicU64::new(0));
        let shown = {
            let passed = passed.clone();
            progress::show(None, move || Reading {
                files: 0,
                bytes: passed.load(Ordering::Relaxed),
            })
        };
        let server = database::open(self.engine, &self.reach.access(), self.deadline())?;
        let wanted = self.wanted(&*server)?;
        if self.dry_run {
            return Ok(wanted.iter().map(|what| self.planned(what)).collect());
        }
        let Some(to) = &self.to else {
            let mut out = BufWriter::with_capacity(1 << 20, io::stdout());
            let what = &wanted[0];
            let watch = Watch {
                deadline: self.deadline(),
                bytes: &passed,
            };
            let summary = server.dump(what, &choice, &mut out, &watch)?;
            out.flush().map_err(ce_cli::OutputError::from)?;
            drop(shown);
            return Ok(warned(what, &summary));
        };
        let mut findings = Vec::new();
        for what in &wanted {
            let slot = self.slot(to, what);
            findings.push(
                match self.keep_one(&*server, what, &choice, &slot, &passed) {
                    Ok(finding) => finding,
                    Err(Error::Stopped) => return Err(Error::Stopped.into()),
                    Err(error) => failed(what, &slot, &error),
                },
            );
        }
        drop(shown);
        Ok(findings)
    }
}

impl Dump {
    /// The folder that the dumps go into.
    pub fn folder(&self) -> Option<&Path> {
        self.to.as_deref()
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.each_within
    }

    /// What is to be dumped, each into a file of another name.
    fn wanted(&self, server: &dyn Server) -> Result<Vec<What>, Fault> {
        if self.all {
            let mut wanted = vec![What::Accounts];
            let names = server.list(self.deadline())?;
            wanted.extend(names.into_iter().map(What::Database));
            return Ok(wanted);
        }
        let mut files: BTreeMap<String, &String> = BTreeMap::new();
        for name in &self.database {
            let stem = self.stem(&What::Database(name.clone()));
            if let Some(other) = files.insert(stem, name)
                && self.to.is_some()
            {
                return Err(Fault::with_hint(
                    format!("'{other}' and '{name}' would go into one file"),
                    "dump them into two folders",
                ));
            }
        }
        Ok(self.database.iter().cloned().map(What::Database).collect())
    }

    /// A file's name without its ending.
    fn stem(&self, what: &What) -> String {
        match what {
            What::Accounts => what.to_string(),
            What::Database(name) if self.engine == Engine::Sqlite => {
                let name = Path::new(name).file_name();
                folder::file_name(&name.unwrap_or_default().to_string_lossy())
            }
            What::Database(name) => folder::file_name(name),
        }
    }

    fn slot(&self, to: &Path, what: &What) -> Slot {
        Slot::new(to, self.stem(what), self.engine.ending())
    }

    fn keep_one(
        &self,
        server: &dyn Server,
        what: &What,
        choice: &Choice,
        slot: &Slot,
        passed: &AtomicU64,
    ) -> Result<Finding, Error> {
        let (draft, mut file) = slot.begin()?;
        let watch = Watch {
            deadline: self.deadline(),
            bytes: passed,
        };
        let mut again = true;
        let (summary, stored) = loop {
            let out = BufWriter::with_capacity(1 << 20, &mut file);
            let mut frames = Frames::new(out, self.compression).map_err(Error::Write)?;
            match server.dump(what, choice, &mut frames, &watch) {
                Ok(summary) => {
                    let finished = frames.finish(&summary.facts(what));
                    let (mut out, stored) = finished.map_err(Error::Write)?;
                    out.flush().map_err(Error::Write)?;
                    break (summary, stored);
                }
                Err(error) if error.passes() && again => {
                    again = false;
                    drop(frames);
                    file.seek(SeekFrom::Start(0)).map_err(Error::Write)?;
                    file.set_len(0).map_err(Error::Write)?;
                }
                Err(error) => return Err(error),
            }
        };
        if STOP.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        let odd = slot
            .last_size()
            .and_then(|before| folder::odd_size(before, stored));
        let now = jiff::Timestamp::now();
        draft.commit(&file, self.keep, now, &jiff::tz::TimeZone::system())?;
        let mut warnings = summary.warnings.clone();
        warnings.extend(odd);
        Ok(dumped(what, slot, &summary, stored, &warnings))
    }

    fn planned(&self, what: &What) -> Finding {
        let place = match &self.to {
            Some(to) => format!("'{}'", self.slot(to, what).path().display()),
            None => "standard output".to_owned(),
        };
        Finding::new(State::Ok, format!("would dump '{what}' to {place}"))
            .object(what.to_string())
            .data("dry_run", true)
    }
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn dumped(
    what: &What,
    slot: &Slot,
    summary: &Summary,
    stored: u64,
    warnings: &[String],
) -> Finding {
    let state = if warnings.is_empty() {
        State::Ok
    } else {
        State::Warning
    };
    let more = warnings
        .first()
        .map(|warning| format!("; {warning}"))
        .unwrap_or_default();
    let rows = summary.tables.count();
    let mut finding = Finding::new(
        state,
        format!(
            "dumped '{what}': {} tables, {rows} rows, {}, {} stored{more}",
            summary.tables.len(),
            bytes(summary.bytes),
            bytes(stored)
        ),
    )
    .object(what.to_string())
    .cause(Cause::CONTENT)
    .metric(Metric::new("bytes", summary.bytes, "B"))
    .metric(Metric::new("stored_bytes", stored, "B"))
    .metric(Metric::new("tables", summary.tables.len() as u64, ""))
    .metric(Metric::new("rows", rows, ""))
    .metric(Metric::new(
        "duration",
        milliseconds(summary.took) as f64 / 1000.0,
        "s",
    ));
    if let serde_json::Value::Object(facts) = summary.facts(what) {
        finding.data.extend(facts);
    }
    finding = finding
        .data("file", slot.path().display().to_string())
        .data("stored_bytes", stored)
        .data("duration_ms", milliseconds(summary.took))
        .data("dry_run", false);
    for warning in warnings {
        finding = finding.detail(warning.clone());
    }
    finding
}

fn failed(what: &What, slot: &Slot, error: &Error) -> Finding {
    let path = slot.path();
    let older = if path.exists() {
        "; the older dump is kept"
    } else {
        ""
    };
    let state = if error.is_refusal() {
        State::Unknown
    } else {
        State::Critical
    };
    let mut finding = Finding::new(state, format!("'{what}' is not dumped{older}: {error}"))
        .object(what.to_string())
        .cause(error.cause())
        .data("database", what.to_string())
        .data("file", path.display().to_string())
        .data("dry_run", false);
    if let Some(hint) = error.hint() {
        finding = finding.detail(hint);
    }
    finding
}

/// What is to be said of a dump that went to standard output.
fn warned(what: &What, summary: &Summary) -> Vec<Finding> {
    let finding = |warning: &String| {
        Finding::new(State::Warning, format!("'{what}': {warning}"))
            .object(what.to_string())
            .cause(Cause::CONTENT)
    };
    summary.warnings.iter().map(finding).collect()
}
