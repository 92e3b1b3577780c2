//! Free space and inodes of file systems.

use std::path::{Path, PathBuf};

use ce_record::quantity::bytes;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::mounts::{self, Mount};
use crate::probe::{self, Silent, Space};

mod flags;
mod limit;
mod select;
#[cfg(test)]
mod tests;

use flags::Flags;
use limit::{Limit, Limits};
use select::Selection;

pub(super) static CHECK: Check = Check::new::<Disk>("disk", Group::Machine, "Free space and inodes of file systems")
    .metrics(&[
        MetricDoc { name: "used", unit: "B", about: "bytes in use" },
        MetricDoc { name: "used_percent", unit: "%", about: "share in use of what everybody can use, as df(1) counts" },
        MetricDoc { name: "inodes_used", unit: "", about: "inodes in use" },
        MetricDoc { name: "inodes_used_percent", unit: "%", about: "share of inodes in use" },
    ])
    .data(&[
        Field { name: "type", kind: "string", about: "type of the file system" },
        Field { name: "device", kind: "string", about: "what is mounted" },
        Field { name: "free_bytes", kind: "integer", about: "free for everybody" },
        Field { name: "total_bytes", kind: "integer", about: "size of the file system" },
    ])
    .plugins(&[Plugin {
        name: "check_disk",
        word: "DISK",
        preset: &["--just-as-plugin"],
        perfdata: |record, metric| {
            let point = record.object.clone().unwrap_or_default();
            match &*metric.name {
                "used" => Some(metric.clone().named(point)),
                "inodes_used" => Some(metric.clone().named(format!("{point} (inodes)"))),
                _ => None,
            }
        },
        deviations: &[
            "inodes are always among the perfdata (as with -P)",
            "without any threshold it judges by -w 10% -c 5% -W 10% -K 5%: the plugin refuses to run, or with a path alone is always OK",
            "a size with a unit, 5G, is that size: the plugin drops the letter and takes 5 of the -u units",
            "ranges such as @10:20 are refused: how much is free has only one bad side",
            "limits beyond the size are 0 in the perfdata, and the size of a -g group is rounded down once: \
             the plugin's numbers wrap around 2^64, and it rounds each file system of the group",
            "a -w that lies below its -c is refused: it could never warn",
            "a file system mounted twice is judged once, at its shortest path: two alarms for one disk help nobody",
            "squashfs, iso9660, erofs and other images that are always full are judged only when named",
            "-i and -I without any path drop from all file systems instead of being refused",
            "/dev and what is mounted below /proc and /sys are judged only with -A, by -r or when named: nobody stores anything there",
            "overlay mounts of containers are judged only when named: the disk below them is judged itself",
            "ignored mounts are never touched, and a mount whose server hangs is CRITICAL by name while the others are judged",
        ],
    }]);

/// The flags and, from the same command line, what they select in their order.
#[derive(Debug)]
pub(super) struct Disk {
    flags: Flags,
    selection: Selection,
}

/// What is known of one file system when it is judged.
struct Facts {
    name: String,
    kind: String,
    device: String,
    space: Result<Space, Silent>,
    limits: Limits,
    judged: bool,
}

