//! Going on in a log where the last run stopped, across rotation and truncation.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::reach::said;

/// How much of the start, and of what lies before the place, tells a file from its successors, in bytes.
const PRINT_BYTES: u64 = 1024;

/// A longer line is looked at in pieces of this length, in bytes.
pub(super) const LINE_BYTES: usize = 1 << 20;

/// What compress programs put behind a name.
const PACKED: [&str; 4] = [".gz", ".xz", ".bz2", ".zst"];

/// Where the last run stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    offset: u64,
    /// Of the bytes that [`Part::print`] takes.
    print: u64,
    inode: u64,
    /// When the file was last written to, in nanoseconds since 1970.
    modified: i64,
    /// The file that was rotated away before this one: some programs go on writing to it for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Box<Mark>>,
}

/// What a run has read of one log.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Progress {
    pub(super) mark: Mark,
    pub(super) lines: u64,
    /// Lines that were longer than [`LINE_BYTES`].
    pub(super) in_pieces: u64,
    /// What could not be read, and why: one line each.
    pub(super) lost: Vec<String>,
    /// Left for the next run, in bytes.
    pub(super) left: u64,
}

/// Feeds the lines that came since the mark to `each`, those of files that were rotated away first. Without a mark it
/// begins at the end, or at the start when `from_start`. It stops when it has read `budget` bytes.
pub(super) fn follow(
    path: &Path,
    mark: Option<&Mark>,
    from_start: bool,
    budget: u64,
    mut each: impl FnMut(&[u8]),
) -> io::Result<Progress> {
    let log = Part::new(path)?;
    let mut progress = Progress {
        mark: mark.cloned().unwrap_or_default(),
        ..Progress::default()
    };
    let work = match mark {
        None => {
            let from = if from_start { 0 } else { log.length };
            vec![Work::new(log, from)]
        }
        Some(mark) => since(mark, log, &mut progress.lost),
    };
    let mut budget = budget;
    let mut before = None;
    let last = work.len() - 1;
    for (
        at,
        Work {
            part,
            from,
            is_late,
        },
    ) in work.into_iter().enumerate()
    {
        if budget == 0 {
            progress.left += part.length.saturating_sub(from);
            continue;
        }
        let read = part.open(from).and_then(|input| {
            let mut lines = Lines {
                input: BufReader::with_capacity(1 << 16, input),
                is_ended: at < last,
                at: from,
            };
            let is_whole = lines.feed(&mut budget, &mut progress, &mut each)?;
            Ok((is_whole, part.mark(lines.at)?))
        });
        let (is_whole, mark) = match read {
            Ok(read) => read,
            Err(error) if at < last => {
                progress.lost.push(format!(
                    "'{}' was rotated away and cannot be read: {}",
                    part.path.display(),
                    said(&error)
                ));
                continue;
            }
            Err(error) => return Err(error),
        };
        if !is_whole {
            progress.left += part.length.saturating_sub(mark.offset);
            budget = 0;
        }
        let kept = (!part.packed()).then(|| Box::new(mark.clone()));
        if is_late {
            progress.mark.before = kept.clone();
        } else {
            progress.mark = Mark { before, ..mark };
        }
        before = kept;
    }
    Ok(progress)
}

/// What is to be read of one file.
struct Work {
    part: Part,
    from: u64,
    /// It had been read to its end and was written to after its successor had begun.
    is_late: bool,
}

impl Work {
    fn new(part: Part, from: u64) -> Self {
        Self {
            part,
            from,
            is_late: false,
        }
    }
}

