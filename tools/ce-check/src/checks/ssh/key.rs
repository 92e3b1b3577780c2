//! Host keys: their type, their fingerprint, and whether a signature is theirs (RFC 8709, RFC 5656, RFC 8332).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use clap::ValueEnum;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::wire::{Cursor, Malformed};

/// The kinds of key that a server may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// RFC 8709
    Ed25519,
    /// On the curves nistp256 and nistp384, RFC 5656
    Ecdsa,
    /// At least 2048 bits, signed with SHA-2, RFC 8332
    Rsa,
}

/// The signature algorithms that can be verified here, best first, and the kind of key that each needs.
pub const ALGORITHMS: &[(&str, KeyType)] = &[
    ("ssh-ed25519", KeyType::Ed25519),
    ("ecdsa-sha2-nistp256", KeyType::Ecdsa),
    ("ecdsa-sha2-nistp384", KeyType::Ecdsa),
    ("rsa-sha2-512", KeyType::Rsa),
    ("rsa-sha2-256", KeyType::Rsa),
];

/// A public key as servers send it and known_hosts holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey {
    blob: Vec<u8>,
    kind: String,
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({} {})", self.kind, self.fingerprint())
    }
}

impl HostKey {
    /// From its encoding, which begins with its type.
    pub fn new(blob: &[u8]) -> Result<Self, Malformed> {
        let kind = Cursor(blob).text()?;
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed("a key type that is no name"));
        }
        Ok(Self {
            blob: blob.to_vec(),
            kind: kind.to_owned(),
        })
    }

    /// From the base64 of a known_hosts line.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::new(&STANDARD.decode(text).ok()?).ok()
    }

    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The encoding.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// `SHA256:` and base64, as ssh-keygen -l shows it.
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, &self.blob);
        format!("SHA256:{}", STANDARD_NO_PAD.encode(hash.as_ref()))
    }

    /// Whether this signature of these bytes, by this algorithm and no other, was made with this key.
    pub fn verify(
        &self,
        algorithm: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Malformed> {
        const WRONG: Malformed = Malformed("a signature that is not of its host key");
        let mut signature = Cursor(signature);
        if signature.text()? != algorithm {
            return Err(Malformed("a signature by another algorithm than agreed"));
        }
        let signature = signature.string()?;
        let mut key = Cursor(&self.blob);
        let kind = key.text()?;
        let checked = |by: &'static dyn VerificationAlgorithm, key: &[u8], signature: &[u8]| {
            UnparsedPublicKey::new(by, key)
                .verify(message, signature)
                .map_err(|_| WRONG)
        };
        let rsa = |by: &'static RsaParameters, mut key: Cursor<'_>| {
            let (e, n) = (key.mpint()?, key.mpint()?);
            if n.len() < 256 {
                return Err(Malformed("an RSA key of less than 2048 bits"));
            }
            RsaPublicKeyComponents { n, e }
                .verify(by, message, signature)
                .map_err(|_| WRONG)
        };
        match (algorithm, kind) {
            ("ssh-ed25519", "ssh-ed25519") => checked(&ED25519, key.string()?, signature),
            ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                key.string()?;
                checked(
                    &ECDSA_P256_SHA256_FIXED,
                    key.string()?,
                    &fixed(signature, 32)?,
                )
            }
            ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => {
                key.string()?;
                checked(
                    &ECDSA_P384_SHA384_FIXED,
                    key.string()?,
                    &fixed(signature, 48)?,
                )
            }
            ("rsa-sha2-256", "ssh-rsa") => rsa(&RSA_PKCS1_2048_8192_SHA256, key),
            ("rsa-sha2-512", "ssh-rsa") => rsa(&RSA_PKCS1_2048_8192_SHA512, key),
            _ => Err(Malformed("a host key of another type than agreed")),
        }
    }
}

