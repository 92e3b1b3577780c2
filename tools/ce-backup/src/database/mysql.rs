//! MariaDB and MySQL, by mariadb-dump or mysqldump and their client.
//!
//! One transaction for each database, unless it has tables that know none: these are locked while it is dumped.

mod restore;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use ce_cli::{Program, Secret};

use super::client::{self, Handed, ask, ask_lines, find, hex, unhex};
use super::scan::{Dialect, Scanner};
use super::{Access, Choice, Error, Order, Restored, Server, Summary, Watch, What};

/// A server with the programs to reach it.
#[derive(Debug)]
pub(crate) struct Mysql {
    dump: PathBuf,
    client: PathBuf,
    /// Of the programs.
    version: Version,
    reach: Vec<String>,
    handed: Option<Handed>,
    server: String,
}

/// Which programs, and how new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    mariadb: bool,
    number: (u32, u32, u32),
}

/// A table, or what looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    name: String,
    is_view: bool,
    /// It changes under a transaction that reads it.
    unsafe_engine: Option<String>,
    has_history: bool,
}

/// The databases that every server has for itself.
const OWN: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// For both flavours. Rows in the order of their key, and no date, so that two nights' dumps differ where rows do.
const OPTIONS: [&str; 11] = [
    "--quick",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--default-character-set=utf8mb4",
    "--tz-utc",
    "--skip-dump-date",
    "--order-by-primary",
    "--no-tablespaces",
    // A row that is longer than the default of 24 MiB ends the dump.
    "--max-allowed-packet=1G",
];

