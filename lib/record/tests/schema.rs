//! The schema is what others rely on: everything that is written must satisfy it, and it must refuse what is broken.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail; clippy sees only #[test] functions as tests"
)]

use ce_record::{Cause, Finding, Metric, Range, Record, SCHEMA, Stamp, State, Thresholds};
use proptest::prelude::*;
use serde_json::{Value, json};

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn stamp() -> Stamp {
    Stamp {
        id: "0198c0de-7a11-7000-8000-000000000001".to_owned(),
        time: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        took_ms: 12,
        tool: "ce-check".to_owned(),
        check: "disk".to_owned(),
        host: "mon1".to_owned(),
        ttl_s: Some(600),
    }
}

fn full() -> Record {
    let limits = Thresholds::new(Some(Range::at_most(80.0)), "@1.5:90".parse().ok());
    Finding::new(State::Critical, "97 % used\non /var | now")
        .object("/var")
        .host("db1")
        .detail("a|b\tc")
        .metric(Metric::new("used", 97, "%").limits(limits).min(0).max(100))
        .metric(Metric::new("no_number", f64::NAN, ""))
        .cause(Cause::THRESHOLD)
        .data("mount", json!({"fs": "ext4"}))
        .into_record(stamp())
}

fn as_json(record: &Record) -> Value {
    serde_json::to_value(record).unwrap()
}

#[test]
fn every_record_that_a_finding_becomes_satisfies_the_schema() {
    let validator = validator();
    let tiny = Finding::new(State::Ok, "").object("").into_record(stamp());
    let mut huge = Finding::new(State::Warning, "ß|".repeat(5000)).object("/".repeat(9000));
    for _ in 0..2000 {
        huge = huge.detail("é".repeat(5000));
    }
    for record in [tiny, full(), huge.into_record(stamp())] {
        let faults: Vec<_> = validator
            .iter_errors(&as_json(&record))
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert_eq!(faults, [""; 0]);
    }
}

#[test]
fn the_schema_names_every_field_of_the_record_and_requires_what_is_always_there() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let written = as_json(&full());
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let (mut named, mut used) = (keys(&schema["properties"]), keys(&written));
    named.sort();
    used.sort();
    assert_eq!(named, used);
    let required = schema["required"].as_array().unwrap();
    let least = as_json(&Finding::new(State::Ok, "x").into_record(Stamp {
        ttl_s: None,
        ..stamp()
    }));
    assert_eq!(keys(&least).len(), required.len());
    for field in required {
        assert!(least.get(field.as_str().unwrap()).is_some(), "{field}");
    }
}

#[test]
fn a_broken_record_is_refused() {
    let validator = validator();
    let whole = as_json(&full());
    for field in [
        "v", "id", "time", "took_ms", "tool", "check", "host", "state", "summary",
    ] {
        let mut broken = whole.clone();
        broken.as_object_mut().unwrap().remove(field);
        assert!(!validator.is_valid(&broken), "without {field}");
    }
    for (pointer, value) in [
        ("/v", json!(2)),
        ("/v", json!("1")),
        ("/id", json!("1234")),
        ("/time", json!("2026-01-02 03:04:05")),
        ("/time", json!("2026-01-02T03:04:05+01:00")),
        ("/took_ms", json!(-1)),
        ("/took_ms", json!(1.5)),
        ("/host", json!("")),
        ("/from", json!(null)),
        ("/object", json!("a\nb")),
        ("/state", json!("OK")),
        ("/summary", json!("a | b")),
        ("/summary", json!("a\u{1b}[31m")),
        ("/summary", json!("x".repeat(1025))),
        ("/detail", json!("one line")),
        ("/detail/0", json!("a\u{7f}")),
        ("/metrics/0/name", json!("")),
        ("/metrics/0/value", json!("97")),
        ("/metrics/0/warn", json!(80)),
        ("/metrics/0/warn", json!("foo")),
        ("/metrics/0/crit", json!("1:~")),
        ("/metrics/0/crit", json!("")),
        ("/metrics/0/crit", json!("@")),
        ("/cause", json!("Bad Cause")),
        ("/ttl_s", json!("600")),
        ("/data", json!([])),
    ] {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap() = value.clone();
        assert!(!validator.is_valid(&broken), "{pointer} = {value}");
    }
}

#[test]
fn unknown_fields_are_allowed() {
    let mut record = as_json(&full());
    record["new_in_v1_1"] = json!({"a": 1});
    record["metrics"][0]["trend"] = json!(0.5);
    assert!(validator().is_valid(&record));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_a_check_says_becomes_a_valid_record(
        summary in "(?s).{0,200}", object in "(?s).{0,40}", detail in "(?s).{0,40}",
        value in any::<f64>(), start in any::<f64>(), end in any::<f64>(),
    ) {
        let limits = Thresholds::new(Range::new(start, end), None);
        let finding = Finding::new(State::Warning, summary)
            .object(object)
            .detail(detail)
            .metric(Metric::new("a", value, "s").limits(limits));
        let record = finding.into_record(stamp());
        let written = as_json(&record);
        prop_assert!(validator().is_valid(&written), "{}", written);
    }
}
