//! Linux software RAID: degraded arrays, failed disks, rebuilds, mismatches.

use ce_record::quantity::{bytes, duration};
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;
use std::time::Duration;

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::root::Root;

mod mdstat;

use mdstat::{Action, Array};

pub(super) static CHECK: Check = Check::new::<Raid>(
    "raid",
    Group::Machine,
    "Linux software RAID: degraded arrays, failed disks, rebuilds",
)
.metrics(&[
    MetricDoc {
        name: "disks_missing",
        unit: "",
        about: "places in the array without a working disk",
    },
    MetricDoc {
        name: "disks_failed",
        unit: "",
        about: "disks that the array has given up",
    },
    MetricDoc {
        name: "spares",
        unit: "",
        about: "disks that wait to step in",
    },
    MetricDoc {
        name: "sync_percent",
        unit: "%",
        about: "of the rebuild or check that runs",
    },
    MetricDoc {
        name: "sync_speed",
        unit: "B",
        about: "of the rebuild or check that runs, each second",
    },
    MetricDoc {
        name: "mismatches",
        unit: "",
        about: "sectors that differed at the last check",
    },
])
.data(&[
    Field {
        name: "level",
        kind: "string",
        about: "raid1, raid5 and so on",
    },
    Field {
        name: "disks",
        kind: "integer",
        about: "places in the array",
    },
    Field {
        name: "action",
        kind: "string",
        about: "what runs: recovery, resync, reshape or check",
    },
    Field {
        name: "failed",
        kind: "array",
        about: "names of the failed disks",
    },
]);

/// Linux software RAID: degraded arrays, failed disks, rebuilds
///
/// A degraded array is CRITICAL, while it is rebuilt what --rebuilding says; a failed disk whose spare has stepped in
/// is a WARNING.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check raid
  ce-check raid -a md0 -a md1 --spares 1
  ce-check raid --missing critical --mismatches 1024")]
pub(super) struct Raid {
    /// Judge only this array, which must be there
    #[arg(short, long, value_name = "NAME")]
    array: Vec<String>,

    /// WARNING when an array has fewer spares
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    spares: u64,

    /// What it means that a degraded array is being rebuilt
    #[arg(long, value_name = "STATE", default_value = "warning")]
    rebuilding: State,

    /// WARNING when more sectors differed at the last check [default: 0 for raid4, 5 and 6]
    #[arg(long, value_name = "COUNT")]
    mismatches: Option<u64>,

    /// What it means that there is no software RAID
    #[arg(long, value_name = "STATE", default_value = "ok")]
    missing: State,

    #[command(flatten)]
    root: Root,
}

impl Observe for Raid {
    fn observe(&self, _: &Context) -> Result<Vec<Finding>, Fault> {
        const MDSTAT: &str = "/proc/mdstat";
        let text = self.root.read_if_there(MDSTAT)?.unwrap_or_default();
        let mut arrays =
            mdstat::parse(&text).map_err(|fault| self.root.malformed(MDSTAT, fault))?;
        for array in &mut arrays {
            self.complete(array);
        }
        Ok(self.judge_all(&arrays))
    }
}

impl Raid {
    /// What only sysfs knows, as the kernel's md.rst describes it.
    fn complete(&self, array: &mut Array) {
        let read = |file: &str| {
            let path = format!("/sys/block/{}/md/{file}", array.name);
            self.root.read_if_there(path).ok().flatten()
        };
        let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
        let (degraded, mismatches) = (number("degraded"), number("mismatch_cnt"));
        let broken = read("array_state").is_some_and(|state| state.trim() == "broken");
        array.missing = array.missing.max(degraded.unwrap_or_default());
        array.mismatches = mismatches;
        array.active &= !broken;
    }

