//! TLS as a probe needs it: the handshake goes on whatever the certificates say, so that bad ones can be described;
//! whether they are to be trusted is a value in the result. Who sends anything secret asks [`Peer::require_trust`] first.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    SignatureScheme, StreamOwned, SupportedProtocolVersion, version,
};

pub use crate::roots::Roots;
use crate::stream::Pipe;
use crate::trust::Presented;
use crate::{CertInfo, NetError, Phase, Stream, TrustError, cert};

/// How much of a server's certificate must be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verify {
    /// Chain, dates and name.
    #[default]
    Full,
    /// Chain and dates; the name may be another.
    Chain,
    /// Nothing.
    Off,
}

/// A version of TLS; there are no older ones in this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    V1_2,
    /// TLS 1.3, RFC 8446.
    V1_3,
}

/// What is asked of a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// How much must be right.
    pub verify: Verify,
    /// Whose certificates are trusted.
    pub roots: Roots,
    /// PEM files of our own certificate chain and key, where the server asks who we are.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The protocols to be spoken over it, best first, such as `h2` or `http/1.1`.
    pub alpn: Vec<Vec<u8>>,
    /// The oldest version agreed to.
    pub min: TlsVersion,
    /// The newest version agreed to.
    pub max: TlsVersion,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            verify: Verify::default(),
            roots: Roots::default(),
            client: None,
            alpn: Vec::new(),
            min: TlsVersion::V1_2,
            max: TlsVersion::V1_3,
        }
    }
}

/// What the other side turned out to be.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The version agreed on.
    pub version: TlsVersion,
    /// The cipher suite agreed on, as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The protocol agreed on.
    pub alpn: Option<Vec<u8>>,
    /// The certificates, the server's own first.
    pub chain: Vec<CertInfo>,
    /// Whether they are to be believed, as far as [`TlsOptions::verify`] asks.
    pub trust: Result<(), TrustError>,
}

impl Peer {
    /// Goes on only with a peer that is to be trusted; `target` is what the message calls it.
    ///
    /// # Errors
    /// [`NetError::Untrusted`] with what is wrong.
    pub fn require_trust(&self, target: &str) -> Result<(), NetError> {
        self.trust.clone().map_err(|source| NetError::Untrusted {
            target: target.to_owned(),
            source,
        })
    }
}

/// Turns a plain stream into a TLS stream, by the stream's deadline; how long this takes is the TLS phase.
///
/// `server_name` is the host name or address that the certificate must be for, sent as SNI when it is a name. Certificates
/// that are bad make no error here but [`Peer::trust`]. There is no session resumption: each is a real handshake.
///
/// # Errors
/// [`NetError::Config`] and [`NetError::File`] for options that cannot be used, before anything is sent;
/// [`NetError::Tls`] when nothing can be agreed on; [`NetError::Timeout`], [`NetError::Closed`] and [`NetError::Io`].
pub fn handshake(
    stream: Stream,
    server_name: &str,
    options: &TlsOptions,
) -> Result<(Stream, Peer), NetError> {
    let name = parse_name(server_name)?;
    let mut config = ClientConfig::clone(&*config(options)?);
    let proof = Arc::new(Proof::new(Arc::clone(config.crypto_provider())));
    config
        .dangerous()
        .set_certificate_verifier(Arc::clone(&proof) as _);
    let roots = match options.verify {
        Verify::Off => None,
        Verify::Full | Verify::Chain => Some(options.roots.load()?),
    };
    let algorithms = config.crypto_provider().signature_verification_algorithms;
    let (mut socket, target) = stream.into_socket()?;
    let refused = |source| NetError::Tls {
        target: target.clone(),
        source,
    };
    let mut conn = ClientConnection::new(Arc::new(config), name.clone()).map_err(refused)?;
    while conn.is_handshaking() {
        conn.complete_io(&mut socket)
            .map_err(|error| NetError::from_io(Phase::Tls, &target, error))?;
    }
    let certificates = conn.peer_certificates().unwrap_or_default();
    let (chain, flaw) = describe(&target, certificates);
    let presented = Presented {
        certificates,
        chain: &chain,
    };
    // Who does not hold the key is somebody else. What cannot be verified here is another matter: see Proof.
    if let Some(flaw @ rustls::Error::InvalidCertificate(CertificateError::BadSignature)) =
        proof.flaw()
        && !presented.has_weak_key()
    {
        return Err(refused(flaw));
    }
    let name = (options.verify == Verify::Full).then_some(&name);
    let trust = match (roots, flaw) {
        (None, _) => Ok(()),
        (Some(_), Some(flaw)) => Err(flaw),
        (Some(_), None) if proof.flaw().is_some() => Err(presented.unproven(&proof.flaw())),
        (Some(roots), None) => presented.verify(name, &roots, algorithms, Timestamp::now()),
    };
    let peer = Peer {
        version: match conn.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => TlsVersion::V1_2,
            _ => TlsVersion::V1_3,
        },
        cipher: conn
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
        alpn: conn.alpn_protocol().map(<[u8]>::to_vec),
        chain,
        trust,
    };
    let pipe = Pipe::Tls(Box::new(StreamOwned::new(conn, socket)));
    Ok((Stream::new(pipe, target), peer))
}

