//! A database, or one of its tables, from a dump back into a server of MariaDB or MySQL.
//!
//! The dump passes through a filter: it goes into the database that was asked for and into no other, whatever it names
//! itself, and the client is kept from running anything but SQL.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

use ce_cli::Flow;

use super::super::client::{self, STEP, hex, unhex};
use super::super::scan::{Dialect, Found, Piece, Scanner, after_words, is_sandbox, name};
use super::super::tables::Tables;
use super::super::{Error, Order, Restored, Watch};
use super::{Mysql, quoted, some_of};

/// The releases since which the client knows the sandbox: all newer series do.
const SANDBOX_SINCE: [(u32, u32, u32); 6] = [
    (10, 5, 25),
    (10, 6, 18),
    (10, 11, 8),
    (11, 1, 5),
    (11, 2, 4),
    (11, 4, 2),
];

/// How many tables are counted by one statement.
const AT_ONCE: usize = 50;

pub(super) fn restore(
    server: &Mysql,
    order: &Order,
    from: &mut dyn Read,
    watch: &Watch<'_>,
) -> Result<Restored, Error> {
    let started = Instant::now();
    let before = refuse_if_there(server, order, watch.deadline)?;
    let mut program = server
        .program(&server.client)
        .arg("--batch")
        // Nothing in a dump is a command for the client but DELIMITER.
        .arg("--binary-mode")
        .arg("--default-character-set=utf8mb4")
        .arg("--max-allowed-packet=1G");
    if knows_sandbox(server.version.mariadb, server.version.number) {
        program = program.arg("--sandbox");
    }
    let mut running = client::start(&program, Flow::In, watch.deadline)?;
    let mut filter = Filter::new(order);
    let mut bytes = 0;
    let fed = feed(&mut filter, from, &mut running, watch, &mut bytes);
    let (found, fed) = match fed {
        Ok(found) => (Some(found), Ok(())),
        Err(error) => (None, Err(error)),
    };
    client::fed(fed, running, &program)?;
    let found = found.unwrap_or_default();
    filter.judge(order)?;
    let wanted = filter.wanted_tables(&found);
    let mut warnings = server.missing_definers(&found.definers, watch.deadline);
    if order.table.is_none() {
        let others: Vec<String> = before
            .into_iter()
            .filter(|table| wanted.get(table).is_none())
            .map(|table| format!("'{table}'"))
            .collect();
        if !others.is_empty() {
            warnings.push(format!(
                "were there before and are not in the dump: {}",
                some_of(&others)
            ));
        }
    }
    server.compare(order, &wanted, watch.deadline)?;
    if !found.complete {
        return Err(Error::Incomplete);
    }
    Ok(Restored {
        bytes,
        took: started.elapsed(),
        tables: wanted,
        warnings,
    })
}

/// The tables that are there, when it was said that they may be.
fn refuse_if_there(
    server: &Mysql,
    order: &Order,
    deadline: Instant,
) -> Result<BTreeSet<String>, Error> {
    let tables = server.tables(&order.into, deadline)?;
    let there: BTreeSet<String> = tables
        .iter()
        .filter(|table| !table.is_view)
        .map(|table| table.name.clone())
        .collect();
    if order.force {
        return Ok(there);
    }
    match &order.table {
        Some(table) if there.contains(table) => Err(Error::refused(
            format!("database '{}' has a table '{table}'", order.into),
            "--into another database, or --force to replace it",
        )),
        None if !tables.is_empty() => Err(Error::refused(
            format!("database '{}' has {} tables", order.into, tables.len()),
            "--into another database, or --force to load over them",
        )),
        _ => Ok(there),
    }
}

