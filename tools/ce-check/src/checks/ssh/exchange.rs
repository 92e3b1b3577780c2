//! The dialog up to the server's signature (RFC 4253 section 8, RFC 5656 section 4, RFC 8731): no further. Nothing
//! secret is sent, nothing is encrypted, no login is tried.

use ce_net::{NetError, Stream};
use ring::agreement::{self, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use ring::digest::{self, SHA256, SHA384};
use ring::rand::SystemRandom;

use super::key::HostKey;
use super::wire::{self, Banner, Cursor, Malformed, Offer};
use crate::fault::Fault;

/// What the server is told that this is. Sent before it says anything: some wait for it.
pub const OUR_VERSION: &[u8] = concat!("SSH-2.0-ce_check_", env!("CARGO_PKG_VERSION")).as_bytes();

/// Lines of text before the version line (RFC 4253, section 4.2).
const MAX_TEXT_LINES: usize = 50;
/// Messages that mean nothing before the one that is waited for.
const MAX_IDLE_MESSAGES: usize = 20;

struct Method {
    name: &'static str,
    agreement: &'static agreement::Algorithm,
    hash: &'static digest::Algorithm,
}

/// The key exchange methods spoken here, best first.
static METHODS: &[Method] = &[
    Method {
        name: "curve25519-sha256",
        agreement: &X25519,
        hash: &SHA256,
    },
    Method {
        name: "curve25519-sha256@libssh.org",
        agreement: &X25519,
        hash: &SHA256,
    },
    Method {
        name: "ecdh-sha2-nistp256",
        agreement: &ECDH_P256,
        hash: &SHA256,
    },
    Method {
        name: "ecdh-sha2-nistp384",
        agreement: &ECDH_P384,
        hash: &SHA384,
    },
];

/// The server's version line and KEXINIT.
#[derive(Clone, Debug)]
pub struct Hello {
    pub banner: Banner,
    pub offer: Offer,
    kexinit: Vec<u8>,
}

fn breach(stream: &Stream, what: impl Into<String>) -> NetError {
    NetError::Protocol {
        target: stream.target().to_owned(),
        what: what.into(),
    }
}

fn malformed(stream: &Stream, fault: Malformed) -> NetError {
    breach(stream, format!("it sends {fault}"))
}

/// Exchanges version lines.
pub fn greet(stream: &mut Stream) -> Result<Banner, NetError> {
    stream.send(&[OUR_VERSION, b"\r\n"].concat())?;
    for _ in 0..MAX_TEXT_LINES {
        let Some(line) = stream.read_line(wire::MAX_LINE_BYTES)? else {
            let (phase, target) = (ce_net::Phase::Receive, stream.target().to_owned());
            return Err(NetError::Closed { phase, target });
        };
        if line.starts_with(b"SSH-") {
            return Banner::parse(&line)
                .ok_or_else(|| breach(stream, "its version line is malformed"));
        }
        if !line.is_ascii() || line.starts_with(b"HTTP/") || line.starts_with(b"220") {
            let line = crate::expect::excerpt(&line);
            return Err(breach(stream, format!("it is no ssh server: {line}")));
        }
    }
    Err(breach(
        stream,
        "it sends text without end instead of a version line",
    ))
}

/// Reads what the server offers.
pub fn hear_offer(stream: &mut Stream, banner: Banner) -> Result<Hello, NetError> {
    let kexinit = receive(stream, wire::KEXINIT)?;
    let offer = Offer::parse(&kexinit).map_err(|fault| malformed(stream, fault))?;
    Ok(Hello {
        banner,
        offer,
        kexinit,
    })
}

/// The payload of the next message of this kind. Messages that may come any time are passed over.
fn receive(stream: &mut Stream, kind: u8) -> Result<Vec<u8>, NetError> {
    for _ in 0..MAX_IDLE_MESSAGES {
        let head = stream.read_exactly(4)?;
        let head = [head[0], head[1], head[2], head[3]];
        let length = wire::packet_length(head).map_err(|fault| malformed(stream, fault))?;
        let rest = stream.read_exactly(length)?;
        let payload = wire::payload(&rest).map_err(|fault| malformed(stream, fault))?;
        match payload[0] {
            found if found == kind => return Ok(payload.to_vec()),
            wire::IGNORE | wire::DEBUG => {}
            wire::DISCONNECT => {
                let mut cursor = Cursor(&payload[1..]);
                let reason = cursor.take(4).and_then(|_| cursor.string());
                let reason = crate::expect::excerpt(reason.unwrap_or_default());
                return Err(breach(stream, format!("it disconnects: {reason}")));
            }
            other => {
                return Err(breach(
                    stream,
                    format!("it sends message {other} instead of {kind}"),
                ));
            }
        }
    }
    Err(breach(
        stream,
        "it sends messages that mean nothing without end",
    ))
}

/// Has the server prove one of its host keys by one of these signature algorithms, best first.
///
/// # Errors
/// [`Fault::Absent`], which is no verdict, when no key exchange is known to both; else that of the network.
pub fn host_key(stream: &mut Stream, hello: &Hello, algorithms: &[&str]) -> Result<HostKey, Fault> {
    let offer = &hello.offer;
    let offered = |list: &[String], name: &str| list.iter().any(|one| one == name);
    let method = METHODS
        .iter()
        .find(|method| offered(&offer.kex, method.name))
        .ok_or_else(|| {
            Fault::Absent(format!(
                "cannot ask '{}' for its host key: this program speaks none of its key exchanges: {}",
                stream.target(),
                offer.kex.join(", ")
            ))
        })?;
    let algorithm = algorithms
        .iter()
        .find(|name| offered(&offer.host_key, name))
        .ok_or_else(|| {
            breach(
                stream,
                format!("no such host key: it offers {}", offer.host_key.join(", ")),
            )
        })?;

    // Its own ciphers are offered back: what they are does not matter, none is ever used.
    let ours = Offer {
        kex: vec![method.name.to_owned()],
        host_key: vec![(*algorithm).to_owned()],
        ..offer.clone()
    };
    let rng = SystemRandom::new();
    let no_random = |_| NetError::Config {
        object: method.name.to_owned(),
        what: "this machine gives no random numbers".to_owned(),
    };
    let cookie = ring::rand::generate::<[u8; 16]>(&rng)
        .map_err(no_random)?
        .expose();
    let our_kexinit = ours.payload(cookie);
    let private = EphemeralPrivateKey::generate(method.agreement, &rng).map_err(no_random)?;
    let our_public = private.compute_public_key().map_err(no_random)?;

    let mut init = vec![wire::ECDH_INIT];
    wire::put_string(&mut init, our_public.as_ref());
    stream.send(&[wire::packet(&our_kexinit), wire::packet(&init)].concat())?;
    let reply = receive(stream, wire::ECDH_REPLY)?;

    let parts = |reply: &[u8]| -> Result<(HostKey, Vec<u8>, Vec<u8>), Malformed> {
        let mut cursor = Cursor(&reply[1..]);
        let key = HostKey::new(cursor.string()?)?;
        Ok((key, cursor.string()?.to_vec(), cursor.string()?.to_vec()))
    };
    let (key, their_public, signature) = parts(&reply).map_err(|fault| malformed(stream, fault))?;
    let their_key = UnparsedPublicKey::new(method.agreement, &their_public);
    let hash = agreement::agree_ephemeral(private, &their_key, |shared| {
        let mut hashed = Vec::new();
        for part in [
            OUR_VERSION,
            &hello.banner.line,
            &our_kexinit,
            &hello.kexinit,
            key.blob(),
            our_public.as_ref(),
            &their_public,
        ] {
            wire::put_string(&mut hashed, part);
        }
        wire::put_mpint(&mut hashed, shared);
        digest::digest(method.hash, &hashed)
    })
    .map_err(|_| breach(stream, "it sends an impossible key exchange value"))?;
    key.verify(algorithm, hash.as_ref(), &signature)
        .map_err(|fault| malformed(stream, fault))?;
    Ok(key)
}

impl Hello {
    /// Of a server that is too old for a KEXINIT.
    pub fn without_offer(banner: Banner) -> Self {
        Self {
            banner,
            offer: Offer::default(),
            kexinit: Vec::new(),
        }
    }
}

/// What is offered to agree on keys, without the words that stand there to announce extensions (RFC 8308).
pub fn methods(offer: &Offer) -> Vec<String> {
    let is_method =
        |name: &&String| !name.starts_with("kex-strict-") && !name.starts_with("ext-info-");
    offer.kex.iter().filter(is_method).cloned().collect()
}
