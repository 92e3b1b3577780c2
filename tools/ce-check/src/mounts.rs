//! The mount table, read without touching what is mounted: a dead server's mount must not hang the reader.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::root::Root;

/// One line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `major:minor` of the file system.
    pub device: String,
    /// What of the file system is mounted; `/` unless it is a bind mount of a folder.
    pub subtree: PathBuf,
    /// Where.
    pub point: PathBuf,
    /// Per-mount options, e.g. `rw,nosuid`.
    pub options: String,
    /// The type, e.g. `ext4`, `nfs4`, `fuse.sshfs`.
    pub kind: String,
    /// The device, server path or word that it was mounted from.
    pub source: OsString,
    /// Options of the file system itself, e.g. `rw,errors=remount-ro`.
    pub super_options: String,
}

/// Types that are answered by another machine or a process, and can therefore hang.
const REMOTE: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse",
    "gfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// Types that hold no data of anybody.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

impl Mount {
    /// Whether asking it can wait for another machine or process.
    pub fn is_remote(&self) -> bool {
        REMOTE.binary_search(&self.kind.as_str()).is_ok()
            || (self.kind.starts_with("fuse.") && self.kind != "fuse.lxcfs")
    }

    /// Whether it holds no data of anybody.
    pub fn is_pseudo(&self) -> bool {
        PSEUDO.binary_search(&self.kind.as_str()).is_ok() || self.kind == "fuse.lxcfs"
    }

    /// Whether nothing can be written through this mount.
    pub fn is_read_only(&self) -> bool {
        let read_only = |options: &str| options.split(',').any(|option| option == "ro");
        read_only(&self.options) || read_only(&self.super_options)
    }
}

/// All mounts of this machine, in the order they were made.
pub fn read(root: &Root) -> Result<Vec<Mount>, Fault> {
    const MOUNTINFO: &str = "/proc/self/mountinfo";
    let text = root.read(MOUNTINFO)?;
    text.lines()
        .map(|line| parse(line).ok_or_else(|| root.malformed(MOUNTINFO, format!("line '{line}'"))))
        .collect()
}

pub(crate) fn parse(line: &str) -> Option<Mount> {
    let mut words = line.split(' ').skip(2);
    let device = words.next()?.to_owned();
    let subtree = unescape(words.next()?).into();
    let point = unescape(words.next()?).into();
    let options = words.next()?.to_owned();
    let mut rest = words.skip_while(|word| *word != "-").skip(1);
    let kind = rest.next()?.to_owned();
    let source = unescape(rest.next()?);
    let super_options = rest.next().unwrap_or_default().to_owned();
    Some(Mount {
        device,
        subtree,
        point,
        options,
        kind,
        source,
        super_options,
    })
}

/// The kernel writes blank, tab, newline and backslash as `\040` and so on.
pub(crate) fn unescape(word: &str) -> OsString {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            digits.iter().try_fold(0u32, |value, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| value * 8 + u32::from(digit - b'0'))
            })
        };
        match (
            byte,
            tail.get(..3)
                .and_then(octal)
                .and_then(|value| u8::try_from(value).ok()),
        ) {
            (b'\\', Some(value)) => {
                bytes.push(value);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// The mount that holds this absolute path: the last made of those with the longest matching point.
pub fn holding<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.as_os_str().as_bytes().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_types_are_sorted_for_the_search() {
        assert!(REMOTE.is_sorted() && PSEUDO.is_sorted());
    }

    #[test]
    fn a_line_reads_as_the_kernel_documents_it() {
        let line = r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/ro\134ot rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!(mount.point, Path::new("/mnt 2"));
        assert_eq!(mount.source, OsString::from("/dev/ro\\ot"));
        assert_eq!(
            (mount.kind.as_str(), mount.super_options.as_str()),
            ("ext3", "rw,errors=continue")
        );
        assert!(!mount.is_read_only() && !mount.is_remote() && !mount.is_pseudo());
        assert_eq!(parse("36 35 98:0 / /mnt rw"), None);
    }

    #[test]
    fn a_path_belongs_to_the_deepest_and_newest_mount() {
        let mount = |point: &str, kind: &str| {
            parse(&format!("1 2 0:1 / {point} rw - {kind} src rw")).unwrap()
        };
        let mounts = [
            mount("/", "ext4"),
            mount("/srv", "ext4"),
            mount("/srv", "nfs4"),
        ];
        assert_eq!(holding(&mounts, Path::new("/srv/a")).unwrap().kind, "nfs4");
        assert_eq!(
            holding(&mounts, Path::new("/srvx")).unwrap().point,
            Path::new("/")
        );
    }
}
