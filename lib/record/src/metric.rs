//! A measured value with its limits.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Range, Thresholds};

/// A number as JSON has it: whole where it can be, so that counters and byte sizes stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Number {
    /// A count, a size in bytes, a time in microseconds.
    Int(i64),
    /// A quantity that has fractions by nature: a load average, a percentage, what a wrapped plugin said.
    Float(f64),
}

impl Number {
    /// As a float; exact up to 2^53.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// A float rounded to `places` decimals, as an integer when nothing is left behind the point.
    #[must_use]
    pub fn rounded(value: f64, places: i32) -> Self {
        let factor = 10f64.powi(places);
        let rounded = (value * factor).round() / factor;
        #[allow(clippy::cast_possible_truncation)]
        if rounded.fract() == 0.0 && rounded.abs() < 9e15 {
            Self::Int(rounded as i64)
        } else {
            Self::Float(rounded)
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Number {
    #[allow(clippy::cast_precision_loss)]
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Float(number as f64), Self::Int)
    }
}

impl From<i32> for Number {
    fn from(number: i32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl fmt::Display for Number {
    /// Plain decimal: no exponent, no thousands separator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            // The sum is for -0, which no reader expects.
            Self::Float(number) => (number + 0.0).fmt(f),
        }
    }
}

/// One measured value.
///
/// Units are base units: `B`, `s`, `us`, `%`, `c` (a counter that only grows), or none for a count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Snake case, stable for ever: graphs are named by it.
    pub name: Cow<'static, str>,
    /// Absent when it could not be measured.
    #[serde(default, skip_serializing_if = "is_no_number")]
    pub value: Option<Number>,
    /// Empty for a plain count.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub unit: Cow<'static, str>,
    /// Alerts as WARNING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<Range>,
    /// Alerts as CRITICAL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crit: Option<Range>,
    /// The least it can be.
    #[serde(default, skip_serializing_if = "is_no_number")]
    pub min: Option<Number>,
    /// The most it can be.
    #[serde(default, skip_serializing_if = "is_no_number")]
    pub max: Option<Number>,
}

/// JSON has no NaN and no infinity: they would become nulls.
#[allow(clippy::ref_option)]
fn is_no_number(number: &Option<Number>) -> bool {
    number.is_none_or(|number| !number.as_f64().is_finite())
}

impl Metric {
    /// A value without limits.
    #[must_use]
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Number>,
        unit: &'static str,
    ) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
            unit: unit.into(),
            warn: None,
            crit: None,
            min: None,
            max: None,
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// A time in microseconds as one in seconds, its limits too: what most plugins of old print.
    #[must_use]
    pub fn in_seconds(self) -> Self {
        self.divided(1e6, "s")
    }

    /// A time in microseconds as one in milliseconds, its limits too.
    #[must_use]
    pub fn in_milliseconds(self) -> Self {
        self.divided(1e3, "ms")
    }

    /// Divided, not multiplied: 300000 us shall be 0.3 s to the last digit.
    fn divided(mut self, divisor: f64, unit: &'static str) -> Self {
        let number = |number: Option<Number>| {
            number.map(|number| Number::rounded(number.as_f64() / divisor, 6))
        };
        let range =
            |range: Option<Range>| range.map(|range| range.map(|end| shortest(end / divisor)));
        self.value = number(self.value);
        self.min = number(self.min);
        self.max = number(self.max);
        self.warn = range(self.warn);
        self.crit = range(self.crit);
        self.unit = unit.into();
        self
    }

    /// With the ranges it is judged by, in this metric's unit.
    #[must_use]
    pub fn limits(mut self, thresholds: Thresholds) -> Self {
        self.warn = thresholds.warn;
        self.crit = thresholds.crit;
        self
    }

    /// With the least it can be.
    #[must_use]
    pub fn min(mut self, min: impl Into<Number>) -> Self {
        self.min = Some(min.into());
        self
    }

    /// With the most it can be.
    #[must_use]
    pub fn max(mut self, max: impl Into<Number>) -> Self {
        self.max = Some(max.into());
        self
    }
}

/// Without what the division of binary fractions leaves behind the fifteenth digit: 0.1 us are 0.0001 ms.
fn shortest(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_seconds_keeps_its_limits_to_the_last_digit() {
        let limits = Thresholds::new("300000".parse().ok(), "@500000:600000".parse().ok());
        let time = Metric::new("time", 812u64, "us")
            .limits(limits)
            .min(0i64)
            .in_seconds();
        assert_eq!(time.value, Some(Number::Float(0.000_812)));
        assert_eq!(
            time.warn.map(|range| range.to_string()).as_deref(),
            Some("0.3")
        );
        assert_eq!(
            time.crit.map(|range| range.to_string()).as_deref(),
            Some("@0.5:0.6")
        );
        assert_eq!((&*time.unit, time.min), ("s", Some(Number::Int(0))));
    }
}
