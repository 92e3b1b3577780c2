use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// What is found, and the pieces; fed so many bytes at a time.
fn scan(dialect: Dialect, text: &[u8], step: usize) -> (Found, Vec<(char, Vec<u8>)>) {
    let mut scanner = Scanner::new(dialect);
    let mut pieces: Vec<(char, Vec<u8>)> = Vec::new();
    let mut give = |_: &Found, piece: Piece<'_>| -> Result<(), Infallible> {
        let (kind, bytes) = match piece {
            Piece::Line(bytes) => ('l', bytes),
            Piece::Head(bytes) => ('h', bytes),
            Piece::Body(bytes) => ('b', bytes),
            Piece::End => ('e', &b""[..]),
        };
        match pieces.last_mut() {
            Some((last, kept)) if *last == kind && matches!(kind, 'b') => kept.extend(bytes),
            _ => pieces.push((kind, bytes.to_vec())),
        }
        Ok(())
    };
    for part in text.chunks(step.max(1)) {
        scanner.feed(part, &mut give).unwrap();
    }
    scanner.end(&mut give).unwrap();
    (scanner.into_found(), pieces)
}

fn counts(found: &Found) -> Vec<(&str, u64)> {
    found
        .tables
        .iter()
        .map(|(name, rows)| (name, rows.count))
        .collect()
}

/// As mariadb-dump writes it.
const MARIADB: &str = r"/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Server version	10.11.19-MariaDB

/*!40101 SET NAMES utf8mb4 */;
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */;

USE `shop`;
CREATE TABLE `t` (
  `id` int(11) NOT NULL DEFAULT 1 COMMENT 'a;b -- (',
  PRIMARY KEY (`id`)
);
INSERT INTO `t` VALUES
(1,'it\'s \\',0x00FF27),
(2,'a''); INSERT INTO `x` VALUES (1);',''),(3,NULL,NOW(6));
INSERT INTO `t` (`id`, `we``ird (`) VALUES (4,')'),(5,'-- ');
CREATE TABLE `em``pty` (a int);
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`ro``ot`@`localhost`*/ /*!50003 TRIGGER tr BEFORE INSERT ON t FOR EACH ROW
BEGIN
  INSERT INTO log VALUES (1);
  -- it's a comment; with a quote
  # another one's
  /* and one's more */
  SET NEW.x = 5--1;
END */;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`admin`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select 1 */;
INSERT INTO `t` VALUES (6);

-- Dump completed
";

#[test]
fn rows_of_a_mariadb_dump_are_counted_wherever_it_is_cut() {
    let whole = scan(Dialect::Mysql, MARIADB.as_bytes(), usize::MAX);
    let found = &whole.0;
    assert_eq!(counts(found), [("t", 6), ("em`pty", 0)]);
    assert!(found.complete && found.sandbox);
    assert_eq!(found.database.as_deref(), Some("shop"));
    assert_eq!(found.version.as_deref(), Some("10.11.19-MariaDB"));
    let definers: Vec<&String> = found.definers.iter().collect();
    assert_eq!(definers, ["admin@%", "ro``ot@localhost"]);
    for step in [1, 2, 3, 7, 64, 1000] {
        let parts = scan(Dialect::Mysql, MARIADB.as_bytes(), step);
        assert!(
            parts.0.tables.differences(&found.tables).is_empty(),
            "{step}"
        );
        assert_eq!(parts.0.complete, found.complete, "{step}");
    }
}

/// As pg_dump writes it.
const POSTGRES: &str = r#"--
-- PostgreSQL database dump
--

\restrict abc

-- Dumped from database version 15.20
-- Name: my shop; Type: DATABASE; Schema: -; Owner: postgres

