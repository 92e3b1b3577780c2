//! Going on in a log where the last run stopped, across rotation and truncation.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How much of a file's start tells it from its successor, in bytes.
const HEAD_BYTES: usize = 1024;

/// A longer line is cut, in bytes.
const LINE_BYTES: u64 = 64 << 10;

/// Where the last run stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) offset: u64,
    /// How many bytes of the start `head` was made of.
    head_bytes: usize,
    head: u64,
}

/// What a run has read of one log.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Progress {
    pub(super) mark: Mark,
    pub(super) lines: u64,
    /// What could not be read, and why: one line each.
    pub(super) lost: Vec<String>,
    /// Left for the next run, in bytes.
    pub(super) left: u64,
}

/// FNV-1a, 64 bits: it tells files apart, it guards nothing.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn head(file: &mut File, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(length.min(HEAD_BYTES) as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether this is the file that the mark was made in.
fn is_same(file: &mut File, mark: Mark) -> io::Result<bool> {
    let start = head(file, mark.head_bytes)?;
    Ok(file.metadata()?.len() >= mark.offset
        && start.len() == mark.head_bytes
        && hash(&start) == mark.head)
}

/// Feeds the lines that came since the mark to `each`, those of a file that was rotated away first. Without a mark it
/// begins at the end, or at the start when `from_start`.
pub(super) fn follow(
    path: &Path,
    mark: Option<Mark>,
    from_start: bool,
    budget: u64,
    mut each: impl FnMut(&[u8]),
) -> io::Result<Progress> {
    let mut file = File::open(path)?;
    let mut progress = Progress::default();
    let mut budget = budget;
    let mut offset = match mark {
        None if from_start => 0,
        None => file.metadata()?.len(),
        Some(mark) if is_same(&mut file, mark)? => mark.offset,
        Some(mark) => {
            match predecessor(path, mark) {
                Ok(mut old) => {
                    let (end, _) = lines(
                        &mut old,
                        mark.offset,
                        budget,
                        &mut progress.lines,
                        &mut each,
                    )?;
                    budget -= end.saturating_sub(mark.offset).min(budget);
                    let left = old.metadata()?.len().saturating_sub(end);
                    if left > 0 {
                        progress.lost.push(format!(
                            "{left} bytes at the end of the rotated file were not read"
                        ));
                    }
                }
                Err(lost) => progress.lost.push(lost),
            }
            0
        }
    };
    let start = offset;
    let (end, complete) = lines(&mut file, start, budget, &mut progress.lines, &mut each)?;
    offset = end;
    let length = file.metadata()?.len();
    if !complete {
        progress.left = length.saturating_sub(offset);
    }
    let first = head(&mut file, usize::try_from(offset).unwrap_or(HEAD_BYTES))?;
    progress.mark = Mark {
        offset,
        head_bytes: first.len(),
        head: hash(&first),
    };
    Ok(progress)
}

