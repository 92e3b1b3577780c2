//! Asking for TLS in the protocols that begin in plain text: the few lines before the handshake, and no more.
//!
//! Every line has a limit and so has their number: a server that talks without end is a protocol error. What follows
//! the agreement in plain text is refused by the handshake itself, so that nothing can be injected ahead of it.

mod binary;
mod reply;

use std::fmt;

use ce_net::{NetError, Stream};
use clap::ValueEnum;

pub(crate) use reply::{Reply, read_line, read_reply};

/// A protocol that agrees on TLS in plain text first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// RFC 4217
    Ftp,
    /// RFC 3501, RFC 2595
    Imap,
    /// RFC 2033 with RFC 3207
    Lmtp,
    /// MySQL and MariaDB
    Mysql,
    /// RFC 4642
    Nntp,
    /// RFC 2595
    Pop3,
    /// PostgreSQL
    Postgres,
    /// RFC 5804
    Sieve,
    /// RFC 3207
    Smtp,
}

impl Protocol {
    /// The port that it is registered for.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Ftp => 21,
            Self::Imap => 143,
            Self::Lmtp => 24,
            Self::Mysql => 3306,
            Self::Nntp => 119,
            Self::Pop3 => 110,
            Self::Postgres => 5432,
            Self::Sieve => 4190,
            Self::Smtp => 25,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Imap => "imap",
            Self::Lmtp => "lmtp",
            Self::Mysql => "mysql",
            Self::Nntp => "nntp",
            Self::Pop3 => "pop3",
            Self::Postgres => "postgres",
            Self::Sieve => "sieve",
            Self::Smtp => "smtp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From a fresh connection to the point where the TLS handshake begins. `me` is what SMTP is greeted with.
///
/// # Errors
/// [`NetError::Protocol`] when the server does not offer TLS, refuses it, or speaks something else; the network's own.
pub(crate) fn begin(stream: &mut Stream, protocol: Protocol, me: &str) -> Result<(), NetError> {
    match protocol {
        Protocol::Smtp => {
            expect(stream, 220)?;
            hello(stream, "EHLO", me)?;
            upgrade(stream, protocol)
        }
        Protocol::Lmtp => {
            expect(stream, 220)?;
            hello(stream, "LHLO", me)?;
            upgrade(stream, protocol)
        }
        Protocol::Ftp => {
            expect(stream, 220)?;
            upgrade(stream, protocol)
        }
        Protocol::Nntp => {
            let greeting = read_line(stream)?;
            if !greeting.starts_with("200") && !greeting.starts_with("201") {
                return Err(unexpected(stream, &greeting));
            }
            upgrade(stream, protocol)
        }
        Protocol::Imap => {
            let greeting = read_line(stream)?;
            if !greeting.starts_with("* OK") {
                return Err(unexpected(stream, &greeting));
            }
            upgrade(stream, protocol)
        }
        Protocol::Pop3 => {
            let greeting = read_line(stream)?;
            if !greeting.starts_with("+OK") {
                return Err(unexpected(stream, &greeting));
            }
            upgrade(stream, protocol)
        }
        Protocol::Sieve => {
            sieve_ok(stream)?;
            upgrade(stream, protocol)
        }
        Protocol::Postgres => binary::postgres(stream),
        Protocol::Mysql => binary::mysql(stream),
    }
}

/// The upgrade alone, for a check that has read the greeting (and, for SMTP, said EHLO) itself. The binary protocols
/// have no such moment: for them this is [`begin`].
///
/// # Errors
/// As [`begin`].
pub(crate) fn upgrade(stream: &mut Stream, protocol: Protocol) -> Result<(), NetError> {
    match protocol {
        Protocol::Smtp | Protocol::Lmtp => coded(stream, "STARTTLS", 220),
        Protocol::Ftp => coded(stream, "AUTH TLS", 234),
        Protocol::Nntp => {
            stream.send(b"STARTTLS\r\n")?;
            let answer = read_line(stream)?;
            agreed(stream, answer.starts_with("382"), &answer)
        }
        Protocol::Imap => {
            stream.send(b"ce1 STARTTLS\r\n")?;
            let answer = tagged(stream, "ce1")?;
            agreed(stream, answer.starts_with("ce1 OK"), &answer)
        }
        Protocol::Pop3 => {
            stream.send(b"STLS\r\n")?;
            let answer = read_line(stream)?;
            agreed(stream, answer.starts_with("+OK"), &answer)
        }
        Protocol::Sieve => {
            stream.send(b"STARTTLS\r\n")?;
            sieve_ok(stream)
        }
        Protocol::Postgres => binary::postgres(stream),
        Protocol::Mysql => binary::mysql(stream),
    }
}

/// Says hello and gives what the server offers: the words of each line after the first, in capitals as sent.
///
/// # Errors
/// As [`begin`].
pub(crate) fn hello(stream: &mut Stream, verb: &str, me: &str) -> Result<Reply, NetError> {
    stream.send(format!("{verb} {me}\r\n").as_bytes())?;
    expect(stream, 250)
}

/// A reply with this code.
///
/// # Errors
/// [`NetError::Protocol`] with the line that came instead.
pub(crate) fn expect(stream: &mut Stream, code: u16) -> Result<Reply, NetError> {
    let reply = read_reply(stream)?;
    if reply.code == code {
        Ok(reply)
    } else {
        Err(unexpected(stream, &reply.last()))
    }
}

/// The line that ends an IMAP command; untagged ones before it are passed over.
///
/// # Errors
/// [`NetError::Protocol`] when it does not come within a hundred lines.
pub(crate) fn tagged(stream: &mut Stream, tag: &str) -> Result<String, NetError> {
    for _ in 0..reply::MAX_LINES {
        let line = read_line(stream)?;
        if line
            .strip_prefix(tag)
            .is_some_and(|rest| rest.starts_with(' '))
        {
            return Ok(line);
        }
        if !line.starts_with('*') {
            return Err(unexpected(stream, &line));
        }
    }
    Err(breach(stream, "its answer does not end".to_owned()))
}

/// Capabilities until `OK`, as ManageSieve greets and answers.
fn sieve_ok(stream: &mut Stream) -> Result<(), NetError> {
    for _ in 0..reply::MAX_LINES {
        let line = read_line(stream)?;
        if line.starts_with("OK") {
            return Ok(());
        }
        if !line.starts_with('"') {
            return agreed(stream, false, &line);
        }
    }
    Err(breach(stream, "its answer does not end".to_owned()))
}

fn coded(stream: &mut Stream, command: &str, code: u16) -> Result<(), NetError> {
    stream.send(format!("{command}\r\n").as_bytes())?;
    let reply = read_reply(stream)?;
    agreed(stream, reply.code == code, &reply.last())
}

fn agreed(stream: &Stream, yes: bool, answer: &str) -> Result<(), NetError> {
    if yes {
        Ok(())
    } else {
        Err(breach(stream, format!("it does not start tls: {answer}")))
    }
}

fn unexpected(stream: &Stream, line: &str) -> NetError {
    breach(stream, format!("unexpected answer: {line}"))
}

/// What the server said is part of the message: cleaned and short.
fn breach(stream: &Stream, what: String) -> NetError {
    NetError::Protocol {
        target: stream.target().to_owned(),
        what,
    }
}

#[cfg(test)]
mod tests;
