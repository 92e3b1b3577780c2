//! A certificate authority of the tests' own, and what it issues as PEM files.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An authority whose certificate lies in a file.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// PEM files of a certificate with its chain, and of its key.
#[derive(Clone, Debug)]
pub struct Issued {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// A new one, its files in this folder.
    ///
    /// # Panics
    /// The folder cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut params = params("Test CA", -1, 3650);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.join("ca.pem"), cert.pem()).expect("a file");
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
        }
    }

    /// The file to trust.
    #[must_use]
    pub fn roots(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for this name, valid from and until so many days from now.
    ///
    /// # Panics
    /// The folder cannot be written.
    #[must_use]
    pub fn issue(&self, name: &str, from_days: i64, until_days: i64) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let cert = params(name, from_days, until_days)
            .signed_by(&key, &self.issuer)
            .expect("a certificate");
        let file = |kind: &str| self.folder.join(format!("{name}.{until_days}.{kind}"));
        let issued = Issued {
            cert: file("cert"),
            key: file("key"),
        };
        std::fs::write(&issued.cert, cert.pem()).expect("a file");
        std::fs::write(&issued.key, key.serialize_pem()).expect("a file");
        issued
    }
}

fn params(name: &str, from_days: i64, until_days: i64) -> CertificateParams {
    const DAY: Duration = Duration::from_secs(86_400);
    let day = |days: i64| {
        let distance = DAY * u32::try_from(days.unsigned_abs()).expect("some days");
        let now = SystemTime::now();
        // An hour more, so that whole days stay whole while the test runs.
        (if days < 0 {
            now - distance
        } else {
            now + distance
        }) + Duration::from_secs(3600)
    };
    let names = if name.contains(' ') {
        Vec::new()
    } else {
        vec![name.to_owned()]
    };
    let mut params = CertificateParams::new(names).expect("a name");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = day(from_days).into();
    params.not_after = day(until_days).into();
    params
}
