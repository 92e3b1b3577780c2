//! PostgreSQL, by pg_dump, pg_dumpall and psql.
//!
//! Plain SQL, not one of pg_dump's archives: rows are counted and digested as they pass, any newer psql reads it, one
//! table is found in it by the comments that pg_dump writes, and where nothing changed the bytes are the same. What
//! that gives up is loading with several connections at once.

mod restore;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ce_cli::{Program, Secret};

use super::client::{self, ask_lines, find, hex, unhex};
use super::scan::{Dialect, Scanner};
use super::{Access, Choice, Error, Order, Restored, Server, Summary, Watch, What};

/// Who owns a server that a distribution installed.
const OWNER: &str = "postgres";
/// Where everybody may connect to ask what there is.
const MAINTENANCE: &str = "postgres";

/// A server with the programs to reach it.
#[derive(Debug)]
pub(crate) struct Postgres {
    dump: PathBuf,
    dump_all: PathBuf,
    psql: PathBuf,
    /// Of psql.
    version: (u32, u32),
    reach: Vec<(&'static str, String)>,
    passwords: Option<PathBuf>,
    /// Whom the server believes by the socket.
    user: Option<(u32, u32)>,
    server: String,
}

impl Postgres {
    /// Finds the programs and asks the server for its version.
    pub fn open(access: &Access, deadline: Instant) -> Result<Self, Error> {
        let folder = access.programs.as_deref();
        let mut reach = Vec::new();
        let mut add = |name: &'static str, value: Option<String>| {
            reach.extend(value.map(|value| (name, value)));
        };
        let socket = access
            .socket
            .as_ref()
            .map(|path| path.display().to_string());
        add("host", access.host.clone().or(socket));
        add("port", access.port.map(|port| port.to_string()));
        let mut login = access.user.clone();
        if let Some(file) = &access.credentials {
            let secret = Secret::load(&file.to_string_lossy())?;
            login = login.or_else(|| pgpass_user(secret.expose()));
        }
        add("user", login);
        let root = rustix::process::geteuid().is_root();
        let peer = root && access.credentials.is_none() && access.host.is_none();
        let psql = find(&["psql"], folder)?;
        let said = ask_lines(&Program::new(&psql, ["--version"]), deadline)?;
        let mut postgres = Postgres {
            dump: find(&["pg_dump"], folder)?,
            dump_all: find(&["pg_dumpall"], folder)?,
            psql,
            version: said.first().map(|line| version(line)).unwrap_or_default(),
            reach,
            passwords: access.credentials.clone(),
            user: if peer { Some(account(OWNER)?) } else { None },
            server: String::new(),
        };
        postgres.server = postgres
            .query(MAINTENANCE, "SHOW server_version", deadline)?
            .into_iter()
            .next()
            .unwrap_or_default();
        Ok(postgres)
    }

    /// A program that talks to this database.
    fn program(&self, path: &Path, database: &str) -> Program {
        // Never the bare name: one with an equals sign in it would be taken for settings.
        let mut settings: Vec<String> = self
            .reach
            .iter()
            .map(|(name, value)| format!("{name}={}", setting(value)))
            .collect();
        settings.push(format!("dbname={}", setting(database)));
        let mut program =
            Program::new(path, [format!("--dbname={}", settings.join(" "))]).arg("--no-password");
        if let Some(passwords) = &self.passwords {
            program = program.env("PGPASSFILE", passwords);
        }
        match self.user {
            // A folder that this user may not enter ends some of these programs.
            Some((uid, gid)) => program.user(uid, gid).folder("/").env("HOME", "/"),
            None => program,
        }
    }

    fn psql(&self, database: &str) -> Program {
        [
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set=ON_ERROR_STOP=1",
        ]
        .into_iter()
        .fold(self.program(&self.psql, database), Program::arg)
    }

    /// The lines that a statement gives.
    fn query(&self, database: &str, sql: &str, deadline: Instant) -> Result<Vec<String>, Error> {
        ask_lines(
            &self.psql(database).arg(format!("--command={sql}")),
            deadline,
        )
    }

    fn has_database(&self, database: &str, deadline: Instant) -> Result<bool, Error> {
        let sql = format!(
            "SELECT 1 FROM pg_database WHERE datname = {}",
            decoded(database)
        );
        Ok(!self.query(MAINTENANCE, &sql, deadline)?.is_empty())
    }

    /// Schema and name of each table.
    fn tables(&self, database: &str, deadline: Instant) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT encode(convert_to(n.nspname, 'UTF8'), 'hex') || ' ' || encode(convert_to(c.relname, 'UTF8'), 'hex') \
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' \
            ORDER BY 1";
        let lines = self.query(database, sql, deadline)?;
        Ok(lines
            .iter()
            .filter_map(|line| {
                let (schema, table) = line.split_once(' ')?;
                Some((unhex(schema), unhex(table)))
            })
            .collect())
    }

    /// The arguments that leave out what was not asked for.
    fn left_out(
        &self,
        database: &str,
        choice: &Choice,
        deadline: Instant,
    ) -> Result<Vec<String>, Error> {
        let mut options = Vec::new();
        for (schema, table) in self.tables(database, deadline)? {
            let matches =
                |by: &dyn Fn(&str, &str) -> bool| by(&schema, &table) || by(database, &table);
            let name = format!("{}.{}", pattern(&schema), pattern(&table));
            if matches(&|within, table| choice.excludes(within, table)) {
                options.push(format!("--exclude-table={name}"));
            } else if matches(&|within, table| choice.has_no_rows(within, table)) {
                options.push(format!("--exclude-table-data={name}"));
            }
        }
        Ok(options)
    }
}

