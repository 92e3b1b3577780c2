//! The SSH transport before encryption (RFC 4253): version line, packets, KEXINIT, and the types of RFC 4251.

/// No packet needs to be longer (RFC 4253, section 6.1).
pub const MAX_PACKET_BYTES: usize = 35_000;
/// A version line, with its end (RFC 4253, section 4.2).
pub const MAX_LINE_BYTES: usize = 255;

pub const DISCONNECT: u8 = 1;
pub const IGNORE: u8 = 2;
pub const DEBUG: u8 = 4;
pub const KEXINIT: u8 = 20;
/// RFC 5656, section 7.1.
pub const ECDH_INIT: u8 = 30;
pub const ECDH_REPLY: u8 = 31;

const BLOCK_BYTES: usize = 8;
const COOKIE_BYTES: usize = 16;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// The version line: `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// The whole line without its end, as it goes into the exchange hash.
    pub line: Vec<u8>,
    /// `2.0`.
    pub protocol: String,
    /// `OpenSSH_9.2p1`.
    pub software: String,
    /// What stands after a blank.
    pub comment: String,
}

impl Banner {
    /// Reads a line that begins with `SSH-`; nothing else is one.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(line.strip_prefix(b"SSH-")?).into_owned();
        let (protocol, rest) = text.split_once('-')?;
        let (software, comment) = rest.split_once(' ').unwrap_or((rest, ""));
        let clean = |text: &str| ce_record::one_line(text);
        Some(Self {
            line: line.to_vec(),
            protocol: clean(protocol),
            software: clean(software),
            comment: clean(comment),
        })
    }

    /// Software and comment.
    pub fn version(&self) -> String {
        format!("{} {}", self.software, self.comment)
            .trim_end()
            .to_owned()
    }

    /// Whether the server speaks version 2; 1.99 does too (RFC 4253, section 5.1).
    pub fn is_version_2(&self) -> bool {
        self.protocol == "2.0" || self.protocol == "1.99"
    }
}

/// A payload as a packet without encryption (RFC 4253, section 6).
pub fn packet(payload: &[u8]) -> Vec<u8> {
    let unpadded = 5 + payload.len();
    // At least four bytes of padding, then up to a whole block.
    let padding = 4 + (BLOCK_BYTES - (unpadded + 4) % BLOCK_BYTES) % BLOCK_BYTES;
    let mut packet = Vec::with_capacity(unpadded + padding);
    let length = u32::try_from(1 + payload.len() + padding).unwrap_or(u32::MAX);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
    packet.extend_from_slice(payload);
    packet.resize(unpadded + padding, 0);
    packet
}

/// How many bytes follow the four of the length.
pub fn packet_length(head: [u8; 4]) -> Result<usize, Malformed> {
    match usize::try_from(u32::from_be_bytes(head)) {
        Ok(length) if (BLOCK_BYTES - 4..=MAX_PACKET_BYTES).contains(&length) => Ok(length),
        _ => Err(Malformed("a packet of impossible length")),
    }
}

/// The payload of what follows the length.
pub fn payload(rest: &[u8]) -> Result<&[u8], Malformed> {
    let (padding, rest) = rest.split_first().ok_or(Malformed("an empty packet"))?;
    let end = rest.len().checked_sub(usize::from(*padding));
    match end.and_then(|end| rest.get(..end)) {
        Some(payload) if !payload.is_empty() => Ok(payload),
        _ => Err(Malformed("a packet with more padding than bytes")),
    }
}

/// Reads the types of RFC 4251, section 5.
#[derive(Debug)]
pub struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Malformed("a message that is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let head = self.take(4)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.string()?).map_err(|_| Malformed("a name that is no text"))
    }

    /// A positive multi-precision integer without its leading zeros.
    pub fn mpint(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return Err(Malformed("a negative number"));
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(&bytes[zeros..])
    }

    pub fn name_list(&mut self) -> Result<Vec<String>, Malformed> {
        let text = self.text()?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed("an algorithm name with blanks or controls"));
        }
        Ok(text
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect())
    }
}

/// Writes a string of RFC 4251.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Writes a positive number of RFC 4251, given with the most significant byte first.
pub fn put_mpint(out: &mut Vec<u8>, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut number = bytes[zeros..].to_vec();
    if number.first().is_some_and(|first| first & 0x80 != 0) {
        number.insert(0, 0);
    }
    put_string(out, &number);
}

