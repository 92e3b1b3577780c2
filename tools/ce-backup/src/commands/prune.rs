//! `ce-backup prune`: deletes what no snapshot needs any more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ce_cli::{Common, parse_duration};
use ce_record::{Finding, Metric, State};
use ce_vault::prune::{self, Options};
use ce_vault::{Id, Repository};
use clap::Args;

use super::Act;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::Place;
use crate::progress::{self, STOP};

/// How a prune goes about it
#[derive(Args, Debug)]
pub(crate) struct Pruning {
    /// Between condemning a pack and deleting it; longer than any backup takes
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "48h")]
    grace: Duration,

    /// Rewrite packs of which more than this share is unused
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=100))]
    unused: u64,

    /// Go on although snapshots are gone that nobody forgot: what only they need is then deleted
    #[arg(long)]
    despite_gaps: bool,
}

/// Delete what no snapshot needs any more, in two steps with a grace period between them
///
/// Backups may run meanwhile, and no lock is taken: the first prune condemns packs, so that no backup relies on them any
/// more; a later one deletes them when the grace is over by the storage's clock. The maintenance key is enough.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup prune /backup
  ce-backup prune /backup --dry-run --identity maintain.key")]
pub(crate) struct Prune {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// Change nothing, say what would be deleted
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    pruning: Pruning,

    #[command(flatten)]
    place: Place,
}

impl Act for Prune {
    const NAME: &'static str = "prune";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, _) = self.place.split(&self.words)?;
        let repository = self.place.open(&repo)?;
        let pruned = self.pruning.prune(&repository, &repo, &[], self.dry_run)?;
        Ok(vec![pruned])
    }
}

impl Pruning {
    /// Prunes as if these snapshots were forgotten; the record of it.
    pub fn prune(
        &self,
        repository: &Repository,
        repo: &Path,
        without: &[Id],
        dry_run: bool,
    ) -> Result<Finding, Fault> {
        progress::heed_signals();
        let _shown = progress::show(None, progress::Reading::default);
        let options = Options {
            grace: i64::try_from(self.grace.as_secs()).unwrap_or(i64::MAX),
            unused: self.unused,
            parity: 2,
            despite_gaps: self.despite_gaps,
            dry_run,
            without,
            stop: &STOP,
        };
        let pruned = prune::prune(repository, &options)?;
        let would = if dry_run { "would be " } else { "" };
        let mut finding = Finding::new(
            State::Ok,
            format!(
                "{} packs {would}deleted ({}), {} {would}condemned, {} rewritten, {} kept",
                pruned.packs_deleted,
                bytes(pruned.bytes_deleted),
                pruned.packs_condemned,
                pruned.packs_rewritten,
                pruned.packs_kept
            ),
        )
        .object(repo.display().to_string())
        .metric(Metric::new("deleted_bytes", pruned.bytes_deleted, "B"))
        .metric(Metric::new("condemned_bytes", pruned.bytes_condemned, "B"))
        .data("packs_deleted", pruned.packs_deleted)
        .data("packs_condemned", pruned.packs_condemned)
        .data("packs_rewritten", pruned.packs_rewritten)
        .data("packs_kept", pruned.packs_kept)
        .data("bytes_deleted", pruned.bytes_deleted)
        .data("bytes_condemned", pruned.bytes_condemned)
        .data("dry_run", dry_run);
        if pruned.writers_left > 0 {
            finding = finding.detail(format!(
                "the packs of {} other machines were left alone: the maintenance or organisation key would open their index",
                pruned.writers_left
            ));
        }
        Ok(finding)
    }
}
