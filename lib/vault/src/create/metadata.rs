//! What an item has besides content: owner's names, extended attributes, and the digest that tells whether it changed.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::Statx;

use super::cache::{PathKey, Stamp};
use super::walk::Entry;
use crate::seal::Key;
use crate::tree::{Metadata, Owner, Xattrs};

/// Names of users and groups, from the files that name them.
#[derive(Debug, Default)]
pub(super) struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    pub fn load() -> Self {
        Owners {
            users: names("/etc/passwd"),
            groups: names("/etc/group"),
        }
    }

    pub fn of(&self, stat: &Statx) -> Owner {
        let name = |names: &HashMap<u32, String>, id| names.get(&id).cloned().unwrap_or_default();
        Owner {
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            user: name(&self.users, stat.stx_uid),
            group: name(&self.groups, stat.stx_gid),
        }
    }
}

/// `name:x:number:...` a line, as passwd(5) and group(5) have it.
fn names(path: &str) -> HashMap<u32, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
    };
    let mut names = HashMap::new();
    for (number, name) in text.lines().filter_map(entry) {
        names.entry(number).or_insert(name);
    }
    names
}

pub(super) fn metadata(stat: &Statx, owners: &Owners, xattrs: Xattrs) -> Metadata {
    Metadata {
        mode: u32::from(stat.stx_mode) & 0o7777,
        owner: owners.of(stat),
        mtime: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
        xattrs,
    }
}

/// Extended attributes of an open file or folder, sorted by name.
pub(crate) fn xattrs_of(file: impl AsFd) -> io::Result<Xattrs> {
    let file = file.as_fd();
    read_xattrs(
        |list| rustix::fs::flistxattr(file, list),
        |name, value| rustix::fs::fgetxattr(file, name, value),
    )
}

/// Extended attributes of what cannot be opened: links, pipes, sockets, devices.
pub(super) fn xattrs_at(entry: &Entry) -> io::Result<Xattrs> {
    let mut path = format!("/proc/self/fd/{}/", entry.folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(entry.name.as_bytes());
    xattrs_of_path(&path)
}

/// Extended attributes of what a path names, be it a link.
pub(crate) fn xattrs_of_path(path: &[u8]) -> io::Result<Xattrs> {
    read_xattrs(
        |list| rustix::fs::llistxattr(path, list),
        |name, value| rustix::fs::lgetxattr(path, name, value),
    )
}

type Errno = rustix::io::Errno;

fn read_xattrs(
    mut list: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
    mut get: impl FnMut(&CStr, &mut [u8]) -> Result<usize, Errno>,
) -> io::Result<Xattrs> {
    let mut names = vec![0; 256];
    let len = match fill(&mut names, &mut list) {
        Ok(len) => len,
        Err(Errno::NOTSUP | Errno::NOSYS) => 0,
        Err(error) => return Err(error.into()),
    };
    names.truncate(len);
    let mut xattrs = Vec::new();
    for name in names
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
    {
        let mut value = vec![0; 256];
        match fill(&mut value, |value| get(name, value)) {
            Ok(len) => {
                value.truncate(len);
                xattrs.push((name.to_bytes().to_vec(), value));
            }
            // Gone meanwhile, or a name that the file system lists and does not give.
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    xattrs.sort_unstable();
    Ok(xattrs)
}

/// Calls until the buffer is large enough.
fn fill(
    buffer: &mut Vec<u8>,
    mut call: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    loop {
        match call(buffer) {
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 8, 0),
            done => return done,
        }
    }
}

/// The key of a path in the cache.
pub(super) fn path_key(key: &Key, path: &[u8]) -> PathKey {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::keyed_hash(key, path).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// How long after a change a file may change again without that `stat` tells, in seconds: file systems that count in these.
const RACY: i64 = 2;

/// The digest of what `stat` says, and of what else an item hangs on; none when the file changed so lately that another
/// change might not show.
pub(super) fn stamp(key: &Key, stat: &Statx, other: &[u8], now: i64) -> Option<Stamp> {
    if stat.stx_ctime.tv_sec.max(stat.stx_mtime.tv_sec) + RACY > now
        && stat.stx_ctime.tv_sec <= now + RACY
    {
        return None;
    }
    let mut bytes = Vec::with_capacity(96 + other.len());
    for number in [
        u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor),
        stat.stx_ino,
        stat.stx_size,
        stat.stx_mtime.tv_sec as u64,
        stat.stx_ctime.tv_sec as u64,
        u64::from(stat.stx_mtime.tv_nsec) << 32 | u64::from(stat.stx_ctime.tv_nsec),
        u64::from(stat.stx_uid) << 32 | u64::from(stat.stx_gid),
        u64::from(stat.stx_mode) << 32 | u64::from(stat.stx_nlink.min(2)),
        u64::from(stat.stx_rdev_major) << 32 | u64::from(stat.stx_rdev_minor),
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(other);
    let mut stamp = [0; 16];
    stamp.copy_from_slice(&blake3::keyed_hash(key, &bytes).as_bytes()[..16]);
    Some(stamp)
}
