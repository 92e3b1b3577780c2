//! Metrics in the text that both OpenMetrics and Prometheus' older format allow: both parsers must take it.
//!
//! Only gauges have a type. Counters have none: one format wants `_total` in the family's name, the other only in the
//! sample's. Units are base units, converted on the way out.

use std::collections::BTreeMap;

use crate::{Metric, Record, one_line};

/// Suffixes that promise a histogram, a summary or a counter, and that are therefore not ours to end a name with.
const RESERVED: [&str; 7] = [
    "_total", "_count", "_sum", "_bucket", "_created", "_info", "_counter",
];

#[derive(Default)]
struct Family {
    is_counter: bool,
    help: String,
    /// By label set, so that none stands twice; a later record replaces an earlier one.
    samples: BTreeMap<String, String>,
}

/// All metrics, and of each record its state (the exit code) and when it was observed. Ends with `# EOF`.
#[must_use]
pub fn openmetrics(records: &[Record]) -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut in_order: Vec<_> = records.iter().collect();
    in_order.sort_by_key(|record| record.time);
    for record in in_order {
        let labels = labels(record, None);
        let mut add = |name: String, is_counter, help: &str, labels: &str, value: String| {
            let family = families.entry(name).or_default();
            family.is_counter |= is_counter;
            if family.help.is_empty() {
                family.help = escape(&one_line(help), false);
            }
            family.samples.insert(labels.to_owned(), value);
        };
        let state = record.state.exit_code().to_string();
        add(
            "ce_state".to_owned(),
            false,
            "How it is: 0 ok, 1 warning, 2 critical, 3 unknown.",
            &labels,
            state,
        );
        add(
            "ce_observed_timestamp_seconds".to_owned(),
            false,
            "When it was observed, in seconds since 1970.",
            &labels,
            seconds(record),
        );
        for metric in &record.metrics {
            let (suffix, factor) = unit(&metric.unit);
            let Some(value) = value(metric, factor) else {
                continue;
            };
            let is_counter = metric.unit == "c";
            // What a wrapped plugin calls its values is no name of ours: it becomes a label.
            if record.check == "exec" {
                let name = family_name("exec", "value", &suffix, false);
                let labels = self::labels(record, Some(&metric.name));
                add(
                    name,
                    false,
                    "What a wrapped plugin measured.",
                    &labels,
                    value,
                );
                continue;
            }
            let help = format!("Metric {} of the check {}.", metric.name, record.check);
            let name = family_name(&record.check, &metric.name, &suffix, is_counter);
            add(name, is_counter, &help, &labels, value);
        }
    }
    let mut out = String::new();
    for (name, family) in families {
        out.push_str(&format!("# HELP {name} {}\n", family.help));
        if !family.is_counter {
            out.push_str(&format!("# TYPE {name} gauge\n"));
        }
        for (labels, value) in family.samples {
            out.push_str(&format!("{name}{{{labels}}} {value}\n"));
        }
    }
    out.push_str("# EOF\n");
    out
}

fn seconds(record: &Record) -> String {
    let milliseconds = record.time.as_millisecond();
    let (whole, fraction) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    if fraction == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{fraction:03}")
    }
}

/// What the unit adds to a name, and how many of the base unit it is; negative: what it is divided by.
fn unit(unit: &str) -> (String, i64) {
    let (suffix, factor) = match unit {
        "" | "c" => ("", 1),
        "B" => ("bytes", 1),
        "KB" => ("bytes", 1000),
        "MB" => ("bytes", 1_000_000),
        "GB" => ("bytes", 1_000_000_000),
        "TB" => ("bytes", 1_000_000_000_000),
        "s" => ("seconds", 1),
        "ms" => ("seconds", -1000),
        "us" => ("seconds", -1_000_000),
        "%" => ("ratio", -100),
        other => return (snake(other), 1),
    };
    (suffix.to_owned(), factor)
}

/// Division by a whole number, not multiplication by a fraction: 29 % is 0.29.
#[allow(clippy::cast_precision_loss)]
fn value(metric: &Metric, factor: i64) -> Option<String> {
    let value = metric.value.filter(|value| value.as_f64().is_finite())?;
    Some(match factor {
        1 => value.to_string(),
        factor if factor < 0 => (value.as_f64() / -factor as f64).to_string(),
        factor => (value.as_f64() * factor as f64).to_string(),
    })
}

fn family_name(check: &str, metric: &str, unit: &str, is_counter: bool) -> String {
    // A share that is called used_percent would become used_percent_ratio.
    let metric = metric
        .strip_suffix("_percent")
        .filter(|_| unit == "ratio")
        .unwrap_or(metric);
    // The value is converted: rta_ms in ms is rta_seconds, and us alone just seconds.
    let metric = snake(metric);
    let metric = match metric.rsplit_once('_') {
        _ if unit.is_empty() || is_counter => &metric,
        Some((rest, word)) if is_short_for(word, unit) => rest,
        None if is_short_for(&metric, unit) => unit,
        _ => &metric,
    };
    let mut name = format!("ce_{}_{metric}", snake(check));
    let suffix = format!("_{unit}");
    if is_counter {
        return name;
    }
    if !unit.is_empty() && !name.ends_with(&suffix) {
        name.push_str(&suffix);
    }
    if RESERVED.iter().any(|reserved| name.ends_with(reserved)) {
        name.push_str("_value");
    }
    name
}

