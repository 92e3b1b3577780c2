//! `ce-backup repair`: mends damage from parity and rebuilds the index.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Cause, Finding, State};
use ce_vault::repair;
use clap::Args;

use super::Act;
use crate::fault::Fault;
use crate::place::Place;
use crate::progress::{self, STOP};

/// Mend damaged packs from their parity, the config from its copy, and the index from the packs
///
/// Packs beyond their parity are named and taken out of the index: the next backup stores anew what it finds.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup repair /backup --dry-run
  ce-backup repair /backup && ce-backup check /backup --read-data")]
pub(crate) struct Repair {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// Change nothing, say what would be mended
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    place: Place,
}

impl Act for Repair {
    const NAME: &'static str = "repair";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, _) = self.place.split(&self.words)?;
        let repository = self.place.open(&repo)?;
        progress::heed_signals();
        let _shown = progress::show(None, progress::Reading::default);
        let again = !self.dry_run && repository.announce_again(&ce_cli::hostname())?;
        let repaired = repair::repair(&repository, self.dry_run, &STOP)?;
        let lost = repaired.packs_lost.len();
        let objects = repaired.objects_mended.len();
        let state = if lost == 0 && repaired.objects_lost.is_empty() {
            State::Ok
        } else {
            State::Critical
        };
        let would = if self.dry_run { "would be " } else { "" };
        let mut finding = Finding::new(
            state,
            format!(
                "{} of {} packs {would}mended, {lost} lost; {objects} keys, writers and snapshots {would}mended, {} \
                 lost; {} index shards {would}written anew{}",
                repaired.packs_mended.len(),
                repaired.packs,
                repaired.objects_lost.len(),
                repaired.shards_written,
                if repaired.config_restored {
                    "; config restored from its copy"
                } else {
                    ""
                }
            ),
        )
        .object(repo.display().to_string())
        .cause(Cause::CONTENT)
        .data("packs", repaired.packs)
        .data("packs_mended", repaired.packs_mended.len() as u64)
        .data("packs_lost", lost as u64)
        .data("objects_mended", objects as u64)
        .data("objects_lost", repaired.objects_lost.len() as u64)
        .data("shards_written", repaired.shards_written)
        .data("shards_removed", repaired.shards_removed)
        .data("config_restored", repaired.config_restored)
        .data("dry_run", self.dry_run);
        for object in &repaired.objects_lost {
            finding = finding.detail(format!("lost: {object}, and its copy"));
        }
        for pack in &repaired.packs_lost {
            finding = finding.detail(format!("lost: pack {pack}, or parts of it"));
        }
        for object in &repaired.objects_mended {
            finding = finding.detail(format!("mended: {object}"));
        }
        if again {
            finding = finding
                .detail("what this machine announced itself with was gone and is written anew");
        }
        for pack in &repaired.packs_mended {
            finding = finding.detail(format!("mended: pack {pack}"));
        }
        if repaired.writers_left > 0 {
            finding = finding.detail(format!(
                "the index of {} other machines was left alone",
                repaired.writers_left
            ));
        }
        Ok(vec![finding])
    }
}
