//! A database, or one of its tables, from a plain dump back into a server of PostgreSQL.
//!
//! All of it in one transaction. Over a database that is there, the dump goes into a new one beside it, which takes its
//! place once the rows were counted. psql is restricted to SQL by a key of our own; the dump's keys are dropped.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

use ce_cli::{Flow, Program, Running};

use super::super::client::{self, STEP, hex, unhex};
use super::super::scan::{Dialect, Found, Piece, Scanner, after_words, name};
use super::super::tables::Tables;
use super::super::{Error, Order, Restored, Watch};
use super::{MAINTENANCE, Postgres, quoted};

/// The releases since which psql knows `\restrict`; 18 and later always did.
const RESTRICT_SINCE: [(u32, u32); 5] = [(13, 22), (14, 19), (15, 14), (16, 10), (17, 6)];
/// How many tables are counted by one statement.
const AT_ONCE: usize = 50;
/// What stands before the first table is not longer, in bytes.
const START_MAX: usize = 4 << 20;

pub(super) fn restore(
    server: &Postgres,
    order: &Order,
    from: &mut dyn Read,
    watch: &Watch<'_>,
) -> Result<Restored, Error> {
    let started = Instant::now();
    let there = server.has_database(&order.into, watch.deadline)?;
    let tables = if there {
        server.tables(&order.into, watch.deadline)?
    } else {
        Vec::new()
    };
    let table_there = order.table.as_ref().is_some_and(|wanted| {
        tables
            .iter()
            .any(|(schema, table)| is_named(wanted, schema, table))
    });
    let in_the_way = table_there || order.table.is_none() && !tables.is_empty();
    if in_the_way && !order.force {
        let what = match &order.table {
            Some(table) => format!("database '{}' has a table '{table}'", order.into),
            None => format!("database '{}' has {} tables", order.into, tables.len()),
        };
        return Err(Error::refused(
            what,
            "--into another database, or --force to replace it",
        ));
    }
    let replace = in_the_way && order.table.is_none();
    let mut load = Load {
        server,
        order,
        watch,
        work: if replace {
            format!("ce-restore {}", ce_cli::new_id(jiff::Timestamp::now()))
        } else {
            order.into.clone()
        },
        make: !there || replace,
        made: false,
        rows_only: table_there,
        stage: Stage::Start,
        start: Vec::new(),
        making: Vec::new(),
        section: Section::default(),
        held: None,
        source: None,
        table: None,
        sequences: BTreeSet::new(),
        seen: BTreeSet::new(),
        keep: true,
        running: None,
    };
    let mut bytes = 0;
    let loaded = load
        .feed(from, &mut bytes)
        .and_then(|found| load.finish(found));
    let wanted = match loaded {
        Ok(wanted) => wanted,
        Err(error) => {
            load.undo();
            return Err(error);
        }
    };
    if replace {
        load.take_place()?;
    }
    Ok(Restored {
        bytes,
        took: started.elapsed(),
        tables: wanted,
        warnings: Vec::new(),
    })
}

/// Whether somebody means this table, with or without its schema.
fn is_named(wanted: &str, schema: &str, table: &str) -> bool {
    wanted == table
        || wanted
            .strip_prefix(schema)
            .and_then(|rest| rest.strip_prefix('.'))
            == Some(table)
}

fn knows_restrict(version: (u32, u32)) -> bool {
    let since = RESTRICT_SINCE.iter().find(|since| since.0 == version.0);
    since.map_or(version.0 >= 18, |since| version >= *since)
}

/// Which part of the dump is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Settings, before anything is made.
    Start,
    /// What makes the database.
    Making,
    /// What is in it.
    Content,
}

/// What the comment before a group of statements says: `-- Name: t; Type: TABLE; Schema: public; Owner: ann`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Section {
    name: String,
    kind: String,
    schema: String,
}

