//! Threshold ranges `[@][start:][end]`, read as the Nagios plugin guidelines define them.
//!
//! Strict on purpose: a threshold that is silently read as something else never alerts, or always does. What the
//! guidelines do not allow is refused with the column and what was probably meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// `start:end`, alerting outside. Either end may be infinite; `None` when start lies above end or one is NaN.
    #[must_use]
    pub fn new(start: f64, end: f64) -> Option<Self> {
        (start <= end).then_some(Self {
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
#[error("range '{text}', column {column}: {fault}{}", .hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
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
            let hint = if body.contains(':') {
                format!("write {end}:{start}")
            } else {
                format!("write ~:{end} for no lower limit, or {end}:0")
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

/// A decimal number as the guidelines and their older readers take it: sign, digits, point, exponent.
///
/// On a fault: the byte where it starts, what is wrong, and a hint.
fn parse_number(text: &str) -> Result<f64, (usize, String, Option<String>)> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let whole_from = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut at = digits(whole_from);
    let mut count = at - whole_from;
    if bytes.get(at) == Some(&b'.') {
        let fraction_end = digits(at + 1);
        count += fraction_end - at - 1;
        at = if count > 0 { fraction_end } else { at };
    }
    if count > 0 && matches!(bytes.get(at), Some(b'e' | b'E')) {
        let exponent_from = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent_end = digits(exponent_from);
        if exponent_end > exponent_from {
            at = exponent_end;
        }
    }
    if count == 0 || at < bytes.len() {
        let rest = &text[at..];
        let hint = match rest.chars().next() {
            Some(',') => Some("the decimal sign is a point".to_owned()),
            Some('%') => Some("this value is not a percentage: write the number alone".to_owned()),
            Some('-') if count > 0 => {
                Some(format!("a range is written {}", text.replacen('-', ":", 1)))
            }
            Some('x' | 'X') => Some("write the number in decimal".to_owned()),
            Some(' ') => Some("write it without blanks".to_owned()),
            Some('@') => Some("'@' stands only at the very start".to_owned()),
            _ if text[whole_from..].to_ascii_lowercase().starts_with("inf") => {
                Some("leave the end empty for no upper limit, write ~: for no lower one".to_owned())
            }
            Some(letter) if count > 0 && letter.is_alphabetic() => {
                Some("write the number without a unit".to_owned())
            }
            _ => None,
        };
        let fault = match rest.chars().next() {
            Some(character) if count > 0 => {
                format!("'{}' is not part of a number", character.escape_default())
            }
            _ => format!("'{}' is not a number", text.escape_default()),
        };
        return Err((if count > 0 { at } else { 0 }, fault, hint));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number + 0.0),
        _ => Err((0, format!("'{text}' is out of range"), None)),
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_the_guidelines_alerts_where_it_should() {
        // Each value is followed by whether it alerts.
        let cases: &[(&str, &[(f64, bool)])] = &[
            (
                "10",
                &[(-1.0, true), (0.0, false), (10.0, false), (10.0001, true)],
            ),
            ("10:", &[(9.99, true), (10.0, false), (1e12, false)]),
            ("~:10", &[(-1e9, false), (10.0, false), (11.0, true)]),
            (
                "10:20",
                &[(9.0, true), (10.0, false), (20.0, false), (21.0, true)],
            ),
            (
                "@10:20",
                &[(9.0, false), (10.0, true), (20.0, true), (20.5, false)],
            ),
            (
                "@10",
                &[(-0.1, false), (0.0, true), (10.0, true), (11.0, false)],
            ),
            (":10", &[(-1.0, true), (5.0, false)]),
            ("0", &[(-1.0, true), (0.0, false), (1.0, true)]),
            ("0:0", &[(0.0, false), (1.0, true)]),
            ("@0", &[(0.0, true), (1.0, false)]),
            ("1:1", &[(0.5, true), (1.0, false), (5.2, true)]),
            ("@1:1", &[(0.5, false), (1.0, true), (5.2, false)]),
            (
                "-10:-2",
                &[(-11.0, true), (-10.0, false), (-2.0, false), (-1.0, true)],
            ),
            ("-10:", &[(-11.0, true), (-10.0, false)]),
            (
                "-7:23",
                &[(-23.0, true), (-7.0, false), (23.0, false), (23.1, true)],
            ),
            (
                "~:-95.99",
                &[
                    (-1_001_341.0, false),
                    (-95.99, false),
                    (-95.989, true),
                    (-96.0, false),
                    (-95.0, true),
                ],
            ),
            ("~:0", &[(-10.0, false), (0.0, false), (0.001, true)]),
            ("~:", &[(-5.0, false), (1e300, false)]),
            ("@~:", &[(5.0, true)]),
            ("@~:0", &[(0.0, true), (0.001, false)]),
            ("@5:", &[(4.9, false), (5.0, true)]),
            ("0:", &[(-1.0, true), (0.0, false)]),
            (":5.75", &[(5.75, false), (5.7501, true)]),
            (
                "@0:657.8210567",
                &[
                    (-2.0, false),
                    (32.88, true),
                    (657.821_056_7, true),
                    (657.9, false),
                ],
            ),
            (
                "123456789012345:",
                &[
                    (123_456_789_012_344.91, true),
                    (123_456_789_012_345.0, false),
                ],
            ),
            ("1e3", &[(999.0, false), (1001.0, true)]),
            ("1e3:", &[(999.0, true)]),
            (".5", &[(0.4, false), (0.6, true)]),
            ("5.", &[(4.0, false)]),
            ("+5", &[(4.0, false)]),
            ("-0", &[(0.0, false)]),
            ("00010", &[(10.0, false), (11.0, true)]),
            ("010", &[(9.0, false)]),
            ("10:10.0", &[(10.0, false)]),
            (
                "-2.5:-1.5",
                &[
                    (-3.0, true),
                    (-2.5, false),
                    (-2.0, false),
                    (-1.5, false),
                    (-1.0, true),
                ],
            ),
        ];
        for (text, values) in cases {
            let range: Range = text.parse().unwrap();
            for (value, alerts) in *values {
                assert_eq!(range.alerts(*value), *alerts, "{text} at {value}");
            }
            assert!(range.alerts(f64::NAN));
        }
    }

    #[test]
    fn what_the_guidelines_do_not_allow_is_refused_with_its_column_and_a_hint() {
        for (text, column, hint) in [
            ("", 1, "10:20"),
            (":", 1, "10:"),
            ("@", 2, "10:20"),
            ("@:", 2, "10:"),
            ("~", 1, "~:10"),
            ("foo", 1, ""),
            ("1-10", 2, "1:10"),
            ("1,10", 2, "point"),
            ("1:2:3", 4, ""),
            ("1:~", 3, "empty"),
            ("10:~", 4, "empty"),
            ("~:~", 3, "empty"),
            ("2:1", 3, "1:2"),
            ("-5", 1, "~:-5"),
            ("10%", 3, "percentage"),
            ("0x10", 2, "decimal"),
            ("inf", 1, "empty"),
            ("1:inf", 3, "empty"),
            ("nan", 1, ""),
            ("--5", 1, ""),
            ("5k", 2, "unit"),
            ("@@1:2", 2, "start"),
            ("1:@2", 3, "start"),
            ("1-10:2.4", 2, ":"),
            ("10 : 20", 3, "blanks"),
            ("1e999", 1, ""),
            ("1e", 2, ""),
        ] {
            let error = text.parse::<Range>().unwrap_err();
            assert_eq!(error.column, column, "{error}");
            assert!(
                error.hint.clone().unwrap_or_default().contains(hint),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn printing_is_canonical() {
        for (text, printed) in [
            (":10", "10"),
            ("@0:5", "@5"),
            ("0:", "0:"),
            ("10.0", "10"),
            ("~:", "~:"),
            ("@~:0", "@~:0"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("-10:", "-10:"),
        ] {
            assert_eq!(text.parse::<Range>().unwrap().to_string(), printed);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fail(text in "\\PC*|[@~:0-9.eE+-]{0,20}") {
            let _ = text.parse::<Range>();
        }

        #[test]
        fn what_is_printed_reads_back(start in -1e15..1e15, length in 0.0..1e15, inverted: bool, open in 0..3) {
            let text = match open {
                0 => format!("{start}:{}", start + length),
                1 => format!("~:{start}"),
                _ => format!("{start}:"),
            };
            let range: Range = format!("{}{text}", if inverted { "@" } else { "" }).parse().unwrap();
            prop_assert_eq!(range.to_string().parse::<Range>().unwrap(), range);
        }
    }
}
