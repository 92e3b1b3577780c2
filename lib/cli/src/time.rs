//! Durations as people write them, and ids that sort by time.

use std::time::Duration;

use jiff::Timestamp;
use rustix::rand::GetRandomFlags;
use uuid::Builder;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a duration: write seconds, or a number with a unit such as 500ms, 90s, 26h or 7d"
)]
pub struct DurationError(String);

/// Reads `10` and `2.5` as seconds, everything else as humantime does (`500ms`, `1h 30m`, `26h`, `7d`).
///
/// # Errors
/// Neither a number of seconds nor a duration, negative, or longer than 1000 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fault = || DurationError(text.to_owned());
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = if plain {
        let seconds: f64 = text.parse().map_err(|_| fault())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| fault())?
    } else {
        humantime::parse_duration(text).map_err(|_| fault())?
    };
    const LONGEST: Duration = Duration::from_secs(1000 * 366 * 86_400);
    if duration > LONGEST {
        Err(fault())
    } else {
        Ok(duration)
    }
}

/// A new UUIDv7 for something observed at this time.
///
/// Its random part comes straight from the kernel: the library's own generator reads it from a device file.
#[must_use]
pub fn new_id(time: Timestamp) -> String {
    let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or_default();
    let mut random = [0; 10];
    // Short reads do not happen below 256 bytes (getrandom(2)).
    let _ = rustix::rand::getrandom(&mut random, GetRandomFlags::empty());
    Builder::from_unix_timestamp_millis(milliseconds, &random)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds_and_units_are_humantimes() {
        for (text, expected) in [
            ("10", 10_000),
            ("0.5", 500),
            ("500ms", 500),
            ("26h", 93_600_000),
            ("1h 30m", 5_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(expected)),
                "{text}"
            );
        }
        for text in [
            "",
            "-1",
            "abc",
            "10 parsecs",
            ".",
            "1e3",
            "9999999999999999999999",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError(text.to_owned())));
        }
    }
}