/// The certificates that can be described. Without the first nothing can be said; one that cannot be read further up
/// is none that the verifier could use either.
fn describe(
    target: &str,
    certificates: &[CertificateDer<'_>],
) -> (Vec<CertInfo>, Option<TrustError>) {
    let mut described = certificates
        .iter()
        .map(|der| CertInfo::from_der(target, der));
    match described.next() {
        Some(Ok(leaf)) => {
            let rest = described.filter_map(Result::ok);
            (std::iter::once(leaf).chain(rest).collect(), None)
        }
        Some(Err(error)) => (Vec::new(), Some(TrustError::Other(error.to_string()))),
        None => (Vec::new(), None),
    }
}

fn parse_name(name: &str) -> Result<ServerName<'static>, NetError> {
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let bare = bare.unwrap_or(name).trim_end_matches('.');
    ServerName::try_from(bare.to_owned()).map_err(|_| NetError::Config {
        object: name.to_owned(),
        what: "it is neither a host name nor an address".to_owned(),
    })
}

/// The library's configuration for these options: ten thousand probes share one.
fn config(options: &TlsOptions) -> Result<Arc<ClientConfig>, NetError> {
    static KNOWN: OnceLock<Mutex<HashMap<TlsOptions, Arc<ClientConfig>>>> = OnceLock::new();
    // Trust is judged after the handshake: these two make no difference to it.
    let key = TlsOptions {
        verify: Verify::Off,
        roots: Roots::System,
        ..options.clone()
    };
    let mut known = KNOWN
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = known.get(&key) {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(build(&key)?);
    known.insert(key, Arc::clone(&config));
    Ok(config)
}

fn build(options: &TlsOptions) -> Result<ClientConfig, NetError> {
    let versions: &[&SupportedProtocolVersion] = match (options.min, options.max) {
        (TlsVersion::V1_2, TlsVersion::V1_3) => &[&version::TLS13, &version::TLS12],
        (TlsVersion::V1_2, TlsVersion::V1_2) => &[&version::TLS12],
        (TlsVersion::V1_3, TlsVersion::V1_3) => &[&version::TLS13],
        (TlsVersion::V1_3, TlsVersion::V1_2) => {
            return Err(unusable("tls versions", "the oldest is above the newest"));
        }
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| unusable("tls versions", &error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Proof::new(provider)));
    let mut config = match &options.client {
        None => builder.with_no_client_auth(),
        Some((chain, key_path)) => {
            let object = key_path.display().to_string();
            let key = PrivateKeyDer::from_pem_slice(&cert::read_file(key_path)?)
                .map_err(|error| unusable(&object, &format!("it is no private key: {error}")))?;
            builder
                .with_client_auth_cert(cert::certificates(chain)?, key)
                .map_err(|error| unusable(&object, &error.to_string()))?
        }
    };
    config.alpn_protocols.clone_from(&options.alpn);
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn unusable(object: &str, what: &str) -> NetError {
    NetError::Config {
        object: object.to_owned(),
        what: what.to_owned(),
    }
}

/// Has the peer prove that it holds the key of its certificate, and keeps what is wrong with the proof: it is judged
/// after the handshake with everything else about the certificate, which can be described whatever it is.
#[derive(Debug)]
struct Proof {
    provider: Arc<CryptoProvider>,
    flaw: Mutex<Option<rustls::Error>>,
}

impl Proof {
    fn new(provider: Arc<CryptoProvider>) -> Self {
        Self {
            provider,
            flaw: Mutex::default(),
        }
    }

    fn flaw(&self) -> Option<rustls::Error> {
        self.flaw
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(
        &self,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> HandshakeSignatureValid {
        verified.unwrap_or_else(|error| {
            *self.flaw.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            HandshakeSignatureValid::assertion()
        })
    }
}

impl ServerCertVerifier for Proof {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        Ok(self.keep(verify_tls12_signature(message, cert, signature, algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        Ok(self.keep(verify_tls13_signature(message, cert, signature, algorithms)))
    }

    /// One more than can be verified: who has only such a key is described, and not believed.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let mut schemes = algorithms.supported_schemes();
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}

/// What a failed handshake usually means.
pub(crate) fn hint(error: &rustls::Error) -> Option<String> {
    use AlertDescription as Alert;
    let hint = match error {
        rustls::Error::InvalidMessage(_) => "is the port really one that begins with tls?",
        rustls::Error::AlertReceived(Alert::ProtocolVersion)
        | rustls::Error::PeerIncompatible(_) => {
            "the server may speak only TLS 1.1 or older, which nobody should"
        }
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => {
            "the server does not know the name that was asked for"
        }
        rustls::Error::AlertReceived(
            Alert::CertificateRequired | Alert::BadCertificate | Alert::UnknownCA,
        ) => "the server wants a client certificate that it knows",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_that_differ_only_in_what_they_trust_share_one_configuration() {
        let full = TlsOptions::default();
        let other = TlsOptions {
            verify: Verify::Chain,
            roots: Roots::File("/etc/other.pem".into()),
            ..TlsOptions::default()
        };
        let newest = TlsOptions {
            min: TlsVersion::V1_3,
            ..TlsOptions::default()
        };
        assert!(Arc::ptr_eq(
            &config(&full).unwrap(),
            &config(&other).unwrap()
        ));
        assert!(!Arc::ptr_eq(
            &config(&full).unwrap(),
            &config(&newest).unwrap()
        ));
    }

    #[test]
    fn a_name_may_be_an_address_in_brackets_or_end_in_a_dot() {
        for (text, name) in [
            ("www.example.org.", "www.example.org"),
            ("[::1]", "::1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(parse_name(text).unwrap().to_str(), name);
        }
        assert!(parse_name("").is_err() && parse_name("a b").is_err());
    }
}