/// The files to read, oldest first; the last one is the log itself.
fn since(mark: &Mark, log: Part, lost: &mut Vec<String>) -> Vec<Work> {
    // The usual case needs no look at the folder.
    if mark.offset > 0 && mark.inode == log.inode && mark.before.is_none() && log.holds(mark) {
        return vec![Work::new(log, mark.offset)];
    }
    let mut parts = rotated(&log.path);
    let late = mark.before.as_deref().and_then(|before| {
        let same = |part: &Part| part.inode == before.inode && part.holds(before);
        let part = parts.remove(parts.iter().position(same)?);
        Some(Work {
            part,
            from: before.offset,
            is_late: true,
        })
    });
    parts.push(log);
    let last = parts.len() - 1;
    // An empty file looks like the start of any other: only its inode tells it.
    let holds = |part: &Part| part.holds(mark);
    let place = parts
        .iter()
        .rposition(|part| part.inode == mark.inode && holds(part))
        .or_else(|| {
            parts
                .iter()
                .rposition(|part| mark.offset > 0 && holds(part))
        });
    if place.is_none()
        && !parts[..last]
            .iter()
            .any(|part| part.modified >= mark.modified)
    {
        lost.push(
            "it was truncated or rotated away: what was written before is not read".to_owned(),
        );
    }
    let rest = parts
        .into_iter()
        .enumerate()
        .filter_map(|(at, part)| match place {
            Some(place) if place < last || mark.offset > 0 => {
                (at >= place).then(|| Work::new(part, if at == place { mark.offset } else { 0 }))
            }
            _ => (at == last || part.modified > mark.modified).then(|| Work::new(part, 0)),
        });
    late.into_iter().chain(rest).collect()
}

/// The files beside the log that were it once, oldest first.
fn rotated(log: &Path) -> Vec<Part> {
    let folder = log
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let Some(name) = log
        .file_name()
        .map(|name| name.as_encoded_bytes().to_owned())
    else {
        return Vec::new();
    };
    let mut parts: Vec<(Option<u64>, Part)> = folder
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let other = entry.file_name();
            let suffix = rotation(&name, other.as_encoded_bytes())?;
            let number = suffix
                .strip_prefix('.')
                .and_then(|number| number.parse().ok());
            Some((number, Part::new(&entry.path()).ok()?))
        })
        .collect();
    // While a file is being packed, both are there.
    let plain: Vec<PathBuf> = parts.iter().map(|(_, part)| part.path.clone()).collect();
    parts.retain(|(_, part)| !part.packed() || !plain.contains(&part.path.with_extension("")));
    parts.sort_by_key(|(number, part)| (part.modified, Reverse(*number), part.path.clone()));
    parts.into_iter().map(|(_, part)| part).collect()
}

/// What a rotated file has behind the log's name, without its packing: `.1`, `-20261123`, `.old`.
pub(super) fn rotation<'a>(name: &[u8], other: &'a [u8]) -> Option<&'a str> {
    let suffix = std::str::from_utf8(other.strip_prefix(name)?).ok()?;
    let suffix = PACKED
        .iter()
        .find_map(|end| suffix.strip_suffix(end))
        .unwrap_or(suffix);
    let dated = |text: &str| {
        text.starts_with(['.', '-', '_'])
            && text.contains(|letter: char| letter.is_ascii_digit())
            && text
                .chars()
                .all(|letter| letter.is_ascii_digit() || ".-_:+TZ".contains(letter))
    };
    (suffix == ".old" || dated(suffix)).then_some(suffix)
}

/// One file of a log: the log itself, or what it was before a rotation.
struct Part {
    path: PathBuf,
    inode: u64,
    modified: i64,
    length: u64,
}