impl Section {
    fn parse(line: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let text = text
            .strip_prefix("-- Name: ")
            .or_else(|| text.strip_prefix("-- Data for Name: "))?;
        let (text, _) = text.rsplit_once("; Owner: ")?;
        let (text, schema) = text.rsplit_once("; Schema: ")?;
        let (name, kind) = text.rsplit_once("; Type: ")?;
        Some(Section {
            name: name.to_owned(),
            kind: kind.to_owned(),
            schema: schema.to_owned(),
        })
    }
}

struct Load<'a> {
    server: &'a Postgres,
    order: &'a Order,
    watch: &'a Watch<'a>,
    /// The database that is loaded into.
    work: String,
    make: bool,
    made: bool,
    /// The table is there: its rows are replaced.
    rows_only: bool,
    stage: Stage,
    start: Vec<u8>,
    making: Vec<String>,
    section: Section,
    /// A sequence's statements, until it is known whose it is.
    held: Option<(String, Vec<u8>)>,
    /// The database's name as the dump writes it.
    source: Option<String>,
    /// The table's name as the dump writes it.
    table: Option<String>,
    sequences: BTreeSet<String>,
    /// Tables that have the name that was asked for.
    seen: BTreeSet<String>,
    keep: bool,
    running: Option<(Running, Program)>,
}

