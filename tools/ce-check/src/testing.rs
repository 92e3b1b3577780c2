//! Servers on loopback for the tests: each connection is handled by a closure, with or without TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ce_record::Finding;
use clap::Command;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::check::Check;
use crate::context::Context;

/// Both directions of a connection.
pub(crate) trait Talk: Read + Write {}
impl<T: Read + Write> Talk for T {}

/// Serves connections until the test ends; the number counts them.
pub(crate) fn serve(handle: impl Fn(&mut dyn Talk, usize) + Send + Sync + 'static) -> SocketAddr {
    serve_with(None, handle)
}

/// The same over TLS.
pub(crate) fn serve_tls(
    config: Arc<ServerConfig>,
    handle: impl Fn(&mut dyn Talk, usize) + Send + Sync + 'static,
) -> SocketAddr {
    serve_with(Some(config), handle)
}

fn serve_with(
    config: Option<Arc<ServerConfig>>,
    handle: impl Fn(&mut dyn Talk, usize) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { break };
            let (config, handle) = (config.clone(), Arc::clone(&handle));
            std::thread::spawn(move || match config {
                None => handle(&mut stream, number),
                Some(config) => {
                    let connection = ServerConnection::new(config).unwrap();
                    handle(&mut StreamOwned::new(connection, stream), number);
                }
            });
        }
    });
    address
}

/// Reads the head of a request.
pub(crate) fn read_head(stream: &mut dyn Talk) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// An authority of our own, its certificate in a file for `--roots`.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) der: CertificateDer<'static>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
        Self {
            der: cert.der().clone(),
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    pub(crate) fn roots(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server whose certificate for `name` was issued `age_days` ago and has `left_days` left.
    pub(crate) fn server(&self, name: &str, age_days: i64, left_days: i64) -> Arc<ServerConfig> {
        let (der, key, _) = self.issue(name, age_days, left_days);
        config(vec![der, self.der.clone()], &key)
    }

    /// The same as certificate, key and PEM text.
    pub(crate) fn issue(
        &self,
        name: &str,
        age_days: i64,
        left_days: i64,
    ) -> (CertificateDer<'static>, KeyPair, String) {
        let key = KeyPair::generate().unwrap();
        let cert = params(name, age_days, left_days)
            .signed_by(&key, &self.issuer)
            .unwrap();
        (cert.der().clone(), key, cert.pem())
    }
}

/// A server that vouches for itself.
pub(crate) fn self_signed(name: &str) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let cert = params(name, 1, 90).self_signed(&key).unwrap();
    config(vec![cert.der().clone()], &key)
}

fn params(name: &str, age_days: i64, left_days: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let day = |days: i64| {
        let at = Timestamp::now().as_second() + days * 86_400;
        std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap())
    };
    params.not_before = day(-age_days).into();
    // An hour more, so that whole days stay whole while the test runs.
    params.not_after = (day(left_days) + Duration::from_secs(3600)).into();
    params
}

fn config(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// Surroundings with so much time.
pub(crate) fn context(timeout: Duration) -> Context {
    Context {
        deadline: Instant::now() + timeout,
        timeout,
        ..crate::runner::context(&ce_cli::Common::default())
    }
}

/// What a check says with these arguments within a time; it must end in time, whatever the server does.
pub(crate) fn observe(check: &'static Check, args: &[&str], timeout: Duration) -> Finding {
    let args = args.iter().map(Into::into).collect();
    let command = check
        .full_command(Command::new(check.name))
        .no_binary_name(true);
    let matches = command.try_get_matches_from(check.rewrite(args)).unwrap();
    let (_, observe) = crate::runner::prepare(check, matches).unwrap();
    let context = context(timeout);
    let began = Instant::now();
    let finding = crate::runner::findings(&*observe, &context).remove(0);
    let took = began.elapsed();
    assert!(
        took < timeout + Duration::from_millis(200),
        "{took:?}: {}",
        finding.summary
    );
    finding
}
