//! `ce-backup forget`: drops snapshots that no rule keeps.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ce_cli::{Common, parse_duration};
use ce_record::{Finding, State};
use ce_vault::retention::{Candidate, Policy};
use ce_vault::{Head, Id, Snapshot, prune};
use clap::Args;

use super::Act;
use super::prune::Pruning;
use crate::fault::Fault;
use crate::place::{self, Place};

/// Forget snapshots that no rule keeps, or those that are named
///
/// Rules count for each host and set of paths on its own, by the time at which the storage received a snapshot: a server
/// that lies about its clock evicts nothing. The newest complete snapshot of each is always kept.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup forget /backup --keep-daily 14 --keep-weekly 8 --keep-monthly 24 --prune
  ce-backup forget /backup --keep-within 30d --dry-run
  ce-backup forget /backup 5f2c19
  ce-backup forget /backup --lost --identity org.key")]
pub(crate) struct Forget {
    /// The repository, and single snapshots
    #[arg(value_name = "REPO SNAPSHOT")]
    words: Vec<PathBuf>,

    /// Keep the newest N
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_last: usize,

    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_hourly: usize,

    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_daily: usize,

    /// Keep the newest of each of the last N weeks that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_weekly: usize,

    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_monthly: usize,

    /// Keep the newest of each of the last N years that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_yearly: usize,

    /// Keep all that are younger
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    keep_within: Option<Duration>,

    /// Keep all with this tag
    #[arg(long, value_name = "KEY[=VALUE]")]
    keep_tag: Vec<String>,

    /// Go by the times that the snapshots say of themselves, after the repository was copied without its times
    #[arg(long)]
    by_own_time: bool,

    /// Give up snapshots that are gone or damaged beyond repair, so that status, check and prune go on without them
    #[arg(long)]
    lost: bool,

    /// Change nothing, say what would be forgotten
    #[arg(long, short = 'n')]
    dry_run: bool,

    /// Delete what none needs any more, too
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    pruning: Pruning,

    #[command(flatten)]
    place: Place,
}

/// Snapshots of one host and set of paths, with when the storage received them.
type Series = Vec<(Snapshot, i64, Head)>;

impl Act for Forget {
    const NAME: &'static str = "forget";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, named) = self.place.split(&self.words)?;
        let policy = self.policy();
        if self.lost {
            if !policy.is_empty() || !named.is_empty() {
                return Err(Fault::usage(
                    "--lost is for what cannot be read any more: give it alone",
                ));
            }
            return self.give_up(&repo);
        }
        if policy.is_empty() && named.is_empty() {
            return Err(Fault::with_hint(
                "no rule says what to keep",
                "give --keep-daily N or another, or name snapshots",
            ));
        }
        if !policy.is_empty() && !named.is_empty() {
            return Err(Fault::usage(
                "rules and single snapshots are two ways to choose: give one of them",
            ));
        }
        let repository = self.place.open(&repo)?;
        let chosen = if named.is_empty() {
            self.choose(&repository, &policy)?
        } else {
            let named = named
                .iter()
                .map(|word| place::find(&repository, &word.display().to_string()));
            named
                .map(|found| found.map(|snapshot| (snapshot, Vec::new())))
                .collect::<Result<_, _>>()?
        };
        let (mut findings, mut doomed) = (Vec::new(), Vec::new());
        for (snapshot, reasons) in chosen {
            let id = snapshot.id.to_string();
            if reasons.is_empty() {
                let verb = if self.dry_run {
                    "would be forgotten"
                } else {
                    "forgotten"
                };
                let head = repository.head(&snapshot).ok();
                let what = head.map(|head| {
                    format!(
                        "{}  {}  {}  ",
                        &head.time[..16.min(head.time.len())],
                        head.host,
                        head.roots.join(" ")
                    )
                });
                findings.push(
                    Finding::new(State::Ok, format!("{}{verb}", what.unwrap_or_default()))
                        .object(id[..8].to_owned())
                        .data("id", id),
                );
                doomed.push(snapshot);
            }
        }
        let all = repository.snapshots()?.len();
        let kept = all.saturating_sub(doomed.len()) as u64;
        if !self.dry_run {
            prune::forget(&repository, &doomed)?;
        }
        findings.push(
            Finding::new(
                State::Ok,
                format!("{kept} snapshots kept, {} forgotten", doomed.len()),
            )
            .object(repo.display().to_string())
            .data("kept", kept)
            .data("forgotten", doomed.len() as u64)
            .data("dry_run", self.dry_run),
        );
        if self.prune {
            let without: Vec<Id> = doomed.iter().map(|snapshot| snapshot.id).collect();
            let pruned = self
                .pruning
                .prune(&repository, &repo, &without, self.dry_run)?;
            findings.push(pruned);
        }
        Ok(findings)
    }
}