impl Mysql {
    /// Finds the programs and asks the server for its version.
    pub fn open(access: &Access, deadline: Instant) -> Result<Self, Error> {
        let folder = access.programs.as_deref();
        let dump = find(&["mariadb-dump", "mysqldump"], folder)?;
        let client = find(&["mariadb", "mysql"], folder)?;
        let said = ask(&Program::new(&dump, ["--version"]), deadline)?;
        let version = Version::parse(&String::from_utf8_lossy(&said));
        let handed = match &access.credentials {
            Some(file) => Some(Handed::new(
                Secret::load(&file.to_string_lossy())?.expose(),
            )?),
            None => None,
        };
        let mut reach = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            reach.extend(value.map(|value| format!("--{name}={value}")));
        };
        add(
            "socket",
            access
                .socket
                .as_ref()
                .map(|path| path.display().to_string()),
        );
        add("host", access.host.clone());
        add("port", access.port.map(|port| port.to_string()));
        add("user", access.user.clone());
        if access.host.is_some() {
            reach.push("--protocol=tcp".to_owned());
        }
        let mut mysql = Mysql {
            dump,
            client,
            version,
            reach,
            handed,
            server: String::new(),
        };
        mysql.server = mysql
            .query("SELECT VERSION()", deadline)?
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_default();
        Ok(mysql)
    }

    fn program(&self, path: &std::path::Path) -> Program {
        // Option files must be named first; the user's own is read after them and would win.
        let first = self
            .handed
            .as_ref()
            .map(|handed| format!("--defaults-extra-file={}", handed.path()));
        let program = Program::new(path, first.iter().chain(&self.reach));
        if first.is_some() {
            program.env("HOME", "/nonexistent")
        } else {
            program
        }
    }

    /// The rows that a statement gives, in fields.
    fn query(&self, sql: &str, deadline: Instant) -> Result<Vec<Vec<String>>, Error> {
        let program = self
            .program(&self.client)
            .arg("--batch")
            .arg("--skip-column-names")
            .arg("--default-character-set=utf8mb4")
            .arg(format!("--execute={sql}"));
        let lines = ask_lines(&program, deadline)?;
        let fields = |line: String| line.split('\t').map(str::to_owned).collect();
        Ok(lines.into_iter().map(fields).collect())
    }

    fn is_mariadb(&self) -> bool {
        self.server.contains("MariaDB")
    }

    /// What a database has, by the server's own tables.
    fn tables(&self, database: &str, deadline: Instant) -> Result<Vec<Table>, Error> {
        let sql = format!(
            "SELECT HEX(t.TABLE_NAME), t.TABLE_TYPE, IFNULL(t.ENGINE, ''), IFNULL(e.TRANSACTIONS, '') \
             FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
             WHERE t.TABLE_SCHEMA = 0x{} ORDER BY 1",
            hex(database)
        );
        let rows = self.query(&sql, deadline)?;
        Ok(rows.iter().filter_map(|row| Table::from_row(row)).collect())
    }

    fn has_database(&self, database: &str, deadline: Instant) -> Result<bool, Error> {
        let sql = format!(
            "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 0x{}",
            hex(database)
        );
        Ok(!self.query(&sql, deadline)?.is_empty())
    }

    /// The arguments of each pass over a database, and what to warn of.
    fn plan(
        &self,
        database: &str,
        tables: &[Table],
        choice: &Choice,
    ) -> (Vec<Vec<String>>, Vec<String>) {
        let mut warnings = Vec::new();
        let mut options: Vec<String> = OPTIONS.map(str::to_owned).to_vec();
        if !self.version.mariadb {
            options.push("--set-gtid-purged=OFF".to_owned());
            if self.version.number.0 >= 8 {
                options.push("--column-statistics=0".to_owned());
            }
        }
        let excluded = |table: &Table| choice.excludes(database, &table.name);
        let empty = |table: &Table| {
            !table.is_view && !excluded(table) && choice.has_no_rows(database, &table.name)
        };
        let read = || {
            tables
                .iter()
                .filter(|table| !excluded(table) && !empty(table))
        };
        let named = |option: &str, table: &Table| format!("--{option}={database}.{}", table.name);
        let unsafe_tables: Vec<String> = read()
            .filter_map(|table| {
                let engine = table.unsafe_engine.as_ref()?;
                Some(format!("'{}' ({engine})", table.name))
            })
            .collect();
        let lock = !unsafe_tables.is_empty() && !choice.no_lock;
        if !unsafe_tables.is_empty() && choice.no_lock {
            warnings.push(format!(
                "may have changed while they were dumped, for they know no transactions: {}",
                some_of(&unsafe_tables)
            ));
        }
        if lock {
            options.push("--lock-tables".to_owned());
        } else {
            options.push("--single-transaction".to_owned());
            options.push("--skip-lock-tables".to_owned());
        }
        if read().any(|table| table.has_history) {
            if self.version.mariadb && self.version.number >= (10, 11, 0) {
                options.push("--dump-history".to_owned());
            } else {
                warnings.push("the history of system-versioned tables is not dumped".to_owned());
            }
        }
        let mut passes = Vec::new();
        if self.version.mariadb {
            options.extend(
                tables
                    .iter()
                    .filter(|table| excluded(table))
                    .map(|table| named("ignore-table", table)),
            );
            options.extend(
                tables
                    .iter()
                    .filter(|table| empty(table))
                    .map(|table| named("ignore-table-data", table)),
            );
        } else {
            if tables.iter().any(empty) {
                // First, for views may need them.
                let mut structure = options.clone();
                structure
                    .extend(["--no-data", "--skip-routines", "--skip-events"].map(str::to_owned));
                structure.extend(
                    tables
                        .iter()
                        .filter(|table| !empty(table))
                        .map(|table| named("ignore-table", table)),
                );
                passes.push(structure);
            }
            let left_out = tables
                .iter()
                .filter(|table| excluded(table) || empty(table));
            options.extend(left_out.map(|table| named("ignore-table", table)));
        }
        passes.push(options);
        for pass in &mut passes {
            // Its name is the last argument, whatever it begins with.
            pass.extend([
                "--databases".to_owned(),
                "--".to_owned(),
                database.to_owned(),
            ]);
        }
        (passes, warnings)
    }

    /// Accounts and their grants, where the dumping program does not know how.
    fn accounts(&self, out: &mut dyn Write, watch: &Watch<'_>) -> Result<u64, Error> {
        let accounts = self.query(
            "SELECT HEX(CONCAT(QUOTE(User), '@', QUOTE(Host))) FROM mysql.user ORDER BY 1",
            watch.deadline,
        )?;
        let mut bytes = 0;
        let mut write = |text: &str| {
            bytes += text.len() as u64;
            out.write_all(text.as_bytes()).map_err(Error::Write)
        };
        for account in accounts.iter().flatten() {
            let account = unhex(account);
            for what in ["SHOW CREATE USER", "SHOW GRANTS FOR"] {
                // Hashes may hold any byte; only newer servers know the variable.
                let sql =
                    format!("/*!80017 SET print_identified_with_as_hex = ON */; {what} {account}");
                for row in self.query(&sql, watch.deadline)? {
                    write(&format!("{};\n", row.join("\t")))?;
                }
            }
        }
        write("FLUSH PRIVILEGES;\n-- Dump completed\n")?;
        Ok(bytes)
    }
}

