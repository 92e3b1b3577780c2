//! `ce-backup check`: whether a repository is whole, as far as the keys at hand can see.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Cause, Finding, Metric, State};
use ce_vault::check::{self, Options};
use clap::Args;

use super::Act;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::{self, Place};
use crate::progress::{self, STOP};

/// Prove that a repository is whole, as far as the keys at hand can see
///
/// Without any key: every object's digest, the writers' signatures, the chain of snapshots. With this machine's or the
/// maintenance key: that every chunk of every snapshot is stored. With the organisation's key and --read-data: every chunk's content.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup check /backup
  ce-backup check /backup --read-data --identity org.key
  ce-backup check /backup --read-data-part 1/90          the first of ninety nights that read all")]
pub(crate) struct Check {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// Read all packs too
    #[arg(long)]
    read_data: bool,

    /// Read this share of the packs: the N-th of T parts
    #[arg(long, value_name = "N/T", conflicts_with = "read_data")]
    read_data_part: Option<String>,

    #[command(flatten)]
    place: Place,
}

impl Act for Check {
    const NAME: &'static str = "check";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, _) = self.place.split(&self.words)?;
        let part = match &self.read_data_part {
            Some(text) => Some(parse_part(text)?),
            None => self.read_data.then_some((1, 1)),
        };
        let repository = self.place.open(&repo)?;
        progress::heed_signals();
        let shown = progress::show(None, progress::Reading::default);
        let report = check::check(
            &repository,
            &Options {
                read: part,
                known: &place::known_heads(&repository.config.id),
                stop: &STOP,
            },
        )?;
        drop(shown);
        if report.problems.is_empty() {
            place::remember_heads(&repository.config.id, &report.heads);
        }
        let seen = &report.seen;
        let depth = match (report.contents, part) {
            (true, _) => "digests, structure and contents",
            (false, Some(_)) if report.structure => "digests and structure",
            (false, _) if report.structure => "structure",
            _ => "digests, without any key",
        };
        let summary = format!(
            "{} snapshots, {} packs, {} read; {depth}{}",
            seen.snapshots,
            seen.packs,
            bytes(seen.bytes_read),
            match report.problems.len() {
                0 => ": whole".to_owned(),
                1 => ": 1 thing is wrong".to_owned(),
                count => format!(": {count} things are wrong"),
            }
        );
        let state = if report.problems.is_empty() {
            State::Ok
        } else {
            State::Critical
        };
        let mut finding = Finding::new(state, summary)
            .object(repo.display().to_string())
            .cause(Cause::CONTENT)
            .metric(Metric::new("problems", report.problems.len() as u64, ""))
            .metric(Metric::new("read_bytes", seen.bytes_read, "B"))
            .data("snapshots", seen.snapshots)
            .data("packs", seen.packs)
            .data("chunks", seen.chunks)
            .data("bytes_read", seen.bytes_read)
            .data("structure", report.structure)
            .data("contents", report.contents)
            .data("problems", report.problems.len() as u64)
            .data("affected", report.affected.clone());
        for problem in &report.problems {
            finding = finding.detail(problem.clone());
        }
        for path in &report.affected {
            finding = finding.detail(format!("affected: {path}"));
        }
        Ok(vec![finding])
    }
}

fn parse_part(text: &str) -> Result<(u64, u64), Fault> {
    let parsed = text
        .split_once('/')
        .and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
    match parsed {
        Some((n, of)) if n >= 1 && n <= of => Ok((n, of)),
        _ => Err(Fault::with_hint(
            format!("'{text}' is not a share"),
            "write it as 1/90: the first of ninety parts",
        )),
    }
}
