//! The DNS message (RFC 1035, section 4): one question out, whatever a server sends in.
//!
//! Names in answers may be compressed by pointers; each pointer must lead to an earlier byte, so none can go round.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A name has at most 255 octets (RFC 1035, section 2.3.4).
const NAME_BYTES: usize = 255;
/// What is said to fit into an answer over UDP (RFC 9715: no fragments on any usual path).
const UDP_BYTES: u16 = 1232;
/// The type of a signature (RFC 4034, section 3).
pub const RRSIG: u16 = 46;
const SOA: u16 = 6;
/// The type of the pseudo-record that carries extensions (RFC 6891).
const OPT: u16 = 41;

/// The types that have a name here (RFC 1035, 3596, 2782, 8659, 4034).
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("AAAA", 28),
    ("ANY", 255),
    ("CAA", 257),
    ("CNAME", 5),
    ("DNSKEY", 48),
    ("DS", 43),
    ("HTTPS", 65),
    ("MX", 15),
    ("NAPTR", 35),
    ("NS", 2),
    ("PTR", 12),
    ("RRSIG", RRSIG),
    ("SOA", SOA),
    ("SRV", 33),
    ("SSHFP", 44),
    ("TLSA", 52),
    ("TXT", 16),
];

/// A record type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type(pub u16);

impl Type {
    pub const A: Self = Self(1);
    pub const AAAA: Self = Self(28);
    pub const CNAME: Self = Self(5);
    pub const NS: Self = Self(2);
    pub const PTR: Self = Self(12);
    pub const SOA: Self = Self(SOA);
}

impl std::str::FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = TYPES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let numbered = || text.to_ascii_uppercase().strip_prefix("TYPE")?.parse().ok();
        known
            .map(|(_, number)| *number)
            .or_else(numbered)
            .map(Self)
            .ok_or_else(|| {
                let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
                format!("'{text}' is none of {}, TYPEnnn", names.join(", "))
            })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.pad(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// How a server answered (RFC 1035, section 4.1.1; RFC 6895).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u8);

impl Code {
    pub const NO_ERROR: Self = Self(0);
    pub const SERV_FAIL: Self = Self(2);
    pub const NX_DOMAIN: Self = Self(3);
    pub const REFUSED: Self = Self(5);
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            9 => "NOTAUTH",
            other => return write!(f, "RCODE{other}"),
        })
    }
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// In text, with the final dot.
    pub name: String,
    /// What is asked for.
    pub kind: Type,
}

/// A header flag that a caller may judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The server holds the zone itself.
    pub authoritative: bool,
    /// The answer did not fit.
    pub truncated: bool,
    /// The server recurses.
    pub recursion: bool,
    /// The server has verified the answer by DNSSEC.
    pub authentic: bool,
}

/// What a server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: u16,
    pub is_response: bool,
    pub flags: Flags,
    pub code: Code,
    pub question: Vec<Question>,
    pub answer: Vec<Resource>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub name: String,
    pub kind: Type,
    pub ttl_s: u32,
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    /// NS, CNAME, PTR.
    Name(String),
    Soa {
        primary: String,
        contact: String,
        serial: u32,
        timers: [u32; 4],
    },
    Signature {
        covered: Type,
        signer: String,
        /// Seconds since 1970, modulo 2^32.
        expires: u32,
    },
    /// Everything else, in its usual text.
    Text(String),
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
            Self::Name(text) | Self::Text(text) => f.write_str(text),
            Self::Soa {
                primary,
                contact,
                serial,
                timers: [refresh, retry, expire, minimum],
            } => write!(
                f,
                "{primary} {contact} {serial} {refresh} {retry} {expire} {minimum}"
            ),
            Self::Signature {
                covered, signer, ..
            } => write!(f, "{covered} by {signer}"),
        }
    }
}

/// A name that cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is no domain name: {fault}")]
pub struct NameError {
    name: String,
    fault: &'static str,
}

/// Bytes that are no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends in the middle.
    #[error("it is cut off")]
    Short,
    /// A label of a kind that does not exist.
    #[error("a name has a label that no standard knows")]
    Label,
    /// A pointer that does not lead back.
    #[error("a compressed name points forward or at itself")]
    Loop,
    /// More than 255 octets.
    #[error("a name is longer than 255 bytes")]
    Long,
}

