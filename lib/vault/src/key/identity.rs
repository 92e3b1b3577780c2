//! A key pair that others seal to: the organisation's, kept off-line, and the maintenance host's.
//!
//! One secret of 32 bytes makes an X25519 pair (to open) and an Ed25519 pair (to sign what changes the repository).
//! On disk, on paper and as a QR code it is one bech32m string, sealed under a passphrase.

use std::fmt;
use std::path::Path;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::seal::{self, Aead, Key};

/// Who may open what is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads everything.
    Organisation,
    /// Sees structure, forgets and prunes; reads no content.
    Maintain,
}

impl Role {
    fn public(self) -> &'static str {
        match self {
            Role::Organisation => "ceorg",
            Role::Maintain => "cemaint",
        }
    }

    fn secret(self) -> &'static str {
        match self {
            Role::Organisation => "ceorg-key",
            Role::Maintain => "cemaint-key",
        }
    }

    fn of(text: &str, name: fn(Role) -> &'static str) -> Option<Self> {
        [Role::Organisation, Role::Maintain]
            .into_iter()
            .find(|role| name(*role) == text)
    }
}

/// The public half: what is sealed to, and whose signatures count.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient {
    /// What it may open.
    pub role: Role,
    sealing: [u8; 32],
    signing: [u8; 32],
}

/// Version byte before the keys, so that another kind of key can follow.
const VERSION: u8 = 1;
const INFO: &[u8] = b"ce-vault 1 sealed key";

/// A secret sealed to one recipient: HPKE (RFC 9180) base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
pub(crate) struct Sealed {
    pub enc: [u8; 32],
    pub text: Vec<u8>,
}

