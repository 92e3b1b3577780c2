//! Reads a file into chunks: a small one into a bundle with its neighbours, a large one cut by content.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, SeekFrom, Statx};

use super::pipeline::{Lane, Pipeline};
use super::walk::Entry;
use crate::chunker::{Chunker, MOST};
use crate::error::Result;
use crate::id::Id;
use crate::tree::{Extent, Reference, Xattrs, encode_list};

/// Files below this size share chunks with their neighbours.
pub(super) const SMALL: usize = 64 << 10;
/// A bundle of small files is closed when it has this size.
const BUNDLE: usize = 64 << 10;
/// Files of more chunks have them named in lists.
const LISTED: usize = 64;
/// Names in a list, on average and at most.
const LIST: (u8, usize) = (0xff, 2048);

/// Bytes of a file, with its chunks' ids instead of a leaf's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// All or part of a stored chunk.
    Chunk {
        reference: Reference,
        offset: u32,
        len: u64,
    },
    /// Part of a bundle that is still open, by number.
    Bundled {
        bundle: usize,
        offset: u32,
        len: u32,
    },
    /// Zeros that take no place.
    Hole { len: u64 },
}

/// Turns files into pieces.
pub(super) struct Content<'p, 'scope, 'env> {
    pub pipeline: &'p mut Pipeline<'scope, 'env>,
    chunker: Chunker,
    buffer: Vec<u8>,
    bundle: Vec<u8>,
    closed: Vec<Id>,
    /// Called with every number of bytes read.
    pub progress: &'p dyn Fn(u64),
}

/// How a file was read.
pub(super) enum Outcome {
    /// As it stood still.
    Whole(Vec<Piece>, Xattrs),
    /// As it was at the last of several attempts; it changed during each.
    Torn(Vec<Piece>, Xattrs),
}

/// How often a file that changes is read.
const ATTEMPTS: usize = 3;

impl<'p, 'scope, 'env> Content<'p, 'scope, 'env> {
    pub fn new(
        pipeline: &'p mut Pipeline<'scope, 'env>,
        chunker: Chunker,
        progress: &'p dyn Fn(u64),
    ) -> Self {
        Content {
            pipeline,
            chunker,
            buffer: vec![0; 1 << 20],
            bundle: Vec::with_capacity(BUNDLE + SMALL),
            closed: Vec::new(),
            progress,
        }
    }

    /// Reads a file that `stat` said is regular. The outer error is the repository's, the inner one the file's.
    pub fn read_file(&mut self, entry: &mut Entry) -> Result<io::Result<Outcome>> {
        for attempt in 1..=ATTEMPTS {
            let start = self.bundle.len();
            let (pieces, xattrs, after) = match self.attempt(entry)? {
                Ok(read) => read,
                Err(error) => {
                    self.bundle.truncate(start);
                    return Ok(Err(error));
                }
            };
            let still = same(&entry.stat, &after);
            entry.stat = after;
            if still {
                self.close_if_due(entry)?;
                return Ok(Ok(Outcome::Whole(pieces, xattrs)));
            }
            if attempt == ATTEMPTS {
                return Ok(Ok(Outcome::Torn(pieces, xattrs)));
            }
            self.bundle.truncate(start.min(self.bundle.len()));
        }
        unreachable!("the last attempt returns")
    }

