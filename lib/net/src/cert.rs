//! What a certificate says of itself (RFC 5280). Describes only: whether to believe it is decided elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::NetError;
use crate::der::{self, Der, Flaw};

/// A certificate, described.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertInfo {
    /// Whom it is for, as `C=DE, O=Example, CN=www.example.org`.
    pub subject: String,
    /// Who issued it, in the same form.
    pub issuer: String,
    /// The serial number, in lowercase hexadecimal.
    pub serial: String,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// The host names and addresses that it is for, from the subject alternative names only.
    pub names: Vec<String>,
    /// How it was signed, as `sha256WithRSAEncryption`; in dots when the algorithm is not known.
    pub signature_algorithm: String,
    /// The kind of key: `RSA`, `EC P-256`, `Ed25519`; in dots when it is not known.
    pub key_kind: String,
    /// The size of the key in bits, where that is known.
    pub key_bits: Option<u32>,
    /// Whether it may issue others.
    pub is_ca: bool,
    /// Whether it names itself as its issuer.
    pub is_self_signed: bool,
    /// SHA-256 of the whole, in lowercase hexadecimal.
    pub sha256: String,
    /// The certificate as encoded.
    pub der: Vec<u8>,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
}

/// The largest certificate file that is read: Debian's bundle of all roots has 220 KB.
const FILE_BYTES: usize = 16 << 20;

impl CertInfo {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`NetError::Config`] that calls the certificate `object` and says what is wrong with it.
    pub fn from_der(object: &str, der: &[u8]) -> Result<Self, NetError> {
        certificate(der).map_err(|flaw| NetError::Config {
            object: object.to_owned(),
            what: format!("it is no certificate: {flaw}"),
        })
    }
}

/// All certificates of a PEM file, in its order.
///
/// # Errors
/// [`NetError::File`] when it cannot be read, [`NetError::Config`] when what is in it is no certificate or there is none.
pub fn read_pem(path: &Path) -> Result<Vec<CertInfo>, NetError> {
    let object = path.display().to_string();
    certificates(path)?
        .iter()
        .map(|der| CertInfo::from_der(&object, der))
        .collect()
}

/// The certificate of a chain that expires first; none for an empty chain.
#[must_use]
pub fn earliest_expiry(chain: &[CertInfo]) -> Option<&CertInfo> {
    chain.iter().min_by_key(|cert| cert.not_after)
}

/// The certificates of a PEM file, not looked into.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let bytes = read_file(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let what = match found {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "there is no certificate in it".to_owned(),
        Err(error) => format!("it is no PEM file: {error}"),
    };
    Err(NetError::Config {
        object: path.display().to_string(),
        what,
    })
}

/// A file that is small, or else is none of ours.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, NetError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| NetError::File {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() > FILE_BYTES {
        return Err(NetError::TooLarge {
            target: path.display().to_string(),
            what: "what was read",
            limit_bytes: FILE_BYTES,
        });
    }
    Ok(bytes)
}

/// Certificate and TBSCertificate, RFC 5280, section 4.1.
fn certificate(whole: &[u8]) -> Result<CertInfo, Flaw> {
    const VERSION: u8 = 0xa0;
    const EXTENSIONS: u8 = 0xa3;
    let mut outer = Der(whole);
    let mut cert = outer.sequence()?;
    outer.end()?;
    let mut tbs = cert.sequence()?;
    let signed_with = cert.sequence()?.expect(der::OID)?.content;
    der::bits(cert.expect(der::BIT_STRING)?.content)?;
    cert.end()?;

    tbs.optional(VERSION)?;
    let serial = hex(tbs.expect(der::INTEGER)?.content);
    tbs.sequence()?;
    let issuer = tbs.expect(der::SEQUENCE)?;
    let mut validity = tbs.sequence()?;
    let not_before = der::time(validity.any()?)?;
    let not_after = der::time(validity.any()?)?;
    validity.end()?;
    let subject = tbs.expect(der::SEQUENCE)?;
    let (key_kind, key_bits) = key(tbs.sequence()?)?;
    let mut extensions = Extensions::default();
    while !tbs.is_empty() {
        let element = tbs.any()?;
        if element.tag == EXTENSIONS {
            extensions.read(Der(element.content).sequence()?)?;
        }
    }
    Ok(CertInfo {
        subject: name(subject.content)?,
        issuer: name(issuer.content)?,
        serial,
        not_before,
        not_after,
        names: extensions.names,
        signature_algorithm: algorithm(signed_with),
        key_kind,
        key_bits,
        is_ca: extensions.is_ca,
        is_self_signed: subject.whole == issuer.whole,
        sha256: hex(digest(&SHA256, whole).as_ref()),
        der: whole.to_vec(),
        subject_der: subject.whole.to_vec(),
        issuer_der: issuer.whole.to_vec(),
    })
}

