//! Threshold ranges `[@][start:][end]`, read as the Nagios plugin guidelines define them.
//!
//! Strict on purpose: a threshold that is silently read as something else never alerts, or always does. What the
//! guidelines do not allow is refused with the column and what was probably meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::prefix_bytes;

/// The values for which nobody is told: outside it an alert is raised, or inside it when it is `inverted` (`@`).
///
/// Both ends belong to the range. An open end is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    inverted: bool,
    start: f64,
    end: f64,
}

impl Range {
    /// `start:end`, alerting outside. Either end may be open; `None` when start lies above end or one is NaN.
    #[must_use]
    pub fn new(start: f64, end: f64) -> Option<Self> {
        let writable = start < f64::INFINITY && end > f64::NEG_INFINITY;
        (start <= end && writable).then_some(Self {
            inverted: false,
            start,
            end,
        })
    }

    /// Alerts on everything above `end`.
    #[must_use]
    pub fn at_most(end: f64) -> Self {
        Self {
            inverted: false,
            start: f64::NEG_INFINITY,
            end,
        }
    }

    /// Alerts on everything below `start`.
    #[must_use]
    pub fn at_least(start: f64) -> Self {
        Self {
            inverted: false,
            start,
            end: f64::INFINITY,
        }
    }

    /// Whether this value raises an alert. NaN always does: a value that is not known is not fine.
    #[must_use]
    pub fn alerts(&self, value: f64) -> bool {
        let inside = self.start <= value && value <= self.end;
        value.is_nan() || inside == self.inverted
    }

    /// The start, negative infinity when open.
    #[must_use]
    pub fn start(&self) -> f64 {
        self.start
    }

    /// The end, infinity when open.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.end
    }

    /// Whether it alerts inside instead of outside (`@`).
    #[must_use]
    pub fn is_inverted(&self) -> bool {
        self.inverted
    }

    /// The same range in another unit: `convert` is applied to both ends and must keep their order.
    #[must_use]
    pub fn map(&self, convert: impl Fn(f64) -> f64) -> Self {
        Self {
            inverted: self.inverted,
            start: convert(self.start),
            end: convert(self.end),
        }
    }
}

impl fmt::Display for Range {
    /// The shortest text that reads back as this range: `10`, `10:`, `~:10`, `@10:20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inverted {
            f.write_str("@")?;
        }
        let open_end = self.end == f64::INFINITY;
        if self.start == f64::NEG_INFINITY {
            f.write_str("~:")?;
        } else if self.start != 0.0 || open_end {
            write!(f, "{}:", self.start)?;
        }
        if open_end {
            Ok(())
        } else {
            write!(f, "{}", self.end + 0.0)
        }
    }
}

/// Why a range was refused: the text, the column (from 1) of the first character at fault, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("range '{}', column {column}: {fault}{}", .text.escape_debug(), .hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct RangeError {
    /// The range as given.
    pub text: String,
    /// Where it goes wrong, counted in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let error = |byte: usize, fault: &str, hint: Option<String>| RangeError {
            text: text.to_owned(),
            column: text[..byte].chars().count() + 1,
            fault: fault.to_owned(),
            hint,
        };
        let (inverted, body, offset) = match text.strip_prefix('@') {
            Some(rest) => (true, rest, 1),
            None => (false, text, 0),
        };
        if body.is_empty() {
            return Err(error(
                offset,
                "nothing to compare with",
                Some("write 10, 10:, ~:10 or 10:20".to_owned()),
            ));
        }
        let (start, end, end_at) = match body.split_once(':') {
            None if body == "~" => {
                return Err(error(
                    offset,
                    "'~' stands only before ':'",
                    Some("write ~:10".to_owned()),
                ));
            }
            None => (0.0, Some(body), offset),
            Some(("", "")) => {
                return Err(error(
                    offset,
                    "no number beside ':'",
                    Some("write 10: or :10".to_owned()),
                ));
            }
            Some((start_text, end_text)) => {
                let start = match start_text {
                    "" => 0.0,
                    "~" => f64::NEG_INFINITY,
                    number => parse_number(number)
                        .map_err(|(at, fault, hint)| error(offset + at, &fault, hint))?,
                };
                let end_at = offset + start_text.len() + 1;
                if end_text.starts_with('~') {
                    let hint = "leave the end empty for no upper limit".to_owned();
                    return Err(error(end_at, "'~' stands only before ':'", Some(hint)));
                }
                (start, (!end_text.is_empty()).then_some(end_text), end_at)
            }
        };
        let end = match end {
            None => f64::INFINITY,
            Some(number) => parse_number(number)
                .map_err(|(at, fault, hint)| error(end_at + at, &fault, hint))?,
        };
        if start > end {
            let at = if inverted { "@" } else { "" };
            let hint = if body.contains(':') {
                format!("write {at}{end}:{start}")
            } else {
                format!("write {at}~:{end} for no lower limit, or {at}{end}:0")
            };
            return Err(error(
                end_at,
                &format!("the start, {start}, lies above the end, {end}"),
                Some(hint),
            ));
        }
        Ok(Self {
            inverted,
            start,
            end,
        })
    }
}

/// A whole text that is a decimal number; on a fault the byte where it starts, what is wrong, and a hint.
fn parse_number(text: &str) -> Result<f64, (usize, String, Option<String>)> {
    let at = prefix_bytes(text);
    if at > 0 && at == text.len() {
        return match text.parse::<f64>() {
            // A limit that becomes 0 is another limit: 1e-400 has a digit before its exponent, 0e5 has none.
            Ok(0.0) if has_digits(text) => Err((0, format!("'{text}' is too small"), None)),
            Ok(number) if number.is_finite() => Ok(number + 0.0),
            _ => Err((0, format!("'{text}' is too large"), None)),
        };
    }
    let fault = match text[at..].chars().next() {
        Some(character) if at > 0 => {
            format!("'{}' is not part of a number", character.escape_debug())
        }
        _ => format!("'{}' is not a number", text.escape_debug()),
    };
    Err((at, fault, hint(text, at)))
}

/// Whether a digit other than 0 stands before the exponent.
fn has_digits(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    mantissa.contains(|digit: char| ('1'..='9').contains(&digit))
}

/// What somebody meant who wrote `text`, which stops being a number at byte `at`.
fn hint(text: &str, at: usize) -> Option<String> {
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let hint = match text[at..].chars().next()? {
        ',' => "the decimal sign is a point",
        '%' => "this value is not a percentage: write the number alone",
        ':' => "a range has one ':'",
        ' ' => "write it without blanks",
        '@' => "'@' stands only at the very start",
        '~' => "'~' stands only before ':', alone",
        '-' if at > 0 => {
            let rest = text[at + 1..].escape_debug();
            return Some(format!("a range is written {}:{rest}", &text[..at]));
        }
        'x' | 'X' if at > 0 => "write the number in decimal",
        _ if unsigned.starts_with("inf") => {
            "leave the end empty for no upper limit, write ~: for no lower one"
        }
        letter if at > 0 && letter.is_alphabetic() => "write the number without a unit",
        _ => return None,
    };
    Some(hint.to_owned())
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
