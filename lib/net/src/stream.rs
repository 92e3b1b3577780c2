//! What is said over a connection, plain or TLS alike: bounded in time by the deadline, in size by each call's limit.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use rustls::{ClientConnection, StreamOwned};

use crate::socket::Socket;
use crate::{Deadline, NetError, Phase};

/// Bytes asked of the system at once.
const CHUNK_BYTES: usize = 8 * 1024;

/// A TCP, Unix or TLS connection that ends whatever it does by its deadline.
#[derive(Debug)]
pub struct Stream {
    pipe: Pipe,
    target: String,
    ahead: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum Pipe {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Stream {
    /// A plain stream over TCP; `target` is what messages call the peer.
    #[must_use]
    pub fn tcp(stream: TcpStream, target: impl Into<String>, deadline: Deadline) -> Self {
        Self::new(Pipe::Plain(Socket::tcp(stream, deadline)), target.into())
    }

    /// A plain stream over a Unix socket; `target` is what messages call the peer.
    #[must_use]
    pub fn unix(stream: UnixStream, target: impl Into<String>, deadline: Deadline) -> Self {
        Self::new(Pipe::Plain(Socket::unix(stream, deadline)), target.into())
    }

    pub(crate) fn new(pipe: Pipe, target: String) -> Self {
        let ahead = Vec::new();
        Self {
            pipe,
            target,
            ahead,
        }
    }

    /// The parts, for the TLS handshake.
    ///
    /// # Errors
    /// [`NetError::Protocol`] when the peer sent more than was read: what came in plain text must never be taken for
    /// what came over TLS (CVE-2011-0411).
    pub(crate) fn into_socket(self) -> Result<(Socket, String), NetError> {
        let what = match self.pipe {
            Pipe::Plain(socket) if self.ahead.is_empty() => return Ok((socket, self.target)),
            Pipe::Plain(_) => "it sent plain text after it agreed to start tls",
            Pipe::Tls(_) => "tls inside of tls was asked for",
        };
        Err(NetError::Protocol {
            target: self.target,
            what: what.to_owned(),
        })
    }

    /// What messages call the peer.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The deadline of all that follows.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        match &self.pipe {
            Pipe::Plain(socket) => socket.deadline,
            Pipe::Tls(tls) => tls.sock.deadline,
        }
    }

