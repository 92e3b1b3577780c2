//! Sizes and times as a person reads them.

use std::time::Duration;

/// `512 B`, `4.0 KiB`, `81.4 GiB`: three digits or so, binary prefixes.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = count as f64;
    let mut unit = 0;
    // 1023.5 would be printed as 1024.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ if value >= 99.95 => format!("{value:.0} {}", UNITS[unit]),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// `350 ms`, `42 s`, `5 min 3 s`, `3 h 20 min`, `12 d 4 h`: the two largest units that matter.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let pair = |large: u64, large_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {large_name}"),
        _ => format!("{large} {large_name} {small} {small_name}"),
    };
    match seconds {
        0 if time.is_zero() => "0 s".to_owned(),
        0 if time.as_millis() == 0 => format!("{} us", time.as_micros()),
        0 => format!("{} ms", time.as_millis()),
        1..=9 if time.subsec_millis() >= 100 => format!("{:.1} s", time.as_secs_f64()),
        1..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_about_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_524, "1.0 MiB"),
            (150 << 20, "150 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn times_show_their_two_largest_units() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (350, "350 ms"),
            (1_500, "1.5 s"),
            (42_000, "42 s"),
            (303_000, "5 min 3 s"),
            (12_000_000, "3 h 20 min"),
            (86_400_000, "1 d"),
            (1_051_200_000, "12 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
