//! One entry of a tree: a file, a folder, a link, a device; with everything that a restore puts back.

use crate::error::Malformed;
use crate::wire::{Cursor, put_bytes, put_signed, put_varint};

/// Whom an item belongs to; names go with the numbers, for a restore on another machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the field's names say it")]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    pub user: String,
    pub group: String,
}

/// Extended attributes: names and values.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// What every kind of item has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Permissions with setuid, setgid and sticky: the lower twelve bits of `st_mode`.
    pub mode: u32,
    /// User and group.
    pub owner: Owner,
    /// Modification: seconds since 1970, which may be negative, and nanoseconds.
    pub mtime: (i64, u32),
    /// Extended attributes, sorted by name; ACLs and capabilities are among them.
    pub xattrs: Xattrs,
}

/// A piece of a file's content, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Bytes of a chunk: its number in the leaf's references, where they begin in it, how many.
    Data {
        /// Number of the reference.
        chunk: u32,
        /// Bytes before them in the chunk.
        offset: u32,
        /// Bytes.
        len: u32,
    },
    /// All bytes of the chunks that a list names.
    List {
        /// Number of the reference.
        chunk: u32,
        /// Bytes.
        len: u64,
    },
    /// Zeros that take no place.
    Hole {
        /// Bytes.
        len: u64,
    },
}

impl Extent {
    /// Bytes of the file that it stands for.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Extent::Data { len, .. } => u64::from(*len),
            Extent::List { len, .. } | Extent::Hole { len } => *len,
        }
    }

    /// Whether it stands for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Its content; the lengths add up to its size.
        extents: Vec<Extent>,
        /// Whether it went on changing while it was read.
        torn: bool,
    },
    /// A folder.
    Folder,
    /// A symbolic link to this.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device of this major and minor number.
    Char(u32, u32),
    /// A block device of this major and minor number.
    Block(u32, u32),
    /// The same inode as the item of this path, which comes earlier.
    Hardlink(Vec<u8>),
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// From the root of the file system, without the first slash; any bytes but NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What it has.
    pub metadata: Metadata,
}

impl Item {
    /// Bytes of a file's content; 0 for everything else.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File { extents, .. } => extents.iter().map(Extent::len).sum(),
            _ => 0,
        }
    }

    /// Appends it; the path as what differs from the path before, the owner as a number.
    pub(super) fn encode(&self, before: &[u8], owner: usize, out: &mut Vec<u8>) {
        let shared = self
            .path
            .iter()
            .zip(before)
            .take_while(|(a, b)| a == b)
            .count();
        put_varint(out, shared as u64);
        put_bytes(out, &self.path[shared..]);
        let (number, flag) = match &self.kind {
            Kind::File { torn, .. } => (0, *torn),
            Kind::Folder => (1, false),
            Kind::Symlink(_) => (2, false),
            Kind::Fifo => (3, false),
            Kind::Socket => (4, false),
            Kind::Char(..) => (5, false),
            Kind::Block(..) => (6, false),
            Kind::Hardlink(_) => (7, false),
        };
        let Metadata {
            mode,
            mtime,
            xattrs,
            ..
        } = &self.metadata;
        out.push(number | u8::from(flag) << 4 | u8::from(!xattrs.is_empty()) << 5);
        put_varint(out, u64::from(*mode));
        put_varint(out, owner as u64);
        put_signed(out, mtime.0);
        put_varint(out, u64::from(mtime.1));
        match &self.kind {
            Kind::File { extents, .. } => encode_extents(extents, out),
            Kind::Symlink(target) | Kind::Hardlink(target) => put_bytes(out, target),
            Kind::Char(major, minor) | Kind::Block(major, minor) => {
                put_varint(out, u64::from(*major));
                put_varint(out, u64::from(*minor));
            }
            Kind::Folder | Kind::Fifo | Kind::Socket => {}
        }
        if !xattrs.is_empty() {
            put_varint(out, xattrs.len() as u64);
            for (name, value) in xattrs {
                put_bytes(out, name);
                put_bytes(out, value);
            }
        }
    }

    pub(super) fn decode(
        cursor: &mut Cursor<'_>,
        before: &[u8],
        owners: &[Owner],
    ) -> Result<Self, Malformed> {
        let shared = cursor.size()?;
        let mut path = before
            .get(..shared)
            .ok_or(Malformed("a path shares more than there is"))?
            .to_vec();
        path.extend_from_slice(cursor.bytes()?);
        let flags = cursor.byte()?;
        let mode = cursor.varint()?;
        let owner = owners
            .get(cursor.size()?)
            .ok_or(Malformed("an owner is not in the table"))?
            .clone();
        let mtime = (cursor.signed()?, small(cursor.varint()?)?);
        let kind = match flags & 15 {
            0 => Kind::File {
                extents: decode_extents(cursor)?,
                torn: flags & 16 != 0,
            },
            1 => Kind::Folder,
            2 => Kind::Symlink(cursor.bytes()?.to_vec()),
            3 => Kind::Fifo,
            4 => Kind::Socket,
            5 => Kind::Char(small(cursor.varint()?)?, small(cursor.varint()?)?),
            6 => Kind::Block(small(cursor.varint()?)?, small(cursor.varint()?)?),
            7 => Kind::Hardlink(cursor.bytes()?.to_vec()),
            _ => return Err(Malformed("an item is of an unknown kind")),
        };
        let mut xattrs = Vec::new();
        if flags & 32 != 0 {
            for _ in 0..cursor.count(2)? {
                xattrs.push((cursor.bytes()?.to_vec(), cursor.bytes()?.to_vec()));
            }
        }
        let mode = (mode & 0o7777) as u32;
        Ok(Item {
            path,
            kind,
            metadata: Metadata {
                mode,
                owner,
                mtime,
                xattrs,
            },
        })
    }
}

