//! Whether a server's key is the one that known_hosts has for it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! libssh2 reads these files too, but knows neither patterns nor markers, takes a key of another kind for a changed one
//! and cannot say in which line it found it. Pure: texts to a verdict.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::{digest, hmac};

/// A file of known hosts as it was read.
#[derive(Debug, Clone)]
pub struct KnownHosts {
    pub path: PathBuf,
    pub text: String,
}

/// Where in these files something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub path: PathBuf,
    pub number: usize,
}

impl std::fmt::Display for Line {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "line {} of '{}'", self.number, self.path.display())
    }
}

/// What the files say of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is known.
    Known,
    /// There is nothing of this host, or only keys of other kinds.
    Unknown,
    /// There is another key of the same kind.
    Changed(Line),
    /// It is revoked.
    Revoked(Line),
}

/// How known_hosts calls a host on this port.
pub fn name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

/// The kind that a key in the form of the wire begins with.
pub fn kind(key: &[u8]) -> Option<&str> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let name = rest.get(..u32::from_be_bytes(*length) as usize)?;
    std::str::from_utf8(name).ok()
}

/// As ssh and ssh-keygen print it.
pub fn fingerprint(key: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, key);
    format!("SHA256:{}", STANDARD_NO_PAD.encode(hash))
}

/// The line that would make a key known.
pub fn line(name: &str, key: &[u8]) -> String {
    format!(
        "{name} {} {}",
        kind(key).unwrap_or("?"),
        STANDARD.encode(key)
    )
}

struct Entry<'a> {
    line: Line,
    revoked: bool,
    kind: &'a str,
    key: Vec<u8>,
}

/// The lines about a host, but for authorities, whose certificates libssh2 does not know.
fn entries<'a>(files: &'a [KnownHosts], name: &str) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for file in files {
        for (number, text) in file.text.lines().enumerate() {
            let mut words = text.split_ascii_whitespace().peekable();
            let marker = words.next_if(|word| word.starts_with('@'));
            if marker.is_some_and(|marker| marker != "@revoked") {
                continue;
            }
            let (Some(hosts), Some(kind), Some(key)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            if hosts.starts_with('#') || !names(hosts, name) {
                continue;
            }
            let Ok(key) = STANDARD.decode(key) else {
                continue;
            };
            entries.push(Entry {
                line: Line {
                    path: file.path.clone(),
                    number: number + 1,
                },
                revoked: marker.is_some(),
                kind,
                key,
            });
        }
    }
    entries
}

/// What the files say of this key of a host.
pub fn judge(files: &[KnownHosts], name: &str, key: &[u8]) -> Verdict {
    let entries = entries(files, name);
    if let Some(entry) = entries
        .iter()
        .find(|entry| entry.revoked && entry.key == key)
    {
        return Verdict::Revoked(entry.line.clone());
    }
    let mut entries = entries.into_iter().filter(|entry| !entry.revoked);
    let mut changed = None;
    let its_kind = kind(key).unwrap_or_default();
    if entries.any(|entry| {
        if entry.key != key && entry.kind == its_kind {
            changed.get_or_insert(entry.line);
        }
        entry.key == key
    }) {
        return Verdict::Known;
    }
    changed.map_or(Verdict::Unknown, Verdict::Changed)
}

/// The kinds of keys that are known of a host.
pub fn kinds(files: &[KnownHosts], name: &str) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for entry in entries(files, name) {
        if !entry.revoked && !kinds.iter().any(|kind| kind == entry.kind) {
            kinds.push(entry.kind.to_owned());
        }
    }
    kinds
}