/// The wire form of a name in text: `example.org`, with `\.` and `\DDD` as in zone files.
pub fn encode_name(name: &str) -> Result<Vec<u8>, NameError> {
    let fail = |fault| NameError {
        name: name.to_owned(),
        fault,
    };
    if !name.is_ascii() {
        return Err(fail("write it in its ASCII form, xn--..."));
    }
    let mut wire = Vec::new();
    let mut label = Vec::new();
    let mut finish = |label: &mut Vec<u8>| {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        if !(1..=63).contains(&length) {
            return Err(fail("a part between dots has 1 to 63 bytes"));
        }
        wire.push(length);
        wire.append(label);
        Ok(())
    };
    let text = name.strip_suffix('.').unwrap_or(name);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => finish(&mut label)?,
            b'\\' => label.push(unescape(&mut bytes).ok_or_else(|| fail("bad escape"))?),
            other if other.is_ascii_graphic() => label.push(other),
            _ => return Err(fail("it holds a blank or a control character")),
        }
    }
    if !text.is_empty() {
        finish(&mut label)?;
    }
    wire.push(0);
    if wire.len() > NAME_BYTES {
        return Err(fail("it is longer than 255 bytes"));
    }
    Ok(wire)
}

fn unescape(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, bytes.next()?, bytes.next()?];
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// The name under which the holder of an address is found (RFC 1035 3.5, RFC 3596 2.5).
pub fn reverse_name(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        std::net::IpAddr::V6(address) => {
            let mut name = String::with_capacity(73);
            for byte in address.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
            name + "ip6.arpa."
        }
    }
}

/// What is asked besides the name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// The server shall find the answer elsewhere when it does not have it.
    pub recursion: bool,
    /// Signatures are wanted too.
    pub dnssec: bool,
}

