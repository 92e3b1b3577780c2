//! ICMP echo requests and replies (RFC 792, RFC 4443): one out, whatever comes in.

/// Type of an echo request, and of its reply, in ICMP and in ICMPv6.
const V4: (u8, u8) = (8, 0);
const V6: (u8, u8) = (128, 129);
/// "Destination unreachable" and "time exceeded" (RFC 792, RFC 4443).
const V4_ERRORS: [u8; 2] = [3, 11];
const V6_ERRORS: [u8; 2] = [1, 3];
/// An IPv6 header without extensions.
const V6_HEADER_BYTES: usize = 40;
/// Bytes before the data of an echo.
pub const HEADER_BYTES: usize = 8;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
}

/// What a packet says about an echo request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The reply to the request of this number.
    Reply { ident: u16, sequence: u16 },
    /// A router or the host itself says that the request did not get through.
    Failed {
        ident: u16,
        sequence: u16,
        what: &'static str,
    },
}

/// An echo request whose data begins with `token`, so that replies to others are not taken for ours.
pub fn request(
    version: Version,
    ident: u16,
    sequence: u16,
    token: [u8; 8],
    data_bytes: usize,
) -> Vec<u8> {
    let (kind, _) = types(version);
    let mut packet = vec![kind, 0, 0, 0];
    packet.extend_from_slice(&ident.to_be_bytes());
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend((0..data_bytes).map(|at| token.get(at).copied().unwrap_or(b'.')));
    if version == Version::V4 {
        // The kernel fills in the checksum of ICMPv6, which covers addresses (RFC 3542, section 3.1).
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// Reads what a socket received. A raw IPv4 socket sees the IP header too.
pub fn parse(
    version: Version,
    bytes: &[u8],
    with_ip_header: bool,
    token: [u8; 8],
) -> Option<Heard> {
    let icmp = if with_ip_header {
        skip_ip(version, bytes)?
    } else {
        bytes
    };
    let (request, reply) = types(version);
    let kind = *icmp.first()?;
    if kind == reply {
        let (ident, sequence) = numbers(icmp)?;
        let data = &icmp[HEADER_BYTES..];
        let ours = data.len().min(token.len());
        return (data[..ours] == token[..ours]).then_some(Heard::Reply { ident, sequence });
    }
    let errors = match version {
        Version::V4 => V4_ERRORS,
        Version::V6 => V6_ERRORS,
    };
    if !errors.contains(&kind) {
        return None;
    }
    // An error carries the beginning of what caused it: IP header and at least eight bytes.
    let caused = skip_ip(version, icmp.get(HEADER_BYTES..)?)?;
    if *caused.first()? != request {
        return None;
    }
    let (ident, sequence) = numbers(caused)?;
    let what = words(version, kind, *icmp.get(1)?);
    Some(Heard::Failed {
        ident,
        sequence,
        what,
    })
}

fn types(version: Version) -> (u8, u8) {
    match version {
        Version::V4 => V4,
        Version::V6 => V6,
    }
}

fn numbers(icmp: &[u8]) -> Option<(u16, u16)> {
    let number = |at: usize| Some(u16::from_be_bytes([*icmp.get(at)?, *icmp.get(at + 1)?]));
    Some((number(4)?, number(6)?))
}

fn skip_ip(version: Version, packet: &[u8]) -> Option<&[u8]> {
    match version {
        Version::V4 => {
            let first = *packet.first()?;
            let length = usize::from(first & 15) * 4;
            let is_icmp = first >> 4 == 4 && length >= 20 && *packet.get(9)? == 1;
            is_icmp.then(|| packet.get(length..))?
        }
        Version::V6 => {
            let is_icmp = packet.first()? >> 4 == 6 && *packet.get(6)? == 58;
            is_icmp.then(|| packet.get(V6_HEADER_BYTES..))?
        }
    }
}

fn words(version: Version, kind: u8, code: u8) -> &'static str {
    match (version, kind, code) {
        (Version::V4, 11, _) | (Version::V6, 3, _) => "time to live exceeded on the way",
        (Version::V4, 3, 0) | (Version::V6, 1, 0) => "network unreachable",
        (Version::V4, 3, 1) | (Version::V6, 1, 3) => "host unreachable",
        (Version::V4, 3, 9 | 10 | 13) | (Version::V6, 1, 1) => "administratively prohibited",
        (Version::V4, 3, 4) => "packet too large for the way",
        _ => "destination unreachable",
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    #[allow(clippy::cast_possible_truncation)]
    let folded = sum as u16;
    !folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    const TOKEN: [u8; 8] = *b"8 bytes.";

    fn reply(version: Version) -> Vec<u8> {
        let mut packet = request(version, 7, 9, TOKEN, 56);
        packet[0] = types(version).1;
        packet
    }

    fn ip(version: Version, inner: &[u8]) -> Vec<u8> {
        let mut packet = match version {
            Version::V4 => {
                let mut header = vec![0; 24];
                header[0] = 0x46;
                header[9] = 1;
                header
            }
            Version::V6 => {
                let mut header = vec![0; 40];
                header[0] = 0x60;
                header[6] = 58;
                header
            }
        };
        packet.extend_from_slice(inner);
        packet
    }

    #[test]
    fn a_reply_is_ours_by_its_token_with_and_without_an_ip_header() {
        let heard = Some(Heard::Reply {
            ident: 7,
            sequence: 9,
        });
        for version in [Version::V4, Version::V6] {
            assert_eq!(parse(version, &reply(version), false, TOKEN), heard);
            assert_eq!(parse(version, &reply(version), false, *b"another."), None);
            // Our own request, as seen on the loopback interface, is no reply.
            let request = request(version, 7, 9, TOKEN, 56);
            assert_eq!(parse(version, &request, false, TOKEN), None);
        }
        assert_eq!(
            parse(
                Version::V4,
                &ip(Version::V4, &reply(Version::V4)),
                true,
                TOKEN
            ),
            heard
        );
    }

    #[test]
    fn an_error_names_the_request_that_caused_it() {
        for (version, kind, code, what) in [
            (Version::V4, 3, 1, "host unreachable"),
            (Version::V4, 11, 0, "time to live exceeded on the way"),
            (Version::V6, 1, 0, "network unreachable"),
            (Version::V6, 1, 1, "administratively prohibited"),
        ] {
            let caused = ip(version, &request(version, 7, 9, TOKEN, 0));
            let error = [&[kind, code, 0, 0, 0, 0, 0, 0], &caused[..]].concat();
            let failed = Heard::Failed {
                ident: 7,
                sequence: 9,
                what,
            };
            assert_eq!(parse(version, &error, false, TOKEN), Some(failed));
            assert_eq!(parse(version, &error[..20], false, TOKEN), None);
        }
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        assert_eq!(checksum(&[0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xff]), 0x00ff);
        assert_eq!(checksum(&request(Version::V4, 1, 2, TOKEN, 55)), 0);
    }

    proptest! {
        #[test]
        fn no_packet_brings_the_reader_down(
            head in prop::sample::select(vec![0u8, 3, 11, 129, 1, 0x45, 0x4f, 0x60]),
            bytes in prop::collection::vec(any::<u8>(), 0..120),
            header in any::<bool>(),
        ) {
            let packet = [&[head], &bytes[..]].concat();
            for version in [Version::V4, Version::V6] {
                let _ = parse(version, &packet, header, TOKEN);
                let _ = parse(version, &ip(version, &packet), header, TOKEN);
                let error = [&[3, 0, 0, 0, 0, 0, 0, 0], &ip(version, &packet)[..]].concat();
                let _ = parse(version, &error, header, TOKEN);
            }
        }
    }
}
