//! Ranges whose ends carry units: `26h`, `10m:2h`, `5M:`.

use ce_record::Range;

/// A range of times, in seconds: `90`, `26h`, `10m:2h`. A single end is a limit above: everything younger is fine.
///
/// # Errors
/// One sentence with what is wrong.
pub fn age(text: &str) -> Result<Range, String> {
    let range = with_units(text, |part| {
        ce_cli::parse_duration(part)
            .map(|time| time.as_secs_f64())
            .map_err(|error| error.to_string())
    })?;
    Ok(if is_bare(text) {
        Range::at_most(range.end())
    } else {
        range
    })
}

/// A range of sizes, in bytes: `500`, `10M`, `1G:5G`. A single number is a limit below, as check_file_age reads it.
///
/// # Errors
/// One sentence with what is wrong.
pub fn size(text: &str) -> Result<Range, String> {
    let range = with_units(text, size_in_bytes)?;
    Ok(if is_bare(text) {
        Range::at_least(range.end())
    } else {
        range
    })
}

fn is_bare(text: &str) -> bool {
    !text.contains([':', '@'])
}

/// Binary units, for that is what file systems and `ls -h` count in: K, M, G, T with or without `iB` or `B`.
fn size_in_bytes(text: &str) -> Result<f64, String> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => -1,
    };
    match number.parse::<f64>() {
        Ok(number) if factor >= 0 => Ok(number * 1024f64.powi(factor)),
        _ => Err(format!(
            "'{text}' is not a size: write bytes, or a number with a unit such as 500K, 10M or 2G"
        )),
    }
}

fn with_units(text: &str, read: impl Fn(&str) -> Result<f64, String>) -> Result<Range, String> {
    let (at, body) = match text.strip_prefix('@') {
        Some(body) => ("@", body),
        None => ("", text),
    };
    let plain = |part: &str| match part {
        "" | "~" => Ok(part.to_owned()),
        part if part.parse::<f64>().is_ok() => Ok(part.to_owned()),
        part => read(part).map(|value| value.to_string()),
    };
    let numbers = match body.split_once(':') {
        Some((start, end)) => format!("{at}{}:{}", plain(start)?, plain(end)?),
        None => format!("{at}{}", plain(body)?),
    };
    numbers.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_may_carry_units_and_a_single_one_limits_the_bad_side() {
        for (text, range) in [
            ("240", "~:240"),
            ("26h", "~:93600"),
            ("10m:2h", "600:7200"),
            ("@1m:", "@60:"),
            ("~:1d", "~:86400"),
        ] {
            assert_eq!(age(text).unwrap().to_string(), range, "{text}");
        }
        for (text, range) in [
            ("500", "500:"),
            ("10M", "10485760:"),
            ("1KiB:2GB", "1024:2147483648"),
            (":5k", "5120"),
        ] {
            assert_eq!(size(text).unwrap().to_string(), range, "{text}");
        }
        for text in ["", "x", "10 parsecs", "2h:1h", "1.2.3", "~"] {
            assert!(age(text).is_err() && size(text).is_err(), "{text}");
        }
    }
}
