//! Whether updates wait for a reboot, or for programs to be started anew.

use std::time::{Duration, SystemTime};

use ce_cli::parse_duration;
use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, State};
use clap::Args;
use jiff::Timestamp;

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::processes;
use crate::root::Root;
use crate::versions::compare;

mod libraries;

use libraries::Outdated;

pub(super) static CHECK: Check = Check::new::<Reboot>(
    "reboot",
    Group::Machine,
    "Updates that wait for a reboot or a restart of programs",
)
.metrics(&[
    MetricDoc {
        name: "reboot_required",
        unit: "",
        about: "1 when a reboot is needed",
    },
    MetricDoc {
        name: "waiting",
        unit: "s",
        about: "how long a reboot has been asked for",
    },
    MetricDoc {
        name: "outdated_processes",
        unit: "",
        about: "processes with deleted libraries (with --libraries)",
    },
    MetricDoc {
        name: "unreadable_processes",
        unit: "",
        about: "processes that could not be looked into (with --libraries)",
    },
])
.data(&[
    Field {
        name: "running_kernel",
        kind: "string",
        about: "the release that runs",
    },
    Field {
        name: "newest_kernel",
        kind: "string",
        about: "the newest one of its flavour in /boot",
    },
    Field {
        name: "packages",
        kind: "array",
        about: "packages that asked for a reboot",
    },
    Field {
        name: "outdated",
        kind: "array",
        about: "programs with deleted libraries, as unit or command",
    },
]);

/// Updates that wait for a reboot or a restart of programs
///
/// WARNING when a package asked for a reboot (/run/reboot-required), a newer kernel of the same flavour lies in /boot,
/// or the file of the running one was replaced since boot.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check reboot
  ce-check reboot --libraries
  ce-check reboot --critical-after 14d --format nagios")]
pub(super) struct Reboot {
    /// Look also for processes that still use deleted libraries or programs; as root, to see all of them
    #[arg(long)]
    libraries: bool,

    /// CRITICAL when a reboot has been asked for so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    critical_after: Option<Duration>,

    #[command(flatten)]
    root: Root,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    /// The packages that asked, when any did.
    asked: Option<Vec<String>>,
    running: String,
    /// All releases in /boot.
    installed: Vec<String>,
    /// The file of the running release is newer than the boot.
    replaced: bool,
    /// Since when a reboot has been asked for or a newer kernel lies there.
    waiting: Option<Duration>,
    outdated: Option<Outdated>,
}

impl Observe for Reboot {
    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let root = &self.root;
        let running = root.read("/proc/sys/kernel/osrelease")?.trim().to_owned();
        let installed = kernels(root)?;
        let asked = match root.read_if_there("/run/reboot-required")? {
            None => None,
            Some(_) => Some(packages(
                &root
                    .read_if_there("/run/reboot-required.pkgs")?
                    .unwrap_or_default(),
            )),
        };
        let modified = |path: String| {
            let file = root.path(path).metadata().ok()?;
            age(file.modified().ok()?, context.now)
        };
        let uptime = Duration::from_secs_f64(processes::uptime_seconds(root)?.min(1e12));
        let newest = newest(&running, &installed);
        let kernel_age = modified(format!("/boot/vmlinuz-{}", newest.unwrap_or(&running)));
        // Of a recorded tree the files' times say nothing.
        let live = root.is_live();
        let replaced = live && newest.is_none() && kernel_age.is_some_and(|age| age < uptime);
        let asked_age = asked
            .as_ref()
            .and_then(|_| modified("/run/reboot-required".to_owned()));
        let kernel_waits = kernel_age.filter(|_| newest.is_some() || replaced);
        let outdated = if self.libraries {
            Some(libraries::find(root)?)
        } else {
            None
        };
        Ok(vec![
            self.judge(&Facts {
                asked,
                installed,
                replaced,
                // A package keeps the time of its building: nothing waits longer than the machine runs.
                waiting: asked_age
                    .max(kernel_waits)
                    .map(|age| age.min(uptime))
                    .filter(|_| live),
                outdated,
                running,
            }),
        ])
    }
}

