//! Swap space: how much is left, and whether the machine lives in it.

use ce_record::quantity::bytes;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin};
use crate::context::Context;
use crate::fault::Fault;
use crate::kept::Kept;
use crate::meminfo::{self, Table};
use crate::root::Root;
use ce_cli::parse_bytes;

mod area;

use area::{Area, Free, free, last_of_each, parse_swaps, percent};

pub(super) static CHECK: Check = Check::new::<Swap>("swap", Group::Machine, "Swap space and its use")
    .metrics(&[
        MetricDoc { name: "free", unit: "B", about: "swap space that is free" },
        MetricDoc { name: "free_percent", unit: "%", about: "share of swap space that is free" },
        MetricDoc { name: "swapped_in", unit: "c", about: "bytes read back from swap since boot" },
        MetricDoc { name: "swapped_out", unit: "c", about: "bytes written to swap since boot" },
        MetricDoc { name: "swapping_per_s", unit: "B", about: "bytes in and out each second since the last run (with --swapping-*)" },
    ])
    .data(&[
        Field { name: "total_bytes", kind: "integer", about: "swap space in all" },
        Field { name: "areas", kind: "array", about: "each area with its path, total_bytes and free_bytes" },
    ])
    .plugins(&[Plugin {
        name: "check_swap",
        word: "SWAP",
        preset: &[],
        perfdata: |_, metric| (metric.name == "free").then(|| metric.clone().named("swap")),
        deviations: &[
            "a machine without swap is OK unless -n says otherwise: in a cloud it is the rule, not a failure",
            "without -w and -c it judges by -w 20% -c 10% instead of refusing to run",
            "a number that does not read, such as 10:20, is refused: the plugin takes the part that does",
            "a unit counts (300M, 2GiB): the plugin takes 300M for 300 bytes",
            "free space is compared to the byte: the plugin cuts it down to whole MB first",
        ],
    }]);

/// Swap space and its use
///
/// Without thresholds it judges by -w 20% -c 10%. No swap at all is OK unless --no-swap says otherwise.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check swap
  ce-check swap -w 50% -w 1G -c 10% -n warning
  ce-check swap --swapping-warning 10M --swapping-critical 50M")]
pub(super) struct Swap {
    /// WARNING when no more than this is free: 20%, or less than this in bytes or with a unit: 500M
    #[arg(short, long, value_name = "FREE", value_parser = free)]
    warning: Vec<Free>,

    /// CRITICAL when no more than this is free
    #[arg(short, long, value_name = "FREE", value_parser = free)]
    critical: Vec<Free>,

    /// Judge each swap area by itself too
    #[arg(short, long)]
    allswaps: bool,

    /// How it is when there is no swap: ok, warning, critical or unknown
    #[arg(short, long, value_name = "STATE", default_value = "ok")]
    no_swap: State,

    /// WARNING when more than this is swapped in and out each second since the last run
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    swapping_warning: Option<u64>,

    /// CRITICAL when more than this is swapped in and out each second since the last run
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    swapping_critical: Option<u64>,

    #[command(flatten)]
    root: Root,
}

/// Bytes swapped in and out since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Traffic {
    read: u64,
    written: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Facts {
    total: u64,
    free: u64,
    areas: Vec<Area>,
    traffic: Option<Traffic>,
    /// Bytes each second; absent on the first run, why it is not known otherwise.
    swapping: Option<Result<u64, String>>,
}

impl Observe for Swap {
    fn validate(&self) -> Result<(), Fault> {
        let contradiction = |warning: Free, critical: Free| match (warning, critical) {
            (Free::Percent(warning), Free::Percent(critical)) => warning < critical,
            (Free::Bytes(warning), Free::Bytes(critical)) => warning < critical,
            _ => false,
        };
        let (warnings, criticals) = self.limits();
        let free_pairs = warnings
            .iter()
            .flat_map(|warning| criticals.iter().map(move |critical| (*warning, *critical)));
        let swapping = self.swapping_warning.zip(self.swapping_critical);
        if free_pairs.into_iter().any(|(w, c)| contradiction(w, c)) {
            return Err(Fault::Usage {
                message: "-w asks for less free swap than -c: it could never warn".to_owned(),
                hint: Some("both are free space: give -w the larger value".to_owned()),
            });
        }
        if swapping.is_some_and(|(warning, critical)| warning > critical) {
            return Err(Fault::Usage {
                message: "--swapping-warning is more than --swapping-critical: it could never warn"
                    .to_owned(),
                hint: Some("swap their values".to_owned()),
            });
        }
        Ok(())
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let table = Table::read(&self.root, "/proc/meminfo")?;
        let page = rustix::param::page_size() as u64;
        let vmstat = self.root.read_if_there("/proc/vmstat")?.unwrap_or_default();
        let pages =
            |name: &str| meminfo::find(&vmstat, name).map(|pages| pages.saturating_mul(page));
        let traffic = pages("pswpin")
            .zip(pages("pswpout"))
            .map(|(read, written)| Traffic { read, written });
        let swaps = self.root.read_if_there("/proc/swaps")?.unwrap_or_default();
        let areas = parse_swaps(&swaps).ok_or_else(|| {
            self.root
                .malformed("/proc/swaps", "a line without size and use")
        })?;
        let judges_rate = self.swapping_warning.is_some() || self.swapping_critical.is_some();
        Ok(vec![self.judge(&Facts {
            total: table.need("SwapTotal")?,
            free: table.need("SwapFree")?,
            areas,
            traffic,
            swapping: if judges_rate {
                self.rate(traffic, context)
            } else {
                None
            },
        })])
    }
}

