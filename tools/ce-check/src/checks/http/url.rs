//! URLs of http and https, and what a Location makes of them (RFC 3986 section 5.2).

use std::fmt;

/// No longer URL is followed, in bytes: a Location comes from the other side.
const MAX_BYTES: usize = 8192;

/// An absolute URL of http or https, without user and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// Whether it is https.
    pub(super) secure: bool,
    /// A name or address; IPv6 without brackets.
    pub(super) host: String,
    /// As given or the scheme's.
    pub(super) port: u16,
    /// Path and query as they are sent; begins with `/`.
    pub(super) path: String,
}

/// The port of a scheme.
pub(super) fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// What is wrong with it, without the URL itself.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = checked(text)?;
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        let secure = secure(scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            secure,
            host,
            port: port.unwrap_or(default_port(secure)),
            path: sendable(path),
        })
    }

    /// Where a reference found at this URL leads.
    ///
    /// # Errors
    /// What is wrong with the reference.
    pub(super) fn join(&self, reference: &str) -> Result<Self, String> {
        let reference = checked(reference)?;
        let scheme_end = reference
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
            .filter(|end| *end > 0 && reference[*end..].starts_with(':'));
        if let Some(end) = scheme_end {
            // `http:path`, a relative form of long ago, is not worth an error of its own.
            secure(&reference[..end])?;
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.scheme()));
        }
        let reference = reference.split('#').next().unwrap_or_default();
        let (base_path, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let path = if reference.is_empty() {
            self.path.clone()
        } else if reference.starts_with('/') {
            reference.to_owned()
        } else if reference.starts_with('?') {
            format!("{base_path}{reference}")
        } else {
            let folder = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
            format!("{folder}{reference}")
        };
        Ok(Self {
            path: sendable(&path),
            ..self.clone()
        })
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Host and port as the Host header has them.
    pub(super) fn authority(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == default_port(self.secure) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Whether the same server is meant: where credentials may go.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        (self.secure, self.port) == (other.secure, other.port)
            && self.host.eq_ignore_ascii_case(&other.host)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

/// An IPv6 address as URLs and the Host header write it.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// `name`, `name:port`, `192.0.2.1:80`, `[::1]:80`; a bare IPv6 address too. A user before `@` is left out.
///
/// # Errors
/// What is wrong with it.
pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("its '[' is not closed")?;
        match port.strip_prefix(':') {
            Some(port) => (host, port),
            None if port.is_empty() => (host, ""),
            None => return Err("it has something behind ']'".to_owned()),
        }
    } else if authority.matches(':').count() > 1 {
        (authority, "")
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    let in_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(in_host) {
        return Err("it has no host".to_owned());
    }
    let port = match port {
        "" => None,
        port => match port.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(format!("'{port}' is no port")),
        },
    };
    Ok((host.to_owned(), port))
}

fn checked(text: &str) -> Result<&str, String> {
    let text = text.trim_matches([' ', '\t']);
    if text.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    Ok(text)
}

fn secure(scheme: &str) -> Result<bool, String> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok(false),
        "https" => Ok(true),
        _ => Err(format!("'{scheme}' is neither http nor https")),
    }
}

/// A path and query as they can stand in a request line: without fragment and dot segments, blanks and what is not
/// ASCII percent-encoded.
pub(super) fn sendable(path: &str) -> String {
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let mut sent = encoded(&without_dots(path));
    if let Some(query) = query {
        sent.push('?');
        sent.push_str(&encoded(query));
    }
    sent
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let mut ends_in_folder = false;
    for segment in segments {
        ends_in_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    if ends_in_folder {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_absolute_url_is_taken_apart() {
        for (text, shown, host, port) in [
            ("http://a", "http://a/", "a", 80),
            ("HTTPS://a:443/x?y#z", "https://a/x?y", "a", 443),
            ("http://u:p@a:81?q", "http://a:81/?q", "a", 81),
            (
                "http://[::1]:8080/ä b",
                "http://[::1]:8080/%C3%A4%20b",
                "::1",
                8080,
            ),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!((url.host.as_str(), url.port), (host, port));
        }
        for text in [
            "",
            "a",
            "ftp://a/",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:x",
            "http://[::1",
            "http://a b/",
            "http://a/\r\nX: y",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn references_resolve_as_rfc_3986_section_5_4_lists_them() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("https://b:81/x", "https://b:81/x"),
        ] {
            assert_eq!(
                base.join(reference).unwrap().to_string(),
                expected,
                "{reference}"
            );
        }
        assert!(base.join("javascript:alert(1)").is_err());
        assert!(base.join("file:///etc/passwd").is_err());
    }

    proptest! {
        #[test]
        fn whatever_a_location_says_the_result_is_one_clean_url(text in "\\PC{0,60}|[./?#a:\\[\\]@%]{0,20}") {
            let base = Url::parse("https://a.example/b/c?d").unwrap();
            if let Ok(url) = base.join(&text) {
                prop_assert!(url.path.starts_with('/'));
                prop_assert!(url.path.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(Url::parse(&url.to_string()), Ok(url));
            }
        }
    }
}