/// The message that asks this.
pub fn query(id: u16, wire_name: &[u8], kind: Type, ask: Ask) -> Vec<u8> {
    let mut message = Vec::with_capacity(wire_name.len() + 27);
    // AD in a query asks to be told whether the answer was verified (RFC 6840, section 5.7).
    let flags = u16::from(ask.recursion) << 8 | 1 << 5;
    for word in [id, flags, 1, 0, 0, 1] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(wire_name);
    for word in [kind.0, 1] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    // The OPT record: root name, type, how much fits, extended code and version, flags, no options.
    message.push(0);
    for word in [OPT, UDP_BYTES, 0, u16::from(ask.dnssec) << 15, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message
}

/// Reads a message. A header alone, as servers send with FORMERR, is one too.
pub fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
    let mut cursor = Cursor { bytes, at: 0 };
    let id = cursor.u16()?;
    let flags = cursor.u16()?;
    let questions = cursor.u16()?;
    let answers = cursor.u16()?;
    // Authority and additional section: nothing of them is judged.
    cursor.take(4)?;
    let has = |bit: u16| flags >> bit & 1 == 1;
    let mut message = Message {
        id,
        is_response: has(15),
        flags: Flags {
            authoritative: has(10),
            truncated: has(9),
            recursion: has(7),
            authentic: has(5),
        },
        code: Code((flags & 15) as u8),
        question: Vec::new(),
        answer: Vec::new(),
    };
    for _ in 0..questions {
        message.question.push(Question {
            name: cursor.name()?,
            kind: Type(cursor.u16()?),
        });
        cursor.u16()?;
    }
    for _ in 0..answers {
        match cursor.resource() {
            Ok(resource) => message.answer.push(resource),
            // What a truncated message lacks is not missed: it is asked for again over TCP.
            Err(Malformed::Short) if message.flags.truncated => break,
            Err(error) => return Err(error),
        }
    }
    Ok(message)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed::Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed::Short)?;
        self.at = end;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// A name in text with its final dot. Each pointer leads to before the labels that it ends.
    fn name(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        let mut octets = 1;
        let mut at = self.at;
        let mut from = self.at;
        let mut end = None;
        loop {
            let length = *self.bytes.get(at).ok_or(Malformed::Short)?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    let label = at + 1..at + 1 + usize::from(length);
                    octets += 1 + usize::from(length);
                    if octets > NAME_BYTES {
                        return Err(Malformed::Long);
                    }
                    at = label.end;
                    write_label(&mut text, self.bytes.get(label).ok_or(Malformed::Short)?);
                }
                3 => {
                    let low = *self.bytes.get(at + 1).ok_or(Malformed::Short)?;
                    end.get_or_insert(at + 2);
                    at = usize::from(length & 0x3f) << 8 | usize::from(low);
                    if at >= from {
                        return Err(Malformed::Loop);
                    }
                    from = at;
                }
                _ => return Err(Malformed::Label),
            }
        }
        self.at = end.unwrap_or(at + 1);
        if text.is_empty() {
            text.push('.');
        }
        Ok(text)
    }

    fn resource(&mut self) -> Result<Resource, Malformed> {
        let name = self.name()?;
        let kind = Type(self.u16()?);
        self.u16()?;
        let ttl_s = self.u32()?;
        let length = usize::from(self.u16()?);
        let start = self.at;
        self.take(length)?;
        // A record's names may point anywhere before it, but its own bytes end where its length says.
        let mut inner = Cursor {
            bytes: &self.bytes[..self.at],
            at: start,
        };
        let data = inner.data(kind)?;
        Ok(Resource {
            name,
            kind,
            ttl_s,
            data,
        })
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    fn data(&mut self, kind: Type) -> Result<Data, Malformed> {
        Ok(match kind.0 {
            1 => {
                let mut octets = [0; 4];
                octets.copy_from_slice(self.take(4)?);
                Data::A(octets.into())
            }
            28 => {
                let mut octets = [0; 16];
                octets.copy_from_slice(self.take(16)?);
                Data::Aaaa(octets.into())
            }
            2 | 5 | 12 => Data::Name(self.name()?),
            SOA => Data::Soa {
                primary: self.name()?,
                contact: self.name()?,
                serial: self.u32()?,
                timers: [self.u32()?, self.u32()?, self.u32()?, self.u32()?],
            },
            15 => Data::Text(format!("{} {}", self.u16()?, self.name()?)),
            16 => Data::Text(self.strings()?),
            33 => Data::Text(format!(
                "{} {} {} {}",
                self.u16()?,
                self.u16()?,
                self.u16()?,
                self.name()?
            )),
            43 => Data::Text(format!(
                "{} {} {} {}",
                self.u16()?,
                self.u8()?,
                self.u8()?,
                hex(self.rest()).to_uppercase()
            )),
            44 => Data::Text(format!(
                "{} {} {}",
                self.u8()?,
                self.u8()?,
                hex(self.rest())
            )),
            52 => Data::Text(format!(
                "{} {} {} {}",
                self.u8()?,
                self.u8()?,
                self.u8()?,
                hex(self.rest())
            )),
            RRSIG => self.signature()?,
            257 => {
                let flags = self.u8()?;
                let length = usize::from(self.u8()?);
                let tag = text(self.take(length)?);
                Data::Text(format!("{flags} {tag} \"{}\"", text(self.rest())))
            }
            _ => {
                let rest = self.rest();
                Data::Text(format!("\\# {} {}", rest.len(), hex(rest)))
            }
        })
    }

    /// The strings of a TXT record as one: they are split only because each has at most 255 bytes (RFC 7208, 3.3).
    fn strings(&mut self) -> Result<String, Malformed> {
        let mut whole = Vec::new();
        while self.at < self.bytes.len() {
            let length = usize::from(self.u8()?);
            whole.extend_from_slice(self.take(length)?);
        }
        Ok(text(&whole))
    }

    fn signature(&mut self) -> Result<Data, Malformed> {
        let covered = Type(self.u16()?);
        self.take(6)?;
        let expires = self.u32()?;
        self.take(6)?;
        Ok(Data::Signature {
            covered,
            signer: self.name()?,
            expires,
        })
    }
}

