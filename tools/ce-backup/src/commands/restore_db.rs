//! `ce-backup restore-db`: one database, or one of its tables, from a dump back into a server.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ce_cli::{Common, FileError};
use ce_record::{Cause, Finding, Metric, State};
use clap::Args;

use super::Act;
use super::create::bytes;
use super::reach::Reach;
use crate::database::{self, Engine, Order, Watch, frames};
use crate::fault::Fault;
use crate::progress::{self, Reading};

/// Put one database back from a dump, or one of its tables
///
/// What is loaded is counted and compared with the dump. PostgreSQL and SQLite keep what was there when the load fails;
/// MariaDB and MySQL have no transaction for tables: there, load into another database first where it matters.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup restore-db mysql /var/backups/mysql/shop.sql.zst --database shop --into shop_yesterday
  ce-backup cat /backup latest var/backups/mysql/shop.sql.zst --identity org.key | ce-backup restore-db mysql - --database shop
  ce-backup restore-db postgres shop.sql --database shop --table orders --force")]
pub(crate) struct RestoreDb {
    /// The kind of server
    #[arg(value_name = "ENGINE")]
    engine: Engine,

    /// The dump, compressed or not; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The database as the dump has it; for SQLite the file to write
    #[arg(long, value_name = "NAME")]
    database: String,

    /// Only this table, for PostgreSQL with or without its schema
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,

    /// Into this database instead of the one of the same name
    #[arg(long, value_name = "NAME")]
    into: Option<String>,

    /// Over tables that are there
    #[arg(long)]
    force: bool,

    /// End within this time
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = ce_cli::parse_duration)]
    within: Duration,

    #[command(flatten)]
    reach: Reach,
}

impl Act for RestoreDb {
    const NAME: &'static str = "restore-db";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let from = self.open()?;
        progress::heed_signals();
        let passed = Arc::new(AtomicU64::new(0));
        let shown = {
            let passed = passed.clone();
            progress::show(None, move || Reading {
                files: 0,
                bytes: passed.load(Ordering::Relaxed),
            })
        };
        let deadline = Instant::now() + self.within;
        let server = database::open(self.engine, &self.reach.access(), deadline)?;
        let order = Order {
            database: self.database.clone(),
            table: self.table.clone(),
            into: self.into.clone().unwrap_or_else(|| self.database.clone()),
            force: self.force,
        };
        let mut plain = frames::plain(from).map_err(database::Error::Read)?;
        let watch = Watch {
            deadline,
            bytes: &passed,
        };
        let restored = server.restore(&order, &mut plain, &watch)?;
        drop(shown);
        let state = if restored.warnings.is_empty() {
            State::Ok
        } else {
            State::Warning
        };
        let what = match &order.table {
            Some(table) => format!("table '{table}' of '{}'", order.into),
            None => format!("'{}'", order.into),
        };
        let more = restored
            .warnings
            .first()
            .map(|warning| format!("; {warning}"))
            .unwrap_or_default();
        let took_ms = u64::try_from(restored.took.as_millis()).unwrap_or(u64::MAX);
        let rows = restored.tables.count();
        let mut finding = Finding::new(
            state,
            format!(
                "restored {what}: {} tables, {rows} rows, {} read{more}",
                restored.tables.len(),
                bytes(restored.bytes)
            ),
        )
        .object(order.into.clone())
        .cause(Cause::CONTENT)
        .metric(Metric::new("bytes", restored.bytes, "B"))
        .metric(Metric::new("tables", restored.tables.len() as u64, ""))
        .metric(Metric::new("rows", rows, ""))
        .data("database", order.into.clone())
        .data("bytes", restored.bytes)
        .data("table_count", restored.tables.len() as u64)
        .data("rows", rows)
        .data("duration_ms", took_ms);
        for warning in restored.warnings {
            finding = finding.detail(warning);
        }
        Ok(vec![finding])
    }
}

impl RestoreDb {
    fn open(&self) -> Result<Box<dyn Read>, Fault> {
        if self.file.as_os_str() == "-" {
            return Ok(Box::new(BufReader::with_capacity(1 << 20, io::stdin())));
        }
        let fail = |source| FileError::Read {
            path: self.file.clone(),
            source,
        };
        let file = File::open(&self.file).map_err(fail)?;
        if let Ok(Some(facts)) = frames::facts(&self.file)
            && let Some(engine) = facts["engine"].as_str()
            && !self.fits(engine)
        {
            return Err(Fault::usage(format!(
                "'{}' is a dump of {engine}",
                self.file.display()
            )));
        }
        Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
    }

    fn fits(&self, engine: &str) -> bool {
        match self.engine {
            Engine::Mysql => matches!(engine, "mariadb" | "mysql"),
            Engine::Postgres => engine == "postgres",
            Engine::Sqlite => engine == "sqlite",
        }
    }
}
