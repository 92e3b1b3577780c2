//! Which file systems are judged, and by what: the command line from left to right.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use regex::Regex;

use super::limit::{Limit, Limits};
use crate::fault::Fault;
use crate::mounts::{self, Mount};

/// What a path option picks.
#[derive(Debug)]
pub(super) enum Target {
    /// `-p`: a mount point, a device or a path below a mount point.
    Path(PathBuf),
    /// `-r`, `-R`, `-A`: mount points and devices that match.
    Matching(Regex),
    /// Thresholds that `-C` ends before any path: all that hold data, until a later option picks one of them.
    Rest,
    /// `-i`, `-I`: none of those picked so far that match.
    NotMatching(Regex),
}

/// One path option with what stood before it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) target: Target,
    pub(super) limits: Limits,
    pub(super) group: Option<String>,
}

/// The path options in their order, and what holds for the file systems that none of them names.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) rules: Vec<Rule>,
    pub(super) rest: Limits,
    pub(super) group: Option<String>,
}

/// One occurrence of an option, in the order of the command line.
enum Step {
    Warn(Limit),
    Crit(Limit),
    InodeWarn(f64),
    InodeCrit(f64),
    Group(String),
    Clear,
    Target(Target),
}

impl Selection {
    /// From the matches of the flags that [`super::Flags`] declares.
    pub(super) fn from_matches(matches: &ArgMatches) -> Result<Self, String> {
        let mut steps = Vec::new();
        let regex = |pattern: &str, blind: bool| {
            regex::RegexBuilder::new(pattern)
                .case_insensitive(blind)
                .build()
                .map_err(|error| {
                    format!(
                        "'{pattern}' is not a regular expression: {}",
                        last_line(&error.to_string())
                    )
                })
        };
        each(matches, "warning", &mut steps, |limit: &Limit| {
            Ok(Step::Warn(*limit))
        })?;
        each(matches, "critical", &mut steps, |limit: &Limit| {
            Ok(Step::Crit(*limit))
        })?;
        each(matches, "iwarning", &mut steps, |percent: &f64| {
            Ok(Step::InodeWarn(*percent))
        })?;
        each(matches, "icritical", &mut steps, |percent: &f64| {
            Ok(Step::InodeCrit(*percent))
        })?;
        each(matches, "group", &mut steps, |name: &String| {
            Ok(Step::Group(name.clone()))
        })?;
        each(matches, "clear", &mut steps, |given: &bool| {
            Ok(if *given {
                Step::Clear
            } else {
                Step::Group(String::new())
            })
        })?;
        for name in ["path", "paths"] {
            each(matches, name, &mut steps, |path: &PathBuf| {
                Ok(Step::Target(Target::Path(path.clone())))
            })?;
        }
        each(matches, "all", &mut steps, |_: &bool| {
            Ok(Step::Target(Target::Matching(regex("", false)?)))
        })?;
        for (name, blind) in [("ereg_path", false), ("eregi_path", true)] {
            each(matches, name, &mut steps, |pattern: &String| {
                Ok(Step::Target(Target::Matching(regex(pattern, blind)?)))
            })?;
        }
        for (name, blind) in [("ignore_ereg_path", false), ("ignore_eregi_path", true)] {
            each(matches, name, &mut steps, |pattern: &String| {
                Ok(Step::Target(Target::NotMatching(regex(pattern, blind)?)))
            })?;
        }
        steps.sort_by_key(|(index, _)| *index);
        Ok(Self::from_steps(steps.into_iter().map(|(_, step)| step)))
    }

