//! The whole check against servers on loopback that behave well, badly and not at all.

use std::net::SocketAddr;
use std::time::Duration;

use ce_record::{Finding, State};

use super::CHECK;
use crate::testing::{self, Authority, Talk, read_head, self_signed, serve, serve_tls};

fn ask(address: SocketAddr, args: &[&str]) -> Finding {
    within(address, args, Duration::from_secs(5))
}

fn within(address: SocketAddr, args: &[&str], timeout: Duration) -> Finding {
    let port = address.port().to_string();
    let all = [&["-I", "127.0.0.1", "-p", &port], args].concat();
    testing::observe(&CHECK, &all, timeout)
}

/// A server that answers each request with these bytes and hangs up.
fn canned(bytes: &'static [u8]) -> SocketAddr {
    serve(move |stream, _| {
        read_head(stream);
        let _ = stream.write_all(bytes);
    })
}

fn ok(stream: &mut dyn Talk, body: &str) {
    read_head(stream);
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.flush();
}

/// As after stamping: no control character survives.
fn line(finding: &Finding) -> String {
    ce_record::one_line(&finding.summary)
}

#[track_caller]
fn assert_says(finding: &Finding, state: State, cause: &str, text: &str) {
    assert_eq!(finding.state, state, "{}", finding.summary);
    assert!(line(finding).contains(text), "{}", finding.summary);
    let is = finding
        .cause
        .as_ref()
        .filter(|_| state != State::Ok)
        .map(ToString::to_string);
    assert_eq!(
        is.as_deref().unwrap_or_default(),
        cause,
        "{}",
        finding.summary
    );
}

#[test]
fn a_good_answer_is_told_with_the_time_of_each_part() {
    let finding = ask(serve(|stream, _| ok(stream, "hello")), &["-s", "hello"]);
    assert_says(&finding, State::Ok, "", "HTTP/1.1 200 OK, 5 B in ");
    let names: Vec<&str> = finding.metrics.iter().map(|metric| &*metric.name).collect();
    let expected = [
        "time",
        "time_dns",
        "time_connect",
        "time_first_byte",
        "time_transfer",
        "size",
    ];
    assert_eq!(names, expected);
    assert_eq!(finding.data["status"], 200);
}

#[test]
fn answers_that_are_none_are_quoted_and_critical() {
    for (bytes, cause, text) in [
        (&b""[..], "connect", "closed the connection too early"),
        (
            b"SSH-2.0-OpenSSH_9\r\n",
            "content",
            "no http: 'SSH-2.0-OpenSSH_9'",
        ),
        (
            b"HTTP/1.1 200 OK\r\nA: b\r\n",
            "content",
            "it ends within the headers of 'HTTP/1.1 200 OK'",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "content",
            "closed the connection after 3 of 9 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "content",
            "within a chunk after 3 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "content",
            "a chunk size that is none: 'zz'",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
            "content",
            "contradicting Content-Length",
        ),
        (
            b"HTTP/1.1 500 \x1b[31m|bad\r\nContent-Length: 0\r\n\r\n",
            "content",
            "HTTP/1.1 500  [31m\u{a6}bad",
        ),
    ] {
        assert_says(&ask(canned(bytes), &[]), State::Critical, cause, text);
    }
}

#[test]
fn chunks_interim_answers_and_bodies_that_end_with_the_connection_are_read() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdefgh",
        b"HTTP/1.0 200 OK\r\n\r\nabcdef",
    ] {
        let finding = ask(canned(bytes), &["-r", "^abcdef$"]);
        assert_says(&finding, State::Ok, "", "200 OK, 6 B");
    }
}

#[test]
fn a_head_without_end_stops_at_its_limit() {
    let endless = serve(|stream, _| {
        read_head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream
            .write_all(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
            .is_ok()
        {}
    });
    assert_says(
        &ask(endless, &[]),
        State::Critical,
        "content",
        "larger than 65536 bytes",
    );
}

#[test]
fn of_an_endless_body_no_more_is_read_than_the_limit() {
    let endless = || {
        serve(|stream, _| {
            read_head(stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
            while stream.write_all(&[b'x'; 8192]).is_ok() {}
        })
    };
    let finding = ask(endless(), &["-s", "x", "--max-search", "4k"]);
    let longer = "the body is longer than --max-body 10.0 MiB";
    assert_says(&finding, State::Unknown, "config", longer);
    assert_eq!(finding.data["bytes_searched"], 4096);
    let unwanted = ["--not-regex", "y", "--max-search", "4k", "--max-body", "1M"];
    let finding = ask(endless(), &unwanted);
    let unsearched = "is not in the first 4.0 KiB of the body";
    assert!(finding.summary.contains(unsearched) || finding.detail.concat().contains(unsearched));
    let finding = ask(endless(), &["-s", "y", "--max-body", "1M"]);
    assert_says(
        &finding,
        State::Critical,
        "content",
        "'y' not found in the first 1.0 MiB of the body",
    );
}

#[test]
fn a_server_that_is_silent_or_drips_ends_with_the_deadline() {
    let pause = || std::thread::sleep(Duration::from_millis(30));
    let silent = serve(move |stream, _| {
        read_head(stream);
        std::thread::sleep(Duration::from_secs(2));
    });
    let drip_head = serve(move |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(b"x").is_ok() {
            pause();
        }
    });
    let drip_body = serve(move |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            pause();
        }
    });
    let time = Duration::from_millis(400);
    for server in [silent, drip_head] {
        assert_says(
            &within(server, &[], time),
            State::Critical,
            "timeout",
            "timeout waiting for an answer from",
        );
    }
    assert_says(
        &within(drip_body, &[], time),
        State::Critical,
        "timeout",
        "B of the body",
    );
}

