//! Tables of what is expected against what came.

use clap::FromArgMatches;

use super::*;

fn flags(args: &[&str]) -> Flags {
    let command =
        <Flags as clap::Args>::augment_args(clap::Command::new("http").no_binary_name(true));
    Flags::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
}

fn answer(line: &str, fields: &str, body: &str) -> Answer {
    Answer {
        head: Head::parse(format!("{line}\r\n{fields}\r\n\r\n").as_bytes()).unwrap(),
        body: Body {
            kept: body.as_bytes().to_vec(),
            bytes: body.len() as u64,
            end: End::Complete,
        },
    }
}

fn worst(args: &[&str], answer: &Answer) -> State {
    let now = "2026-01-10T00:00:00Z".parse().unwrap();
    let problems = problems(&flags(args), answer, now);
    problems.first().map_or(State::Ok, |problem| problem.state)
}

#[test]
fn a_status_is_judged_as_check_http_judges_it() {
    for (status, args, state) in [
        (200, &[][..], State::Ok),
        (302, &[], State::Ok),
        (302, &["-f", "warning"], State::Warning),
        (302, &["-f", "critical"], State::Critical),
        (404, &[], State::Warning),
        (500, &[], State::Critical),
        (700, &[], State::Critical),
        (404, &["-e", "404"], State::Ok),
        (404, &["-e", "2xx,404"], State::Ok),
        (200, &["-e", "401-403"], State::Critical),
        (500, &["-e", "HTTP/1."], State::Ok),
    ] {
        assert_eq!(
            worst(args, &answer(&format!("HTTP/1.1 {status} X"), "A: b", "")),
            state,
            "{status} {args:?}"
        );
    }
}

#[test]
fn a_body_is_searched_for_all_any_or_none() {
    let answer = answer("HTTP/1.1 200 OK", "A: b", "Hello World\nfoo bar\n");
    for (args, state) in [
        (&["-s", "World", "-s", "foo"][..], State::Ok),
        (&["-s", "World", "-s", "nope"], State::Critical),
        (&["-s", "World", "-s", "nope", "--any"], State::Ok),
        (&["-s", "no", "-r", "nope", "--any"], State::Critical),
        (&["-r", "World.foo"], State::Critical),
        (&["-l", "-r", "World.foo"], State::Ok),
        (&["-r", "^foo"], State::Ok),
        (&["-l", "-r", "^foo"], State::Critical),
        (&["-R", "WORLD"], State::Ok),
        (&["-r", "WORLD"], State::Critical),
        (&["-r", "World", "--invert-regex"], State::Critical),
        (&["-r", "nope", "--invert-regex"], State::Ok),
        (&["--not-regex", "foo"], State::Critical),
        (&["--not-regex", "nope"], State::Ok),
        (&["-m", "20"], State::Ok),
        (&["-m", "21"], State::Warning),
        (&["-m", "1:19"], State::Warning),
        (&["--json-pointer", "/a"], State::Critical),
        (&["-d", "A: b"], State::Ok),
        (&["-d", "C"], State::Critical),
    ] {
        assert_eq!(worst(args, &answer), state, "{args:?}");
    }
}

#[test]
fn the_age_of_a_document_is_told_by_the_servers_own_clock() {
    for (fields, state) in [
        ("Last-Modified: Sat, 10 Jan 2026 00:00:00 GMT", State::Ok),
        (
            "Last-Modified: Fri, 09 Jan 2026 23:59:00 GMT",
            State::Critical,
        ),
        (
            "Date: Sat, 10 Jan 2026 01:00:00 GMT\r\nLast-Modified: Sat, 10 Jan 2026 00:59:55 GMT",
            State::Ok,
        ),
        (
            "Last-Modified: Sat, 10 Jan 2026 01:00:00 GMT",
            State::Critical,
        ),
        ("Last-Modified: yesterday", State::Critical),
        ("A: b", State::Critical),
    ] {
        assert_eq!(
            worst(&["-M", "30"], &answer("HTTP/1.1 200 OK", fields, "")),
            state,
            "{fields}"
        );
    }
}

#[test]
fn a_regex_that_is_none_or_too_large_is_named() {
    assert!(
        pattern("(", false, false)
            .unwrap_err()
            .contains("unclosed group")
    );
    assert!(
        pattern("(?:a{1000}){1000}", false, false)
            .unwrap_err()
            .contains("too large")
    );
}
