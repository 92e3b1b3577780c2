//! What a Nagios plugin printed, taken apart: the first line, the long text and the perfdata.
//!
//! A `|` starts perfdata only when a `=` follows on its line (Icinga 2's rule; Nagios Core would lose the text behind
//! it). Behind the first such `|` of the long text everything is perfdata (Nagios Core's rule).

use crate::Metric;
use crate::perfdata::{self, PerfdataError};

/// The parts of a plugin's standard output. Lines are as printed: whoever shows them makes them safe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginOutput {
    /// The first line, without perfdata.
    pub text: String,
    /// The lines behind it, without perfdata and blank lines.
    pub long: Vec<String>,
    /// All perfdata, in order.
    pub metrics: Vec<Metric>,
    /// What of the perfdata could not be read.
    pub faults: Vec<PerfdataError>,
}

/// Takes a plugin's standard output apart.
#[must_use]
pub fn parse(stdout: &str) -> PluginOutput {
    let mut lines = stdout.lines();
    let (text, first) = split(lines.next().unwrap_or_default());
    let mut perfdata = first.unwrap_or_default().to_owned();
    let mut long = Vec::new();
    let mut only_perfdata = false;
    for line in lines {
        let (text, behind) = if only_perfdata {
            ("", Some(line))
        } else {
            split(line)
        };
        if !text.trim().is_empty() {
            long.push(text.trim_end().to_owned());
        }
        if let Some(behind) = behind {
            only_perfdata = true;
            perfdata.push('\n');
            perfdata.push_str(behind);
        }
    }
    let (metrics, faults) = perfdata::parse(&perfdata);
    PluginOutput {
        text: text.trim().to_owned(),
        long,
        metrics,
        faults,
    }
}

fn split(line: &str) -> (&str, Option<&str>) {
    match line.split_once('|') {
        Some((text, perfdata)) if perfdata.contains('=') => (text, Some(perfdata)),
        _ => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(stdout: &str) -> (String, Vec<String>, Vec<String>) {
        let output = parse(stdout);
        assert_eq!(output.faults, []);
        let names = output.metrics.iter().map(|metric| metric.name.to_string());
        (output.text, output.long, names.collect())
    }

    #[test]
    fn text_long_text_and_perfdata_come_apart() {
        for (stdout, text, long, names) in [
            (
                "OK - x | a=1\nlong\nmore | b=2\nc=3",
                "OK - x",
                &["long", "more"][..],
                &["a", "b", "c"][..],
            ),
            ("OK - x|a=1", "OK - x", &[], &["a"]),
            (
                "OK - x\r\n\r\n  indented\r\n",
                "OK - x",
                &["  indented"],
                &[],
            ),
            (
                "OK\nno | numbers here\nand | b=2",
                "OK",
                &["no | numbers here", "and"],
                &["b"],
            ),
            ("| a=1", "", &[], &["a"]),
            ("", "", &[], &[]),
        ] {
            let (got_text, got_long, got_names) = parts(stdout);
            assert_eq!(got_text, text, "{stdout}");
            assert_eq!(got_long, long, "{stdout}");
            assert_eq!(got_names, names, "{stdout}");
        }
    }

    #[test]
    fn a_bar_without_a_value_behind_it_is_text() {
        assert_eq!(parts("WARNING - a | b").0, "WARNING - a | b");
    }

    #[test]
    fn bad_perfdata_is_reported_and_costs_no_text() {
        let output = parse("OK - x | a=1 b=\nlong");
        assert_eq!((output.text.as_str(), output.metrics.len()), ("OK - x", 1));
        assert_eq!(
            (output.long, output.faults.len()),
            (vec!["long".to_owned()], 1)
        );
    }

    proptest! {
        #[test]
        fn no_output_makes_it_panic(stdout in "(?s).{0,60}|[a=1| \n']{0,30}") {
            let output = parse(&stdout);
            prop_assert!(!output.text.contains('\n'));
        }
    }
}