fn write_label(name: &mut String, label: &[u8]) {
    for byte in label {
        let _ = match byte {
            b'.' | b'\\' | b'"' => write!(name, "\\{}", char::from(*byte)),
            byte if byte.is_ascii_graphic() => write!(name, "{}", char::from(*byte)),
            byte => write!(name, "\\{byte:03}"),
        };
    }
    name.push('.');
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    /// A response with these answers, each (type, data), all under the name that was asked for.
    pub fn response(query: &[u8], flags: u16, answers: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut message = query[..2].to_vec();
        message.extend_from_slice(&(0x8000 | flags).to_be_bytes());
        let count = u16::try_from(answers.len()).unwrap();
        for word in [1, count, 0, 0] {
            message.extend_from_slice(&word.to_be_bytes());
        }
        let question_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        message.extend_from_slice(&query[12..question_end]);
        for (kind, data) in answers {
            message.extend_from_slice(&[0xc0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 1, 44]);
            message.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend_from_slice(data);
        }
        message
    }

    fn asked(kind: &str) -> Vec<u8> {
        let name = encode_name("www.Example.org").unwrap();
        query(7, &name, kind.parse().unwrap(), Ask::default())
    }

    fn said(kind: &str, data: &[u8]) -> Result<String, Malformed> {
        let kind: Type = kind.parse().unwrap();
        let message = parse(&response(
            &asked(&kind.to_string()),
            0x0400,
            &[(kind.0, data.to_vec())],
        ))?;
        assert!(message.flags.authoritative && message.is_response);
        assert_eq!(message.answer[0].name, "www.Example.org.");
        assert_eq!(message.answer[0].ttl_s, 300);
        Ok(message.answer[0].data.to_string())
    }

    #[test]
    fn every_type_reads_as_in_a_zone_file() {
        let name = b"\x02ns\xc0\x10";
        let with = |head: &[u8]| [head, name].concat();
        let soa = [
            &name[..],
            b"\x05admin\xc0\x10",
            &[0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4],
        ]
        .concat();
        for (kind, data, text) in [
            ("A", vec![192, 0, 2, 1], "192.0.2.1"),
            (
                "AAAA",
                vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                "2001:db8::1",
            ),
            ("NS", name.to_vec(), "ns.Example.org."),
            ("MX", with(&[0, 10]), "10 ns.Example.org."),
            ("SRV", with(&[0, 1, 0, 2, 0, 53]), "1 2 53 ns.Example.org."),
            ("TXT", b"\x03v=s\x02pf".to_vec(), "v=spf"),
            ("CAA", b"\0\x05issueca.org".to_vec(), "0 issue \"ca.org\""),
            ("DS", vec![1, 2, 8, 2, 0xab], "258 8 2 AB"),
            ("SOA", soa, "ns.Example.org. admin.Example.org. 9 1 2 3 4"),
            ("TYPE999", vec![1, 255], "\\# 2 01ff"),
        ] {
            assert_eq!(said(kind, &data).unwrap(), text, "{kind}");
        }
    }

    #[test]
    fn a_name_that_points_forward_or_at_itself_ends_the_reading() {
        assert_eq!(said("NS", &[0xc0, 45]), Err(Malformed::Loop));
        assert_eq!(said("NS", &[0xc0, 0xff]), Err(Malformed::Loop));
        assert_eq!(said("NS", &[0x80, 1]), Err(Malformed::Label));
        assert_eq!(said("A", &[1, 2, 3]), Err(Malformed::Short));
        // Ten times the same 63 bytes, each step back and forth: only the length ends it.
        let mut message = vec![0; 12];
        message[5] = 1;
        for _ in 0..6 {
            message.push(63);
            message.extend_from_slice(&[b'a'; 63]);
        }
        message.extend_from_slice(&[0, 0, 1, 0, 1]);
        assert_eq!(parse(&message), Err(Malformed::Long));
    }

    #[test]
    fn names_are_written_as_they_are_read() {
        for (text, wire) in [
            (".", &b"\0"[..]),
            ("a.bc.", b"\x01a\x02bc\0"),
            ("a\\.b.c.", b"\x03a.b\x01c\0"),
            ("\\007.", b"\x01\x07\0"),
        ] {
            assert_eq!(encode_name(text).unwrap(), wire);
            let mut cursor = Cursor { bytes: wire, at: 0 };
            assert_eq!(cursor.name().unwrap(), text);
        }
        for bad in ["a..b", "größe.de", "a b", ".a", &"a".repeat(64), "\\99"] {
            assert!(encode_name(bad).is_err(), "{bad}");
        }
        assert!(encode_name(&"abc.".repeat(64)).is_err());
    }

    #[test]
    fn an_address_is_looked_up_backwards() {
        assert_eq!(
            reverse_name("192.0.2.1".parse().unwrap()),
            "1.2.0.192.in-addr.arpa."
        );
        let name = reverse_name("2001:db8::1".parse().unwrap());
        assert!(
            name.starts_with("1.0.0.0.") && name.ends_with("8.b.d.0.1.0.0.2.ip6.arpa."),
            "{name}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_bring_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_answer_brings_the_reader_down(
            kind in prop::sample::select(vec![1u16, 2, 6, 12, 15, 16, 28, 33, 43, 44, 46, 52, 257, 999]),
            data in prop::collection::vec(any::<u8>(), 0..300),
            cut in 0usize..400,
        ) {
            let whole = response(&asked("A"), 0, &[(kind, data)]);
            let _ = parse(&whole);
            let _ = parse(&whole[..cut.min(whole.len())]);
        }

        #[test]
        fn a_name_survives_the_wire(name in "([!-~]{1,20}\\.){1,8}") {
            if let Ok(wire) = encode_name(&name) {
                let text = Cursor { bytes: &wire, at: 0 }.name().unwrap();
                proptest::prop_assert_eq!(encode_name(&text).unwrap(), wire);
            }
        }
    }
}
