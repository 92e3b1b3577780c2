//! Against a server of a few lines that speaks the exchange honestly, or not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use clap::{FromArgMatches, Parser};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;

use super::wire::{Cursor, Offer, packet, put_mpint, put_string};
use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    ssh: Ssh,
}

fn ssh(arguments: &str) -> Ssh {
    let words = std::iter::once("ssh").chain(arguments.split_whitespace());
    let matches = <Line as clap::CommandFactory>::command()
        .try_get_matches_from(words)
        .unwrap();
    Line::from_arg_matches(&matches).unwrap().ssh
}

fn listen(serve: impl Fn(&mut TcpStream) -> Option<()> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = serve(&mut stream);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    port
}

fn says(bytes: &'static [u8]) -> u16 {
    listen(move |stream| stream.write_all(bytes).ok())
}

fn run(port: u16, arguments: &str) -> Finding {
    let ssh = ssh(&format!("-H 127.0.0.1 -p {port} {arguments}"));
    match ssh.gather(None, Deadline::after(Duration::from_millis(800))) {
        Ok(facts) => ssh.judge(&facts),
        Err(error) => crate::runner::explain(&error),
    }
}

const VERSION: &[u8] = b"SSH-2.0-Test_1 for tests";

fn offer() -> Offer {
    let list = |text: &str| vec![text.to_owned()];
    Offer {
        kex: list("curve25519-sha256"),
        host_key: list("ssh-ed25519"),
        cipher: [list("none"), list("aes128-ctr")],
        ..Offer::default()
    }
}

fn read_payload(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let mut rest = vec![0; wire::packet_length(head).ok()?];
    stream.read_exact(&mut rest).ok()?;
    Some(wire::payload(&rest).ok()?.to_vec())
}

fn read_line(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte).ok()?;
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    Some(line)
}

/// A server that proves `key`, by a signature over `salt` and the exchange hash.
fn server(
    key: HostKey,
    sign: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
    salt: &'static [u8],
) -> u16 {
    listen(move |stream| {
        let kexinit = offer().payload([1; 16]);
        stream
            .write_all(
                &[
                    b"hello\r\n",
                    VERSION,
                    b"\r\n",
                    &packet(&[wire::IGNORE, 0, 0, 0, 0]),
                    &packet(&kexinit),
                ]
                .concat(),
            )
            .ok()?;
        let their_version = read_line(stream)?;
        let their_kexinit = read_payload(stream)?;
        let init = read_payload(stream)?;
        let their_public = Cursor(&init[1..]).string().ok()?.to_vec();
        let private = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).ok()?;
        let public = private.compute_public_key().ok()?;
        let hash = agree_ephemeral(
            private,
            &UnparsedPublicKey::new(&X25519, &their_public),
            |shared| {
                let mut hashed = Vec::new();
                for part in [
                    &their_version,
                    VERSION,
                    &their_kexinit,
                    &kexinit,
                    key.blob(),
                    &their_public,
                    public.as_ref(),
                ] {
                    put_string(&mut hashed, part);
                }
                put_mpint(&mut hashed, shared);
                digest(&SHA256, &hashed)
            },
        )
        .ok()?;
        let signature = sign(&[salt, hash.as_ref()].concat());
        let mut reply = vec![wire::ECDH_REPLY];
        for part in [key.blob(), public.as_ref(), &signature] {
            put_string(&mut reply, part);
        }
        stream.write_all(&packet(&reply)).ok()
    })
}

#[test]
fn a_server_proves_the_pinned_key_or_is_critical() {
    let (key, sign) = key::tests::ed25519();
    let fingerprint = key.fingerprint();
    let port = server(key, sign, b"");
    // The shared secret has leading zeros one time in 256.
    for _ in 0..3 {
        let finding = run(port, &format!("--fingerprint {fingerprint}"));
        assert_eq!(finding.state, State::Ok, "{}", finding.summary);
        assert_eq!(finding.data["fingerprint"], *fingerprint);
        assert_eq!(finding.data["ciphers"][0], "aes128-ctr");
    }
    let other = key::tests::ed25519().0.fingerprint();
    let finding = run(port, &format!("--fingerprint {other}"));
    assert_eq!(
        (finding.state, finding.cause),
        (State::Critical, Some(Cause::AUTH))
    );
    let finding = run(port, "--host-key-type rsa");
    assert!(
        finding.summary.contains("no such host key"),
        "{}",
        finding.summary
    );
}

#[test]
fn a_stolen_public_key_is_not_enough() {
    let (key, sign) = key::tests::ed25519();
    let fingerprint = key.fingerprint();
    let port = server(key, sign, b"another session");
    let finding = run(port, &format!("--fingerprint {fingerprint}"));
    assert_eq!(finding.state, State::Critical);
    assert!(
        finding
            .summary
            .contains("signature that is not of its host key"),
        "{}",
        finding.summary
    );
}

#[test]
fn version_and_protocol_are_compared() {
    let (key, sign) = key::tests::ed25519();
    let port = server(key, sign, b"");
    for (arguments, state) in [
        ("", State::Ok),
        ("-r Test_1 -P 2.0", State::Ok),
        ("-r Test_2", State::Critical),
        ("-P 1.99", State::Critical),
        ("-w 0", State::Warning),
    ] {
        let finding = run(port, arguments);
        assert_eq!(finding.state, state, "{arguments}: {}", finding.summary);
    }
    let version = || ssh("x").remote_version;
    assert_eq!(version(), None);
}

#[test]
fn what_is_no_ssh_server_is_said_to_be_none() {
    for (bytes, words) in [
        (&b"220 mail ready\r\n"[..], "no ssh server: 220 mail ready"),
        (b"HTTP/1.1 400 Bad Request\r\n", "no ssh server"),
        (b"SSH-2.0\r\n", "version line is malformed"),
        (
            b"SSH-2.0-x\r\nHTTP/1.1 400 Bad Request\r\n",
            "packet of impossible length",
        ),
        (
            b"SSH-2.0-x\r\n\0\0\0\x0c\x04\x01\0\0\0\x02\0\0\0\0\0\0",
            "it disconnects",
        ),
        (b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x14aaaaaaaaaa", "cut off"),
        (b"", "timeout waiting for an answer"),
        (b"SSH-2.0-x\r\n", "timeout waiting for an answer"),
    ] {
        let started = Instant::now();
        let finding = run(says(bytes), "");
        assert_eq!(finding.state, State::Critical, "{words}");
        assert!(
            finding.summary.contains(words),
            "{words}: {}",
            finding.summary
        );
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    let long: &'static [u8] = Box::leak(vec![b'a'; 4000].into_boxed_slice());
    assert!(run(says(long), "").summary.contains("larger than 255"));
    let old = run(says(b"SSH-1.5-old\r\n"), "");
    assert_eq!(
        (old.state, &old.summary[..20]),
        (State::Ok, "old (protocol 1.5) i")
    );
}
