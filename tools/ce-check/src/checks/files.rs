//! Age, size and number of files: is the backup there, is the spool drained, does the cache still grow.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ce_record::quantity::{bytes, duration};
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::{Args, ValueEnum};

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::ranges;
use crate::reach::{Reach, said};
use crate::root::Root;

pub(super) static CHECK: Check =
    Check::new::<Files>("files", Group::Machine, "Age, size and number of files")
        .metrics(&[
            MetricDoc { name: "age", unit: "s", about: "since the judged file was last modified" },
            MetricDoc { name: "size", unit: "B", about: "of the judged file, or of all with --total" },
            MetricDoc { name: "count", unit: "", about: "files that match" },
        ])
        .data(&[
            Field { name: "file", kind: "path", about: "the file whose age and size are told" },
            Field { name: "modified", kind: "integer", about: "when it was, in seconds since 1970" },
        ])
        .plugins(&[Plugin {
            name: "check_file_age",
            word: "FILE_AGE",
            preset: &["-w", "240", "-c", "600"],
            perfdata: |_, metric| {
                let plain = Metric {
                    warn: metric.warn.map(plain),
                    crit: metric.crit.map(plain),
                    ..metric.clone()
                };
                matches!(&*metric.name, "age" | "size").then_some(plain)
            },
            deviations: &[
                "each value is read as a plain limit or a range by its own form: one range among the four does not change what the others mean",
                "several files and patterns can be named: a backup's name has a date in it",
                "a file on a network file system that hangs is UNKNOWN in time instead of a plugin that never ends",
            ],
        }]);

/// A limit on one side as the number alone, on whichever side it is: what check_file_age prints, and graphs draw.
fn plain(range: Range) -> Range {
    let number = match (range.start().is_finite(), range.end().is_finite()) {
        (false, true) => Range::new(0.0, range.end()),
        (true, false) => Range::new(0.0, range.start()),
        _ => None,
    };
    number.filter(|_| !range.is_inverted()).unwrap_or(range)
}

/// Which of several files is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The one modified last: is there a fresh backup
    Newest,
    /// The one modified first: is the spool drained
    Oldest,
    /// All of them: the worst counts
    Each,
}

/// Age, size and number of files
///
/// A path may hold the patterns *, ? and [a-z] in each part. Ages take 90 (seconds), 26h or ranges such as 10m:2h,
/// sizes 500 (bytes), 10M or 1M:2G. A single age is the most, a single size the least that is fine.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check files /etc/passwd -C 100
  ce-check files '/var/backups/*' -w 26h -c 50h -W 1K --missing ok
  ce-check files --recursive /tmp --older 7d --critical-count 100000")]
pub(super) struct Files {
    /// A file, a folder or a pattern
    #[arg(value_name = "PATH", required_unless_present = "file")]
    paths: Vec<PathBuf>,

    /// The same
    #[arg(short, long, value_name = "PATH")]
    file: Vec<PathBuf>,

    /// WARNING when the judged file is older than this, or its age outside this range
    #[arg(short, long, value_name = "AGE", value_parser = ranges::age, overrides_with = "warning_age", visible_alias = "warning", allow_hyphen_values = true)]
    warning_age: Option<Range>,

    /// CRITICAL when the judged file is older than this, or its age outside this range
    #[arg(short, long, value_name = "AGE", value_parser = ranges::age, overrides_with = "critical_age", visible_alias = "critical", allow_hyphen_values = true)]
    critical_age: Option<Range>,

    /// WARNING when it is smaller than this, or its size outside this range
    #[arg(short = 'W', long, value_name = "SIZE", value_parser = ranges::size)]
    warning_size: Option<Range>,

    /// CRITICAL when it is smaller than this, or its size outside this range
    #[arg(short = 'C', long, value_name = "SIZE", value_parser = ranges::size)]
    critical_size: Option<Range>,

    /// WARNING when the number of files is outside this range
    #[arg(long, value_name = "RANGE")]
    warning_count: Option<Range>,

    /// CRITICAL when the number of files is outside this range
    #[arg(long, value_name = "RANGE")]
    critical_count: Option<Range>,

    /// Judge the age and size of this one
    #[arg(long, value_name = "WHICH", default_value = "newest")]
    of: Which,

    /// Judge the size of all files together
    #[arg(long)]
    total: bool,