impl Server for Mysql {
    fn list(&self, deadline: Instant) -> Result<BTreeSet<String>, Error> {
        let rows = self.query(
            "SELECT HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA",
            deadline,
        )?;
        let names = rows.iter().flatten().map(|name| unhex(name));
        Ok(names
            .filter(|name| !OWN.contains(&name.to_ascii_lowercase().as_str()))
            .collect())
    }

    fn dump(
        &self,
        what: &What,
        choice: &Choice,
        out: &mut dyn Write,
        watch: &Watch<'_>,
    ) -> Result<Summary, Error> {
        let started = Instant::now();
        let mut scanner = Scanner::new(Dialect::Mysql);
        let mut summary = Summary {
            engine: if self.is_mariadb() {
                "mariadb"
            } else {
                "mysql"
            },
            version: self.server.clone(),
            ..Summary::default()
        };
        match what {
            What::Accounts if self.version.mariadb => {
                let program = ["--system=users", "--skip-dump-date"]
                    .into_iter()
                    .fold(self.program(&self.dump), Program::arg);
                summary.bytes = client::pass(&program, &mut scanner, out, watch)?;
            }
            What::Accounts => {
                summary.bytes = self.accounts(out, watch)?;
                client::scan(&mut scanner, b"-- Dump completed\n")?;
            }
            What::Database(database) => {
                if !self.has_database(database, watch.deadline)? {
                    return Err(Error::NoDatabase(database.clone()));
                }
                let tables = self.tables(database, watch.deadline)?;
                let (passes, warnings) = self.plan(database, &tables, choice);
                summary.warnings = warnings;
                for pass in passes {
                    let program = pass.iter().fold(self.program(&self.dump), Program::arg);
                    summary.bytes += client::pass(&program, &mut scanner, out, watch)?;
                    if !scanner.found().complete {
                        return Err(Error::Incomplete);
                    }
                }
            }
        }
        if !scanner.found().complete {
            return Err(Error::Incomplete);
        }
        summary.tables = scanner.into_found().tables;
        summary.took = started.elapsed();
        Ok(summary)
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

impl Version {
    /// From `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for ...`, `mariadb-dump from 11.8.2-MariaDB, ...` or
    /// `mysqldump  Ver 8.0.36 for Linux on x86_64`.
    fn parse(said: &str) -> Self {
        let mariadb = said.contains("MariaDB");
        let words = said
            .split([' ', ',', '-', '\t'])
            .filter(|word| word.contains('.'));
        let mut numbers = words.filter_map(|word| {
            let mut parts = word.split('.').map(|part| part.parse().ok());
            Some((
                parts.next()??,
                parts.next()??,
                parts.next().flatten().unwrap_or(0),
            ))
        });
        let number = if said.contains("Distrib") {
            numbers.nth(1)
        } else {
            numbers.next()
        };
        Version {
            mariadb,
            number: number.unwrap_or((0, 0, 0)),
        }
    }
}

impl Table {
    fn from_row(row: &[String]) -> Option<Self> {
        let [name, kind, engine, transactions] = row else {
            return None;
        };
        let is_view = kind.contains("VIEW");
        let is_unsafe = !is_view && !engine.is_empty() && transactions != "YES";
        Some(Table {
            name: unhex(name),
            is_view,
            unsafe_engine: is_unsafe.then(|| engine.clone()),
            has_history: kind == "SYSTEM VERSIONED",
        })
    }
}

/// The first of these, and how many more there are.
fn some_of(names: &[String]) -> String {
    const NAMED: usize = 5;
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    match more {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// A name between backticks.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(said: &str) -> Mysql {
        Mysql {
            dump: PathBuf::from("/usr/bin/mariadb-dump"),
            client: PathBuf::from("/usr/bin/mariadb"),
            version: Version::parse(said),
            reach: Vec::new(),
            handed: None,
            server: "10.11.19-MariaDB".to_owned(),
        }
    }

    const MARIADB: &str =
        "mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)";
    const MYSQL: &str = "mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)";

    fn table(name: &str, kind: &str, engine: &str, transactions: &str) -> Table {
        Table::from_row(&[
            hex(name),
            kind.to_owned(),
            engine.to_owned(),
            transactions.to_owned(),
        ])
        .unwrap()
    }

    #[test]
    fn programs_tell_their_flavour_and_version() {
        for (said, mariadb, number) in [
            (MARIADB, true, (10, 11, 19)),
            (
                "mariadb-dump from 11.8.2-MariaDB, client 10.19 for debian",
                true,
                (11, 8, 2),
            ),
            (MYSQL, false, (8, 0, 36)),
            (
                "mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)",
                false,
                (5, 7, 44),
            ),
            ("", false, (0, 0, 0)),
        ] {
            assert_eq!(Version::parse(said), Version { mariadb, number }, "{said}");
        }
    }

    #[test]
    fn tables_without_transactions_are_locked_or_named() {
        let tables = [
            table("a", "BASE TABLE", "InnoDB", "YES"),
            table("b", "BASE TABLE", "Aria", "NO"),
            table("v", "VIEW", "", ""),
        ];
        let has = |passes: &[Vec<String>], option: &str| passes[0].iter().any(|one| one == option);
        let lock = Choice::default();
        let (passes, warnings) = server(MARIADB).plan("shop", &tables, &lock);
        assert!(has(&passes, "--lock-tables") && !has(&passes, "--single-transaction"));
        assert!(warnings.is_empty());
        let no_lock = Choice::new(&[], &[], None, true).unwrap();
        let (passes, warnings) = server(MARIADB).plan("shop", &tables, &no_lock);
        assert!(has(&passes, "--single-transaction") && has(&passes, "--skip-lock-tables"));
        assert!(
            warnings[0].ends_with("no transactions: 'b' (Aria)"),
            "{warnings:?}"
        );
        for without in [
            Choice::new(&["b".to_owned()], &[], None, false).unwrap(),
            Choice::new(&[], &["b".to_owned()], None, false).unwrap(),
        ] {
            let (passes, warnings) = server(MARIADB).plan("shop", &tables, &without);
            assert!(has(&passes, "--single-transaction") && warnings.is_empty());
        }
    }

    #[test]
    fn mysql_gets_structures_in_a_pass_of_their_own() {
        let tables = [
            table("cache_page", "BASE TABLE", "InnoDB", "YES"),
            table("node", "BASE TABLE", "InnoDB", "YES"),
        ];
        let drupal =
            Choice::new(&[], &[], Some(super::super::preset::Preset::Drupal), false).unwrap();
        let (passes, _) = server(MYSQL).plan("shop", &tables, &drupal);
        let has = |pass: &[String], option: &str| pass.iter().any(|one| one == option);
        assert_eq!(passes.len(), 2);
        assert!(has(&passes[0], "--no-data") && has(&passes[0], "--ignore-table=shop.node"));
        assert!(
            has(&passes[1], "--ignore-table=shop.cache_page")
                && has(&passes[1], "--column-statistics=0")
        );
        let (passes, _) = server(MARIADB).plan("-shop", &tables, &drupal);
        assert_eq!(passes.len(), 1);
        assert!(has(&passes[0], "--ignore-table-data=-shop.cache_page"));
        assert_eq!(passes[0][passes[0].len() - 2..], ["--", "-shop"]);
    }
}
