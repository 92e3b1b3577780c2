//! One request and its answer over one connection, each part of the way timed and each by the deadline.
//!
//! An answer is read as far as it is needed: no more of the body is kept than can be searched, no more is read than
//! the limit. What was got before something broke is part of the result.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ce_net::tls::{Peer, TlsOptions};
use ce_net::{Deadline, Family, NetError, Phase, Stream, connect, tls};
use zeroize::Zeroizing;

use super::chunked::Chunked;
use super::message::{Framing, Head, MAX_HEAD_BYTES, end_of_head, excerpt};
use super::url::Url;
use crate::names;

/// So many `100 Continue` and the like are passed over.
const MAX_INTERIM: usize = 10;

/// How a request is made, the same for each hop.
#[derive(Debug)]
pub(super) struct Way {
    /// Which addresses will do.
    pub(super) family: Family,
    /// Only shake hands, for the sake of the certificate.
    pub(super) certificate_only: bool,
    /// What is asked of TLS.
    pub(super) tls: TlsOptions,
    /// No more of a body is read, in bytes.
    pub(super) max_body_bytes: u64,
    /// No more of a body is kept, in bytes.
    pub(super) kept_bytes: usize,
    /// Stop behind the head.
    pub(super) no_body: bool,
    /// When all must be over.
    pub(super) deadline: Deadline,
}

/// How long each part took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// Looking up the name.
    pub(super) dns: Duration,
    /// Opening the connection.
    pub(super) connect: Duration,
    /// The TLS handshake.
    pub(super) tls: Duration,
    /// From the request sent to the first byte back.
    pub(super) first_byte: Duration,
    /// From the first byte to the last.
    pub(super) transfer: Duration,
}

/// How far the body was read.
#[derive(Debug)]
pub(super) enum End {
    /// To its end.
    Complete,
    /// Not at all, as was asked for.
    Unread,
    /// To the limit.
    Limit,
    /// The server closed the connection too early or breaks the coding.
    Broken(String),
    /// The network failed, or the time was over.
    Lost(NetError),
}

/// What was got of a body.
#[derive(Debug)]
pub(super) struct Body {
    /// Its beginning.
    pub(super) kept: Vec<u8>,
    /// How much came.
    pub(super) bytes: u64,
    /// How it ended.
    pub(super) end: End,
}

/// A response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) body: Body,
}

/// One request on the way to the final answer.
#[derive(Debug)]
pub(super) struct Hop {
    /// What was asked for.
    pub(super) url: Url,
    /// Who answered.
    pub(super) address: Option<SocketAddr>,
    /// What the TLS handshake showed.
    pub(super) peer: Option<Peer>,
    /// How long each part took.
    pub(super) times: Times,
    /// The answer; none when only a certificate was asked for.
    pub(super) answer: Result<Option<Answer>, NetError>,
}

/// Sends `request` for `url` to `target` (a host and port that may be others than the URL's) and reads the answer.
pub(super) fn fetch(
    way: &Way,
    url: Url,
    target: (&str, u16),
    method: &str,
    request: &Zeroizing<Vec<u8>>,
) -> Hop {
    let mut hop = Hop {
        url,
        address: None,
        peer: None,
        times: Times::default(),
        answer: Ok(None),
    };
    hop.answer = hop.exchange(way, target, method, request);
    hop
}

