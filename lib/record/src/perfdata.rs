//! Perfdata, `'label'=value[unit];[warn];[crit];[min];[max]`: what Nagios plugins print behind the `|`.
//!
//! Reading forgives one bad item and keeps the rest, but never guesses a number. Writing is narrower than the
//! guidelines: Nagios Core, Icinga 2 and the graphers behind them disagree, and what is written here all of them read.

use std::borrow::Cow;

use crate::number::prefix_bytes;
use crate::{Metric, Number, Range};

/// An item, or a limit of an item, that was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("perfdata '{}': {fault}{}", .item.escape_debug(), .hint.map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct PerfdataError {
    /// The item as given.
    pub item: String,
    /// What is wrong with it.
    pub fault: String,
    /// What was probably meant.
    pub hint: Option<&'static str>,
}

/// Reads perfdata: the metrics in order, and what was left out and why.
///
/// Value and unit stay as given; `U` is a metric without value. A limit that cannot be read is dropped alone.
#[must_use]
pub fn parse(text: &str) -> (Vec<Metric>, Vec<PerfdataError>) {
    let mut metrics = Vec::new();
    let mut errors = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let (label, fields, item) = next_item(rest);
        rest = rest[item.len()..].trim_ascii_start();
        let mut fail = |fault: String, hint| {
            errors.push(PerfdataError {
                item: item.to_owned(),
                fault,
                hint,
            });
        };
        let Some(fields) = fields else {
            fail("no label=value".to_owned(), None);
            continue;
        };
        let name = crate::one_line(&label);
        if name.trim().is_empty() {
            fail("no label".to_owned(), None);
            continue;
        }
        let mut fields = fields.split(';');
        let (value, unit) = match value(fields.next().unwrap_or_default()) {
            Ok(value) => value,
            Err((fault, hint)) => {
                fail(fault, hint);
                continue;
            }
        };
        metrics.push(Metric {
            name: name.into(),
            value,
            unit: unit.to_owned().into(),
            warn: range(fields.next(), &mut fail),
            crit: range(fields.next(), &mut fail),
            min: bound(fields.next(), &mut fail),
            max: bound(fields.next(), &mut fail),
        });
        if fields.any(|field| !field.is_empty()) {
            fail("more than five fields".to_owned(), None);
        }
    }
    (metrics, errors)
}

/// Label, what follows its `=` up to the next blank, and the whole item. Text must not start with a blank.
fn next_item(text: &str) -> (Cow<'_, str>, Option<&str>, &str) {
    let blank = |from: usize| {
        let bytes = text.as_bytes()[from..].iter();
        from + bytes.take_while(|byte| !byte.is_ascii_whitespace()).count()
    };
    let (label, equals) = if let Some(quoted) = text.strip_prefix('\'') {
        let mut end = 0;
        while let Some(at) = quoted[end..].find('\'') {
            end += at;
            if !quoted[end + 1..].starts_with('\'') {
                break;
            }
            end += 2;
        }
        let closed = quoted[end..].starts_with("'=");
        (
            Cow::Owned(quoted[..end].replace("''", "'")),
            closed.then_some(end + 2),
        )
    } else {
        let token = &text[..blank(0)];
        let equals = token.find('=');
        (Cow::Borrowed(&token[..equals.unwrap_or(0)]), equals)
    };
    match equals {
        Some(equals) => {
            let end = blank(equals + 1);
            (label, Some(&text[equals + 1..end]), &text[..end])
        }
        None => (label, None, &text[..blank(0)]),
    }
}