impl Recipient {
    /// From its text, `ceorg1...`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self> {
        let fail = |why| Error::NotARecipient {
            text: text.to_owned(),
            why,
        };
        let (hrp, bytes) = decode(text.trim()).ok_or_else(|| {
            fail("a letter is wrong or missing, for the check sum does not match")
        })?;
        let hrp = hrp.to_lowercase();
        let Some(role) = Role::of(&hrp, Role::public) else {
            return Err(fail(if Role::of(&hrp, Role::secret).is_some() {
                "it is the private half, which stays secret"
            } else {
                "it does not begin with ceorg1"
            }));
        };
        match bytes.split_first() {
            Some((&VERSION, keys)) if keys.len() == 64 => {
                let (mut sealing, mut signing) = ([0; 32], [0; 32]);
                sealing.copy_from_slice(&keys[..32]);
                signing.copy_from_slice(&keys[32..]);
                Ok(Recipient {
                    role,
                    sealing,
                    signing,
                })
            }
            _ => Err(fail("it is of another version")),
        }
    }

    /// Eight bytes that tell recipients apart in key objects.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 8] {
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&blake3::hash(&self.sealing).as_bytes()[..8]);
        fingerprint
    }

    pub(crate) fn seal(&self, context: &[u8], secret: &[u8]) -> Sealed {
        let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.sealing)
            .expect("any 32 bytes are an X25519 public key");
        let (enc, text) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            INFO,
            secret,
            context,
        )
        .expect("sealing fails for a public key of small order only, which no identity has");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&enc.to_bytes());
        Sealed { enc: bytes, text }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.signing)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.sealing);
        bytes.extend_from_slice(&self.signing);
        out.write_str(&encode(self.role.public(), &bytes))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl serde::Serialize for Recipient {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Recipient {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Recipient::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Bech32m alone: the older check sum lets some insertions pass.
fn decode(text: &str) -> Option<(Hrp, Vec<u8>)> {
    let checked = CheckedHrpstring::new::<Bech32m>(text).ok()?;
    Some((checked.hrp(), checked.byte_iter().collect()))
}

fn encode(prefix: &str, bytes: &[u8]) -> String {
    let hrp = Hrp::parse(prefix).expect("the prefixes above are lower-case letters");
    bech32::encode::<Bech32m>(hrp, bytes).expect("these keys are far below the longest text")
}

/// Argon2id's cost: memory in KiB, passes, lanes.
#[derive(Debug, Clone, Copy)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

/// RFC 9106, section 4, second recommended option, with one lane.
const COST: Cost = Cost {
    memory_kib: 64 << 10,
    passes: 3,
};

/// The private half.
#[derive(Clone)]
pub struct Identity {
    role: Role,
    secret: Key,
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Identity of {}", self.recipient())
    }
}

impl Identity {
    /// A new one.
    #[must_use]
    pub fn generate(role: Role) -> Self {
        Identity {
            role,
            secret: Zeroizing::new(seal::random()),
        }
    }

    /// The public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        let public = X25519HkdfSha256::sk_to_pk(&self.sealing());
        let (mut sealing, mut signing) = ([0; 32], [0; 32]);
        sealing.copy_from_slice(&public.to_bytes());
        signing.copy_from_slice(self.signing().public_key().as_ref());
        Recipient {
            role: self.role,
            sealing,
            signing,
        }
    }

    fn sealing(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        let key = seal::derive(&self.secret, b"ce-vault 1 identity x25519");
        <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*key)
            .expect("any 32 bytes are an X25519 private key")
    }

    fn signing(&self) -> Ed25519KeyPair {
        let seed = seal::derive(&self.secret, b"ce-vault 1 identity ed25519");
        Ed25519KeyPair::from_seed_unchecked(&*seed).expect("any 32 bytes are an Ed25519 seed")
    }

    pub(crate) fn open(&self, sealed: &Sealed, context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&sealed.enc).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.sealing(),
            &enc,
            INFO,
            &sealed.text,
            context,
        )
        .ok()
        .map(Zeroizing::new)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing().sign(message).as_ref().to_vec()
    }

    /// The private half under a passphrase, as one line of text that fits a file, a sheet of paper and a QR code.
    #[must_use]
    pub fn wrap(&self, passphrase: &[u8]) -> Zeroizing<String> {
        let salt: [u8; 16] = seal::random();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&COST.memory_kib.to_le_bytes());
        bytes.push(u8::try_from(COST.passes).expect("three passes"));
        bytes.extend_from_slice(&salt);
        let key = stretch(passphrase, &salt, COST).expect("the cost is within Argon2's limits");
        let mut text = self.secret.to_vec();
        seal::Fast::new(&key).seal([0; 12], &bytes, &mut text);
        bytes.append(&mut text);
        Zeroizing::new(encode(self.role.secret(), &bytes))
    }

    /// Back from [`Identity::wrap`]'s text; lines that begin with `#` are passed over, blanks and line ends are ignored.
    ///
    /// # Errors
    /// [`Error::NotAnIdentity`] or [`Error::WrongPassphrase`], naming the file.
    pub fn unwrap(text: &str, passphrase: &[u8], path: &Path) -> Result<Self> {
        let fail = |why| Error::NotAnIdentity {
            path: path.to_owned(),
            why,
        };
        let (role, bytes) = decode_secret(text).map_err(fail)?;
        let (head, sealed) = bytes
            .split_at_checked(1 + 4 + 1 + 16)
            .ok_or(fail("it is too short"))?;
        if head[0] != VERSION {
            return Err(fail("it is of another version"));
        }
        let memory = [head[1], head[2], head[3], head[4]];
        let cost = Cost {
            memory_kib: u32::from_le_bytes(memory),
            passes: u32::from(head[5]),
        };
        if cost.memory_kib > 4 << 20 {
            return Err(fail("it asks for more than 4 GiB of memory"));
        }
        let key = stretch(passphrase, &head[6..], cost).ok_or(fail("its cost is out of bounds"))?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let wrong = || Error::WrongPassphrase {
            path: path.to_owned(),
        };
        let plain = seal::Fast::new(&key)
            .open([0; 12], head, &mut sealed)
            .ok_or_else(wrong)?;
        let secret = <[u8; 32]>::try_from(&*plain).map_err(|_| fail("it is too short"))?;
        Ok(Identity {
            role,
            secret: Zeroizing::new(secret),
        })
    }

    /// Whether this text is a wrapped identity, without opening it; the text without comments, blanks and line ends.
    ///
    /// # Errors
    /// [`Error::NotAnIdentity`], naming the file.
    pub fn examine(text: &str, path: &Path) -> Result<String> {
        decode_secret(text).map_err(|why| Error::NotAnIdentity {
            path: path.to_owned(),
            why,
        })?;
        Ok(compact(text))
    }
}

