//! Lines as text protocols answer with them, bounded, and the numbered replies of SMTP and FTP.

use ce_net::{NetError, Stream};

/// RFC 5321 allows 512 bytes, IMAP capabilities are longer in practice.
const MAX_LINE_BYTES: usize = 4096;

/// No honest answer has more lines.
pub(super) const MAX_LINES: usize = 100;

/// A numbered reply (RFC 5321 section 4.2, RFC 959 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// 200 to 599.
    pub(crate) code: u16,
    /// The text of each line, without its code.
    pub(crate) lines: Vec<String>,
}

impl Reply {
    /// Its last line, with the code.
    pub(crate) fn last(&self) -> String {
        let text = self.lines.last().map(String::as_str).unwrap_or_default();
        format!("{} {text}", self.code)
    }
}

/// One line of a numbered reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Its number.
    pub(crate) code: u16,
    /// Whether others follow.
    pub(crate) more: bool,
    /// What stands after it.
    pub(crate) text: &'a str,
}

impl<'a> Line<'a> {
    /// `250-text`, `250 text` or `250` alone.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        let code = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
            .filter(|code| (100..600).contains(code))?;
        let (more, text) = match rest.as_bytes().first() {
            None => (false, ""),
            Some(b' ') => (false, &rest[1..]),
            Some(b'-') => (true, &rest[1..]),
            Some(_) => return None,
        };
        Some(Self { code, more, text })
    }
}

/// One line, made printable: what is not UTF-8 or steers a terminal is replaced.
///
/// # Errors
/// [`NetError::Closed`] when the server is done, [`NetError::TooLarge`] for a line without end.
pub(crate) fn read_line(stream: &mut Stream) -> Result<String, NetError> {
    match stream.read_line(MAX_LINE_BYTES)? {
        Some(line) => Ok(ce_record::one_line(&String::from_utf8_lossy(&line))),
        None => Err(NetError::Closed {
            phase: ce_net::Phase::Receive,
            target: stream.target().to_owned(),
        }),
    }
}

/// A whole reply: from its first line to the one with a blank after the same code.
///
/// # Errors
/// [`NetError::Protocol`] when this is no such reply or does not end.
pub(crate) fn read_reply(stream: &mut Stream) -> Result<Reply, NetError> {
    let mut reply: Option<Reply> = None;
    for _ in 0..MAX_LINES {
        let text = read_line(stream)?;
        let line = Line::parse(&text);
        let whole = match (&mut reply, line) {
            (None, Some(line)) => {
                reply = Some(Reply {
                    code: line.code,
                    lines: vec![line.text.to_owned()],
                });
                !line.more
            }
            (Some(reply), Some(line)) if line.code == reply.code => {
                reply.lines.push(line.text.to_owned());
                !line.more
            }
            // FTP lets the lines in between be anything (RFC 959 section 4.2).
            (Some(reply), _) => {
                reply.lines.push(text);
                false
            }
            (None, None) => return Err(super::unexpected(stream, &text)),
        };
        if let Some(reply) = reply.take_if(|_| whole) {
            return Ok(reply);
        }
    }
    Err(super::breach(stream, "its answer does not end".to_owned()))
}
