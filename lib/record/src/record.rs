//! The record, version 1.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Metric, State};

/// Why something is not OK, in one word that a router or a person can act on. Open: others are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(pub Cow<'static, str>);

impl Cause {
    /// A value left its range.
    pub const THRESHOLD: Self = Self(Cow::Borrowed("threshold"));
    /// A name did not resolve.
    pub const DNS: Self = Self(Cow::Borrowed("dns"));
    /// No connection.
    pub const CONNECT: Self = Self(Cow::Borrowed("connect"));
    /// Handshake or certificate.
    pub const TLS: Self = Self(Cow::Borrowed("tls"));
    /// No answer within the time allowed.
    pub const TIMEOUT: Self = Self(Cow::Borrowed("timeout"));
    /// It answered, but something other than expected.
    pub const CONTENT: Self = Self(Cow::Borrowed("content"));
    /// Refused for who asks.
    pub const AUTH: Self = Self(Cow::Borrowed("auth"));
    /// Arguments or configuration.
    pub const CONFIG: Self = Self(Cow::Borrowed("config"));
    /// A file, a device or the system said no.
    pub const SYSTEM: Self = Self(Cow::Borrowed("system"));
    /// A fault of this program.
    pub const INTERNAL: Self = Self(Cow::Borrowed("internal"));
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What stays the same over time while the state changes: the identity of the thing observed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The machine that it is about.
    pub host: String,
    /// The check.
    pub check: String,
    /// The part of the host, empty when there is one only.
    pub object: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.host, self.check)?;
        if self.object.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.object)
        }
    }
}

/// One observation of one thing. Field by field it is `record.schema.json`; absent means not applicable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the language: 1.
    pub v: u32,
    /// Unique for this observation (UUIDv7).
    pub id: String,
    /// When it was observed, UTC.
    pub time: Timestamp,
    /// How long observing took, in milliseconds.
    #[serde(default)]
    pub took_ms: u64,
    /// The program that wrote it.
    pub tool: String,
    /// What was looked at.
    pub check: String,
    /// The machine that it is about.
    pub host: String,
    /// The vantage it was observed from, when that is not `host` itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The part of the host, when there can be several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// How it is.
    pub state: State,
    /// One line for a phone: what, how much, what next.
    pub summary: String,
    /// More lines, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Why it is not OK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// After so many seconds the record is stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u64>,
    /// What is specific to the tool and check.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    /// Fields that this version does not know, passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Record {
    /// The version that this library writes.
    pub const VERSION: u32 = 1;

    /// The identity of the thing observed.
    #[must_use]
    pub fn key(&self) -> Key {
        Key {
            host: self.host.clone(),
            check: self.check.clone(),
            object: self.object.clone().unwrap_or_default(),
        }
    }
}