fn compact(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines
        .flat_map(str::chars)
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

fn decode_secret(text: &str) -> Result<(Role, Zeroizing<Vec<u8>>), &'static str> {
    let text = Zeroizing::new(compact(text));
    let (hrp, bytes) =
        decode(&text).ok_or("a letter is wrong or missing, for the check sum does not match")?;
    let hrp = hrp.to_lowercase();
    match Role::of(&hrp, Role::secret) {
        Some(role) => Ok((role, Zeroizing::new(bytes))),
        None if Role::of(&hrp, Role::public).is_some() => {
            Err("it is the public half, which opens nothing")
        }
        None => Err("it does not begin with ceorg-key1"),
    }
}

fn stretch(passphrase: &[u8], salt: &[u8], cost: Cost) -> Option<Key> {
    let params = argon2::Params::new(cost.memory_kib, cost.passes, 1, Some(32)).ok()?;
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut key = Key::default();
    argon.hash_password_into(passphrase, salt, &mut *key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_recipient_only() {
        let (one, other) = (
            Identity::generate(Role::Organisation),
            Identity::generate(Role::Organisation),
        );
        let sealed = one.recipient().seal(b"session", b"secret");
        assert_eq!(
            one.open(&sealed, b"session").as_deref().map(Vec::as_slice),
            Some(&b"secret"[..])
        );
        assert!(one.open(&sealed, b"other session").is_none());
        assert!(other.open(&sealed, b"session").is_none());
    }

    #[test]
    fn signatures_are_checked() {
        let identity = Identity::generate(Role::Maintain);
        let signature = identity.sign(b"forget 3");
        assert!(identity.recipient().verifies(b"forget 3", &signature));
        assert!(!identity.recipient().verifies(b"forget 4", &signature));
    }

    #[test]
    fn texts_come_back_and_typing_errors_show() {
        let identity = Identity::generate(Role::Organisation);
        let text = identity.recipient().to_string();
        assert!(text.starts_with("ceorg1"));
        assert_eq!(Recipient::parse(&text).ok(), Some(identity.recipient()));
        let wrong = text.replacen('q', "p", 1);
        assert!(wrong == text || Recipient::parse(&wrong).is_err());
        let path = Path::new("org.key");
        let wrapped = identity.wrap(b"correct");
        assert!(wrapped.starts_with("ceorg-key1"));
        let typed = format!(
            "# a sheet\n{}\n  {}\n",
            &wrapped[..40],
            wrapped[40..].to_uppercase()
        );
        assert!(
            Identity::unwrap(&typed, b"correct", path).is_err(),
            "bech32 is of one case"
        );
        let typed = format!("# a sheet\n{}\n  {}\n", &wrapped[..40], &wrapped[40..]).to_uppercase();
        let back = Identity::unwrap(&typed, b"correct", path).expect("the same key");
        assert_eq!(back.recipient(), identity.recipient());
        assert!(matches!(
            Identity::unwrap(&wrapped, b"wrong", path),
            Err(Error::WrongPassphrase { .. })
        ));
        let error = Recipient::parse(&wrapped).expect_err("private").to_string();
        assert!(error.contains("private half"), "{error}");
    }
}