#[derive(Default)]
struct Extensions {
    names: Vec<String>,
    is_ca: bool,
}

impl Extensions {
    fn read(&mut self, mut list: Der<'_>) -> Result<(), Flaw> {
        const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
        const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
        while !list.is_empty() {
            let mut extension = list.sequence()?;
            let id = extension.expect(der::OID)?.content;
            extension.optional(der::BOOLEAN)?;
            let mut value = Der(extension.expect(der::OCTET_STRING)?.content);
            extension.end()?;
            match id {
                BASIC_CONSTRAINTS => {
                    let ca = value.sequence()?.optional(der::BOOLEAN)?;
                    self.is_ca = ca.is_some_and(|ca| ca.content == [0xff]);
                }
                SUBJECT_ALT_NAME => self.alternative_names(value.sequence()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn alternative_names(&mut self, mut list: Der<'_>) -> Result<(), Flaw> {
        const DNS: u8 = 0x82;
        const IP: u8 = 0x87;
        while !list.is_empty() {
            let element = list.any()?;
            match element.tag {
                DNS => self.names.push(der::text(element)),
                IP => self.names.push(address(element.content)?.to_string()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, Flaw> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(four).into());
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(sixteen) => Ok(Ipv6Addr::from(sixteen).into()),
        Err(_) => Err("it has an address that is none"),
    }
}

/// A distinguished name as text, in its own order.
fn name(content: &[u8]) -> Result<String, Flaw> {
    let mut parts = Vec::new();
    let mut sets = Der(content);
    while !sets.is_empty() {
        let mut set = Der(sets.expect(der::SET)?.content);
        while !set.is_empty() {
            let mut pair = set.sequence()?;
            let id = der::dotted(pair.expect(der::OID)?.content);
            let id = known(ATTRIBUTES, id);
            parts.push(format!("{id}={}", der::text(pair.any()?)));
        }
    }
    Ok(parts.join(", "))
}

/// SubjectPublicKeyInfo: what kind of key, and how many bits.
fn key(mut spki: Der<'_>) -> Result<(String, Option<u32>), Flaw> {
    let mut algorithm = spki.sequence()?;
    let id = der::dotted(algorithm.expect(der::OID)?.content);
    let key = der::bits(spki.expect(der::BIT_STRING)?.content)?;
    let id = match id.as_str() {
        "1.2.840.113549.1.1.1" => {
            let modulus = Der(key).sequence()?.expect(der::INTEGER)?.content;
            return Ok(("RSA".to_owned(), Some(bit_length(modulus))));
        }
        "1.2.840.10045.2.1" => match algorithm.optional(der::OID)? {
            Some(curve) => der::dotted(curve.content),
            None => id,
        },
        _ => id,
    };
    let known = KEYS.iter().find(|(oid, ..)| *oid == id);
    Ok(match known {
        Some((_, kind, bits)) => ((*kind).to_owned(), Some(*bits)),
        None => (id, None),
    })
}

fn bit_length(number: &[u8]) -> u32 {
    let mut digits = number.iter().skip_while(|byte| **byte == 0);
    let top = digits.next().map_or(0, |byte| 8 - byte.leading_zeros());
    u32::try_from(digits.count() * 8).map_or(u32::MAX, |rest| rest.saturating_add(top))
}

fn algorithm(oid: &[u8]) -> String {
    known(SIGNATURES, der::dotted(oid))
}

fn known(table: &[(&str, &str)], oid: String) -> String {
    match table.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => (*name).to_owned(),
        None => oid,
    }
}

/// X.520 and RFC 4519.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
];

/// Curves (RFC 5480) and Edwards keys (RFC 8410) with the bits of their field.
const KEYS: &[(&str, &str, u32)] = &[
    ("1.2.840.10045.3.1.7", "EC P-256", 256),
    ("1.3.101.112", "Ed25519", 256),
    ("1.3.101.113", "Ed448", 456),
    ("1.3.132.0.10", "EC secp256k1", 256),
    ("1.3.132.0.34", "EC P-384", 384),
    ("1.3.132.0.35", "EC P-521", 521),
];

/// RFC 4055, RFC 5758, RFC 8410, under the names that OpenSSL prints.
const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
];

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = [
            "www.example.org",
            "*.example.org",
            "192.0.2.7",
            "2001:db8::7",
        ];
        let mut params = rcgen::CertificateParams::new(names.map(str::to_owned)).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 2, 29);
        params.not_after = rcgen::date_time_ymd(2051, 1, 2);
        params.serial_number = Some(rcgen::SerialNumber::from(vec![1, 0xab]));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Bücher");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "www");
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_described() {
        let cert = CertInfo::from_der("x", &made()).unwrap();
        assert_eq!(cert.subject, "O=Bücher, CN=www");
        assert_eq!(cert.issuer, cert.subject);
        assert_eq!(cert.serial, "01ab");
        assert_eq!(cert.not_before.to_string(), "2024-02-29T00:00:00Z");
        assert_eq!(cert.not_after.to_string(), "2051-01-02T00:00:00Z");
        assert_eq!(
            cert.names,
            [
                "www.example.org",
                "*.example.org",
                "192.0.2.7",
                "2001:db8::7"
            ]
        );
        assert_eq!(cert.signature_algorithm, "ecdsa-with-SHA256");
        assert_eq!(
            (cert.key_kind.as_str(), cert.key_bits),
            ("EC P-256", Some(256))
        );
        assert!(cert.is_self_signed && !cert.is_ca);
        assert_eq!(cert.sha256.len(), 64);
    }

    #[test]
    fn every_root_of_this_system_is_described() {
        let path = Path::new("/etc/ssl/certs/ca-certificates.crt");
        if !path.exists() {
            return;
        }
        let roots = read_pem(path).unwrap();
        assert!(roots.iter().all(|root| root.is_self_signed && root.is_ca));
        assert!(
            roots
                .iter()
                .any(|root| root.key_kind == "RSA" && root.key_bits == Some(4096))
        );
        assert!(earliest_expiry(&roots).is_some());
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = read_pem(file.path()).unwrap_err().to_string();
        assert!(error.ends_with("there is no certificate in it"), "{error}");
        let error = read_pem(Path::new("/nonexistent/x.pem")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read '/nonexistent/x.pem': no such file or directory"
        );
    }

    #[test]
    fn a_certificate_with_something_after_it_or_cut_off_is_none() {
        let mut der = made();
        for len in 0..der.len() {
            assert!(certificate(&der[..len]).is_err());
        }
        der.push(0);
        assert!(certificate(&der).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = certificate(&bytes);
        }

        #[test]
        fn mutated_certificates_never_panic(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
        ) {
            static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            let mut der = GOOD.get_or_init(made).clone();
            for (at, byte) in changes {
                let at = at.index(der.len());
                der[at] = byte;
            }
            if let Ok(cert) = certificate(&der) {
                prop_assert!(!cert.subject.contains(char::is_control));
                prop_assert!(cert.names.iter().all(|name| !name.contains(char::is_control)));
            }
        }
    }
}
