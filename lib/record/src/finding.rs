//! What a judge says, before it is stamped with where and when.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{Cause, Metric, Record, State, text::one_line};

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

    /// The record: this verdict, stamped. Control characters and `|` cannot survive in its lines.
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
            object: self.object.as_deref().map(one_line),
            state: self.state,
            summary: one_line(&self.summary),
            detail: self.detail.iter().map(|line| one_line(line)).collect(),
            metrics: self.metrics,
            cause: self.cause.filter(|_| self.state != State::Ok),
            ttl_s: stamp.ttl_s,
            data: self.data,
            extra: Map::new(),
        }
    }
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