/// Reads whole lines; gives where it stopped and whether that was the end.
fn lines(
    file: &mut File,
    from: u64,
    budget: u64,
    count: &mut u64,
    each: &mut impl FnMut(&[u8]),
) -> io::Result<(u64, bool)> {
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let mut at = from;
    while at - from < budget {
        line.clear();
        let mut length = (&mut reader)
            .take(LINE_BYTES)
            .read_until(b'\n', &mut line)? as u64;
        if length == LINE_BYTES && line.last() != Some(&b'\n') {
            length += skip_line(&mut reader)?;
        } else if line.last() != Some(&b'\n') {
            // Nothing, or a line whose end is still to be written.
            return Ok((at, true));
        }
        at += length;
        *count += 1;
        each(line.strip_suffix(b"\n").unwrap_or(&line));
    }
    Ok((at, false))
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let (used, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(used);
        skipped += used as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

/// The file that the mark was made in, found beside its successor by how it begins: logrotate gives it the same name
/// with something behind, whether it renames or copies.
fn predecessor(path: &Path, mark: Mark) -> Result<File, String> {
    if mark.offset == 0 {
        return Err("the log was rotated since the last run".to_owned());
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let siblings = path
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let mut packed: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in siblings.into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        let Ok(about) = entry.metadata() else {
            continue;
        };
        if other == name || !other.starts_with(&name) || !about.is_file() {
            continue;
        }
        if [".gz", ".xz", ".bz2", ".zst"]
            .iter()
            .any(|end| other.ends_with(end))
        {
            packed.extend(about.modified().ok().map(|time| (time, entry.path())));
        } else if let Ok(mut file) = File::open(entry.path())
            && is_same(&mut file, mark).unwrap_or_default()
        {
            return Ok(file);
        }
    }
    Err(match packed.iter().max() {
        Some((_, path)) => format!(
            "what was written before the rotation is not read: it is packed, probably in '{}'",
            path.display()
        ),
        None => {
            "the log was truncated or rotated away: what was written before is not read".to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    struct Log(tempfile::TempDir, Option<Mark>);

    impl Log {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap(), None)
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("app.log")
        }

        fn append(&self, text: &str) {
            let mut file = File::options()
                .append(true)
                .create(true)
                .open(self.path())
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn read(&mut self) -> (Vec<String>, Progress) {
            let mut seen = Vec::new();
            let progress = follow(&self.path(), self.1, true, 1 << 20, |line| {
                seen.push(String::from_utf8_lossy(line).into_owned());
            })
            .unwrap();
            self.1 = Some(progress.mark);
            (seen, progress)
        }
    }

    #[test]
    fn each_line_is_read_once_and_only_when_it_is_whole() {
        let mut log = Log::new();
        log.append("a\nb\nhal");
        assert_eq!(log.read().0, ["a", "b"]);
        assert_eq!(log.read().0, [""; 0]);
        log.append("f\n");
        assert_eq!(log.read().0, ["half"]);
    }

    #[test]
    fn rotation_by_name_or_by_copy_loses_no_line() {
        for copy in [false, true] {
            let mut log = Log::new();
            log.append("a\n");
            log.read();
            log.append("b\n");
            let old = log.0.path().join("app.log.1");
            if copy {
                std::fs::copy(log.path(), &old).unwrap();
                File::create(log.path()).unwrap();
            } else {
                std::fs::rename(log.path(), &old).unwrap();
            }
            log.append("c\n");
            let (seen, progress) = log.read();
            assert_eq!(seen, ["b", "c"], "copy {copy}");
            assert_eq!(progress.lost, [""; 0]);
        }
    }

    #[test]
    fn what_is_lost_is_told() {
        let mut log = Log::new();
        log.append("a\n");
        log.read();
        std::fs::write(log.0.path().join("app.log.2.gz"), "x").unwrap();
        std::fs::remove_file(log.path()).unwrap();
        log.append("new\n");
        let (seen, progress) = log.read();
        assert_eq!(seen, ["new"]);
        assert!(
            progress.lost[0].contains("app.log.2.gz"),
            "{:?}",
            progress.lost
        );
    }

    #[test]
    fn a_run_reads_no_more_than_its_budget_and_the_next_goes_on() {
        let mut log = Log::new();
        log.append("aaaa\nbbbb\ncccc\n");
        let mut count = 0;
        let progress = follow(&log.path(), None, true, 6, |_| count += 1).unwrap();
        assert_eq!((count, progress.left), (2, 5));
        log.1 = Some(progress.mark);
        assert_eq!(log.read().0, ["cccc"]);
        log.append(&"x".repeat(200_000));
        log.append("\nend\n");
        let (seen, _) = log.read();
        assert_eq!((seen[0].len(), seen[1].as_str()), (65_536, "end"));
    }

    proptest! {
        #[test]
        fn lines_in_pieces_are_the_lines_as_a_whole(text in "([a-c]{0,5}\n){0,30}", cut in 0usize..180) {
            let cut = cut.min(text.len());
            let mut log = Log::new();
            log.append(&text[..cut]);
            let mut seen = log.read().0;
            log.append(&text[cut..]);
            seen.extend(log.read().0);
            let whole: Vec<&str> = text.lines().collect();
            prop_assert_eq!(seen, whole);
        }
    }
}