/// The two numbers of an ECDSA signature (RFC 5656, section 3.1.2), each filled up to the size of the curve.
fn fixed(signature: &[u8], size: usize) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor(signature);
    let mut out = Vec::with_capacity(2 * size);
    for _ in 0..2 {
        let number = cursor.mpint()?;
        let zeros = size
            .checked_sub(number.len())
            .ok_or(Malformed("a signature that is too long"))?;
        out.resize(out.len() + zeros, 0);
        out.extend_from_slice(number);
    }
    Ok(out)
}

/// A fingerprint as ssh-keygen -l shows it.
pub fn fingerprint(text: &str) -> Result<String, String> {
    let hash = text
        .strip_prefix("SHA256:")
        .map(|hash| hash.trim_end_matches('='));
    match hash.map(|hash| STANDARD_NO_PAD.decode(hash)) {
        Some(Ok(bytes)) if bytes.len() == 32 => {
            Ok(format!("SHA256:{}", STANDARD_NO_PAD.encode(bytes)))
        }
        _ => Err(format!(
            "'{text}' is no fingerprint such as ssh-keygen -l shows: SHA256: and 43 letters"
        )),
    }
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::{any, prop, proptest};
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

    use super::super::wire::{put_mpint, put_string};
    use super::*;

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parts {
            put_string(&mut out, part);
        }
        out
    }

    /// A key pair of a test server: its host key and what signs.
    pub fn ed25519() -> (HostKey, impl Fn(&[u8]) -> Vec<u8>) {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let blob = strings(&[b"ssh-ed25519", pair.public_key().as_ref()]);
        let sign = move |message: &[u8]| strings(&[b"ssh-ed25519", pair.sign(message).as_ref()]);
        (HostKey::new(&blob).unwrap(), sign)
    }

    #[test]
    fn a_signature_counts_only_for_its_key_message_and_algorithm() {
        let (key, sign) = ed25519();
        let (other, _) = ed25519();
        let signature = sign(b"hash");
        assert_eq!(key.verify("ssh-ed25519", b"hash", &signature), Ok(()));
        assert!(key.verify("ssh-ed25519", b"hush", &signature).is_err());
        assert!(other.verify("ssh-ed25519", b"hash", &signature).is_err());
        assert!(key.verify("rsa-sha2-256", b"hash", &signature).is_err());
        assert!(
            key.verify("ssh-ed25519", b"hash", &signature[..40])
                .is_err()
        );
    }

    #[test]
    fn an_ecdsa_signature_is_two_numbers() {
        let rng = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &rng).unwrap();
        let name = b"ecdsa-sha2-nistp256";
        let key = HostKey::new(&strings(&[name, b"nistp256", pair.public_key().as_ref()])).unwrap();
        // Often enough that a number with leading zeros comes by now and then.
        for at in 0..20u8 {
            let signed = pair.sign(&rng, &[at]).unwrap();
            let mut numbers = Vec::new();
            put_mpint(&mut numbers, &signed.as_ref()[..32]);
            put_mpint(&mut numbers, &signed.as_ref()[32..]);
            let signature = strings(&[name, &numbers]);
            assert_eq!(key.verify("ecdsa-sha2-nistp256", &[at], &signature), Ok(()));
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_ssh_keygen() {
        let text = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(fingerprint(text).unwrap(), text);
        assert_eq!(fingerprint(&format!("{text}=")).unwrap(), text);
        for bad in ["MD5:aa", "SHA256:abc", &text[7..]] {
            assert!(fingerprint(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_key_or_signature_brings_the_reader_down(
            algorithm in prop::sample::select(vec!["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"]),
            key in prop::collection::vec(any::<u8>(), 0..100),
            signature in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = HostKey::new(&key);
            let name = if algorithm.starts_with("rsa") { "ssh-rsa" } else { algorithm };
            let mut blob = strings(&[name.as_bytes()]);
            blob.extend_from_slice(&key);
            if let Ok(key) = HostKey::new(&blob) {
                let signature = strings(&[algorithm.as_bytes(), &signature]);
                proptest::prop_assert!(key.verify(algorithm, b"m", &signature).is_err());
            }
        }
    }
}
