//! Reads an SQL dump as it streams past: where its statements begin and end, what rows it holds, whether it is whole.
//!
//! It is fed bytes as they come and gives them out again as [`Piece`]s, all of them and in their order. Nothing but
//! the beginning of a statement is kept, so that neither long rows nor long dumps take memory. It knows what
//! mariadb-dump, mysqldump, pg_dump and `sqlite3 .dump` write; it judges nothing and runs nothing.

use std::collections::BTreeSet;

use super::tables::Tables;

/// The beginning of a statement that is kept until it is known what it is, at most.
const HEAD_MAX: usize = 1 << 20;

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Mysql,
    Postgres,
    Sqlite,
}

/// A part of the dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line between statements: blank, a comment, a command of the client's; with its end of line.
    Line(&'a [u8]),
    /// The beginning of a statement: all of it, unless it brings rows or is very long.
    Head(&'a [u8]),
    /// More of the statement.
    Body(&'a [u8]),
    /// The statement has ended.
    End,
}

/// What takes the pieces, with what was found until then.
pub(crate) type Give<'a, E> = &'a mut dyn FnMut(&Found, Piece<'_>) -> Result<(), E>;

/// What a dump was found to hold.
#[derive(Debug, Default, Clone)]
pub(crate) struct Found {
    pub tables: Tables,
    /// Whether the last thing in it is the sentence that it is complete.
    pub complete: bool,
    /// Accounts that views, triggers, routines and events run as, as the dump writes them.
    pub definers: BTreeSet<String>,
    /// The database, by what the dump says before its first table.
    pub database: Option<String>,
    /// The server's version.
    pub version: Option<String>,
    /// Whether the client is asked for MariaDB's sandbox mode.
    pub sandbox: bool,
}

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between statements, at the beginning of a line or in blanks.
    Top,
    /// In a line between statements.
    Line,
    /// In a statement.
    Statement(Lex),
    /// After COPY ... FROM stdin, before its lines.
    CopyBegins,
    /// In these lines.
    Copy,
}

/// Where in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lex {
    Code,
    Quote {
        mark: u8,
        escapes: bool,
    },
    Escaped {
        mark: u8,
    },
    /// Right after a closing quote: the same mark again means the quote goes on.
    Closed {
        mark: u8,
        escapes: bool,
    },
    LineComment,
    /// In a comment so many deep, after this byte.
    Comment {
        depth: u32,
        before: u8,
    },
    /// After `/*`, `/*M`: code for some servers, or a comment.
    Opening {
        marked: bool,
    },
    /// In the tag after `$`.
    Tag,
    /// In a text between two tags, of whose end so many bytes were seen.
    Dollar {
        seen: usize,
    },
}

/// The state of reading a dump.
#[derive(Debug)]
pub(crate) struct Scanner {
    dialect: Dialect,
    state: State,
    /// The beginning of the statement, or the line.
    head: Vec<u8>,
    heading: bool,
    delimiter: Vec<u8>,
    /// How much of the delimiter was seen.
    ending: usize,
    before: u8,
    dashes: u8,
    tag: Vec<u8>,
    /// The table that the statement brings rows for.
    table: Option<usize>,
    depth: u32,
    row: blake3::Hasher,
    row_has: usize,
    /// The first bytes of a line of COPY.
    line: [u8; 2],
    /// What a trigger's statements do is no content.
    ignore: bool,
    found: Found,
}

impl Scanner {
    pub fn new(dialect: Dialect) -> Self {
        Scanner {
            dialect,
            state: State::Top,
            head: Vec::new(),
            heading: false,
            delimiter: b";".to_vec(),
            ending: 0,
            before: 0,
            dashes: 0,
            tag: Vec::new(),
            table: None,
            depth: 0,
            row: blake3::Hasher::new(),
            row_has: 0,
            line: [0; 2],
            ignore: false,
            found: Found::default(),
        }
    }

    /// What was found, once all was fed.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The same, for keeping.
    pub fn into_found(self) -> Found {
        self.found
    }

    /// Takes more of the dump and gives out what is known of it.
    pub fn feed<E>(&mut self, bytes: &[u8], give: Give<'_, E>) -> Result<(), E> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.state {
                State::Top => self.top(rest, give)?,
                State::Line => self.line(rest, give)?,
                State::Statement(lex) => self.statement(rest, lex, give)?,
                State::CopyBegins => self.copy_begins(rest, give)?,
                State::Copy => self.copy(rest, give)?,
            };
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Gives out what is left when the dump ends.
    pub fn end<E>(&mut self, give: Give<'_, E>) -> Result<(), E> {
        match self.state {
            State::Line => self.give_line(give)?,
            State::Statement(_) => {
                self.found.complete = false;
                if self.heading {
                    self.give_head(give)?;
                }
                give(&self.found, Piece::End)?;
            }
            State::Copy | State::CopyBegins => {
                self.found.complete = false;
                give(&self.found, Piece::End)?;
            }
            State::Top => {}
        }
        self.state = State::Top;
        Ok(())
    }

    fn top<E>(&mut self, bytes: &[u8], give: Give<'_, E>) -> Result<usize, E> {
        let blanks = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if blanks > 0 {
            give(&self.found, Piece::Line(&bytes[..blanks]))?;
            return Ok(blanks);
        }
        self.head.clear();
        let line = match (self.dialect, bytes[0]) {
            (Dialect::Mysql, b'#') | (Dialect::Postgres, b'\\') => true,
            // No statement begins with a minus.
            (_, b'-') => true,
            _ => false,
        };
        if line {
            self.state = State::Line;
        } else {
            self.state = State::Statement(Lex::Code);
            self.heading = true;
            self.before = b'\n';
            self.dashes = 0;
            self.ending = 0;
            self.table = None;
            self.depth = 0;
        }
        Ok(0)
    }

    fn line<E>(&mut self, bytes: &[u8], give: Give<'_, E>) -> Result<usize, E> {
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |at| at + 1);
        let room = HEAD_MAX.saturating_sub(self.head.len()).min(taken);
        self.head.extend_from_slice(&bytes[..room]);
        if end.is_some() {
            self.give_line(give)?;
        }
        Ok(taken)
    }

    fn give_line<E>(&mut self, give: Give<'_, E>) -> Result<(), E> {
        let line = std::mem::take(&mut self.head);
        self.note_line(&line);
        self.state = State::Top;
        give(&self.found, Piece::Line(&line))?;
        self.head = line;
        Ok(())
    }

    /// The statement's bytes up to its end, or as far as they are there.
    fn statement<E>(&mut self, bytes: &[u8], lex: Lex, give: Give<'_, E>) -> Result<usize, E> {
        let mut lex = lex;
        // From where on bytes are not yet in the head or given out, and not yet in the row's digest.
        let (mut from, mut row_from) = (0, 0);
        let mut at = 0;
        while at < bytes.len() {
            if let Lex::Quote { mark, escapes } = lex {
                let next = if escapes {
                    memchr::memchr2(mark, b'\\', &bytes[at..])
                } else {
                    memchr::memchr(mark, &bytes[at..])
                };
                let Some(next) = next else { break };
                at += next + 1;
                self.before = bytes[at - 1];
                lex = if self.before == mark {
                    Lex::Closed { mark, escapes }
                } else {
                    Lex::Escaped { mark }
                };
                continue;
            }
            let byte = bytes[at];
            at += 1;
            if let Some(next) = self.outside_code(lex, byte) {
                lex = next;
                self.ending = 0;
                continue;
            }
            lex = self.code(byte);
            match byte {
                b'(' => {
                    if self.heading {
                        self.head.extend_from_slice(&bytes[from..at - 1]);
                        from = at - 1;
                        self.table = self.rows_of();
                        if self.table.is_some() {
                            self.give_head(give)?;
                        }
                    }
                    if self.table.is_some() {
                        if self.depth == 0 {
                            row_from = at - 1;
                        }
                        self.depth += 1;
                    }
                }
                b')' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.end_row(&bytes[row_from..at]);
                    }
                }
                b'\n' | b' ' | b'\t' if self.heading => {
                    self.head.extend_from_slice(&bytes[from..at]);
                    from = at;
                    if byte == b'\n' && self.is_comment() {
                        self.heading = false;
                        return self.give_line(give).map(|()| at);
                    }
                    if self.is_delimiter_line() {
                        self.heading = false;
                        self.state = State::Line;
                        if byte == b'\n' {
                            self.give_line(give)?;
                        }
                        return Ok(at);
                    }
                }
                _ => {}
            }
            if self.ends_with(byte) {
                self.give_rest(&bytes[from..at], give)?;
                return self.end_statement(give).map(|()| at);
            }
        }
        self.give_rest(&bytes[from..], give)?;
        if self.depth > 0 {
            self.row.update(&bytes[row_from..]);
            self.row_has += bytes.len() - row_from;
        }
        self.state = State::Statement(lex);
        Ok(bytes.len())
    }

    /// What a byte leads to where no code is; `None` when it is code.
    fn outside_code(&mut self, lex: Lex, byte: u8) -> Option<Lex> {
        Some(match lex {
            Lex::Code => return None,
            Lex::Closed { mark, escapes } if byte == mark => Lex::Quote { mark, escapes },
            Lex::Closed { .. } => return None,
            Lex::Escaped { mark } => Lex::Quote {
                mark,
                escapes: true,
            },
            Lex::Quote { .. } => lex,
            Lex::LineComment if byte == b'\n' => return None,
            Lex::LineComment => lex,
            Lex::Comment { depth, before } => match (before, byte) {
                (b'*', b'/') if depth == 1 => {
                    self.before = b' ';
                    Lex::Code
                }
                (b'*', b'/') => Lex::Comment {
                    depth: depth - 1,
                    before: 0,
                },
                (b'/', b'*') if self.dialect == Dialect::Postgres => Lex::Comment {
                    depth: depth + 1,
                    before: 0,
                },
                _ => Lex::Comment {
                    depth,
                    before: byte,
                },
            },
            Lex::Opening { marked } => match (self.dialect, byte) {
                (Dialect::Mysql, b'!') => {
                    self.before = b' ';
                    Lex::Code
                }
                (Dialect::Mysql, b'M') if !marked => Lex::Opening { marked: true },
                _ => Lex::Comment {
                    depth: 1,
                    before: byte,
                },
            },
            Lex::Tag => match byte {
                b'$' => {
                    self.tag.push(byte);
                    Lex::Dollar { seen: 0 }
                }
                b'0'..=b'9' if self.tag.len() == 1 => return None,
                _ if is_word(byte) && self.tag.len() < 256 => {
                    self.tag.push(byte);
                    Lex::Tag
                }
                _ => return None,
            },
            Lex::Dollar { seen } => {
                let seen = match self.tag.get(seen) {
                    Some(expected) if *expected == byte => seen + 1,
                    _ => usize::from(byte == b'$'),
                };
                if seen < self.tag.len() {
                    Lex::Dollar { seen }
                } else {
                    self.before = b' ';
                    Lex::Code
                }
            }
        })
    }

    /// What a byte of code leads to.
    fn code(&mut self, byte: u8) -> Lex {
        let mysql = self.dialect == Dialect::Mysql;
        let postgres = self.dialect == Dialect::Postgres;
        let before = std::mem::replace(&mut self.before, byte);
        let dashes = std::mem::take(&mut self.dashes);
        match byte {
            b'\'' => Lex::Quote {
                mark: byte,
                escapes: mysql || (postgres && matches!(before, b'E' | b'e')),
            },
            b'"' => Lex::Quote {
                mark: byte,
                escapes: mysql,
            },
            b'`' if !postgres => Lex::Quote {
                mark: byte,
                escapes: false,
            },
            b'#' if mysql => Lex::LineComment,
            // MySQL's comments have a blank after the dashes: 5--1 is 6.
            b'-' if dashes == 1 && !mysql => Lex::LineComment,
            b'-' => {
                self.dashes = dashes.saturating_add(1);
                Lex::Code
            }
            b' ' | b'\t' | b'\r' if dashes > 1 => Lex::LineComment,
            b'*' if before == b'/' => Lex::Opening { marked: false },
            b'$' if postgres && !is_word(before) => {
                self.tag.clear();
                self.tag.push(b'$');
                Lex::Tag
            }
            _ => Lex::Code,
        }
    }

    /// Whether the statement ends with this byte.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.delimiter.get(self.ending) == Some(&byte) {
            self.ending += 1;
        } else {
            self.ending = usize::from(self.delimiter.first() == Some(&byte));
        }
        self.ending >= self.delimiter.len()
    }

    /// Whether the head, which ends with a line, is a comment that stands for itself. Servers run those that begin
    /// with an exclamation mark, but what they begin goes on behind them all the same.
    fn is_comment(&self) -> bool {
        self.head.starts_with(b"/*") && self.head.trim_ascii_end().ends_with(b"*/")
    }

    fn is_delimiter_line(&self) -> bool {
        self.dialect == Dialect::Mysql
            && self.head.len() == 10
            && self.head[..9].eq_ignore_ascii_case(b"delimiter")
    }

    /// The table that the statement brings rows for, when its head ends where they begin.
    fn rows_of(&mut self) -> Option<usize> {
        if self.ignore || self.dialect == Dialect::Postgres {
            return None;
        }
        let head = self.head.trim_ascii_end();
        let named = after_words(head, &["INSERT", "INTO"])?;
        let values = head.len().checked_sub(6)?;
        if !head[values..].eq_ignore_ascii_case(b"VALUES") {
            return None;
        }
        let name = name(named, self.dialect)?;
        Some(self.found.tables.place(&name))
    }

    fn end_row(&mut self, bytes: &[u8]) {
        let digest = if self.row_has == 0 {
            blake3::hash(bytes)
        } else {
            self.row.update(bytes);
            let digest = self.row.finalize();
            self.row.reset();
            self.row_has = 0;
            digest
        };
        if let Some(table) = self.table {
            self.found.tables.add(table, &digest);
        }
    }

    /// Puts bytes of the statement into its head, or gives them out.
    fn give_rest<E>(&mut self, bytes: &[u8], give: Give<'_, E>) -> Result<(), E> {
        if self.heading {
            self.head.extend_from_slice(bytes);
            if self.head.len() > HEAD_MAX {
                self.give_head(give)?;
            }
        } else if !bytes.is_empty() {
            give(&self.found, Piece::Body(bytes))?;
        }
        Ok(())
    }

    fn give_head<E>(&mut self, give: Give<'_, E>) -> Result<(), E> {
        self.heading = false;
        let head = std::mem::take(&mut self.head);
        self.note_head(&head);
        give(&self.found, Piece::Head(&head))?;
        self.head = head;
        Ok(())
    }

    fn end_statement<E>(&mut self, give: Give<'_, E>) -> Result<(), E> {
        self.state = State::Top;
        self.ending = 0;
        if self.heading {
            self.give_head(give)?;
            if let Some(table) = self.copied() {
                self.table = Some(table);
                self.state = State::CopyBegins;
                return Ok(());
            }
        }
        self.table = None;
        self.depth = 0;
        give(&self.found, Piece::End)
    }

    /// The table whose lines follow the statement in the head.
    fn copied(&mut self) -> Option<usize> {
        if self.dialect != Dialect::Postgres {
            return None;
        }
        let named = after_words(&self.head, &["COPY"])?;
        let head = self.head.trim_ascii_end();
        let (_, end) = head.split_at_checked(head.len().checked_sub(12)?)?;
        if !end.eq_ignore_ascii_case(b" FROM stdin;") {
            return None;
        }
        let name = name(named, self.dialect)?;
        Some(self.found.tables.place(&name))
    }

    /// The end of the line that COPY stands on.
    fn copy_begins<E>(&mut self, bytes: &[u8], give: Give<'_, E>) -> Result<usize, E> {
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |at| at + 1);
        if end.is_some() {
            self.state = State::Copy;
        }
        give(&self.found, Piece::Body(&bytes[..taken]))?;
        Ok(taken)
    }

    /// Lines of COPY.
    fn copy<E>(&mut self, bytes: &[u8], give: Give<'_, E>) -> Result<usize, E> {
        let mut at = 0;
        while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
            let line = &bytes[at..at + end];
            at += end + 1;
            let is_end = match self.row_has {
                0 => line == b"\\.",
                1 => self.line[0] == b'\\' && line == b".",
                2 => self.line == *b"\\." && line.is_empty(),
                _ => false,
            };
            if is_end {
                self.row.reset();
                self.row_has = 0;
                self.table = None;
                self.state = State::Top;
                give(&self.found, Piece::Body(&bytes[..at]))?;
                give(&self.found, Piece::End)?;
                return Ok(at);
            }
            self.end_row(line);
        }
        let rest = &bytes[at..];
        for (place, byte) in (self.row_has..2).zip(rest) {
            self.line[place] = *byte;
        }
        self.row.update(rest);
        self.row_has += rest.len();
        give(&self.found, Piece::Body(bytes))?;
        Ok(bytes.len())
    }

    fn note_line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        const COMPLETE: [&str; 3] = [
            "-- Dump completed",
            "-- PostgreSQL database dump complete",
            "-- PostgreSQL database cluster dump complete",
        ];
        let found = &mut self.found;
        if COMPLETE.iter().any(|words| text.starts_with(words)) {
            found.complete = true;
        } else if text.starts_with("/*") {
            found.sandbox |= is_sandbox(line);
            found.definers.extend(definers(line));
        } else if let Some(version) = text
            .strip_prefix("-- Server version\t")
            .or_else(|| text.strip_prefix("-- Dumped from database version "))
        {
            found.version.get_or_insert_with(|| version.to_owned());
        } else if let Some((name, _)) = text
            .strip_prefix("-- Name: ")
            .and_then(|text| text.split_once("; Type: DATABASE; "))
        {
            found.database.get_or_insert_with(|| name.to_owned());
        } else if self.dialect == Dialect::Mysql
            && let Some(delimiter) = after_words(line, &["DELIMITER"])
            && !delimiter.trim_ascii_end().is_empty()
        {
            self.delimiter = delimiter.trim_ascii_end().to_vec();
        }
    }

    fn note_head(&mut self, head: &[u8]) {
        self.found.complete = false;
        if let Some(named) = created_table(head) {
            if let Some(name) = name(named, self.dialect) {
                self.found.tables.place(&name);
            }
        } else if self.dialect == Dialect::Mysql {
            if self.table.is_none() {
                self.found.definers.extend(definers(head));
            }
            if let Some(named) = after_words(head, &["USE"])
                && let Some(name) = name(named, self.dialect)
            {
                self.found.database.get_or_insert(name);
            }
        } else if self.dialect == Dialect::Sqlite
            && after_words(head, &["CREATE", "TRIGGER"]).is_some()
        {
            // What it does ends with semicolons too; sqlite3 writes triggers after all rows.
            self.ignore = true;
        }
    }
}

