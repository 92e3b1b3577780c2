//! Whether a chain of certificates is to be believed, and if not, in one sentence why.

use jiff::Timestamp;
use rustls::CertificateError;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use crate::CertInfo;
use crate::roots::RootSet;

/// What is wrong with the certificates that a server sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// One of them is no longer valid.
    #[error("'{subject}' expired on {}", day(*not_after))]
    Expired {
        /// Which one.
        subject: String,
        /// Until when it was valid.
        not_after: Timestamp,
    },
    /// One of them is not valid yet.
    #[error("'{subject}' is valid only from {}", day(*not_before))]
    NotYetValid {
        /// Which one.
        subject: String,
        /// From when it is valid.
        not_before: Timestamp,
    },
    /// It is for other names.
    #[error("it is not for '{expected}' but for {}", list(names))]
    WrongName {
        /// The name asked for.
        expected: String,
        /// The names that it has.
        names: Vec<String>,
    },
    /// It vouches for itself.
    #[error("'{subject}' is self-signed")]
    SelfSigned {
        /// Whom it is for.
        subject: String,
    },
    /// Nobody trusted issued the last of them.
    #[error("its issuer '{issuer}' is not known")]
    UnknownIssuer {
        /// The issuer that is missing or not trusted.
        issuer: String,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl TrustError {
    /// What to look at next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Expired { .. } => "renew it, and restart whatever serves the old one from memory",
            Self::NotYetValid { .. } => "is the clock of this machine right?",
            Self::UnknownIssuer { .. } => {
                "the server may leave out an intermediate certificate, or the issuer is missing in the roots"
            }
            Self::SelfSigned { .. } => "to trust it, give it as the roots file",
            Self::WrongName { .. } | Self::Other(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// A server's certificates, the leaf first, as sent and as described.
pub(crate) struct Presented<'a> {
    pub(crate) certificates: &'a [CertificateDer<'static>],
    pub(crate) chain: &'a [CertInfo],
}

impl Presented<'_> {
    /// Whether the chain leads to one of the roots, and, where a name is given, is for that name.
    pub(crate) fn verify(
        &self,
        name: Option<&ServerName<'_>>,
        roots: &RootSet,
        algorithms: WebPkiSupportedAlgorithms,
        now: Timestamp,
    ) -> Result<(), TrustError> {
        let (Some((leaf, rest)), Some(info)) =
            (self.certificates.split_first(), self.chain.first())
        else {
            return Err(TrustError::Other("it sent no certificate".to_owned()));
        };
        let explain = |error: rustls::Error| self.explain(&error, now);
        let parsed = ParsedCertificate::try_from(leaf).map_err(explain)?;
        if roots.certificates.contains(leaf) {
            // Given as trusted itself. A verifier of chains refuses a leaf that is its own issuer.
            dates(info, now)?;
        } else {
            let seconds = u64::try_from(now.as_second()).unwrap_or(0);
            let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &roots.store,
                rest,
                at,
                algorithms.all,
            )
            .map_err(explain)?;
        }
        let Some(name) = name else { return Ok(()) };
        verify_server_name(&parsed, name).map_err(|_| TrustError::WrongName {
            expected: name.to_str().into_owned(),
            names: info.names.clone(),
        })
    }

    fn explain(&self, error: &rustls::Error, now: Timestamp) -> TrustError {
        use CertificateError as E;
        let rustls::Error::InvalidCertificate(error) = error else {
            return TrustError::Other(error.to_string());
        };
        match error {
            E::Expired
            | E::ExpiredContext { .. }
            | E::NotValidYet
            | E::NotValidYetContext { .. } => {
                let dated = self.chain.iter().find_map(|cert| dates(cert, now).err());
                dated.unwrap_or_else(|| {
                    TrustError::Other("its issuer's root has expired".to_owned())
                })
            }
            E::UnknownIssuer => self.unknown_issuer(),
            E::BadEncoding => TrustError::Other("it is not encoded as RFC 5280 says".to_owned()),
            E::BadSignature => TrustError::Other("its signature is wrong".to_owned()),
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
                TrustError::Other("it is not for servers".to_owned())
            }
            other if other.to_string().contains("CaUsedAsEndEntity") => match self.chain.first() {
                Some(leaf) if leaf.is_self_signed => self.unknown_issuer(),
                _ => TrustError::Other("it is an issuer's certificate, not a server's".to_owned()),
            },
            other => TrustError::Other(format!("it is refused: {}", words(&format!("{other:?}")))),
        }
    }

    /// The bits of a key that is too short for its signatures to be looked at.
    fn weak_key(&self) -> Option<u32> {
        let leaf = self.chain.first().filter(|leaf| leaf.key_kind == "RSA")?;
        leaf.key_bits.filter(|bits| *bits < 2048)
    }

    pub(crate) fn has_weak_key(&self) -> bool {
        self.weak_key().is_some()
    }

    /// Why the server could not show that it holds the certificate's key.
    pub(crate) fn unproven(&self, flaw: &Option<rustls::Error>) -> TrustError {
        if let Some(bits) = self.weak_key() {
            return TrustError::Other(format!(
                "its RSA key of {bits} bits is too short to be believed"
            ));
        }
        let flaw = flaw.as_ref().map(|error| words(&format!("{error:?}")));
        TrustError::Other(format!(
            "that its server holds the key cannot be verified: {}",
            flaw.unwrap_or_default()
        ))
    }

    /// Goes from the leaf from issuer to issuer as far as the certificates reach.
    fn unknown_issuer(&self) -> TrustError {
        let Some(mut at) = self.chain.first() else {
            return TrustError::Other("it sent no certificate".to_owned());
        };
        for _ in 0..self.chain.len() {
            if at.is_self_signed {
                break;
            }
            match self.chain.iter().find(|c| c.subject_der == at.issuer_der) {
                Some(issuer) => at = issuer,
                None => break,
            }
        }
        if at.is_self_signed && self.chain.first() == Some(at) {
            let subject = at.subject.clone();
            return TrustError::SelfSigned { subject };
        }
        let issuer = at.issuer.clone();
        TrustError::UnknownIssuer { issuer }
    }
}

