//! The issuers that are trusted: the system's, read once and only when somebody needs them, or those of one file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::{NetError, cert};

/// Where Debian's ca-certificates, and nearly every other distribution, puts all roots.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Roots {
    /// Those of the system: the file that `SSL_CERT_FILE` names, else `/etc/ssl/certs/ca-certificates.crt`.
    #[default]
    System,
    /// Those in this PEM file; a server's own certificate in it is trusted as it is.
    File(PathBuf),
}

/// Certificates both as found and ready for verification.
#[derive(Debug)]
pub(crate) struct RootSet {
    pub(crate) store: RootCertStore,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::System => match std::env::var_os("SSL_CERT_FILE") {
                Some(path) if !path.is_empty() => path.into(),
                _ => SYSTEM.into(),
            },
        }
    }

    /// The certificates, read once a process.
    pub(crate) fn load(&self) -> Result<Arc<RootSet>, NetError> {
        static KNOWN: OnceLock<Mutex<HashMap<PathBuf, Arc<RootSet>>>> = OnceLock::new();
        let path = self.path();
        let mut known = KNOWN
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = known.get(&path) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(read(&path)?);
        known.insert(path, Arc::clone(&set));
        Ok(set)
    }
}

fn read(path: &Path) -> Result<RootSet, NetError> {
    let certificates = cert::certificates(path)?;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(NetError::Config {
            object: path.display().to_string(),
            what: "there is no certificate in it that can be used".to_owned(),
        });
    }
    Ok(RootSet {
        store,
        certificates,
    })
}
