//! `ce-backup list`: the snapshots; the organisation's key is not needed.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Cause, Finding, State};
use ce_vault::{Head, Repository, Snapshot, hex};
use clap::Args;

use super::Act;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::Place;

/// Name the snapshots, the newest last
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup list /backup
  ce-backup list /backup --format json | jq -r .data.id")]
pub(crate) struct List {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

impl Act for List {
    const NAME: &'static str = "list";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, _) = self.place.split(&self.words)?;
        let repository = self.place.open(&repo)?;
        let mut findings = Vec::new();
        let mut snapshots = repository.snapshots()?;
        snapshots.sort_by_key(|snapshot| match snapshot {
            Ok((snapshot, received)) => (*received, snapshot.sequence),
            Err(_) => (i64::MIN, 0),
        });
        for snapshot in snapshots {
            match snapshot {
                Ok((snapshot, received)) => {
                    findings.push(finding(&repository, &snapshot, received));
                }
                Err(error) => findings
                    .push(Finding::new(State::Critical, error.to_string()).cause(Cause::CONTENT)),
            }
        }
        if findings.is_empty() {
            findings.push(
                Finding::new(State::Ok, "no snapshots yet").object(repo.display().to_string()),
            );
        }
        Ok(findings)
    }
}

fn finding(repository: &Repository, snapshot: &Snapshot, received: i64) -> Finding {
    let id = snapshot.id.to_string();
    let finding = match repository.head(snapshot) {
        Ok(head) => of_head(&head),
        Err(_) => Finding::new(
            State::Ok,
            format!(
                "writer {}, sequence {}",
                hex(&snapshot.writer),
                snapshot.sequence
            ),
        ),
    };
    let received = jiff::Timestamp::from_second(received)
        .map(|time| time.to_string())
        .unwrap_or_default();
    finding
        .object(id[..8].to_owned())
        .data("id", id)
        .data("writer", hex(&snapshot.writer))
        .data("sequence", snapshot.sequence)
        .data("received", received)
}

fn of_head(head: &Head) -> Finding {
    let figures = &head.figures;
    let state = if figures.complete {
        State::Ok
    } else {
        State::Warning
    };
    let time = head.time.get(..16).unwrap_or(&head.time).replace('T', " ");
    let tags: Vec<String> = head
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let tags = if tags.is_empty() {
        String::new()
    } else {
        format!("  [{}]", tags.join(" "))
    };
    let incomplete = if figures.complete {
        String::new()
    } else {
        format!(", {} not taken whole", figures.error_count)
    };
    Finding::new(
        state,
        format!(
            "{time}  {}  {}  {} files, {}, {} stored{incomplete}{tags}",
            head.host,
            head.roots.join(" "),
            figures.files,
            bytes(figures.bytes),
            bytes(figures.stored_bytes)
        ),
    )
    .cause(Cause::CONTENT)
    .data("time", head.time.clone())
    .data("host", head.host.clone())
    .data("roots", head.roots.clone())
    .data("tags", serde_json::json!(head.tags))
    .data("files", figures.files)
    .data("bytes", figures.bytes)
    .data("new_bytes", figures.new_bytes)
    .data("stored_bytes", figures.stored_bytes)
    .data("errors", figures.error_count)
    .data("complete", figures.complete)
    .data("duration_ms", figures.took_ms)
}
