//! The values of the flags, each understood before anything is sent.

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use ce_net::tls::TlsVersion;
use ce_record::{Range, Thresholds};
use clap::ValueEnum;
use regex::Regex;

use super::message::Head;
use crate::certificate;

/// What `-S` asks of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encryption {
    pub(super) min: TlsVersion,
    pub(super) max: TlsVersion,
}

impl FromStr for Encryption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (version, and_newer) = match text.strip_suffix('+') {
            Some(version) => (version, true),
            None => (text, false),
        };
        let min = match (version, and_newer) {
            ("1.2", _) => TlsVersion::V1_2,
            ("1.3", _) => TlsVersion::V1_3,
            // What nobody should speak any more is left out of "and newer".
            ("1" | "1.0" | "1.1" | "2" | "3", true) => TlsVersion::V1_2,
            ("1" | "1.0" | "1.1" | "2" | "3", false) => {
                return Err("older than TLS 1.2 is not spoken here (RFC 8996)".to_owned());
            }
            _ => return Err("write 1.2, 1.3, or 1.2+ for it and newer ones".to_owned()),
        };
        let max = if and_newer { TlsVersion::V1_3 } else { min };
        Ok(Self { min, max })
    }
}

/// `-C WARN[,CRIT]`, in whole days as check_http counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CertificateDays {
    warn: u32,
    crit: u32,
}

impl FromStr for CertificateDays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = |text: &str| {
            text.trim()
                .parse()
                .map_err(|_| format!("'{text}' is no number of days"))
        };
        let (warn, crit) = match text.split_once(',') {
            Some((warn, crit)) => (days(warn)?, days(crit)?),
            None => (days(text)?, 0),
        };
        if crit > warn {
            return Err(format!(
                "{warn} days can never warn: {crit} are critical already"
            ));
        }
        Ok(Self { warn, crit })
    }
}

impl CertificateDays {
    /// In seconds: 30 whole days are left until the 31st begins.
    pub(super) fn thresholds(self) -> Thresholds {
        let at_least = |days: u32| Range::at_least((f64::from(days) + 1.0) * certificate::DAY_S);
        Thresholds::new(Some(at_least(self.warn)), Some(at_least(self.crit)))
    }
}

/// One of the statuses that are expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StatusTest {
    Between(u16, u16),
    Part(String),
}

impl FromStr for StatusTest {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = |text: &str| match text.as_bytes() {
            [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => text.parse().ok(),
            _ => None,
        };
        let class = |text: &str| match text.to_ascii_lowercase().as_bytes() {
            [digit @ b'1'..=b'9', b'x', b'x'] => Some(u16::from(digit - b'0') * 100),
            _ => None,
        };
        let span = |text: &str| {
            let (from, to) = text.split_once('-')?;
            Some((code(from)?, code(to)?))
        };
        Ok(match (code(text), class(text), span(text)) {
            (Some(code), ..) => Self::Between(code, code),
            (_, Some(class), _) => Self::Between(class, class + 99),
            (_, _, Some((from, to))) => Self::Between(from, to),
            _ => Self::Part(text.to_owned()),
        })
    }
}

impl StatusTest {
    pub(super) fn fits(&self, head: &Head) -> bool {
        match self {
            Self::Between(from, to) => (*from..=*to).contains(&head.status),
            Self::Part(text) => head.line.contains(text.as_str()),
        }
    }

    /// Whether this very status is expected, not just any HTTP: then a redirect is what was looked for.
    pub(super) fn names(&self, head: &Head) -> bool {
        let named = match self {
            Self::Between(..) => true,
            Self::Part(text) => text.contains(&head.status.to_string()),
        };
        named && self.fits(head)
    }
}

/// What must be among the headers.
#[derive(Clone, Debug)]
pub(super) struct HeaderTest {
    pub(super) text: String,
    field: Option<(String, Regex)>,
}

impl FromStr for HeaderTest {
    type Err = std::convert::Infallible;

    /// What is no valid `Name: regex` can still be a text that is looked for.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let field = text.split_once(':').and_then(|(name, pattern)| {
            let pattern = Regex::new(pattern.trim()).ok()?;
            Some((name.trim().to_owned(), pattern))
        });
        Ok(Self {
            text: text.to_owned(),
            field,
        })
    }
}

impl HeaderTest {
    pub(super) fn fits(&self, head: &Head) -> bool {
        let matches = self
            .field
            .as_ref()
            .is_some_and(|(name, pattern)| head.values(name).any(|value| pattern.is_match(value)));
        matches || {
            let lines = head
                .fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}"));
            lines.into_iter().any(|line| line.contains(&self.text))
        }
    }
}

/// `-m MIN[:MAX]` in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageSize {
    pub(super) min: u64,
    pub(super) max: Option<u64>,
}

impl FromStr for PageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = match text.split_once([':', ',']) {
            Some((min, max)) => (min, (!max.is_empty()).then(|| size(max)).transpose()?),
            None => (text, None),
        };
        let min = if min.is_empty() { 0 } else { size(min)? };
        if max.is_some_and(|max| max < min) {
            return Err("the smallest size lies above the largest".to_owned());
        }
        Ok(Self { min, max })
    }
}

/// What becomes of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnRedirect {
    Ok,
    Warning,
    Critical,
    #[value(alias = "curl")]
    Follow,
    Sticky,
    Stickyport,
}

