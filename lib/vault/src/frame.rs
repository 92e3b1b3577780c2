//! What every object but a pack is wrapped in, so that damage shows without any key: `magic | kind | body | BLAKE3`.

use crate::error::Malformed;

const MAGIC: &[u8; 8] = b"CEVAULT1";
const DIGEST: usize = 32;

/// What an object is; the number is in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Config = 1,
    Writer = 2,
    Key = 3,
    Index = 4,
    Snapshot = 5,
    Forgotten = 6,
    Condemned = 7,
}

/// Wraps a body.
pub(crate) fn wrap(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + 1 + body.len() + DIGEST);
    bytes.extend_from_slice(MAGIC);
    bytes.push(kind as u8);
    bytes.extend_from_slice(body);
    let digest = blake3::hash(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    bytes
}

/// The body, when these bytes are an undamaged object of that kind.
pub(crate) fn unwrap(kind: Kind, bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (content, digest) = bytes
        .split_last_chunk::<DIGEST>()
        .map(|(content, digest)| (content, *digest))
        .ok_or(Malformed("it is cut short"))?;
    let body = content
        .strip_prefix(MAGIC)
        .ok_or(Malformed("it does not begin as an object"))?;
    if *blake3::hash(content).as_bytes() != digest {
        return Err(Malformed("its digest does not match"));
    }
    match body.split_first() {
        Some((found, body)) if *found == kind as u8 => Ok(body),
        _ => Err(Malformed("it is an object of another kind")),
    }
}

/// Wraps a value as JSON.
pub(crate) fn wrap_json(kind: Kind, value: &impl serde::Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).expect("these types have string keys only");
    wrap(kind, &json)
}

/// The value in a JSON object.
pub(crate) fn unwrap_json<T: serde::de::DeserializeOwned>(
    kind: Kind,
    bytes: &[u8],
) -> Result<T, Malformed> {
    serde_json::from_slice(unwrap(kind, bytes)?)
        .map_err(|_| Malformed("its JSON is not as the format says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flip_and_cut_shows() {
        let bytes = wrap(Kind::Key, b"hello");
        assert_eq!(unwrap(Kind::Key, &bytes), Ok(&b"hello"[..]));
        assert!(unwrap(Kind::Writer, &bytes).is_err());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(unwrap(Kind::Key, &damaged).is_err(), "flip at {at}");
            assert!(unwrap(Kind::Key, &bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