CREATE DATABASE "my shop";
\connect -reuse-previous=on "dbname='my shop'"
CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$
select ';', $1, '-- PostgreSQL database dump complete';
COPY public.t (a) FROM stdin;
$_$;
CREATE TABLE public."T x" (a text DEFAULT E'it\'s;');
CREATE TABLE public.t (a text, b text DEFAULT '\');
COPY public."T x" (a) FROM stdin;
\N
  leading blank
\\.
it's;

\.


COPY public.t (a, b) FROM stdin;
\.
/* a /* nested; */ comment; */ SELECT pg_catalog.setval('public.s', 5, true);
--
-- PostgreSQL database dump complete
--

\unrestrict abc

"#;

#[test]
fn lines_of_copy_are_rows_wherever_it_is_cut() {
    let (found, _) = scan(Dialect::Postgres, POSTGRES.as_bytes(), usize::MAX);
    assert_eq!(counts(&found), [("public.\"T x\"", 5), ("public.t", 0)]);
    assert!(found.complete);
    assert_eq!(found.database.as_deref(), Some("my shop"));
    for step in [1, 2, 3, 7, 64] {
        let (parts, _) = scan(Dialect::Postgres, POSTGRES.as_bytes(), step);
        assert!(parts.tables.differences(&found.tables).is_empty(), "{step}");
        assert!(parts.complete);
    }
}

#[test]
fn sqlites_rows_may_call_functions_and_its_triggers_bring_none() {
    let text = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE \"a b\"(x, y);\n\
        INSERT INTO \"a b\" VALUES(replace('a\\nb','\\n',char(10)),X'00ff');\n\
        INSERT INTO \"a b\" VALUES('it''s \\',NULL);\n\
        CREATE TRIGGER t AFTER INSERT ON x BEGIN INSERT INTO y VALUES(1);\nINSERT INTO y VALUES(2); END;\nCOMMIT;\n";
    let (found, _) = scan(Dialect::Sqlite, text.as_bytes(), 5);
    assert_eq!(counts(&found), [("a b", 2)]);
}

#[test]
fn what_is_cut_off_is_not_complete_and_what_looks_complete_may_be_a_string() {
    let cases = [
        (MARIADB.replace("-- Dump completed\n", ""), false),
        (MARIADB.trim_end().to_owned(), true),
        (format!("{MARIADB}INSERT INTO t VALUES (1"), false),
        (format!("{MARIADB}SELECT 1;"), false),
        ("SELECT '\n-- Dump completed\n".to_owned(), false),
        ("SELECT '\n-- Dump completed\n';".to_owned(), false),
    ];
    for (text, complete) in cases {
        let (found, _) = scan(Dialect::Mysql, text.as_bytes(), 100);
        assert_eq!(found.complete, complete, "{text}");
    }
}

#[test]
fn long_rows_are_given_out_in_parts() {
    let mut text = b"INSERT INTO `t` VALUES (1,'".to_vec();
    text.resize(text.len() + (8 << 20), b'x');
    text.extend_from_slice(b"');\n");
    let mut scanner = Scanner::new(Dialect::Mysql);
    let mut longest = 0;
    let mut give = |_: &Found, piece: Piece<'_>| -> Result<(), Infallible> {
        if let Piece::Head(bytes) | Piece::Body(bytes) | Piece::Line(bytes) = piece {
            longest = longest.max(bytes.len());
        }
        Ok(())
    };
    for part in text.chunks(65536) {
        scanner.feed(part, &mut give).unwrap();
        assert!(scanner.head.len() < 100);
    }
    assert!(longest <= 65536);
    assert_eq!(counts(scanner.found()), [("t", 1)]);
}

/// A value as mariadb-dump writes it.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for letter in text.chars() {
        match letter {
            '\'' | '\\' | '"' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\0' => out.push_str("\\0"),
            _ => out.push(letter),
        }
    }
    out.push('\'');
    out
}

proptest! {
    #[test]
    fn any_bytes_come_out_as_they_went_in(bytes in prop::collection::vec(prop_oneof![
        any::<u8>(), prop::sample::select(&b"'\"`\\;-#/*!M$()\n \t.EeINSERT"[..])], 0..400), step in 1..50_usize) {
        for dialect in [Dialect::Mysql, Dialect::Postgres, Dialect::Sqlite] {
            let (found, pieces) = scan(dialect, &bytes, step);
            let out: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            prop_assert_eq!(&out, &bytes);
            let (whole, _) = scan(dialect, &bytes, usize::MAX);
            prop_assert!(found.tables.differences(&whole.tables).is_empty());
            prop_assert_eq!(found.complete, whole.complete);
        }
    }

    #[test]
    fn any_statements_come_out_as_they_went_in(parts in prop::collection::vec(prop::sample::select(&[
        "INSERT INTO `t` VALUES ", "(1,'a')", ",", ";", "\n", "'", "\\", "COPY t FROM stdin;\n", "\\.\n", "$$", "$a$",
        "DELIMITER ;;\n", ";;", "/*!50003 ", "*/", "/*", "-- Dump completed\n", "--", "#", "E'", "(", ")", "x", " ",
        "CREATE TABLE t", "\\restrict k\n", "`"][..]), 0..60), step in 1..20_usize) {
        let text = parts.concat();
        for dialect in [Dialect::Mysql, Dialect::Postgres, Dialect::Sqlite] {
            let (found, pieces) = scan(dialect, text.as_bytes(), step);
            let out: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            prop_assert_eq!(out, text.as_bytes());
            let (whole, _) = scan(dialect, text.as_bytes(), usize::MAX);
            prop_assert!(found.tables.differences(&whole.tables).is_empty());
            prop_assert_eq!(found.complete, whole.complete);
        }
    }

    #[test]
    fn rows_of_any_text_are_counted(rows in prop::collection::vec(".{0,20}", 1..20), step in 1..100_usize) {
        let values: Vec<String> = rows.iter().map(|row| format!("(1,{},NULL)", quoted(row))).collect();
        let text = format!("INSERT INTO `a` VALUES {};\nINSERT INTO `b` VALUES\n(1);\n", values.join(",\n"));
        let (found, _) = scan(Dialect::Mysql, text.as_bytes(), step);
        prop_assert_eq!(counts(&found), [("a", rows.len() as u64), ("b", 1)]);
        let mut turned = values.clone();
        turned.reverse();
        let text = format!("INSERT INTO `a` VALUES {};", turned.join(","));
        let (other, _) = scan(Dialect::Mysql, text.as_bytes(), usize::MAX);
        prop_assert_eq!(other.tables.get("a"), found.tables.get("a"));
    }
}