/// Whether this word at the end of a name is a unit that is converted to this one.
fn is_short_for(word: &str, unit: &str) -> bool {
    match unit {
        "seconds" => ["s", "ms", "us"].contains(&word),
        "bytes" => ["b", "kb", "mb", "gb", "tb"].contains(&word),
        _ => false,
    }
}

/// Lower case, digits and `_`: what a name may consist of behind its prefix.
fn snake(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|character| match character.to_ascii_lowercase() {
            character if character.is_ascii_alphanumeric() => character,
            _ => '_',
        })
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

fn labels(record: &Record, metric: Option<&str>) -> String {
    let pairs = [
        ("host", Some(record.host.as_str())),
        ("check", Some(record.check.as_str())),
        ("object", record.object.as_deref()),
        ("from", record.from.as_deref()),
        ("metric", metric),
    ];
    let pairs = pairs.into_iter().filter_map(|(name, value)| {
        let value = escape(&one_line(value?), true);
        Some(format!("{name}=\"{value}\""))
    });
    pairs.collect::<Vec<_>>().join(",")
}

/// Backslash (and quote in a label) escaped; newlines cannot occur in one line.
fn escape(text: &str, is_label: bool) -> String {
    let text = text.replace('\\', "\\\\");
    if is_label {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures::{disk, web};

    #[test]
    fn units_become_base_units_and_families_are_sorted() {
        assert_eq!(
            openmetrics(&web()),
            "\
# HELP ce_http_hits Metric hits of the check http.
ce_http_hits{host=\"www.example.org\",check=\"http\",from=\"mon1\"} 12345
# HELP ce_http_total_seconds Metric total of the check http.
# TYPE ce_http_total_seconds gauge
ce_http_total_seconds{host=\"www.example.org\",check=\"http\",from=\"mon1\"} 0.25
# HELP ce_observed_timestamp_seconds When it was observed, in seconds since 1970.
# TYPE ce_observed_timestamp_seconds gauge
ce_observed_timestamp_seconds{host=\"www.example.org\",check=\"http\",from=\"mon1\"} 1767323045
# HELP ce_state How it is: 0 ok, 1 warning, 2 critical, 3 unknown.
# TYPE ce_state gauge
ce_state{host=\"www.example.org\",check=\"http\",from=\"mon1\"} 0
# EOF
"
        );
    }

    #[test]
    fn a_name_promises_nothing_and_repeats_no_unit() {
        for (metric, unit_text, name) in [
            ("used", "B", "ce_c_used_bytes"),
            ("used_bytes", "B", "ce_c_used_bytes"),
            ("rta", "ms", "ce_c_rta_seconds"),
            ("share", "%", "ce_c_share_ratio"),
            ("rta_ms", "ms", "ce_c_rta_seconds"),
            ("us", "us", "ce_c_seconds"),
            ("Used MB", "MB", "ce_c_used_bytes"),
            ("us", "", "ce_c_us"),
            ("used_percent", "%", "ce_c_used_ratio"),
            ("procs_count", "", "ce_c_procs_count_value"),
            ("hits_total", "c", "ce_c_hits_total"),
            ("C:\\ X", "", "ce_c_c___x"),
            ("salary", "GBP", "ce_c_salary_gbp"),
        ] {
            let (suffix, _) = unit(unit_text);
            assert_eq!(family_name("c", metric, &suffix, unit_text == "c"), name);
        }
    }

    #[test]
    fn a_ratio_is_divided_and_stays_a_short_number() {
        for (share, ratio) in [(29.0, "0.29"), (97.5, "0.975"), (100.0, "1")] {
            assert_eq!(
                value(&Metric::new("a", share, "%"), -100).as_deref(),
                Some(ratio)
            );
        }
        assert_eq!(value(&Metric::new("a", f64::NAN, ""), 1), None);
    }

    #[test]
    fn a_label_set_stands_once_and_the_latest_observation_wins() {
        let mut later = disk().remove(0);
        later.time = "2026-01-02T03:05:00.250Z".parse().unwrap();
        later.state = crate::State::Ok;
        let out = openmetrics(&[later, disk().remove(0)]);
        let lines = |start: &str| -> Vec<String> {
            out.lines()
                .filter(|line| line.starts_with(start))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(
            lines("ce_state{"),
            ["ce_state{host=\"db1\",check=\"disk\",object=\"/var\"} 0"]
        );
        assert!(lines("ce_observed")[0].ends_with(" 1767323100.250"));
    }

    #[test]
    fn quotes_and_backslashes_in_labels_are_escaped() {
        let mut record = disk().remove(0);
        record.object = Some("C:\\ \"x\"\ny".to_owned());
        assert!(openmetrics(&[record]).contains(r#"object="C:\\ \"x\" y""#));
    }

    /// Prints what `promtool check metrics` and another implementation's parser are run on.
    #[test]
    fn a_sample_ends_with_its_end() {
        let out = openmetrics(&[disk(), web()].concat());
        assert!(out.ends_with("\n# EOF\n"));
        print!("{out}");
    }
}
