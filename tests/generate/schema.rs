//! The JSON Schema of what ce-check writes: the record, and each check's own metrics and data.

use std::path::PathBuf;

use ce_check::{CHECKS, Check};
use serde_json::{Map, Value, json};

/// `tools/ce-check/ce-check.schema.json`.
pub(crate) fn of_check() -> (PathBuf, Vec<u8>) {
    let checks: Vec<Value> = CHECKS.iter().map(|check| rule(check)).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of ce-check: record.schema.json, and the metrics and data of each check",
        "type": "object",
        "properties": { "tool": { "const": "ce-check" } },
        "allOf": checks,
    });
    let mut text = format!("{schema:#}").into_bytes();
    text.push(b'\n');
    (PathBuf::from("tools/ce-check/ce-check.schema.json"), text)
}

/// If it is this check, its metrics and data are among those documented.
fn rule(check: &Check) -> Value {
    let data: Map<String, Value> = check
        .data
        .iter()
        .map(|field| {
            (
                field.name.to_owned(),
                json!({ "type": field.kind, "description": field.about }),
            )
        })
        .collect();
    let mut then =
        json!({ "data": { "type": "object", "properties": data, "additionalProperties": false } });
    if !check.foreign_metrics {
        let metrics: Vec<Value> = check
            .metrics
            .iter()
            .map(|metric| {
                let unit = if metric.unit.is_empty() { json!(false) } else { json!({ "const": metric.unit }) };
                json!({
                    "description": metric.about,
                    "properties": { "name": { "const": metric.name }, "unit": unit },
                    "required": if metric.unit.is_empty() { json!(["name"]) } else { json!(["name", "unit"]) },
                })
            })
            .collect();
        then["metrics"] = if metrics.is_empty() {
            json!({ "maxItems": 0 })
        } else {
            json!({ "items": { "anyOf": metrics } })
        };
    }
    json!({
        "if": { "properties": { "check": { "const": check.name } } },
        "then": { "properties": then },
    })
}