#[test]
fn an_answer_before_the_request_was_read_counts() {
    let hasty = serve(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    });
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, vec![b'x'; 64 << 10]).unwrap();
    let finding = ask(hasty, &["--body-file", body.to_str().unwrap()]);
    // The kernel may throw the answer away together with the connection: then it is named as broken.
    let seen = line(&finding);
    assert!(
        seen.contains("413 Too Large") || seen.contains("connection broke"),
        "{seen}"
    );
}

#[test]
fn redirects_are_followed_from_hop_to_hop_and_end() {
    let server = || {
        serve(|stream, _| {
            let head = read_head(stream);
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = match path.as_str() {
                "/a/b" => write!(
                    stream,
                    "HTTP/1.1 302 Found\r\nLocation: ../c?d\r\nContent-Length: 0\r\n\r\n"
                ),
                "/c?d" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"),
                "/loop" => write!(stream, "HTTP/1.1 301 Moved\r\nLocation: /loop\r\n\r\n"),
                "/evil" => write!(
                    stream,
                    "HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\n\r\n"
                ),
                _ => write!(stream, "HTTP/1.1 302 Found\r\nLocation: {path}x\r\n\r\n"),
            };
        })
    };
    for (args, state, cause, text) in [
        (&["-u", "/a/b", "-f", "follow"][..], State::Ok, "", "/c?d"),
        (
            &[
                "-u",
                "/a/b",
                "-f",
                "follow",
                "-e",
                "200",
                "--final-url",
                "/c\\?d$",
            ],
            State::Ok,
            "",
            "200 OK",
        ),
        (
            &["-u", "/a/b", "-f", "follow", "--final-url", "/login"],
            State::Critical,
            "content",
            "ended at http://",
        ),
        (&["-u", "/a/b"], State::Ok, "", "302 Found"),
        (
            &["-u", "/a/b", "-f", "critical"],
            State::Critical,
            "content",
            "302 Found",
        ),
        (
            &["-u", "/loop", "-f", "follow"],
            State::Critical,
            "content",
            "in a circle",
        ),
        (
            &["-u", "/x", "-f", "follow"],
            State::Warning,
            "content",
            "more than 15 redirects",
        ),
        (
            &["-u", "/evil", "-f", "follow"],
            State::Unknown,
            "content",
            "neither http nor https",
        ),
    ] {
        assert_says(&ask(server(), args), state, cause, text);
    }
}

#[test]
fn a_name_is_pinned_to_an_address_and_sent_as_host() {
    let server = serve(|stream, _| {
        let head = read_head(stream);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n{head}");
    });
    let finding = ask(
        server,
        &[
            "-H",
            "www.example.org",
            "-s",
            "Host: www.example.org",
            "-k",
            "X-A: b",
            "-s",
            "X-A: b",
        ],
    );
    assert_says(&finding, State::Ok, "", "200 OK");
    assert_eq!(finding.host.as_deref(), Some("127.0.0.1"));
}