impl Load<'_> {
    fn feed(&mut self, from: &mut dyn Read, bytes: &mut u64) -> Result<Found, Error> {
        let mut scanner = Scanner::new(Dialect::Postgres);
        let mut buffer = vec![0; STEP];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Read(error)),
            };
            scanner.feed(&buffer[..count], &mut |_: &Found, piece: Piece<'_>| {
                self.take(&piece)
            })?;
            *bytes += count as u64;
            self.watch.bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        scanner.end(&mut |_: &Found, piece: Piece<'_>| self.take(&piece))?;
        Ok(scanner.into_found())
    }

    fn take(&mut self, piece: &Piece<'_>) -> Result<(), Error> {
        match piece {
            Piece::Line(line) if line.starts_with(b"\\") => self.command(line),
            Piece::Line(line) => self.comment(line),
            Piece::Head(head) => self.head(head),
            Piece::Body(bytes) if self.keep => self.write(bytes),
            Piece::End if self.keep => self.write(b"\n"),
            Piece::Body(_) | Piece::End => Ok(()),
        }
    }

    /// A command of psql's.
    fn command(&mut self, line: &[u8]) -> Result<(), Error> {
        let word = line
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        match word {
            b"\\restrict" | b"\\unrestrict" => Ok(()),
            // pg_dump writes it before it connects to a name that is no plain word.
            b"\\encoding" if self.section.kind.starts_with("DATABASE") => Ok(()),
            b"\\connect" if self.stage == Stage::Making => self.begin(),
            b"\\connect"
                if self.stage == Stage::Content && self.section.kind.starts_with("DATABASE") =>
            {
                Ok(())
            }
            _ => Err(Error::Refused(
                format!(
                    "the dump has a command for psql that no dump of one database has: {}",
                    String::from_utf8_lossy(line).trim_end()
                ),
                None,
            )),
        }
    }

    fn comment(&mut self, line: &[u8]) -> Result<(), Error> {
        let Some(section) = Section::parse(line) else {
            return Ok(());
        };
        if self.stage == Stage::Start {
            if section.kind == "DATABASE" {
                if section.name != self.order.database {
                    return Err(Error::refused(
                        format!("the dump has no database '{}'", self.order.database),
                        format!("it has '{}'; --into says where it goes", section.name),
                    ));
                }
                self.stage = Stage::Making;
            } else {
                self.begin()?;
            }
        }
        if let Some(wanted) = &self.order.table
            && section.kind == "TABLE"
            && is_named(wanted, &section.schema, &section.name)
        {
            self.seen
                .insert(format!("{}.{}", section.schema, section.name));
        }
        if !section.kind.starts_with("SEQUENCE OWNED") {
            self.held = None;
        }
        self.section = section;
        Ok(())
    }

    fn head(&mut self, head: &[u8]) -> Result<(), Error> {
        let text = String::from_utf8_lossy(head);
        match self.stage {
            Stage::Start if !is_setting(head) => self.begin()?,
            Stage::Start => {
                self.keep = true;
                return self.write(head);
            }
            Stage::Making => {
                self.keep = false;
                if is_setting(head) {
                    return Ok(());
                }
                if let Some(named) = after_words(head, &["CREATE", "DATABASE"]) {
                    self.source = name(named, Dialect::Postgres);
                    if !self.make {
                        return Ok(());
                    }
                }
                self.making.push(self.renamed(&text));
                return Ok(());
            }
            Stage::Content => {}
        }
        self.keep = match (&self.order.table, is_setting(head)) {
            (None, _) | (_, true) => true,
            (Some(wanted), false) => self.belongs(&wanted.clone(), &text)?,
        };
        if !self.keep {
            return Ok(());
        }
        if self.order.table.is_none() && text.contains(" DATABASE ") {
            return self.write(self.renamed(&text).as_bytes());
        }
        self.write(head)
    }

    /// A statement about the database, about the one that is loaded.
    fn renamed(&self, text: &str) -> String {
        const KINDS: [&str; 5] = [
            "DATABASE",
            "DATABASE PROPERTIES",
            "ACL",
            "COMMENT",
            "SECURITY LABEL",
        ];
        match &self.source {
            Some(source) if KINDS.contains(&self.section.kind.as_str()) => text.replacen(
                &format!(" DATABASE {source}"),
                &format!(" DATABASE {}", quoted(&self.work)),
                1,
            ),
            _ => text.to_owned(),
        }
    }

    /// Whether a statement is about the table that was asked for.
    fn belongs(&mut self, wanted: &str, text: &str) -> Result<bool, Error> {
        let section = self.section.clone();
        let own = is_named(wanted, &section.schema, &section.name);
        if section.kind == "TABLE" && own && self.table.is_none() {
            self.table = after_words(text.as_bytes(), &["CREATE", "TABLE"])
                .or_else(|| after_words(text.as_bytes(), &["CREATE", "UNLOGGED", "TABLE"]))
                .and_then(|named| name(named, Dialect::Postgres));
        }
        let Some(table) = self.table.clone() else {
            return Ok(false);
        };
        if section.kind == "TABLE DATA" {
            if own && self.rows_only {
                // Neither triggers nor foreign keys of others are run: all rows come back as they were.
                self.write(
                    format!("SET session_replication_role = replica;\nDELETE FROM ONLY {table};\n")
                        .as_bytes(),
                )?;
            }
            return Ok(own);
        }
        if self.rows_only {
            return Ok(false);
        }
        match section.kind.as_str() {
            "FUNCTION" | "PROCEDURE" | "AGGREGATE" | "VIEW" | "MATERIALIZED VIEW" => Ok(false),
            "SEQUENCE" if is_about(text, &table) => {
                self.sequences.insert(section.name);
                Ok(true)
            }
            "SEQUENCE" => {
                let (_, held) = self.held.get_or_insert_with(|| (section.name, Vec::new()));
                if held.len() < START_MAX {
                    held.extend_from_slice(text.as_bytes());
                    held.push(b'\n');
                }
                Ok(false)
            }
            "SEQUENCE OWNED BY" if text.contains(&format!(" OWNED BY {table}.")) => {
                if let Some((sequence, statements)) = self.held.take() {
                    self.write(&statements)?;
                    self.sequences.insert(sequence);
                }
                Ok(true)
            }
            "SEQUENCE SET" => Ok(self.sequences.contains(&section.name)),
            _ => Ok(is_about(text, &table)),
        }
    }

    /// Makes the database when it must be, and begins to load.
    fn begin(&mut self) -> Result<(), Error> {
        if self.stage == Stage::Content {
            return Ok(());
        }
        self.stage = Stage::Content;
        let deadline = self.watch.deadline;
        let mut making = std::mem::take(&mut self.making);
        if self.make
            && !making
                .iter()
                .any(|sql| after_words(sql.as_bytes(), &["CREATE", "DATABASE"]).is_some())
        {
            making.insert(
                0,
                format!("CREATE DATABASE {} TEMPLATE template0", quoted(&self.work)),
            );
        }
        if self.make || self.order.table.is_none() {
            for sql in &making {
                self.server.query(MAINTENANCE, sql, deadline)?;
                self.made |= self.make;
            }
        }
        let program = self
            .server
            .psql(&self.work)
            .arg("--single-transaction")
            .arg("--output=/dev/null");
        let running = client::start(&program, Flow::In, deadline)?;
        self.running = Some((running, program));
        if knows_restrict(self.server.version) {
            let key = ce_cli::new_id(jiff::Timestamp::now()).replace('-', "");
            self.write(format!("\\restrict {key}\n").as_bytes())?;
        }
        let start = std::mem::take(&mut self.start);
        self.write(&start)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some((running, _)) = &mut self.running else {
            if self.start.len() + bytes.len() > START_MAX {
                return Err(Error::Refused(
                    "this is no dump of pg_dump's".to_owned(),
                    None,
                ));
            }
            self.start.extend_from_slice(bytes);
            return Ok(());
        };
        let written = running.write_all(bytes).map_err(Error::Write);
        if written.is_err()
            && let Some((running, program)) = self.running.take()
        {
            return client::fed(written, running, &program).map(drop);
        }
        written
    }

    /// Commits what is whole, and counts it; the tables that were asked for.
    fn finish(&mut self, found: Found) -> Result<Tables, Error> {
        if !found.complete {
            return Err(Error::Incomplete);
        }
        if let Some(wanted) = &self.order.table {
            let named: Vec<&str> = self.seen.iter().map(String::as_str).collect();
            match named.as_slice() {
                [] => {
                    return Err(Error::Refused(
                        format!("the dump has no table '{wanted}'"),
                        None,
                    ));
                }
                [_] => {}
                several => {
                    return Err(Error::refused(
                        format!("the dump has several tables '{wanted}'"),
                        format!("name one of {}", several.join(", ")),
                    ));
                }
            }
        }
        self.begin()?;
        if let Some((running, program)) = self.running.take() {
            client::finish(running, &program)?;
        }
        let wanted = match &self.table {
            Some(table) => found.tables.only(table),
            None => found.tables,
        };
        self.compare(&wanted)?;
        Ok(wanted)
    }

    /// Counts what is there now.
    fn compare(&self, wanted: &Tables) -> Result<(), Error> {
        let tables: Vec<(&str, u64)> = wanted
            .iter()
            .map(|(name, rows)| (name, rows.count))
            .collect();
        for some in tables.chunks(AT_ONCE) {
            let counts: Vec<String> = some
                .iter()
                .map(|(table, _)| format!("SELECT '{} ' || count(*) FROM ONLY {table}", hex(table)))
                .collect();
            let lines =
                self.server
                    .query(&self.work, &counts.join(" UNION ALL "), self.watch.deadline)?;
            for line in lines {
                let Some((table, count)) = line.split_once(' ') else {
                    continue;
                };
                let table = unhex(table);
                let expected = wanted.get(&table).map_or(0, |rows| rows.count);
                if count.parse() != Ok(expected) {
                    return Err(Error::Different(format!(
                        "{table} has {count} rows, the dump {expected}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Puts the new database where the old one was.
    fn take_place(&mut self) -> Result<(), Error> {
        let (into, work) = (quoted(&self.order.into), quoted(&self.work));
        let deadline = self.watch.deadline;
        let dropped = self.drop_database(&self.order.into);
        if let Err(error) = dropped {
            self.undo();
            return Err(error);
        }
        let sql = format!("ALTER DATABASE {work} RENAME TO {into}");
        self.server.query(MAINTENANCE, &sql, deadline).map(drop)
    }

    fn drop_database(&self, database: &str) -> Result<(), Error> {
        let deadline = self.watch.deadline;
        let number = self.server.server.split('.').next();
        let new = number.and_then(|number| number.parse().ok()).unwrap_or(0) >= 13;
        let force = if new { " WITH (FORCE)" } else { "" };
        let sql = format!("DROP DATABASE IF EXISTS {}{force}", quoted(database));
        self.server.query(MAINTENANCE, &sql, deadline).map(drop)
    }

    /// Leaves nothing of a load that failed.
    fn undo(&mut self) {
        self.running = None;
        if self.made {
            let _ = self.drop_database(&self.work);
        }
    }
}

/// Whether a statement only sets something for the session.
fn is_setting(head: &[u8]) -> bool {
    after_words(head, &["SET"]).is_some() || head.starts_with(b"SELECT pg_catalog.set_config(")
}

/// Whether a statement is about this table, and not only about something that refers to it.
fn is_about(text: &str, table: &str) -> bool {
    let starts = [
        "CREATE TABLE ",
        "CREATE UNLOGGED TABLE ",
        "ALTER TABLE ONLY ",
        "ALTER TABLE ",
    ];
    let begins = starts.iter().any(|start| {
        text.strip_prefix(start)
            .and_then(|rest| rest.strip_prefix(table))
            .is_some_and(|rest| rest.starts_with([' ', '\n', '(']))
    });
    // ALTER TABLE names the table it changes first; what else it names is another's.
    begins
        || !text.starts_with("ALTER TABLE ")
            && [" ON ", " ON ONLY ", " TO ", " TABLE "].iter().any(|word| {
                let phrase = format!("{word}{table}");
                text.match_indices(&phrase)
                    .any(|(at, _)| text[at + phrase.len()..].starts_with([' ', '\n', ';']))
            })
        || text.contains(&format!(" ON COLUMN {table}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_whatever_their_names_are() {
        let section =
            Section::parse(b"-- Name: t; x y; Type: FK CONSTRAINT; Schema: public; Owner: ann\n")
                .unwrap();
        assert_eq!(
            (&*section.name, &*section.kind, &*section.schema),
            ("t; x y", "FK CONSTRAINT", "public")
        );
        assert!(
            Section::parse(b"-- Data for Name: t; Type: TABLE DATA; Schema: a; Owner: b").is_some()
        );
        assert_eq!(Section::parse(b"-- Name of nothing"), None);
    }

    #[test]
    fn statements_belong_to_the_table_they_change() {
        for (text, about) in [
            (
                "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);",
                true,
            ),
            ("ALTER TABLE public.t OWNER TO ann;", true),
            ("CREATE INDEX i ON public.t USING btree (a);", true),
            ("GRANT SELECT ON TABLE public.t TO bob;", true),
            ("COMMENT ON COLUMN public.t.a IS 'x';", true),
            (
                "CREATE TRIGGER x BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION f();",
                true,
            ),
            (
                "ALTER TABLE ONLY public.other\n    ADD CONSTRAINT f FOREIGN KEY (t) REFERENCES public.t(id);",
                false,
            ),
            ("CREATE INDEX i ON public.t2 USING btree (a);", false),
            ("ALTER TABLE public.t2 OWNER TO ann;", false),
            ("CREATE VIEW public.v AS SELECT 1 FROM public.t;", false),
        ] {
            assert_eq!(is_about(text, "public.t"), about, "{text}");
        }
    }

    #[test]
    fn tables_are_named_with_or_without_their_schema() {
        assert!(is_named("t", "public", "t") && is_named("public.t", "public", "t"));
        assert!(!is_named("other.t", "public", "t") && is_named("a.b", "x", "a.b"));
    }

    #[test]
    fn psql_knows_restrict_since_the_fix_of_its_series() {
        for (version, knows) in [
            ((12, 22), false),
            ((15, 13), false),
            ((15, 14), true),
            ((18, 0), true),
        ] {
            assert_eq!(knows_restrict(version), knows, "{version:?}");
        }
    }
}
