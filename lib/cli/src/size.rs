//! Sizes as people write them: `500M`, `1.5GiB`, `4096`.

/// Bytes from a number with or without a unit; `M`, `MB` and `MiB` are the same 1024 * 1024 bytes, as in
/// monitoring-plugins.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    parse_bytes_by(text, 1)
}

/// The same, where a bare number counts `unit_bytes`.
///
/// # Errors
/// As [`parse_bytes`].
pub fn parse_bytes_by(text: &str, unit_bytes: u64) -> Result<u64, String> {
    let fault = || format!("'{text}' is not a size: write a number with a unit such as 500M or 4G");
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| fault())?;
    let unit = unit.to_ascii_lowercase();
    let factor = match unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(&unit)
    {
        "" if unit.is_empty() => unit_bytes,
        "" if unit == "b" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return Err(fault()),
    };
    #[allow(clippy::cast_precision_loss)]
    let bytes = number * factor as f64;
    // Past 2^63 no machine has so much, and the metrics could not hold it.
    if bytes >= 9.2e18 {
        return Err(fault());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_an_optional_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("7B", 7),
            ("1k", 1024),
            ("500MB", 500 << 20),
            ("1.5GiB", 3 << 29),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "5 M",
            "5X",
            "1.2.3",
            "5ib",
            "1e3",
            "99999999T",
        ] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(parse_bytes_by("50", 1024), Ok(51_200));
        assert_eq!(parse_bytes_by("50M", 1024), Ok(50 << 20));
    }
}