/// The algorithms that a side offers, best first (RFC 4253, section 7.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    pub kex: Vec<String>,
    pub host_key: Vec<String>,
    /// To the server and to the client.
    pub cipher: [Vec<String>; 2],
    pub mac: [Vec<String>; 2],
    pub compression: [Vec<String>; 2],
}

impl Offer {
    /// From the payload of a KEXINIT.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor(payload);
        if cursor.byte()? != KEXINIT {
            return Err(Malformed("another message than KEXINIT"));
        }
        cursor.take(COOKIE_BYTES)?;
        let kex = cursor.name_list()?;
        let host_key = cursor.name_list()?;
        let mut pair = || -> Result<[Vec<String>; 2], Malformed> {
            Ok([cursor.name_list()?, cursor.name_list()?])
        };
        let (cipher, mac, compression) = (pair()?, pair()?, pair()?);
        Ok(Self {
            kex,
            host_key,
            cipher,
            mac,
            compression,
        })
    }

    /// The payload of a KEXINIT.
    pub fn payload(&self, cookie: [u8; COOKIE_BYTES]) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend_from_slice(&cookie);
        let pairs = [&self.cipher, &self.mac, &self.compression]
            .into_iter()
            .flatten();
        for list in [&self.kex, &self.host_key].into_iter().chain(pairs) {
            put_string(&mut payload, list.join(",").as_bytes());
        }
        // No languages, no guessed packet, a reserved word.
        payload.extend_from_slice(&[0; 4 + 4 + 1 + 4]);
        payload
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn a_version_line_has_protocol_software_and_comment() {
        let banner = Banner::parse(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3").unwrap();
        assert_eq!(
            (&*banner.protocol, &*banner.software),
            ("2.0", "OpenSSH_9.2p1")
        );
        assert_eq!(banner.version(), "OpenSSH_9.2p1 Debian-2+deb12u3");
        assert!(Banner::parse(b"SSH-1.99-x").unwrap().is_version_2());
        assert!(!Banner::parse(b"SSH-1.5-x").unwrap().is_version_2());
        assert_eq!(Banner::parse(b"HTTP/1.1 400"), None);
        assert_eq!(Banner::parse(b"SSH-2.0"), None);
        assert_eq!(
            Banner::parse(b"SSH-2.0-a\x1b[2J|b").unwrap().software,
            "a [2J\u{a6}b"
        );
    }

    #[test]
    fn numbers_are_written_without_needless_zeros() {
        // The examples of RFC 4251, section 5.
        for (number, wire) in [
            (&[][..], &[0, 0, 0, 0][..]),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0, 1], &[0, 0, 0, 1, 1]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
        ] {
            let mut out = Vec::new();
            put_mpint(&mut out, number);
            assert_eq!(out, wire);
        }
        assert!(Cursor(&[0, 0, 0, 1, 0x80]).mpint().is_err());
        assert_eq!(Cursor(&[0, 0, 0, 2, 0, 0x80]).mpint().unwrap(), [0x80]);
    }

    #[test]
    fn impossible_packets_are_refused() {
        for head in [[0, 0, 0, 0], [0, 0, 0, 3], [0xff; 4], *b"HTTP"] {
            assert!(packet_length(head).is_err(), "{head:?}");
        }
        assert!(payload(&[]).is_err());
        assert!(payload(&[9, 1, 2]).is_err());
        assert!(payload(&[2, 0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn a_packet_reads_back_and_fills_its_blocks(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            let packet = packet(&bytes);
            prop_assert_eq!(packet.len() % BLOCK_BYTES, 0);
            proptest::prop_assert!((4..4 + BLOCK_BYTES).contains(&usize::from(packet[4])));
            let length = packet_length([packet[0], packet[1], packet[2], packet[3]]).unwrap();
            prop_assert_eq!(length, packet.len() - 4);
            prop_assert_eq!(payload(&packet[4..]).unwrap(), &bytes[..]);
        }

        #[test]
        fn no_kexinit_brings_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..200) {
            let _ = Offer::parse(&[&[KEXINIT], &bytes[..]].concat());
            let offer = Offer { kex: vec!["a".to_owned()], host_key: vec!["b".to_owned(), "c".to_owned()], ..Offer::default() };
            let payload = offer.payload([7; 16]);
            prop_assert_eq!(Offer::parse(&payload), Ok(offer));
            let _ = Offer::parse(&payload[..cut.min(payload.len())]);
            let _ = super::payload(&bytes);
            let _ = Banner::parse(&[b"SSH-", &bytes[..]].concat());
        }
    }
}
