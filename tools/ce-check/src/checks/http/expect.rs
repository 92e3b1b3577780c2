//! What an answer must be: the tests of its status, headers, body and age, judged without touching anything.

use std::time::Duration;

use ce_record::quantity::{bytes, duration};
use ce_record::{Cause, State};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

use super::client::{Answer, Body, End};
use super::flags::Flags;
use super::message::{Head, excerpt};
use super::values::OnRedirect;

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) state: State,
    pub(super) cause: Cause,
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(state: State, cause: Cause, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { state, cause, text }
    }

    fn content(text: impl Into<String>) -> Self {
        Self::new(State::Critical, Cause::CONTENT, text)
    }
}

/// A regular expression over the body. Without `-l` lines are apart, as POSIX's REG_NEWLINE has it.
pub(super) fn pattern(text: &str, blind_to_case: bool, linespan: bool) -> Result<Regex, String> {
    /// What a compiled expression may take, in bytes.
    const LIMIT: usize = 2 << 20;
    RegexBuilder::new(text)
        .case_insensitive(blind_to_case)
        .multi_line(!linespan)
        .dot_matches_new_line(linespan)
        .size_limit(LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => format!("regex {} is too large", excerpt(text)),
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!("bad regex: {}", last.trim_start_matches("error: "))
            }
        })
}

/// Every problem of an answer, worst first.
pub(super) fn problems(flags: &Flags, answer: &Answer, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(status(flags, &answer.head));
    for test in &flags.header_string {
        if !test.fits(&answer.head) {
            problems.push(Problem::content(format!(
                "header {} not found",
                excerpt(&test.text)
            )));
        }
    }
    problems.extend(ending(flags, &answer.body));
    problems.extend(text(flags, &answer.body));
    problems.extend(json(flags, &answer.body));
    problems.extend(page_size(flags, &answer.body));
    problems.extend(
        flags
            .max_age
            .and_then(|limit| age(&answer.head, limit, now)),
    );
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.state));
    problems
}

/// Whether this status leads somewhere else.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 300..=303 | 305..=308)
}

fn status(flags: &Flags, head: &Head) -> Option<Problem> {
    let problem = |state| Some(Problem::new(state, Cause::CONTENT, head.line.clone()));
    if !flags.expect.is_empty() {
        let fits = flags.expect.iter().any(|test| test.fits(head));
        return (!fits).then(|| Problem::content(format!("status not expected: {}", head.line)));
    }
    match head.status {
        100..=299 => None,
        300..=399 => match flags.onredirect {
            OnRedirect::Warning => problem(State::Warning),
            OnRedirect::Critical => problem(State::Critical),
            OnRedirect::Ok | OnRedirect::Follow | OnRedirect::Sticky | OnRedirect::Stickyport => {
                None
            }
        },
        400..=499 => problem(State::Warning),
        _ => problem(State::Critical),
    }
}

/// A body that was cut off, or read no further on purpose.
fn ending(flags: &Flags, body: &Body) -> Option<Problem> {
    match &body.end {
        End::Complete | End::Unread => None,
        End::Broken(what) => Some(Problem::content(format!("broken body: {what}"))),
        End::Lost(error) => Some(Problem::new(
            State::Critical,
            error.cause(),
            format!("{error} after {} of the body", bytes(body.bytes)),
        )),
        // One that is too large already is judged so.
        End::Limit => page_size(flags, body).is_none().then(|| {
            let limit = bytes(flags.max_body);
            Problem::new(
                State::Unknown,
                Cause::CONFIG,
                format!("the body is longer than --max-body {limit}, or leave it out with -N"),
            )
        }),
    }
}

