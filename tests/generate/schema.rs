//! The JSON Schemas of what the programs write: the record, and each check's own metrics and data.

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

/// `tools/ce-backup/ce-backup.schema.json`.
pub(crate) fn of_backup() -> (PathBuf, Vec<u8>) {
    let rules: Vec<Value> = ce_backup::DOCUMENTED.iter().map(of_command).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of ce-backup: record.schema.json, and the metrics and data of each command",
        "type": "object",
        "properties": { "tool": { "const": "ce-backup" } },
        "allOf": rules,
    });
    let mut text = format!("{schema:#}").into_bytes();
    text.push(b'\n');
    (PathBuf::from("tools/ce-backup/ce-backup.schema.json"), text)
}

/// A path that is not UTF-8 is written `{"base64": ...}`.
fn types(kind: &str) -> Value {
    match kind {
        "path" => json!(["string", "object"]),
        kind => json!(kind),
    }
}

fn of_command(entry: &ce_backup::Documented) -> Value {
    let data: Map<String, Value> = entry
        .data
        .iter()
        .map(|(name, kind, about)| {
            (
                (*name).to_owned(),
                json!({ "type": types(kind), "description": about }),
            )
        })
        .collect();
    let metrics: Vec<Value> = entry
        .metrics
        .iter()
        .map(|field| metric(field.0, field.1, field.2))
        .collect();
    let metrics = if metrics.is_empty() {
        json!({ "maxItems": 0 })
    } else {
        json!({ "items": { "anyOf": metrics } })
    };
    let data = json!({ "type": "object", "properties": data, "additionalProperties": false });
    json!({
        "if": { "properties": { "check": { "const": entry.check } } },
        "then": { "properties": { "data": data, "metrics": metrics } },
    })
}

fn metric(name: &str, unit: &str, about: &str) -> Value {
    let shape = if unit.is_empty() {
        json!(false)
    } else {
        json!({ "const": unit })
    };
    json!({
        "description": about,
        "properties": { "name": { "const": name }, "unit": shape },
        "required": if unit.is_empty() { json!(["name"]) } else { json!(["name", "unit"]) },
    })
}

/// If it is this check, its metrics and data are among those documented.
fn rule(check: &Check) -> Value {
    let data: Map<String, Value> = check
        .data
        .iter()
        .map(|field| {
            (
                field.name.to_owned(),
                json!({ "type": types(field.kind), "description": field.about }),
            )
        })
        .collect();
    let mut then =
        json!({ "data": { "type": "object", "properties": data, "additionalProperties": false } });
    if !check.foreign_metrics {
        let metrics: Vec<Value> = check
            .metrics
            .iter()
            .map(|own| metric(own.name, own.unit, own.about))
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