impl Forget {
    fn give_up(&self, repo: &std::path::Path) -> Result<Vec<Finding>, Fault> {
        let repository = self.place.open(repo)?;
        let lost = ce_vault::lost::give_up(&repository, self.dry_run)?;
        let would = if self.dry_run { "would be " } else { "" };
        let mut finding = Finding::new(
            State::Ok,
            format!("{} lost objects {would}given up", lost.len()),
        )
        .object(repo.display().to_string())
        .data("forgotten", lost.len() as u64)
        .data("dry_run", self.dry_run);
        for object in lost {
            finding = finding.detail(object);
        }
        Ok(vec![finding])
    }

    fn policy(&self) -> Policy {
        Policy {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within: self
                .keep_within
                .map(|within| i64::try_from(within.as_secs()).unwrap_or(i64::MAX)),
            tags: self.keep_tag.clone(),
        }
    }

    /// Every snapshot whose head can be read, with the reasons that keep it.
    fn choose(
        &self,
        repository: &ce_vault::Repository,
        policy: &Policy,
    ) -> Result<Vec<(Snapshot, Vec<&'static str>)>, Fault> {
        let mut series: BTreeMap<(String, Vec<String>), Series> = BTreeMap::new();
        for snapshot in repository.snapshots()? {
            let (snapshot, received) = snapshot?;
            let Ok(head) = repository.head(&snapshot) else {
                continue;
            };
            series
                .entry((head.host.clone(), head.roots.clone()))
                .or_default()
                .push((snapshot, received, head));
        }
        let now = repository
            .store
            .now()
            .map_err(|source| ce_vault::Error::Store {
                action: "ask for the time of",
                object: "the storage".into(),
                source,
            })?;
        let mut chosen = Vec::new();
        for mut snapshots in series.into_values() {
            snapshots.sort_by_key(|(snapshot, received, head)| match self.by_own_time {
                true => (own_time(head), snapshot.sequence),
                false => (*received, snapshot.sequence),
            });
            if !self.by_own_time {
                refuse_lost_times(&snapshots)?;
            }
            let candidates: Vec<Candidate> = snapshots
                .iter()
                .map(|(_, received, head)| Candidate {
                    received: match self.by_own_time {
                        true => own_time(head),
                        false => *received,
                    },
                    tags: head
                        .tags
                        .iter()
                        .map(|(key, value)| format!("{key}={value}"))
                        .collect(),
                    complete: head.figures.complete,
                })
                .collect();
            let reasons = policy.choose(&candidates, now);
            chosen.extend(
                snapshots
                    .into_iter()
                    .zip(reasons)
                    .map(|((snapshot, _, _), reasons)| (snapshot, reasons)),
            );
        }
        Ok(chosen)
    }
}

/// When a snapshot was made, in seconds since 1970, by the clock of who made it.
fn own_time(head: &Head) -> i64 {
    head.time
        .parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_second)
}

/// Refuses to judge by times of receipt that are those of a copy: rules would keep next to nothing.
fn refuse_lost_times(series: &Series) -> Result<(), Fault> {
    const DAY: i64 = 86_400;
    let span = |time: &dyn Fn(&(Snapshot, i64, Head)) -> i64| {
        let times = || series.iter().map(time);
        times().max().unwrap_or(0) - times().min().unwrap_or(0)
    };
    let (received, own) = (span(&|entry| entry.1), span(&|entry| own_time(&entry.2)));
    if series.len() < 3 || own < 2 * DAY || received > own / 10 {
        return Ok(());
    }
    Err(Fault::with_hint(
        format!(
            "{} snapshots made over {} days were received within {}: the repository was copied without its times",
            series.len(),
            own / DAY,
            ce_record::quantity::duration(Duration::from_secs(received.unsigned_abs()))
        ),
        "copy the times too (cp -p, rsync -t), or go by the snapshots' own with --by-own-time",
    ))
}
