//! Authenticated encryption with a symmetric key: RFC 8439 behind one trait, and the seal of small objects.

use zeroize::Zeroizing;

/// Bytes that the authenticator adds.
pub const TAG: usize = 16;

/// A secret of 32 bytes, wiped when it goes.
pub type Key = Zeroizing<[u8; 32]>;

/// ChaCha20-Poly1305 as of RFC 8439; the implementations are interchangeable to the bit.
pub trait Aead: Send + Sync {
    /// Encrypts in place and appends the tag.
    fn seal(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut Vec<u8>);

    /// Decrypts in place and cuts the tag off; `None` when key, nonce, associated data or bytes are not what was sealed.
    fn open<'a>(&self, nonce: [u8; 12], aad: &[u8], bytes: &'a mut [u8]) -> Option<&'a mut [u8]>;
}

/// The faster one here: ring took 0.47 of the portable one's time on x86-64 (`ce-backup bench`).
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub type Fast = Ring;
/// Where ring has no code of its own for the processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub type Fast = Portable;

/// By ring's assembler.
pub struct Ring(ring::aead::LessSafeKey);

impl Ring {
    /// Takes the key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let key = ring::aead::UnboundKey::new(&ring::aead::CHACHA20_POLY1305, key)
            .expect("the key has the 32 bytes that the algorithm asks for");
        Ring(ring::aead::LessSafeKey::new(key))
    }
}

impl Aead for Ring {
    fn seal(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut Vec<u8>) {
        let nonce = ring::aead::Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce, ring::aead::Aad::from(aad), bytes)
            .expect("no object comes near the 256 GiB that the algorithm takes");
    }

    fn open<'a>(&self, nonce: [u8; 12], aad: &[u8], bytes: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let nonce = ring::aead::Nonce::assume_unique_for_key(nonce);
        self.0
            .open_in_place(nonce, ring::aead::Aad::from(aad), bytes)
            .ok()
    }
}

/// By the chacha20poly1305 crate, on any processor.
pub struct Portable(chacha20poly1305::ChaCha20Poly1305);

impl Portable {
    /// Takes the key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        use chacha20poly1305::KeyInit;
        Portable(chacha20poly1305::ChaCha20Poly1305::new(&(*key).into()))
    }
}

impl Aead for Portable {
    fn seal(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut Vec<u8>) {
        use chacha20poly1305::aead::AeadInOut;
        self.0
            .encrypt_in_place(&nonce.into(), aad, bytes)
            .expect("no object comes near the 256 GiB that the algorithm takes");
    }

    fn open<'a>(&self, nonce: [u8; 12], aad: &[u8], bytes: &'a mut [u8]) -> Option<&'a mut [u8]> {
        use chacha20poly1305::aead::AeadInOut;
        let (text, tag) = bytes.split_at_mut_checked(bytes.len().checked_sub(TAG)?)?;
        let tag = <[u8; TAG]>::try_from(&*tag).ok()?;
        self.0
            .decrypt_inout_detached(&nonce.into(), aad, (&mut *text).into(), &tag.into())
            .ok()?;
        Some(text)
    }
}

/// Random bytes from the kernel.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the kernel has getrandom");
    bytes
}

/// A key made of another for one purpose, so that no two purposes share one.
#[must_use]
pub fn derive(key: &[u8; 32], purpose: &[u8]) -> Key {
    Zeroizing::new(*blake3::keyed_hash(key, purpose).as_bytes())
}

const SALT: usize = 24;

/// Seals a small object under a long-lived key: `salt (24) | ciphertext | tag (16)`.
///
/// A fresh key of the salt makes a nonce of zero safe, however many objects are sealed.
#[must_use]
pub fn seal_box(key: &[u8; 32], context: &str, plain: &[u8]) -> Vec<u8> {
    let salt: [u8; SALT] = random();
    let mut text = Vec::with_capacity(plain.len() + TAG);
    text.extend_from_slice(plain);
    Fast::new(&derive(key, &salt)).seal([0; 12], context.as_bytes(), &mut text);
    let mut sealed = Vec::with_capacity(SALT + text.len());
    sealed.extend_from_slice(&salt);
    sealed.append(&mut text);
    sealed
}

/// Opens what [`seal_box`] made.
#[must_use]
pub fn open_box(key: &[u8; 32], context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (salt, text) = sealed.split_at_checked(SALT)?;
    let mut text = text.to_vec();
    let len = Fast::new(&derive(key, salt))
        .open([0; 12], context.as_bytes(), &mut text)?
        .len();
    text.truncate(len);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::from_hex;

    /// RFC 8439, section 2.8.2.
    #[test]
    fn both_agree_with_the_rfc() {
        let mut key = [0; 32];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = 0x80 + u8::try_from(at).expect("below 32");
        }
        let nonce = from_hex("070000004041424344454647").expect("12 bytes");
        let aad: [u8; 12] = from_hex("50515253c0c1c2c3c4c5c6c7").expect("12 bytes");
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        for aead in [&Ring::new(&key) as &dyn Aead, &Portable::new(&key)] {
            let mut bytes = text.to_vec();
            aead.seal(nonce, &aad, &mut bytes);
            assert_eq!(bytes[..4], [0xd3, 0x1a, 0x8d, 0x34]);
            assert_eq!(bytes[114..118], [0x1a, 0xe1, 0x0b, 0x59]);
            let mut damaged = bytes.clone();
            damaged[3] ^= 1;
            assert!(aead.open(nonce, &aad, &mut damaged).is_none());
            assert_eq!(
                aead.open(nonce, &aad, &mut bytes).as_deref(),
                Some(&text[..])
            );
        }
    }

    #[test]
    fn a_box_opens_with_its_key_and_context_alone() {
        let sealed = seal_box(&[1; 32], "index", b"hello");
        assert_eq!(
            open_box(&[1; 32], "index", &sealed).as_deref(),
            Some(&b"hello"[..])
        );
        assert_eq!(open_box(&[2; 32], "index", &sealed), None);
        assert_eq!(open_box(&[1; 32], "pack", &sealed), None);
        assert_eq!(open_box(&[1; 32], "index", &sealed[..20]), None);
        assert_ne!(sealed, seal_box(&[1; 32], "index", b"hello"));
    }
}
