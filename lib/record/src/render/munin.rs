//! Graphs and values for a Munin node: one graph for each metric of each check, one field for each object.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use crate::{Metric, Range, Record};

/// A graph: its fields in the order they came.
struct Graph<'a> {
    check: &'a str,
    metric: &'a str,
    unit: &'a str,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    name: String,
    label: String,
    metric: &'a Metric,
}

/// The graphs' description, as a plugin prints it when called with `config`.
#[must_use]
pub fn munin_config(records: &[Record]) -> String {
    let mut out = String::new();
    for (name, graph) in graphs(records) {
        let words = graph.metric.replace('_', " ");
        let _ = writeln!(out, "multigraph {name}");
        let _ = writeln!(out, "graph_title {} {words}", graph.check);
        let _ = writeln!(out, "graph_vlabel {}", vlabel(graph.unit));
        let _ = writeln!(
            out,
            "graph_category {}",
            if records.iter().any(|record| record.from.is_some()) {
                "network"
            } else {
                "system"
            }
        );
        let base = if graph.unit == "B" {
            "--base 1024 -l 0"
        } else {
            "--base 1000 -l 0"
        };
        let _ = writeln!(out, "graph_args {base}");
        for field in &graph.fields {
            let _ = writeln!(out, "{}.label {}", field.name, field.label);
            if graph.unit == "c" {
                let _ = writeln!(out, "{0}.type DERIVE\n{0}.min 0", field.name);
            } else {
                let _ = writeln!(out, "{}.type GAUGE", field.name);
            }
            for (word, range) in [
                ("warning", field.metric.warn),
                ("critical", field.metric.crit),
            ] {
                if let Some(limits) = range.and_then(limits) {
                    let _ = writeln!(out, "{}.{word} {limits}", field.name);
                }
            }
        }
        out.push('\n');
    }
    out
}

/// The values, as a plugin prints them when called without an argument.
#[must_use]
pub fn munin(records: &[Record]) -> String {
    let mut out = String::new();
    for (name, graph) in graphs(records) {
        let _ = writeln!(out, "multigraph {name}");
        for field in &graph.fields {
            let value = field
                .metric
                .value
                .map_or_else(|| "U".to_owned(), |value| value.to_string());
            let _ = writeln!(out, "{}.value {value}", field.name);
        }
        out.push('\n');
    }
    out
}

fn graphs(records: &[Record]) -> BTreeMap<String, Graph<'_>> {
    let mut graphs: BTreeMap<String, Graph<'_>> = BTreeMap::new();
    let several_hosts = records.windows(2).any(|pair| pair[0].host != pair[1].host);
    for record in records {
        for metric in &record.metrics {
            let graph = graphs
                .entry(identifier(&format!("ce_{}_{}", record.check, metric.name)))
                .or_insert_with(|| Graph {
                    check: &record.check,
                    metric: &metric.name,
                    unit: &metric.unit,
                    fields: Vec::new(),
                });
            let host = several_hosts.then_some(record.host.as_str());
            let words: Vec<&str> = host.into_iter().chain(record.object.as_deref()).collect();
            let label = if words.is_empty() {
                metric.name.replace('_', " ")
            } else {
                words.join(" ")
            };
            let name = if words.is_empty() {
                identifier(&metric.name)
            } else {
                identifier(&words.join("_"))
            };
            let taken: HashSet<&str> = graph
                .fields
                .iter()
                .map(|field| field.name.as_str())
                .collect();
            let name = unique(&name, &taken);
            // A `#` would end the line for Munin.
            graph.fields.push(Field {
                name,
                label: label.replace('#', "_"),
                metric,
            });
        }
    }
    graphs
}

/// Letters, digits and `_`, not starting with a digit.
fn identifier(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
        name.insert(0, '_');
    }
    name
}

/// RRD keeps 19 characters of a field's name: its end tells more than its start, and a number tells twins apart.
fn unique(name: &str, taken: &HashSet<&str>) -> String {
    const LONGEST: usize = 19;
    let fit = |room: usize| identifier(&name[name.len().saturating_sub(room)..]);
    let mut candidate = if name.len() > LONGEST {
        fit(LONGEST - 1)
    } else {
        name.to_owned()
    };
    for number in 2.. {
        if !taken.contains(candidate.as_str()) {
            break;
        }
        candidate = format!("{}_{number}", fit(LONGEST - 6));
    }
    candidate
}

fn vlabel(unit: &str) -> &str {
    match unit {
        "B" => "bytes",
        "s" => "seconds",
        "us" => "microseconds",
        "%" => "%",
        "c" => "per ${graph_period}",
        "" => "count",
        other => other,
    }
}

/// Munin's `min:max`; what alerts inside has no such form.
fn limits(range: Range) -> Option<String> {
    let end = |number: f64| {
        if number.is_finite() {
            number.to_string()
        } else {
            String::new()
        }
    };
    let limits = format!("{}:{}", end(range.start()), end(range.end()));
    (!range.is_inverted() && limits != ":").then_some(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, State, Thresholds, testing::record};

    fn disks() -> Vec<Record> {
        let limits = Thresholds::new(Some(Range::at_most(90.0)), Some("10:20".parse().unwrap()));
        ["/", "/var/lib/very/long/path", "/var/lib/fairly/long/path"]
            .map(|object| {
                let metric = Metric::new("used", 5i64, "B").limits(limits);
                record(
                    "disk",
                    Finding::new(State::Ok, "").object(object).metric(metric),
                )
            })
            .to_vec()
    }

    #[test]
    fn a_metric_is_a_graph_and_an_object_a_field() {
        let config = munin_config(&disks()[..1]);
        assert_eq!(
            config,
            "multigraph ce_disk_used\ngraph_title disk used\ngraph_vlabel bytes\ngraph_category system\n\
             graph_args --base 1024 -l 0\n_.label /\n_.type GAUGE\n_.warning :90\n_.critical 10:20\n\n"
        );
        let values = munin(&disks());
        let names: Vec<&str> = values
            .lines()
            .filter_map(|line| line.split_once(".value").map(|(name, _)| name))
            .collect();
        assert_eq!(names.len(), 3);
        assert!(
            names
                .iter()
                .all(|name| name.len() <= 19 && !name.starts_with(|c: char| c.is_ascii_digit())),
            "{names:?}"
        );
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 3);
    }

    #[test]
    fn a_value_that_is_not_known_is_u_and_a_counter_is_derived() {
        let mut metric = Metric::new("rx", 1i64, "c");
        metric.value = None;
        let records = [record("net", Finding::new(State::Ok, "").metric(metric))];
        assert_eq!(munin(&records), "multigraph ce_net_rx\nrx.value U\n\n");
        assert!(munin_config(&records).contains("rx.type DERIVE\nrx.min 0\n"));
    }
}
