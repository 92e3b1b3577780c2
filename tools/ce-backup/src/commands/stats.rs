//! `ce-backup stats`: what is stored.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Finding, Metric, State};
use clap::Args;

use super::Act;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::Place;

/// Say what is stored, and what it would take without deduplication and compression
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup stats /backup")]
pub(crate) struct Stats {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

/// The folders of a repository.
const FOLDERS: [&str; 7] = [
    "packs",
    "index",
    "snapshots",
    "keys",
    "writers",
    "forgotten",
    "condemned",
];

impl Act for Stats {
    const NAME: &'static str = "stats";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, _) = self.place.split(&self.words)?;
        let repository = self.place.open(&repo)?;
        let (mut stored, mut objects) = (0, 0);
        let mut finding_lines = Vec::new();
        for folder in FOLDERS {
            let listed =
                repository
                    .store
                    .list(folder)
                    .map_err(|source| ce_vault::Error::Store {
                        action: "list",
                        object: folder.into(),
                        source,
                    })?;
            let size: u64 = listed.iter().map(|listed| listed.size).sum();
            if !listed.is_empty() {
                finding_lines.push(format!(
                    "{folder}: {} objects, {}",
                    listed.len(),
                    bytes(size)
                ));
            }
            stored += size;
            objects += listed.len() as u64;
        }
        let (mut count, mut logical) = (0_u64, 0_u64);
        for (snapshot, _) in repository.snapshots()?.into_iter().flatten() {
            count += 1;
            logical += repository
                .head(&snapshot)
                .map_or(0, |head| head.figures.bytes);
        }
        let times = if stored > 0 {
            logical as f64 / stored as f64
        } else {
            0.0
        };
        let mut finding = Finding::new(
            State::Ok,
            format!(
                "{count} snapshots of {} in {} ({times:.1} times)",
                bytes(logical),
                bytes(stored)
            ),
        )
        .object(repo.display().to_string())
        .metric(Metric::new("stored", stored, "B"))
        .metric(Metric::new("snapshots", count, ""))
        .data("snapshots", count)
        .data("bytes", logical)
        .data("stored_bytes", stored)
        .data("objects", objects);
        for line in finding_lines {
            finding = finding.detail(line);
        }
        Ok(vec![finding])
    }
}
