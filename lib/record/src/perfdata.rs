//! Performance data: `'label'=value[unit];[warn];[crit];[min];[max]`, as the Nagios plugin guidelines define it.
//!
//! Written so that Nagios and Icinga 2 read the same; read so that one bad item costs nothing but itself.

use std::fmt::Write as _;

use crate::{Metric, Number, Range};

/// An item that was dropped, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{item}': {fault}")]
pub struct PerfdataError {
    /// The item as it stood there.
    pub item: String,
    /// What is wrong with it.
    pub fault: String,
}

/// Appends one item. Trailing empty fields are left out.
pub fn write(out: &mut String, label: &str, metric: &Metric) {
    let label = safe_label(label);
    let quote = if label.contains(' ') { "'" } else { "" };
    let value = metric
        .value
        .map_or_else(|| "U".to_owned(), |value| format!("{value}{}", metric.unit));
    let range = |range: Option<Range>| range.map(|range| range.to_string()).unwrap_or_default();
    let number =
        |number: Option<Number>| number.map(|number| number.to_string()).unwrap_or_default();
    let fields = [
        range(metric.warn),
        range(metric.crit),
        number(metric.min),
        number(metric.max),
    ];
    let used = fields
        .iter()
        .rposition(|field| !field.is_empty())
        .map_or(0, |last| last + 1);
    let _ = write!(out, "{quote}{label}{quote}={value}");
    for field in &fields[..used] {
        let _ = write!(out, ";{field}");
    }
}

/// A label that no reader takes for something else: Nagios splits at `=` and `'`, Icinga 2 reads `::` as a prefix.
fn safe_label(label: &str) -> String {
    let mut safe: String = label
        .chars()
        .map(|character| {
            if character.is_control() || "='|\"".contains(character) {
                '_'
            } else {
                character
            }
        })
        .collect();
    while safe.contains("::") {
        safe = safe.replace("::", ":");
    }
    let trimmed = safe.trim();
    if trimmed.is_empty() {
        "value".to_owned()
    } else {
        trimmed.to_owned()
    }
}

/// Reads all items of a text. What cannot be read is among the errors; the rest is kept.
#[must_use]
pub fn parse(text: &str) -> (Vec<Metric>, Vec<PerfdataError>) {
    let mut metrics = Vec::new();
    let mut errors = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = item_end(rest);
        let (item, tail) = rest.split_at(end);
        match parse_item(item, &mut errors) {
            Ok(metric) => metrics.push(metric),
            Err(fault) => errors.push(PerfdataError {
                item: item.to_owned(),
                fault,
            }),
        }
        rest = tail.trim_start();
    }
    (metrics, errors)
}

/// An item ends at white space outside its quotes. A quote opens only at its start; doubled, it stands for itself.
fn item_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    if bytes[0] == b'\'' {
        at = 1;
        while at < bytes.len() {
            match (bytes[at], bytes.get(at + 1)) {
                (b'\'', Some(b'\'')) if bytes.get(at + 2) != Some(&b'=') || at > 1 => at += 2,
                (b'\'', _) => break,
                _ => at += 1,
            }
        }
    }
    text.get(at.min(text.len())..)
        .and_then(|tail| tail.find(char::is_whitespace))
        .map_or(text.len(), |offset| at + offset)
}

fn parse_item(item: &str, errors: &mut Vec<PerfdataError>) -> Result<Metric, String> {
    let (label, value) = split_label(item)?;
    let mut fields = value.split(';');
    let quantity = fields.next().unwrap_or_default();
    let (number, unit) = split_unit(quantity)?;
    let mut complain = |fault: String| {
        errors.push(PerfdataError {
            item: item.to_owned(),
            fault,
        });
    };
    let mut range = |text: Option<&str>| match text.unwrap_or_default() {
        "" => None,
        text => text
            .parse::<Range>()
            .map_err(|error| complain(error.to_string()))
            .ok(),
    };
    let (warn, crit) = (range(fields.next()), range(fields.next()));
    let mut bound = |text: Option<&str>| match text.unwrap_or_default() {
        "" => None,
        text => match split_unit(text) {
            Ok((number, _)) => number,
            Err(fault) => {
                complain(fault);
                None
            }
        },
    };
    let (min, max) = (bound(fields.next()), bound(fields.next()));
    if fields.any(|field| !field.is_empty()) {
        complain("more than four fields behind the value".to_owned());
    }
    Ok(Metric {
        name: label.into(),
        value: number,
        unit: unit.into(),
        warn,
        crit,
        min,
        max,
    })
}

/// The label without quotes, and what stands behind its `=`.
fn split_label(item: &str) -> Result<(String, &str), String> {
    let (label, value) = if let Some(quoted) = item.strip_prefix('\'') {
        let end = quoted
            .rfind("'=")
            .ok_or("its label's quote does not end before '='")?;
        (quoted[..end].replace("''", "'"), &quoted[end + 2..])
    } else {
        let (label, value) = item.split_once('=').ok_or("no '='")?;
        (label.to_owned(), value)
    };
    if label.trim().is_empty() {
        Err("no label".to_owned())
    } else {
        Ok((label, value))
    }
}