#[test]
fn certificates_are_verified_dated_and_described() {
    let authority = Authority::new();
    let roots = authority.roots();
    let roots = roots.to_str().unwrap();
    let good = || {
        serve_tls(authority.server("www.example.org", 10, 40), |stream, _| {
            ok(stream, "hi");
        })
    };
    let expired = || {
        serve_tls(authority.server("www.example.org", 90, -3), |stream, _| {
            ok(stream, "hi");
        })
    };
    let selfish = || serve_tls(self_signed("www.example.org"), |stream, _| ok(stream, "hi"));
    let host = ["-H", "www.example.org", "--roots", roots];
    for (server, args, state, cause, text) in [
        (good(), &["-S"][..], State::Ok, "", "200 OK, 2 B"),
        (
            good(),
            &["-C", "30,14"],
            State::Ok,
            "",
            "expires in 40 days",
        ),
        (
            good(),
            &["-C", "40"],
            State::Warning,
            "tls",
            "certificate 'www.example.org' expires in 40 days",
        ),
        (
            good(),
            &["-C", "50,40"],
            State::Critical,
            "tls",
            "expires in 40 days",
        ),
        (
            good(),
            &["-C", "40", "--continue-after-certificate"],
            State::Warning,
            "tls",
            "200 OK, 2 B",
        ),
        (good(), &["-S1.3"], State::Ok, "", "200 OK"),
        (
            good(),
            &["-S", "-H", "other.example.org"],
            State::Critical,
            "tls",
            "it is not for 'other.example.org'",
        ),
        (expired(), &["-S"], State::Critical, "tls", "expired on "),
        (expired(), &["-C", "10"], State::Critical, "tls", "expired"),
        (expired(), &["-S", "--insecure"], State::Ok, "", "200 OK"),
        (selfish(), &["-S"], State::Critical, "tls", "is self-signed"),
        (
            selfish(),
            &["-C", "10", "--insecure"],
            State::Ok,
            "",
            "expires in 90 days",
        ),
    ] {
        let own_name = args.contains(&"-H");
        let args = [args, if own_name { &host[2..] } else { &host }].concat();
        let finding = ask(server, &args);
        assert_says(&finding, state, cause, text);
        let certificates = finding.data["hops"][0]["certificates"].as_array().unwrap();
        assert!(
            certificates[0]["subject"]
                .as_str()
                .unwrap()
                .contains("www.example.org")
        );
        assert!(
            finding
                .metrics
                .iter()
                .any(|metric| metric.name == "certificate_left")
        );
    }
}

#[test]
fn plain_text_on_a_tls_port_and_tls_on_a_plain_port_are_told_apart() {
    let plain = serve(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    let finding = ask(plain, &["-S"]);
    assert_eq!(
        (finding.state, finding.cause.unwrap().to_string().as_str()),
        (State::Critical, "tls")
    );
    let authority = Authority::new();
    let server = serve_tls(authority.server("a", 1, 9), |stream, _| ok(stream, ""));
    assert_eq!(ask(server, &[]).state, State::Critical);
}

#[test]
fn a_password_on_the_command_line_works_and_is_frowned_upon() {
    let server = serve(|stream, _| {
        let head = read_head(stream);
        let status = if head.contains("Authorization: Basic dTpw\r\n") {
            200
        } else {
            401
        };
        let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
    });
    let finding = ask(server, &["-a", "u:p"]);
    assert_eq!(finding.state, State::Ok);
    assert!(finding.detail[0].contains("--auth-file"));
    assert!(!format!("{finding:?}").contains("u:p"));
}

#[test]
fn where_a_request_goes_follows_from_host_address_port_and_url() {
    for (args, url, host, port) in [
        (&["-H", "a"][..], "http://a/", "a", 80),
        (&["-H", "a", "-S"], "https://a/", "a", 443),
        (&["-H", "a", "-C", "9"], "https://a/", "a", 443),
        (&["-H", "a:81"], "http://a:81/", "a", 81),
        (&["-H", "a:81", "-p", "82"], "http://a:81/", "a", 82),
        (
            &["-H", "a", "-p", "82", "-u", "x y"],
            "http://a:82/x%20y",
            "a",
            82,
        ),
        (
            &["-I", "[::1]", "-p", "82"],
            "http://[::1]:82/",
            "[::1]",
            82,
        ),
        (
            &["-H", "a", "-I", "192.0.2.1"],
            "http://a/",
            "192.0.2.1",
            80,
        ),
        (&["-u", "https://a/x"], "https://a/x", "a", 443),
        (
            &["-u", "https://a/x", "-I", "192.0.2.1"],
            "https://a/x",
            "192.0.2.1",
            443,
        ),
    ] {
        let start = start(args).unwrap();
        let is = (start.url.to_string(), start.host.as_str(), start.port);
        assert_eq!(is, (url.to_owned(), host, port), "{args:?}");
    }
    for args in [
        &[][..],
        &["-H", "a b"],
        &["-u", "http://u:p@a/"],
        &["-u", "ftp://a/"],
        &["-S", "-u", "http://a/"],
    ] {
        assert!(start(args).is_err(), "{args:?}");
    }
}

fn start(args: &[&str]) -> Result<super::Start, String> {
    let command =
        <super::Flags as clap::Args>::augment_args(clap::Command::new("http").no_binary_name(true));
    let matches = command.try_get_matches_from(args).unwrap();
    super::start(&<super::Flags as clap::FromArgMatches>::from_arg_matches(&matches).unwrap())
}
