//! Which trees are walked, and in what order: paths that lie in one another are one tree.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::CWD;

use super::walk;
use crate::restore::is_below;
use crate::tree::compare;

/// A path that was asked for, without its first slash, and its device when it can be looked at.
struct Root {
    path: Vec<u8>,
    device: Option<(u32, u32)>,
}

/// What was asked for, once each and in the order of a snapshot.
pub(super) struct Roots(Vec<Root>);

impl Roots {
    pub fn new(paths: &[PathBuf]) -> Self {
        let root = |path: &PathBuf| {
            let bytes = path.as_os_str().as_bytes();
            let name = std::ffi::CString::new(bytes).ok();
            let stat = name.and_then(|name| walk::stat(CWD, &name).ok());
            Root {
                path: bytes.strip_prefix(b"/").unwrap_or(bytes).to_vec(),
                device: stat.map(|stat| (stat.stx_dev_major, stat.stx_dev_minor)),
            }
        };
        let mut roots: Vec<Root> = paths.iter().map(root).collect();
        roots.sort_by(|a, b| compare(&a.path, &b.path));
        roots.dedup_by(|a, b| a.path == b.path);
        Roots(roots)
    }

    /// Those that no other contains.
    pub fn outermost(&self) -> Vec<&[u8]> {
        outermost(self.0.iter())
    }

    /// The outermost of those below a path that is not walked itself.
    pub fn below(&self, path: &[u8]) -> Vec<&[u8]> {
        outermost(
            self.0
                .iter()
                .filter(|root| root.path != path && is_below(&root.path, path)),
        )
    }

    /// The device of the innermost that contains a path.
    pub fn device(&self, path: &[u8]) -> Option<(u32, u32)> {
        let contains = |root: &&Root| root.path == path || is_below(path, &root.path);
        self.0.iter().rev().find(contains)?.device
    }
}

fn outermost<'a>(roots: impl Iterator<Item = &'a Root>) -> Vec<&'a [u8]> {
    let mut found: Vec<&[u8]> = Vec::new();
    for root in roots {
        if found.last().is_none_or(|last| !is_below(&root.path, last)) {
            found.push(&root.path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_sorted_and_those_inside_of_others_are_known() {
        let roots = Roots::new(
            &["/srv", "/etc", "/srv/a/b", "/srv/a", "/etc", "/srv-x"].map(PathBuf::from),
        );
        assert_eq!(roots.outermost(), [&b"etc"[..], b"srv", b"srv-x"]);
        assert_eq!(roots.below(b"srv"), [b"srv/a"]);
        assert_eq!(roots.below(b"srv/a"), [b"srv/a/b"]);
        assert!(roots.below(b"srv/a/b").is_empty());
        let roots = Roots::new(&["/proc", "/"].map(PathBuf::from));
        assert_eq!(roots.outermost(), [b""]);
        assert_eq!(roots.below(b""), [b"proc"]);
        assert_ne!(roots.device(b"proc/1"), roots.device(b"etc"));
    }
}
