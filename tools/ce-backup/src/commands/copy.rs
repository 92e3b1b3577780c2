//! `ce-backup copy`: a second place for a repository.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ce_cli::Common;
use ce_record::{Cause, Finding, Metric, State};
use ce_vault::copy;
use clap::Args;

use super::Act;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::Place;
use crate::progress::{self, Reading, STOP};
use crate::storage;

/// Copy a repository to a second place: what is there already is not sent again
///
/// Ciphertext is moved as it is, so that no key is needed; each object is compared with its name on the way, and one that is
/// damaged is not copied, but told. What a snapshot needs goes before it: the second place is whole whenever the copy is
/// interrupted, and the next copy goes on where it ended. Each place forgets and prunes for itself. A storage keeps the time at
/// which it received a snapshot, so that rules begin to count at the second place with the first copy.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup copy /backup swift:web1
  ce-backup copy near offsite --limit-upload 2M")]
pub(crate) struct Copy {
    /// The repository
    #[arg(value_name = "FROM")]
    from: PathBuf,

    /// The second place: empty, or an earlier copy
    #[arg(value_name = "TO")]
    to: PathBuf,

    /// Store nothing, say what would be copied
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    place: Place,
}

impl Act for Copy {
    const NAME: &'static str = "copy";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let from = self.place.open(&self.from)?;
        let to = storage::open(&self.to, &self.place.network)?;
        progress::heed_signals();
        let passed = Arc::new(AtomicU64::new(0));
        let shown = {
            let passed = passed.clone();
            progress::show(None, move || Reading {
                files: 0,
                bytes: passed.load(Ordering::Relaxed),
            })
        };
        let options = copy::Options {
            dry_run: self.dry_run,
            stop: &STOP,
            bytes: &passed,
        };
        let copied = copy::copy(&from, &to, &self.to, &options)?;
        drop(shown);
        let (state, told) = match copied.problems.first() {
            None => (State::Ok, String::new()),
            Some(problem) => (State::Critical, format!("; {problem}")),
        };
        let would = if self.dry_run { "would be " } else { "" };
        let mut finding = Finding::new(
            state,
            format!(
                "{} snapshots {would}copied, {} in {} objects{told}",
                copied.snapshots,
                bytes(copied.bytes),
                copied.objects
            ),
        )
        .object(self.to.display().to_string())
        .cause(Cause::CONTENT)
        .metric(Metric::new("snapshots", copied.snapshots, ""))
        .metric(Metric::new("bytes", copied.bytes, "B"))
        .metric(Metric::new("problems", copied.problems.len() as u64, ""))
        .data("snapshots", copied.snapshots)
        .data("objects", copied.objects)
        .data("bytes", copied.bytes)
        .data("problems", copied.problems.len() as u64)
        .data("made", copied.made)
        .data("dry_run", self.dry_run);
        for problem in copied.problems {
            finding = finding.detail(problem);
        }
        Ok(vec![finding])
    }
}