    /// Look only at files that are younger than this
    #[arg(long, value_name = "AGE", value_parser = ce_cli::parse_duration)]
    newer: Option<Duration>,

    /// Look only at files that are older than this
    #[arg(long, value_name = "AGE", value_parser = ce_cli::parse_duration)]
    older: Option<Duration>,

    /// Look at the files below folders instead of the folders themselves
    #[arg(short, long)]
    recursive: bool,

    /// What it means that there is no such file
    #[arg(long, value_name = "STATE", default_value = "critical")]
    missing: State,

    /// The same as --missing ok
    #[arg(short, long, conflicts_with = "missing")]
    ignore_missing: bool,

    #[command(flatten)]
    root: Root,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    path: PathBuf,
    modified: i64,
    size: u64,
}

/// What one PATH stands for.
#[derive(Debug, Default)]
struct Facts {
    entries: Vec<Entry>,
    faults: Vec<String>,
}

/// A tree with more files is read by find(1) on a quiet evening, not by a check.
const MAX_ENTRIES: usize = 2_000_000;

impl Observe for Files {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.ages())?;
        refuse_contradiction("-W", "-C", self.sizes())?;
        refuse_contradiction("--warning-count", "--critical-count", self.counts())?;
        match (self.newer, self.older) {
            (Some(newer), Some(older)) if newer <= older => Err(Fault::usage(format!(
                "no file is both younger than {} and older than {}",
                duration(newer),
                duration(older)
            ))),
            _ => Ok(()),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let mut reach = Reach::new(context, &self.root);
        let now = context.now.as_second();
        let mut findings = Vec::new();
        for path in self.paths.iter().chain(&self.file) {
            let facts = self.gather(path, &mut reach, context);
            findings.push(self.judge(&shown(path), &facts, now));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

impl Files {
    fn ages(&self) -> Thresholds {
        Thresholds::new(self.warning_age, self.critical_age)
    }

    fn sizes(&self) -> Thresholds {
        Thresholds::new(self.warning_size, self.critical_size)
    }

    fn counts(&self) -> Thresholds {
        Thresholds::new(self.warning_count, self.critical_count)
    }

    fn gather(&self, path: &Path, reach: &mut Reach<'_>, context: &Context) -> Facts {
        let matches = reach.expand(path);
        let mut facts = Facts {
            entries: Vec::new(),
            faults: matches.faults,
        };
        // What was found in a folder is looked at where it lies; links in it are not followed.
        let mut waiting: Vec<(PathBuf, Option<PathBuf>)> =
            matches.paths.into_iter().map(|path| (path, None)).collect();
        while let Some((path, place)) = waiting.pop() {
            if facts.entries.len() >= MAX_ENTRIES || std::time::Instant::now() >= context.deadline {
                facts.faults.push(format!(
                    "stopped after {} files: too many for the time",
                    facts.entries.len()
                ));
                break;
            }
            let found = match &place {
                None => reach
                    .resolve(&path)
                    .map(|real| (std::fs::metadata(&real), real)),
                Some(place) => reach
                    .answers(place)
                    .map(|()| (std::fs::symlink_metadata(place), place.clone())),
            };
            let (found, real) = match found {
                Ok(found) => found,
                Err(unreachable) => {
                    facts.faults.push(unreachable.to_string());
                    continue;
                }
            };
            match found {
                Ok(found) if found.is_dir() && self.recursive => match std::fs::read_dir(&real) {
                    Ok(children) => {
                        let beside = |child: std::fs::DirEntry| {
                            (path.join(child.file_name()), Some(child.path()))
                        };
                        waiting.extend(children.flatten().map(beside));
                    }
                    Err(error) => facts.faults.push(unreadable(&path, &error)),
                },
                Ok(found) => facts.entries.push(Entry {
                    path,
                    modified: found.mtime(),
                    size: found.size(),
                }),
                Err(error) if is_absent(&error) => {}
                Err(error) => facts.faults.push(unreadable(&path, &error)),
            }
        }
        let now = context.now.as_second();
        facts
            .entries
            .retain(|entry| self.keeps(now - entry.modified));
        facts
    }

    fn keeps(&self, age: i64) -> bool {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.newer.is_none_or(|limit| age < seconds(limit))
            && self.older.is_none_or(|limit| age > seconds(limit))
    }

    fn judge(&self, object: &str, facts: &Facts, now: i64) -> Finding {
        let mut faults = facts.faults.iter();
        let Some(judged) = self.pick(&facts.entries, now) else {
            if let Some(fault) = faults.next() {
                let finding = Finding::new(State::Unknown, fault).cause(Cause::SYSTEM);
                return faults.fold(finding.object(object), Finding::detail);
            }
            return self.judge_none(object);
        };
        let count = facts.entries.len();
        let total: u64 = facts.entries.iter().map(|entry| entry.size).sum();
        let size = if self.total { total } else { judged.size };
        let state = State::worst([
            self.judge_one(judged, now),
            self.sizes().judge(as_float(size)),
            self.counts().judge(as_float(count as u64)),
            if facts.faults.is_empty() {
                State::Ok
            } else {
                State::Unknown
            },
        ]);
        let mut age = Metric::new("age", now - judged.modified, "s").limits(self.ages());
        // A file from the future is the one that is younger than 0.
        if judged.modified <= now {
            age = age.min(0i64);
        }
        let mut finding = Finding::new(state, self.summary(judged, count, size, now))
            .object(object)
            .cause(Cause::THRESHOLD)
            .metric(age)
            .metric(
                Metric::new("size", size, "B")
                    .limits(self.sizes())
                    .min(0i64),
            )
            .metric(
                Metric::new("count", count, "")
                    .limits(self.counts())
                    .min(0i64),
            )
            .data(
                "file",
                ce_record::bytes::in_json(judged.path.as_os_str().as_encoded_bytes()),
            )
            .data("modified", judged.modified);
        finding = faults.fold(finding, Finding::detail);
        if self.of == Which::Each {
            let bad = |entry: &&Entry| self.judge_one(entry, now) != State::Ok;
            for entry in facts.entries.iter().filter(bad).take(10) {
                finding = finding.detail(format!("{}: {}", shown(&entry.path), looks(entry, now)));
            }
        }
        finding
    }

    fn judge_one(&self, entry: &Entry, now: i64) -> State {
        let size = if self.total {
            State::Ok
        } else {
            self.sizes().judge(as_float(entry.size))
        };
        self.ages().judge(signed(now - entry.modified)).max(size)
    }

    fn pick<'a>(&self, entries: &'a [Entry], now: i64) -> Option<&'a Entry> {
        let by_age = |a: &&Entry, b: &&Entry| (a.modified, &a.path).cmp(&(b.modified, &b.path));
        match self.of {
            Which::Newest => entries.iter().max_by(by_age),
            Which::Oldest => entries.iter().min_by(by_age),
            Which::Each => entries
                .iter()
                .max_by_key(|entry| (self.judge_one(entry, now), -entry.modified)),
        }
    }

    fn judge_none(&self, object: &str) -> Finding {
        let counts = self.counts();
        let counted = counts != Thresholds::default();
        let state = match (counted, self.ignore_missing) {
            (true, _) => counts.judge(0.0),
            (false, true) => State::Ok,
            (false, false) => self.missing,
        };
        let filtered = self.newer.is_some() || self.older.is_some();
        let summary = if filtered {
            "no file of this age"
        } else if object.contains(['*', '?', '[']) {
            "no file matches"
        } else {
            "no such file"
        };
        Finding::new(state, summary)
            .object(object)
            .cause(if counted {
                Cause::THRESHOLD
            } else {
                Cause::CONTENT
            })
            .metric(Metric::new("count", 0i64, "").limits(counts).min(0i64))
    }

    fn summary(&self, judged: &Entry, count: usize, size: u64, now: i64) -> String {
        if count == 1 {
            return looks(judged, now);
        }
        let which = match self.of {
            Which::Newest => "newest",
            Which::Oldest => "oldest",
            Which::Each => "worst",
        };
        let all = if self.total {
            format!(", {} in all", bytes(size))
        } else {
            String::new()
        };
        let name = shown(Path::new(judged.path.file_name().unwrap_or_default()));
        format!(
            "{which} of {count} files is {} ({name}){all}",
            looks(judged, now)
        )
    }
}

