//! What a backup leaves out.

use std::os::fd::AsFd;

use glob::{MatchOptions, Pattern};
use rustix::fs::{Mode, OFlags};

/// Patterns as a shell has them, where `**` stands for any folders.
///
/// One that begins with a slash is for whole paths; any other is for the last names of a path, at any depth.
#[derive(Debug, Default)]
pub struct Exclude {
    patterns: Vec<Pattern>,
    paths: Vec<Vec<u8>>,
    /// Device and inode of the folders of these paths: a bind mount shows them elsewhere.
    folders: Vec<(u64, u64)>,
    /// Whether the content of folders that a CACHEDIR.TAG marks is left out (bford.info/cachedir).
    pub caches: bool,
}

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

impl Exclude {
    /// Adds a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn add(&mut self, pattern: &str) -> Result<(), String> {
        let pattern = pattern.trim_end_matches('/');
        let anchored = match pattern.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None => format!("**/{pattern}"),
        };
        let compiled = Pattern::new(&anchored).map_err(|error| {
            let why = match error.msg {
                range if range.contains("range") => "a [ has no ]",
                _ => "** stands for whole folders: nothing may be beside it between slashes",
            };
            format!("'{pattern}' is not a pattern: {why}")
        })?;
        self.patterns.push(compiled);
        Ok(())
    }

    /// Adds one path: the repository itself, when it is inside of what is backed up.
    pub fn add_path(&mut self, path: &std::path::Path) {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::MetadataExt;
        if let Ok(metadata) = path.metadata() {
            self.folders.push((metadata.dev(), metadata.ino()));
        }
        let path = path.as_os_str().as_bytes();
        self.paths
            .push(path.strip_prefix(b"/").unwrap_or(path).to_vec());
    }

    /// Whether a folder is one that was added by its path, under whatever path it is seen.
    #[must_use]
    pub fn is_own(&self, device: u64, inode: u64) -> bool {
        self.folders.contains(&(device, inode))
    }

    /// Whether a path, without its first slash, is left out; what is below it then is not even looked at.
    #[must_use]
    pub fn excludes(&self, path: &[u8]) -> bool {
        if self.paths.iter().any(|own| own == path) {
            return true;
        }
        if self.patterns.is_empty() {
            return false;
        }
        let path = String::from_utf8_lossy(path);
        self.patterns
            .iter()
            .any(|pattern| pattern.matches_with(&path, OPTIONS))
    }
}

const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Whether a folder has a valid CACHEDIR.TAG.
pub(crate) fn is_cache(folder: impl AsFd) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(folder, c"CACHEDIR.TAG", flags, Mode::empty()) else {
        return false;
    };
    let mut head = [0; SIGNATURE.len()];
    rustix::io::read(&file, &mut head[..]).is_ok_and(|read| &head[..read] == SIGNATURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_paths_or_for_names() {
        let mut exclude = Exclude::default();
        for pattern in ["/var/cache/*", "*.tmp", "node_modules/", "a/b"] {
            exclude.add(pattern).expect("a pattern");
        }
        for (path, expected) in [
            ("var/cache/apt", true),
            ("srv/var/cache/apt", false),
            ("x.tmp", true),
            ("srv/www/x.tmp", true),
            ("srv/node_modules", true),
            ("srv/node_modules2", false),
            ("srv/a/b", true),
            ("srv/b", false),
        ] {
            assert_eq!(exclude.excludes(path.as_bytes()), expected, "{path}");
        }
        assert!(exclude.add("a[").is_err());
    }
}