fn small(value: u64) -> Result<u32, Malformed> {
    u32::try_from(value).map_err(|_| Malformed("a number is too large"))
}

/// Appends extents: a count, then each as `kind + 4 * (difference of the reference to the one before)` and its numbers.
pub(crate) fn encode_extents(extents: &[Extent], out: &mut Vec<u8>) {
    put_varint(out, extents.len() as u64);
    let mut last = 0;
    let mut head = |out: &mut Vec<u8>, kind: i64, chunk: u32| {
        let step = i64::from(chunk) - last;
        last = i64::from(chunk);
        put_signed(out, step * 4 + kind);
    };
    for extent in extents {
        match extent {
            Extent::Data { chunk, offset, len } => {
                head(out, 0, *chunk);
                put_varint(out, u64::from(*offset));
                put_varint(out, u64::from(*len));
            }
            Extent::List { chunk, len } => {
                head(out, 1, *chunk);
                put_varint(out, *len);
            }
            Extent::Hole { len } => {
                put_signed(out, 2);
                put_varint(out, *len);
            }
        }
    }
}

pub(crate) fn decode_extents(cursor: &mut Cursor<'_>) -> Result<Vec<Extent>, Malformed> {
    let mut last: i64 = 0;
    (0..cursor.count(2)?)
        .map(|_| {
            let head = cursor.signed()?;
            let kind = head & 3;
            if kind < 2 {
                last = last
                    .checked_add(head >> 2)
                    .ok_or(Malformed("a reference is out of bounds"))?;
            }
            let chunk =
                || u32::try_from(last).map_err(|_| Malformed("a reference is out of bounds"));
            Ok(match kind {
                0 => Extent::Data {
                    chunk: chunk()?,
                    offset: small(cursor.varint()?)?,
                    len: small(cursor.varint()?)?,
                },
                1 => Extent::List {
                    chunk: chunk()?,
                    len: cursor.varint()?,
                },
                2 => Extent::Hole {
                    len: cursor.varint()?,
                },
                _ => return Err(Malformed("an extent is of an unknown kind")),
            })
        })
        .collect()
}
