//! The bytes of a request, with the secrets in them.

use std::path::Path;

use ce_cli::Secret;
use zeroize::Zeroizing;

use super::flags::Flags;
use super::url::Url;
use super::values::header;
use crate::fault::Fault;

/// No larger body is sent from a file, in bytes.
const MAX_SENT_BYTES: u64 = 16 << 20;

/// What is sent, but for what each hop changes.
pub(super) struct Request {
    pub(super) method: String,
    body: Option<Vec<u8>>,
    authorization: Option<Zeroizing<String>>,
    /// Whether a password stood on the command line.
    pub(super) exposed: bool,
}

impl Request {
    /// From the flags and the files that they name.
    ///
    /// # Errors
    /// A file cannot be read, or a secret cannot be sent in a header.
    pub(super) fn gather(flags: &Flags) -> Result<Self, Fault> {
        let body = match (&flags.post, &flags.body_file) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(path)) => Some(read(path)?),
            (None, None) => None,
        };
        let default = if body.is_some() { "POST" } else { "GET" };
        let (authorization, exposed) = authorization(flags)?;
        Ok(Self {
            method: flags.method.clone().unwrap_or_else(|| default.to_owned()),
            body,
            authorization,
            exposed,
        })
    }

    /// After a redirect with this status: what to do elsewhere (RFC 9110 section 15.4).
    pub(super) fn redirected(&mut self, status: u16) {
        let becomes_get = status == 303 && self.method != "HEAD"
            || matches!(status, 301 | 302) && self.method == "POST";
        if becomes_get {
            "GET".clone_into(&mut self.method);
            self.body = None;
        }
    }

    /// The bytes of a request for this URL; `host` stands in the Host header. Credentials go to the first origin only.
    pub(super) fn bytes(
        &self,
        flags: &Flags,
        url: &Url,
        host: &str,
        at_home: bool,
    ) -> Zeroizing<Vec<u8>> {
        let mut lines = Zeroizing::new(Vec::with_capacity(512));
        let own = |name: &str| {
            !flags
                .header
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
        };
        let mut put = |parts: [&str; 3]| {
            for part in parts {
                lines.extend_from_slice(part.as_bytes());
            }
            lines.extend_from_slice(b"\r\n");
        };
        put([&self.method, " ", &format!("{} HTTP/1.1", url.path)]);
        for (name, value) in [
            ("Host", host),
            ("User-Agent", flags.useragent.as_str()),
            ("Accept", "*/*"),
            // What is searched and counted is the document, not a packed form of it.
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ] {
            if own(name) {
                put([name, ": ", value]);
            }
        }
        for (name, value) in &flags.header {
            let is_credential = ["authorization", "cookie", "proxy-authorization"]
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret));
            if at_home || !is_credential && !name.eq_ignore_ascii_case("host") {
                put([name, ": ", value]);
            }
        }
        if !at_home && !own("Host") {
            put(["Host", ": ", host]);
        }
        if let (true, Some(authorization)) = (at_home, &self.authorization) {
            put(["Authorization", ": ", authorization]);
        }
        if let Some(body) = &self.body {
            if own("Content-Type") {
                put(["Content-Type", ": ", &flags.content_type]);
            }
            put(["Content-Length", ": ", &body.len().to_string()]);
        }
        put(["", "", ""]);
        lines.extend_from_slice(self.body.as_deref().unwrap_or_default());
        lines
    }
}

/// What `Authorization` says, and whether the secret stood on the command line.
fn authorization(flags: &Flags) -> Result<(Option<Zeroizing<String>>, bool), Fault> {
    if let Some(source) = &flags.bearer_file {
        let token = Secret::load(source)?;
        return Ok((
            Some(Zeroizing::new(sendable(&format!(
                "Bearer {}",
                token.expose()
            ))?)),
            false,
        ));
    }
    let from_file = |source: &str| -> Result<Zeroizing<String>, Fault> {
        Ok(Zeroizing::new(Secret::load(source)?.expose().to_owned()))
    };
    let (pair, exposed) = match (&flags.auth_file, &flags.authorization) {
        (Some(source), _) => (from_file(source)?, false),
        (None, Some(given)) => {
            if let Some(source) = given.strip_prefix('@') {
                (from_file(source)?, false)
            } else if let Some(name) = given.strip_prefix("env:") {
                let value = std::env::var(name).map_err(|_| {
                    Fault::usage(format!(
                        "-a: there is no variable '{name}' in the environment"
                    ))
                })?;
                (Zeroizing::new(value), false)
            } else {
                (Zeroizing::new(given.clone()), true)
            }
        }
        (None, None) => return Ok((None, false)),
    };
    if !pair.contains(':') {
        return Err(Fault::usage(
            "credentials are user:password, with a colon between them",
        ));
    }
    let coded = Zeroizing::new(base64(pair.as_bytes()));
    Ok((Some(Zeroizing::new(format!("Basic {}", *coded))), exposed))
}

fn sendable(value: &str) -> Result<String, Fault> {
    header(&format!("Authorization: {value}"))
        .map(|(_, value)| value)
        .map_err(|_| Fault::usage("the bearer token has control characters"))
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| {
            bits << 8 | u32::from(group.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            if at <= group.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_SENT_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| Fault::System {
            action: format!("cannot read '{}'", path.display()),
            source,
        })?;
    if bytes.len() as u64 > MAX_SENT_BYTES {
        return Err(Fault::usage(format!(
            "'{}' is too large for a body",
            path.display()
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn flags(args: &[&str]) -> Flags {
        let command = Flags::augment_args(clap::Command::new("http").no_binary_name(true));
        Flags::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn text(args: &[&str], at_home: bool) -> String {
        let flags = flags(args);
        let url = Url::parse("http://www/p?q").unwrap();
        let bytes = Request::gather(&flags)
            .unwrap()
            .bytes(&flags, &url, "www", at_home);
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_request_has_what_was_asked_for_and_what_was_given_wins() {
        let sent = text(
            &[
                "-A",
                "me",
                "-k",
                "accept: text/html",
                "-k",
                "X: y",
                "-P",
                "a=b",
            ],
            true,
        );
        assert_eq!(
            sent,
            "POST /p?q HTTP/1.1\r\nHost: www\r\nUser-Agent: me\r\nAccept-Encoding: identity\r\nConnection: close\r\n\
             accept: text/html\r\nX: y\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b"
        );
    }

    #[test]
    fn credentials_go_nowhere_but_to_the_first_origin() {
        let args = [
            "-a",
            "u:p",
            "-k",
            "Cookie: s=1",
            "-k",
            "Host: other",
            "-k",
            "X: y",
        ];
        assert!(text(&args, true).contains("Authorization: Basic dTpw\r\n"));
        assert!(text(&args, true).contains("Host: other\r\n"));
        let abroad = text(&args, false);
        for secret in ["Authorization", "Cookie", "other"] {
            assert!(!abroad.contains(secret), "{abroad}");
        }
        assert!(abroad.contains("Host: www\r\n") && abroad.contains("X: y\r\n"));
    }

    #[test]
    fn a_redirected_post_becomes_a_get_where_browsers_do_so() {
        for (method, status, expected) in [
            ("POST", 301, "GET"),
            ("POST", 303, "GET"),
            ("POST", 307, "POST"),
            ("PUT", 302, "PUT"),
            ("HEAD", 303, "HEAD"),
        ] {
            let mut request = Request::gather(&flags(&["-j", method, "-P", "x"])).unwrap();
            request.redirected(status);
            assert_eq!(request.method, expected, "{method} {status}");
        }
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }
}