/// A decimal number and what stands behind it; `U` is a value that is not known.
fn split_unit(text: &str) -> Result<(Option<Number>, String), String> {
    if text == "U" {
        return Ok((None, String::new()));
    }
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        from + bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut end = digits(start);
    let mut count = end - start;
    let mut whole = true;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        count += fraction - end - 1;
        end = fraction;
        whole = false;
    }
    if count == 0 {
        return Err("no number".to_owned());
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let from = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if from <= bytes.len() {
            digits(from)
        } else {
            from
        };
        if exponent > from {
            end = exponent;
            whole = false;
        }
    }
    let (number, unit) = text.split_at(end);
    if unit.starts_with(',') {
        return Err("the decimal sign is a point".to_owned());
    }
    if unit.contains(|character: char| !character.is_alphabetic() && !"%/°µ".contains(character))
    {
        return Err(format!("'{unit}' is not a unit"));
    }
    let number = match number.strip_prefix('+').unwrap_or(number) {
        integer if whole && integer.parse::<i64>().is_ok() => integer.parse().map(Number::Int).ok(),
        decimal => decimal
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .map(Number::Float),
    };
    number
        .map(|number| (Some(number), unit.to_owned()))
        .ok_or_else(|| "the number is out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(metric: &Metric, label: &str) -> String {
        let mut out = String::new();
        write(&mut out, label, metric);
        out
    }

    #[test]
    fn what_plugins_write_is_read() {
        for (text, label, value, unit) in [
            ("a=1", "a", 1.0, ""),
            ("'a b'=1", "a b", 1.0, ""),
            ("/=382MB;15264;15269;0;32768", "/", 382.0, "MB"),
            ("'page file'=36%;80;90;", "page file", 36.0, "%"),
            ("data=5;;;;", "data", 5.0, ""),
            (
                "offset=-0.004476s;-60:-5;-120:-3;",
                "offset",
                -0.004_476,
                "s",
            ),
            ("salary=52GBP;~:23.5;45.2:", "salary", 52.0, "GBP"),
            ("a=1.5e-3s", "a", 0.0015, "s"),
            ("a=42c", "a", 42.0, "c"),
            ("a=+5", "a", 5.0, ""),
            ("a=.42", "a", 0.42, ""),
            ("a=23.", "a", 23.0, ""),
            ("a=1;@5:10;~:20", "a", 1.0, ""),
            ("a=1;;7;1;9", "a", 1.0, ""),
            (
                r"'C:\ Label:  X'=8015MB;1;2;0;20484",
                r"C:\ Label:  X",
                8015.0,
                "MB",
            ),
            ("a=1B;1:2;3:;0;9", "a", 1.0, "B"),
            ("'it''s=x'=3", "it's=x", 3.0, ""),
        ] {
            let (metrics, errors) = parse(text);
            assert_eq!(errors, [], "{text}");
            assert_eq!(
                (&*metrics[0].name, &*metrics[0].unit),
                (label, unit),
                "{text}"
            );
            assert!(
                (metrics[0].value.unwrap().as_f64() - value).abs() < 1e-12,
                "{text}"
            );
        }
        let (metrics, _) = parse("load1=0.010;5.000;9.000;0; load5=0.040;5;9;0;\n  u=U");
        let names: Vec<&str> = metrics.iter().map(|metric| &*metric.name).collect();
        assert_eq!(
            (names, metrics[2].value),
            (vec!["load1", "load5", "u"], None)
        );
        assert_eq!(parse("a=1;@5:10").0[0].warn, Some("@5:10".parse().unwrap()));
    }

    #[test]
    fn a_bad_item_is_named_and_the_rest_is_kept() {
        for text in [
            "rubbish",
            "a=",
            "=5",
            "''=1",
            "a=inf",
            "a=-Inf",
            "a=NaN",
            "a=123_456",
            "a=0x10",
            "a=1,5",
        ] {
            let (metrics, errors) = parse(&format!("{text} b=2"));
            assert_eq!(
                (metrics.len(), errors.len()),
                (1, 1),
                "{text}: {metrics:?} {errors:?}"
            );
            assert_eq!(&*metrics[0].name, "b", "{text}");
        }
        let names = |text: &str| {
            parse(text)
                .0
                .iter()
                .map(|metric| metric.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("rta=&391ms;100;200;0; pl=0%;20;60"), ["pl"]);
        assert_eq!(names("time=1800,600,300,0,3600 other=45.6"), ["other"]);
        let (metrics, errors) = parse("a=1;foo;5");
        assert_eq!(
            (metrics[0].warn, metrics[0].crit),
            (None, Some("5".parse().unwrap()))
        );
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn a_written_label_cannot_be_misread() {
        let metric = Metric::new("x", 5i64, "B");
        for (label, item) in [
            ("used", "used=5B"),
            ("/var used", "'/var used'=5B"),
            ("a=b'c|d::e", "a_b_c_d:e=5B"),
            ("a:::::b", "a:b=5B"),
            ("", "value=5B"),
            ("two\nlines", "two_lines=5B"),
        ] {
            assert_eq!(written(&metric, label), item);
        }
    }

    #[test]
    fn fields_that_are_empty_at_the_end_are_left_out_and_an_unknown_value_is_u() {
        let metric = Metric::new("x", 5i64, "s");
        assert_eq!(written(&metric.clone().max(9i64), "x"), "x=5s;;;;9");
        let mut metric = metric.min(0i64);
        metric.warn = Some("10".parse().unwrap());
        metric.value = None;
        assert_eq!(written(&metric, "x"), "x=U;10;;0");
        assert_eq!(
            written(&Metric::new("x", 1e21, ""), "x"),
            "x=1000000000000000000000"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in "\\PC*|[a='; \n0-9.:~@e+-]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_reads_back(label in "\\PC{1,30}", value: i64, float in -1e15..1e15, whole: bool) {
            let mut metric = Metric::new("x", value, "us").min(0i64).max(7i64);
            if !whole {
                metric.value = Some(Number::Float(float));
            }
            let text = written(&metric, &label);
            let (read, errors) = parse(&text);
            prop_assert_eq!(&errors, &[]);
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(&*read[0].name, safe_label(&label));
            prop_assert_eq!(read[0].value.map(Number::as_f64), metric.value.map(Number::as_f64));
            prop_assert_eq!((read[0].min, read[0].max), (metric.min, metric.max));
        }
    }
}
