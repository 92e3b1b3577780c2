//! Time since boot: too short after a reboot that nobody ordered, too long for a kernel that wants updates.

use std::time::Duration;

use ce_cli::parse_duration;
use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Range, State, Thresholds};
use clap::Args;
use jiff::Timestamp;

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::processes::uptime_seconds;
use crate::root::Root;

pub(super) static CHECK: Check = Check::new::<Uptime>("uptime", Group::Machine, "Time since boot")
    .metrics(&[MetricDoc {
        name: "uptime",
        unit: "s",
        about: "time since boot",
    }])
    .data(&[Field {
        name: "booted",
        kind: "string",
        about: "when the machine was booted, UTC",
    }]);

/// Time since boot
///
/// Without thresholds it is WARNING for the first 10 minutes (-w 10m:): somebody should know of a reboot.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check uptime
  ce-check uptime -w 10m:180d
  ce-check uptime -w :180d -c :1y")]
pub(super) struct Uptime {
    /// WARNING outside this range of times: 10m: is at least ten minutes, :180d at most 180 days
    #[arg(short, long, value_name = "RANGE", value_parser = time_range)]
    warning: Option<Range>,

    /// CRITICAL outside this range of times
    #[arg(short, long, value_name = "RANGE", value_parser = time_range)]
    critical: Option<Range>,

    #[command(flatten)]
    root: Root,
}

/// A range whose ends are times with or without units, in seconds.
fn time_range(text: &str) -> Result<Range, String> {
    let (mark, body) = match text.strip_prefix('@') {
        Some(body) => ("@", body),
        None => ("", text),
    };
    let end = |end: &str| match end {
        "" | "~" => Ok(end.to_owned()),
        time => parse_duration(time)
            .map(|time| time.as_secs_f64().to_string())
            .map_err(|error| error.to_string()),
    };
    let seconds = match body.split_once(':') {
        Some((start, stop)) => format!("{}:{}", end(start)?, end(stop)?),
        None => end(body)?,
    };
    format!("{mark}{seconds}")
        .parse()
        .map_err(|error: ce_record::RangeError| format!("{error}, in seconds"))
}

impl Observe for Uptime {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.thresholds())
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        Ok(vec![self.judge(uptime_seconds(&self.root)?, context.now)])
    }
}

impl Uptime {
    fn thresholds(&self) -> Thresholds {
        if self.warning.is_none() && self.critical.is_none() {
            return Thresholds::new(Some(Range::at_least(600.0)), None);
        }
        Thresholds::new(self.warning, self.critical)
    }

    fn judge(&self, uptime_s: f64, now: Timestamp) -> Finding {
        let whole = Duration::from_secs_f64(uptime_s.clamp(0.0, 1e12).floor());
        #[allow(clippy::cast_precision_loss)]
        let seconds = whole.as_secs() as f64;
        let thresholds = self.thresholds();
        let state = thresholds.judge(seconds);
        // Rounded, so that it does not flicker from run to run.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let booted_s = (now.as_millisecond() as f64 / 1000.0 - uptime_s).round() as i64;
        let booted = Timestamp::from_second(booted_s).ok();
        let mut summary = format!("up {}", duration(whole));
        if let Some(booted) = booted {
            summary.push_str(&format!(", since {booted}"));
        }
        let broken = match state {
            State::Critical => thresholds.crit,
            State::Warning => thresholds.warn,
            _ => None,
        };
        if let Some(range) = broken {
            let next = if seconds < range.start() {
                ": rebooted; see: last -x reboot, journalctl -b -1 -e"
            } else if seconds > range.end() {
                ": plan a reboot"
            } else {
                ""
            };
            summary.push_str(next);
        }
        let mut finding = Finding::new(state, summary).cause(Cause::THRESHOLD).metric(
            Metric::new("uptime", whole.as_secs(), "s")
                .limits(thresholds)
                .min(0i64),
        );
        if let Some(booted) = booted {
            finding = finding.data("booted", booted.to_string());
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uptime(warning: Option<&str>, critical: Option<&str>) -> Uptime {
        let range = |text: Option<&str>| text.map(|text| time_range(text).unwrap());
        Uptime {
            warning: range(warning),
            critical: range(critical),
            root: Root::new("/"),
        }
    }

    #[test]
    fn a_range_of_times_reads_in_both_directions() {
        for (text, seconds) in [
            ("10m:", "600:"),
            (":180d", "15552000"),
            ("10m:180d", "600:15552000"),
            ("300", "300"),
            ("@1h:2h", "@3600:7200"),
            ("~:1d", "~:86400"),
        ] {
            assert_eq!(time_range(text).unwrap().to_string(), seconds, "{text}");
        }
        for text in ["", "~", "2h:1h", "10x:", "@", "1:2:3"] {
            assert!(time_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fresh_boot_and_an_old_one_are_told_apart() {
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        for (warning, critical, uptime_s, state, part) in [
            (
                None,
                None,
                60.0,
                State::Warning,
                "up 1 min, since 2026-01-31T11:59:00Z: rebooted",
            ),
            (None, None, 700.0, State::Ok, "up 11 min 40 s"),
            (Some(":180d"), None, 20e6, State::Warning, "plan a reboot"),
            (
                Some("10m:180d"),
                Some("1m:"),
                30.0,
                State::Critical,
                "rebooted",
            ),
        ] {
            let finding = uptime(warning, critical).judge(uptime_s, now);
            assert_eq!(finding.state, state, "{}", finding.summary);
            assert!(finding.summary.contains(part), "{}", finding.summary);
        }
    }

    #[test]
    fn a_warning_that_can_never_show_is_refused() {
        assert!(uptime(Some("5m:"), Some("10m:")).validate().is_err());
        assert!(uptime(Some("10m:"), Some("5m:")).validate().is_ok());
    }
}