    fn from_steps(steps: impl Iterator<Item = Step>) -> Self {
        let mut selection = Self::default();
        for step in steps {
            match step {
                Step::Warn(limit) => selection.rest.warn = Some(limit),
                Step::Crit(limit) => selection.rest.crit = Some(limit),
                Step::InodeWarn(percent) => selection.rest.inode_warn = Some(percent),
                Step::InodeCrit(percent) => selection.rest.inode_crit = Some(percent),
                Step::Group(name) => selection.group = Some(name),
                Step::Clear => {
                    if selection.rules.is_empty() && selection.rest != Limits::default() {
                        let (limits, group) = (selection.rest, selection.group.take());
                        let target = Target::Rest;
                        selection.rules.push(Rule {
                            target,
                            limits,
                            group,
                        });
                    }
                    selection.rest = Limits::default();
                    selection.group = None;
                }
                Step::Target(target) => {
                    let (limits, group) = (selection.rest, selection.group.clone());
                    selection.rules.push(Rule {
                        target,
                        limits,
                        group,
                    });
                }
            }
        }
        let none_given = selection.rest == Limits::default()
            && selection
                .rules
                .iter()
                .all(|rule| rule.limits == Limits::default());
        if none_given {
            selection.rest = Limits::EMBEDDED;
        }
        // Thresholds behind the last path hold for those paths that had none before them.
        for rule in &mut selection.rules {
            if rule.limits == Limits::default() {
                rule.limits = selection.rest;
            }
        }
        selection
    }

    /// Refuses a -i that stands before every path: it would drop nothing.
    pub(super) fn validate(&self) -> Result<(), Fault> {
        let picks = |rule: &Rule| !matches!(rule.target, Target::NotMatching(_));
        if self.rules.first().is_some_and(|rule| !picks(rule)) && self.rules.iter().any(picks) {
            return Err(Fault::Usage {
                message: "-i and -I drop from the paths before them, and there are none".to_owned(),
                hint: Some("put them behind -p, -r or -A".to_owned()),
            });
        }
        Ok(())
    }
}

fn last_line(text: &str) -> &str {
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
}

/// Appends a step for each occurrence of an option, with its place on the command line.
fn each<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    name: &str,
    steps: &mut Vec<(usize, Step)>,
    step: impl Fn(&T) -> Result<Step, String>,
) -> Result<(), String> {
    if matches.value_source(name) != Some(clap::parser::ValueSource::CommandLine) {
        return Ok(());
    }
    let indices = matches.indices_of(name).into_iter().flatten();
    for (index, value) in indices.zip(matches.get_many::<T>(name).into_iter().flatten()) {
        steps.push((index, step(value)?));
    }
    Ok(())
}

/// A file system to judge.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chosen<'a> {
    /// `None` for a path that no mount holds.
    pub(super) mount: Option<&'a Mount>,
    /// What it is reported as.
    /// The path that is asked.
    pub(super) path: PathBuf,
    /// What it is reported as: the mount point.
    pub(super) name: PathBuf,
    pub(super) limits: Limits,
    pub(super) group: Option<String>,
}

/// Types that are full by nature.
const IMAGES: [&str; 5] = ["cramfs", "erofs", "iso9660", "squashfs", "udf"];