fn age(time: SystemTime, now: Timestamp) -> Option<Duration> {
    let time = Timestamp::try_from(time).ok()?;
    Some(Duration::try_from(now.duration_since(time)).unwrap_or_default())
}

/// The releases whose images lie in /boot.
fn kernels(root: &Root) -> Result<Vec<String>, Fault> {
    let path = root.path("/boot");
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ce_cli::FileError::Read { path, source }.into()),
    };
    let release = |name: String| name.strip_prefix("vmlinuz-").map(str::to_owned);
    let mut found: Vec<String> = entries
        .filter_map(|entry| release(entry.ok()?.file_name().into_string().ok()?))
        .filter(|release| !release.ends_with(".old") && !release.contains(".dpkg-"))
        .collect();
    found.sort_by(|a, b| compare(b, a));
    Ok(found)
}

/// The packages that asked, each once.
fn packages(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// What distinguishes kernels that are not meant to replace each other: `amd64`, `cloud-amd64`, `generic`, `rescue-...`.
fn flavour(release: &str) -> &str {
    let mut rest = release;
    while rest.starts_with(|c: char| c.is_ascii_digit()) {
        match rest.split_once('-') {
            Some((_, tail)) => rest = tail,
            None => return "",
        }
    }
    rest
}

/// The newest installed release of the running one's flavour, when that is newer than the running one.
fn newest<'a>(running: &str, installed: &'a [String]) -> Option<&'a String> {
    installed
        .iter()
        .filter(|release| flavour(release) == flavour(running))
        .max_by(|a, b| compare(a, b))
        .filter(|newest| compare(newest, running).is_gt())
}

