//! TLS probes against servers of our own, on loopback, with certificates made for the occasion.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ce_net::tls::{Peer, Roots, TlsOptions, TlsVersion, Verify, handshake};
use ce_net::{Deadline, NetError, Phase, Stream, TrustError, connect};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

type Key = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate authority with a folder for its files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = named("Test Root", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let folder = tempfile::tempdir().unwrap();
        Self {
            issuer,
            pem,
            folder,
        }
    }

    fn issue(&self, params: &CertificateParams) -> Key {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        (vec![cert.der().clone()], private(&key))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn options(&self) -> TlsOptions {
        TlsOptions {
            roots: Roots::File(self.file("roots.pem", &self.pem)),
            ..TlsOptions::default()
        }
    }
}

fn named(common: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

fn self_signed(names: &[&str]) -> (Key, String) {
    let key = KeyPair::generate().unwrap();
    let cert = named("Self", names).self_signed(&key).unwrap();
    ((vec![cert.der().clone()], private(&key)), cert.pem())
}

fn config((chain, key): Key) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// Runs `serve` for the one connection that comes.
fn once(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

/// A server that sends back one line.
fn echo(config: ServerConfig) -> SocketAddr {
    once(move |socket| {
        let conn = ServerConnection::new(Arc::new(config)).unwrap();
        let mut tls = StreamOwned::new(conn, socket);
        let mut byte = [0];
        while tls.read_exact(&mut byte).is_ok() {
            if tls.write_all(&byte).is_err() || byte == *b"\n" {
                break;
            }
        }
        tls.conn.send_close_notify();
        let _ = tls.flush();
    })
}

fn open(address: SocketAddr, timeout_ms: u64) -> Stream {
    let deadline = Deadline::after(Duration::from_millis(timeout_ms));
    let (socket, _) = connect::tcp(&[address], None, deadline).unwrap();
    Stream::tcp(socket, "server", deadline)
}

fn probe(key: Key, name: &str, options: &TlsOptions) -> Peer {
    let (mut stream, peer) = handshake(open(echo(config(key)), 5000), name, options).unwrap();
    stream.send(b"hello\n").unwrap();
    assert_eq!(stream.read_line(100).unwrap().unwrap(), b"hello");
    stream.close();
    peer
}

fn failure(address: SocketAddr, timeout_ms: u64) -> NetError {
    handshake(
        open(address, timeout_ms),
        "www.test",
        &TlsOptions {
            verify: Verify::Off,
            ..TlsOptions::default()
        },
    )
    .unwrap_err()
}

#[test]
fn a_good_server_is_trusted_and_described() {
    let authority = Authority::new();
    let key = authority.issue(&named("www", &["www.test", "127.0.0.1"]));
    let peer = probe(key, "www.test", &authority.options());
    assert_eq!(peer.trust, Ok(()));
    assert_eq!(peer.version, TlsVersion::V1_3);
    assert!(peer.cipher.starts_with("TLS13_"), "{}", peer.cipher);
    assert_eq!(peer.chain[0].names, ["www.test", "127.0.0.1"]);
    assert!(peer.chain[0].issuer.ends_with("CN=Test Root"));
    peer.require_trust("server").unwrap();
}

#[test]
fn a_certificate_is_good_for_its_addresses_too() {
    let authority = Authority::new();
    let key = authority.issue(&named("www", &["127.0.0.1"]));
    assert_eq!(probe(key, "127.0.0.1", &authority.options()).trust, Ok(()));
}

#[test]
fn an_expired_certificate_is_still_dated() {
    let authority = Authority::new();
    let mut params = named("www", &["www.test"]);
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 2, 3);
    let peer = probe(authority.issue(&params), "www.test", &authority.options());
    let error = peer.require_trust("www.test:443").unwrap_err();
    assert_eq!(
        error.to_string(),
        "certificate of 'www.test:443' is not trusted: 'CN=www' expired on 2020-02-03"
    );
    assert_eq!(peer.chain[0].not_after.to_string(), "2020-02-03T00:00:00Z");
}

#[test]
fn a_certificate_of_the_future_is_not_valid_yet() {
    let authority = Authority::new();
    let mut params = named("www", &["www.test"]);
    params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    params.not_after = rcgen::date_time_ymd(2091, 1, 1);
    let peer = probe(authority.issue(&params), "www.test", &authority.options());
    assert!(matches!(peer.trust, Err(TrustError::NotYetValid { .. })));
}

#[test]
fn a_wrong_name_lists_the_right_ones_unless_only_the_chain_counts() {
    let authority = Authority::new();
    let issue = || authority.issue(&named("www", &["a.test", "*.b.test"]));
    let mut options = authority.options();
    assert_eq!(probe(issue(), "x.b.test", &options).trust, Ok(()));
    let peer = probe(issue(), "www.test", &options);
    assert_eq!(
        peer.trust.unwrap_err().to_string(),
        "it is not for 'www.test' but for 'a.test', '*.b.test'"
    );
    options.verify = Verify::Chain;
    assert_eq!(probe(issue(), "www.test", &options).trust, Ok(()));
}

#[test]
fn a_self_signed_certificate_is_trusted_only_where_it_is_given_as_a_root() {
    let authority = Authority::new();
    let (key, pem) = self_signed(&["www.test"]);
    let peer = probe(
        (key.0.clone(), key.1.clone_key()),
        "www.test",
        &authority.options(),
    );
    assert!(
        matches!(peer.trust, Err(TrustError::SelfSigned { .. })),
        "{:?}",
        peer.trust
    );
    let pinned = TlsOptions {
        roots: Roots::File(authority.file("pinned.pem", &pem)),
        ..TlsOptions::default()
    };
    let again = || (key.0.clone(), key.1.clone_key());
    assert_eq!(probe(again(), "www.test", &pinned).trust, Ok(()));
    let peer = probe(again(), "other.test", &pinned);
    assert!(matches!(peer.trust, Err(TrustError::WrongName { .. })));
}

#[test]
fn a_certificate_that_is_given_as_a_root_still_expires() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let mut params = named("Self", &["www.test"]);
    params.not_after = rcgen::date_time_ymd(2020, 2, 3);
    let cert = params.self_signed(&key).unwrap();
    let pinned = TlsOptions {
        roots: Roots::File(authority.file("pinned.pem", &cert.pem())),
        ..TlsOptions::default()
    };
    let peer = probe(
        (vec![cert.der().clone()], private(&key)),
        "www.test",
        &pinned,
    );
    assert!(matches!(peer.trust, Err(TrustError::Expired { .. })));
}

