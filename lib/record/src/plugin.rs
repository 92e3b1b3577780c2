//! What a Nagios plugin prints: a line, more lines, and perfdata behind `|`.

use crate::perfdata::{self, PerfdataError};
use crate::{Metric, one_line};

/// A plugin's output, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginOutput {
    /// The first line, without its perfdata.
    pub text: String,
    /// The lines after it.
    pub long: Vec<String>,
    /// What it measured.
    pub metrics: Vec<Metric>,
    /// Perfdata that could not be read.
    pub faults: Vec<PerfdataError>,
}

/// Takes a plugin's stdout apart. A `|` starts perfdata only when a `=` follows it on the same line (as Icinga 2 has
/// it); once it has in the long output, all that follows is perfdata.
#[must_use]
pub fn parse(stdout: &str) -> PluginOutput {
    let mut output = PluginOutput::default();
    let mut perfdata = String::new();
    let mut lines = stdout.lines();
    let (text, items) = split(lines.next().unwrap_or_default());
    output.text = one_line(text.trim());
    perfdata.push_str(items);
    let mut only_perfdata = false;
    for line in lines {
        let (text, items) = if only_perfdata {
            ("", line)
        } else {
            split(line)
        };
        only_perfdata |= !items.is_empty();
        let text = one_line(text);
        if !text.trim().is_empty() {
            output.long.push(text);
        }
        perfdata.push(' ');
        perfdata.push_str(items);
    }
    (output.metrics, output.faults) = perfdata::parse(&perfdata);
    output
}

fn split(line: &str) -> (&str, &str) {
    match line.split_once('|') {
        Some((text, items)) if items.contains('=') || items.trim().is_empty() => (text, items),
        _ => (line, ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_long_output_and_perfdata_are_told_apart() {
        let output = parse("OK - x | a=1\nlong\nmore | b=2\nc=3");
        assert_eq!(
            (output.text.as_str(), output.long.as_slice()),
            (
                "OK - x",
                &["long".to_owned(), "more ".trim().to_owned()][..]
            )
        );
        let names: Vec<&str> = output.metrics.iter().map(|metric| &*metric.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_bar_without_perfdata_behind_it_is_text() {
        assert_eq!(parse("a | b").text, "a ¦ b");
        assert_eq!(parse("a |").text, "a");
        assert_eq!(parse(""), PluginOutput::default());
    }

    proptest! {
        #[test]
        fn no_output_makes_the_reader_fail(text in "\\PC*|[a|=\n ']{0,60}") {
            let output = parse(&text);
            prop_assert!(!output.text.contains(['|', '\n']));
        }
    }
}
