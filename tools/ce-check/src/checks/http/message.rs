//! The head of a response (RFC 9112): status line and fields, with limits, and what they say of the body.

/// A head is no longer, in bytes.
pub(super) const MAX_HEAD_BYTES: usize = 64 << 10;

/// A head has no more fields.
const MAX_FIELDS: usize = 200;

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The status line as sent, made text.
    pub(super) line: String,
    /// 100 to 999 as three digits say.
    pub(super) status: u16,
    /// The fields in their order; values without outer blanks.
    pub(super) fields: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Where the head ends in what has come: the length with the blank line.
pub(super) fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    let tail = bytes.get(from..)?;
    let newlines = tail.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    newlines
        .map(|(at, _)| from + at)
        .find_map(|at| match bytes.get(at + 1..)? {
            [b'\n', ..] => Some(at + 2),
            [b'\r', b'\n', ..] => Some(at + 3),
            _ => None,
        })
}

impl Head {
    /// Reads a head with or without its blank line. A line may end in a bare newline (RFC 9112 section 2.2).
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line));
        let line = lines.next().unwrap_or_default().to_owned();
        let status = status(&line).ok_or_else(|| format!("no http: {}", excerpt(&line)))?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.is_empty() {
                break;
            }
            // A folded line goes on with the one before it (RFC 9112 section 5.2).
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line
                .split_once(':')
                .filter(|(name, _)| is_token(name))
                .ok_or_else(|| format!("malformed header: {}", excerpt(line)))?;
            if fields.len() == MAX_FIELDS {
                return Err(format!("more than {MAX_FIELDS} headers"));
            }
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Self {
            line,
            status,
            fields,
        })
    }

    /// Every value of this field.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of this field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// How the body that follows ends (RFC 9112 section 6.3).
    ///
    /// # Errors
    /// The fields contradict each other.
    pub(super) fn framing(&self, method: &str) -> Result<Framing, String> {
        if method == "HEAD" || matches!(self.status, 100..200 | 204 | 304) {
            return Ok(Framing::Empty);
        }
        let codings: Vec<String> = self
            .values("transfer-encoding")
            .flat_map(|value| value.split(','))
            .map(|coding| coding.trim().to_ascii_lowercase())
            .collect();
        match codings.last().map(String::as_str) {
            Some("chunked") if codings.len() == 1 => return Ok(Framing::Chunked),
            Some("chunked") => {
                return Err("a body coded in a way that was not asked for".to_owned());
            }
            Some(_) => return Ok(Framing::Close),
            None => {}
        }
        let mut lengths = self
            .values("content-length")
            .flat_map(|value| value.split(','))
            .map(str::trim);
        let Some(first) = lengths.next() else {
            return Ok(Framing::Close);
        };
        if lengths.any(|other| other != first) {
            return Err("contradicting Content-Length".to_owned());
        }
        let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| first.parse().ok())
            .flatten()
            .map(Framing::Length)
            .ok_or_else(|| format!("Content-Length that is no length: {}", excerpt(first)))
    }
}

/// `HTTP/1.1 200 OK`: version, status and whatever else. The reason may be missing with its blank.
fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let version = version.strip_prefix("HTTP/")?;
    let is_version = !version.is_empty()
        && version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let digits = rest.get(..3)?;
    let ends = rest[3..].is_empty() || rest[3..].starts_with(' ');
    let is_status = digits.bytes().all(|byte| byte.is_ascii_digit()) && ends;
    (is_version && is_status).then(|| digits.parse().ok())?
}

fn is_token(name: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(in_token)
}

/// The beginning of what somebody sent, quoted for a message.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("'{shown}{more}'")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Result<Head, String> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn a_head_is_read_with_folded_lines_and_either_line_end() {
        let head = head("HTTP/1.1 200 OK\r\nA: 1\n b\r\na:2\r\n\r\nB: 3\r\n").unwrap();
        assert_eq!((head.status, head.line.as_str()), (200, "HTTP/1.1 200 OK"));
        assert_eq!(head.values("A").collect::<Vec<_>>(), ["1 b", "2"]);
        assert_eq!(head.value("b"), None);
    }

    #[test]
    fn what_is_no_head_is_quoted() {
        for (text, fault) in [
            ("SSH-2.0-OpenSSH\r\n", "no http: 'SSH-2.0-OpenSSH'"),
            ("HTTP/1.1 2000 OK", "no http: 'HTTP/1.1 2000 OK'"),
            ("HTTP/1.1", "no http: 'HTTP/1.1'"),
            ("", "no http: ''"),
            ("HTTP/1.1 200\r\nA B: c", "malformed header: 'A B: c'"),
            ("HTTP/1.1 200\r\nnothing", "malformed header: 'nothing'"),
        ] {
            assert_eq!(head(text), Err(fault.to_owned()), "{text:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(201));
        assert_eq!(head(&many), Err("more than 200 headers".to_owned()));
    }

    #[test]
    fn how_a_body_ends_follows_rfc_9112() {
        for (method, status, fields, framing) in [
            ("GET", 200, "Content-Length: 5", Ok(Framing::Length(5))),
            ("GET", 200, "Content-Length: 5, 5", Ok(Framing::Length(5))),
            (
                "GET",
                200,
                "Transfer-Encoding: Chunked",
                Ok(Framing::Chunked),
            ),
            (
                "GET",
                200,
                "Transfer-Encoding: chunked\r\nContent-Length: 5",
                Ok(Framing::Chunked),
            ),
            ("GET", 200, "Transfer-Encoding: gzip, chunked", Err(())),
            ("GET", 200, "X: y", Ok(Framing::Close)),
            ("HEAD", 200, "Content-Length: 5", Ok(Framing::Empty)),
            ("GET", 304, "Content-Length: 5", Ok(Framing::Empty)),
            (
                "GET",
                200,
                "Content-Length: 5\r\nContent-Length: 6",
                Err(()),
            ),
            ("GET", 200, "Content-Length: -5", Err(())),
            ("GET", 200, "Content-Length: +5", Err(())),
            ("GET", 200, "Content-Length: 99999999999999999999", Err(())),
        ] {
            let head = head(&format!("HTTP/1.1 {status} X\r\n{fields}\r\n\r\n")).unwrap();
            assert_eq!(head.framing(method).map_err(|_| ()), framing, "{fields}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Head::parse(&bytes);
            let _ = end_of_head(&bytes, 0);
        }

        #[test]
        fn the_end_is_found_wherever_the_bytes_were_cut(
            fields in proptest::collection::vec("[a-z]{1,5}: [a-z]{0,5}", 0..5), cut in 0usize..100, body in ".{0,9}",
        ) {
            let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", fields.iter().map(|f| format!("{f}\r\n")).collect::<String>());
            let all = format!("{head}{body}");
            let cut = cut.min(head.len() - 1);
            prop_assert_eq!(end_of_head(&all.as_bytes()[..cut], 0), None);
            prop_assert_eq!(end_of_head(all.as_bytes(), cut), Some(head.len()));
            prop_assert_eq!(Head::parse(head.as_bytes()).unwrap().fields.len(), fields.len());
        }
    }
}