/// `4 min old, 1.2 KiB`.
fn looks(entry: &Entry, now: i64) -> String {
    let age = now - entry.modified;
    let time = duration(Duration::from_secs(age.unsigned_abs()));
    let size = bytes(entry.size);
    if age < 0 {
        format!("dated {time} in the future, {size}")
    } else {
        format!("{time} old, {size}")
    }
}

fn shown(path: &Path) -> String {
    ce_record::shown(path.as_os_str().as_encoded_bytes())
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read '{}': {}", shown(path), said(error))
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

fn as_float(count: u64) -> f64 {
    Number::from(count).as_f64()
}

fn signed(count: i64) -> f64 {
    Number::from(count).as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    const NOW: i64 = 1_800_000_000;

    fn files(args: &str) -> Files {
        let words = ["files", "/x/*"].into_iter().chain(args.split_whitespace());
        let matches = Files::augment_args(Command::new("files")).get_matches_from(words);
        Files::from_arg_matches(&matches).unwrap()
    }

    fn facts(entries: &[(i64, u64)]) -> Facts {
        Facts {
            entries: entries
                .iter()
                .enumerate()
                .map(|(at, (age, size))| Entry {
                    path: format!("/x/{at}").into(),
                    modified: NOW - age,
                    size: *size,
                })
                .collect(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn age_size_and_count_are_judged_of_the_file_that_was_asked_for() {
        let some = [(100, 10), (1000, 2000)];
        for (args, state, summary) in [
            (
                "-w 240 -c 600",
                State::Ok,
                "newest of 2 files is 1 min 40 s old, 10 B (0)",
            ),
            (
                "-w 90 -c 600",
                State::Warning,
                "newest of 2 files is 1 min 40 s old, 10 B (0)",
            ),
            (
                "-w 240 -c 600 --of oldest",
                State::Critical,
                "oldest of 2 files is 16 min 40 s old, 2.0 KiB (1)",
            ),
            (
                "-w 15m:20m --of oldest",
                State::Ok,
                "oldest of 2 files is 16 min 40 s old, 2.0 KiB (1)",
            ),
            (
                "-W 100 -C 5",
                State::Warning,
                "newest of 2 files is 1 min 40 s old, 10 B (0)",
            ),
            (
                "-C 100",
                State::Critical,
                "newest of 2 files is 1 min 40 s old, 10 B (0)",
            ),
            (
                "-C 1K --total",
                State::Ok,
                "newest of 2 files is 1 min 40 s old, 10 B (0), 2.0 KiB in all",
            ),
            (
                "-W :1K --of each",
                State::Warning,
                "worst of 2 files is 16 min 40 s old, 2.0 KiB (1)",
            ),
            (
                "--critical-count 3:",
                State::Critical,
                "newest of 2 files is 1 min 40 s old, 10 B (0)",
            ),
        ] {
            let finding = files(args).judge("/x/*", &facts(&some), NOW);
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (state, summary),
                "{args}"
            );
        }
    }

    #[test]
    fn a_file_from_the_future_is_told_and_only_a_range_minds() {
        let future = facts(&[(-7200, 1)]);
        let finding = files("-w 240").judge("/x", &future, NOW);
        assert_eq!(
            (finding.state, finding.summary.as_str()),
            (State::Ok, "dated 2 h in the future, 1 B")
        );
        assert_eq!(
            files("-w 0:240").judge("/x", &future, NOW).state,
            State::Warning
        );
    }

    #[test]
    fn no_file_is_what_missing_says_unless_the_count_is_judged() {
        for (args, state) in [
            ("", State::Critical),
            ("--missing warning", State::Warning),
            ("-i", State::Ok),
            ("--critical-count 10", State::Ok),
            ("--warning-count 1:", State::Warning),
        ] {
            assert_eq!(
                files(args).judge("/x/*", &Facts::default(), NOW).state,
                state,
                "{args}"
            );
        }
    }

    #[test]
    fn what_could_not_be_read_is_never_ok() {
        let mut some = facts(&[(1, 1)]);
        some.faults.push("'/x/y' lies on '/x': no answer".into());
        assert_eq!(files("").judge("/x/*", &some, NOW).state, State::Unknown);
        some.entries.clear();
        assert_eq!(files("-i").judge("/x/*", &some, NOW).state, State::Unknown);
    }

    #[test]
    fn contradictions_are_refused_and_a_preset_gives_way() {
        for args in ["-w 600 -c 240", "-W 10 -C 100", "--newer 1h --older 2h"] {
            assert!(files(args).validate().is_err(), "{args}");
        }
        assert_eq!(
            files("-w 240 -c 600 -w 300").warning_age,
            Some(Range::at_most(300.0))
        );
    }
}