/// A library's name for a flaw, such as `Other(OtherError(UnsupportedCertVersion))`, as words.
fn words(name: &str) -> String {
    let last = name
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .rfind(|word| word.len() > 3)
        .unwrap_or(name);
    let mut words = String::new();
    for letter in last.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn dates(cert: &CertInfo, now: Timestamp) -> Result<(), TrustError> {
    let subject = cert.subject.clone();
    if now > cert.not_after {
        let not_after = cert.not_after;
        return Err(TrustError::Expired { subject, not_after });
    }
    if now < cert.not_before {
        let not_before = cert.not_before;
        return Err(TrustError::NotYetValid {
            subject,
            not_before,
        });
    }
    Ok(())
}

fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// The names, as many as a message has room for.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return "no host name at all".to_owned();
    }
    let shown: Vec<_> = names.iter().take(SHOWN).map(|n| format!("'{n}'")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_told_in_words() {
        for (name, expected) in [
            (
                "InvalidCertificate(Other(OtherError(UnsupportedCertVersion)))",
                "unsupported cert version",
            ),
            ("BadSignature", "bad signature"),
        ] {
            assert_eq!(words(name), expected);
        }
    }

    #[test]
    fn a_wrong_name_lists_a_few_of_the_names() {
        let names = |count: usize| (1..=count).map(|n| format!("n{n}")).collect();
        for (names, words) in [
            (vec![], "no host name at all"),
            (names(2), "'n1', 'n2'"),
            (names(7), "'n1', 'n2', 'n3', 'n4', 'n5' and 2 more"),
        ] {
            let expected = "www".to_owned();
            let error = TrustError::WrongName { expected, names };
            assert_eq!(
                error.to_string(),
                format!("it is not for 'www' but for {words}")
            );
        }
    }
}
