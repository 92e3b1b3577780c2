//! Which snapshots to keep: a pure choice, by when the storage received them.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How many of which to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field's names say it")]
pub struct Policy {
    pub last: usize,
    pub hourly: usize,
    pub daily: usize,
    pub weekly: usize,
    pub monthly: usize,
    pub yearly: usize,
    /// All that are younger than this, in seconds.
    pub within: Option<i64>,
    /// All that have one of these tags, as `KEY` or `KEY=VALUE`.
    pub tags: Vec<String>,
}

/// What the choice hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// When the storage received it, in seconds since 1970.
    pub received: i64,
    /// Its tags, as `KEY=VALUE`.
    pub tags: Vec<String>,
    /// Whether nothing was left out.
    pub complete: bool,
}

impl Policy {
    /// Whether it keeps nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    /// For each candidate of one series, sorted from old to new: why it is kept, or nothing.
    ///
    /// Of each hour, day and so on the newest is kept, as long as the rule counts; the newest complete one always is.
    #[must_use]
    pub fn choose(&self, series: &[Candidate], now: i64) -> Vec<Vec<&'static str>> {
        let mut reasons = vec![Vec::new(); series.len()];
        type Bucket = fn(i64) -> String;
        let rules: [(&'static str, usize, Bucket); 5] = [
            ("hourly", self.hourly, |time| format(time, "%Y-%m-%d %H")),
            ("daily", self.daily, |time| format(time, "%Y-%m-%d")),
            ("weekly", self.weekly, |time| format(time, "%G-%V")),
            ("monthly", self.monthly, |time| format(time, "%Y-%m")),
            ("yearly", self.yearly, |time| format(time, "%Y")),
        ];
        for (name, count, bucket) in rules {
            let mut seen = HashSet::new();
            for (at, candidate) in series.iter().enumerate().rev() {
                let bucket = bucket(candidate.received);
                if seen.len() < count && seen.insert(bucket) {
                    reasons[at].push(name);
                }
            }
        }
        for (at, candidate) in series.iter().enumerate() {
            if series.len() - at <= self.last {
                reasons[at].push("last");
            }
            if self
                .within
                .is_some_and(|within| candidate.received >= now - within)
            {
                reasons[at].push("within");
            }
            let tagged = |wanted: &String| {
                candidate.tags.iter().any(|tag| {
                    tag == wanted || tag.split_once('=').is_some_and(|(key, _)| key == wanted)
                })
            };
            if self.tags.iter().any(tagged) {
                reasons[at].push("tag");
            }
        }
        if let Some(at) = series.iter().rposition(|candidate| candidate.complete)
            && reasons[at].is_empty()
        {
            reasons[at].push("newest that is complete");
        }
        reasons
    }
}

fn format(time: i64, pattern: &str) -> String {
    let zoned = Timestamp::from_second(time).map(|time| time.to_zoned(TimeZone::UTC));
    zoned
        .map(|time| time.strftime(pattern).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    /// 2026-01-01, a Thursday.
    const START: i64 = 1_767_225_600;

    fn daily(count: i64) -> Vec<Candidate> {
        (0..count)
            .map(|day| Candidate {
                received: START + day * DAY,
                tags: Vec::new(),
                complete: true,
            })
            .collect()
    }

    fn kept(policy: &Policy, series: &[Candidate]) -> Vec<i64> {
        let now = series.last().map_or(0, |last| last.received);
        let reasons = policy.choose(series, now);
        let kept = series
            .iter()
            .zip(reasons)
            .filter(|(_, reasons)| !reasons.is_empty());
        kept.map(|(candidate, _)| (candidate.received - START) / DAY)
            .collect()
    }

    #[test]
    fn each_rule_counts_on_its_own() {
        let series = daily(60);
        assert_eq!(
            kept(
                &Policy {
                    last: 2,
                    ..Policy::default()
                },
                &series
            ),
            [58, 59]
        );
        assert_eq!(
            kept(
                &Policy {
                    daily: 3,
                    ..Policy::default()
                },
                &series
            ),
            [57, 58, 59]
        );
        assert_eq!(
            kept(
                &Policy {
                    monthly: 9,
                    ..Policy::default()
                },
                &series
            ),
            [30, 58, 59]
        );
        assert_eq!(
            kept(
                &Policy {
                    weekly: 2,
                    ..Policy::default()
                },
                &series
            ),
            [52, 59],
            "day 59 is the first of March, a Sunday"
        );
        assert_eq!(
            kept(
                &Policy {
                    yearly: 5,
                    ..Policy::default()
                },
                &series
            ),
            [59]
        );
        assert_eq!(
            kept(
                &Policy {
                    within: Some(2 * DAY),
                    ..Policy::default()
                },
                &series
            ),
            [57, 58, 59]
        );
    }

    #[test]
    fn several_a_day_leave_the_newest_of_the_day() {
        let series: Vec<_> = (0..6)
            .map(|at| Candidate {
                received: START + at * DAY / 3,
                tags: Vec::new(),
                complete: true,
            })
            .collect();
        let reasons = Policy {
            daily: 2,
            ..Policy::default()
        }
        .choose(&series, START);
        let kept: Vec<_> = (0..6).filter(|at| !reasons[*at].is_empty()).collect();
        assert_eq!(kept, [2, 5]);
    }

    #[test]
    fn tags_and_the_newest_complete_one_are_kept() {
        let mut series = daily(5);
        series[0].tags = vec!["keep=yes".into()];
        series[3].complete = false;
        series[4].complete = false;
        assert_eq!(
            kept(
                &Policy {
                    tags: vec!["keep".into()],
                    ..Policy::default()
                },
                &series
            ),
            [0, 2]
        );
        assert_eq!(
            kept(
                &Policy {
                    tags: vec!["keep=no".into()],
                    ..Policy::default()
                },
                &series
            ),
            [2]
        );
    }
}
