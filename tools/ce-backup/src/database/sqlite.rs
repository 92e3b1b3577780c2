//! SQLite: a copy of the file as it is at one moment, while others write to it.
//!
//! The copy is made page by page within one read transaction, so that pages that nobody changed are the same bytes
//! every night; VACUUM INTO would build the file anew and move them. Rows are counted in the copy, which is checked.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use ce_cli::{Flow, Program};

use super::client::{self, STEP, ask_lines, find, hex, unhex};
use super::scan::{Dialect, Scanner};
use super::tables::Tables;
use super::{Access, Choice, Error, Order, Restored, Server, Summary, Watch, What};

/// What every file begins with (sqlite.org/fileformat.html, 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";
/// How long another's lock is waited for, in milliseconds.
const BUSY_MS: u32 = 60_000;

/// The library, by its shell.
#[derive(Debug)]
pub(crate) struct Sqlite {
    shell: PathBuf,
    version: String,
}

/// A file of our own beside another; gone with this value, with what SQLite put beside it.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(path: &Path) -> Self {
        let id = ce_cli::new_id(jiff::Timestamp::now());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let short: String = name.chars().take(32).collect();
        Scratch(path.with_file_name(format!(".{short}.{id}.tmp")))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.0.clone().into_os_string();
            name.push(ending);
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Sqlite {
    pub fn open(access: &Access, deadline: Instant) -> Result<Self, Error> {
        let shell = find(&["sqlite3"], access.programs.as_deref())?;
        let said = ask_lines(&Program::new(&shell, ["--version"]), deadline)?;
        let version = said
            .first()
            .and_then(|line| line.split_whitespace().next())
            .unwrap_or_default()
            .to_owned();
        Ok(Sqlite { shell, version })
    }

    fn program(&self, file: &Path, options: &[&str]) -> Program {
        // Nobody's ~/.sqliterc is read.
        ["-batch", "-bail", "-init", "/dev/null"]
            .iter()
            .chain(options)
            .fold(Program::new(&self.shell, [""; 0]), |program, option| {
                program.arg(option)
            })
            .arg(absolute(file))
            .env("HOME", "/nonexistent")
    }

    /// Runs lines of the shell's, and gives what they answer.
    fn run(
        &self,
        file: &Path,
        options: &[&str],
        script: &str,
        deadline: Instant,
    ) -> Result<Vec<String>, Error> {
        let program = self.program(file, options);
        let mut running = client::start(&program, Flow::In, deadline)?;
        let text = format!(".timeout {BUSY_MS}\n{script}\n");
        let written = running.write_all(text.as_bytes()).map_err(Error::Write);
        let finished = client::fed(written, running, &program)?;
        let said = String::from_utf8_lossy(&finished.stdout);
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// Makes a copy as of one moment.
    fn copy(&self, from: &Path, to: &Path, deadline: Instant) -> Result<(), Error> {
        // The transaction holds the moment: without it the copy begins again whenever somebody writes.
        let script = format!(
            "BEGIN;\nSELECT count(*) FROM sqlite_schema;\n.backup main {}\nCOMMIT;",
            shell_word(&absolute(to))?
        );
        self.run(from, &[], &script, deadline).map(drop)
    }

    /// Looks whether it is sound.
    fn check(&self, file: &Path, deadline: Instant) -> Result<(), Error> {
        let said = self.run(file, &[], "PRAGMA quick_check(5);", deadline)?;
        if said == ["ok"] {
            Ok(())
        } else {
            Err(Error::Different(format!(
                "the database is damaged: {}",
                said.join(", ")
            )))
        }
    }

    /// Counts and digests the rows.
    fn rows(&self, file: &Path, watch: &Watch<'_>) -> Result<Tables, Error> {
        let mut scanner = Scanner::new(Dialect::Sqlite);
        let program = self.program(file, &["-readonly"]).arg(".dump");
        let passed = std::sync::atomic::AtomicU64::new(0);
        let quiet = Watch {
            deadline: watch.deadline,
            bytes: &passed,
        };
        client::pass(&program, &mut scanner, &mut std::io::sink(), &quiet)?;
        Ok(scanner.into_found().tables)
    }

    fn tables(&self, file: &Path, deadline: Instant) -> Result<BTreeSet<String>, Error> {
        let sql = "SELECT hex(name) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\';";
        let names = self.run(file, &["-readonly"], sql, deadline)?;
        Ok(names.iter().map(|name| unhex(name)).collect())
    }

    /// Removes what was not asked for from the copy; what was there becomes zeros.
    fn leave_out(&self, copy: &Path, choice: &Choice, deadline: Instant) -> Result<(), Error> {
        let mut sql = String::new();
        for table in self.tables(copy, deadline)? {
            if choice.excludes("main", &table) {
                sql.push_str(&format!("DROP TABLE {};\n", quoted(&table)));
            } else if choice.has_no_rows("main", &table) {
                sql.push_str(&format!("DELETE FROM {};\n", quoted(&table)));
            }
        }
        if sql.is_empty() {
            return Ok(());
        }
        let script = format!("PRAGMA secure_delete = ON;\nPRAGMA journal_mode = DELETE;\n{sql}");
        self.run(copy, &[], &script, deadline).map(drop)
    }

    /// The statements that put one table of a copy into a file.
    fn table_script(&self, copy: &Path, table: &str, deadline: Instant) -> Result<String, Error> {
        let name = hex(table);
        let columns = self.run(
            copy,
            &["-readonly"],
            // Generated columns are made again.
            &format!("SELECT hex(name) FROM pragma_table_xinfo(CAST(x'{name}' AS TEXT)) WHERE hidden = 0;"),
            deadline,
        )?;
        let columns: Vec<String> = columns
            .iter()
            .map(|column| quoted(&unhex(column)))
            .collect();
        let columns = columns.join(", ");
        let made = self.run(
            copy,
            &["-readonly"],
            &format!(
                "SELECT hex(sql) FROM sqlite_schema WHERE tbl_name = CAST(x'{name}' AS TEXT) AND sql IS NOT NULL \
                 ORDER BY type <> 'table', rowid;"
            ),
            deadline,
        )?;
        let mut made = made.iter().map(|sql| unhex(sql));
        let table_sql = made.next().unwrap_or_default();
        let rest: Vec<String> = made.map(|sql| format!("{sql};\n")).collect();
        let quoted = quoted(table);
        Ok(format!(
            "PRAGMA foreign_keys = OFF;\nATTACH CAST(x'{}' AS TEXT) AS dump;\nBEGIN IMMEDIATE;\n\
             DROP TABLE IF EXISTS main.{quoted};\n{table_sql};\n\
             INSERT INTO main.{quoted} ({columns}) SELECT {columns} FROM dump.{quoted};\n{}COMMIT;",
            hex(&absolute(copy)),
            rest.concat()
        ))
    }
}

impl Server for Sqlite {
    fn list(&self, _: Instant) -> Result<BTreeSet<String>, Error> {
        Err(Error::refused(
            "SQLite has no list of its databases",
            "name each file with --database",
        ))
    }

    fn dump(
        &self,
        what: &What,
        choice: &Choice,
        out: &mut dyn Write,
        watch: &Watch<'_>,
    ) -> Result<Summary, Error> {
        let started = Instant::now();
        let What::Database(name) = what else {
            return Err(Error::refused(
                "SQLite has no accounts",
                "name a file with --database",
            ));
        };
        let path = Path::new(name);
        if !path.is_file() {
            return Err(Error::NoDatabase(name.clone()));
        }
        let folder = std::env::temp_dir();
        // The copy is as large as the database: beside it is room for it, or nowhere.
        let near = Scratch::beside(path);
        let far = Scratch(folder.join(near.0.file_name().unwrap_or_default()));
        let copy = if File::create_new(&near.0).is_ok() {
            &near
        } else {
            &far
        };
        restrict(&copy.0)?;
        self.copy(path, &copy.0, watch.deadline)?;
        self.leave_out(&copy.0, choice, watch.deadline)?;
        self.check(&copy.0, watch.deadline)?;
        let tables = self.rows(&copy.0, watch)?;
        let mut file = File::open(&copy.0).map_err(Error::Read)?;
        let mut bytes = 0;
        let mut buffer = vec![0; STEP];
        loop {
            let count = file.read(&mut buffer).map_err(Error::Read)?;
            if count == 0 {
                break;
            }
            if crate::progress::STOP.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            if bytes == 0 && !buffer.starts_with(MAGIC) {
                return Err(Error::Incomplete);
            }
            out.write_all(&buffer[..count]).map_err(Error::Write)?;
            bytes += count as u64;
            watch.bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(Summary {
            engine: "sqlite",
            version: self.version.clone(),
            bytes,
            took: started.elapsed(),
            tables,
            warnings: Vec::new(),
        })
    }

    fn restore(
        &self,
        order: &Order,
        from: &mut dyn Read,
        watch: &Watch<'_>,
    ) -> Result<Restored, Error> {
        let started = Instant::now();
        let into = Path::new(&order.into);
        let there = if into.exists() {
            self.tables(into, watch.deadline)?
        } else {
            BTreeSet::new()
        };
        let in_the_way = match &order.table {
            Some(table) => there.contains(table),
            None => !there.is_empty(),
        };
        if in_the_way && !order.force {
            let what = match &order.table {
                Some(table) => format!("'{}' has a table '{table}'", order.into),
                None => format!("'{}' has {} tables", order.into, there.len()),
            };
            return Err(Error::refused(
                what,
                "--into another file, or --force to replace it",
            ));
        }
        let copy = Scratch::beside(into);
        let mut file = File::create_new(&copy.0).map_err(Error::Write)?;
        restrict(&copy.0)?;
        let mut buffer = vec![0; STEP];
        let mut bytes = 0;
        loop {
            let count = from.read(&mut buffer).map_err(Error::Read)?;
            if count == 0 {
                break;
            }
            file.write_all(&buffer[..count]).map_err(Error::Write)?;
            bytes += count as u64;
            watch.bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        file.sync_all().map_err(Error::Write)?;
        drop(file);
        let mut first = [0; 16];
        let begins = File::open(&copy.0).and_then(|mut file| file.read_exact(&mut first));
        if begins.is_err() || first != MAGIC {
            return Err(Error::Refused(
                "the dump is no SQLite database".to_owned(),
                None,
            ));
        }
        self.check(&copy.0, watch.deadline)?;
        let held = self.rows(&copy.0, watch)?;
        let wanted = match &order.table {
            Some(table) if held.get(table).is_none() => {
                return Err(Error::Refused(
                    format!("the dump has no table '{table}'"),
                    None,
                ));
            }
            Some(table) => held.only(table),
            None => held,
        };
        match &order.table {
            Some(table) => {
                let script = self.table_script(&copy.0, table, watch.deadline)?;
                self.run(into, &[], &script, watch.deadline)?;
            }
            None if into.exists() => {
                // As another user of the file, so that programs that have it open see the change.
                let script = format!(".restore main {}", shell_word(&absolute(&copy.0))?);
                self.run(into, &[], &script, watch.deadline)?;
            }
            None => std::fs::rename(&copy.0, into).map_err(Error::Write)?,
        }
        let now = self.rows(into, watch)?;
        let now = match &order.table {
            Some(table) => now.only(table),
            None => now,
        };
        if let Some((table, _, _)) = wanted.differences(&now).first() {
            return Err(Error::Different(format!(
                "'{table}' is not as it is in the dump"
            )));
        }
        Ok(Restored {
            bytes,
            took: started.elapsed(),
            tables: wanted,
            warnings: Vec::new(),
        })
    }
}

/// For its owner alone, as long as nobody knows who else may read it.
fn restrict(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::os::unix::fs::PermissionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .and_then(|file| file.set_permissions(std::fs::Permissions::from_mode(0o600)))
        .map_err(Error::Write)
}

/// The path from the root, which no option looks like.
fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// An argument of one of the shell's own commands.
fn shell_word(text: &str) -> Result<String, Error> {
    if text.contains(['\'', '\n', '\r']) {
        return Err(Error::refused(
            format!("'{text}' has a quote or a line end in its name"),
            "give it another name",
        ));
    }
    Ok(format!("'{text}'"))
}

/// A name between double quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
