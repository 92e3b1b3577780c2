//! Just enough DER (X.690) to describe a certificate that a stranger sent: definite, minimal lengths only, no recursion.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// What is wrong with the encoding, for a message.
pub(crate) type Flaw = &'static str;

/// The elements of one level, first to last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

/// One element: its tag, its content, and all of it as encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Der<'a> {
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, Flaw> {
        const SHORT: Flaw = "it ends within an element";
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>().ok_or(SHORT)?;
        if tag & 0x1f == 0x1f {
            return Err("it has a tag above 30");
        }
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Four bytes are 4 GiB: more than any certificate.
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let (digits, rest) = rest.split_at_checked(count).ok_or(SHORT)?;
                let len = digits
                    .iter()
                    .fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
                if digits.first() == Some(&0) || len < 0x80 {
                    return Err("it has a length that is not minimal");
                }
                (usize::try_from(len).map_err(|_| SHORT)?, rest)
            }
            _ => return Err("it has a length that DER does not allow"),
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(SHORT)?;
        let whole = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Ok(Element {
            tag,
            content,
            whole,
        })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Flaw> {
        let element = self.any()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err("it has another element than expected")
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Flaw> {
        if self.0.first() == Some(&tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// What is within the next element, a sequence.
    pub(crate) fn sequence(&mut self) -> Result<Der<'a>, Flaw> {
        Ok(Der(self.expect(SEQUENCE)?.content))
    }

    pub(crate) fn end(self) -> Result<(), Flaw> {
        if self.is_empty() {
            Ok(())
        } else {
            Err("it goes on after its end")
        }
    }
}

/// The bits of a bit string that is whole bytes, as all keys and signatures are.
pub(crate) fn bits(content: &[u8]) -> Result<&[u8], Flaw> {
    match content.split_first() {
        Some((0, bits)) => Ok(bits),
        _ => Err("it has a bit string that is not whole bytes"),
    }
}

/// An object identifier in dots.
pub(crate) fn dotted(content: &[u8]) -> String {
    let mut arcs: Vec<String> = Vec::new();
    let mut value = 0u64;
    for byte in content {
        if value > u64::MAX >> 8 {
            return "unknown".to_owned();
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (value / 40).min(2);
                arcs.push(first.to_string());
                value -= first * 40;
            }
            arcs.push(value.to_string());
            value = 0;
        }
    }
    arcs.join(".")
}

/// A directory string as text: lossy, without control characters, 256 characters at most, for it goes to terminals.
pub(crate) fn text(element: Element<'_>) -> String {
    const LONGEST: usize = 256;
    const BMP_STRING: u8 = 0x1e;
    const T61_STRING: u8 = 0x14;
    let text: String = match element.tag {
        BMP_STRING => {
            let units = element.content.chunks_exact(2);
            let units = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .take(LONGEST)
                .collect()
        }
        T61_STRING => element
            .content
            .iter()
            .map(|byte| char::from(*byte))
            .take(LONGEST)
            .collect(),
        _ => String::from_utf8_lossy(element.content)
            .chars()
            .take(LONGEST)
            .collect(),
    };
    text.replace(char::is_control, "\u{fffd}")
}

/// A moment as RFC 5280, section 4.1.2.5, allows: to the second, in UTC.
pub(crate) fn time(element: Element<'_>) -> Result<Timestamp, Flaw> {
    const BAD: Flaw = "it has a time that is none";
    let digits = element.content.strip_suffix(b"Z").ok_or(BAD)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(BAD);
    }
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year = number(year);
            (year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year), rest)
        }
        _ => return Err(BAD),
    };
    let part = |at: usize| i8::try_from(number(&rest[at..at + 2])).unwrap_or(-1);
    let second = part(8).min(59);
    let civil = DateTime::new(year, part(0), part(2), part(4), part(6), second, 0);
    // "No end" is written as the last second of the year 9999, two hours after the last moment that we can hold.
    let moment = Offset::UTC.to_timestamp(civil.map_err(|_| BAD)?);
    Ok(moment.unwrap_or(Timestamp::MAX))
}

/// At most four decimal digits.
fn number(digits: &[u8]) -> i16 {
    digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal_and_within_bounds() {
        for good in [
            &[4, 0][..],
            &[4, 1, 9],
            &[&[4, 0x81, 128][..], &[7; 128]].concat(),
        ] {
            let mut der = Der(good);
            assert_eq!(der.any().unwrap().whole, good);
            der.end().unwrap();
        }
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80],
            &[4, 0x81, 1, 9],
            &[4, 0x82, 0, 200],
            &[4, 0x84, 255, 255, 255, 255],
            &[4, 0x85, 1, 1, 1, 1, 1],
            &[0x1f, 1, 0],
        ] {
            assert!(Der(bad).any().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn object_identifiers_are_written_in_dots() {
        assert_eq!(dotted(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(
            dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]),
            "1.2.840.113549.1.1.11"
        );
        assert_eq!(dotted(&[0x88, 0x37, 3]), "2.999.3");
        assert_eq!(dotted(&[0xff; 30]), "unknown");
    }

    #[test]
    fn times_turn_the_century_at_50_and_the_last_one_is_kept() {
        let read = |tag, text: &str| {
            let content = text.as_bytes();
            time(Element {
                tag,
                content,
                whole: content,
            })
        };
        for (tag, text, expected) in [
            (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
            (UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z"),
        ] {
            assert_eq!(read(tag, text), Ok(expected.parse().unwrap()));
        }
        assert_eq!(
            read(GENERALIZED_TIME, "99991231235959Z"),
            Ok(Timestamp::MAX)
        );
        for (tag, text) in [
            (UTC_TIME, "4912312359Z"),
            (UTC_TIME, "491331235959Z"),
            (UTC_TIME, "491231235959+0100"),
            (UTC_TIME, "49123123595\u{663}Z"),
            (GENERALIZED_TIME, "491231235959Z"),
            (SEQUENCE, "491231235959Z"),
            (UTC_TIME, ""),
        ] {
            assert!(read(tag, text).is_err(), "{text}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let content = b"a\x1b[2Jb\n";
        let (tag, whole) = (0x0c, &content[..]);
        let element = Element {
            tag,
            content,
            whole,
        };
        assert_eq!(text(element), "a\u{fffd}[2Jb\u{fffd}");
    }
}