fn feed(
    filter: &mut Filter,
    from: &mut dyn Read,
    out: &mut dyn Write,
    watch: &Watch<'_>,
    bytes: &mut u64,
) -> Result<Found, Error> {
    let mut scanner = Scanner::new(Dialect::Mysql);
    let mut buffer = vec![0; STEP];
    loop {
        let count = from.read(&mut buffer).map_err(Error::Read)?;
        if count == 0 {
            break;
        }
        let mut give = |_: &Found, piece: Piece<'_>| filter.take(&piece, out);
        scanner.feed(&buffer[..count], &mut give)?;
        *bytes += count as u64;
        watch.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
    scanner.end(&mut |_: &Found, piece: Piece<'_>| filter.take(&piece, out))?;
    Ok(scanner.into_found())
}

fn knows_sandbox(mariadb: bool, number: (u32, u32, u32)) -> bool {
    let (major, minor, _) = number;
    let since = SANDBOX_SINCE
        .iter()
        .find(|since| (since.0, since.1) == (major, minor));
    mariadb
        && match since {
            Some(since) => number >= *since,
            None => (major, minor) > (11, 4),
        }
}

/// Passes on what belongs to the database, or table, that was asked for.
#[derive(Debug)]
struct Filter {
    database: String,
    into: String,
    table: Option<String>,
    /// The database whose statements these are, when the dump says so.
    current: Option<String>,
    /// The name in the last comment that begins a table's section.
    section: Section,
    chosen: bool,
    keep: bool,
    seen: BTreeSet<String>,
    /// Tables that were passed on.
    passed: BTreeSet<String>,
}

/// Whose statements these are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Section {
    /// Settings at the beginning.
    Start,
    Table(String),
    Other,
}

impl Filter {
    fn new(order: &Order) -> Self {
        Filter {
            database: order.database.clone(),
            into: order.into.clone(),
            table: order.table.clone(),
            current: None,
            section: Section::Start,
            chosen: false,
            keep: true,
            seen: BTreeSet::new(),
            passed: BTreeSet::new(),
        }
    }

    fn take(&mut self, piece: &Piece<'_>, out: &mut dyn Write) -> Result<(), Error> {
        let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(Error::Write);
        match piece {
            Piece::Line(line) => {
                if is_sandbox(line) {
                    return Ok(());
                }
                self.note_section(line);
                if self.is_wanted() {
                    write(line)
                } else if after_words(line, &["DELIMITER"]).is_some() {
                    // The end of what is left out must be found by the client's rules too.
                    write(line)
                } else {
                    Ok(())
                }
            }
            Piece::Head(head) => {
                self.keep = true;
                if let Some(named) = after_words(head, &["USE"]) {
                    self.current = name(named, Dialect::Mysql);
                    self.seen.extend(self.current.clone());
                    self.keep = self.is_wanted_database();
                    return match self.keep {
                        true => self.choose(out, None),
                        false => Ok(()),
                    };
                }
                if after_words(bare(head), &["DROP", "DATABASE"]).is_some() {
                    self.keep = false;
                    return Ok(());
                }
                if let Some(rest) = after_words(head, &["CREATE", "DATABASE"]) {
                    self.keep = false;
                    let named = memchr::memchr(b'`', rest).and_then(|at| rest.get(at..));
                    let created = named.and_then(|named| name(named, Dialect::Mysql));
                    return match (created, named) {
                        (Some(created), Some(named)) if created == self.database => {
                            let after = named.get(quoted(&created).len()..).unwrap_or_default();
                            self.choose(out, Some(after))
                        }
                        _ => Ok(()),
                    };
                }
                if after_words(head, &["ALTER", "DATABASE"]).is_some() {
                    self.keep = self.is_wanted();
                    let source = quoted(&self.database);
                    let text = String::from_utf8_lossy(head);
                    let text = text.replacen(&source, &quoted(&self.into), 1);
                    return if self.keep {
                        write(text.as_bytes())
                    } else {
                        Ok(())
                    };
                }
                self.keep = self.is_wanted();
                if !self.keep {
                    return Ok(());
                }
                if !self.chosen && !is_setting(head) {
                    self.choose(out, None)?;
                }
                if let Section::Table(table) = &self.section {
                    self.passed.insert(table.clone());
                }
                out.write_all(head).map_err(Error::Write)
            }
            Piece::Body(bytes) if self.keep => write(bytes),
            Piece::End if self.keep => write(b"\n"),
            Piece::Body(_) | Piece::End => Ok(()),
        }
    }

    /// Makes the database that it goes into, with what comes after its name in the dump, and goes there.
    fn choose(&mut self, out: &mut dyn Write, after: Option<&[u8]>) -> Result<(), Error> {
        if !self.chosen {
            self.chosen = true;
            let into = quoted(&self.into);
            let mut sql = format!("CREATE DATABASE IF NOT EXISTS {into}").into_bytes();
            sql.extend_from_slice(after.unwrap_or(b";"));
            sql.extend_from_slice(format!("\nUSE {into};\n").as_bytes());
            out.write_all(&sql).map_err(Error::Write)?;
        }
        Ok(())
    }

    fn note_section(&mut self, line: &[u8]) {
        if !line.starts_with(b"-- ") {
            return;
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        const TABLE: [&str; 3] = [
            "-- Table structure for table ",
            "-- Dumping data for table ",
            "-- Sequence structure for ",
        ];
        const OTHER: [&str; 5] = [
            "-- Temporary table structure for view ",
            "-- Temporary view structure for view ",
            "-- Final view structure for view ",
            "-- Dumping events for database ",
            "-- Dumping routines for database ",
        ];
        if let Some(named) = TABLE.iter().find_map(|words| text.strip_prefix(words)) {
            let table = name(named.as_bytes(), Dialect::Mysql);
            self.section = table.map_or(Section::Other, Section::Table);
        } else if OTHER.iter().any(|words| text.starts_with(words)) {
            self.section = Section::Other;
        }
    }

    fn is_wanted_database(&self) -> bool {
        self.current
            .as_ref()
            .is_none_or(|current| *current == self.database)
    }

    fn is_wanted(&self) -> bool {
        let table = match (&self.table, &self.section) {
            (None, _) | (_, Section::Start) => true,
            (Some(wanted), Section::Table(table)) => wanted == table,
            (Some(_), Section::Other) => false,
        };
        table && self.is_wanted_database()
    }

    /// Whether what was asked for was there.
    fn judge(&self, order: &Order) -> Result<(), Error> {
        if !self.seen.is_empty() && !self.seen.contains(&self.database) {
            let names: Vec<&str> = self.seen.iter().map(String::as_str).collect();
            return Err(Error::refused(
                format!("the dump has no database '{}'", self.database),
                format!("it has {}; --into says where it goes", names.join(", ")),
            ));
        }
        match &order.table {
            Some(table) if !self.passed.contains(table) => Err(Error::Refused(
                format!("the dump has no table '{table}'"),
                None,
            )),
            _ => Ok(()),
        }
    }

    /// The tables of the dump that were asked for.
    fn wanted_tables(&self, found: &Found) -> Tables {
        match &self.table {
            None => found.tables.clone(),
            Some(table) => found.tables.only(table),
        }
    }
}

/// Whether a statement only sets variables, so that no database need be chosen for it.
fn is_setting(head: &[u8]) -> bool {
    after_words(bare(head), &["SET"]).is_some()
}

/// A statement without the mark of a comment that servers run: `/*!40101 SET`, `/*M!101100 SET`.
fn bare(head: &[u8]) -> &[u8] {
    let Some(rest) = head.strip_prefix(b"/*") else {
        return head;
    };
    let rest = rest.strip_prefix(b"M").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b"!") else {
        return head;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &rest[digits..]
}

impl Mysql {
    /// Warns of definers that the server does not know: what they define cannot be run.
    fn missing_definers(&self, definers: &BTreeSet<String>, deadline: Instant) -> Vec<String> {
        if definers.is_empty() {
            return Vec::new();
        }
        let known = self.query(
            "SELECT HEX(CONCAT(User, '@', Host)) FROM mysql.user",
            deadline,
        );
        let Ok(known) = known else {
            return Vec::new();
        };
        let known: BTreeSet<String> = known.iter().flatten().map(|user| unhex(user)).collect();
        let missing: Vec<String> = definers
            .iter()
            .filter(|definer| !known.contains(*definer))
            .map(|definer| format!("'{definer}'"))
            .collect();
        if missing.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "views, triggers, routines or events run as accounts that do not exist: {}",
            some_of(&missing)
        )]
    }

    /// Counts what is there now.
    fn compare(&self, order: &Order, wanted: &Tables, deadline: Instant) -> Result<(), Error> {
        let history: BTreeSet<String> = self
            .tables(&order.into, deadline)?
            .into_iter()
            .filter(|table| table.has_history)
            .map(|table| table.name)
            .collect();
        let tables: Vec<(&str, u64)> = wanted
            .iter()
            .map(|(name, rows)| (name, rows.count))
            .collect();
        let mut wrong = Vec::new();
        for some in tables.chunks(AT_ONCE) {
            let counts: Vec<String> = some
                .iter()
                .map(|(table, _)| {
                    let past = if history.contains(*table) {
                        " FOR SYSTEM_TIME ALL"
                    } else {
                        ""
                    };
                    format!(
                        "SELECT '{}', COUNT(*) FROM {}.{}{past}",
                        hex(table),
                        quoted(&order.into),
                        quoted(table)
                    )
                })
                .collect();
            for row in self.query(&counts.join(" UNION ALL "), deadline)? {
                let [table, count] = row.as_slice() else {
                    continue;
                };
                let table = unhex(table);
                let expected = wanted.get(&table).map_or(0, |rows| rows.count);
                // Without its history a table has fewer rows than the dump brought, never more.
                if count.parse() != Ok(expected) {
                    wrong.push(format!("'{table}' has {count} rows, the dump {expected}"));
                }
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::Different(some_of(&wrong)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(
        dump: &str,
        database: &str,
        table: Option<&str>,
        into: &str,
    ) -> Result<String, Error> {
        let order = Order {
            database: database.to_owned(),
            table: table.map(str::to_owned),
            into: into.to_owned(),
            force: false,
        };
        let mut filter = Filter::new(&order);
        let mut out = Vec::new();
        let watch = Watch {
            deadline: Instant::now(),
            bytes: &Default::default(),
        };
        feed(&mut filter, &mut dump.as_bytes(), &mut out, &watch, &mut 0)?;
        filter.judge(&order)?;
        Ok(String::from_utf8(out).unwrap())
    }

    const DUMP: &str = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n/*!40101 SET NAMES utf8mb4 */;\n\
        CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */;\nUSE `shop`;\n\
        --\n-- Table structure for table `a`\n--\nCREATE TABLE `a` (x int);\n\
        -- Dumping data for table `a`\nINSERT INTO `a` VALUES (1);\n\
        -- Table structure for table `b`\nCREATE TABLE `b` (x int);\nDELIMITER ;;\nCREATE TRIGGER t;;\nDELIMITER ;\n\
        -- Dumping routines for database 'shop'\nCREATE PROCEDURE p;\n\
        ALTER DATABASE `shop` CHARACTER SET utf8;\n/*!40000 DROP DATABASE IF EXISTS `shop`*/;\n-- Dump completed\n";

    #[test]
    fn a_dump_goes_where_it_is_told_to() {
        let text = filtered(DUMP, "shop", None, "new`db").unwrap();
        assert!(
            !text.contains("`shop`") && !text.contains("999999"),
            "{text}"
        );
        assert!(text.contains(
            "CREATE DATABASE IF NOT EXISTS `new``db` /*!40100 DEFAULT CHARACTER SET latin1 */;\nUSE `new``db`;\n"
        ));
        assert!(
            text.contains("ALTER DATABASE `new``db` CHARACTER SET utf8;"),
            "{text}"
        );
        assert!(
            text.contains("CREATE PROCEDURE p;") && text.contains("INSERT INTO `a` VALUES (1);")
        );
    }

    #[test]
    fn one_table_comes_with_its_rows_and_without_others() {
        let text = filtered(DUMP, "shop", Some("a"), "shop").unwrap();
        assert!(
            text.contains("SET NAMES") && text.contains("INSERT INTO `a`"),
            "{text}"
        );
        assert!(
            !text.contains("`b`") && !text.contains("PROCEDURE") && !text.contains("TRIGGER"),
            "{text}"
        );
        let text = filtered(DUMP, "shop", Some("b"), "shop").unwrap();
        assert!(
            text.contains("CREATE TRIGGER t;;\n\nDELIMITER ;\n") && !text.contains("`a`"),
            "{text}"
        );
        let error = filtered(DUMP, "shop", Some("c"), "shop").unwrap_err();
        assert_eq!(error.to_string(), "the dump has no table 'c'");
    }

    #[test]
    fn of_several_databases_only_one_is_taken() {
        let dump =
            format!("{DUMP}CREATE DATABASE `other`;\nUSE `other`;\nCREATE TABLE `z` (x int);\n");
        let text = filtered(&dump, "shop", None, "shop").unwrap();
        assert!(!text.contains("`z`") && !text.contains("`other`"), "{text}");
        let text = filtered(&dump, "other", None, "other").unwrap();
        assert!(text.contains("`z`") && !text.contains("`a`"), "{text}");
        assert!(filtered(&dump, "third", None, "third").is_err());
        let bare = filtered("SET x=1;\nCREATE TABLE `z` (x int);\n", "any", None, "any").unwrap();
        assert!(
            bare.starts_with(
                "SET x=1;\n\nCREATE DATABASE IF NOT EXISTS `any`;\nUSE `any`;\nCREATE TABLE `z`"
            ),
            "{bare}"
        );
    }

    #[test]
    fn clients_know_the_sandbox_since_their_series_does() {
        for (number, knows) in [
            ((10, 11, 7), false),
            ((10, 11, 8), true),
            ((10, 4, 34), false),
            ((11, 0, 9), false),
            ((11, 4, 2), true),
            ((11, 8, 1), true),
            ((12, 0, 1), true),
        ] {
            assert_eq!(knows_sandbox(true, number), knows, "{number:?}");
        }
        assert!(!knows_sandbox(false, (12, 0, 1)));
    }
}
