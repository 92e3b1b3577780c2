//! How little may be free: `10%`, `500` units, `5G`.

use std::str::FromStr;

use crate::fault::Fault;

/// What a bare number counts. `kB` and `KiB` are the same 1024 bytes here, as in check_disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit(pub(super) u64);

impl Unit {
    pub(super) const MEGABYTES: Self = Self(1 << 20);
    pub(super) const KILOBYTES: Self = Self(1 << 10);
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "bytes" | "b" => Ok(Self(1)),
            "kb" | "kib" | "k" => Ok(Self(1 << 10)),
            "mb" | "mib" | "m" => Ok(Self(1 << 20)),
            "gb" | "gib" | "g" => Ok(Self(1 << 30)),
            "tb" | "tib" | "t" => Ok(Self(1 << 40)),
            _ => Err(format!("'{text}' is not a unit: bytes, kB, MB, GB or TB")),
        }
    }
}

/// The free space at or below which somebody is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit {
    /// Of what everybody can use.
    Percent(f64),
    /// In the unit that `-u` names.
    Units(f64),
    /// With a unit of its own.
    Bytes(f64),
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: f64 = number.parse().map_err(|_| {
            format!("'{text}' is not free space: write 10%, 500 (of -u units) or 5G")
        })?;
        match unit {
            "" => Ok(Self::Units(number)),
            "%" if number <= 100.0 => Ok(Self::Percent(number)),
            "%" => Err(format!("'{text}' is more than 100%")),
            #[allow(clippy::cast_precision_loss)]
            unit => unit
                .parse::<Unit>()
                .map(|unit| Self::Bytes(number * unit.0 as f64)),
        }
    }
}

impl Limit {
    /// In bytes, of a file system on which everybody can use `usable_bytes`.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn bytes(self, unit: Unit, usable_bytes: u64) -> f64 {
        match self {
            Self::Percent(percent) => usable_bytes as f64 * percent / 100.0,
            Self::Units(units) => units * unit.0 as f64,
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// A share of inodes, with or without its `%`.
pub(super) fn inode_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err(format!("'{text}' is not a percentage from 0% to 100%")),
    }
}

/// The four thresholds that stand at one place of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) warn: Option<Limit>,
    pub(super) crit: Option<Limit>,
    pub(super) inode_warn: Option<f64>,
    pub(super) inode_crit: Option<f64>,
}

impl Limits {
    /// What is judged by when nobody says: full enough to act, and too full to wait.
    pub(super) const EMBEDDED: Self = Self {
        warn: Some(Limit::Percent(10.0)),
        crit: Some(Limit::Percent(5.0)),
        inode_warn: Some(10.0),
        inode_crit: Some(5.0),
    };

    /// Refuses a warning that can never show.
    pub(super) fn validate(&self, unit: Unit) -> Result<(), Fault> {
        let contradiction = |warning: &str, critical: &str| Fault::Usage {
            message: format!(
                "{critical} allows less than {warning} needs: it is CRITICAL before it could warn"
            ),
            hint: Some(format!(
                "both are free space: give {warning} the larger value"
            )),
        };
        match (self.warn, self.crit) {
            (Some(Limit::Percent(warn)), Some(Limit::Percent(crit))) if warn < crit => {
                Err(contradiction("-w", "-c"))
            }
            (Some(Limit::Percent(_)), _) | (_, Some(Limit::Percent(_))) => Ok(()),
            (Some(warn), Some(crit)) if warn.bytes(unit, 0) < crit.bytes(unit, 0) => {
                Err(contradiction("-w", "-c"))
            }
            _ => Ok(()),
        }?;
        match (self.inode_warn, self.inode_crit) {
            (Some(warn), Some(crit)) if warn < crit => Err(contradiction("-W", "-K")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_percentage_a_number_of_units_or_a_size() {
        for (text, limit) in [
            ("10%", Limit::Percent(10.0)),
            ("2.5%", Limit::Percent(2.5)),
            ("500", Limit::Units(500.0)),
            ("5G", Limit::Bytes(5.0 * 1_073_741_824.0)),
            ("1.5GiB", Limit::Bytes(1.5 * 1_073_741_824.0)),
        ] {
            assert_eq!(text.parse(), Ok(limit));
        }
        for text in [
            "", "%", "-5%", "101%", "5X", "10:20", "10 %", "1.2.3", "nan",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_warning_below_its_critical_is_refused() {
        let limits = |warn: &str, crit: &str| Limits {
            warn: Some(warn.parse().unwrap()),
            crit: Some(crit.parse().unwrap()),
            ..Limits::default()
        };
        assert!(limits("5%", "10%").validate(Unit::MEGABYTES).is_err());
        assert!(limits("500", "1G").validate(Unit::MEGABYTES).is_err());
        assert!(limits("10%", "5%").validate(Unit::MEGABYTES).is_ok());
        assert!(limits("5%", "10G").validate(Unit::MEGABYTES).is_ok());
    }
}
