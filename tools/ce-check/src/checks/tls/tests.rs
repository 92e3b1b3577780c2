//! The check against servers on loopback and certificates in files.

use std::io::Write;
use std::time::Duration;

use ce_record::{Finding, State};

use super::CHECK;
use crate::testing::{self, Authority, self_signed, serve, serve_tls};

fn look(args: &[&str]) -> Finding {
    testing::observe(&CHECK, args, Duration::from_secs(5))
}

#[test]
fn dates_names_chains_and_strength_are_judged() {
    let authority = Authority::new();
    let roots = authority.roots();
    let shake = |stream: &mut dyn testing::Talk, _| {
        let _ = stream.flush();
        let _ = stream.read(&mut [0]);
    };
    let good = serve_tls(authority.server("a.example", 50, 40), shake);
    let expired = serve_tls(authority.server("a.example", 50, -2), shake);
    let early = serve_tls(authority.server("a.example", -2, 40), shake);
    let selfish = serve_tls(self_signed("a.example"), shake);
    for (server, args, state, text) in [
        (
            good,
            &[][..],
            State::Ok,
            "certificate 'a.example' expires in 40 days",
        ),
        (good, &["-w", "50:"], State::Warning, "expires in 40 days"),
        (
            good,
            &["-w", "60:", "-c", "50:"],
            State::Critical,
            "expires in 40 days",
        ),
        (good, &["--lifetime", "33:,10:"], State::Ok, "40 days"),
        (
            good,
            &["--lifetime", "50:,10:"],
            State::Warning,
            "44% of its lifetime left",
        ),
        (
            good,
            &["--server-name", "b.example"],
            State::Critical,
            "not for 'b.example'",
        ),
        (
            good,
            &["--server-name", "b.example", "--verify", "chain"],
            State::Ok,
            "40 days",
        ),
        (good, &["--issuer", "Test CA"], State::Ok, "Test CA"),
        (
            good,
            &["--issuer", "Other"],
            State::Critical,
            "issued by Test CA",
        ),
        (good, &["--min-version", "1.3"], State::Ok, "40 days"),
        (
            good,
            &["--fingerprint", &"ab:".repeat(32)],
            State::Critical,
            "another certificate than expected",
        ),
        (expired, &[], State::Critical, "expired"),
        (
            expired,
            &["--verify", "off"],
            State::Critical,
            "expired 1 day ago",
        ),
        (
            early,
            &["--verify", "off"],
            State::Critical,
            "is valid only from",
        ),
        (selfish, &[], State::Critical, "self-signed"),
        (selfish, &["--verify", "off"], State::Ok, "90 days"),
    ] {
        let port = server.port().to_string();
        let base = [
            "-H",
            "a.example",
            "-I",
            "127.0.0.1",
            "-p",
            &port,
            "--roots",
            roots.to_str().unwrap(),
        ];
        let finding = look(&[&base, args].concat());
        assert_eq!(finding.state, state, "{args:?}: {}", finding.summary);
        assert!(
            finding.summary.contains(text),
            "{args:?}: {}",
            finding.summary
        );
        assert_eq!(finding.data["tls"], "TLSv1.3");
        assert!(!finding.data["certificates"].as_array().unwrap().is_empty());
    }
}

#[test]
fn a_certificate_is_found_behind_starttls() {
    use std::io::{BufRead, BufReader, Read};
    let authority = Authority::new();
    let config = authority.server("mail.example", 1, 80);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        for answer in ["220 mail\r\n", "250-mail\r\n250 STARTTLS\r\n", "220 go\r\n"] {
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            if !answer.contains("go") {
                reader.read_line(&mut line).unwrap();
            }
        }
        let connection = rustls::ServerConnection::new(config).unwrap();
        let mut tls = rustls::StreamOwned::new(connection, reader.into_inner());
        let _ = tls.read(&mut [0]);
    });
    let roots = authority.roots();
    let finding = look(&[
        "-H",
        "mail.example",
        "-I",
        "127.0.0.1",
        "-p",
        &port,
        "--starttls",
        "smtp",
        "--roots",
        roots.to_str().unwrap(),
    ]);
    assert_eq!(finding.state, State::Ok, "{}", finding.summary);
    server.join().unwrap();
}

#[test]
fn certificates_of_a_file_are_dated_and_what_is_none_is_unknown() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pem");
    let path = path.to_str().unwrap();
    for (left, state) in [
        (60, State::Ok),
        (20, State::Warning),
        (3, State::Critical),
        (-3, State::Critical),
    ] {
        std::fs::write(path, authority.issue("a.example", 90, left).2).unwrap();
        assert_eq!(look(&["--file", path]).state, state, "{left}");
    }
    std::fs::write(path, "nothing").unwrap();
    assert_eq!(look(&["--file", path]).state, State::Unknown);
    assert_eq!(look(&["--file", "/nonexistent"]).state, State::Unknown);
}

#[test]
fn a_silent_server_ends_with_the_deadline_in_each_phase() {
    let silent = serve(|_, _| std::thread::sleep(Duration::from_secs(2)));
    let port = silent.port().to_string();
    for more in [&[][..], &["--starttls", "imap"], &["--starttls", "mysql"]] {
        let args = [&["-H", "127.0.0.1", "-p", &port], more].concat();
        let finding = testing::observe(&CHECK, &args, Duration::from_millis(300));
        assert_eq!(finding.state, State::Critical);
        assert!(
            finding.summary.starts_with("timeout"),
            "{}",
            finding.summary
        );
    }
}

#[test]
fn a_key_of_fewer_bits_than_asked_for_is_critical() {
    // Made with: openssl req -x509 -newkey rsa:1024 -nodes -days 36500 -subj /CN=weak.example
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/rsa1024.pem");
    let finding = look(&["--file", path]);
    assert_eq!(finding.state, State::Critical);
    assert_eq!(
        finding.summary,
        "key of 'weak.example' is RSA 1024, fewer than 2048 bits"
    );
    assert_eq!(
        look(&["--file", path, "--min-bits", "1024"]).state,
        State::Ok
    );
}