fn text(flags: &Flags, body: &Body) -> Vec<Problem> {
    let beyond = if body.is_cut() {
        format!(
            " in the first {} of the body",
            bytes(body.kept.len() as u64)
        )
    } else {
        " in the body".to_owned()
    };
    let mut missing = Vec::new();
    let mut found = 0;
    for wanted in &flags.string {
        if contains(&body.kept, wanted) {
            found += 1;
        } else {
            missing.push(format!("{} not found{beyond}", excerpt(wanted)));
        }
    }
    let mut problems = Vec::new();
    let regexes = flags.regex.iter().map(|text| (text, false));
    let regexes = regexes.chain(flags.eregi.iter().map(|text| (text, true)));
    for (wanted, blind_to_case) in regexes {
        match pattern(wanted, blind_to_case, flags.linespan) {
            Err(fault) => problems.push(Problem::new(State::Unknown, Cause::CONFIG, fault)),
            Ok(regex) => match (regex.is_match(&body.kept), flags.invert_regex) {
                (true, true) => problems.push(Problem::content(format!(
                    "{} matches{beyond}",
                    excerpt(wanted)
                ))),
                (true, false) => found += 1,
                (false, true) => problems.extend(unsearched(flags, body, wanted)),
                (false, false) => {
                    missing.push(format!("{} does not match{beyond}", excerpt(wanted)));
                }
            },
        }
    }
    for unwanted in &flags.not_regex {
        match pattern(unwanted, false, flags.linespan) {
            Err(fault) => problems.push(Problem::new(State::Unknown, Cause::CONFIG, fault)),
            Ok(regex) if regex.is_match(&body.kept) => {
                problems.push(Problem::content(format!(
                    "{} matches{beyond}",
                    excerpt(unwanted)
                )));
            }
            Ok(_) => problems.extend(unsearched(flags, body, unwanted)),
        }
    }
    if !(flags.any && found > 0) {
        problems.extend(missing.into_iter().map(Problem::content));
    }
    problems
}

/// That something is nowhere in a body can only be told of all of it.
fn unsearched(flags: &Flags, body: &Body, unwanted: &str) -> Option<Problem> {
    body.is_cut().then(|| {
        let text = format!(
            "{} is not in the first {} of the body, more is not searched: raise --max-search {}",
            excerpt(unwanted),
            bytes(body.kept.len() as u64),
            bytes(flags.max_search)
        );
        Problem::new(State::Unknown, Cause::CONFIG, text)
    })
}

/// A literal regex finds by the fastest means there is; it cannot be malformed.
fn contains(body: &[u8], wanted: &str) -> bool {
    RegexBuilder::new(&regex::escape(wanted))
        .build()
        .is_ok_and(|regex| regex.is_match(body))
}

fn json(flags: &Flags, body: &Body) -> Vec<Problem> {
    if flags.json_pointer.is_empty() {
        return Vec::new();
    }
    if body.is_cut() {
        let text = format!(
            "the JSON is larger than --max-search {} or --max-body",
            bytes(flags.max_search)
        );
        return vec![Problem::new(State::Unknown, Cause::CONFIG, text)];
    }
    match serde_json::from_slice::<Value>(&body.kept) {
        Err(error) => vec![Problem::content(format!("the body is no JSON: {error}"))],
        Ok(value) => {
            let faults = flags
                .json_pointer
                .iter()
                .filter_map(|test| test.fault(&value));
            faults.map(Problem::content).collect()
        }
    }
}

fn page_size(flags: &Flags, body: &Body) -> Option<Problem> {
    let wanted = flags.pagesize?;
    let text = if body.bytes < wanted.min {
        format!(
            "body of {} is smaller than {}",
            bytes(body.bytes),
            bytes(wanted.min)
        )
    } else {
        let max = wanted.max.filter(|max| body.bytes > *max)?;
        format!(
            "body of {} is larger than {}",
            bytes(body.bytes),
            bytes(max)
        )
    };
    Some(Problem::new(State::Warning, Cause::CONTENT, text))
}

/// By Last-Modified against the server's own Date where it has one: its clock is not what is asked about.
fn age(head: &Head, limit: Duration, now: Timestamp) -> Option<Problem> {
    // A clock is rarely better than this between machines.
    const FUTURE_S: i64 = 30;
    let time = |name| head.value(name).map(http_date);
    let now = match time("date") {
        Some(Some(date)) => date,
        Some(None) => return Some(Problem::content("Date header cannot be read")),
        None => now,
    };
    let modified = match time("last-modified") {
        Some(Some(modified)) => modified,
        Some(None) => return Some(Problem::content("Last-Modified header cannot be read")),
        None => {
            return Some(Problem::content(
                "age of the document is not known: it has no Last-Modified",
            ));
        }
    };
    let age_s = now.as_second() - modified.as_second();
    let age = Duration::from_secs(age_s.unsigned_abs());
    if age_s < -FUTURE_S {
        Some(Problem::content(format!(
            "the document is {} in the future",
            duration(age)
        )))
    } else if age_s > 0 && age > limit {
        Some(Problem::content(format!(
            "the document is {} old, more than {}",
            duration(age),
            duration(limit)
        )))
    } else {
        None
    }
}

/// The one form that is sent today (RFC 9110 section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    PARSER.parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests;