impl Swap {
    /// The limits in force, warning and critical.
    fn limits(&self) -> (Vec<Free>, Vec<Free>) {
        if self.warning.is_empty() && self.critical.is_empty() {
            (vec![Free::Percent(20.0)], vec![Free::Percent(10.0)])
        } else {
            (last_of_each(&self.warning), last_of_each(&self.critical))
        }
    }

    fn rate(&self, traffic: Option<Traffic>, context: &Context) -> Option<Result<u64, String>> {
        let Some(now) = traffic else {
            return Some(Err("this kernel does not count it".to_owned()));
        };
        let judged_by = format!("{:?} {:?}", self.swapping_warning, self.swapping_critical);
        let previous = Kept::<Traffic>::open(context, &self.root, "swap", &[&judged_by])
            .and_then(|kept| kept.replace(&now));
        match previous {
            Err(fault) => Some(Err(fault.to_string())),
            Ok(previous) => previous.map(|previous| {
                let grown = previous
                    .growth(|traffic| traffic.read, now.read)
                    .saturating_add(previous.growth(|traffic| traffic.written, now.written));
                Ok(grown / previous.age.as_secs().max(1))
            }),
        }
    }

    fn judge_free(&self, free: u64, total: u64) -> State {
        let (warning, critical) = self.limits();
        let reached = |limits: &[Free]| limits.iter().any(|limit| limit.is_reached(free, total));
        if reached(&critical) {
            State::Critical
        } else if reached(&warning) {
            State::Warning
        } else {
            State::Ok
        }
    }

    fn judge(&self, facts: &Facts) -> Finding {
        if facts.total == 0 {
            return Finding::new(
                self.no_swap,
                "no swap: none configured, or all of it is off",
            )
            .cause(Cause::THRESHOLD)
            .metric(Metric::new("free", 0u64, "B").min(0i64).max(0i64))
            .data("total_bytes", 0);
        }
        let free_percent = percent(facts.free, facts.total);
        let mut state = self.judge_free(facts.free, facts.total);
        let mut summary = format!(
            "{free_percent:.0}% free ({} of {})",
            bytes(facts.free),
            bytes(facts.total)
        );
        let mut areas: Vec<(State, &Area)> = facts
            .areas
            .iter()
            .map(|area| (self.judge_free(area.free, area.total), area))
            .collect();
        areas.sort_by_key(|(state, area)| (std::cmp::Reverse(*state), area.free));
        if self.allswaps {
            let worst = areas.first().map_or(State::Ok, |(state, _)| *state);
            if let Some((_, area)) = areas.first().filter(|_| worst > state) {
                summary = format!(
                    "{} {:.0}% free, in all {summary}",
                    area.path,
                    percent(area.free, area.total)
                );
            }
            state = state.max(worst);
        }
        #[allow(clippy::cast_precision_loss)]
        let at_most = |size: Option<u64>| size.map(|size| Range::at_most(size as f64));
        let swapping_limits = Thresholds::new(
            at_most(self.swapping_warning),
            at_most(self.swapping_critical),
        );
        let mut metrics = vec![self.free_metric(facts)];
        metrics.push(
            Metric::new("free_percent", Number::rounded(free_percent, 2), "%")
                .min(0i64)
                .max(100i64),
        );
        if let Some(traffic) = facts.traffic {
            metrics.push(Metric::new("swapped_in", traffic.read, "c"));
            metrics.push(Metric::new("swapped_out", traffic.written, "c"));
        }
        match &facts.swapping {
            Some(Ok(rate)) => {
                #[allow(clippy::cast_precision_loss)]
                let verdict = swapping_limits.judge(*rate as f64);
                if verdict != State::Ok {
                    summary = format!(
                        "swapping {} each second, {summary}; see: vmstat 1 5",
                        bytes(*rate)
                    );
                }
                state = state.max(verdict);
                metrics.push(
                    Metric::new("swapping_per_s", *rate, "B")
                        .limits(swapping_limits)
                        .min(0i64),
                );
            }
            Some(Err(why)) => {
                state = state.max(State::Unknown);
                summary.push_str(&format!(", but how much is swapped cannot be told: {why}"));
            }
            None => {}
        }
        let mut finding = Finding::new(state, summary)
            .cause(Cause::THRESHOLD)
            .data("total_bytes", facts.total);
        if areas.len() > 1 || self.allswaps {
            for (_, area) in &areas {
                finding = finding.detail(format!(
                    "{}: {} of {} free",
                    area.path,
                    bytes(area.free),
                    bytes(area.total)
                ));
            }
        }
        let listed: Vec<serde_json::Value> = facts
            .areas
            .iter()
            .map(|area| serde_json::json!({"path": area.path, "total_bytes": area.total, "free_bytes": area.free}))
            .collect();
        finding.metrics = metrics;
        finding.data("areas", listed)
    }