/// The file systems that the rules pick; without picking rules all that hold data, each once.
///
/// `resolve` makes a path that is no mount point absolute and follows its symbolic links. `Err` names the rule that picks nothing.
pub(super) fn choose<'a>(
    selection: &Selection,
    mounts: &'a [Mount],
    exact: bool,
    resolve: impl Fn(&Path) -> PathBuf,
    keep: impl Fn(&Mount) -> bool,
) -> Result<Vec<Chosen<'a>>, String> {
    let mut chosen: Vec<Chosen<'a>> = Vec::new();
    let picks = |rule: &Rule| !matches!(rule.target, Target::NotMatching(_));
    if !selection.rules.iter().any(picks) {
        for mount in by_default(mounts).filter(|mount| keep(mount)) {
            let (path, name) = (mount.point.clone(), mount.point.clone());
            chosen.push(Chosen {
                mount: Some(mount),
                path,
                name,
                limits: selection.rest,
                group: selection.group.clone(),
            });
        }
    }
    for rule in &selection.rules {
        let add = |mount: Option<&'a Mount>, path: PathBuf, chosen: &mut Vec<Chosen<'a>>| {
            let name = mount.map_or_else(|| path.clone(), |mount| mount.point.clone());
            chosen.retain(|earlier| earlier.name != name);
            chosen.push(Chosen {
                mount,
                path,
                name,
                limits: rule.limits,
                group: rule.group.clone(),
            });
        };
        match &rule.target {
            Target::Path(path) => {
                // A word such as tmpfs is no device: it stands beside many mounts, and may be a folder here.
                let is_device = path.as_os_str().as_bytes().contains(&b'/');
                let named = mounts
                    .iter()
                    .rev()
                    .find(|mount| mount.point == *path || (is_device && *path == *mount.source));
                let mount = named.or_else(|| {
                    if exact {
                        None
                    } else {
                        mounts::holding(mounts, &resolve(path))
                    }
                });
                let path = match mount {
                    Some(mount) if named.is_some() => mount.point.clone(),
                    _ if path.is_relative() => resolve(path),
                    _ => path.clone(),
                };
                if mount.is_some_and(|mount| !keep(mount)) {
                    continue;
                }
                add(mount, path, &mut chosen);
            }
            Target::Rest => {
                for mount in by_default(mounts).filter(|mount| keep(mount)) {
                    add(Some(mount), mount.point.clone(), &mut chosen);
                }
            }
            Target::Matching(regex) => {
                let picked: Vec<&Mount> = mounts
                    .iter()
                    .filter(|mount| keep(mount) && has_space(mount) && matches(regex, mount))
                    .filter(|mount| !is_hidden(mounts, mount))
                    .collect();
                if picked.is_empty() {
                    return Err(format!("no file system matches '{}'", regex.as_str()));
                }
                let is_twin = |mount: &Mount| picked.iter().any(|other| stands_for(other, mount));
                for mount in picked.iter().copied().filter(|mount| !is_twin(mount)) {
                    add(Some(mount), mount.point.clone(), &mut chosen);
                }
            }
            Target::NotMatching(regex) => {
                chosen.retain(|earlier| earlier.mount.is_none_or(|mount| !matches(regex, mount)));
            }
        }
    }
    Ok(chosen)
}

fn matches(regex: &Regex, mount: &Mount) -> bool {
    regex.is_match(&mount.point.to_string_lossy())
        || regex.is_match(&mount.source.to_string_lossy())
}

/// Mounts that hold data, each file system once, at its shortest path.
fn by_default(mounts: &[Mount]) -> impl Iterator<Item = &Mount> {
    let twin = move |mount: &Mount| {
        mounts
            .iter()
            .any(|other| stands_for(other, mount) && !is_hidden(mounts, other))
    };
    mounts.iter().filter(move |mount| {
        let system = ["/proc", "/sys"]
            .iter()
            .any(|tree| mount.point.starts_with(tree));
        let image = IMAGES.contains(&mount.kind.as_str());
        let container = mount.kind == "overlay" && mount.point != Path::new("/");
        !mount.is_pseudo()
            && !system
            && !image
            && !container
            && !is_hidden(mounts, mount)
            && !twin(mount)
    })
}

/// Whether another was mounted over it.
fn is_hidden(mounts: &[Mount], mount: &Mount) -> bool {
    let newest = mounts.iter().rev().find(|other| other.point == mount.point);
    newest.is_some_and(|newest| newest != mount)
}

/// Whether `other` is the same file system at a shorter path.
fn stands_for(other: &Mount, mount: &Mount) -> bool {
    let place = |mount: &Mount| (mount.point.as_os_str().len(), mount.point.clone());
    other.device == mount.device && place(other) < place(mount)
}

/// Holds data, or something of the kernel's for which there is only so much room.
fn has_space(mount: &Mount) -> bool {
    !mount.is_pseudo() || ["devtmpfs", "efivarfs", "hugetlbfs"].contains(&mount.kind.as_str())
}

#[cfg(test)]
mod tests;