/// `500`, `64k`, `10M`, `1G`: binary, as everywhere here.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let fault = || format!("'{text}' is no size: write bytes, or 64k, 10M, 1G");
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let count: u64 = digits.parse().map_err(|_| fault())?;
    count.checked_mul(1 << shift).ok_or_else(fault)
}

/// A size that is kept in memory.
pub(super) fn search_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        size if size <= 256 << 20 => Ok(size),
        _ => Err(format!(
            "'{text}' is more than 256M, which is as much as is kept in memory"
        )),
    }
}

/// A range of seconds, or one duration with a unit as the longest that is fine.
pub(super) fn limit(text: &str) -> Result<Range, String> {
    match text.parse() {
        Ok(range) => Ok(range),
        Err(error) => match ce_cli::parse_duration(text) {
            Ok(longest) => Range::new(0.0, longest.as_secs_f64()).ok_or_else(|| error.to_string()),
            Err(_) => Err(error.to_string()),
        },
    }
}

/// `Name: value`, with nothing in it that could end the line.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':')
    {
        return Err(format!("'{name}' is no name of a header"));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err("its value has control characters".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// `-S1.2`, as the plugin takes it, is `-S=1.2` to clap: without its sign the version is optional.
pub(super) fn rewrite(args: Vec<OsString>) -> Vec<OsString> {
    let attached = |arg: &OsString| {
        let version = arg.to_str()?.strip_prefix("-S")?;
        let is_version = version.starts_with(|c: char| c.is_ascii_digit());
        is_version.then(|| format!("-S={version}").into())
    };
    args.into_iter()
        .map(|arg| attached(&arg).unwrap_or(arg))
        .collect()
}

/// In microseconds, as the metrics have it.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use ce_record::State;

    use super::*;

    fn head(line: &str, fields: &str) -> Head {
        Head::parse(format!("{line}\r\n{fields}\r\n\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn statuses_are_codes_ranges_classes_or_parts_of_the_line() {
        let head = head("HTTP/1.1 302 Found", "A: b");
        for (text, fits) in [
            ("302", true),
            ("3xx", true),
            ("3XX", true),
            ("301-303", true),
            ("200", false),
            ("4xx", false),
            ("HTTP/1.", true),
            ("HTTP/1.1 302", true),
            ("Found", true),
            ("OK", false),
        ] {
            assert_eq!(
                text.parse::<StatusTest>().unwrap().fits(&head),
                fits,
                "{text}"
            );
        }
    }

    #[test]
    fn a_header_is_looked_for_as_text_or_by_its_name_and_a_regex() {
        let head = head(
            "HTTP/1.1 200 OK",
            "Content-Type: text/html; charset=utf-8\r\nX-Odd: a(b",
        );
        for (text, fits) in [
            ("Content-Type: text/html", true),
            ("content-type: ^text/.*utf-8$", true),
            ("charset=utf", true),
            ("X-Odd: a(b", true),
            ("X-Odd: ^b", false),
            ("Server: .", false),
            ("200 OK", false),
        ] {
            assert_eq!(
                text.parse::<HeaderTest>().unwrap().fits(&head),
                fits,
                "{text}"
            );
        }
    }

    #[test]
    fn whole_days_are_counted_as_check_http_does() {
        let limits = "30,14".parse::<CertificateDays>().unwrap().thresholds();
        for (days, state) in [
            (31.0, State::Ok),
            (30.9, State::Warning),
            (14.9, State::Critical),
            (-1.0, State::Critical),
        ] {
            assert_eq!(limits.judge(days * 86_400.0), state, "{days}");
        }
        let limits = "30".parse::<CertificateDays>().unwrap().thresholds();
        assert_eq!(limits.judge(86_400.0), State::Warning);
        assert_eq!(limits.judge(86_399.0), State::Critical);
        for text in ["", "x", "7,30", "-1", "30,"] {
            assert!(text.parse::<CertificateDays>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_times_headers_and_versions_are_read_strictly() {
        assert_eq!(
            "5:100".parse(),
            Ok(PageSize {
                min: 5,
                max: Some(100)
            })
        );
        assert_eq!("5".parse(), Ok(PageSize { min: 5, max: None }));
        assert_eq!(
            ":1k".parse(),
            Ok(PageSize {
                min: 0,
                max: Some(1024)
            })
        );
        assert!("9:5".parse::<PageSize>().is_err());
        assert!("99999999999999999999G".parse::<PageSize>().is_err());
        assert_eq!(limit("0.5").unwrap().end(), 0.5);
        assert_eq!(limit("500ms").unwrap().end(), 0.5);
        assert_eq!(limit("1:5").unwrap().start(), 1.0);
        assert!(limit("soon").is_err());
        assert_eq!(header("A: b:c"), Ok(("A".to_owned(), "b:c".to_owned())));
        for text in ["A", ": b", "A b: c", "A: b\r\nX: y"] {
            assert!(header(text).is_err(), "{text:?}");
        }
        for (text, min, max) in [
            ("1.2", TlsVersion::V1_2, TlsVersion::V1_2),
            ("1.1+", TlsVersion::V1_2, TlsVersion::V1_3),
            ("1.3", TlsVersion::V1_3, TlsVersion::V1_3),
        ] {
            assert_eq!(text.parse(), Ok(Encryption { min, max }));
        }
        assert!("1.1".parse::<Encryption>().is_err());
        assert!("4".parse::<Encryption>().is_err());
    }
}
