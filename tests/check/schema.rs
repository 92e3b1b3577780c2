//! Everything that ce-check writes, against the schemas that are installed with it.

use ce_check::CHECKS;
use ce_tests::program::{Program, Said, project};
use jsonschema::Validator;
use serde_json::Value;

/// The record's schema and the program's own.
pub(crate) fn validators() -> [Validator; 2] {
    [
        "lib/record/record.schema.json",
        "tools/ce-check/ce-check.schema.json",
    ]
    .map(|path| {
        let text = std::fs::read_to_string(project().join(path)).expect("a schema");
        let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        jsonschema::draft202012::new(&schema).expect("a schema is valid")
    })
}

/// Panics with what is wrong when a record does not fit.
pub(crate) fn assert_valid(said: &Said) {
    let validators = validators();
    for record in said.records() {
        for validator in &validators {
            let faults: Vec<String> = validator
                .iter_errors(&record)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{record:#}\n{faults:?}");
        }
    }
}

#[test]
fn a_record_that_does_not_fit_is_found() {
    let said = Program::check().args(["load"]).run();
    let good = said.record();
    let [record, own] = validators();
    assert!(record.is_valid(&good) && own.is_valid(&good));
    for (pointer, value) in [
        ("/state", Value::from("fine")),
        ("/summary", Value::from("a|b")),
        ("/summary", Value::from("a\nb")),
        ("/id", Value::from("1")),
        ("/time", Value::from("yesterday")),
        ("/host", Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("the field is there") = value;
        assert!(!record.is_valid(&bad), "{pointer}");
    }
    let mut bad = good.clone();
    bad["data"]["surprise"] = Value::from(1);
    assert!(!own.is_valid(&bad));
    bad = good.clone();
    bad["metrics"][0]["name"] = Value::from("surprise");
    assert!(!own.is_valid(&bad));
}

#[test]
fn every_machine_check_writes_valid_records_without_any_flag() {
    for check in CHECKS
        .iter()
        .filter(|check| check.group == ce_check::Group::Machine)
    {
        let said = Program::check().args([check.name]).run();
        if said.stdout.is_empty() {
            // It needs to be told what to look at.
            assert_eq!(said.code, 3, "{}: {said:?}", check.name);
            continue;
        }
        assert!((0..=3).contains(&said.code), "{}: {said:?}", check.name);
        assert_valid(&said);
    }
}

#[test]
fn network_checks_that_reach_nothing_write_valid_records() {
    let port = ce_tests::server::free_port().to_string();
    for check in CHECKS
        .iter()
        .filter(|check| check.group == ce_check::Group::Network)
    {
        let said = Program::check()
            .args([check.name, "-H", "127.0.0.1", "-p", &port, "-t", "1"])
            .run();
        if said.stdout.is_empty() {
            assert_eq!(said.code, 3, "{}: {said:?}", check.name);
            continue;
        }
        assert!((0..=3).contains(&said.code), "{}: {said:?}", check.name);
        assert_valid(&said);
    }
}
