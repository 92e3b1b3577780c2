//! Writes what goes to one place: files from chunks, links, pipes, devices; then what they have besides content.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::Options;
use super::place::{Existing, Place};
use crate::create::metadata::{xattrs_of, xattrs_of_path};
use crate::error::{Error, Malformed, Result};
use crate::id::{Id, hex};
use crate::reader::Reader;
use crate::seal::random;
use crate::tree::{Extent, Item, Kind, Metadata, Reference};

/// A piece of a file: where, how much, and of which chunk; of none for a hole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub at: u64,
    pub len: u64,
    pub chunk: Option<(Id, u32)>,
}

/// A file's content with ids and without lists.
pub(crate) fn flatten(
    reader: &Reader<'_>,
    item: &Item,
    references: &[Reference],
) -> Result<Vec<Part>> {
    let Kind::File { extents, .. } = &item.kind else {
        return Ok(Vec::new());
    };
    let lost = || Error::damaged("leaf")(Malformed("it refers to no chunk"));
    let mut parts = Vec::with_capacity(extents.len());
    let mut at = 0_u64;
    for extent in extents {
        let reference = |chunk: u32| {
            references
                .get(chunk as usize)
                .map(|reference| reference.id)
                .ok_or_else(lost)
        };
        match *extent {
            Extent::Hole { len } => parts.push(Part {
                at,
                len,
                chunk: None,
            }),
            Extent::Data { chunk, offset, len } => {
                parts.push(Part {
                    at,
                    len: u64::from(len),
                    chunk: Some((reference(chunk)?, offset)),
                });
            }
            Extent::List { chunk, len: whole } => {
                let id = reference(chunk)?;
                let mut from = at;
                for (id, len) in reader.list(&id)? {
                    parts.push(Part {
                        at: from,
                        len: u64::from(len),
                        chunk: Some((id, 0)),
                    });
                    from += u64::from(len);
                }
                if from - at != whole {
                    return Err(Error::damaged(format!("chunk {id}"))(Malformed(
                        "the list is of another length than its extent",
                    )));
                }
            }
        }
        at = at.checked_add(extent.len()).ok_or_else(lost)?;
    }
    Ok(parts)
}

/// A name for what is to take another's place.
pub(super) fn temporary_name() -> std::ffi::CString {
    let name = format!(".ce-restore-{}", hex(&random::<8>()));
    std::ffi::CString::new(name).unwrap_or_default()
}

/// A file that is being written: in place when it is new, under a temporary name when it takes another's place.
pub(super) struct Target {
    file: OwnedFd,
    place: Place,
    temporary: Option<std::ffi::CString>,
    /// Whether nothing was there before, so that holes need no zeros.
    size: u64,
}