/// Whether a line asks the client for MariaDB's sandbox mode.
pub(crate) fn is_sandbox(line: &[u8]) -> bool {
    line.starts_with(b"/*") && memchr::memmem::find(line, b"999999\\-").is_some()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// What comes after these words and blanks, in upper or lower case.
pub(crate) fn after_words<'a>(text: &'a [u8], words: &[&str]) -> Option<&'a [u8]> {
    let mut rest = text.trim_ascii_start();
    for word in words {
        let (first, more) = rest.split_at_checked(word.len())?;
        if !first.eq_ignore_ascii_case(word.as_bytes()) || !more.first()?.is_ascii_whitespace() {
            return None;
        }
        rest = more.trim_ascii_start();
    }
    Some(rest)
}

/// What comes after CREATE TABLE.
fn created_table(head: &[u8]) -> Option<&[u8]> {
    let rest = after_words(head, &["CREATE", "TABLE"])
        .or_else(|| after_words(head, &["CREATE", "UNLOGGED", "TABLE"]))?;
    Some(after_words(rest, &["IF", "NOT", "EXISTS"]).unwrap_or(rest))
}

/// The name at the beginning of this text: unquoted, but as it is written for PostgreSQL, where it has several parts.
pub(crate) fn name(text: &[u8], dialect: Dialect) -> Option<String> {
    let (part, rest) = identifier(text)?;
    if dialect != Dialect::Postgres {
        let (marks, _) = text.split_at(text.len() - rest.len());
        let raw = match marks.first() {
            Some(b'`') => part.replace("``", "`"),
            Some(b'"') => part.replace("\"\"", "\""),
            _ => return Some(part),
        };
        return Some(raw);
    }
    let mut rest = rest;
    while let Some(more) = rest.strip_prefix(b".") {
        rest = identifier(more)?.1;
    }
    let (whole, _) = text.split_at(text.len() - rest.len());
    Some(String::from_utf8_lossy(whole).into_owned())
}

/// An identifier without the marks around it, and what comes after it.
fn identifier(text: &[u8]) -> Option<(String, &[u8])> {
    let first = *text.first()?;
    if !matches!(first, b'`' | b'"') {
        let end = text
            .iter()
            .position(|byte| !is_word(*byte) && *byte != b'$');
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        return (!word.is_empty()).then(|| (String::from_utf8_lossy(word).into_owned(), rest));
    }
    let mut at = 1;
    loop {
        at += memchr::memchr(first, text.get(at..)?)?;
        if text.get(at + 1) == Some(&first) {
            at += 2;
        } else {
            let word = String::from_utf8_lossy(&text[1..at]).into_owned();
            return Some((word, &text[at + 1..]));
        }
    }
}

/// The accounts after DEFINER=, without quotes: `root@localhost`.
fn definers(text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text, b"DEFINER=") {
        let text = &text[at + 8..];
        if let Some((user, rest)) = identifier(text) {
            let host = rest.strip_prefix(b"@").and_then(identifier);
            found.push(match host {
                Some((host, _)) => format!("{user}@{host}"),
                None => user,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests;
