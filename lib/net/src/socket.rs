//! A socket whose every read and write ends by the deadline: a peer that sends one byte a second gains nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::Deadline;

/// The kernel takes a timeout of zero for none at all, and counts in ticks of this order anyway.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
enum End {
    Tcp(TcpStream),
    Unix(UnixStream),
}

#[derive(Debug)]
pub(crate) struct Socket {
    end: End,
    pub(crate) deadline: Deadline,
}

impl Socket {
    pub(crate) fn tcp(stream: TcpStream, deadline: Deadline) -> Self {
        let end = End::Tcp(stream);
        Self { end, deadline }
    }

    pub(crate) fn unix(stream: UnixStream, deadline: Deadline) -> Self {
        let end = End::Unix(stream);
        Self { end, deadline }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.remaining() {
            Some(left) => Ok(Some(left.max(SHORTEST))),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Tries again when a signal came between, with what is then left of the time.
///
/// A socket timeout shows as "would block", which for a blocking socket is a riddle: here it is a timeout.
fn timed<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            result => return result,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        timed(|| {
            let left = self.left()?;
            match &mut self.end {
                End::Tcp(stream) => stream
                    .set_read_timeout(left)
                    .and_then(|()| stream.read(buffer)),
                End::Unix(stream) => stream
                    .set_read_timeout(left)
                    .and_then(|()| stream.read(buffer)),
            }
        })
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        timed(|| {
            let left = self.left()?;
            match &mut self.end {
                End::Tcp(stream) => stream
                    .set_write_timeout(left)
                    .and_then(|()| stream.write(bytes)),
                End::Unix(stream) => stream
                    .set_write_timeout(left)
                    .and_then(|()| stream.write(bytes)),
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