impl Hop {
    fn exchange(
        &mut self,
        way: &Way,
        (host, port): (&str, u16),
        method: &str,
        request: &[u8],
    ) -> Result<Option<Answer>, NetError> {
        let began = Instant::now();
        let resolved = names::resolve(host, port, way.family, way.deadline);
        self.times.dns = began.elapsed();
        let addresses = resolved?;

        let began = Instant::now();
        let connected = connect::tcp(&addresses, None, way.deadline);
        self.times.connect = began.elapsed();
        let (socket, address) = connected?;
        self.address = Some(address);
        let mut stream = Stream::tcp(socket, self.url.authority(), way.deadline);

        if self.url.secure {
            let began = Instant::now();
            let shaken = tls::handshake(stream, &self.url.host, &way.tls);
            self.times.tls = began.elapsed();
            let (secured, peer) = shaken?;
            let trusted = peer.require_trust(secured.target());
            self.peer = Some(peer);
            stream = secured;
            if way.certificate_only {
                stream.close();
                // Whether it is trusted is judged with its dates.
                return Ok(None);
            }
            trusted?;
        }

        // A server may answer and close without reading all of a request: what it says counts more than the failure.
        let sent = stream.send(request);
        if let Err(error @ NetError::Timeout { .. }) = sent {
            return Err(error);
        }
        let began = Instant::now();
        let read = read_head(&mut stream, began, &mut self.times);
        let (head, rest) = match (read, sent) {
            (Ok(read), _) => read,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        let began = Instant::now();
        let framing = head.framing(method).map_err(|what| breach(&stream, what))?;
        let body = read_body(&mut stream, way, framing, rest);
        self.times.transfer += began.elapsed();
        if matches!(body.end, End::Complete) {
            stream.close();
        }
        Ok(Some(Answer { head, body }))
    }
}

/// The head of the final answer, and what came behind it already.
fn read_head(
    stream: &mut Stream,
    sent: Instant,
    times: &mut Times,
) -> Result<(Head, Vec<u8>), NetError> {
    let mut bytes = Vec::new();
    let mut first = None;
    for _ in 0..MAX_INTERIM {
        let mut searched = 0;
        let end = loop {
            if let Some(end) = end_of_head(&bytes, searched) {
                break end;
            }
            let begins_well = bytes.iter().zip(b"HTTP/").all(|(is, must)| is == must);
            if !begins_well {
                let line: Vec<u8> = bytes
                    .iter()
                    .copied()
                    .take_while(|byte| *byte != b'\n')
                    .collect();
                let what = format!(
                    "no http: {}",
                    excerpt(String::from_utf8_lossy(&line).trim_end())
                );
                return Err(breach(stream, what));
            }
            if bytes.len() > MAX_HEAD_BYTES {
                return Err(NetError::TooLarge {
                    target: stream.target().to_owned(),
                    what: "the head of an answer",
                    limit_bytes: MAX_HEAD_BYTES,
                });
            }
            searched = bytes.len();
            let more = stream.receive()?;
            first.get_or_insert_with(|| {
                times.first_byte = sent.elapsed();
                Instant::now()
            });
            if more.is_empty() {
                return Err(ended(stream, &bytes));
            }
            bytes.extend_from_slice(&more);
        };
        let head = Head::parse(&bytes[..end]).map_err(|what| breach(stream, what))?;
        bytes.drain(..end);
        if !matches!(head.status, 100 | 102..200) {
            times.transfer = first.map_or(Duration::ZERO, |first| first.elapsed());
            return Ok((head, bytes));
        }
    }
    Err(breach(stream, "it never comes to its answer".to_owned()))
}

fn ended(stream: &Stream, got: &[u8]) -> NetError {
    if got.is_empty() {
        return NetError::Closed {
            phase: Phase::Receive,
            target: stream.target().to_owned(),
        };
    }
    let line = String::from_utf8_lossy(got);
    let line = line.lines().next().unwrap_or_default();
    breach(
        stream,
        format!("it ends within the headers of {}", excerpt(line)),
    )
}

fn breach(stream: &Stream, what: String) -> NetError {
    NetError::Protocol {
        target: stream.target().to_owned(),
        what,
    }
}

fn read_body(stream: &mut Stream, way: &Way, framing: Framing, rest: Vec<u8>) -> Body {
    let mut body = Body {
        kept: Vec::new(),
        bytes: 0,
        end: End::Unread,
    };
    if way.no_body {
        return body;
    }
    let mut chunked = Chunked::default();
    let mut piece = rest;
    body.end = loop {
        let coding = match framing {
            Framing::Empty => break End::Complete,
            Framing::Chunked => {
                chunked.push(&piece, |data| body.take(data, u64::MAX, way.kept_bytes))
            }
            Framing::Length(all) => {
                body.take(&piece, all, way.kept_bytes);
                Ok(())
            }
            Framing::Close => {
                body.take(&piece, u64::MAX, way.kept_bytes);
                Ok(())
            }
        };
        if let Err(what) = coding {
            break End::Broken(what);
        }
        if chunked.is_done() || framing == Framing::Length(body.bytes) {
            break End::Complete;
        }
        if body.bytes >= way.max_body_bytes {
            break End::Limit;
        }
        piece = match stream.receive() {
            Ok(piece) => piece,
            Err(error) => break End::Lost(error),
        };
        if piece.is_empty() {
            break match framing {
                Framing::Length(all) => End::Broken(format!(
                    "closed the connection after {} of {all} bytes",
                    body.bytes
                )),
                // The last chunk has come; what might stand behind it is no content.
                Framing::Chunked if chunked.is_over() => End::Complete,
                Framing::Chunked => End::Broken(format!(
                    "closed the connection within a chunk after {} bytes",
                    body.bytes
                )),
                Framing::Close | Framing::Empty => End::Complete,
            };
        }
    };
    body
}

impl Body {
    /// Whether there is more of it than was kept.
    pub(super) fn is_cut(&self) -> bool {
        self.bytes > self.kept.len() as u64 || matches!(self.end, End::Limit)
    }

    /// Counts what is body, up to its announced end, and keeps what there is room for.
    fn take(&mut self, data: &[u8], all: u64, kept_bytes: usize) {
        let left = usize::try_from(all.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let data = &data[..data.len().min(left)];
        self.bytes += data.len() as u64;
        let room = kept_bytes.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
    }
}