/// Whether the first field of a line names this host.
fn names(field: &str, name: &str) -> bool {
    if let Some(hashed) = field.strip_prefix("|1|") {
        let Some((salt, hash)) = hashed.split_once('|') else {
            return false;
        };
        let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        return hmac::verify(&key, name.as_bytes(), &hash).is_ok();
    }
    let mut named = false;
    for pattern in field.split(',') {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('!') {
            Some(not) if matches(not.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => named |= matches(pattern.as_bytes(), name.as_bytes()),
        }
    }
    named
}

/// `*` for any letters, `?` for one.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    // Where to go on when the last star shall take one letter more.
    let mut star = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((after, taken)) = star else {
                    return false;
                };
                at = after;
                in_name = taken + 1;
                star = Some((after, taken + 1));
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// The files that can be read; one that is not there says nothing.
pub fn read(paths: &[PathBuf]) -> std::io::Result<Vec<KnownHosts>> {
    let mut files = Vec::new();
    for path in paths {
        match std::fs::read(path) {
            Ok(text) => files.push(KnownHosts {
                path: path.clone(),
                text: String::from_utf8_lossy(&text).into_owned(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(about(path, &error)),
        }
    }
    Ok(files)
}

fn about(path: &Path, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::InvalidInput,
        format!("cannot read '{}': {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(kind: &str, secret: &str) -> Vec<u8> {
        let mut key = (kind.len() as u32).to_be_bytes().to_vec();
        key.extend(kind.as_bytes());
        key.extend(secret.as_bytes());
        key
    }

    fn files(text: &str) -> Vec<KnownHosts> {
        vec![KnownHosts {
            path: "/k".into(),
            text: text.to_owned(),
        }]
    }

    fn at(number: usize) -> Line {
        Line {
            path: "/k".into(),
            number,
        }
    }

    #[test]
    fn lines_are_found_by_host_port_pattern_and_kind() {
        let (mine, other) = (key("ssh-ed25519", "mine"), key("ssh-ed25519", "other"));
        let rsa = key("ssh-rsa", "rsa");
        let entry = |hosts: &str, key: &[u8]| line(hosts, key);
        let cases = [
            ("nas", entry("nas", &mine), Verdict::Known),
            ("nas", entry("NAS,nas.lan,10.0.0.1", &mine), Verdict::Known),
            ("nas", entry("nas", &rsa), Verdict::Unknown),
            ("nas", entry("nas", &other), Verdict::Changed(at(1))),
            (
                "nas",
                format!("# c\n\n{}", entry("nas", &other)),
                Verdict::Changed(at(3)),
            ),
            (
                "nas",
                format!("{}\n{}", entry("nas", &other), entry("nas", &mine)),
                Verdict::Known,
            ),
            ("[nas]:2222", entry("nas", &mine), Verdict::Unknown),
            ("[nas]:2222", entry("[nas]:2222", &mine), Verdict::Known),
            ("a.example", entry("*.example", &mine), Verdict::Known),
            (
                "a.example",
                entry("*.example,!a.*", &mine),
                Verdict::Unknown,
            ),
            ("nas1", entry("nas?", &mine), Verdict::Known),
            (
                "nas",
                format!("@cert-authority {}", entry("nas", &other)),
                Verdict::Unknown,
            ),
            (
                "nas",
                format!("{}\n@revoked {}", entry("nas", &mine), entry("*", &mine)),
                Verdict::Revoked(at(2)),
            ),
            (
                "nas",
                "nas ssh-ed25519 ???\nnas\n|1|x nas".to_owned(),
                Verdict::Unknown,
            ),
        ];
        for (host, text, verdict) in cases {
            assert_eq!(judge(&files(&text), host, &mine), verdict, "{host}: {text}");
        }
        let text = format!("{}\n{}", entry("nas", &rsa), entry("nas", &mine));
        assert_eq!(kinds(&files(&text), "nas"), ["ssh-rsa", "ssh-ed25519"]);
    }

    #[test]
    fn hashed_names_are_recognised() {
        let salt = STANDARD.encode([7u8; 20]);
        let hash = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[7; 20]),
            b"[nas]:2222",
        );
        let field = format!("|1|{salt}|{}", STANDARD.encode(hash));
        assert!(names(&field, "[nas]:2222"));
        assert!(!names(&field, "nas"));
    }

    #[test]
    fn hosts_are_called_as_ssh_calls_them() {
        assert_eq!(name("NAS.lan", 22), "nas.lan");
        assert_eq!(name("::1", 2222), "[::1]:2222");
        assert_eq!(
            fingerprint(b""),
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_file_holds_is_no_known_key(text: String, name: String) {
            prop_assert_ne!(judge(&files(&text), &name, &key("ssh-ed25519", "mine")), Verdict::Known);
            let _ = kinds(&files(&text), &name);
        }
    }
}
