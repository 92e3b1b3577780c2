//! What is kept of a job's runs: one small file each, written whole when it starts and when it ends.

use std::path::{Path, PathBuf};

use ce_cli::FileError;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::fault::Fault;
use crate::root::Root;

/// What is kept is a few numbers and the end of an output, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Where root's jobs leave their notes, for a monitor that is not root.
const SYSTEM: &str = "/var/lib/ce";

/// All that is known of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    pub(super) command: Vec<String>,
    /// The run that has begun and, as far as the note knows, not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) running: Option<Running>,
    /// The run that ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<Ended>,
    /// When a run last ended well, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_success: Option<i64>,
    /// Runs that failed since.
    pub(super) failures: u64,
}

/// A run that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) started: i64,
    /// The process that waits for the job.
    pub(super) pid: u32,
    /// Its starting time in clock ticks since boot: with the pid it names a process for ever.
    pub(super) ticks: u64,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) started: i64,
    pub(super) ended: i64,
    pub(super) took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signal: Option<i32>,
    /// Why it could not even be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<String>,
    /// The end of what it wrote.
    pub(super) tail: Vec<String>,
}

impl Ended {
    pub(super) fn is_success(&self) -> bool {
        self.exit_code == Some(0) && self.fault.is_none()
    }
}

impl Note {
    /// The note with this run ended.
    pub(super) fn ended(mut self, pid: u32, run: Ended) -> Self {
        if run.is_success() {
            self.last_success = Some(run.ended);
            self.failures = 0;
        } else {
            self.failures += 1;
        }
        // With overlapping runs the note tells of the one that began last.
        if self
            .running
            .as_ref()
            .is_some_and(|running| running.pid == pid)
        {
            self.running = None;
        }
        self.last = Some(run);
        self
    }
}

/// A job's name: what a file may be called without surprises.
pub(super) fn name(text: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    if text.is_empty() || text.len() > 100 || text.starts_with('.') || !text.bytes().all(fine) {
        return Err(
            "a job's name is letters, digits and . _ @ + - (at most 100, no dot first)".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Where the notes of this user's jobs are.
pub(super) fn folder(context: &Context) -> PathBuf {
    context.dirs.state.join("check/job")
}

/// The note in this folder, if there is one.
pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Note>, Fault> {
    let path = folder.join(format!("{name}.json"));
    let text = match ce_cli::read_bounded(&path, MAX_BYTES) {
        Err(FileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        other => other?,
    };
    match serde_json::from_str(&text) {
        Ok(note) => Ok(Some(note)),
        Err(error) => Err(Fault::Malformed {
            path,
            fault: format!("{error}; the next run of the job writes it anew"),
        }),
    }
}

/// The note of this user's job, else of root's; of a machine elsewhere, that of its root.
pub(super) fn find(context: &Context, root: &Root, name: &str) -> Result<Option<Note>, Fault> {
    if !root.is_live() {
        return read(&root.path(SYSTEM).join("check/job"), name);
    }
    match read(&folder(context), name)? {
        None => read(&Path::new(SYSTEM).join("check/job"), name),
        found => Ok(found),
    }
}

/// Writes it whole; others may read it, for the monitor is seldom root.
pub(super) fn write(folder: &Path, name: &str, note: &Note) -> Result<(), Fault> {
    let path = folder.join(format!("{name}.json"));
    let text = serde_json::to_vec(note).map_err(|error| Fault::Malformed {
        path: path.clone(),
        fault: error.to_string(),
    })?;
    Ok(ce_cli::write_whole(&path, &text, 0o644)?)
}

/// The starting time of a process, the 22nd field of /proc/PID/stat; its name may hold blanks and brackets.
pub(super) fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // One that has ended and waits to be collected does nothing any more.
    fields.next().filter(|state| !matches!(*state, "Z" | "X"))?;
    fields.nth(18)?.parse().ok()
}

/// Whether the process that waits for this run still does.
pub(super) fn is_alive(running: &Running, root: &Root) -> bool {
    root.read(format!("/proc/{}/stat", running.pid))
        .ok()
        .and_then(|stat| ticks(&stat))
        .is_some_and(|ticks| ticks == running.ticks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_process_is_known_by_its_pid_and_start() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let mut running = Running {
            started: 0,
            pid: std::process::id(),
            ticks: ticks(&stat).unwrap(),
        };
        assert!(is_alive(&running, &Root::new("/")));
        let zombie = stat.replacen(") R", ") Z", 1).replacen(") S", ") Z", 1);
        assert_eq!(ticks(&zombie), None);
        running.ticks += 1;
        assert!(!is_alive(&running, &Root::new("/")));
    }

    #[test]
    fn a_name_is_one_that_a_file_may_have() {
        assert!(name("backup-db.daily@web").is_ok());
        for bad in ["", ".x", "a/b", "a b", "ä"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_note_survives_its_file_and_a_torn_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), "a").unwrap(), None);
        let note = Note {
            command: vec!["x".into()],
            failures: 2,
            ..Note::default()
        };
        write(folder.path(), "a", &note).unwrap();
        assert_eq!(read(folder.path(), "a").unwrap(), Some(note));
        std::fs::write(folder.path().join("a.json"), "{\"failures\":").unwrap();
        assert!(read(folder.path(), "a").is_err());
    }

    proptest! {
        #[test]
        fn no_stat_line_breaks_the_parser(text in ".{0,120}") {
            ticks(&text);
        }
    }
}
