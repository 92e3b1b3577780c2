//! How long something took, as a metric in microseconds, and the `-w` and `-c` that judge it in seconds.

use std::time::Duration;

use ce_record::{Metric, Range, Record, State, Thresholds};
use clap::Args;

use crate::check::MetricDoc;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;

/// The metric of every check that measures how long an answer takes.
pub const TIME: MetricDoc = MetricDoc {
    name: "time",
    unit: "us",
    about: "from the start to the last byte that was waited for",
};

/// `-w TIME -c TIME`: flatten it into the flags of a check that judges how long an answer takes.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct TimeLimits {
    /// WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms
    #[arg(short, long, value_name = "TIME", value_parser = microseconds)]
    warning: Option<Range>,

    /// CRITICAL when it takes longer
    #[arg(short, long, value_name = "TIME", value_parser = microseconds)]
    critical: Option<Range>,
}

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// A range of seconds as one of microseconds.
fn microseconds(text: &str) -> Result<Range, String> {
    let seconds = text.parse::<Range>();
    match (seconds, ce_cli::parse_duration(text)) {
        (Ok(range), _) => Ok(range.map(|seconds| seconds * SECOND)),
        (_, Ok(longest)) => Range::new(0.0, longest.as_secs_f64() * SECOND)
            .ok_or_else(|| format!("'{text}' is no time")),
        (Err(error), _) => Err(format!("{error}; a time is as 2, 0.5 or 200ms")),
    }
}

impl TimeLimits {
    /// Microseconds of the two ranges.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds::new(self.warning, self.critical)
    }

    /// Refuses a pair that can never warn.
    pub fn validate(&self) -> Result<(), Fault> {
        // In the seconds that they were written in.
        let seconds = |range: Option<Range>| range.map(|range| range.map(|us| us / SECOND));
        let given = Thresholds::new(seconds(self.warning), seconds(self.critical));
        refuse_contradiction("-w", "-c", given)
    }

    /// How a time is judged.
    pub fn judge(&self, took: Duration) -> State {
        self.thresholds().judge(as_us(took))
    }

    /// The time with its limits.
    pub fn metric(&self, took: Duration) -> Metric {
        metric(TIME.name, took).limits(self.thresholds())
    }
}

/// What the plugins of old print of these metrics: the time alone, in seconds.
pub fn perfdata(_: &Record, metric: &Metric) -> Option<Metric> {
    (metric.name == TIME.name).then(|| metric.clone().in_seconds())
}

/// A time without limits.
pub fn metric(name: &'static str, took: Duration) -> Metric {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    Metric::new(name, us, "us").min(0i64)
}

fn as_us(took: Duration) -> f64 {
    took.as_secs_f64() * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_a_range_of_them_or_has_a_unit() {
        for (text, judged, state) in [
            ("0.5", 400, true),
            ("0.5", 501, false),
            ("200ms", 200, true),
            ("200ms", 201, false),
            ("0.1:0.5", 50, false),
            ("@0:0.5", 600, true),
        ] {
            let limits = TimeLimits {
                warning: Some(microseconds(text).unwrap()),
                critical: None,
            };
            let is_ok = limits.judge(Duration::from_millis(judged)) == State::Ok;
            assert_eq!(is_ok, state, "{text} {judged} ms");
        }
        assert!(microseconds("soon").unwrap_err().contains("200ms"));
    }
}
