//! Coming to a file without being caught by a file system that never answers.
//!
//! Every step of a path, symbolic links among them, is looked up in the mount table first. Before anything on a
//! remote file system is touched, a process of its own has asked that file system once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::context::Context;
use crate::mounts::{self, Mount};
use crate::probe;
use crate::root::{self, Root};

/// More matches than this are a pattern that was not meant.
const MAX_MATCHES: usize = 100_000;

/// A file system that does not answer stands before a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' lies on '{}': {fault}", .path.display(), .point.display())]
pub struct Unreachable {
    /// What was asked for.
    pub path: PathBuf,
    /// Where the silent file system is mounted.
    pub point: PathBuf,
    /// What it did instead of answering.
    pub fault: String,
}

/// Knows which mounts answer.
#[derive(Debug)]
pub struct Reach<'a> {
    context: &'a Context,
    root: &'a Root,
    mounts: Vec<Mount>,
    answers: BTreeMap<PathBuf, Result<(), String>>,
}

/// The paths that a pattern matches, sorted, and those it could not look at.
#[derive(Debug, Default)]
pub struct Matches {
    /// What is there.
    pub paths: Vec<PathBuf>,
    /// What could not be looked at: one line each.
    pub faults: Vec<String>,
}

impl<'a> Reach<'a> {
    /// By the mount table of this machine; where it has none, nothing is taken to hang.
    pub fn new(context: &'a Context, root: &'a Root) -> Self {
        Self {
            context,
            root,
            mounts: mounts::read(&Root::new("/")).unwrap_or_default(),
            answers: BTreeMap::new(),
        }
    }

    /// Whether the file system that holds this place, which is no path below a root, answers.
    ///
    /// # Errors
    /// It is silent.
    pub fn answers(&mut self, path: &Path) -> Result<(), Unreachable> {
        let Some(mount) = mounts::holding(&self.mounts, path).filter(|mount| mount.is_remote())
        else {
            return Ok(());
        };
        let context = self.context;
        let answer = self.answers.entry(mount.point.clone()).or_insert_with(|| {
            probe::ask(&mount.point, context)
                .answer(context.deadline)
                .map(drop)
                .map_err(|silent| silent.to_string())
        });
        answer.clone().map_err(|fault| Unreachable {
            path: path.to_owned(),
            point: mount.point.clone(),
            fault,
        })
    }

    /// Where this path of the machine lies, without symbolic links, as far as it exists, touching only what answers.
    ///
    /// # Errors
    /// A file system on the way is silent.
    pub fn resolve(&mut self, path: &Path) -> Result<PathBuf, Unreachable> {
        let root = self.root;
        root.resolve(path, |step| self.answers(step))
    }

    /// What matches this pattern, of which each part may have `*`, `?` and `[a-z]`: absolute paths of the machine.
    pub fn expand(&mut self, pattern: &Path) -> Matches {
        let pattern = match self.root.is_live() {
            true => std::path::absolute(pattern).unwrap_or_else(|_| pattern.to_owned()),
            false => pattern.to_owned(),
        };
        let mut matches = Matches {
            paths: vec!["/".into()],
            faults: Vec::new(),
        };
        for step in root::steps(&pattern) {
            let text = step.to_string_lossy();
            let parents = std::mem::take(&mut matches.paths);
            if let Some(part) = text
                .contains(['*', '?', '['])
                .then(|| Pattern::new(&text).ok())
                .flatten()
            {
                for parent in parents {
                    self.children(&parent, &part, &mut matches);
                }
            } else {
                matches.paths = parents.iter().map(|parent| parent.join(&step)).collect();
            }
            if matches.paths.len() > MAX_MATCHES {
                matches
                    .faults
                    .push(format!("more than {MAX_MATCHES} files match"));
                matches.paths.truncate(MAX_MATCHES);
            }
        }
        matches.paths.sort();
        matches
    }

    fn children(&mut self, parent: &Path, part: &Pattern, matches: &mut Matches) {
        let options = MatchOptions {
            require_literal_leading_dot: true,
            ..MatchOptions::new()
        };
        let literal = parent.join(part.as_str());
        if self.resolve(&literal).is_ok_and(|path| path.exists()) {
            matches.paths.push(literal);
            return;
        }
        let folder = match self.resolve(parent) {
            Ok(folder) => folder,
            Err(unreachable) => return matches.faults.push(unreachable.to_string()),
        };
        match std::fs::read_dir(&folder) {
            Ok(entries) => {
                let names = entries
                    .flatten()
                    .map(|entry| entry.file_name())
                    .filter(|name| part.matches_with(&name.to_string_lossy(), options));
                let found: Vec<PathBuf> = names.map(|name| parent.join(name)).collect();
                matches.paths.extend(found);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => matches.faults.push(format!(
                "cannot read '{}': {}",
                parent.display(),
                said(&error)
            )),
        }
    }
}

/// The system's words without their error number, beginning in lower case.
pub fn said(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn context(state: &Path) -> Context {
        let dir = state.to_owned();
        Context {
            host: "h".into(),
            now: jiff::Timestamp::UNIX_EPOCH,
            deadline: Instant::now() + Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            verbose: 0,
            dirs: ce_cli::Dirs {
                config: dir.clone(),
                state: dir.clone(),
                cache: dir.clone(),
                spool: dir,
            },
        }
    }

    #[test]
    fn links_are_followed_and_patterns_match_without_dot_files() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for name in ["a/1.log", "a/2.log", "a/.log", "b/3.log", "b/[x].log"] {
            let path = base.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("../a/1.log", base.join("b/link")).unwrap();
        let (context, root) = (context(&base), Root::new(&base));
        let mut reach = Reach::new(&context, &root);
        assert_eq!(
            reach.resolve(Path::new("/b/link")).unwrap(),
            base.join("a/1.log")
        );
        let mut names = |pattern: &str| -> Vec<String> {
            let matches = reach.expand(Path::new(pattern));
            assert!(matches.faults.is_empty());
            let inside = |path: &PathBuf| path.strip_prefix("/").unwrap().display().to_string();
            matches.paths.iter().map(inside).collect()
        };
        assert_eq!(names("/*/?.log"), ["a/1.log", "a/2.log", "b/3.log"]);
        assert_eq!(names("b/[x].log"), ["b/[x].log"]);
        assert_eq!(names("none/*"), Vec::<String>::new());
        assert_eq!(names("a/none"), ["a/none"]);
        std::os::unix::fs::symlink("loop", base.join("loop")).unwrap();
        assert!(reach.resolve(Path::new("loop")).is_ok());
    }

    #[test]
    fn what_lies_on_a_silent_mount_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        let root = Root::new("/");
        let mut reach = Reach::new(&context, &root);
        let point = folder.path().canonicalize().unwrap().join("mnt");
        reach.mounts.push(Mount {
            device: "0:9".into(),
            subtree: "/".into(),
            point: point.clone(),
            options: "rw".into(),
            kind: "nfs4".into(),
            source: "server:/".into(),
            super_options: "rw".into(),
        });
        reach.answers.insert(point.clone(), Err("no answer".into()));
        let error = reach.resolve(&point.join("a/b")).unwrap_err();
        assert_eq!(error.point, point);
        assert_eq!(reach.expand(&point.join("*")).faults.len(), 1);
    }
}