type Fault = (String, Option<&'static str>);

fn value(text: &str) -> Result<(Option<Number>, &str), Fault> {
    if text == "U" {
        return Ok((None, ""));
    }
    let (number, unit) = text.split_at(prefix_bytes(text));
    if text.is_empty() {
        Err(("no value".to_owned(), None))
    } else if number.is_empty() {
        Err((format!("'{}' is no number", text.escape_debug()), None))
    } else if unit.starts_with(',') {
        Err((
            "',' in a number".to_owned(),
            Some("the decimal sign is a point"),
        ))
    } else if !is_unit(unit) {
        Err((format!("'{}' is no unit", unit.escape_debug()), None))
    } else if let Some(number) = to_number(number) {
        Ok((Some(number), unit))
    } else {
        Err((format!("{number} is too large"), None))
    }
}

/// Whole where the text is: `1.0` was measured with a fraction, `1` was counted.
fn to_number(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(whole) => Some(Number::Int(whole)),
        Err(_) => {
            let number = text.parse::<f64>().ok();
            number.filter(|it| it.is_finite()).map(Number::Float)
        }
    }
}

/// The guidelines ban digits, `;` and quotes from units; punctuation is a typing error more often than a unit.
fn is_unit(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_alphabetic() || matches!(character, '%' | '/' | '°'))
}

fn range(
    field: Option<&str>,
    fail: &mut impl FnMut(String, Option<&'static str>),
) -> Option<Range> {
    let text = field.filter(|text| !text.is_empty())?;
    text.parse()
        .map_err(|error: crate::RangeError| fail(error.to_string(), None))
        .ok()
}

fn bound(
    field: Option<&str>,
    fail: &mut impl FnMut(String, Option<&'static str>),
) -> Option<Number> {
    let text = field.filter(|text| !text.is_empty())?;
    let number = to_number(text).filter(|_| prefix_bytes(text) == text.len());
    if number.is_none() {
        fail(
            format!("the bound '{}' is no number", text.escape_debug()),
            None,
        );
    }
    number
}

/// The label that every reader takes: without `=`, `'`, `|`, `::` and control characters, never empty.
#[must_use]
pub fn safe_label(label: &str) -> String {
    let line = crate::one_line(label).replace(['=', '\'', '¦'], "_");
    let line = line.replace("::", "_");
    match line.trim() {
        "" => "_".to_owned(),
        label => label.to_owned(),
    }
}

/// Appends one item. A value that is not known is `U`; quotes stand only around a label with a blank.
pub fn write(out: &mut String, label: &str, metric: &Metric) {
    let label = safe_label(label);
    if label.contains(char::is_whitespace) {
        out.extend(["'", &label, "'="]);
    } else {
        out.extend([&label, "="]);
    }
    match metric.value.filter(|value| value.as_f64().is_finite()) {
        None => out.push('U'),
        Some(value) => {
            out.push_str(&value.to_string());
            if is_unit(&metric.unit) {
                out.push_str(&metric.unit);
            }
        }
    }
    let bound = |bound: Option<Number>| bound.filter(|it| it.as_f64().is_finite());
    let limits = [
        metric.warn.map(|range| limit(range, metric)),
        metric.crit.map(|range| limit(range, metric)),
        bound(metric.min).map(|number| number.to_string()),
        bound(metric.max).map(|number| number.to_string()),
    ];
    let last = limits
        .iter()
        .rposition(Option::is_some)
        .map_or(0, |at| at + 1);
    for limit in &limits[..last] {
        out.push(';');
        out.push_str(limit.as_deref().unwrap_or_default());
    }
}

/// A limit above a value that cannot be negative is written as the number alone: Icinga 2 drops `~:10`.
fn limit(range: Range, metric: &Metric) -> String {
    let negative = |number: Option<Number>| number.is_none_or(|number| number.as_f64() < 0.0);
    let (start, end) = (range.start(), range.end());
    let open = start == f64::NEG_INFINITY && end >= 0.0 && end.is_finite() && !range.is_inverted();
    if open && !negative(metric.min) && !negative(metric.value) {
        Range::new(0.0, end).unwrap_or(range).to_string()
    } else {
        range.to_string()
    }
}

#[cfg(test)]
mod tests;
