//! What can go wrong on the way to another machine, told apart as far as it changes what a person does next.

use std::io;
use std::path::PathBuf;

use ce_record::Cause;

use crate::TrustError;

/// A part of reaching something, as a person asks: where did it get stuck?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Looking up the name.
    Resolve,
    /// Opening the connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending.
    Send,
    /// Waiting for and reading what is sent back.
    Receive,
    /// A whole request, where the parts are not seen.
    Request,
}

impl Phase {
    /// The phase as one word: `resolve`, `connect`, `tls`, `send`, `receive`, `request`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Request => "request",
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Self::Resolve => "looking up",
            Self::Connect => "connecting to",
            Self::Tls => "in the tls handshake with",
            Self::Send => "sending to",
            Self::Receive => "waiting for an answer from",
            Self::Request => "in a request to",
        }
    }
}

/// Why something was not reached. The text holds the reason; the source holds it as a value.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The name has no address.
    #[error("cannot resolve '{host}': {}", reason(source))]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No connection: refused, unreachable.
    #[error("cannot connect to '{target}': {}{}", reason(source), and_others(*others))]
    Connect {
        /// The address or path.
        target: String,
        /// How many further addresses were tried in vain.
        others: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("timeout {} '{target}'", phase.doing())]
    Timeout {
        /// Where it was stuck.
        phase: Phase,
        /// What it waited for.
        target: String,
    },
    /// No TLS connection could be agreed on.
    #[error("tls handshake with '{target}' failed: {source}")]
    Tls {
        /// The peer.
        target: String,
        /// What the TLS library said.
        source: rustls::Error,
    },
    /// The peer's certificate is not one to trust.
    #[error("certificate of '{target}' is not trusted: {source}")]
    Untrusted {
        /// The peer.
        target: String,
        /// What is wrong with the certificate.
        source: TrustError,
    },
    /// A connection broke.
    #[error("connection broke {} '{target}': {}", phase.doing(), reason(source))]
    Io {
        /// When it broke.
        phase: Phase,
        /// The peer.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The peer ended the connection while more was expected.
    #[error("'{target}' closed the connection {}", match phase { Phase::Tls => "during the tls handshake", _ => "too early" })]
    Closed {
        /// When it ended.
        phase: Phase,
        /// The peer.
        target: String,
    },
    /// The peer said something that the protocol does not allow.
    #[error("'{target}' breaks the protocol: {what}")]
    Protocol {
        /// The peer.
        target: String,
        /// What it did.
        what: String,
    },
    /// More was sent than this program reads.
    #[error("{what} from '{target}' is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The peer or the file.
        target: String,
        /// The thing that is too large.
        what: &'static str,
        /// The limit, in bytes.
        limit_bytes: usize,
    },
    /// A certificate, key or roots file cannot be read.
    #[error("cannot read '{}': {}", path.display(), reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for makes no sense.
    #[error("'{object}' cannot be used: {what}")]
    Config {
        /// The value, file or option.
        object: String,
        /// What is wrong with it.
        what: String,
    },
}

impl NetError {
    /// The one word for the record.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Resolve { .. } => Cause::DNS,
            Self::Connect { .. } | Self::Io { .. } => Cause::CONNECT,
            Self::Closed { phase, .. } if *phase != Phase::Tls => Cause::CONNECT,
            Self::Timeout { .. } => Cause::TIMEOUT,
            Self::Tls { .. } | Self::Untrusted { .. } | Self::Closed { .. } => Cause::TLS,
            Self::Protocol { .. } | Self::TooLarge { .. } => Cause::CONTENT,
            Self::File { .. } | Self::Config { .. } => Cause::CONFIG,
        }
    }

    /// What a person can look at next, where that is more than the message says.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Resolve { .. } => "check the name and the resolvers in /etc/resolv.conf",
            Self::Connect { source, .. } => match source.kind() {
                io::ErrorKind::ConnectionRefused => {
                    "nothing listens there: is the service running, is it the right port?"
                }
                io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                    "no route: check this machine's network with 'ip route'"
                }
                _ => return None,
            },
            Self::Timeout {
                phase: Phase::Connect,
                ..
            } => {
                "a firewall that drops packets looks like this, and so does a machine that is down"
            }
            Self::Timeout {
                phase: Phase::Resolve,
                ..
            } => "no resolver in /etc/resolv.conf answers",
            Self::Timeout {
                phase: Phase::Tls, ..
            } => "is the port really one that begins with tls?",
            Self::Tls { source, .. } => return crate::tls::hint(source),
            Self::Untrusted { source, .. } => return source.hint(),
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the same again, later, can succeed without anybody changing something here.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Io { .. } | Self::Closed { .. } => true,
            Self::Connect { source, .. } => !matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
            ),
            Self::Resolve { source, .. } => !is_final(source),
            _ => false,
        }
    }

    /// Whatever an input or output error means in this phase.
    pub(crate) fn from_io(phase: Phase, target: &str, source: io::Error) -> Self {
        let target = target.to_owned();
        match source.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout { phase, target },
            io::ErrorKind::UnexpectedEof => Self::Closed { phase, target },
            _ => match source.downcast::<rustls::Error>() {
                Ok(source) => Self::Tls { target, source },
                Err(source) => Self::Io {
                    phase,
                    target,
                    source,
                },
            },
        }
    }
}

/// Whether the resolver said that the name does not exist, in the words of glibc or musl: `getaddrinfo`'s codes do
/// not get through the standard library.
fn is_final(error: &io::Error) -> bool {
    let text = error.to_string();
    error.kind() == io::ErrorKind::NotFound
        || ["not known", "does not resolve", "No address associated"]
            .iter()
            .any(|words| text.contains(words))
}

/// The system's words in the style of our messages: lowercase, without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or(&text);
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().collect::<String>() + chars.as_str()
        }
        _ => text.to_owned(),
    }
}

fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (nor to 1 more address)".to_owned(),
        _ => format!(" (nor to {others} more addresses)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> NetError {
        NetError::Connect {
            target: "10.0.0.1:80".to_owned(),
            others: 1,
            source: io::Error::from_raw_os_error(111),
        }
    }

    #[test]
    fn a_message_is_lowercase_without_number_and_names_the_object() {
        assert_eq!(
            refused().to_string(),
            "cannot connect to '10.0.0.1:80': connection refused (nor to 1 more address)"
        );
        let error = NetError::from_io(Phase::Receive, "a:1", io::ErrorKind::WouldBlock.into());
        assert_eq!(
            error.to_string(),
            "timeout waiting for an answer from 'a:1'"
        );
    }

    #[test]
    fn the_cause_and_whether_to_retry_follow_from_what_went_wrong() {
        let resolve = |text: &str| NetError::Resolve {
            host: "x".to_owned(),
            source: io::Error::other(format!("failed to lookup address information: {text}")),
        };
        let config = NetError::Config {
            object: "x".to_owned(),
            what: "it is no name".to_owned(),
        };
        for (error, cause, retry) in [
            (refused(), Cause::CONNECT, true),
            (resolve("Name or service not known"), Cause::DNS, false),
            (
                resolve("Temporary failure in name resolution"),
                Cause::DNS,
                true,
            ),
            (config, Cause::CONFIG, false),
        ] {
            assert_eq!(error.cause(), cause, "{error}");
            assert_eq!(error.may_retry(), retry, "{error}");
        }
    }
}