impl Reboot {
    fn judge(&self, facts: &Facts) -> Finding {
        let newest = newest(&facts.running, &facts.installed);
        let mut reasons = Vec::new();
        if let Some(newest) = newest {
            reasons.push(format!(
                "kernel {} runs, {newest} is installed",
                facts.running
            ));
        } else if facts.replaced {
            reasons.push(format!(
                "the file of kernel {} was replaced since boot",
                facts.running
            ));
        }
        match &facts.asked {
            Some(packages) if packages.is_empty() => {
                reasons.push("a package asked for it".to_owned());
            }
            Some(packages) => {
                let shown = packages
                    .iter()
                    .take(3)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ");
                let more = match packages.len().saturating_sub(3) {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                reasons.push(format!("asked for by {shown}{more}"));
            }
            None => {}
        }
        let required = !reasons.is_empty();
        let mut state = match (required, self.critical_after, facts.waiting) {
            (true, Some(limit), Some(waiting)) if waiting >= limit => State::Critical,
            (true, _, _) => State::Warning,
            _ => State::Ok,
        };
        let mut summary = if required {
            let waiting = match facts.waiting {
                Some(waiting) => format!(", for {}", duration(waiting)),
                None => String::new(),
            };
            format!("reboot needed{waiting}: {}", reasons.join("; "))
        } else if facts.installed.is_empty() {
            format!(
                "no reboot asked for; kernel {} not compared, for /boot holds none",
                facts.running
            )
        } else {
            format!("no reboot needed, kernel {} is the newest", facts.running)
        };
        let mut finding = Finding::new(State::Ok, "")
            .cause(Cause::CONTENT)
            .metric(Metric::new("reboot_required", i64::from(required), ""))
            .data("running_kernel", facts.running.as_str());
        if let Some(waiting) = facts.waiting.filter(|_| required) {
            finding = finding.metric(Metric::new("waiting", waiting.as_secs(), "s").min(0i64));
        }
        if let Some(newest) = newest.or(facts.installed.first()) {
            finding = finding.data("newest_kernel", newest.as_str());
        }
        if let Some(packages) = &facts.asked {
            finding = finding.data("packages", packages.clone());
        }
        if let Some(outdated) = &facts.outdated {
            if outdated.processes > 0 {
                state = state.max(State::Warning);
                summary = match (required, outdated.advice()) {
                    (true, _) => format!("{summary}; {}", outdated.sentence()),
                    (false, None) => outdated.sentence(),
                    (false, Some(advice)) => format!("{}: {advice}", outdated.sentence()),
                };
            }
            for line in outdated.lines() {
                finding = finding.detail(line);
            }
            finding = finding
                .metric(Metric::new("outdated_processes", outdated.processes, "").min(0i64))
                .metric(Metric::new("unreadable_processes", outdated.unreadable, "").min(0i64))
                .data("outdated", outdated.names());
        }
        finding.state = state;
        finding.summary = summary;
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reboot(critical_after: Option<u64>) -> Reboot {
        Reboot {
            libraries: false,
            critical_after: critical_after.map(Duration::from_secs),
            root: Root::new("/"),
        }
    }

    fn facts(running: &str, installed: &[&str]) -> Facts {
        Facts {
            running: running.to_owned(),
            installed: installed
                .iter()
                .map(|&release| release.to_owned())
                .collect(),
            waiting: Some(Duration::from_secs(86_400)),
            ..Facts::default()
        }
    }

    #[test]
    fn a_newer_kernel_of_the_same_flavour_asks_for_a_reboot() {
        for (running, installed, state) in [
            ("6.1.0-9-amd64", &["6.1.0-9-amd64"][..], State::Ok),
            (
                "6.1.0-9-amd64",
                &["6.1.0-18-amd64", "6.1.0-9-amd64"],
                State::Warning,
            ),
            (
                "6.1.0-18-amd64",
                &["6.1.0-18-amd64", "6.1.0-9-amd64"],
                State::Ok,
            ),
            ("6.1.0-9-amd64", &["6.1.0-18-cloud-amd64"], State::Ok),
            (
                "5.14.0-362.8.1.el9.x86_64",
                &["0-rescue-abc", "5.14.0-362.18.1.el9.x86_64"],
                State::Warning,
            ),
            ("6.18.44", &[], State::Ok),
        ] {
            let finding = reboot(None).judge(&facts(running, installed));
            assert_eq!(finding.state, state, "{running}: {}", finding.summary);
        }
    }

    #[test]
    fn who_asked_and_how_long_ago_is_told() {
        let asked = Facts {
            asked: Some(packages("libc6\nlinux-image-x\nlibc6\ndbus\nlibssl3\n")),
            ..facts("6.1.0-9-amd64", &["6.1.0-9-amd64"])
        };
        let finding = reboot(None).judge(&asked);
        assert_eq!(
            finding.summary,
            "reboot needed, for 1 d: asked for by dbus, libc6, libssl3 and 1 more"
        );
        for (limit, state) in [(90_000, State::Warning), (86_400, State::Critical)] {
            assert_eq!(reboot(Some(limit)).judge(&asked).state, state, "{limit}");
        }
        let replaced = Facts {
            replaced: true,
            ..facts("6.1.0-9-amd64", &["6.1.0-9-amd64"])
        };
        assert_eq!(reboot(None).judge(&replaced).state, State::Warning);
    }

    #[test]
    fn programs_with_deleted_libraries_warn_and_are_named() {
        let outdated = Outdated {
            processes: 3,
            unreadable: 1,
            programs: vec![
                (
                    "nginx.service".to_owned(),
                    2,
                    "/usr/lib/libssl.so.3".to_owned(),
                ),
                ("bash".to_owned(), 1, "/bin/bash".to_owned()),
            ],
        };
        let finding = reboot(None).judge(&Facts {
            outdated: Some(outdated),
            ..facts("1", &["1"])
        });
        assert_eq!(finding.state, State::Warning);
        assert_eq!(
            finding.summary,
            "3 processes use deleted libraries (nginx.service, bash): systemctl restart nginx.service"
        );
    }

    #[test]
    fn flavours_are_what_follows_the_numbers() {
        for (release, found) in [
            ("6.1.0-18-amd64", "amd64"),
            ("6.1.0-18-cloud-amd64", "cloud-amd64"),
            ("5.15.0-91-generic", "generic"),
            ("6.18.44", ""),
            ("0-rescue-abc", "rescue-abc"),
        ] {
            assert_eq!(flavour(release), found, "{release}");
        }
    }
}