const CREATE: OFlags = OFlags::RDWR
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Target {
    /// Opens the place; none when what is there is what should be.
    pub fn create(place: &Place, item: &Item, options: &Options<'_>) -> io::Result<Option<Self>> {
        let folder = place.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let create = |name: &std::ffi::CString| {
            rustix::fs::openat(folder, name, CREATE, Mode::RUSR | Mode::WUSR)
        };
        let size = item.size();
        match create(&place.name) {
            Ok(file) => Ok(Some(Target {
                file,
                place: place.clone(),
                temporary: None,
                size,
            })),
            Err(Errno::EXIST) if options.existing == Existing::Replace => {
                // Size and time prove nothing to who wants to see the content compared.
                if !options.verify && is_unchanged(place, item)? {
                    return Ok(None);
                }
                let temporary = temporary_name();
                let file = create(&temporary)?;
                Ok(Some(Target {
                    file,
                    place: place.clone(),
                    temporary: Some(temporary),
                    size,
                }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all parts, and with `verify` reads them back.
    pub fn write(
        &self,
        reader: &Reader<'_>,
        parts: &[Part],
        options: &Options<'_>,
    ) -> Result<(), String> {
        if parts.iter().any(|part| part.chunk.is_none()) {
            rustix::fs::ftruncate(&self.file, self.size).map_err(|error| error.to_string())?;
        }
        write_parts(&self.file, reader, parts, options)
    }

    /// Gives it what it has besides content, and its name.
    pub fn finish(&self, item: &Item) -> io::Result<()> {
        dress(&self.file, &item.metadata)?;
        match (&self.temporary, &self.place.folder) {
            (Some(temporary), Some(folder)) => put_in_place(folder, temporary, &self.place.name),
            _ => Ok(()),
        }
    }
}

fn write_parts(
    file: &OwnedFd,
    reader: &Reader<'_>,
    parts: &[Part],
    options: &Options<'_>,
) -> Result<(), String> {
    for part in parts {
        if options.stop.load(Ordering::Relaxed) {
            return Err("the restore was stopped".into());
        }
        if let Some((id, offset)) = part.chunk {
            let chunk = reader.chunk(&id).map_err(|error| error.to_string())?;
            let bytes = chunk
                .get(offset as usize..)
                .and_then(|rest| rest.get(..usize::try_from(part.len).ok()?))
                .ok_or("a chunk is shorter than the snapshot says")?;
            write_at(file, bytes, part.at).map_err(|error| error.to_string())?;
            if options.verify {
                compare(file, bytes, part.at)?;
            }
        }
        options
            .progress
            .bytes
            .fetch_add(part.len, Ordering::Relaxed);
    }
    Ok(())
}

fn write_at(file: &OwnedFd, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn compare(file: &OwnedFd, bytes: &[u8], at: u64) -> Result<(), String> {
    let mut read = vec![0; bytes.len()];
    let mut filled = 0;
    while filled < read.len() {
        match rustix::io::pread(file, &mut read[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(format!("it cannot be read back: {error}")),
        }
    }
    if read == bytes {
        Ok(())
    } else {
        Err("what was written reads back otherwise".into())
    }
}

/// Moves a new file over whatever has the name; not over a folder.
fn put_in_place(
    folder: &OwnedFd,
    temporary: &std::ffi::CString,
    name: &std::ffi::CString,
) -> io::Result<()> {
    let moved = rustix::fs::renameat(folder, temporary, folder, name);
    if moved.is_err() {
        let _ = rustix::fs::unlinkat(folder, temporary, AtFlags::empty());
    }
    Ok(moved?)
}

/// Whether a regular file of this size, time, owner and attributes is there; its content is not read.
fn is_unchanged(place: &Place, item: &Item) -> io::Result<bool> {
    let folder = place.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
    let stat = rustix::fs::statat(folder, &place.name, AtFlags::SYMLINK_NOFOLLOW)?;
    let time = (stat.st_mtime as i64, stat.st_mtime_nsec as u32);
    let owner = &item.metadata.owner;
    let same = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && u64::try_from(stat.st_size).is_ok_and(|size| size == item.size())
        && time == item.metadata.mtime
        && stat.st_mode & 0o7777 == item.metadata.mode
        && (!rustix::process::geteuid().is_root()
            || (stat.st_uid, stat.st_gid) == (owner.uid, owner.gid));
    if !same {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(folder, &place.name, flags, Mode::empty()) else {
        return Ok(false);
    };
    Ok(xattrs_of(&file).is_ok_and(|xattrs| xattrs == item.metadata.xattrs))
}

/// A file that several threads write.
pub(super) struct LargeFile {
    target: Target,
    item: Item,
    left: AtomicUsize,
    failed: AtomicBool,
}

/// A part of one.
pub(super) struct Segment {
    file: Arc<LargeFile>,
    parts: Vec<Part>,
}

impl LargeFile {
    pub fn create(
        place: &Place,
        item: Item,
        options: &Options<'_>,
    ) -> io::Result<Option<Arc<Self>>> {
        let Some(target) = Target::create(place, &item, options)? else {
            return Ok(None);
        };
        rustix::fs::ftruncate(&target.file, target.size)?;
        let file = LargeFile {
            target,
            item,
            left: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        };
        Ok(Some(Arc::new(file)))
    }

    /// Parts of about this many bytes.
    pub fn segments(self: &Arc<Self>, parts: Vec<Part>, bytes: u64) -> Vec<Segment> {
        let mut segments: Vec<Vec<Part>> = vec![Vec::new()];
        let mut filled = 0;
        for part in parts {
            if filled >= bytes {
                segments.push(Vec::new());
                filled = 0;
            }
            filled += if part.chunk.is_some() { part.len } else { 0 };
            segments
                .last_mut()
                .into_iter()
                .for_each(|last| last.push(part));
        }
        self.left.store(segments.len(), Ordering::Release);
        segments
            .into_iter()
            .map(|parts| Segment {
                file: self.clone(),
                parts,
            })
            .collect()
    }
}

impl Segment {
    pub fn path(&self) -> &[u8] {
        &self.file.item.path
    }

    /// Writes it; the last one finishes the file.
    pub fn write(&self, reader: &Reader<'_>, options: &Options<'_>) -> Result<(), String> {
        let written = write_parts(&self.file.target.file, reader, &self.parts, options);
        if written.is_err() {
            self.file.failed.store(true, Ordering::Release);
        }
        let last = self.file.left.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && !self.file.failed.load(Ordering::Acquire) {
            self.file
                .target
                .finish(&self.file.item)
                .map_err(|error| error.to_string())?;
            options.progress.files.fetch_add(1, Ordering::Relaxed);
        }
        written
    }
}

/// Makes a link, a pipe, a socket or a device.
pub(super) fn special(place: &Place, item: &Item, existing: Existing) -> io::Result<()> {
    let folder = place.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
    let name = &place.name;
    let node = |kind, major, minor| {
        rustix::fs::mknodat(
            folder,
            name,
            kind,
            Mode::RUSR | Mode::WUSR,
            rustix::fs::makedev(major, minor),
        )
    };
    let make = || match &item.kind {
        Kind::Symlink(target) => rustix::fs::symlinkat(target.as_slice(), folder, name),
        Kind::Fifo => node(FileType::Fifo, 0, 0),
        Kind::Socket => node(FileType::Socket, 0, 0),
        Kind::Char(major, minor) => node(FileType::CharacterDevice, *major, *minor),
        Kind::Block(major, minor) => node(FileType::BlockDevice, *major, *minor),
        Kind::File { .. } | Kind::Folder | Kind::Hardlink(_) => Ok(()),
    };
    match make() {
        Err(Errno::EXIST) if existing == Existing::Replace => {
            rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
            make()?;
        }
        made => made?,
    }
    let metadata = &item.metadata;
    chown(
        |uid, gid| {
            rustix::fs::chownat(
                folder,
                name,
                Some(uid),
                Some(gid),
                AtFlags::SYMLINK_NOFOLLOW,
            )
        },
        metadata,
    )?;
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    for key in not_its_own(xattrs_of_path(&path), metadata) {
        rustix::fs::lremovexattr(path.as_slice(), std::ffi::OsStr::from_bytes(&key))?;
    }
    for (key, value) in &metadata.xattrs {
        rustix::fs::lsetxattr(
            path.as_slice(),
            std::ffi::OsStr::from_bytes(key),
            value,
            XattrFlags::empty(),
        )?;
    }
    if !matches!(item.kind, Kind::Symlink(_)) {
        // By descriptor: who may write to the folder could put a link in its place meanwhile.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(folder, name, flags, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&made)?.st_mode) != FileType::Symlink {
            let path = format!("/proc/self/fd/{}", made.as_raw_fd());
            rustix::fs::chmod(path, Mode::from_raw_mode(metadata.mode))?;
        }
    }
    Ok(rustix::fs::utimensat(
        folder,
        name,
        &times(metadata),
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

/// Gives an open file or folder owner, attributes, permissions and times, in the order in which none undoes another.
pub(super) fn dress(file: &OwnedFd, metadata: &Metadata) -> io::Result<()> {
    let file = file.as_fd();
    chown(
        |uid, gid| rustix::fs::fchown(file, Some(uid), Some(gid)),
        metadata,
    )?;
    for name in not_its_own(xattrs_of(file), metadata) {
        rustix::fs::fremovexattr(file, std::ffi::OsStr::from_bytes(&name))?;
    }
    for (name, value) in &metadata.xattrs {
        rustix::fs::fsetxattr(
            file,
            std::ffi::OsStr::from_bytes(name),
            value,
            XattrFlags::empty(),
        )?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(metadata.mode))?;
    Ok(rustix::fs::futimens(file, &times(metadata))?)
}

/// Attributes that a new item has from its folder's default ACL, or an old one from earlier, and that the snapshot lacks.
fn not_its_own(there: io::Result<Vec<(Vec<u8>, Vec<u8>)>>, metadata: &Metadata) -> Vec<Vec<u8>> {
    let lacks = |name: &Vec<u8>| metadata.xattrs.iter().all(|(own, _)| own != name);
    let inherited =
        |name: &Vec<u8>| name.starts_with(b"system.posix_acl_") || name.starts_with(b"user.");
    let names = there.unwrap_or_default().into_iter().map(|(name, _)| name);
    names
        .filter(|name| inherited(name) && lacks(name))
        .collect()
}

/// Only root may give files away; anybody else keeps them.
fn chown(chown: impl FnOnce(Uid, Gid) -> Result<(), Errno>, metadata: &Metadata) -> io::Result<()> {
    match chown(
        Uid::from_raw(metadata.owner.uid),
        Gid::from_raw(metadata.owner.gid),
    ) {
        Err(Errno::PERM) if !rustix::process::geteuid().is_root() => Ok(()),
        done => Ok(done?),
    }
}

fn times(metadata: &Metadata) -> Timestamps {
    let time = Timespec {
        tv_sec: metadata.mtime.0,
        tv_nsec: i64::from(metadata.mtime.1),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
