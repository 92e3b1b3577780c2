//! `ce-backup status`: a Nagios check of how fresh and whole the backups are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Cause, Finding, Metric, Range, State, Thresholds, quantity};
use ce_vault::check;
use ce_vault::{Head, Snapshot, hex};
use clap::Args;

use super::Act;
use super::age;
use super::create::bytes;
use crate::fault::Fault;
use crate::place::{self, Place};

/// Judge how fresh and whole the backups are, as a Nagios check
///
/// The age counts from when the storage received the newest snapshot. Besides, an incomplete snapshot, one whose size
/// is another by more than --size-change than the one before, and a broken chain are told.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup status /backup -w 26h -c 50h --format nagios
  ce-backup status /backup -w 26h -c 50h --identity maintain.key      every machine that writes to it")]
pub(crate) struct Status {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// Warn when the newest snapshot is older: hours as 26h, days as 3d
    #[arg(short, long, value_name = "TIME", value_parser = age)]
    warning: Option<u64>,

    /// Critical when the newest snapshot is older
    #[arg(short, long, value_name = "TIME", value_parser = age)]
    critical: Option<u64>,

    /// Warn when the size changed by more than this since the snapshot before, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 50)]
    size_change: u64,

    #[command(flatten)]
    place: Place,
}

type Series = Vec<(Snapshot, i64, Head)>;

impl Act for Status {
    const NAME: &'static str = "status";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        if let (Some(warning), Some(critical)) = (self.warning, self.critical)
            && warning > critical
        {
            return Err(Fault::usage(
                "--warning is above --critical, and so would never be",
            ));
        }
        let (repo, _) = self.place.split(&self.words)?;
        let repository = self.place.open(&repo)?;
        let now = repository
            .store
            .now()
            .map_err(|source| ce_vault::Error::Store {
                action: "ask for the time of",
                object: "the storage".into(),
                source,
            })?;
        let mut series: BTreeMap<(String, Vec<String>), Series> = BTreeMap::new();
        for snapshot in repository.snapshots()?.into_iter().flatten() {
            if let Ok(head) = repository.head(&snapshot.0) {
                let key = (head.host.clone(), head.roots.clone());
                series
                    .entry(key)
                    .or_default()
                    .push((snapshot.0, snapshot.1, head));
            }
        }
        let mut findings: Vec<Finding> = series
            .into_iter()
            .map(|((host, roots), mut series)| {
                series.sort_by_key(|(snapshot, received, _)| (*received, snapshot.sequence));
                self.judge(&series, now).host(host).object(roots.join(" "))
            })
            .collect();
        let known = place::known_heads(&repository.config.id);
        let broken = check::chains(&repository, &known)?;
        if !broken.is_empty() {
            let mut finding = Finding::new(
                State::Critical,
                format!("the chain of snapshots is broken: {}", broken[0]),
            )
            .object(repo.display().to_string())
            .cause(Cause::CONTENT);
            for line in broken {
                finding = finding.detail(line);
            }
            findings.push(finding);
        }
        if findings.is_empty() {
            findings.push(
                Finding::new(
                    State::Critical,
                    "there is no snapshot that this machine's keys open",
                )
                .object(repo.display().to_string())
                .cause(Cause::CONTENT),
            );
        }
        Ok(findings)
    }
}

impl Status {
    /// One host's backups of the same paths, from old to new.
    fn judge(&self, series: &Series, now: i64) -> Finding {
        let soon = now + ce_vault::FUTURE;
        let future = series
            .iter()
            .filter(|(_, received, _)| *received > soon)
            .count();
        let newest = series
            .iter()
            .rev()
            .find(|(_, received, _)| *received <= soon);
        let Some((snapshot, received, head)) = newest.or(series.last()) else {
            return Finding::new(State::Unknown, "no snapshot");
        };
        let age = u64::try_from(now - received).unwrap_or(0);
        let range =
            |limit: Option<u64>| limit.and_then(|limit| limit.to_string().parse::<Range>().ok());
        let thresholds = Thresholds::new(range(self.warning), range(self.critical));
        let figures = &head.figures;
        let mut state = thresholds.judge(age as f64);
        let mut cause = Cause::THRESHOLD;
        let mut words = vec![format!(
            "{} old, {} files, {}",
            quantity::duration(std::time::Duration::from_secs(age)),
            figures.files,
            bytes(figures.bytes)
        )];
        if !figures.complete {
            words.push(format!("{} items not taken whole", figures.error_count));
            if state == State::Ok {
                (state, cause) = (State::Warning, Cause::CONTENT);
            }
        }
        if future > 0 {
            words.push(format!(
                "{future} received in the future: the storage's clock is or was wrong, set the times of these objects right"
            ));
            if state == State::Ok {
                (state, cause) = (State::Warning, Cause::CONTENT);
            }
        }
        let before = series
            .iter()
            .rev()
            .skip_while(|(other, ..)| other.id != snapshot.id)
            .nth(1)
            .map(|(_, _, head)| head.figures.bytes);
        if let Some(before) =
            before.filter(|before| before.abs_diff(figures.bytes) > before * self.size_change / 100)
        {
            words.push(format!("was {} the time before", bytes(before)));
            if state == State::Ok {
                (state, cause) = (State::Warning, Cause::CONTENT);
            }
        }
        let received = jiff::Timestamp::from_second(*received)
            .map(|time| time.to_string())
            .unwrap_or_default();
        Finding::new(state, words.join(", "))
            .cause(cause)
            .metric(Metric::new("age", age, "s").limits(thresholds).min(0_u64))
            .metric(Metric::new("bytes", figures.bytes, "B").min(0_u64))
            .metric(Metric::new("new_bytes", figures.new_bytes, "B").min(0_u64))
            .metric(Metric::new("errors", figures.error_count, "").min(0_u64))
            .data("id", snapshot.id.to_string())
            .data("writer", hex(&snapshot.writer))
            .data("received", received)
            .data("snapshots", series.len() as u64)
            .data("complete", figures.complete)
    }
}