impl Part {
    fn new(path: &Path) -> io::Result<Self> {
        let about = std::fs::metadata(path)?;
        if !about.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self {
            path: path.to_owned(),
            inode: about.ino(),
            modified: about
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(about.mtime_nsec()),
            length: about.len(),
        })
    }

    fn packed(&self) -> bool {
        let name = self.path.as_os_str().as_encoded_bytes();
        PACKED.iter().any(|end| name.ends_with(end.as_bytes()))
    }

    /// Its text from this byte on.
    fn open(&self, from: u64) -> io::Result<Box<dyn Read>> {
        let mut file = File::open(&self.path)?;
        if !self.packed() {
            file.seek(SeekFrom::Start(from))?;
            return Ok(Box::new(file));
        }
        if self.path.extension().is_none_or(|end| end != "gz") {
            return Err(io::Error::other(
                "of what is packed only .gz is read; see delaycompress in logrotate(8)",
            ));
        }
        let mut unpacked = MultiGzDecoder::new(BufReader::new(file));
        io::copy(&mut (&mut unpacked).take(from), &mut io::sink())?;
        Ok(Box::new(unpacked))
    }

    /// A hash of the first bytes and of those before this place; `None` where the text ends earlier.
    fn print(&self, offset: u64) -> io::Result<Option<u64>> {
        let head = offset.min(PRINT_BYTES);
        let tail = (offset - head).min(PRINT_BYTES);
        let mut bytes = Vec::new();
        self.open(0)?.take(head).read_to_end(&mut bytes)?;
        self.open(offset - tail)?
            .take(tail)
            .read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 == head + tail).then(|| hash(&bytes)))
    }

    /// Whether the mark was made in this file, or in what it is a copy of.
    fn holds(&self, mark: &Mark) -> bool {
        matches!(self.print(mark.offset), Ok(Some(print)) if print == mark.print)
    }

    fn mark(&self, offset: u64) -> io::Result<Mark> {
        Ok(Mark {
            offset,
            print: self.print(offset)?.unwrap_or_default(),
            inode: self.inode,
            modified: self.modified,
            before: None,
        })
    }
}

/// FNV-1a, 64 bits: it tells files apart, it guards nothing.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The lines of one file.
struct Lines<R> {
    input: R,
    /// Nobody writes to it any more: what stands behind the last newline is a line too.
    is_ended: bool,
    /// The byte behind the last line that was fed.
    at: u64,
}

impl<R: BufRead> Lines<R> {
    /// Feeds lines until the end or until the budget is used up; tells whether it came to the end.
    fn feed(
        &mut self,
        budget: &mut u64,
        progress: &mut Progress,
        each: &mut impl FnMut(&[u8]),
    ) -> io::Result<bool> {
        let mut line = Vec::new();
        let mut is_piece = false;
        while *budget > 0 {
            line.clear();
            (&mut self.input)
                .take(LINE_BYTES as u64)
                .read_until(b'\n', &mut line)?;
            let is_whole = line.last() == Some(&b'\n');
            if line.is_empty() || !(is_whole || self.is_ended || line.len() == LINE_BYTES) {
                // The end, or a line whose end is still to be written.
                return Ok(true);
            }
            self.at += line.len() as u64;
            *budget = budget.saturating_sub(line.len() as u64);
            progress.lines += u64::from(is_whole || line.len() < LINE_BYTES);
            progress.in_pieces += u64::from(!is_piece && !is_whole && line.len() == LINE_BYTES);
            is_piece = !is_whole;
            each(line.strip_suffix(b"\n").unwrap_or(&line));
        }
        Ok(self.input.fill_buf()?.is_empty())
    }
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
            let progress = follow(&self.path(), self.1.as_ref(), true, 8 << 20, |line| {
                seen.push(String::from_utf8_lossy(line).into_owned());
            })
            .unwrap();
            self.1 = Some(progress.mark.clone());
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

    fn rename(log: &Log, from: &str, to: &str) {
        std::fs::rename(log.0.path().join(from), log.0.path().join(to)).unwrap();
    }

