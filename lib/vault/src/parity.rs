//! Interleaved parity: what mends a run of damaged bytes in a pack without any key.
//!
//! The payload is taken as blocks of 4 KiB, in regions of about 4 MiB. A region with `m` parity blocks has `m` sets: block
//! `j` belongs to set `j mod m`, and a parity block is the exclusive or of its set. Parity blocks go on counting where
//! the region's blocks end, so that any run of up to `m` blocks, also one across the end of the payload, damages every set
//! once at most. A CRC-32 (as in zlib) of each payload block tells which blocks are damaged; the pack's name proves the mending.

/// Bytes of a block.
pub const BLOCK: usize = 4096;
/// Bytes of a block's CRC-32 in the table.
const DIGEST: usize = 4;
/// Blocks that a region has at least, unless the payload has fewer.
const REGION: usize = 1024;

/// Where parity of a payload of this length lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes that are protected.
    pub payload: usize,
    /// Parity blocks for a hundred payload blocks; 0 for none at all.
    pub percent: u8,
}

impl Layout {
    fn blocks(self) -> usize {
        self.payload.div_ceil(BLOCK)
    }

    fn regions(self) -> usize {
        (self.blocks() / REGION).max(1)
    }

    /// First and last-plus-one block of a region.
    fn region(self, at: usize) -> std::ops::Range<usize> {
        let (blocks, regions) = (self.blocks(), self.regions());
        at * blocks / regions..(at + 1) * blocks / regions
    }

    fn sets(self, region: usize) -> usize {
        (self.region(region).len() * usize::from(self.percent) / 100).max(1)
    }

    /// Bytes of the parity section: the regions' parity blocks, last region first, then the digests.
    #[must_use]
    pub fn section(self) -> usize {
        if self.percent == 0 {
            return 0;
        }
        let sets: usize = (0..self.regions()).map(|region| self.sets(region)).sum();
        sets * BLOCK + self.blocks() * DIGEST
    }
}

fn digest(block: &[u8]) -> [u8; DIGEST] {
    crc32fast::hash(block).to_le_bytes()
}

fn xor(into: &mut [u8], block: &[u8]) {
    for (into, byte) in into.iter_mut().zip(block) {
        *into ^= byte;
    }
}

/// The set, counted from 0, of a region's block.
fn set_of(block: usize, sets: usize) -> usize {
    block % sets
}

/// Where the parity block of a set stands among its region's parity blocks.
fn place_of(set: usize, blocks: usize, sets: usize) -> usize {
    (set + sets - blocks % sets) % sets
}

/// The parity section of this payload.
#[must_use]
pub fn encode(payload: &[u8], percent: u8) -> Vec<u8> {
    let layout = Layout {
        payload: payload.len(),
        percent,
    };
    let mut section = Vec::with_capacity(layout.section());
    if percent == 0 {
        return section;
    }
    for region in (0..layout.regions()).rev() {
        let (range, sets) = (layout.region(region), layout.sets(region));
        let mut parity = vec![0; sets * BLOCK];
        for (at, block) in blocks(payload, range.clone()).enumerate() {
            let place = place_of(set_of(at, sets), range.len(), sets);
            xor(&mut parity[place * BLOCK..][..BLOCK], block);
        }
        section.append(&mut parity);
    }
    for block in payload.chunks(BLOCK) {
        section.extend_from_slice(&digest(block));
    }
    section
}

fn blocks(payload: &[u8], range: std::ops::Range<usize>) -> impl Iterator<Item = &[u8]> {
    payload.chunks(BLOCK).skip(range.start).take(range.len())
}

/// Mends the payload as far as parity reaches; how many blocks were changed.
///
/// The caller proves the outcome by the pack's name: digests of four bytes can miss, and the section itself may be damaged.
pub fn mend(payload: &mut [u8], section: &[u8], percent: u8) -> usize {
    let layout = Layout {
        payload: payload.len(),
        percent,
    };
    if percent == 0 || section.len() != layout.section() {
        return 0;
    }
    let (parity, digests) = section.split_at(section.len() - layout.blocks() * DIGEST);
    let damaged: Vec<bool> = payload
        .chunks(BLOCK)
        .zip(digests.chunks_exact(DIGEST))
        .map(|(block, expected)| digest(block) != expected)
        .collect();
    let mut mended = 0;
    let mut parity = parity;
    for region in (0..layout.regions()).rev() {
        let (range, sets) = (layout.region(region), layout.sets(region));
        let (own, rest) = parity.split_at(sets * BLOCK);
        parity = rest;
        for set in 0..sets {
            let members = || (range.start + set..range.end).step_by(sets);
            let mut wrong = members().filter(|at| damaged[*at]);
            let (Some(lost), None) = (wrong.next(), wrong.next()) else {
                continue;
            };
            let mut block = own[place_of(set, range.len(), sets) * BLOCK..][..BLOCK].to_vec();
            for at in members().filter(|at| *at != lost) {
                let end = payload.len().min((at + 1) * BLOCK);
                xor(&mut block, &payload[at * BLOCK..end]);
            }
            let end = payload.len().min((lost + 1) * BLOCK);
            let target = &mut payload[lost * BLOCK..end];
            target.copy_from_slice(&block[..target.len()]);
            mended += 1;
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn two_percent_cost_two_percent() {
        let layout = Layout {
            payload: 16 << 20,
            percent: 2,
        };
        assert_eq!(layout.section(), 4 * 20 * BLOCK + 4096 * DIGEST);
        assert_eq!(
            Layout {
                payload: 16 << 20,
                percent: 0
            }
            .section(),
            0
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// 64 KiB anywhere in every 4 MiB, also at the end, also over the border between two regions.
        #[test]
        fn a_run_of_64_kib_is_mended(at in 0usize..(9 << 20), len in (4usize << 20)..(9 << 20)) {
            let original = noise(len);
            let section = encode(&original, 2);
            let mut payload = original.clone();
            let at = at % len;
            let end = (at + (64 << 10)).min(len);
            payload[at..end].fill(0x55);
            let touched = end.div_ceil(BLOCK) - at / BLOCK;
            prop_assert!(mend(&mut payload, &section, 2) <= touched);
            prop_assert!(payload == original);
        }

        #[test]
        fn a_run_over_the_end_of_the_payload_is_mended(before in 1usize..(64 << 10), len in (4usize << 20)..(9 << 20)) {
            let original = noise(len);
            let mut section = encode(&original, 2);
            let mut payload = original.clone();
            payload[len - before..].fill(0x55);
            section[..(64 << 10) - before].fill(0x55);
            mend(&mut payload, &section, 2);
            prop_assert!(payload == original);
        }

        #[test]
        fn small_payloads_are_protected_too(len in 1usize..200_000, at: prop::sample::Index) {
            let original = noise(len);
            let section = encode(&original, 2);
            let mut payload = original.clone();
            payload[at.index(len)] ^= 0x80;
            prop_assert_eq!(mend(&mut payload, &section, 2), 1);
            prop_assert!(payload == original);
        }
    }

    #[test]
    fn a_section_of_another_length_mends_nothing() {
        let mut payload = noise(10_000);
        payload[1] ^= 1;
        assert_eq!(mend(&mut payload, &[0; 3], 2), 0);
    }
}
