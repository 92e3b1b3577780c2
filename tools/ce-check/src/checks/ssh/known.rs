//! known_hosts files, as sshd(8) describes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::key::HostKey;

/// What a known_hosts file says of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its keys.
    pub keys: Vec<HostKey>,
    /// Keys that must not be used.
    pub revoked: Vec<HostKey>,
}

/// How a key stands to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is one of the host's.
    Known,
    /// The host has another one of its type.
    Changed,
    /// The host has keys, of other types.
    OtherType,
    /// Nothing is known of the host.
    Stranger,
    /// It must not be used.
    Revoked,
}

impl Known {
    /// The lines that are about this host and port.
    pub fn parse(text: &str, host: &str, port: u16) -> Self {
        let name = if port == 22 {
            host.to_ascii_lowercase()
        } else {
            format!("[{}]:{port}", host.to_ascii_lowercase())
        };
        let mut known = Self::default();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
        {
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next() else { continue };
            // What a certificate authority signs is not judged here.
            let (list, hosts) = match first {
                "@revoked" => (&mut known.revoked, words.next()),
                marker if marker.starts_with('@') => continue,
                hosts => (&mut known.keys, Some(hosts)),
            };
            let is_ours = hosts.is_some_and(|hosts| matches(hosts, &name));
            let key = words.nth(1).and_then(HostKey::from_base64);
            if let (true, Some(key)) = (is_ours, key) {
                list.push(key);
            }
        }
        known
    }

    /// How this key stands to it.
    pub fn standing(&self, key: &HostKey) -> Standing {
        if self.revoked.contains(key) {
            Standing::Revoked
        } else if self.keys.contains(key) {
            Standing::Known
        } else if self.keys.iter().any(|known| known.kind() == key.kind()) {
            Standing::Changed
        } else if self.keys.is_empty() {
            Standing::Stranger
        } else {
            Standing::OtherType
        }
    }
}

fn matches(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return hash_matches(hashed, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in hosts.to_ascii_lowercase().split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if glob(pattern.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found
}

/// `salt|hash`: HMAC-SHA1 of the name.
fn hash_matches(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let salt = STANDARD.decode(salt).ok()?;
    let hash = STANDARD.decode(hash).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

/// `*` and `?`, in a time that grows with the product of both lengths and no faster.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::ed25519;
    use super::*;

    fn line(hosts: &str, key: &HostKey) -> String {
        format!(
            "{hosts} {} {} comment\n",
            key.kind(),
            STANDARD.encode(key.blob())
        )
    }

    #[test]
    fn a_key_is_known_changed_revoked_or_that_of_a_stranger() {
        let ((one, _), (two, _)) = (ed25519(), ed25519());
        for (text, host, port, standing) in [
            (
                line("a,web.example.org", &one),
                "web.example.org",
                22,
                Standing::Known,
            ),
            (
                line("*.example.org", &one),
                "WEB.example.org",
                22,
                Standing::Known,
            ),
            (
                line("*.example.org,!web.*", &one),
                "web.example.org",
                22,
                Standing::Stranger,
            ),
            (line("web", &one), "web", 2222, Standing::Stranger),
            (line("[web]:2222", &one), "web", 2222, Standing::Known),
            (line("web", &two), "web", 22, Standing::Changed),
            (
                line("web", &two) + &line("web", &one),
                "web",
                22,
                Standing::Known,
            ),
            (
                line("web", &one) + &line("@revoked *", &one),
                "web",
                22,
                Standing::Revoked,
            ),
            (
                line("@cert-authority *", &one),
                "web",
                22,
                Standing::Stranger,
            ),
            (
                "# x\n\nweb ssh-ed25519 !!!\nweb\n".to_owned(),
                "web",
                22,
                Standing::Stranger,
            ),
        ] {
            assert_eq!(
                Known::parse(&text, host, port).standing(&one),
                standing,
                "{text}"
            );
        }
    }

    #[test]
    fn a_hashed_name_is_found() {
        let salt = [7; 20];
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        let tag = hmac::sign(&key, b"web");
        let hosts = format!(
            "|1|{}|{}",
            STANDARD.encode(salt),
            STANDARD.encode(tag.as_ref())
        );
        assert!(matches(&hosts, "web"));
        assert!(!matches(&hosts, "wob") && !matches("|1|x", "web"));
    }

    #[test]
    fn patterns_match_as_a_shell_would() {
        for (pattern, text, is_match) in [
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "ac", false),
            ("a", "ab", false),
            (
                "*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                is_match,
                "{pattern} {text}"
            );
        }
    }
}
