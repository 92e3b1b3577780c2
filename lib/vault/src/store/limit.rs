//! How much of a link a run may use.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that are sent or received between two looks at the clock.
pub(crate) const PIECE: usize = 64 << 10;

/// Bytes a second that all connections of a store share.
#[derive(Debug)]
pub struct Limit {
    rate: u64,
    /// When what was taken so far is through.
    free: Mutex<Instant>,
}

impl Limit {
    /// At most so many bytes a second.
    #[must_use]
    pub fn new(rate: u64) -> Self {
        Limit {
            rate: rate.max(1),
            free: Mutex::new(Instant::now()),
        }
    }

    /// Waits until so many bytes may pass.
    pub fn take(&self, bytes: usize) {
        let cost = Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / self.rate);
        let begins = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let begins = (*free).max(Instant::now());
            *free = begins + cost;
            begins
        };
        std::thread::sleep(begins.saturating_duration_since(Instant::now()));
    }
}

/// How far a run may load the link; nothing where nobody said so.
#[derive(Debug, Default)]
pub struct Limits {
    /// Towards the storage.
    pub upload: Option<Limit>,
    /// From it.
    pub download: Option<Limit>,
}

/// A transfer slower than this over a whole window is given up, in bytes; the link's own limit is far above it.
const LEAST: u64 = 8 << 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Reads no faster than a limit allows, and not from what hardly moves.
pub(crate) struct Paced<'a, R> {
    inner: R,
    limit: Option<&'a Limit>,
    window: Instant,
    passed: u64,
}

impl<'a, R: Read> Paced<'a, R> {
    pub fn new(inner: R, limit: Option<&'a Limit>) -> Self {
        Paced {
            inner,
            limit,
            window: Instant::now(),
            passed: 0,
        }
    }
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(PIECE);
        let read = self.inner.read(&mut buffer[..most])?;
        if let Some(limit) = self.limit {
            limit.take(read);
        }
        self.passed += read as u64;
        if self.window.elapsed() > WINDOW {
            if read > 0 && self.passed < LEAST && self.limit.is_none() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{} bytes in a minute", self.passed),
                ));
            }
            self.window = Instant::now();
            self.passed = 0;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_a_limit() {
        let limit = Limit::new(1_000_000);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5).for_each(|_| limit.take(10_000)));
            }
        });
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(185), "{took:?}");
        assert!(took < Duration::from_millis(600), "{took:?}");
    }

    #[test]
    fn paced_bytes_are_the_same_bytes() {
        let bytes: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
        let limit = Limit::new(100_000_000);
        let mut read = Vec::new();
        Paced::new(&bytes[..], Some(&limit))
            .read_to_end(&mut read)
            .expect("read");
        assert_eq!(read, bytes);
    }
}