impl Server for Postgres {
    fn list(&self, deadline: Instant) -> Result<BTreeSet<String>, Error> {
        let sql = "SELECT encode(convert_to(datname, 'UTF8'), 'hex') FROM pg_database \
            WHERE datallowconn AND NOT datistemplate";
        let names = self.query(MAINTENANCE, sql, deadline)?;
        Ok(names.iter().map(|name| unhex(name)).collect())
    }

    fn dump(
        &self,
        what: &What,
        choice: &Choice,
        out: &mut dyn Write,
        watch: &Watch<'_>,
    ) -> Result<Summary, Error> {
        let started = Instant::now();
        let mut scanner = Scanner::new(Dialect::Postgres);
        let program = match what {
            What::Accounts => self
                .program(&self.dump_all, MAINTENANCE)
                .arg("--globals-only"),
            What::Database(database) => {
                if !self.has_database(database, watch.deadline)? {
                    return Err(Error::NoDatabase(database.clone()));
                }
                // With what makes the database itself: its encoding, owner, settings and grants.
                let options = self.left_out(database, choice, watch.deadline)?;
                options
                    .iter()
                    .fold(self.program(&self.dump, database), Program::arg)
                    .arg("--format=plain")
                    .arg("--create")
            }
        };
        let bytes = client::pass(&program, &mut scanner, out, watch)?;
        if !scanner.found().complete {
            return Err(Error::Incomplete);
        }
        Ok(Summary {
            engine: "postgres",
            version: self.server.clone(),
            bytes,
            took: started.elapsed(),
            tables: scanner.into_found().tables,
            warnings: Vec::new(),
        })
    }

    fn restore(
        &self,
        order: &Order,
        from: &mut dyn Read,
        watch: &Watch<'_>,
    ) -> Result<Restored, Error> {
        restore::restore(self, order, from, watch)
    }
}

/// From `psql (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`.
fn version(line: &str) -> (u32, u32) {
    let number = line
        .split_whitespace()
        .find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
        .unwrap_or_default();
    let digits = |word: &str| {
        let end = word.find(|letter: char| !letter.is_ascii_digit());
        word[..end.unwrap_or(word.len())].parse().unwrap_or(0)
    };
    let mut parts = number.split('.');
    (
        parts.next().map(digits).unwrap_or_default(),
        parts.next().map(digits).unwrap_or_default(),
    )
}

/// The user in the first line of a password file, when it names one.
fn pgpass_user(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| !line.starts_with('#') && !line.trim().is_empty())?;
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, fields.last_mut()) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) => field.extend(letters.next()),
            (_, Some(field)) => field.push(letter),
            (_, None) => {}
        }
    }
    let user = fields.into_iter().nth(3)?;
    (user != "*" && !user.is_empty()).then_some(user)
}

/// A user's ids; programs here are static and ask no other source than the file.
fn account(name: &str) -> Result<(u32, u32), Error> {
    let users = ce_cli::read_bounded(Path::new("/etc/passwd"), 4 << 20)?;
    let ids = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let mut ids = fields.skip(1).map(|field| field.parse().ok());
        Some((ids.next()??, ids.next()??))
    });
    ids.ok_or_else(|| {
        Error::refused(
            format!("there is no user '{name}' to be for the server"),
            "give --credentials-file with a password file, and --host",
        )
    })
}

/// A value in libpq's connection string.
fn setting(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A text that SQL makes of digits, whatever is in it.
fn decoded(text: &str) -> String {
    format!("convert_from(decode('{}', 'hex'), 'UTF8')", hex(text))
}

/// A name between double quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name as a pattern of pg_dump's that matches nothing else.
fn pattern(name: &str) -> String {
    quoted(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_users_are_read() {
        assert_eq!(
            version("psql (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"),
            (15, 20)
        );
        assert_eq!(version("psql (PostgreSQL) 19devel"), (19, 0));
        assert_eq!(
            pgpass_user("# x\n*:*:*:ann\\:a:secret\n").as_deref(),
            Some("ann:a")
        );
        assert_eq!(pgpass_user("*:*:*:*:secret\n"), None);
        assert_eq!(pgpass_user("nonsense"), None);
    }

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(setting("it's a \\ = b"), "'it\\'s a \\\\ = b'");
        assert_eq!(
            decoded("a'b"),
            "convert_from(decode('612762', 'hex'), 'UTF8')"
        );
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
