//! Dialogs against a scripted server on a socket pair.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ce_net::Deadline;
use proptest::prelude::*;

use super::reply::Line;
use super::*;

/// Runs `begin` against a server that writes each line in turn and reads one line after each but the last.
fn dialog(protocol: Protocol, server: &'static [&'static [u8]]) -> (Result<(), String>, String) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let script = std::thread::spawn(move || {
        let mut reader = BufReader::new(theirs);
        let mut heard = Vec::new();
        for (at, lines) in server.iter().enumerate() {
            if reader.get_mut().write_all(lines).is_err() {
                break;
            }
            if at + 1 < server.len() {
                let _ = reader.read_until(b'\n', &mut heard);
            }
        }
        String::from_utf8_lossy(&heard).into_owned()
    });
    let mut stream = Stream::unix(ours, "mail:25", Deadline::after(Duration::from_secs(5)));
    let result = begin(&mut stream, protocol, "probe").map_err(|error| error.to_string());
    drop(stream);
    (result, script.join().unwrap())
}

#[test]
fn each_text_protocol_gets_to_the_handshake_in_its_own_words() {
    let cases: [(Protocol, &'static [&'static [u8]], &str); 7] = [
        (
            Protocol::Smtp,
            &[
                b"220-hello\r\n220 mail\r\n",
                b"250-mail\r\n250-SIZE 10\r\n250 STARTTLS\r\n",
                b"220 go\r\n",
            ],
            "EHLO probe\r\nSTARTTLS\r\n",
        ),
        (
            Protocol::Lmtp,
            &[b"220 x\r\n", b"250 STARTTLS\r\n", b"220 go\r\n"],
            "LHLO probe\r\nSTARTTLS\r\n",
        ),
        (
            Protocol::Imap,
            &[
                b"* OK ready\r\n",
                b"* CAPABILITY IMAP4rev1\r\nce1 OK begin\r\n",
            ],
            "ce1 STARTTLS\r\n",
        ),
        (Protocol::Pop3, &[b"+OK\r\n", b"+OK begin\r\n"], "STLS\r\n"),
        (
            Protocol::Ftp,
            &[b"220-a\r\n anything\r\n220 b\r\n", b"234 go\r\n"],
            "AUTH TLS\r\n",
        ),
        (
            Protocol::Nntp,
            &[b"201 no posting\r\n", b"382 go\r\n"],
            "STARTTLS\r\n",
        ),
        (
            Protocol::Sieve,
            &[b"\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK\r\n", b"OK \"go\"\r\n"],
            "STARTTLS\r\n",
        ),
    ];
    for (protocol, server, said) in cases {
        assert_eq!(
            dialog(protocol, server),
            (Ok(()), said.to_owned()),
            "{protocol}"
        );
    }
}

#[test]
fn a_server_that_does_not_start_tls_is_quoted_on_one_line() {
    let cases: [(Protocol, &'static [&'static [u8]], &str); 7] = [
        (
            Protocol::Smtp,
            &[b"220 x\r\n", b"250 x\r\n", b"502 no\x1b[31m such\r\n"],
            "it does not start tls: 502 no [31m such",
        ),
        (
            Protocol::Smtp,
            &[b"554 go away\r\n"],
            "unexpected answer: 554 go away",
        ),
        (
            Protocol::Smtp,
            &[b"SSH-2.0-x\r\n"],
            "unexpected answer: SSH-2.0-x",
        ),
        (
            Protocol::Imap,
            &[b"* OK\r\n", b"ce1 BAD what?\r\n"],
            "it does not start tls: ce1 BAD what?",
        ),
        (
            Protocol::Imap,
            &[b"* BYE full\r\n"],
            "unexpected answer: * BYE full",
        ),
        (
            Protocol::Pop3,
            &[b"+OK\r\n", b"-ERR no\r\n"],
            "it does not start tls: -ERR no",
        ),
        (
            Protocol::Ftp,
            &[b"220 x\r\n", b"500 no\r\n"],
            "it does not start tls: 500 no",
        ),
    ];
    for (protocol, server, text) in cases {
        let expected = format!("'mail:25' breaks the protocol: {text}");
        assert_eq!(dialog(protocol, server).0, Err(expected), "{protocol}");
    }
}

#[test]
fn an_answer_without_end_is_a_breach_and_a_silent_close_is_closed() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(&b"220-x\r\n".repeat(200)).unwrap();
    let mut stream = Stream::unix(ours, "x", Deadline::after(Duration::from_secs(5)));
    let error = read_reply(&mut stream).unwrap_err().to_string();
    assert!(error.ends_with("its answer does not end"), "{error}");
    let (result, _) = dialog(Protocol::Pop3, &[b""]);
    assert_eq!(
        result,
        Err("'mail:25' closed the connection too early".to_owned())
    );
}

#[test]
fn postgres_and_mysql_are_asked_in_bytes() {
    for (answer, fine) in [(b"S", true), (b"N", false), (b"E", false), (b"H", false)] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(answer).unwrap();
        let mut stream = Stream::unix(ours, "db", Deadline::after(Duration::from_secs(5)));
        assert_eq!(begin(&mut stream, Protocol::Postgres, "").is_ok(), fine);
        let mut request = [0; 8];
        theirs.read_exact(&mut request).unwrap();
        assert_eq!(
            u32::from_be_bytes([request[4], request[5], request[6], request[7]]),
            80_877_103
        );
    }
    for (flags, fine) in [(0xffu8, true), (0x00, false)] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut packet = b"\x0a5.5\0\x01\0\0\0scramble\0\xff".to_vec();
        packet.push(flags);
        theirs.write_all(&[packet.len() as u8, 0, 0, 0]).unwrap();
        theirs.write_all(&packet).unwrap();
        let mut stream = Stream::unix(ours, "db", Deadline::after(Duration::from_secs(5)));
        assert_eq!(begin(&mut stream, Protocol::Mysql, "").is_ok(), fine);
        if fine {
            let mut request = [0; 36];
            theirs.read_exact(&mut request).unwrap();
            assert_eq!(request[..5], [32, 0, 0, 1, 0]);
            assert_eq!(request[5] & 0x08, 0x08);
        }
    }
}

proptest! {
    #[test]
    fn no_line_breaks_the_reader_and_what_reads_back_is_the_same(
        text in ".{0,40}", code in 100u16..600, more: bool, rest in "[ -~]{0,20}",
    ) {
        let _ = Line::parse(&text);
        let line = format!("{code}{}{rest}", if more { '-' } else { ' ' });
        prop_assert_eq!(Line::parse(&line), Some(Line { code, more, text: &rest }));
    }
}