    /// Gives what follows another deadline.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        match &mut self.pipe {
            Pipe::Plain(socket) => socket.deadline = deadline,
            Pipe::Tls(tls) => tls.sock.deadline = deadline,
        }
    }

    /// Sends all of this.
    ///
    /// # Errors
    /// [`NetError::Timeout`], or [`NetError::Io`] when the connection broke.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        self.write_all(bytes)
            .and_then(|()| self.flush())
            .map_err(|error| NetError::from_io(Phase::Send, &self.target, error))
    }

    /// Whatever came, once something has; empty at the end.
    ///
    /// # Errors
    /// [`NetError::Timeout`], or [`NetError::Io`] when the connection broke.
    pub fn receive(&mut self) -> Result<Vec<u8>, NetError> {
        if self.ahead.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.ahead))
    }

    /// One line without its end (`\n` or `\r\n`); none when the peer is done. A last line may lack its end.
    ///
    /// # Errors
    /// [`NetError::TooLarge`] when there is no end within `limit_bytes`, else as [`Stream::receive`].
    pub fn read_line(&mut self, limit_bytes: usize) -> Result<Option<Vec<u8>>, NetError> {
        let mut searched = 0;
        loop {
            let end = self.ahead[searched..]
                .iter()
                .position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| searched + end) {
                if end > limit_bytes {
                    return Err(self.too_large("a line", limit_bytes));
                }
                let mut line: Vec<u8> = self.ahead.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(line));
            }
            searched = self.ahead.len();
            if searched > limit_bytes {
                return Err(self.too_large("a line", limit_bytes));
            }
            if self.fill()? == 0 {
                let rest = std::mem::take(&mut self.ahead);
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    /// Exactly `len` bytes.
    ///
    /// # Errors
    /// [`NetError::Closed`] when the peer ends before, else as [`Stream::receive`].
    pub fn read_exactly(&mut self, len: usize) -> Result<Vec<u8>, NetError> {
        while self.ahead.len() < len {
            if self.fill()? == 0 {
                return Err(NetError::Closed {
                    phase: Phase::Receive,
                    target: self.target.clone(),
                });
            }
        }
        Ok(self.ahead.drain(..len).collect())
    }

    /// All that comes until the peer is done, but no more than `limit_bytes`: ask for one more to know whether it was all.
    ///
    /// # Errors
    /// As [`Stream::receive`].
    pub fn read_up_to(&mut self, limit_bytes: usize) -> Result<Vec<u8>, NetError> {
        while self.ahead.len() < limit_bytes && self.fill()? > 0 {}
        let taken = limit_bytes.min(self.ahead.len());
        Ok(self.ahead.drain(..taken).collect())
    }

    /// Says goodbye (TLS `close_notify`); a peer that is gone already is no error.
    pub fn close(mut self) {
        if let Pipe::Tls(tls) = &mut self.pipe {
            tls.conn.send_close_notify();
            // Nobody can do anything about a goodbye that is not heard.
            let _ = tls.flush();
        }
    }

    /// Reads more into the buffer: how much, 0 at the end.
    ///
    /// Many servers leave a TLS connection without goodbye; who needs to know that nothing was cut off counts bytes.
    fn fill(&mut self) -> Result<usize, NetError> {
        let mut chunk = [0; CHUNK_BYTES];
        let read = match self.read_pipe(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(NetError::from_io(Phase::Receive, &self.target, error)),
        };
        self.ahead.extend_from_slice(&chunk[..read]);
        Ok(read)
    }

    fn read_pipe(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.pipe {
            Pipe::Plain(socket) => socket.read(buffer),
            Pipe::Tls(tls) => tls.read(buffer),
        }
    }

    fn too_large(&self, what: &'static str, limit_bytes: usize) -> NetError {
        NetError::TooLarge {
            target: self.target.clone(),
            what,
            limit_bytes,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.read_pipe(buffer);
        }
        let taken = buffer.len().min(self.ahead.len());
        buffer[..taken].copy_from_slice(&self.ahead[..taken]);
        self.ahead.drain(..taken);
        Ok(taken)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.pipe {
            Pipe::Plain(socket) => socket.write(bytes),
            Pipe::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.pipe {
            Pipe::Plain(socket) => socket.flush(),
            Pipe::Tls(tls) => tls.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn pair(timeout_ms: u64) -> (Stream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let deadline = Deadline::after(Duration::from_millis(timeout_ms));
        (Stream::unix(ours, "peer", deadline), theirs)
    }

    #[test]
    fn lines_come_without_their_ends_and_the_rest_is_kept() {
        let (mut stream, mut peer) = pair(5000);
        peer.write_all(b"220 a\r\n\nlast").unwrap();
        drop(peer);
        let mut lines = Vec::new();
        while let Some(line) = stream.read_line(100).unwrap() {
            lines.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(lines, ["220 a", "", "last"]);
    }

    #[test]
    fn a_line_without_end_stops_at_the_limit() {
        let (mut stream, mut peer) = pair(5000);
        peer.write_all(&[b'x'; 200]).unwrap();
        let error = stream.read_line(100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a line from 'peer' is larger than 100 bytes"
        );
    }

    #[test]
    fn bounded_reads_leave_the_rest_for_the_next() {
        let (mut stream, mut peer) = pair(5000);
        peer.write_all(b"0123456789").unwrap();
        drop(peer);
        assert_eq!(stream.read_exactly(2).unwrap(), b"01");
        assert_eq!(stream.read_up_to(3).unwrap(), b"234");
        let mut two = [0; 2];
        stream.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"56");
        assert_eq!(stream.read_up_to(100).unwrap(), b"789");
        assert!(matches!(
            stream.read_exactly(1),
            Err(NetError::Closed { .. })
        ));
    }

    #[test]
    fn a_slow_drip_does_not_stretch_the_deadline() {
        let (mut stream, mut peer) = pair(200);
        let drip = std::thread::spawn(move || {
            while peer.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        let error = stream.read_line(1000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "timeout waiting for an answer from 'peer'"
        );
        assert!(began.elapsed() < Duration::from_millis(300));
        drop(stream);
        drip.join().unwrap();
    }

    #[test]
    fn a_peer_that_does_not_read_stops_the_sender_at_the_deadline() {
        let (mut stream, _peer) = pair(100);
        let began = Instant::now();
        let error = stream.send(&vec![0; 4 << 20]).unwrap_err();
        assert_eq!(error.to_string(), "timeout sending to 'peer'");
        assert!(began.elapsed() < Duration::from_millis(200));
    }

    #[test]
    fn plain_text_ahead_of_a_handshake_is_a_breach() {
        let (mut stream, mut peer) = pair(5000);
        peer.write_all(b"220 go ahead\r\n250 injected\r\n").unwrap();
        stream.read_line(100).unwrap();
        assert!(matches!(
            stream.into_socket(),
            Err(NetError::Protocol { .. })
        ));
    }
}