impl Observe for Disk {
    fn validate(&self) -> Result<(), Fault> {
        self.selection.validate()?;
        let rules = self.selection.rules.iter().map(|rule| &rule.limits);
        rules
            .chain([&self.selection.rest])
            .try_for_each(|limits| limits.validate(self.flags.units))
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let mounts = mounts::read(&self.flags.root)?;
        let resolve = |path: &Path| match mounts::holding(&mounts, path) {
            _ if !self.flags.root.is_live() => Path::new("/").join(path),
            Some(mount) if mount.is_remote() => path.to_owned(),
            _ => std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        };
        let chosen = select::choose(
            &self.selection,
            &mounts,
            self.flags.exact_match,
            resolve,
            |mount| self.keeps(mount),
        )
        .map_err(Fault::Absent)?;
        let facts = self.gather(&chosen, context);
        let mut findings: Vec<Finding> = facts
            .iter()
            .filter(|facts| !is_empty(facts))
            .map(|facts| self.judge(facts))
            .collect();
        if findings.is_empty() {
            return Err(Fault::Absent("no file system is left to judge".to_owned()));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

/// A file system without blocks holds nothing that could run out.
fn is_empty(facts: &Facts) -> bool {
    facts.space.as_ref().is_ok_and(|space| space.blocks == 0)
}

impl Disk {
    fn keeps(&self, mount: &Mount) -> bool {
        let flags = &self.flags;
        let excluded = |device: &PathBuf| *device == mount.point || *device == *mount.source;
        (!flags.local || !mount.is_remote())
            && !flags.exclude_type.contains(&mount.kind)
            && (flags.include_type.is_empty() || flags.include_type.contains(&mount.kind))
            && !flags.exclude_device.iter().any(excluded)
    }

    /// Asks every chosen file system: those that may hang from processes of their own, all at once.
    fn gather(&self, chosen: &[select::Chosen<'_>], context: &Context) -> Vec<Facts> {
        let recorded = match self.flags.root.is_live() {
            true => None,
            false => self.flags.root.read_if_there("/.statvfs").ok().flatten(),
        };
        let asked: Vec<_> = chosen
            .iter()
            .map(|one| {
                let remote = one.mount.is_some_and(Mount::is_remote);
                let live = recorded.is_none() && remote;
                live.then(|| probe::ask(&self.flags.root.path(&one.path), context))
            })
            .collect();
        let mut groups: Vec<Facts> = Vec::new();
        let mut facts = Vec::new();
        for (one, asked) in chosen.iter().zip(asked) {
            let space = match (asked, &recorded) {
                (Some(asked), _) => asked.answer(context.deadline),
                (None, Some(table)) => recorded_space(table, &one.name),
                (None, None) if one.mount.is_none() => {
                    Err(Silent::Refused(std::io::ErrorKind::NotFound.into()))
                }
                (None, None) => probe::space(&self.flags.root.path(&one.path)),
            };
            let device = one
                .mount
                .map(|mount| mount.source.to_string_lossy().into_owned())
                .unwrap_or_default();
            let name = if self.flags.mountpoint {
                device.clone()
            } else {
                // What cannot be reached is named as it was asked for.
                let name = if space.is_err() { &one.path } else { &one.name };
                name.display().to_string()
            };
            let kind = one
                .mount
                .map(|mount| mount.kind.clone())
                .unwrap_or_default();
            let judged = !(self.flags.stat_remote_fs && one.mount.is_some_and(Mount::is_remote));
            let fact = Facts {
                name,
                kind,
                device,
                space,
                limits: one.limits,
                judged,
            };
            match (&one.group, &fact.space) {
                (Some(group), Ok(space)) => {
                    match groups.iter_mut().find(|sum| sum.name == *group) {
                        Some(Facts { space: Ok(sum), .. }) => *sum = add(sum, space),
                        _ => groups.push(Facts {
                            name: group.clone(),
                            kind: String::new(),
                            device: String::new(),
                            ..fact
                        }),
                    }
                }
                _ => facts.push(fact),
            }
        }
        facts.append(&mut groups);
        facts
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let space = match &facts.space {
            Ok(space) => space,
            Err(silent) => {
                let cause = if matches!(silent, Silent::Refused(_)) {
                    Cause::SYSTEM
                } else {
                    Cause::TIMEOUT
                };
                return Finding::new(State::Critical, silent.to_string())
                    .object(&facts.name)
                    .cause(cause);
            }
        };
        let used = (space.blocks - space.free.min(space.blocks)) * space.block_bytes;
        let free = space.available * space.block_bytes;
        let usable = used + free;
        let total = if self.flags.freespace_ignore_reserved {
            usable
        } else {
            space.blocks * space.block_bytes
        };
        let limits = if facts.judged {
            facts.limits
        } else {
            Limits::default()
        };

        let threshold =
            |limit: Option<Limit>| limit.map(|limit| limit.bytes(self.flags.units, usable));
        // The plugin compares whole units, and what is left of one is not there: 24105.6 MB are not more than 24105.
        let whole = |bytes: u64| match self.flags.just_as_plugin {
            true => bytes - bytes % self.flags.units.0,
            false => bytes,
        };
        let reached = |limit: Option<Limit>| {
            let free = match limit {
                Some(Limit::Units(_)) => whole(free),
                _ => free,
            };
            is_reached(free, threshold(limit))
        };
        let state = match (reached(limits.crit), reached(limits.warn)) {
            (true, _) => State::Critical,
            (false, true) => State::Warning,
            (false, false) => State::Ok,
        };
        // Its perfdata has the limits as what may be used of all, blocks for root included, though it judges as we do.
        let (shown_used, shown_total) = (whole(used), whole(total));
        let limited = if self.flags.just_as_plugin {
            shown_total
        } else {
            usable
        };
        #[allow(clippy::cast_precision_loss)]
        let used_range = |limit: Option<Limit>| {
            limit.and_then(|limit| {
                let bytes = limit.bytes(self.flags.units, limited);
                Range::new(0.0, (limited as f64 - bytes).max(0.0).floor())
            })
        };
        let free_percent = percent(free, usable);
        let mut summary = format!(
            "{free_percent:.0}% free ({} of {})",
            bytes(free),
            bytes(usable)
        );

        let inodes_used = space.inodes - space.inodes_free.min(space.inodes);
        let inodes_free_percent = percent(space.inodes_free, space.inodes);
        let inode_state = if space.inodes == 0 {
            State::Ok
        } else {
            Thresholds::new(limits.inode_warn.map(above), limits.inode_crit.map(above))
                .judge(inodes_free_percent)
        };
        if inode_state != State::Ok {
            summary = format!(
                "{inodes_free_percent:.0}% of inodes free ({}), {summary}",
                space.inodes_free
            );
        }

        let share = |limit: Option<Limit>| {
            threshold(limit).and_then(|bytes| {
                Range::new(
                    0.0,
                    (100.0 - bytes / (usable.max(1) as f64) * 100.0).clamp(0.0, 100.0),
                )
            })
        };
        let mut finding = Finding::new(state.max(inode_state), summary)
            .object(&facts.name)
            .cause(Cause::THRESHOLD)
            .metric(
                Metric::new("used", shown_used, "B")
                    .limits(Thresholds::new(
                        used_range(limits.warn),
                        used_range(limits.crit),
                    ))
                    .min(0i64)
                    .max(shown_total),
            )
            .metric(
                Metric::new(
                    "used_percent",
                    Number::rounded(100.0 - free_percent, 2),
                    "%",
                )
                .limits(Thresholds::new(share(limits.warn), share(limits.crit)))
                .min(0i64)
                .max(100i64),
            )
            .data("free_bytes", free)
            .data("total_bytes", total);
        if !facts.kind.is_empty() {
            finding = finding
                .data("type", facts.kind.as_str())
                .data("device", facts.device.as_str());
        }
        if space.inodes > 0 {
            #[allow(clippy::cast_precision_loss)]
            let inode_range = |percent: Option<f64>| {
                percent.and_then(|percent| {
                    Range::new(
                        0.0,
                        (space.inodes as f64 * (100.0 - percent) / 100.0).floor(),
                    )
                })
            };
            let used_share =
                |percent: Option<f64>| percent.and_then(|percent| Range::new(0.0, 100.0 - percent));
            finding = finding
                .metric(
                    Metric::new("inodes_used", inodes_used, "")
                        .limits(Thresholds::new(
                            inode_range(limits.inode_warn),
                            inode_range(limits.inode_crit),
                        ))
                        .min(0i64)
                        .max(space.inodes),
                )
                .metric(
                    Metric::new(
                        "inodes_used_percent",
                        Number::rounded(100.0 - inodes_free_percent, 2),
                        "%",
                    )
                    .limits(Thresholds::new(
                        used_share(limits.inode_warn),
                        used_share(limits.inode_crit),
                    ))
                    .min(0i64)
                    .max(100i64),
                );
        }
        finding
    }
}

fn recorded_space(table: &str, point: &Path) -> Result<Space, Silent> {
    let missing = || Silent::Refused(std::io::ErrorKind::NotFound.into());
    let row = |line: &str| {
        line.split_once('\t')
            .filter(|(name, _)| Path::new(name) == point)
            .map(|(_, row)| row.to_owned())
    };
    table
        .lines()
        .find_map(row)
        .and_then(|row| probe::recorded(&row))
        .ok_or_else(missing)
}

fn add(sum: &Space, more: &Space) -> Space {
    let scaled = |blocks: u64| blocks * more.block_bytes / sum.block_bytes.max(1);
    Space {
        block_bytes: sum.block_bytes,
        blocks: sum.blocks + scaled(more.blocks),
        free: sum.free + scaled(more.free),
        available: sum.available + scaled(more.available),
        inodes: sum.inodes + more.inodes,
        inodes_free: sum.inodes_free + more.inodes_free,
    }
}

/// At or below the limit, as check_disk counts: `-c 0` tells of a file system that is quite full.
#[allow(clippy::cast_precision_loss)]
fn is_reached(free: u64, limit: Option<f64>) -> bool {
    limit.is_some_and(|limit| free as f64 <= limit)
}

/// Alerts at or below this percentage.
fn above(percent: f64) -> Range {
    Range::at_least(percent.next_up())
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        100.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}
