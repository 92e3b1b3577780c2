//! `ce-backup diff`: what differs between two snapshots.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use ce_cli::Common;
use ce_record::render::Format;
use ce_record::{Finding, State};
use ce_vault::browse::{Browser, Change};
use clap::Args;
use serde_json::json;

use super::Act;
use crate::fault::Fault;
use crate::place::{self, Place};
use ce_record::bytes;

/// Say what differs between two snapshots: + added, - removed, M content, m metadata
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup diff /backup 5f2c19 latest --identity org.key")]
pub(crate) struct Diff {
    /// The repository, the earlier and the later snapshot
    #[arg(value_name = "REPO SNAPSHOT SNAPSHOT")]
    words: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

impl Act for Diff {
    const NAME: &'static str = "diff";

    fn act(&self, common: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, first, rest) = self.place.split_one(&self.words, "the first snapshot")?;
        let [second] = rest.as_slice() else {
            return Err(Fault::usage("two snapshots are needed"));
        };
        let repository = self.place.open_to_read(&repo)?;
        let earlier = place::find(&repository, &first)?;
        let later = place::find(&repository, &second.display().to_string())?;
        let (from, to) = (
            Browser::new(&repository, &earlier)?,
            Browser::new(&repository, &later)?,
        );
        let mut out = BufWriter::new(io::stdout());
        let mut counts = [0_u64; 4];
        let mut broken = None;
        from.changes_to(&to, |change, path| {
            counts[change as usize] += 1;
            if let Err(error) = write(&mut out, common, change, path) {
                broken = Some(error);
                return Err(ce_vault::Error::Interrupted);
            }
            Ok(())
        })
        .map_err(|error| broken.take().map_or(Fault::from(error), Fault::from))?;
        out.flush().map_err(ce_cli::OutputError::from)?;
        let [added, removed, content, metadata] = counts;
        Ok(vec![
            Finding::new(
                State::Ok,
                format!("{added} added, {removed} removed, {content} with other content, {metadata} with other metadata"),
            )
            .object(format!("{} {}", &earlier.id.to_string()[..8], &later.id.to_string()[..8]))
            .data("added", added)
            .data("removed", removed)
            .data("content", content)
            .data("metadata", metadata),
        ])
    }
}

fn write(
    out: &mut impl Write,
    common: &Common,
    change: Change,
    path: &[u8],
) -> Result<(), ce_cli::OutputError> {
    match ce_cli::format_or_default(common) {
        _ if common.quiet => {}
        Format::Text => writeln!(out, "{} /{}", letter(change), bytes::shown(path))?,
        Format::Json => {
            let path = [b"/", path].concat();
            let line = json!({ "change": word(change), "path": bytes::in_json(&path) });
            writeln!(out, "{line}")?;
        }
        _ => {}
    }
    Ok(())
}

fn letter(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Content => 'M',
        Change::Metadata => 'm',
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Content => "content",
        Change::Metadata => "metadata",
    }
}
