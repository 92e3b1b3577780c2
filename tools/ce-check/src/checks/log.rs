//! Patterns in logs, counted since the last run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use ce_record::quantity::bytes;
use ce_record::{Cause, Finding, Metric, Range, State, Thresholds};
use clap::Args;
use regex::bytes::{Regex, RegexBuilder};

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::kept::Kept;
use crate::limits::refuse_contradiction;
use crate::reach::{Reach, said};
use crate::root::Root;

mod follow;

use follow::Mark;

pub(super) static CHECK: Check = Check::new::<Log>("log", Group::Machine, "Patterns in logs since the last run")
    .metrics(&[
        MetricDoc { name: "matches", unit: "", about: "lines that match any pattern, since the last run" },
        MetricDoc { name: "lines", unit: "", about: "lines that came since the last run" },
    ])
    .data(&[
        Field { name: "patterns", kind: "object", about: "each pattern and the lines that match it" },
        Field { name: "files", kind: "integer", about: "files that were read" },
    ])
    .plugins(&[Plugin {
        name: "check_log",
        word: "LOG",
        preset: &[],
        perfdata: |_, _| None,
        deviations: &[
            "the place where it stopped is kept in the state folder instead of a copy of the log: -O only tells checks of one log apart",
            "a rotated log is read to its end, where the plugin loses what was written between its last run and the rotation",
            "all patterns are regular expressions of the Rust regex crate, which never take exponential time: -e and -p change nothing",
            "a pattern that does not read is refused: grep's error counts as no match in the plugin",
        ],
    }]);

/// Patterns in logs since the last run
///
/// The first run begins at the end of the log, or at its start with --from-start. What was rotated away since the last
/// run is read first, packed by gzip or not.
/// One -w or -c counts for all patterns; as many as patterns count for one each, in their order.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check log /var/log/dpkg.log -q ' remove ' --from-start
  ce-check log '/var/log/*.log' -q 'I/O error' -q 'Out of memory' --exclude test
  ce-check log /var/log/dpkg.log -q error -w 5 -c 50 --missing ok")]
pub(super) struct Log {
    /// A log or a pattern of logs
    #[arg(value_name = "FILE", required_unless_present = "filename")]
    files: Vec<PathBuf>,

    /// The same
    #[arg(short = 'F', long, visible_alias = "logfile", value_name = "FILE")]
    filename: Vec<PathBuf>,

    /// Count lines that match this regular expression
    #[arg(
        short = 'q',
        long,
        visible_alias = "query",
        value_name = "REGEX",
        required = true
    )]
    pattern: Vec<String>,

    /// But not those that match this one
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,

    /// Match whatever the case
    #[arg(short, long)]
    ignore_case: bool,

    /// WARNING when the number of matches lies outside this range
    #[arg(short, long, value_name = "RANGE")]
    warning: Vec<Range>,

    /// CRITICAL when the number of matches lies outside this range [default: 0, unless there is a -w]
    #[arg(short, long, value_name = "RANGE")]
    critical: Vec<Range>,

    /// Show all matching lines instead of the last ten, up to 200
    #[arg(short, long)]
    all: bool,

    /// Begin at the start of a log that was not read before
    #[arg(long)]
    from_start: bool,

    /// Read no more than so many MiB of each log in one run
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=4096))]
    max_read: u64,

    /// Keep the place in the log apart from that of other monitors
    #[arg(long, value_name = "KEY", default_value = "")]
    state_key: String,

    /// Taken for compatibility: the same as --state-key
    #[arg(short = 'O', long, value_name = "FILE", hide = true)]
    oldlog: Option<String>,

    /// Taken for compatibility: all patterns are regular expressions
    #[arg(short = 'e', long, hide = true)]
    extended_regex: bool,

    /// Taken for compatibility: all patterns are regular expressions
    #[arg(short = 'p', long, hide = true)]
    perl_regex: bool,

    /// What it means that there is no such log
    #[arg(long, value_name = "STATE", default_value = "unknown")]
    missing: State,

    /// What it means that lines went away before they were read: truncated, deleted, packed in an unknown way
    #[arg(long, value_name = "STATE", default_value = "warning")]
    lost: State,

    #[command(flatten)]
    root: Root,
}

