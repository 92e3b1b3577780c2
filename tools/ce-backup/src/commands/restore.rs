//! `ce-backup restore`: a snapshot's files, all or some, below a folder.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ce_cli::Common;
use ce_record::{Cause, Finding, Metric, State};
use ce_vault::restore::{self, Existing, Options, Progress};
use clap::Args;

use super::Act;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::{self, Place};
use crate::progress::{self, Reading, STOP};

/// Put a snapshot's files back, below a folder
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup restore /backup latest --to /tmp/r --identity org.key
  ce-backup restore /backup 5f2c19 /etc/apache2 --to /tmp/r --identity org.key --verify
  ce-backup restore /backup latest:client=acme /srv --to / --in-place --identity org.key")]
pub(crate) struct Restore {
    /// The repository, the snapshot (an id's beginning, latest, latest:KEY=VALUE), and paths in it
    #[arg(value_name = "REPO SNAPSHOT PATH")]
    words: Vec<PathBuf>,

    /// Below this folder, which is made when it is missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Over what is there: files that differ are replaced, what the snapshot lacks is left alone
    #[arg(long)]
    in_place: bool,

    /// Read back what was written and compare
    #[arg(long)]
    verify: bool,

    /// Change nothing, say what would be restored
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    place: Place,
}

impl Act for Restore {
    const NAME: &'static str = "restore";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, word, paths) = self.place.split_one(&self.words, "the snapshot")?;
        if self.place.identity_file().is_none() {
            return Err(ce_vault::Error::NeedsIdentity.into());
        }
        let repository = self.place.open(&repo)?;
        let snapshot = place::find(&repository, &word)?;
        let paths: Vec<Vec<u8>> = paths.iter().map(|path| in_snapshot(path)).collect();
        let counted = Arc::new(Progress::default());
        progress::heed_signals();
        progress::raise_descriptors();
        let total = repository
            .head(&snapshot)
            .ok()
            .filter(|_| paths.is_empty())
            .map(|head| head.figures.bytes);
        let shown = {
            let counted = counted.clone();
            progress::show(total, move || Reading {
                files: counted.files.load(Ordering::Relaxed),
                bytes: counted.bytes.load(Ordering::Relaxed),
            })
        };
        let started = Instant::now();
        let options = Options {
            to: &self.to,
            paths: &paths,
            existing: if self.in_place {
                Existing::Replace
            } else {
                Existing::Refuse
            },
            verify: self.verify,
            dry_run: self.dry_run,
            stop: &STOP,
            progress: &counted,
        };
        let omissions = restore::restore(&repository, &snapshot, &options)?;
        drop(shown);
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (files, others, size) = (
            read(&counted.files),
            read(&counted.others),
            read(&counted.bytes),
        );
        let unchanged = read(&counted.unchanged);
        let absent = |omission: &ce_vault::Omission| omission.why == restore::ABSENT;
        if !paths.is_empty()
            && files == 0
            && omissions.iter().filter(|one| absent(one)).count() == paths.len()
        {
            return Err(nothing(&snapshot, &paths));
        }
        let wanted = |path: &str| {
            let path = path.trim_start_matches('/').as_bytes();
            let below = |wanted: &Vec<u8>| {
                path == wanted || path.starts_with(&[wanted, b"/".as_slice()].concat())
            };
            paths.is_empty() || paths.iter().any(below)
        };
        let torn: Vec<_> = restore::not_taken_whole(&repository, &snapshot)?
            .into_iter()
            .filter(|omission| wanted(&omission.path))
            .collect();
        let state = match (omissions.is_empty() && torn.is_empty(), files + others) {
            (true, _) => State::Ok,
            (false, 0) => State::Critical,
            (false, _) => State::Warning,
        };
        let torn_words = match torn.len() {
            0 => String::new(),
            count => format!(", {count} that the backup had not taken whole"),
        };
        let left_out = match omissions.len() {
            0 => String::new(),
            count => format!(", {count} not restored as they were"),
        };
        let verb = if self.dry_run {
            "would restore"
        } else {
            "restored"
        };
        let verified = if self.verify {
            ", read back and compared"
        } else {
            ""
        };
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut finding = Finding::new(
            state,
            format!(
                "{verb} {files} files and {others} others, {}{verified}{left_out}{torn_words}",
                bytes(size)
            ),
        )
        .object(self.to.display().to_string())
        .cause(Cause::CONTENT)
        .metric(Metric::new("files", files, ""))
        .metric(Metric::new("bytes", size, "B"))
        .data("id", snapshot.id.to_string())
        .data("files", files)
        .data("others", others)
        .data("bytes", size)
        .data("unchanged", unchanged)
        .data("errors", omissions.len() as u64)
        .data("duration_ms", took_ms)
        .data("dry_run", self.dry_run);
        finding = finding.data("writer", ce_vault::hex(&snapshot.writer));
        if let Ok(head) = repository.head(&snapshot) {
            finding = finding.data("host", head.host).data("time", head.time);
        }
        for omission in &omissions {
            finding = finding.detail(format!("{}: {}", omission.path, omission.why));
        }
        for omission in &torn {
            let (path, why) = (&omission.path, &omission.why);
            finding = finding.detail(format!("{path}: {why}, when it was backed up"));
        }
        if omissions
            .iter()
            .any(|omission| omission.why.contains("is missing in the repository"))
        {
            finding = finding
                .detail("hint: ce-backup repair REPO makes a lost index anew from the packs");
        }
        Ok(vec![finding])
    }
}

/// A path as snapshots have it: from the root, without the first slash, and without slashes and dots that mean nothing.
pub(crate) fn in_snapshot(path: &std::path::Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let parts: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    parts.join(&b'/')
}

/// That a snapshot has none of what was asked for.
pub(crate) fn nothing(snapshot: &ce_vault::Snapshot, paths: &[Vec<u8>]) -> Fault {
    let wanted: Vec<String> = paths
        .iter()
        .map(|path| format!("'/{}'", ce_record::shown(path)))
        .collect();
    Fault::with_hint(
        format!(
            "snapshot {} has no {}",
            &snapshot.id.to_string()[..8],
            wanted.join(", ")
        ),
        "ce-backup find REPO SNAPSHOT GLOB looks for it",
    )
}
