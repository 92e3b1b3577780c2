//! Databases: which there are, one as a stream, and one back from it.
//!
//! The bytes are made by the database's own programs and only looked at here while they pass. No shell, no password
//! in arguments or environment, nothing without a deadline. What is dumped where, and kept, is decided elsewhere.

mod client;
pub(crate) mod folder;
pub(crate) mod frames;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod preset;
pub(crate) mod scan;
pub(crate) mod sqlite;
pub(crate) mod tables;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use ce_cli::{Explain, FileError, ProgramError, SecretError};
use ce_record::Cause;
use serde_json::{Value, json};

pub(crate) use preset::Choice;
use tables::Tables;

/// Which server's, or library's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// MariaDB or MySQL
    #[value(alias = "mariadb")]
    Mysql,
    /// PostgreSQL
    #[value(alias = "postgresql")]
    Postgres,
    /// SQLite
    Sqlite,
}

impl Engine {
    /// What a file of it is called after the database's name.
    pub fn ending(self) -> &'static str {
        match self {
            Engine::Mysql | Engine::Postgres => ".sql.zst",
            Engine::Sqlite => ".zst",
        }
    }
}

/// How a server is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// A file with the password, for nobody else to read: an option file of MySQL's, a password file of PostgreSQL's.
    pub credentials: Option<PathBuf>,
    pub socket: Option<PathBuf>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    /// Where the client programs are, when not in PATH.
    pub programs: Option<PathBuf>,
}

/// What is dumped into one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A database; for SQLite its file.
    Database(String),
    /// What belongs to no database: accounts, grants, roles, tablespaces.
    Accounts,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            What::Database(name) => f.write_str(name),
            What::Accounts => f.write_str("@accounts"),
        }
    }
}

/// How a dump went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// `mariadb`, `mysql`, `postgres` or `sqlite`.
    pub engine: &'static str,
    /// The server's, or library's.
    pub version: String,
    /// Of the dump, before compression.
    pub bytes: u64,
    pub took: Duration,
    pub tables: Tables,
    /// What is as was asked for and yet not as one would wish.
    pub warnings: Vec<String>,
}

/// How many tables a record or file names with their rows: a record has at most 1 MiB.
const NAMED_TABLES: usize = 4000;

impl Summary {
    /// For records, and for the last frame of a file.
    pub fn facts(&self, what: &What) -> Value {
        let mut facts = json!({
            "database": what.to_string(),
            "engine": self.engine,
            "version": self.version,
            "bytes": self.bytes,
            "rows": self.tables.count(),
            "table_count": self.tables.len(),
        });
        if self.tables.len() <= NAMED_TABLES {
            facts["tables"] = self.tables.to_json();
        }
        facts
    }
}

/// How a database was put back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restored {
    pub bytes: u64,
    pub took: Duration,
    /// What the dump holds of what was asked for.
    pub tables: Tables,
    pub warnings: Vec<String>,
}

/// What is to be put back.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The database as the dump has it.
    pub database: String,
    /// Only this table.
    pub table: Option<String>,
    /// The database to put it into.
    pub into: String,
    /// Over what is there.
    pub force: bool,
}

/// Why a database was not dumped or put back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("none of the programs {0} is there")]
    NoProgram(String),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("{program} ended with {ending}: {said}")]
    Failed {
        program: String,
        ending: String,
        said: String,
    },
    #[error("the dump is not whole: it ends without its last line")]
    Incomplete,
    #[error("cannot read the dump: {0}")]
    Read(io::Error),
    #[error("cannot write the dump: {0}")]
    Write(io::Error),
    #[error("there is no database '{0}'")]
    NoDatabase(String),
    #[error("{0}")]
    Refused(String, Option<String>),
    #[error("{0}")]
    Different(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}")]
    System(String),
    #[error("asked to end")]
    Stopped,
}

impl Error {
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Refused(message.into(), Some(hint.into()))
    }

    /// Whether the same may well succeed at once: a table was altered under the dump.
    pub fn passes(&self) -> bool {
        matches!(self, Error::Failed { said, .. } if said.contains("Error 1412") || said.contains("(1412)"))
    }

    /// Whether it could not even be tried.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Error::NoProgram(_) | Error::Refused(..) | Error::Secret(_) | Error::Stopped
        )
    }
}

impl Explain for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::NoProgram(_) => {
                Some("install the database's client, or name its folder with --programs".to_owned())
            }
            Error::Refused(_, hint) => hint.clone(),
            Error::Secret(error) => error.hint(),
            Error::File(error) => error.hint(),
            Error::Failed { said, .. }
                if said.contains("role ") && said.contains("does not exist") =>
            {
                Some("make the role first: the dump of @accounts has it".to_owned())
            }
            _ => None,
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Error::NoProgram(_) | Error::Refused(..) | Error::Secret(_) | Error::NoDatabase(_) => {
                Cause::CONFIG
            }
            Error::Program(error) => error.cause(),
            Error::Failed { said, .. } => cause_of(said),
            Error::Incomplete | Error::Read(_) | Error::Different(_) => Cause::CONTENT,
            Error::Write(_) | Error::System(_) | Error::Stopped => Cause::SYSTEM,
            Error::File(error) => error.cause(),
        }
    }
}

/// What a client's words mean.
fn cause_of(said: &str) -> Cause {
    const AUTH: [&str; 4] = [
        "Access denied",
        "authentication failed",
        "no password supplied",
        "permission denied",
    ];
    const CONNECT: [&str; 5] = [
        "Can't connect",
        "could not connect",
        "Lost connection",
        "connection to server",
        "server closed the connection",
    ];
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&AUTH) {
        Cause::AUTH
    } else if has(&CONNECT) {
        Cause::CONNECT
    } else {
        Cause::CONTENT
    }
}

/// A server, or the SQLite library, that was found to be there.
pub(crate) trait Server {
    /// The databases that hold somebody's data, sorted by name.
    fn list(&self, deadline: Instant) -> Result<BTreeSet<String>, Error>;

    /// Writes one dump to `out`.
    fn dump(
        &self,
        what: &What,
        choice: &Choice,
        out: &mut dyn Write,
        watch: &Watch<'_>,
    ) -> Result<Summary, Error>;

    /// Puts back what the dump `from` holds.
    fn restore(
        &self,
        order: &Order,
        from: &mut dyn Read,
        watch: &Watch<'_>,
    ) -> Result<Restored, Error>;
}

/// By when something must have ended, and how far it is.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub deadline: Instant,
    /// Bytes that have passed.
    pub bytes: &'a AtomicU64,
}

/// Finds the programs and the server.
pub(crate) fn open(
    engine: Engine,
    access: &Access,
    deadline: Instant,
) -> Result<Box<dyn Server>, Error> {
    Ok(match engine {
        Engine::Mysql => Box::new(mysql::Mysql::open(access, deadline)?),
        Engine::Postgres => Box::new(postgres::Postgres::open(access, deadline)?),
        Engine::Sqlite => Box::new(sqlite::Sqlite::open(access, deadline)?),
    })
}
