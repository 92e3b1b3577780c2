//! Dumps as files: zstd frames cut where the content says so, so that the pieces that did not change since last night
//! are the same bytes in the file, and a repository stores them once although they are compressed.
//!
//! `zstdcat` reads such a file. At its end is a frame that zstd skips, with what is known of the dump as JSON.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use ce_vault::chunker::Chunker;
use ce_vault::seal::Key;
use serde_json::Value;

/// Of 2^17 bytes: small enough that a changed row costs little, large enough to compress within 5 % of the whole.
const AVERAGE_BITS: u32 = 17;
/// A frame that zstd skips (RFC 8878, 3.1.2).
const SKIPPABLE: u32 = 0x184D_2A50;
/// The last bytes of a file that has such a frame of ours.
const MARK: [u8; 4] = *b"CEDB";
/// What a file that zstd wrote begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Cuts and compresses what is written to it.
pub(crate) struct Frames<W: Write> {
    out: W,
    chunker: Chunker,
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
    stored: u64,
}

impl<W: Write> Frames<W> {
    pub fn new(out: W, level: i32) -> io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(level)?;
        compressor.include_checksum(true)?;
        Ok(Frames {
            out,
            // These files are nobody's secret, and every night's must be cut alike.
            chunker: Chunker::with_average(&Key::new([0; 32]), AVERAGE_BITS),
            compressor,
            buffer: Vec::new(),
            stored: 0,
        })
    }

    fn frame(&mut self, from: usize, length: usize) -> io::Result<()> {
        let frame = self
            .compressor
            .compress(&self.buffer[from..from + length])?;
        self.stored += frame.len() as u64;
        self.out.write_all(&frame)
    }

    /// Writes the last frame and what is to be remembered; the file and its length.
    pub fn finish(mut self, facts: &Value) -> io::Result<(W, u64)> {
        let mut from = 0;
        while from < self.buffer.len() {
            let length = self.chunker.cut(&self.buffer[from..]);
            self.frame(from, length)?;
            from += length;
        }
        let json = facts.to_string();
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        self.out.write_all(&SKIPPABLE.to_le_bytes())?;
        self.out.write_all(&(length + 8).to_le_bytes())?;
        self.out.write_all(json.as_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&MARK)?;
        Ok((self.out, self.stored + u64::from(length) + 16))
    }
}

impl<W: Write> Write for Frames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        let mut from = 0;
        while self.buffer.len() - from >= self.chunker.most() {
            let length = self.chunker.cut(&self.buffer[from..]);
            self.frame(from, length)?;
            from += length;
        }
        self.buffer.drain(..from);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is known of the dump in this file, by its last frame.
pub(crate) fn facts(path: &Path) -> io::Result<Option<Value>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut last = [0; 8];
    if size < 16 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut last)?;
    let [a, b, c, d, mark @ ..] = last;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if mark != MARK || length + 16 > size {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(size - 8 - length))?;
    let mut json = Vec::new();
    file.take(length).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json).ok())
}

/// The dump itself, whether it is compressed or not.
pub(crate) fn plain<'a>(mut from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut first)?;
    let compressed = first == ZSTD;
    let all = io::Cursor::new(first).chain(from);
    if compressed {
        Ok(Box::new(zstd::stream::read::Decoder::new(all)?))
    } else {
        Ok(Box::new(all))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A dump of so many rows, of which those with such a number were changed.
    fn dump(rows: u32, changed: impl Fn(u32) -> bool) -> Vec<u8> {
        let mut text = Vec::new();
        for row in 0..rows {
            let note = if changed(row) { "changed" } else { "as it was" };
            let noise = blake3::hash(&row.to_le_bytes()).to_hex();
            let _ = writeln!(text, "({row},'{noise}','{note}'),");
        }
        text
    }

    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut frames = Frames::new(Vec::new(), 3).unwrap();
        for part in text.chunks(10_000) {
            frames.write_all(part).unwrap();
        }
        let (file, length) = frames.finish(&serde_json::json!({"rows": 7})).unwrap();
        assert_eq!(file.len() as u64, length);
        file
    }

    fn frames(mut file: &[u8]) -> Vec<&[u8]> {
        let mut frames = Vec::new();
        while file.starts_with(&ZSTD) {
            let length = zstd::zstd_safe::find_frame_compressed_size(file).unwrap();
            let (frame, rest) = file.split_at(length);
            frames.push(frame);
            file = rest;
        }
        frames
    }

    #[test]
    fn what_is_written_is_read_and_the_facts_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql.zst");
        for text in [dump(20_000, |_| false), Vec::new(), b"x".to_vec()] {
            let file = compressed(&text);
            std::fs::write(&path, &file).unwrap();
            assert_eq!(facts(&path).unwrap().unwrap()["rows"], 7);
            if !text.is_empty() {
                let mut read = Vec::new();
                plain(&file[..]).unwrap().read_to_end(&mut read).unwrap();
                assert!(read == text);
            }
        }
        std::fs::write(&path, "-- no such thing, but longer than sixteen bytes").unwrap();
        assert_eq!(facts(&path).unwrap(), None);
        let mut read = String::new();
        plain(&b"ab"[..])
            .unwrap()
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, "ab");
    }

    #[test]
    fn some_rows_that_changed_leave_most_frames_as_they_were() {
        let (before, after) = (
            compressed(&dump(100_000, |_| false)),
            compressed(&dump(100_000, |row| row / 10 == 4200)),
        );
        let before: HashSet<&[u8]> = frames(&before).into_iter().collect();
        let after = frames(&after);
        let new = after
            .iter()
            .filter(|frame| !before.contains(*frame))
            .count();
        assert!(after.len() > 40 && new <= 4, "{new} of {}", after.len());
    }
}
