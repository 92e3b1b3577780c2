//! The two databases, which agree on TLS in bytes.

use ce_net::{NetError, Stream};

use super::breach;

/// A server greeting is about 100 bytes; an error message may be longer.
const MAX_PACKET_BYTES: usize = 4096;

/// CLIENT_PROTOCOL_41, CLIENT_SSL and CLIENT_SECURE_CONNECTION of MySQL's capability flags.
const PROTOCOL_41: u32 = 0x0200;
const SSL: u32 = 0x0800;
const SECURE_CONNECTION: u32 = 0x8000;

/// utf8mb4_general_ci, which MySQL and MariaDB both number so.
const CHARSET: u8 = 45;

/// SSLRequest: its length and the code 80877103 (PostgreSQL documentation, Message Formats).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// PostgreSQL answers the request with one byte.
pub(super) fn postgres(stream: &mut Stream) -> Result<(), NetError> {
    stream.send(&SSL_REQUEST)?;
    let what = match stream.read_exactly(1)?[..] {
        [b'S'] => return Ok(()),
        [b'N'] => "it does not start tls: ssl is off".to_owned(),
        [b'E'] => "it does not start tls: it answers with an error".to_owned(),
        _ => "unexpected answer: this is no postgresql server".to_owned(),
    };
    Err(breach(stream, what))
}

/// MySQL greets first; the request is the beginning of the client's answer to it.
pub(super) fn mysql(stream: &mut Stream) -> Result<(), NetError> {
    let (sequence, packet) = read_packet(stream)?;
    let offered = greeting(&packet).map_err(|what| breach(stream, what))?;
    if offered & SSL == 0 {
        let what = "it does not start tls: ssl is off".to_owned();
        return Err(breach(stream, what));
    }
    let mut request = vec![32, 0, 0, sequence.wrapping_add(1)];
    request.extend((PROTOCOL_41 | SSL | SECURE_CONNECTION).to_le_bytes());
    request.extend((16u32 << 20).to_le_bytes());
    request.push(CHARSET);
    request.extend([0; 23]);
    stream.send(&request)
}

/// A packet: three bytes of length, one of sequence, the payload.
fn read_packet(stream: &mut Stream) -> Result<(u8, Vec<u8>), NetError> {
    let header = stream.read_exactly(4)?;
    let length = header[..3]
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length > MAX_PACKET_BYTES {
        let what = "unexpected answer: this is no mysql server".to_owned();
        return Err(breach(stream, what));
    }
    Ok((header[3], stream.read_exactly(length)?))
}

/// What a server greeting offers: the lower half of its capability flags (Protocol::HandshakeV10).
fn greeting(packet: &[u8]) -> Result<u32, String> {
    let malformed = || "unexpected answer: this is no mysql server".to_owned();
    match packet.split_first() {
        Some((10, rest)) => {
            let version = rest
                .iter()
                .position(|byte| *byte == 0)
                .ok_or_else(malformed)?;
            // After the version: connection id 4, scramble 8, filler 1.
            let at = version + 1 + 4 + 8 + 1;
            match rest.get(at..at + 2) {
                Some([low, high]) => Ok(u32::from(u16::from_le_bytes([*low, *high]))),
                _ => Err(malformed()),
            }
        }
        Some((0xff, rest)) => {
            let text = String::from_utf8_lossy(rest.get(2..).unwrap_or_default()).into_owned();
            Err(format!("it refuses: {}", ce_record::one_line(&text)))
        }
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_greeting_tells_whether_tls_is_on_and_an_error_packet_why_not() {
        let mut packet = vec![10];
        packet.extend(b"8.0.36\0");
        packet.extend([7, 0, 0, 0]);
        packet.extend(b"scramble\0");
        packet.extend([0xff, 0xff, 45, 2, 0]);
        assert_eq!(greeting(&packet), Ok(0xffff));
        let refused = greeting(b"\xff\x69\x04Host 'x' is blocked").unwrap_err();
        assert_eq!(refused, "it refuses: Host 'x' is blocked");
        for end in 0..22 {
            assert!(greeting(&packet[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_greeting_breaks_the_reader(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = greeting(&packet);
        }
    }
}