#[test]
fn a_self_signed_issuer_as_openssl_makes_it_is_called_self_signed() {
    let key = KeyPair::generate().unwrap();
    let mut params = named("Self", &["www.test"]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let cert = params.self_signed(&key).unwrap();
    let peer = probe(
        (vec![cert.der().clone()], private(&key)),
        "www.test",
        &Authority::new().options(),
    );
    assert!(
        matches!(peer.trust, Err(TrustError::SelfSigned { .. })),
        "{:?}",
        peer.trust
    );
}

#[test]
fn an_unknown_issuer_is_named() {
    let key = Authority::new().issue(&named("www", &["www.test"]));
    let peer = probe(key, "www.test", &Authority::new().options());
    // Both authorities have the same name: the signature decides, not the name.
    assert!(peer.trust.is_err());

    let mut params = named("Other Root", &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut other = Authority::new();
    other.issuer = Issuer::new(params, KeyPair::generate().unwrap());
    let key = other.issue(&named("www", &["www.test"]));
    let peer = probe(key, "www.test", &Authority::new().options());
    let text = peer.trust.unwrap_err().to_string();
    assert!(text.ends_with("CN=Other Root' is not known"), "{text}");
}

#[test]
fn without_verification_everything_passes_and_is_described() {
    let options = TlsOptions {
        verify: Verify::Off,
        roots: Roots::File("/nonexistent/roots.pem".into()),
        ..TlsOptions::default()
    };
    let peer = probe(self_signed(&["x.test"]).0, "www.test", &options);
    assert_eq!(peer.trust, Ok(()));
    assert_eq!(peer.chain[0].names, ["x.test"]);
}

#[test]
fn versions_and_protocols_are_agreed_on() {
    let authority = Authority::new();
    let mut server = config(authority.issue(&named("www", &["www.test"])));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let options = TlsOptions {
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        max: TlsVersion::V1_2,
        ..authority.options()
    };
    let (_, peer) = handshake(open(echo(server), 5000), "www.test", &options).unwrap();
    assert_eq!(peer.trust, Ok(()));
    assert_eq!(peer.version, TlsVersion::V1_2);
    assert_eq!(peer.alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let cert = named("client", &["client.test"])
        .signed_by(&key, &authority.issuer)
        .unwrap();
    let chain = authority.file("client.pem", &cert.pem());
    let secret = authority.file("client.key", &key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        ce_net::cert::read_pem(&authority.file("ca.pem", &authority.pem))
            .unwrap()
            .into_iter()
            .map(|root| root.der.into()),
    );
    let (leaf, leaf_key) = authority.issue(&named("www", &["www.test"]));
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(leaf, leaf_key)
        .unwrap();
    let options = TlsOptions {
        client: Some((chain, secret)),
        ..authority.options()
    };
    for (options, passes) in [(options, true), (authority.options(), false)] {
        let (mut stream, _) =
            handshake(open(echo(server.clone()), 5000), "www.test", &options).unwrap();
        let answer = stream.send(b"hi\n").and_then(|()| stream.read_line(10));
        assert_eq!(answer.is_ok(), passes, "{answer:?}");
    }
}

#[test]
fn a_server_without_the_key_of_its_certificate_is_refused_even_unverified() {
    #[derive(Debug)]
    struct Thief(Arc<CertifiedKey>);
    impl ResolvesServerCert for Thief {
        fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let (stolen, _) = self_signed(&["www.test"]).0;
    let (_, own) = self_signed(&["www.test"]).0;
    let own = ring::sign::any_supported_type(&own).unwrap();
    let thief = Thief(Arc::new(CertifiedKey::new(stolen, own)));
    for versions in [
        &[&rustls::version::TLS12][..],
        &[&rustls::version::TLS13][..],
    ] {
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Thief(Arc::clone(&thief.0))));
        let error = failure(echo(server), 5000);
        assert_eq!(error.cause(), ce_record::Cause::TLS, "{error}");
        assert!(error.to_string().contains("BadSignature"), "{error}");
    }
}

#[test]
fn a_silent_server_ends_the_handshake_at_the_deadline() {
    let address = once(|socket| {
        let _ = std::io::copy(&mut &socket, &mut std::io::sink());
    });
    let began = Instant::now();
    let error = failure(address, 200);
    assert_eq!(
        error.to_string(),
        "timeout in the tls handshake with 'server'"
    );
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(190) && took < Duration::from_millis(300));
}

#[test]
fn a_handshake_that_drips_ends_at_the_deadline() {
    // The head of a long handshake record, then one byte at a time: each read succeeds, the whole never ends.
    let address = once(|mut socket| {
        let _ = socket.write_all(&[22, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb]);
        while socket.write_all(&[0]).is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    let began = Instant::now();
    let error = failure(address, 200);
    assert!(
        matches!(
            error,
            NetError::Timeout {
                phase: Phase::Tls,
                ..
            }
        ),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_millis(300));
}

#[test]
fn silence_after_the_handshake_is_a_timeout_of_the_answer() {
    let authority = Authority::new();
    let server = echo(config(authority.issue(&named("www", &["www.test"]))));
    let (mut stream, _) = handshake(open(server, 5000), "www.test", &authority.options()).unwrap();
    stream.set_deadline(Deadline::after(Duration::from_millis(150)));
    let began = Instant::now();
    let error = stream.receive().unwrap_err();
    assert_eq!(
        error.to_string(),
        "timeout waiting for an answer from 'server'"
    );
    assert!(began.elapsed() < Duration::from_millis(250));
}

#[test]
fn a_server_that_speaks_plain_text_is_told_apart() {
    let address = once(|mut socket| {
        let _ = socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        let _ = std::io::copy(&mut &socket, &mut std::io::sink());
    });
    let error = failure(address, 5000);
    assert!(matches!(error, NetError::Tls { .. }), "{error}");
    assert!(error.hint().unwrap().contains("begins with tls"));
}

#[test]
fn a_server_that_hangs_up_or_resets_is_no_timeout() {
    let closes = failure(once(drop), 5000);
    assert!(
        matches!(closes, NetError::Closed { .. } | NetError::Io { .. }),
        "{closes}"
    );
    // What was sent and not read makes the kernel answer with a reset.
    let resets = failure(
        once(|socket| {
            let mut byte = [0];
            let _ = (&socket).read_exact(&mut byte);
        }),
        5000,
    );
    assert!(matches!(resets, NetError::Io { .. }), "{resets}");
    assert!(resets.may_retry());
}

#[test]
fn options_that_cannot_be_used_fail_before_anything_is_sent() {
    let reversed = TlsOptions {
        min: TlsVersion::V1_3,
        max: TlsVersion::V1_2,
        ..TlsOptions::default()
    };
    let no_roots = TlsOptions {
        roots: Roots::File("/nonexistent/roots.pem".into()),
        ..TlsOptions::default()
    };
    for (name, options) in [
        ("www.test", reversed),
        ("www.test", no_roots),
        ("no name", TlsOptions::default()),
    ] {
        let address = once(drop);
        let error = handshake(open(address, 5000), name, &options).unwrap_err();
        assert_eq!(error.cause(), ce_record::Cause::CONFIG, "{error}");
    }
}
