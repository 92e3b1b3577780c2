//! Munin's plugin protocol: one graph for each check and metric, one field for each thing that was looked at.
//!
//! Field names are file names of years of history. They depend on the object alone, except where two would be equal.

use std::collections::BTreeMap;

use super::scope::Scope;
use crate::{Metric, Number, Range, Record, one_line};

/// The longest field name that all versions of Munin take (RRD data source names).
const MAX_FIELD: usize = 19;

struct Field<'a> {
    name: String,
    label: String,
    metric: &'a Metric,
}

struct Graph<'a> {
    title: String,
    is_remote: bool,
    fields: Vec<Field<'a>>,
}

/// The values: what the plugin prints without an argument.
#[must_use]
pub fn munin(records: &[Record]) -> String {
    let mut out = String::new();
    for (name, graph) in graphs(records) {
        out.push_str(&format!("multigraph {name}\n"));
        for field in graph.fields {
            let value = field.metric.value.filter(|it| it.as_f64().is_finite());
            let value = value.map_or_else(
                || "U".to_owned(),
                |value| match value {
                    // DERIVE takes whole numbers only.
                    Number::Float(float) if field.metric.unit == "c" => float.trunc().to_string(),
                    value => scaled(value, &field.metric.unit),
                },
            );
            out.push_str(&format!("{}.value {value}\n", field.name));
        }
    }
    out
}

/// The description of the graphs: what the plugin prints for `config`.
#[must_use]
pub fn munin_config(records: &[Record]) -> String {
    let mut out = String::new();
    for (name, graph) in graphs(records) {
        let unit = graph.fields.first().map_or("", |field| &*field.metric.unit);
        let (vlabel, arguments) = axis(unit);
        let category = if graph.is_remote { "network" } else { "system" };
        out.push_str(&format!(
            "multigraph {name}\ngraph_title {}\ngraph_category {category}\ngraph_vlabel {vlabel}\n",
            graph.title
        ));
        out.push_str(&format!("graph_args {arguments}\n"));
        for field in graph.fields {
            out.push_str(&config(&field));
        }
    }
    out
}

fn config(field: &Field<'_>) -> String {
    let Field {
        name,
        label,
        metric,
    } = field;
    let mut out = format!("{name}.label {label}\n");
    if metric.unit == "c" {
        // No limits: Munin would compare them with the rate.
        out.push_str(&format!("{name}.type DERIVE\n{name}.min 0\n"));
        return out;
    }
    out.push_str(&format!("{name}.type GAUGE\n"));
    for (word, range) in [("warning", metric.warn), ("critical", metric.crit)] {
        if let Some(limits) = range.and_then(|range| limits(range, &metric.unit)) {
            out.push_str(&format!("{name}.{word} {limits}\n"));
        }
    }
    out
}

/// Munin's `min:max`, which alerts outside. An inverted range and one that never alerts have no such form.
fn limits(range: Range, unit: &str) -> Option<String> {
    let end = |end: f64| {
        if end.is_finite() {
            scaled(Number::Float(end), unit)
        } else {
            String::new()
        }
    };
    let text = format!("{}:{}", end(range.start()), end(range.end()));
    (!range.is_inverted() && text != ":").then_some(text)
}

/// Times are drawn in seconds: Munin writes `m` and `u` before them itself.
fn scaled(value: Number, unit: &str) -> String {
    match unit {
        "us" => (value.as_f64() / 1e6).to_string(),
        "ms" => (value.as_f64() / 1e3).to_string(),
        _ => value.to_string(),
    }
}

fn axis(unit: &str) -> (String, &'static str) {
    let (label, arguments) = match unit {
        "" => ("number", "--base 1000 -l 0"),
        "B" => ("bytes", "--base 1024 -l 0"),
        "s" | "ms" | "us" => ("seconds", "--base 1000 -l 0"),
        "%" => ("percent", "--base 1000 -l 0"),
        "c" => ("per ${graph_period}", "--base 1000 -l 0"),
        other => return (safe(other), "--base 1000 -l 0"),
    };
    (label.to_owned(), arguments)
}

fn graphs(records: &[Record]) -> BTreeMap<String, Graph<'_>> {
    let scope = Scope {
        checks: false,
        ..Scope::of(records)
    };
    let mut graphs: BTreeMap<String, Graph<'_>> = BTreeMap::new();
    for record in records {
        for metric in &record.metrics {
            let name = word(&format!("ce_{}_{}", record.check, metric.name));
            let graph = graphs.entry(name).or_insert_with(|| Graph {
                title: safe(&format!(
                    "{}: {}",
                    record.check,
                    metric.name.replace('_', " ")
                )),
                is_remote: record.from.is_some(),
                fields: Vec::new(),
            });
            // What is only measured once is called what it is.
            let label = match scope.subject(record) {
                subject if subject.is_empty() => metric.name.to_string(),
                subject => subject,
            };
            // One graph has one axis: another unit under the same name is left out.
            let unit = graph.fields.first().map(|field| &field.metric.unit);
            if unit.is_none_or(|unit| *unit == metric.unit) {
                graph.fields.push(Field {
                    name: label.clone(),
                    label: safe(&label),
                    metric,
                });
            }
        }
    }
    for graph in graphs.values_mut() {
        name_fields(&mut graph.fields);
    }
    graphs
}

/// From labels to unique field names. Where the plain name is too long, reserved or taken, a hash of the label ends it.
fn name_fields(fields: &mut Vec<Field<'_>>) {
    let mut seen = std::collections::HashSet::new();
    fields.retain(|field| seen.insert(field.name.clone()));
    let plain: Vec<String> = fields.iter().map(|field| word(&field.name)).collect();
    for (field, name) in fields.iter_mut().zip(&plain) {
        let is_taken = plain.iter().filter(|other| *other == name).count() > 1;
        // Munin keeps the field `root` for itself.
        field.name = if is_taken || name.len() > MAX_FIELD || name == "root" {
            let kept = &name[..name.len().min(MAX_FIELD - 9)];
            format!("{kept}_{:08x}", fnv1a(field.name.as_bytes()))
        } else {
            name.clone()
        };
    }
}

/// ASCII letters, digits and `_`, no digit first.
fn word(text: &str) -> String {
    let mut word: String = text
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it } else { '_' })
        .collect();
    if !word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        word.insert(0, '_');
    }
    word
}

/// One line in which Munin starts no comment.
fn safe(text: &str) -> String {
    one_line(text).replace('#', "\\#")
}

/// FNV-1a: not for strangers' input that must not collide, only stable for ever.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests;
