//! What a judge says, before it is stamped with where and when.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::text::{clip, one_line};
use crate::{Cause, Metric, Record, State};

/// As in `record.schema.json`, in characters: a phone shows less, a log line that is longer is no summary.
const MAX_SUMMARY: usize = 1024;
/// As in `record.schema.json`, in characters: the longest path that Linux takes.
const MAX_LINE: usize = 4096;
/// As in `record.schema.json`: whoever wants all of it asks the machine.
const MAX_DETAIL: usize = 1000;
/// As all detail together must leave room for the rest of a line of 1 MiB, escaped.
const MAX_DETAIL_BYTES: usize = 256 * 1024;

/// A verdict on one thing: everything in a [`Record`] that does not depend on clock, host and program.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The part of the host, when there can be several.
    pub object: Option<String>,
    /// The machine that it is about, when that is another than the one that looks.
    pub host: Option<String>,
    /// How it is.
    pub state: State,
    /// One line for a phone.
    pub summary: String,
    /// More lines, worst first.
    pub detail: Vec<String>,
    /// What was measured.
    pub metrics: Vec<Metric>,
    /// Why it is not OK.
    pub cause: Option<Cause>,
    /// What is specific to the check.
    pub data: Map<String, Value>,
}

impl Finding {
    /// A state and the line that says why.
    #[must_use]
    pub fn new(state: State, summary: impl Into<String>) -> Self {
        Self {
            object: None,
            host: None,
            state,
            summary: summary.into(),
            detail: Vec::new(),
            metrics: Vec::new(),
            cause: None,
            data: Map::new(),
        }
    }

    /// About this part of the host.
    #[must_use]
    pub fn object(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// About another machine, seen from here.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// With one more line of detail.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.detail.push(line.into());
        self
    }

    /// With one more measured value.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metrics.push(metric);
        self
    }

    /// For this reason; forgotten when the state is OK.
    #[must_use]
    pub fn cause(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// With one more field of data.
    #[must_use]
    pub fn data(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The record: this verdict, stamped. Control characters and `|` cannot survive in its lines, and what is longer
    /// than the schema allows is cut with a sign that it was.
    #[must_use]
    pub fn into_record(self, stamp: Stamp) -> Record {
        let remote = self.host.filter(|host| *host != stamp.host);
        let (host, from) = match remote {
            Some(host) => (host, Some(stamp.host)),
            None => (stamp.host, None),
        };
        Record {
            v: Record::VERSION,
            id: stamp.id,
            time: stamp.time,
            took_ms: stamp.took_ms,
            tool: stamp.tool,
            check: stamp.check,
            host: one_line(&host),
            from,
            object: self
                .object
                .map(|object| clip(&one_line(&object), MAX_LINE))
                .filter(|object| !object.is_empty()),
            state: self.state,
            summary: clip(&one_line(&self.summary), MAX_SUMMARY),
            detail: detail_lines(&self.detail),
            metrics: self.metrics,
            cause: self.cause.filter(|_| self.state != State::Ok),
            ttl_s: stamp.ttl_s,
            data: self.data,
            extra: Map::new(),
        }
    }
}

/// The lines that fit, and a last one that counts the others.
fn detail_lines(detail: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut bytes = 0;
    for (at, line) in detail.iter().enumerate() {
        let line = clip(&one_line(line), MAX_LINE);
        bytes += line.len();
        let is_last = at + 1 == detail.len();
        if bytes > MAX_DETAIL_BYTES || (at + 1 == MAX_DETAIL && !is_last) {
            lines.push(format!("(+{} more lines)", detail.len() - at));
            break;
        }
        lines.push(line);
    }
    lines
}

/// Where, when and by whom a finding was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Unique for this observation (UUIDv7).
    pub id: String,
    /// When it was observed.
    pub time: Timestamp,
    /// How long observing took, in milliseconds.
    pub took_ms: u64,
    /// The program.
    pub tool: String,
    /// What was looked at.
    pub check: String,
    /// The machine that looked.
    pub host: String,
    /// After so many seconds the record is stale.
    pub ttl_s: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(finding: Finding) -> Record {
        finding.into_record(Stamp {
            id: "0198c0de-7a11-7000-8000-000000000001".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            took_ms: 0,
            tool: "ce-check".to_owned(),
            check: "disk".to_owned(),
            host: "db1".to_owned(),
            ttl_s: None,
        })
    }

    #[test]
    fn the_vantage_is_named_only_where_another_machine_is_looked_at() {
        let local = record(Finding::new(State::Ok, "x").host("db1"));
        assert_eq!((local.host.as_str(), local.from), ("db1", None));
        let remote = record(Finding::new(State::Ok, "x").host("www"));
        assert_eq!(
            (remote.host.as_str(), remote.from.as_deref()),
            ("www", Some("db1"))
        );
    }

    #[test]
    fn what_is_ok_has_no_cause() {
        assert_eq!(
            record(Finding::new(State::Ok, "x").cause(Cause::DNS)).cause,
            None
        );
        let bad = record(Finding::new(State::Warning, "x").cause(Cause::DNS));
        assert_eq!(bad.cause, Some(Cause::DNS));
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let mut finding = Finding::new(State::Ok, "ß".repeat(2000));
        for number in 0..1500 {
            finding = finding.detail(number.to_string());
        }
        let record = record(finding);
        assert_eq!(record.summary.chars().count(), MAX_SUMMARY);
        assert!(record.summary.ends_with("ß..."));
        assert_eq!(record.detail.len(), MAX_DETAIL);
        assert_eq!(record.detail[MAX_DETAIL - 1], "(+501 more lines)");
    }
}
