//! One question and answer of the Simple Network Time Protocol (RFC 5905, sections 7.3, 8 and 14).

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP counts from, to 1970.
const EPOCH: u64 = 2_208_988_800;

/// A header without extensions, in bytes.
const HEADER: usize = 48;

/// Version 4, mode 3: a client.
const CLIENT: u8 = 4 << 3 | 3;

/// What a server said of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reply {
    /// 0 none, 1 and 2 a leap second comes, 3 not synchronised.
    pub(super) leap: u8,
    pub(super) stratum: u8,
    /// To the primary source, in seconds.
    pub(super) root_delay: f64,
    pub(super) root_dispersion: f64,
    /// With stratum 0 a word such as RATE.
    pub(super) reference: [u8; 4],
    origin: u64,
    received: u64,
    sent: u64,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// How far the server is ahead of this machine, in seconds.
    pub(super) offset: f64,
    /// There and back, in seconds.
    pub(super) delay: f64,
    pub(super) reply: Reply,
}

/// Reads a server's packet; `None` when it is none.
pub(super) fn parse(packet: &[u8]) -> Option<Reply> {
    let word = |at: usize| Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?));
    let stamp = |at: usize| Some(u64::from_be_bytes(packet.get(at..at + 8)?.try_into().ok()?));
    let (first, stratum) = (*packet.first()?, *packet.get(1)?);
    // Mode 4: a server.
    if packet.len() < HEADER || first & 7 != 4 {
        return None;
    }
    Some(Reply {
        leap: first >> 6,
        stratum,
        root_delay: f64::from(word(4)?) / 65_536.0,
        root_dispersion: f64::from(word(8)?) / 65_536.0,
        reference: word(12)?.to_be_bytes(),
        origin: stamp(24)?,
        received: stamp(32)?,
        sent: stamp(40)?,
    })
}

/// Now, as 32 bits of seconds since 1900 and 32 of fraction.
pub(super) fn now() -> u64 {
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
    (time.as_secs().wrapping_add(EPOCH) << 32) | fraction
}

/// The seconds between two stamps, right across the end of an era while they lie within 68 years.
fn between(later: u64, earlier: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let difference = later.wrapping_sub(earlier).cast_signed() as f64;
    difference / 4_294_967_296.0
}

/// RFC 5905, section 8, with t1 and t4 by this machine's clock.
fn measure(reply: Reply, asked: u64, answered: u64) -> Sample {
    let there = between(reply.received, asked);
    let back = between(reply.sent, answered);
    Sample {
        offset: f64::midpoint(there, back),
        delay: (between(answered, asked) - between(reply.sent, reply.received)).max(0.0),
        reply,
    }
}

/// Asks once. The stamp sent is a random number: it tells nobody this machine's time, and only who saw the question
/// can answer it.
pub(super) fn ask(server: SocketAddr, patience: Duration) -> io::Result<Sample> {
    let until = Instant::now() + patience;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    let cookie = RandomState::new().hash_one(server);
    let mut packet = [0u8; HEADER];
    packet[0] = CLIENT;
    packet[40..].copy_from_slice(&cookie.to_be_bytes());
    let asked = now();
    socket.send(&packet)?;
    let mut answer = [0u8; 512];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.recv(&mut answer)?;
        let answered = now();
        match parse(&answer[..length]) {
            Some(reply) if reply.origin == cookie => return Ok(measure(reply, asked, answered)),
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers every question as this says, `ahead` seconds ahead.
    pub(in crate::checks::clock) fn server(leap: u8, stratum: u8, ahead: i64) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut packet = [0u8; HEADER];
            while let Ok((_, client)) = socket.recv_from(&mut packet) {
                let time = now()
                    .wrapping_add((ahead << 32).cast_unsigned())
                    .to_be_bytes();
                let cookie: [u8; 8] = packet[40..].try_into().unwrap();
                let mut answer = [0u8; HEADER];
                answer[0] = leap << 6 | 4 << 3 | 4;
                answer[1] = stratum;
                answer[4..8].copy_from_slice(&32_768u32.to_be_bytes());
                answer[12..16].copy_from_slice(b"RATE");
                answer[32..40].copy_from_slice(&time);
                answer[40..].copy_from_slice(&time);
                // An answer to a question that nobody asked comes first: it must be passed over.
                let _ = socket.send_to(&answer, client);
                answer[24..32].copy_from_slice(&cookie);
                let _ = socket.send_to(&answer, client);
            }
        });
        address
    }

    #[test]
    fn offset_and_delay_are_those_of_the_rfc() {
        let second = 1u64 << 32;
        let reply = Reply {
            leap: 0,
            stratum: 1,
            root_delay: 0.0,
            root_dispersion: 0.0,
            reference: [0; 4],
            origin: 0,
            received: 103 * second,
            sent: 104 * second,
        };
        let sample = measure(reply, 100 * second, 103 * second);
        assert_eq!((sample.offset, sample.delay), (2.0, 2.0));
        assert_eq!(
            between(5, u64::MAX - 4),
            between(10, 0),
            "across the end of the era in 2036"
        );
    }

    #[test]
    fn a_server_is_asked_and_strangers_are_passed_over() {
        let sample = ask(server(0, 2, 5), Duration::from_secs(5)).unwrap();
        assert!((sample.offset - 5.0).abs() < 0.5, "{sample:?}");
        assert_eq!((sample.reply.stratum, sample.reply.root_delay), (2, 0.5));
    }

    proptest! {
        #[test]
        fn no_packet_breaks_the_parser(packet in proptest::collection::vec(any::<u8>(), 0..80)) {
            let reply = parse(&packet);
            prop_assert_eq!(reply.is_some(), packet.len() >= HEADER && packet[0] & 7 == 4);
            if let Some(reply) = reply {
                let sample = measure(reply, 0, 1);
                prop_assert!(sample.offset.is_finite() && sample.delay.is_finite());
            }
        }
    }
}