    /// Free bytes with the limits as ranges: of several the one that is reached first.
    fn free_metric(&self, facts: &Facts) -> Metric {
        let (warning, critical) = self.limits();
        #[allow(clippy::cast_precision_loss)]
        let range = |limits: Vec<Free>| {
            let first = limits.into_iter().map(|limit| match limit {
                Free::Percent(percent) => (facts.total as f64 * percent / 100.0).floor() + 1.0,
                Free::Bytes(bytes) => bytes as f64,
            });
            first.reduce(f64::max).map(Range::at_least)
        };
        Metric::new("free", facts.free, "B")
            .limits(Thresholds::new(range(warning), range(critical)))
            .min(0i64)
            .max(facts.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn swap(args: &[&str]) -> Swap {
        let command = Swap::augment_args(clap::Command::new("swap"));
        let args = [&["swap"], args].concat();
        Swap::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn facts(free: u64) -> Facts {
        let area = |path: &str, free: u64| Area {
            path: path.to_owned(),
            total: 50 << 20,
            free: free << 20,
        };
        Facts {
            total: 100 << 20,
            free: free << 20,
            areas: vec![
                area("/dev/sda2", free.min(50)),
                area("/swap", free.saturating_sub(50)),
            ],
            traffic: None,
            swapping: None,
        }
    }

    #[test]
    fn free_swap_is_judged_by_share_and_size_alone_and_by_area() {
        for (args, free, state) in [
            (&[][..], 21, State::Ok),
            (&[], 20, State::Warning),
            (&[], 10, State::Critical),
            (&["-w", "30M"], 30, State::Ok),
            (&["-w", "30M"], 29, State::Warning),
            (&["-w", "10%", "-w", "80M"], 70, State::Warning),
            (&["-w", "90%", "-w", "5%"], 70, State::Ok),
            (&["-c", "10%"], 55, State::Ok),
            (&["-c", "10%", "-a"], 55, State::Critical),
            (&["--swapping-warning", "1M"], 90, State::Ok),
        ] {
            let finding = swap(args).judge(&facts(free));
            assert_eq!(
                finding.state, state,
                "{args:?} with {free}: {}",
                finding.summary
            );
        }
    }

    #[test]
    fn a_machine_without_swap_is_as_the_user_says() {
        let none = Facts {
            total: 0,
            free: 0,
            areas: Vec::new(),
            ..facts(0)
        };
        assert_eq!(swap(&[]).judge(&none).state, State::Ok);
        assert_eq!(
            swap(&["-n", "critical"]).judge(&none).state,
            State::Critical
        );
    }

    #[test]
    fn swapping_is_judged_and_not_knowing_is_no_ok() {
        let with = |swapping| Facts {
            swapping: Some(swapping),
            ..facts(90)
        };
        let swap = swap(&["--swapping-warning", "1M", "--swapping-critical", "5M"]);
        assert_eq!(swap.judge(&with(Ok(2 << 20))).state, State::Warning);
        assert_eq!(swap.judge(&with(Ok(6 << 20))).state, State::Critical);
        assert_eq!(
            swap.judge(&with(Err("no".to_owned()))).state,
            State::Unknown
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for args in [
            &["-w", "5%", "-c", "10%"][..],
            &["-w", "1M", "-c", "1G"],
            &["--swapping-warning", "2M", "--swapping-critical", "1M"],
        ] {
            assert!(swap(args).validate().is_err(), "{args:?}");
        }
        assert!(swap(&["-w", "5%", "-c", "1G"]).validate().is_ok());
        assert!(free("150%").is_err() && free("10:20").is_err());
    }
}
