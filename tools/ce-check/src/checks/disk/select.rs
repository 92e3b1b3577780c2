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
mod tests {
    use super::*;

    fn mount(point: &str, kind: &str, device: &str) -> Mount {
        Mount {
            device: device.to_owned(),
            subtree: "/".into(),
            point: point.into(),
            options: "rw".to_owned(),
            kind: kind.to_owned(),
            source: format!("/dev/{kind}{device}").into(),
            super_options: "rw".to_owned(),
        }
    }

    fn names(selection: &Selection, mounts: &[Mount], exact: bool) -> Result<Vec<String>, String> {
        let chosen = choose(selection, mounts, exact, Path::to_path_buf, |_| true)?;
        Ok(chosen
            .iter()
            .map(|one| one.name.display().to_string())
            .collect())
    }

    fn machine() -> Vec<Mount> {
        vec![
            mount("/proc", "proc", "0:1"),
            mount("/", "ext4", "8:1"),
            mount("/srv", "xfs", "8:2"),
            mount("/srv/www/files", "xfs", "8:2"),
            mount("/snap/core", "squashfs", "7:1"),
            mount("/sys/fs/cgroup", "tmpfs", "0:9"),
            mount("/var/lib/docker/x/merged", "overlay", "0:50"),
        ]
    }

    #[test]
    fn without_paths_each_file_system_that_holds_data_is_judged_once() {
        let selection = Selection::from_steps(std::iter::empty());
        assert_eq!(names(&selection, &machine(), false).unwrap(), ["/", "/srv"]);
        assert_eq!(selection.rest, Limits::EMBEDDED);
    }

    #[test]
    fn a_path_takes_the_thresholds_before_it_and_clear_forgets_them() {
        let percent = |percent: f64| Limit::Percent(percent);
        let path = |path: &str| Step::Target(Target::Path(path.into()));
        let selection = Selection::from_steps(
            [
                Step::Warn(percent(10.0)),
                path("/srv"),
                Step::Clear,
                Step::Crit(percent(5.0)),
                path("/"),
            ]
            .into_iter(),
        );
        let mounts = machine();
        let chosen = choose(&selection, &mounts, false, Path::to_path_buf, |_| true).unwrap();
        assert_eq!(
            (chosen[0].limits.warn, chosen[0].limits.crit),
            (Some(percent(10.0)), None)
        );
        assert_eq!(
            (chosen[1].limits.warn, chosen[1].limits.crit),
            (None, Some(percent(5.0)))
        );
    }

    #[test]
    fn thresholds_before_the_first_clear_hold_for_what_no_path_names() {
        let limit = |percent: f64| Limit::Percent(percent);
        let path = |path: &str| Step::Target(Target::Path(path.into()));
        let steps = [
            Step::Warn(limit(10.0)),
            Step::Clear,
            Step::Warn(limit(20.0)),
            path("/"),
        ];
        let selection = Selection::from_steps(steps.into_iter());
        let mounts = machine();
        let chosen = choose(&selection, &mounts, false, Path::to_path_buf, |_| true).unwrap();
        let limits: Vec<_> = chosen
            .iter()
            .map(|one| (one.name.to_str().unwrap(), one.limits.warn))
            .collect();
        assert_eq!(
            limits,
            [("/srv", Some(limit(10.0))), ("/", Some(limit(20.0)))]
        );
    }

    #[test]
    fn of_all_each_file_system_is_judged_once_and_room_of_the_kernel_too() {
        let mut mounts = machine();
        mounts.push(mount("/dev", "devtmpfs", "0:5"));
        mounts.push(mount("/opt", "xfs", "8:2"));
        let matching = |pattern: &str| Step::Target(Target::Matching(Regex::new(pattern).unwrap()));
        for (pattern, found) in [
            (
                "",
                "/ /snap/core /sys/fs/cgroup /var/lib/docker/x/merged /dev /opt",
            ),
            ("files", "/srv/www/files"),
        ] {
            let selection = Selection::from_steps([matching(pattern)].into_iter());
            assert_eq!(names(&selection, &mounts, false).unwrap().join(" "), found);
        }
        let selection = Selection::from_steps(std::iter::empty());
        assert_eq!(names(&selection, &mounts, false).unwrap(), ["/", "/opt"]);
    }

    #[test]
    fn what_is_left_out_is_not_judged_when_it_is_named_either() {
        let selection =
            Selection::from_steps([Step::Target(Target::Path("/srv".into()))].into_iter());
        let mounts = machine();
        let keep = |mount: &Mount| mount.kind != "xfs";
        let chosen = choose(&selection, &mounts, false, Path::to_path_buf, keep).unwrap();
        assert_eq!(chosen, []);
    }

    #[test]
    fn dropping_before_anything_is_picked_is_refused() {
        let path = || Step::Target(Target::Path("/srv".into()));
        let drop = || Step::Target(Target::NotMatching(Regex::new("x").unwrap()));
        assert!(
            Selection::from_steps([drop(), path()].into_iter())
                .validate()
                .is_err()
        );
        assert!(
            Selection::from_steps([path(), drop()].into_iter())
                .validate()
                .is_ok()
        );
        assert!(
            Selection::from_steps([drop()].into_iter())
                .validate()
                .is_ok()
        );
    }

    #[test]
    fn a_path_is_a_mount_point_a_device_or_lies_below_one() {
        let select = |path: &str| {
            Selection::from_steps([Step::Target(Target::Path(path.into()))].into_iter())
        };
        for (path, exact, found) in [
            ("/srv", true, "/srv"),
            ("/dev/ext48:1", true, "/"),
            ("/srv/www", false, "/srv"),
            ("ext48:1", false, "ext48:1"),
        ] {
            assert_eq!(names(&select(path), &machine(), exact).unwrap(), [found]);
        }
        let mounts = machine();
        let chosen = choose(
            &select("/srv/www"),
            &mounts,
            true,
            Path::to_path_buf,
            |_| true,
        )
        .unwrap();
        assert_eq!(chosen[0].mount, None);
    }

    #[test]
    fn expressions_pick_and_drop_and_one_that_picks_nothing_is_an_error() {
        let matching = |pattern: &str| Step::Target(Target::Matching(Regex::new(pattern).unwrap()));
        let dropping =
            |pattern: &str| Step::Target(Target::NotMatching(Regex::new(pattern).unwrap()));
        let selection =
            Selection::from_steps([matching("^/s"), dropping("www|snap|sys")].into_iter());
        assert_eq!(names(&selection, &machine(), false).unwrap(), ["/srv"]);
        let selection = Selection::from_steps([dropping("srv")].into_iter());
        assert_eq!(names(&selection, &machine(), false).unwrap(), ["/"]);
        let selection = Selection::from_steps([matching("nope")].into_iter());
        assert_eq!(
            names(&selection, &machine(), false).unwrap_err(),
            "no file system matches 'nope'"
        );
    }
}
