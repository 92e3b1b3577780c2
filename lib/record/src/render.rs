//! Records as their readers want them. Every renderer is a pure function.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod fixtures;
mod munin;
mod nagios;
mod openmetrics;
mod scope;
mod text;

pub use munin::{munin, munin_config};
pub use nagios::{NAGIOS_LIMIT_BYTES, NagiosOptions, nagios, nagios_parts};
pub use openmetrics::openmetrics;
pub use text::{TextOptions, text};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Aligned, for a person.
    Text,
    /// One plugin output.
    Nagios,
    /// Metrics for Prometheus.
    Openmetrics,
    /// Values for a Munin node.
    Munin,
    /// The graphs for a Munin node.
    MuninConfig,
}

impl Format {
    /// All formats with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("text", Self::Text),
        ("nagios", Self::Nagios),
        ("openmetrics", Self::Openmetrics),
        ("munin", Self::Munin),
        ("munin-config", Self::MuninConfig),
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL
            .iter()
            .find(|(_, format)| format == self)
            .map_or("", |(name, _)| name);
        f.pad(name)
    }
}

/// A word that names no format.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a format: json, text, nagios, openmetrics, munin or munin-config")]
pub struct FormatError(String);

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, format)| *format)
            .ok_or_else(|| FormatError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_back_from_its_name() {
        for (name, format) in Format::ALL {
            assert_eq!(
                (format.to_string().as_str(), name.parse()),
                (name, Ok(format))
            );
        }
        assert!("xml".parse::<Format>().is_err());
    }
}
