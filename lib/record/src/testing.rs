//! Records for the tests of this crate.

use crate::{Finding, Record, Stamp};

/// A finding of this check on the machine `web1`, at a fixed time.
pub(crate) fn record(check: &str, finding: Finding) -> Record {
    finding.into_record(Stamp {
        id: "018f0000-0000-7000-8000-000000000000".to_owned(),
        time: jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_700_000_000),
        took_ms: 3,
        tool: "ce-check".to_owned(),
        check: check.to_owned(),
        host: "web1".to_owned(),
        ttl_s: None,
    })
}
