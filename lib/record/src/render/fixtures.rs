//! Records as programs would write them, for the tests of all renderers.

use crate::{Cause, Finding, Metric, Range, Record, Stamp, State, Thresholds};

fn stamp(check: &str, host: &str) -> Stamp {
    Stamp {
        id: "0198c0de-7a11-7000-8000-000000000001".to_owned(),
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        took_ms: 12,
        tool: "ce-check".to_owned(),
        check: check.to_owned(),
        host: host.to_owned(),
        ttl_s: Some(600),
    }
}

fn usage(object: &str, state: State, used_gib: i64, share: f64) -> Record {
    let limits = Thresholds::new(Some(Range::at_most(90.0)), Some(Range::at_most(95.0)));
    let finding = Finding::new(state, format!("{share} % used, {used_gib} GiB"))
        .object(object)
        .metric(
            Metric::new("used", used_gib << 30, "B")
                .min(0)
                .max(100i64 << 30),
        )
        .metric(Metric::new("used_share", share, "%").limits(limits))
        .cause(Cause::THRESHOLD);
    let finding = if state == State::Ok {
        finding
    } else {
        finding.detail("largest folder: mysql")
    };
    finding.into_record(stamp("disk", "db1"))
}

/// Three objects of one check on one host, worst first.
pub(crate) fn disk() -> Vec<Record> {
    vec![
        usage("/var", State::Critical, 97, 97.5),
        usage("/srv/größer", State::Warning, 91, 91.0),
        usage("/", State::Ok, 34, 34.0),
    ]
}

/// A network check, seen from another machine.
pub(crate) fn web() -> Vec<Record> {
    let limit = Thresholds::new(None, Some("10000000".parse().unwrap()));
    let mut hits = Metric::new("hits", 12345, "c");
    hits.min = Some(0.into());
    let finding = Finding::new(State::Ok, "200 in 0.25 s")
        .host("www.example.org")
        .metric(Metric::new("total", 250_000, "us").limits(limit).min(0))
        .metric(hits);
    vec![finding.into_record(stamp("http", "mon1"))]
}
