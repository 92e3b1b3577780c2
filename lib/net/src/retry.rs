//! When to try again, and when to give up. Pure but for the dice: who sleeps is the caller.

use std::time::Duration;

use jiff::Timestamp;
use ring::rand::SystemRandom;

/// How often and how patiently something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried at most, the first time included.
    pub attempts: u32,
    /// The pause after the first failure; each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// All pauses together are never longer.
    pub total: Duration,
}

impl Default for Retry {
    /// Four attempts within a minute: long enough for a restart of the other side, short enough for cron.
    fn default() -> Self {
        Self {
            attempts: 4,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            total: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// The pause after `failed` attempts, `waited` having been slept so far; none when it is time to give up.
    ///
    /// The pause is between half and all of the doubled time, as `jitter` (0 to 1) says, so that a hundred servers do
    /// not come back at once. It is never shorter than what the other side asked for with `Retry-After`.
    #[must_use]
    pub fn pause(
        &self,
        failed: u32,
        waited: Duration,
        asked: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doubled = 2u32
            .checked_pow(failed.saturating_sub(1))
            .and_then(|times| self.first.checked_mul(times))
            .map_or(self.longest, |pause| pause.min(self.longest));
        let part = 0.5 + jitter.clamp(0.0, 1.0) / 2.0;
        let pause = doubled.mul_f64(part).max(asked.unwrap_or_default());
        let end = waited.checked_add(pause)?;
        (end <= self.total).then_some(pause)
    }
}

/// A random number from 0 to 1 for [`Retry::pause`].
#[must_use]
pub fn jitter() -> f64 {
    match ring::rand::generate::<[u8; 4]>(&SystemRandom::new()) {
        Ok(random) => f64::from(u32::from_ne_bytes(random.expose())) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

/// How long a `Retry-After` header asks to wait: seconds or an HTTP date (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_the_attempts() {
        let retry = Retry {
            attempts: 6,
            first: S(1),
            longest: S(5),
            total: S(600),
        };
        let pauses: Vec<_> = (1..8)
            .map(|n| retry.pause(n, S(0), None, 1.0).map(|p| p.as_secs()))
            .collect();
        assert_eq!(
            pauses,
            [Some(1), Some(2), Some(4), Some(5), Some(5), None, None]
        );
    }

    #[test]
    fn jitter_takes_off_half_at_most() {
        let retry = Retry::default();
        assert_eq!(retry.pause(2, S(0), None, 0.0), Some(S(1)));
        assert_eq!(retry.pause(2, S(0), None, 1.0), Some(S(2)));
        assert_eq!(retry.pause(2, S(0), None, f64::INFINITY), Some(S(2)));
        for _ in 0..100 {
            assert!((0.0..=1.0).contains(&jitter()));
        }
    }

    #[test]
    fn what_the_other_side_asks_for_is_kept_or_it_is_given_up() {
        let retry = Retry::default();
        assert_eq!(retry.pause(1, S(0), Some(S(20)), 1.0), Some(S(20)));
        assert_eq!(retry.pause(1, S(50), Some(S(20)), 1.0), None);
        assert_eq!(retry.pause(1, S(0), Some(Duration::MAX), 1.0), None);
    }

    #[test]
    fn a_retry_after_header_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        assert_eq!(retry_after("120", now), Some(S(120)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now),
            Some(S(30))
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now),
            Some(S(0))
        );
        for bad in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }
}
