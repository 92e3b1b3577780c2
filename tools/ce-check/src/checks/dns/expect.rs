//! What an answer is expected to hold: values, networks, all of them or some.

use std::net::IpAddr;
use std::str::FromStr;

/// One `-a`: an address, a network or text; or several addresses and networks with commas between, as check_dns has
/// them. A text may hold commas of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation(pub Vec<Expected>);

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Result<Vec<Expected>, String> = text.split(',').map(str::parse).collect();
        let is_network = |one: &Expected| matches!(one, Expected::Network { .. });
        match parts {
            Ok(parts) if parts.iter().all(is_network) => Ok(Self(parts)),
            _ => Ok(Self(vec![text.parse()?])),
        }
    }
}

/// One value: an address, a network in CIDR form, or text compared blind to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Network { address: IpAddr, prefix: u8 },
    Text(String),
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        match (address.parse::<IpAddr>(), prefix) {
            (Ok(address), None) => Ok(Self::Network {
                address,
                prefix: bits(address),
            }),
            (Ok(address), Some(prefix)) => match prefix.parse() {
                Ok(prefix) if prefix <= bits(address) => Ok(Self::Network { address, prefix }),
                _ => Err(format!("'{text}' is no network such as 192.0.2.0/24")),
            },
            (Err(_), _) if text.is_empty() => Err("an expected answer is empty".to_owned()),
            (Err(_), _) => Ok(Self::Text(plain(text))),
        }
    }
}

impl Expected {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => *text == plain(value) || *text == plain(without_numbers(value)),
            Self::Network { address, prefix } => value
                .parse::<IpAddr>()
                .is_ok_and(|value| share_prefix(*address, value, *prefix)),
        }
    }
}

/// The name in an MX or SRV record, which stands behind its numbers.
fn without_numbers(value: &str) -> &str {
    let mut rest = value;
    while let Some((word, after)) = rest.split_once(' ')
        && word.bytes().all(|byte| byte.is_ascii_digit())
    {
        rest = after;
    }
    rest
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn share_prefix(one: IpAddr, two: IpAddr, prefix: u8) -> bool {
    let (one, two) = match (one, two) {
        (IpAddr::V4(one), IpAddr::V4(two)) => (
            u128::from(one.to_bits()) << 96,
            u128::from(two.to_bits()) << 96,
        ),
        (IpAddr::V6(one), IpAddr::V6(two)) => (one.to_bits(), two.to_bits()),
        _ => return false,
    };
    prefix == 0 || (one ^ two) >> (128 - u32::from(prefix)) == 0
}

/// Names are equal with and without the final dot, in capitals or not (RFC 4343).
fn plain(text: &str) -> String {
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

/// How many of the expected values an answer must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// One of them.
    Any,
    /// Each of them, and others too.
    Subset,
    /// Each of them and nothing else.
    Exactly,
}

/// What is wrong with these values; nothing when they are as expected.
pub fn fault(expected: &[Expected], values: &[String], amount: Amount) -> Option<String> {
    let found = |expected: &Expected| values.iter().any(|value| expected.matches(value));
    let missing = expected.iter().filter(|expected| !found(expected)).count();
    let is_expected = |value: &&String| expected.iter().any(|expected| expected.matches(value));
    let surplus: Vec<&str> = values
        .iter()
        .filter(|value| !is_expected(value))
        .map(String::as_str)
        .collect();
    match amount {
        _ if expected.is_empty() => None,
        Amount::Any => {
            (missing == expected.len()).then(|| "none of the expected values".to_owned())
        }
        Amount::Subset | Amount::Exactly if missing > 0 => Some(format!(
            "{missing} of {} expected values missing",
            expected.len()
        )),
        Amount::Exactly if !surplus.is_empty() => {
            Some(format!("not expected: {}", surplus.join(", ")))
        }
        Amount::Subset | Amount::Exactly => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_matched_by_address_network_and_name() {
        for (expected, value, matches) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.77", false),
            ("0.0.0.0/0", "192.0.3.77", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:DB8:0::1", "2001:db8::1", true),
            ("10 Mail.example.org", "10 mail.example.org.", true),
            ("mail.example.org.", "mail.example.net.", false),
            ("mail.example.org", "10 mail.example.org.", true),
            ("sip.example.org", "0 5 5060 sip.example.org.", true),
            ("v=spf1", "v=spf1 -all", false),
        ] {
            let expected: Expected = expected.parse().unwrap();
            assert_eq!(expected.matches(value), matches, "{expected:?} {value}");
        }
        for bad in ["", "192.0.2.0/33", "::/129", "1.2.3.4/x"] {
            assert!(bad.parse::<Expected>().is_err(), "{bad}");
        }
        let count = |text: &str| text.parse::<Expectation>().unwrap().0.len();
        assert_eq!(count("192.0.2.1,2001:db8::/32"), 2);
        assert_eq!(count("v=DKIM1, p=1"), 1);
        // A TXT value may well hold a slash.
        assert!("v=x/y".parse::<Expected>().is_ok());
    }

    #[test]
    fn one_some_or_exactly_the_expected_values() {
        let parse = |text: &str| -> Vec<Expected> {
            text.split(' ').map(|text| text.parse().unwrap()).collect()
        };
        let values = ["1.1.1.1".to_owned(), "2.2.2.2".to_owned()];
        for (expected, amount, good) in [
            ("1.1.1.1 9.9.9.9", Amount::Any, true),
            ("9.9.9.9", Amount::Any, false),
            ("1.1.1.1", Amount::Subset, true),
            ("1.1.1.1 9.9.9.9", Amount::Subset, false),
            ("1.1.1.1", Amount::Exactly, false),
            ("2.2.2.2 1.1.1.1", Amount::Exactly, true),
            ("0.0.0.0/0", Amount::Exactly, true),
        ] {
            let fault = fault(&parse(expected), &values, amount);
            assert_eq!(fault.is_none(), good, "{expected} {amount:?}: {fault:?}");
        }
        assert_eq!(super::fault(&[], &values, Amount::Exactly), None);
    }
}
