//! A stream is as good as its worst line: what one line breaks must not cost the next.

use std::io::{BufReader, Read};

use proptest::prelude::*;

use super::*;

const RECORD: &str = r#"{"v":1,"id":"0198c0de-7a11-7000-8000-000000000001","time":"2026-01-02T03:04:05Z","took_ms":1,"tool":"ce-check","check":"disk","host":"db1","state":"ok","summary":"34 % used"}"#;

fn read(bytes: &[u8]) -> Vec<Result<Line, String>> {
    // A buffer that is smaller than a line, as pipes have it.
    let reader = Reader::new(BufReader::with_capacity(7, bytes));
    reader
        .map(|line| line.map_err(|error| error.to_string()))
        .collect()
}

fn summaries(bytes: &[u8]) -> Vec<String> {
    let text = |line| match line {
        Ok(Line::Record(record)) => record.summary,
        Ok(Line::Foreign(text)) | Err(text) => text,
    };
    read(bytes).into_iter().map(text).collect()
}

#[test]
fn an_overlong_line_is_skipped_whole_and_the_next_one_read() {
    let long = "x".repeat(MAX_LINE_BYTES + 1);
    let input = format!("{RECORD}\n{long}\n\n{RECORD}");
    let too_long = "line 2 is longer than 1 MiB, which no record is";
    assert_eq!(
        summaries(input.as_bytes()),
        ["34 % used", too_long, "34 % used"]
    );
    assert_eq!(
        summaries(long.as_bytes()),
        ["line 1 is longer than 1 MiB, which no record is"]
    );
}

#[test]
fn a_line_of_exactly_the_limit_is_read() {
    let padding = " ".repeat(MAX_LINE_BYTES - RECORD.len());
    assert_eq!(
        summaries(format!("{RECORD}{padding}\n").as_bytes()),
        ["34 % used"]
    );
}

#[test]
fn a_foreign_object_is_kept_byte_for_byte() {
    for text in [
        r#"{"v":2,  "new":[1, 2.50, "é"]}"#,
        r#"{"no":"version"}"#,
        r#"{ "v" : "1" }"#,
        r#"{"v":1.0}"#,
        &RECORD.replacen("\"v\":1", "\"v\":2", 1),
        "{}\r",
    ] {
        assert_eq!(read(text.as_bytes()), [Ok(Line::Foreign(text.to_owned()))]);
    }
}

#[test]
fn an_unknown_field_survives_a_round_trip() {
    let text = RECORD.replacen('{', r#"{"colour":{"a":[1,"x"]},"#, 1);
    let Ok(Line::Record(record)) = read(text.as_bytes()).remove(0) else {
        panic!("no record")
    };
    assert_eq!(record.extra["colour"]["a"][1], "x");
    let mut out = Vec::new();
    write_line(&mut out, &record).unwrap();
    assert_eq!(read(&out), [Ok(Line::Record(record))]);
}

#[test]
fn an_invalid_line_says_its_number_and_the_next_one_is_read() {
    for (fault, reason) in [
        (&b"not json"[..], "expected"),
        (b"[1]", "expected a map"),
        (b"1", "expected a map"),
        (b"null", "expected a map"),
        (b"{\"v\":1}", "missing field `id`"),
        (b"\xff\xfe", "utf-8"),
    ] {
        let input = [b"\n", fault, b"\n", RECORD.as_bytes()].concat();
        let summaries = summaries(&input);
        assert!(
            summaries[0].starts_with("line 2 is not a record: "),
            "{summaries:?}"
        );
        assert!(summaries[0].contains(reason), "{summaries:?}");
        assert_eq!(summaries[1..], ["34 % used"]);
    }
}

#[test]
fn after_a_failure_of_the_stream_reading_ends() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut reader = Reader::new(BufReader::new(Broken));
    assert!(matches!(reader.next(), Some(Err(CodecError::Io(_)))));
    assert!(reader.next().is_none());
}

#[test]
fn a_record_that_no_reader_would_take_is_not_written() {
    let mut record: Record = serde_json::from_str(RECORD).unwrap();
    record
        .data
        .insert("x".to_owned(), "x".repeat(MAX_LINE_BYTES).into());
    let mut out = Vec::new();
    let error = write_line(&mut out, &record).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the record of 'db1 disk' is longer than 1 MiB"
    );
    assert!(out.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_never_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).len() <= bytes.len());
    }

    #[test]
    fn a_damaged_record_makes_nothing_panic(at in 0..RECORD.len(), byte in any::<u8>()) {
        let mut bytes = RECORD.as_bytes().to_vec();
        bytes[at] = byte;
        prop_assert!(!read(&bytes).is_empty());
    }
}
