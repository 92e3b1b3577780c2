//! Metrics for Prometheus: text that both the OpenMetrics and the Prometheus parser take.
//!
//! They disagree on counters (one wants the suffix `_total` outside the family's name, the other inside), so a counter
//! has no TYPE, which both read as "unknown".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::{Metric, Record};

#[derive(Default)]
struct Family {
    help: String,
    gauge: bool,
    /// Labels to value.
    samples: BTreeMap<String, String>,
}

/// Every metric as `ce_CHECK_METRIC_UNIT`, the states as `ce_state` (0 OK to 3 UNKNOWN), and when they were observed.
#[must_use]
pub fn openmetrics(records: &[Record]) -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut add = |name: String, help: String, gauge: bool, labels: &str, value: String| {
        let family = families.entry(name).or_insert_with(|| Family {
            help,
            gauge,
            ..Family::default()
        });
        // The newest of a series counts: records come in the order they were made.
        family.samples.insert(labels.to_owned(), value);
    };
    for record in records {
        let labels = labels(record, None);
        let code = record.state.exit_code().to_string();
        add(
            "ce_state".to_owned(),
            "State of a check: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN".to_owned(),
            true,
            &labels,
            code,
        );
        #[allow(clippy::cast_precision_loss)]
        let observed = record.time.as_millisecond() as f64 / 1000.0;
        add(
            "ce_observed_timestamp_seconds".to_owned(),
            "When it was observed".to_owned(),
            true,
            &labels,
            observed.to_string(),
        );
        for metric in &record.metrics {
            let Some(value) = metric.value else { continue };
            let (suffix, factor) = unit(&metric.unit);
            // What a wrapped plugin calls its values is no name here: it becomes a label.
            let foreign = record.check == "exec";
            let (name, labels) = if foreign {
                (
                    format!("ce_exec_value{suffix}"),
                    self::labels(record, Some(&metric.name)),
                )
            } else {
                (family_name(&record.check, metric, suffix), labels.clone())
            };
            let help = if foreign {
                "What a wrapped plugin measured".to_owned()
            } else {
                format!("{} of {}", metric.name.replace('_', " "), record.check)
            };
            let value = if suffix.is_empty() || factor == 1.0 {
                value.to_string()
            } else {
                (value.as_f64() / factor).to_string()
            };
            add(name, help, metric.unit != "c", &labels, value);
        }
    }
    let mut out = String::new();
    for (name, family) in families {
        let _ = writeln!(out, "# HELP {name} {}", escape(&family.help));
        if family.gauge {
            let _ = writeln!(out, "# TYPE {name} gauge");
        }
        for (labels, value) in family.samples {
            let _ = writeln!(out, "{name}{{{labels}}} {value}");
        }
    }
    out.push_str("# EOF\n");
    out
}

/// The suffix for a unit, and what a value is divided by to be in Prometheus' base unit.
fn unit(unit: &str) -> (&'static str, f64) {
    match unit {
        "B" => ("_bytes", 1.0),
        "us" => ("_seconds", 1e6),
        "ms" => ("_seconds", 1e3),
        "s" => ("_seconds", 1.0),
        "%" => ("_ratio", 100.0),
        _ => ("", 1.0),
    }
}

/// `used_percent` with its unit would be `used_percent_ratio`, `rx_bytes` would be `rx_bytes_bytes`: said once is enough.
fn family_name(check: &str, metric: &Metric, suffix: &str) -> String {
    let name = metric
        .name
        .strip_suffix("_percent")
        .filter(|_| suffix == "_ratio")
        .unwrap_or(&metric.name);
    let name = name
        .strip_suffix(suffix)
        .filter(|name| !name.is_empty())
        .unwrap_or(name);
    sanitize(&format!("ce_{check}_{name}{suffix}"))
}

fn sanitize(name: &str) -> String {
    name.chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect()
}

fn labels(record: &Record, metric: Option<&str>) -> String {
    let pairs: BTreeSet<(&str, &str)> = [
        ("check", Some(record.check.as_str())),
        ("from", record.from.as_deref()),
        ("host", Some(record.host.as_str())),
        ("metric", metric),
        ("object", record.object.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    pairs
        .into_iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect::<Vec<_>>()
        .join(",")
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, State, testing::record};

    #[test]
    fn units_become_prometheus_base_units_and_are_said_once() {
        for (name, unit, value, line) in [
            ("used", "B", 5i64, "ce_x_used_bytes"),
            ("used_percent", "%", 50, "ce_x_used_ratio"),
            ("time", "us", 2_500_000, "ce_x_time_seconds"),
            ("age", "s", 7, "ce_x_age_seconds"),
            ("load1", "", 3, "ce_x_load1"),
            ("rx_bytes", "B", 3, "ce_x_rx_bytes"),
        ] {
            let out = openmetrics(&[record(
                "x",
                Finding::new(State::Ok, "").metric(Metric::new(name, value, unit)),
            )]);
            assert!(
                out.contains(&format!(
                    "# TYPE {line} gauge\n{line}{{check=\"x\",host=\"web1\"}} "
                )),
                "{out}"
            );
        }
        let ratio = openmetrics(&[record(
            "x",
            Finding::new(State::Ok, "").metric(Metric::new("used", 50i64, "%")),
        )]);
        assert!(ratio.contains("} 0.5\n"));
    }

    #[test]
    fn counters_have_help_but_no_type_and_the_end_is_marked() {
        let out = openmetrics(&[record(
            "net",
            Finding::new(State::Warning, "")
                .object("e\"0\\")
                .metric(Metric::new("rx", 1i64, "c")),
        )]);
        assert_eq!(
            out,
            "# HELP ce_net_rx rx of net\n\
             ce_net_rx{check=\"net\",host=\"web1\",object=\"e\\\"0\\\\\"} 1\n\
             # HELP ce_observed_timestamp_seconds When it was observed\n\
             # TYPE ce_observed_timestamp_seconds gauge\n\
             ce_observed_timestamp_seconds{check=\"net\",host=\"web1\",object=\"e\\\"0\\\\\"} 1700000000\n\
             # HELP ce_state State of a check: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN\n\
             # TYPE ce_state gauge\n\
             ce_state{check=\"net\",host=\"web1\",object=\"e\\\"0\\\\\"} 1\n\
             # EOF\n"
        );
    }

    #[test]
    fn a_series_stands_once_with_its_newest_value() {
        let at = |value: i64| {
            record(
                "x",
                Finding::new(State::Ok, "").metric(Metric::new("a", value, "")),
            )
        };
        let out = openmetrics(&[at(1), at(2)]);
        assert!(out.contains("ce_x_a{check=\"x\",host=\"web1\"} 2\n") && !out.contains("} 1\n"));
    }
}