/// The longest line that is shown, in characters.
const SHOWN: usize = 300;

/// What was found in the files of one FILE.
#[derive(Debug, Default)]
struct Facts {
    files: usize,
    lines: u64,
    /// Lines that match at least one pattern.
    matches: u64,
    counts: Vec<u64>,
    last: VecDeque<String>,
    /// What could not be looked at: UNKNOWN.
    faults: Vec<String>,
    /// What went away unread.
    lost: Vec<String>,
    /// What a reader should know all the same.
    notes: Vec<String>,
}

impl Observe for Log {
    fn validate(&self) -> Result<(), Fault> {
        self.compile(&self.pattern)?;
        self.compile(&self.exclude)?;
        for (flag, ranges) in [("-w", &self.warning), ("-c", &self.critical)] {
            if ranges.len() > 1 && ranges.len() != self.pattern.len() {
                let (given, patterns) = (ranges.len(), self.pattern.len());
                return Err(Fault::usage(format!(
                    "{given} {flag} for {patterns} patterns: give one, or one for each"
                )));
            }
        }
        (0..self.pattern.len())
            .try_for_each(|at| refuse_contradiction("-w", "-c", self.thresholds(at)))
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let patterns = self.compile(&self.pattern)?;
        let exclude = self.compile(&self.exclude)?;
        let mut reach = Reach::new(context, &self.root);
        let mut findings = Vec::new();
        for file in self.files.iter().chain(&self.filename) {
            let name = ce_record::shown(file.as_os_str().as_encoded_bytes());
            let mut parameters = vec![
                &*name,
                self.oldlog.as_deref().unwrap_or_default(),
                &*self.state_key,
            ];
            // Two checks that look for different things in one log shall not eat each other's lines; whoever knows the
            // plugin tells them apart by -O.
            if self.oldlog.is_none() {
                parameters.extend(self.pattern.iter().map(String::as_str));
                parameters.push("but not");
                parameters.extend(self.exclude.iter().map(String::as_str));
            }
            let kept: Kept<BTreeMap<String, Mark>> =
                Kept::open(context, &self.root, "log", &parameters)?;
            let mut marks = kept
                .previous()
                .map(|previous| previous.value.clone())
                .unwrap_or_default();
            let known = !marks.is_empty();
            let mut facts = self.gather(file, known, &mut marks, &mut reach, (&patterns, &exclude));
            if let Some(damage) = kept.damage() {
                facts.lost.push(format!(
                    "{damage}: what was written since the last run may not be read"
                ));
            }
            let finding = self.judge(&facts);
            kept.replace(&marks)?;
            findings.push(finding.object(name));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

impl Log {
    fn compile(&self, patterns: &[String]) -> Result<Vec<Regex>, Fault> {
        let compile = |text: &String| {
            RegexBuilder::new(text)
                .case_insensitive(self.ignore_case)
                .build()
                .map_err(|error| {
                    let error = error.to_string();
                    let last = error.lines().last().unwrap_or_default();
                    Fault::usage(format!(
                        "'{text}' is not a regular expression: {}",
                        last.trim_start_matches("error: ")
                    ))
                })
        };
        patterns.iter().map(compile).collect()
    }

    fn thresholds(&self, at: usize) -> Thresholds {
        let of = |ranges: &[Range]| ranges.get(at).or(ranges.first()).copied();
        let fallback = self
            .warning
            .is_empty()
            .then(|| Range::new(0.0, 0.0))
            .flatten();
        Thresholds::new(of(&self.warning), of(&self.critical).or(fallback))
    }

    fn gather(
        &self,
        file: &Path,
        known: bool,
        marks: &mut BTreeMap<String, Mark>,
        reach: &mut Reach<'_>,
        (patterns, exclude): (&[Regex], &[Regex]),
    ) -> Facts {
        let matches = reach.expand(file);
        let mut facts = Facts {
            counts: vec![0; patterns.len()],
            faults: matches.faults,
            ..Facts::default()
        };
        let shown = if self.all { 200 } else { 10 };
        let names: BTreeSet<Vec<u8>> = matches
            .paths
            .iter()
            .map(|path| bytes_of(path).to_vec())
            .collect();
        for path in matches.paths {
            // A rotated file that the pattern matches too is read as what its log was.
            let name = bytes_of(&path);
            let is_rotated = |cut: usize| {
                names.contains(&name[..cut]) && follow::rotation(&name[..cut], name).is_some()
            };
            if (1..name.len()).any(is_rotated) {
                continue;
            }
            let real = match reach.resolve(&path) {
                Ok(real) => real,
                Err(unreachable) => {
                    facts.faults.push(unreachable.to_string());
                    continue;
                }
            };
            match std::fs::metadata(&real) {
                Ok(found) if found.is_file() => {}
                // Opening a pipe would wait for its writer.
                Ok(_) => continue,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    facts.faults.push(format!(
                        "cannot read '{}': {}",
                        path.display(),
                        said(&error)
                    ));
                    continue;
                }
            }
            let key = ce_record::shown(name);
            let mark = marks.get(&key).cloned();
            // A log that a known pattern matches for the first time began since the last run.
            let from_start = self.from_start || (known && mark.is_none());
            let (counts, last, matched) = (&mut facts.counts, &mut facts.last, &mut facts.matches);
            let progress = follow::follow(
                &real,
                mark.as_ref(),
                from_start,
                self.max_read << 20,
                |line| {
                    if exclude.iter().any(|regex| regex.is_match(line)) {
                        return;
                    }
                    let mut any = false;
                    for (count, regex) in counts.iter_mut().zip(patterns) {
                        if regex.is_match(line) {
                            *count += 1;
                            any = true;
                        }
                    }
                    if any {
                        *matched += 1;
                        last.push_back(String::from_utf8_lossy(line).chars().take(SHOWN).collect());
                        if last.len() > shown {
                            last.pop_front();
                        }
                    }
                },
            );
            match progress {
                Ok(progress) => {
                    facts.files += 1;
                    facts.lines += progress.lines;
                    let name = path.display();
                    facts
                        .lost
                        .extend(progress.lost.iter().map(|lost| format!("{name}: {lost}")));
                    if progress.in_pieces > 0 {
                        facts.notes.push(format!(
                            "{name}: {} of more than {} looked at in pieces: what spans two is not found",
                            count(progress.in_pieces),
                            bytes(follow::LINE_BYTES as u64)
                        ));
                    }
                    if progress.left > 0 {
                        facts.notes.push(format!(
                            "{name}: {} are left for the next run",
                            bytes(progress.left)
                        ));
                    }
                    if mark.is_none() && !from_start {
                        facts.notes.push(format!("{name}: read from now on"));
                    }
                    marks.insert(key, progress.mark);
                }
                Err(error) => facts.faults.push(format!(
                    "cannot read '{}': {}",
                    path.display(),
                    said(&error)
                )),
            }
        }
        facts
    }

    fn judge(&self, facts: &Facts) -> Finding {
        if facts.files == 0 && facts.faults.is_empty() {
            return Finding::new(self.missing, "no such log").cause(Cause::CONTENT);
        }
        #[allow(clippy::cast_precision_loss)]
        let judged = (0..facts.counts.len())
            .map(|at| (self.thresholds(at).judge(facts.counts[at] as f64), at));
        let (state, worst) = judged
            .max_by_key(|(state, at)| (*state, facts.counts[*at]))
            .unwrap_or((State::Ok, 0));
        let fault = facts.faults.first();
        let all = State::worst([
            state,
            if facts.lost.is_empty() {
                State::Ok
            } else {
                self.lost
            },
            if fault.is_some() {
                State::Unknown
            } else {
                State::Ok
            },
        ]);
        let pattern = self
            .pattern
            .get(worst)
            .map(String::as_str)
            .unwrap_or_default();
        let summary = match (fault, facts.last.back()) {
            (Some(fault), None) => fault.clone(),
            (None, None) if all != State::Ok => facts.lost.join("; "),
            (_, Some(line)) if state != State::Ok => {
                let line: String = line.trim().chars().take(120).collect();
                format!(
                    "{} with '{pattern}': {line}",
                    count(facts.counts.get(worst).copied().unwrap_or_default())
                )
            }
            _ => format!("{} of {} new lines match", facts.matches, facts.lines),
        };
        let mut finding = Finding::new(all, summary)
            .cause(if state == State::Ok {
                Cause::SYSTEM
            } else {
                Cause::CONTENT
            })
            .metric(
                Metric::new("matches", facts.matches, "")
                    .limits(self.whole())
                    .min(0i64),
            )
            .metric(Metric::new("lines", facts.lines, "").min(0i64))
            .data("files", facts.files);
        let counts = self.pattern.iter().zip(&facts.counts);
        let counts: serde_json::Map<String, serde_json::Value> = counts
            .map(|(pattern, count)| (pattern.clone(), (*count).into()))
            .collect();
        finding = finding.data("patterns", counts);
        finding
            .detail
            .extend(facts.faults.iter().chain(&facts.lost).cloned());
        finding.detail.extend(facts.last.iter().rev().cloned());
        finding.detail.extend(facts.notes.iter().cloned());
        finding
    }

    /// The limits of all matches together, which are known when there is one pattern.
    fn whole(&self) -> Thresholds {
        match self.pattern.len() {
            1 => self.thresholds(0),
            _ => Thresholds::default(),
        }
    }
}

fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn count(lines: u64) -> String {
    if lines == 1 {
        "1 line".to_owned()
    } else {
        format!("{lines} lines")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    fn log(args: &str) -> Log {
        let words = ["log", "/l"].into_iter().chain(args.split_whitespace());
        let matches = Log::augment_args(Command::new("log")).get_matches_from(words);
        Log::from_arg_matches(&matches).unwrap()
    }

    fn facts(counts: &[u64]) -> Facts {
        let last = (counts.iter().sum::<u64>() > 0).then(|| "the last one".to_owned());
        Facts {
            files: 1,
            lines: 100,
            matches: counts.iter().sum(),
            counts: counts.to_vec(),
            last: last.into_iter().collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn each_pattern_is_judged_by_its_own_limits() {
        for (args, counts, state, summary) in [
            ("-q a", &[0][..], State::Ok, "0 of 100 new lines match"),
            (
                "-q a",
                &[1],
                State::Critical,
                "1 line with 'a': the last one",
            ),
            (
                "-q a -w 0",
                &[3],
                State::Warning,
                "3 lines with 'a': the last one",
            ),
            (
                "-q a -w 0 -c 2",
                &[3],
                State::Critical,
                "3 lines with 'a': the last one",
            ),
            (
                "-q a -q b -w 10 -w 1",
                &[3, 2],
                State::Warning,
                "2 lines with 'b': the last one",
            ),
            ("-q a -w 10", &[3], State::Ok, "3 of 100 new lines match"),
        ] {
            let finding = log(args).judge(&facts(counts));
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (state, summary),
                "{args}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_a_missing_log_what_missing_says() {
        let broken = Facts {
            faults: vec!["cannot read '/l': permission denied".into()],
            counts: vec![0],
            ..Facts::default()
        };
        assert_eq!(log("-q a").judge(&broken).state, State::Unknown);
        assert_eq!(log("-q a").judge(&Facts::default()).state, State::Unknown);
        assert_eq!(
            log("-q a --missing ok").judge(&Facts::default()).state,
            State::Ok
        );
    }

    #[test]
    fn bad_patterns_and_limits_are_refused() {
        for args in [
            "-q (",
            "-q a --exclude [",
            "-q a -w 5 -c 3",
            "-q a -q b -q c -w 1 -w 2",
        ] {
            assert!(log(args).validate().is_err(), "{args}");
        }
    }
}
