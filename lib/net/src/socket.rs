//! A socket whose every read and write ends by the deadline: a peer that sends one byte a second gains nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::Deadline;

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
        match self.deadline.wait() {
            Some(wait) => Ok(Some(wait)),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Tries again when a signal came between or the kernel's timer was set too short, until [`Socket::left`] ends it.
fn timed<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) => {}
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_wait_of_seconds_ends_when_it_should_and_not_at_the_next_slot_of_the_timer_wheel() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let started = Instant::now();
        let deadline = Deadline::after(Duration::from_millis(3050));
        let mut socket = Socket::unix(ours, deadline);
        let error = socket.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let late = started
            .elapsed()
            .saturating_sub(Duration::from_millis(3050));
        assert!(late < Duration::from_millis(60), "{late:?} late");
    }
}