    fn judge_all(&self, arrays: &[Array]) -> Vec<Finding> {
        let chosen = |array: &&Array| self.array.is_empty() || self.array.contains(&array.name);
        let mut findings: Vec<Finding> = arrays
            .iter()
            .filter(chosen)
            .map(|array| self.judge(array))
            .collect();
        for name in &self.array {
            if !arrays.iter().any(|array| array.name == *name) {
                let finding = Finding::new(State::Critical, "no such array: it was not assembled");
                findings.push(finding.object(name).cause(Cause::CONTENT));
            }
        }
        if findings.is_empty() {
            let finding = Finding::new(self.missing, "no software RAID");
            findings.push(finding.cause(Cause::CONTENT));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        findings
    }

    fn judge(&self, array: &Array) -> Finding {
        let mut troubles: Vec<(State, Cause, String)> = Vec::new();
        let failed = array.failed.join(", ");
        let sync = array.sync.as_ref();
        let rebuilding = sync.is_some_and(|sync| sync.action == Action::Recovery);
        if !array.active {
            let what = "not running: see mdadm --detail and dmesg".to_owned();
            troubles.push((State::Critical, Cause::SYSTEM, what));
        }
        if array.missing > 0 {
            let which = if failed.is_empty() {
                String::new()
            } else {
                format!(", failed: {failed}")
            };
            let (state, next) = if rebuilding {
                (self.rebuilding, "")
            } else {
                (State::Critical, ": replace it now")
            };
            let (missing, disks) = (array.missing, array.disks);
            let what = format!("degraded, {missing} of {disks} disks missing{which}{next}");
            troubles.push((state, Cause::SYSTEM, what));
        } else if !failed.is_empty() {
            let what = format!("disk failed: {failed}; a spare stepped in, replace the disk");
            troubles.push((State::Warning, Cause::SYSTEM, what));
        }
        if array.spares < self.spares {
            let what = format!("{} of {} spares", array.spares, self.spares);
            troubles.push((State::Warning, Cause::THRESHOLD, what));
        }
        let limit = self.mismatch_limit(array);
        if let (Some(count), Some(limit)) = (array.mismatches, limit)
            && count > limit
        {
            let what = format!("{count} sectors differed at the last check");
            troubles.push((State::Warning, Cause::THRESHOLD, what));
        }
        troubles.sort_by_key(|(state, ..)| std::cmp::Reverse(*state));
        self.tell(array, &troubles, limit)
    }

    /// raid1 and raid10 count sectors that were being written during the check, swap above all: no sign of a fault.
    fn mismatch_limit(&self, array: &Array) -> Option<u64> {
        let parity = matches!(array.level.as_str(), "raid4" | "raid5" | "raid6");
        self.mismatches.or(parity.then_some(0))
    }

    fn tell(
        &self,
        array: &Array,
        troubles: &[(State, Cause, String)],
        mismatch_limit: Option<u64>,
    ) -> Finding {
        let mut parts: Vec<String> = troubles.iter().map(|(.., what)| what.clone()).collect();
        if parts.is_empty() {
            parts.push(format!("{} of {} disks work", array.disks, array.disks));
        }
        parts.extend(array.sync.as_ref().map(progress));
        let state = troubles.first().map_or(State::Ok, |(state, ..)| *state);
        let level = match array.level.as_str() {
            "" => String::new(),
            level => format!("{level}: "),
        };
        let mut finding = Finding::new(state, format!("{level}{}", parts.join("; ")))
            .object(&array.name)
            .data("level", array.level.as_str())
            .data("disks", array.disks)
            .data("failed", array.failed.clone());
        if let Some((_, cause, _)) = troubles.first() {
            finding = finding.cause(cause.clone());
        }
        let at_most = |limit: u64| Range::new(0.0, Number::from(limit).as_f64());
        let at_least = Range::at_least(Number::from(self.spares).as_f64());
        let wanted = (self.spares > 0).then_some(at_least);
        finding = finding
            .metric(
                Metric::new("disks_missing", array.missing, "")
                    .limits(Thresholds::new(None, at_most(0)))
                    .min(0i64)
                    .max(array.disks),
            )
            .metric(Metric::new("disks_failed", array.failed.len(), "").min(0i64))
            .metric(
                Metric::new("spares", array.spares, "")
                    .limits(Thresholds::new(wanted, None))
                    .min(0i64),
            );
        if let Some(count) = array.mismatches {
            let limits = Thresholds::new(mismatch_limit.and_then(at_most), None);
            finding = finding.metric(
                Metric::new("mismatches", count, "")
                    .limits(limits)
                    .min(0i64),
            );
        }
        let Some(sync) = &array.sync else {
            return finding;
        };
        finding = finding.data("action", sync.action.to_string());
        if let Some(percent) = sync.percent {
            let metric = Metric::new("sync_percent", Number::rounded(percent, 2), "%");
            finding = finding.metric(metric.min(0i64).max(100i64));
        }
        if let Some(speed) = sync.speed {
            finding = finding.metric(Metric::new("sync_speed", speed, "B").min(0i64));
        }
        finding
    }
}

/// `recovery 34%, 2 h 3 min left at 110 MiB/s`.
fn progress(sync: &mdstat::Sync) -> String {
    let mut text = sync.action.to_string();
    match sync.percent {
        Some(percent) => text.push_str(&format!(" {percent:.0}%")),
        None => text.push_str(" waits for another array"),
    }
    if let Some(left) = sync.left_minutes {
        let left = Duration::try_from_secs_f64(left * 60.0).unwrap_or_default();
        text.push_str(&format!(", {} left", duration(left)));
    }
    if let Some(speed) = sync.speed {
        text.push_str(&format!(" at {}/s", bytes(speed)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    fn raid(args: &str) -> Raid {
        let words = ["raid"].into_iter().chain(args.split_whitespace());
        let matches = Raid::augment_args(Command::new("raid")).get_matches_from(words);
        Raid::from_arg_matches(&matches).unwrap()
    }

    fn judged(args: &str, mdstat: &str) -> Vec<(State, String)> {
        let arrays = mdstat::parse(mdstat).unwrap();
        let findings = raid(args).judge_all(&arrays);
        findings
            .into_iter()
            .map(|finding| (finding.state, finding.summary))
            .collect()
    }

    const HEALTHY: &str = "Personalities : [raid1] [raid6] [raid5] [raid4]
md0 : active raid1 sdb1[1] sda1[0]
      104320 blocks [2/2] [UU]
      bitmap: 0/1 pages [0KB], 65536KB chunk

unused devices: <none>
";

    #[test]
    fn a_healthy_mirror_is_ok_and_a_lost_disk_critical() {
        assert_eq!(
            judged("", HEALTHY),
            [(State::Ok, "raid1: 2 of 2 disks work".to_owned())]
        );
        let broken = HEALTHY
            .replace("sdb1[1]", "sdb1[1](F)")
            .replace("[2/2] [UU]", "[2/1] [U_]");
        assert_eq!(
            judged("", &broken),
            [(
                State::Critical,
                "raid1: degraded, 1 of 2 disks missing, failed: sdb1: replace it now".to_owned()
            )]
        );
    }

    #[test]
    fn a_rebuild_is_what_rebuilding_says_with_its_progress() {
        let rebuild = "md1 : active raid5 sdd1[3] sdc1[2] sda1[0]
      2095104 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [U_U]
      [==>..................]  recovery = 12.6% (132096/1047552) finish=3.4min speed=4403K/sec
";
        let text =
            "raid5: degraded, 1 of 3 disks missing; recovery 13%, 3 min 24 s left at 4.3 MiB/s";
        assert_eq!(judged("", rebuild), [(State::Warning, text.to_owned())]);
        assert_eq!(
            judged("--rebuilding critical", rebuild)[0].0,
            State::Critical
        );
        let check = HEALTHY.replace(
            "      bitmap",
            "      [=>....]  check =  5.0% (1/20) finish=1.0min speed=1000K/sec\n      bitmap",
        );
        assert_eq!(judged("", &check)[0].0, State::Ok);
        let waits = HEALTHY.replace("      bitmap", "      \tresync=DELAYED\n      bitmap");
        assert_eq!(
            judged("", &waits)[0].1,
            "raid1: 2 of 2 disks work; resync waits for another array"
        );
    }

    #[test]
    fn a_spare_that_stepped_in_leaves_a_disk_to_replace() {
        let stepped = HEALTHY.replace("sda1[0]", "sda1[0] sdc1[2](F)");
        assert_eq!(judged("", &stepped)[0].0, State::Warning);
        let with_spare = HEALTHY.replace("sda1[0]", "sda1[0] sdc1[2](S)");
        assert_eq!(judged("--spares 1", &with_spare)[0].0, State::Ok);
        assert_eq!(
            judged("--spares 2", &with_spare)[0].1,
            "raid1: 1 of 2 spares"
        );
    }

    #[test]
    fn an_array_that_does_not_run_or_is_not_there_is_critical() {
        let inactive = "md127 : inactive sdb[1](S) sda[0](S)\n      5860270584 blocks super 1.2\n";
        assert_eq!(
            judged("", inactive),
            [(
                State::Critical,
                "not running: see mdadm --detail and dmesg".to_owned()
            )]
        );
        assert_eq!(judged("-a md7", HEALTHY)[0].0, State::Critical);
        assert_eq!(
            judged("", "Personalities : \nunused devices: <none>\n"),
            [(State::Ok, "no software RAID".to_owned())]
        );
        assert_eq!(judged("--missing critical", "")[0].0, State::Critical);
    }

    #[test]
    fn mismatches_count_where_parity_says_so() {
        let mut arrays = mdstat::parse(HEALTHY).unwrap();
        arrays[0].mismatches = Some(128);
        assert_eq!(raid("").judge(&arrays[0]).state, State::Ok);
        assert_eq!(
            raid("--mismatches 100").judge(&arrays[0]).state,
            State::Warning
        );
        arrays[0].level = "raid5".into();
        assert_eq!(raid("").judge(&arrays[0]).state, State::Warning);
    }

    #[test]
    fn sysfs_completes_what_mdstat_does_not_say() {
        let folder = tempfile::tempdir().unwrap();
        let md = folder.path().join("sys/block/md0/md");
        std::fs::create_dir_all(&md).unwrap();
        for (name, text) in [
            ("degraded", "1\n"),
            ("mismatch_cnt", "8\n"),
            ("array_state", "broken\n"),
        ] {
            std::fs::write(md.join(name), text).unwrap();
        }
        let raid = Raid {
            root: Root::new(folder.path()),
            ..raid("")
        };
        let mut arrays = mdstat::parse(HEALTHY).unwrap();
        raid.complete(&mut arrays[0]);
        assert_eq!(
            (arrays[0].missing, arrays[0].mismatches, arrays[0].active),
            (1, Some(8), false)
        );
    }
}
