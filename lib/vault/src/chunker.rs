//! Where a stream is cut into chunks: by its content, so that an insertion moves no cut but those around it.
//!
//! A gear hash over a secret table of random numbers (Xia et al., "FastCDC", USENIX ATC 2016), normalised: a cut is
//! four times less likely than average before the average size, and four times likelier after it. The table is the
//! writer's secret; besides, chunks are compressed and sealed by the group, so that storage sees no chunk's size.

use crate::seal::Key;

/// Average size in bytes of a chunk of a large file.
///
/// Measured on a day's change of 1 GiB: 32 KiB stores 19 MiB, 64 KiB 28, 1 MiB 145; smaller averages cost index.
pub const AVERAGE: usize = 32 << 10;
/// No chunk is shorter, unless the stream ends.
pub const LEAST: usize = AVERAGE / 4;
/// No chunk is longer.
pub const MOST: usize = AVERAGE * 4;

const fn mask(bits: u32) -> u64 {
    ((1 << bits) - 1) << (64 - bits)
}

/// Finds cuts with one writer's table.
pub struct Chunker {
    gear: Box<[u64; 256]>,
    /// The same, shifted once, so that two bytes are taken in one step.
    shifted: Box<[u64; 256]>,
    average: usize,
    strict: u64,
    loose: u64,
}

impl Chunker {
    /// Takes the secret that the table is made of; chunks of [`AVERAGE`] bytes.
    #[must_use]
    pub fn new(secret: &Key) -> Self {
        Self::with_average(secret, AVERAGE.ilog2())
    }

    /// The same with chunks of 2^`bits` bytes on average, a quarter of it at least and four times it at most.
    #[must_use]
    pub fn with_average(secret: &Key, bits: u32) -> Self {
        let bits = bits.clamp(6, 24);
        let mut gear = Box::new([0; 256]);
        let mut random = blake3::Hasher::new_keyed(secret).finalize_xof();
        for entry in gear.iter_mut() {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            *entry = u64::from_le_bytes(bytes);
        }
        let shifted = Box::new(gear.map(|entry| entry << 1));
        Chunker {
            gear,
            shifted,
            average: 1 << bits,
            strict: mask(bits + 2),
            loose: mask(bits - 2),
        }
    }

    /// No chunk is longer.
    #[must_use]
    pub fn most(&self) -> usize {
        self.average * 4
    }

    /// The length of the first chunk of these bytes.
    ///
    /// With less than [`Chunker::most`] bytes the answer is only right when the stream ends with them.
    #[must_use]
    pub fn cut(&self, bytes: &[u8]) -> usize {
        let least = self.average / 4;
        let most = bytes.len().min(self.most());
        if most <= least {
            return most;
        }
        let normal = most.min(self.average);
        let mut hash = 0;
        if let Some(at) = self.find(&bytes[least..normal], &mut hash, self.strict) {
            return least + at;
        }
        match self.find(&bytes[normal..most], &mut hash, self.loose) {
            Some(at) => normal + at,
            None => most,
        }
    }

    /// The length up to the first cut; `hash` goes on where it ended without one.
    fn find(&self, bytes: &[u8], hash: &mut u64, mask: u64) -> Option<usize> {
        let mut value = *hash;
        let pairs = bytes.chunks_exact(2);
        let rest = pairs.remainder();
        for (at, pair) in pairs.enumerate() {
            let (first, second) = (usize::from(pair[0]), usize::from(pair[1]));
            if (value << 1).wrapping_add(self.gear[first]) & mask == 0 {
                return Some(at * 2 + 1);
            }
            value = (value << 2).wrapping_add(self.shifted[first].wrapping_add(self.gear[second]));
            if value & mask == 0 {
                return Some(at * 2 + 2);
            }
        }
        for byte in rest {
            value = (value << 1).wrapping_add(self.gear[usize::from(*byte)]);
            if value & mask == 0 {
                return Some(bytes.len());
            }
        }
        *hash = value;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn chunks<'a>(chunker: &Chunker, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(chunker.cut(bytes));
            chunks.push(chunk);
            bytes = rest;
        }
        chunks
    }

    #[test]
    fn sizes_stay_in_bounds_and_near_the_average() {
        let bytes = noise(8 << 20);
        let chunks = chunks(&Chunker::new(&Key::new([1; 32])), &bytes);
        assert!(
            chunks
                .iter()
                .rev()
                .skip(1)
                .all(|chunk| (LEAST..=MOST).contains(&chunk.len()))
        );
        let average = bytes.len() / chunks.len();
        assert!(
            (AVERAGE * 3 / 4..AVERAGE * 3 / 2).contains(&average),
            "{average}"
        );
    }

    #[test]
    fn an_insertion_changes_only_chunks_around_it() {
        let bytes = noise(4 << 20);
        let chunker = Chunker::new(&Key::new([1; 32]));
        let mut edited = bytes.clone();
        edited.splice(1_000_000..1_000_000, *b"one row more");
        let before: HashSet<_> = chunks(&chunker, &bytes).into_iter().collect();
        let after = chunks(&chunker, &edited);
        let new = after
            .iter()
            .filter(|chunk| !before.contains(*chunk))
            .count();
        assert!((1..=3).contains(&new), "{new}");
    }

    #[test]
    fn another_secret_cuts_elsewhere() {
        let bytes = noise(1 << 20);
        let lengths = |secret| {
            let chunker = Chunker::new(&Key::new([secret; 32]));
            chunks(&chunker, &bytes)
                .iter()
                .map(|chunk| chunk.len())
                .collect::<Vec<_>>()
        };
        assert_ne!(lengths(1), lengths(2));
    }

    #[test]
    fn another_average_keeps_its_own_bounds() {
        let bytes = noise(8 << 20);
        let chunker = Chunker::with_average(&Key::new([1; 32]), 17);
        let chunks = chunks(&chunker, &bytes);
        let (last, whole) = chunks.split_last().expect("chunks");
        assert!(last.len() <= chunker.most());
        assert!(
            whole
                .iter()
                .all(|chunk| (32 << 10..=512 << 10).contains(&chunk.len()))
        );
        let average = bytes.len() / chunks.len();
        assert!((96 << 10..192 << 10).contains(&average), "{average}");
    }

    #[test]
    fn equal_bytes_are_cut_at_the_most() {
        let chunker = Chunker::new(&Key::new([1; 32]));
        let first = chunker.cut(&vec![0; MOST * 2]);
        assert!(first == MOST || first == LEAST + 1, "{first}");
    }
}
