//! A warning and a critical range, judged together.

use crate::{Range, State};

/// What `-w` and `-c` said. An absent range is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// Alerts as WARNING.
    pub warn: Option<Range>,
    /// Alerts as CRITICAL, looked at first.
    pub crit: Option<Range>,
}

impl Thresholds {
    /// From the two ranges.
    #[must_use]
    pub fn new(warn: Option<Range>, crit: Option<Range>) -> Self {
        Self { warn, crit }
    }

    /// The state of a value. With a range to compare against, NaN is UNKNOWN.
    #[must_use]
    pub fn judge(&self, value: f64) -> State {
        let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
        if value.is_nan() && (self.warn.is_some() || self.crit.is_some()) {
            State::Unknown
        } else if alerts(self.crit) {
            State::Critical
        } else if alerts(self.warn) {
            State::Warning
        } else {
            State::Ok
        }
    }

    /// Whether every value that would warn is critical already, so that a WARNING can never show. Equal ranges are a
    /// way to say that there shall be none.
    #[must_use]
    pub fn never_warns(&self) -> bool {
        let (Some(warn), Some(crit)) = (self.warn, self.crit) else {
            return false;
        };
        let within = |inner: Range, outer: Range| {
            outer.start() <= inner.start() && inner.end() <= outer.end()
        };
        warn != crit
            && match (warn.is_inverted(), crit.is_inverted()) {
                (false, false) => within(crit, warn),
                (true, true) => within(warn, crit),
                (true, false) => warn.end() < crit.start() || crit.end() < warn.start(),
                (false, true) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_is_looked_at_first_and_an_absent_range_not_at_all() {
        for (warn, crit, cases) in [
            (
                Some("30"),
                Some("60"),
                vec![
                    (15.3, State::Ok),
                    (30.0001, State::Warning),
                    (69.0, State::Critical),
                ],
            ),
            (
                Some("-10:-2"),
                Some("-30:20"),
                vec![
                    (-31.0, State::Critical),
                    (-29.0, State::Warning),
                    (-11.0, State::Warning),
                    (-10.0, State::Ok),
                    (-2.0, State::Ok),
                    (-1.0, State::Warning),
                    (19.0, State::Warning),
                    (21.0, State::Critical),
                ],
            ),
            (
                Some("5:33"),
                None,
                vec![(34.0, State::Warning), (f64::NAN, State::Unknown)],
            ),
            (
                None,
                Some("80"),
                vec![(79.0, State::Ok), (81.0, State::Critical)],
            ),
            (None, None, vec![(f64::NAN, State::Ok)]),
        ] {
            let range = |text: Option<&str>| text.map(|text| text.parse().unwrap());
            let thresholds = Thresholds::new(range(warn), range(crit));
            for (value, state) in cases {
                assert_eq!(
                    thresholds.judge(value),
                    state,
                    "w={warn:?} c={crit:?} at {value}"
                );
            }
        }
    }

    #[test]
    fn a_pair_that_can_never_warn_is_told_apart() {
        for (warn, crit, never) in [
            ("90", "80", true),
            ("80", "90", false),
            ("80", "80", false),
            ("5:", "10:", true),
            ("10:", "5:", false),
            ("-10:-2", "-30:20", false),
            ("@0:5", "@0:10", true),
            ("@0:10", "@0:5", false),
            ("@20:30", "10", true),
            ("@5:30", "10", false),
            ("10", "@20:30", false),
        ] {
            let thresholds =
                Thresholds::new(Some(warn.parse().unwrap()), Some(crit.parse().unwrap()));
            assert_eq!(thresholds.never_warns(), never, "-w {warn} -c {crit}");
        }
    }
}