    #[allow(
        clippy::type_complexity,
        reason = "the outer error is the repository's, the inner one the file's"
    )]
    fn attempt(&mut self, entry: &Entry) -> Result<io::Result<(Vec<Piece>, Xattrs, Statx)>> {
        let file = match open(entry) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        match rustix::fs::fstat(&file) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {}
            Ok(_) => return Ok(Err(io::Error::other("it is no regular file any more"))),
            Err(error) => return Ok(Err(error.into())),
        }
        let size = entry.stat.stx_size;
        let sparse = entry.stat.stx_blocks * 512 < size;
        let pieces = if size < SMALL as u64 && !sparse {
            self.small(&file, size as usize)
        } else if sparse {
            self.sparse(&file, size)?
        } else {
            // No more than it had: one that grows as fast as it is read would have no end.
            self.stream(&mut Descriptor(file.as_fd()).take(size))?
        };
        let rest = pieces.and_then(|pieces| {
            let xattrs = super::metadata::xattrs_of(&file)?;
            let after = rustix::fs::statx(
                &file,
                c"",
                rustix::fs::AtFlags::EMPTY_PATH,
                super::walk::WANTED,
            )?;
            Ok((pieces, xattrs, after))
        });
        Ok(rest)
    }

    /// Appends a small file to the open bundle.
    fn small(&mut self, file: &OwnedFd, size: usize) -> io::Result<Vec<Piece>> {
        let start = self.bundle.len();
        self.bundle.resize(start + size, 0);
        let mut filled = start;
        while filled < self.bundle.len() {
            match rustix::io::read(file, &mut self.bundle[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.bundle.truncate(filled);
        (self.progress)((filled - start) as u64);
        let len = (filled - start) as u32;
        if len == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![Piece::Bundled {
            bundle: self.closed.len(),
            offset: start as u32,
            len,
        }])
    }

    /// Ends the bundle after a file whose name and size say so, or when it is full.
    ///
    /// A cut that hangs on names and sizes alone falls on the same files in every copy of a tree, and next month.
    fn close_if_due(&mut self, entry: &Entry) -> Result<()> {
        let size = entry.stat.stx_size;
        if size >= SMALL as u64 {
            return Ok(());
        }
        let mut mixed = size.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in entry.name.as_bytes() {
            mixed = (mixed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let due = (mixed >> 40) * (BUNDLE as u64) < (size << 24);
        if self.bundle.len() >= BUNDLE || (due && self.bundle.len() >= BUNDLE / 4) {
            self.close_bundle()?;
        }
        Ok(())
    }

    /// Stores the open bundle. The ids of all bundles since the last call, by number.
    pub fn close_bundle(&mut self) -> Result<()> {
        if !self.bundle.is_empty() {
            let id = self.pipeline.add(Lane::Content, &self.bundle)?;
            self.closed.push(id);
            self.bundle.clear();
        }
        Ok(())
    }

    /// The ids of the bundles, once the last is closed.
    pub fn take_bundles(&mut self) -> Result<Vec<Id>> {
        self.close_bundle()?;
        Ok(std::mem::take(&mut self.closed))
    }

    /// Only what is no hole.
    fn sparse(&mut self, file: &OwnedFd, size: u64) -> Result<io::Result<Vec<Piece>>> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < size {
            let data = match rustix::fs::seek(file, SeekFrom::Data(at)) {
                Ok(data) => data.min(size),
                Err(rustix::io::Errno::NXIO) => size,
                Err(rustix::io::Errno::INVAL) if at == 0 => 0,
                Err(error) => return Ok(Err(error.into())),
            };
            if data > at {
                pieces.push(Piece::Hole { len: data - at });
            }
            if data == size {
                break;
            }
            let hole = match rustix::fs::seek(file, SeekFrom::Hole(data)) {
                Ok(hole) => hole.min(size),
                Err(rustix::io::Errno::INVAL) => size,
                Err(error) => return Ok(Err(error.into())),
            };
            if let Err(error) = rustix::fs::seek(file, SeekFrom::Start(data)) {
                return Ok(Err(error.into()));
            }
            match self.stream(&mut Descriptor(file.as_fd()).take(hole - data))? {
                Ok(mut more) => pieces.append(&mut more),
                Err(error) => return Ok(Err(error)),
            }
            at = hole;
        }
        Ok(Ok(pieces))
    }

    /// Cuts a stream of any length.
    pub fn stream(&mut self, from: &mut dyn Read) -> Result<io::Result<Vec<Piece>>> {
        let mut chunks: Vec<(Id, u32)> = Vec::new();
        let (mut start, mut end, mut ended) = (0, 0, false);
        while !ended || start < end {
            if !ended && end - start < MOST {
                self.buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
                while end < self.buffer.len() {
                    match from.read(&mut self.buffer[end..]) {
                        Ok(0) => {
                            ended = true;
                            break;
                        }
                        Ok(read) => {
                            end += read;
                            (self.progress)(read as u64);
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Ok(Err(error)),
                    }
                }
            }
            while start < end && (ended || end - start >= MOST) {
                let len = self.chunker.cut(&self.buffer[start..end]);
                let id = self
                    .pipeline
                    .add(Lane::Content, &self.buffer[start..start + len])?;
                chunks.push((id, len as u32));
                start += len;
            }
        }
        self.pieces(&chunks).map(Ok)
    }

    /// Names chunks one by one, or in lists when they are many; lists are cut by content, so that most of them recur.
    fn pieces(&mut self, chunks: &[(Id, u32)]) -> Result<Vec<Piece>> {
        let piece = |id, list, len| Piece::Chunk {
            reference: Reference { id, list },
            offset: 0,
            len,
        };
        if chunks.len() <= LISTED {
            return Ok(chunks
                .iter()
                .map(|(id, len)| piece(*id, false, u64::from(*len)))
                .collect());
        }
        let mut pieces = Vec::new();
        let mut rest = chunks;
        while !rest.is_empty() {
            let cut = rest
                .iter()
                .take(LIST.1)
                .position(|(id, _)| id.0[0] & LIST.0 == 0);
            let (list, after) = rest.split_at(cut.map_or(rest.len().min(LIST.1), |at| at + 1));
            rest = after;
            let len = list.iter().map(|(_, len)| u64::from(*len)).sum();
            let id = self.pipeline.add(Lane::Skeleton, &encode_list(list))?;
            pieces.push(piece(id, true, len));
        }
        Ok(pieces)
    }
}

/// Opens for reading what was a regular file a moment ago; whatever is there now, this neither blocks nor follows.
fn open(entry: &Entry) -> io::Result<OwnedFd> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |flags| rustix::fs::openat(&entry.folder, &entry.name, flags, Mode::empty());
    let file = match open(flags | OFlags::NOATIME) {
        Err(rustix::io::Errno::PERM) => open(flags)?,
        opened => opened?,
    };
    Ok(file)
}

/// Whether a file is the same and stood still between two looks.
fn same(before: &Statx, after: &Statx) -> bool {
    let key = |stat: &Statx| {
        let time = |time: rustix::fs::StatxTimestamp| (time.tv_sec, time.tv_nsec);
        (
            (
                stat.stx_dev_major,
                stat.stx_dev_minor,
                stat.stx_ino,
                stat.stx_mode,
            ),
            (stat.stx_size, time(stat.stx_mtime), time(stat.stx_ctime)),
        )
    };
    key(before) == key(after)
}

struct Descriptor<'a>(std::os::fd::BorrowedFd<'a>);

impl Read for Descriptor<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0, into)?)
    }
}

/// A piece as an extent, with the chunk's number.
pub(super) fn extent(
    piece: &Piece,
    bundles: &[Id],
    mut number: impl FnMut(Reference) -> u32,
) -> Extent {
    match piece {
        Piece::Chunk {
            reference,
            offset: _,
            len,
        } if reference.list => Extent::List {
            chunk: number(*reference),
            len: *len,
        },
        Piece::Chunk {
            reference,
            offset,
            len,
        } => Extent::Data {
            chunk: number(*reference),
            offset: *offset,
            len: *len as u32,
        },
        Piece::Bundled {
            bundle,
            offset,
            len,
        } => {
            let reference = Reference {
                id: bundles[*bundle],
                list: false,
            };
            Extent::Data {
                chunk: number(reference),
                offset: *offset,
                len: *len,
            }
        }
        Piece::Hole { len } => Extent::Hole { len: *len },
    }
}