    fn pack(log: &Log, name: &str, end: &str) {
        let path = log.0.path().join(name);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&std::fs::read(&path).unwrap()).unwrap();
        let times = std::fs::metadata(&path).unwrap().modified().unwrap();
        let to = log.0.path().join(format!("{name}{end}"));
        std::fs::write(&to, packed.finish().unwrap()).unwrap();
        File::options()
            .write(true)
            .open(&to)
            .unwrap()
            .set_modified(times)
            .unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn all_that_was_rotated_since_is_read_packed_or_not() {
        for (second, first) in [
            ("app.log.2", "app.log.1"),
            ("app.log-20261122", "app.log-20261123"),
        ] {
            for packed in [0, 1, 2] {
                let mut log = Log::new();
                log.append("a\n");
                log.read();
                log.append("b\n");
                rename(&log, "app.log", second);
                log.append("c\nno newline");
                rename(&log, "app.log", first);
                log.append("d\n");
                std::fs::write(log.0.path().join("app.log.offset"), "foreign\n").unwrap();
                if packed > 0 {
                    pack(&log, second, ".gz");
                }
                if packed > 1 {
                    pack(&log, first, ".gz");
                }
                let (seen, progress) = log.read();
                assert_eq!(seen, ["b", "c", "no newline", "d"], "{first} {packed}");
                assert_eq!(progress.lost, [""; 0]);
                assert_eq!(log.read().0, [""; 0]);
            }
        }
    }

    #[test]
    fn an_empty_log_is_known_by_its_inode() {
        for copy in [false, true] {
            let mut log = Log::new();
            log.append("");
            log.read();
            std::thread::sleep(std::time::Duration::from_millis(20));
            log.append("a\n");
            if copy {
                std::fs::copy(log.path(), log.0.path().join("app.log.1")).unwrap();
                File::create(log.path()).unwrap();
            } else {
                rename(&log, "app.log", "app.log.1");
            }
            log.append("b\n");
            assert_eq!(log.read().0, ["a", "b"], "copy {copy}");
        }
    }

    #[test]
    fn what_is_written_to_the_rotated_file_later_is_read_too() {
        let mut log = Log::new();
        log.append("a\n");
        let mut writer = File::options().append(true).open(log.path()).unwrap();
        log.read();
        rename(&log, "app.log", "app.log.1");
        log.append("new\n");
        assert_eq!(log.read().0, ["new"]);
        writer.write_all(b"late\n").unwrap();
        assert_eq!(log.read().0, ["late"]);
        log.append("newer\n");
        assert_eq!(log.read().0, ["newer"]);
    }

    #[test]
    fn what_is_lost_is_told() {
        let mut log = Log::new();
        log.append("a\n");
        log.read();
        log.append("b\n");
        rename(&log, "app.log", "app.log.1");
        pack(&log, "app.log.1", ".xz");
        log.append("new\n");
        let (seen, progress) = log.read();
        assert_eq!(seen, ["new"]);
        assert!(
            progress.lost[0].contains("app.log.1.xz"),
            "{:?}",
            progress.lost
        );
        std::fs::write(log.path(), "x\n").unwrap();
        let (seen, progress) = log.read();
        assert_eq!(seen, ["x"]);
        assert!(
            progress.lost[0].contains("truncated"),
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
        rename(&log, "app.log", "app.log.1");
        log.append("dddd\n");
        let progress = follow(&log.path(), log.1.as_ref(), true, 5, |_| count += 1).unwrap();
        assert_eq!((count, progress.left, progress.lost.len()), (3, 5, 0));
        log.1 = Some(progress.mark);
        assert_eq!(log.read().0, ["dddd"]);
    }

    #[test]
    fn a_line_without_end_is_read_in_pieces_each_once() {
        let mut log = Log::new();
        log.append(&"x".repeat(LINE_BYTES * 5 / 2));
        let (seen, progress) = log.read();
        assert_eq!((seen.len(), progress.lines, progress.in_pieces), (2, 0, 1));
        log.append("\nend\n");
        let (seen, progress) = log.read();
        assert_eq!((seen[0].len(), seen[1].as_str()), (LINE_BYTES / 2, "end"));
        assert_eq!(progress.lines, 2);
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
