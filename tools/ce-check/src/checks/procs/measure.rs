//! A process, and what of it can be judged.

use ce_record::quantity::{bytes, duration};
use ce_record::{Metric, Number, Thresholds};
use clap::ValueEnum;

use crate::processes::{Stat, TICKS_PER_SECOND};

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(super) enum Measure {
    Procs,
    Vsz,
    Rss,
    Cpu,
    Elapsed,
}

/// A process that matches.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) stat: Stat,
    pub(super) arguments: String,
    pub(super) cpu_percent: f64,
    pub(super) elapsed_s: f64,
}

impl Process {
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn new(stat: Stat, uptime: f64) -> Self {
        let ticks = TICKS_PER_SECOND as f64;
        let elapsed_s = (uptime - stat.start_ticks as f64 / ticks).max(0.0);
        let busy_s = stat.busy_ticks as f64 / ticks;
        let cpu_percent = if elapsed_s > 0.0 {
            100.0 * busy_s / elapsed_s
        } else {
            0.0
        };
        Self {
            stat,
            arguments: String::new(),
            cpu_percent,
            elapsed_s,
        }
    }

    pub(super) fn line(&self) -> String {
        const LONGEST: usize = 120;
        let arguments: String = self.arguments.chars().take(LONGEST).collect();
        format!(
            "{} ({}): state {}, rss {}, vsz {}, cpu {:.1}%, runs {}: {arguments}",
            self.stat.comm,
            self.stat.pid,
            self.stat.state,
            bytes(self.stat.resident_bytes()),
            bytes(self.stat.virtual_bytes),
            self.cpu_percent,
            age(self.elapsed_s),
        )
    }
}

fn age(seconds: f64) -> String {
    duration(std::time::Duration::from_secs_f64(
        seconds.clamp(0.0, 1e12).floor(),
    ))
}

impl Measure {
    /// In the unit of `-w` and `-c`.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn of(self, process: &Process) -> f64 {
        match self {
            Self::Procs => 1.0,
            Self::Vsz => process.stat.virtual_bytes as f64 / 1024.0,
            Self::Rss => process.stat.resident_bytes() as f64 / 1024.0,
            Self::Cpu => process.cpu_percent,
            Self::Elapsed => process.elapsed_s.floor(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Procs => "processes",
            Self::Vsz => "VSZ",
            Self::Rss => "RSS",
            Self::Cpu => "CPU",
            Self::Elapsed => "age",
        }
    }

    pub(super) fn text(self, process: &Process) -> String {
        match self {
            Self::Procs => String::new(),
            Self::Vsz => bytes(process.stat.virtual_bytes),
            Self::Rss => bytes(process.stat.resident_bytes()),
            Self::Cpu => format!("{:.1}%", process.cpu_percent),
            Self::Elapsed => age(process.elapsed_s),
        }
    }

    /// The metric of the largest, with the thresholds in its base unit.
    pub(super) fn metric(self, largest: &Process, thresholds: Thresholds) -> Option<Metric> {
        let scaled = Thresholds::new(
            thresholds.warn.map(|range| range.map(|kib| kib * 1024.0)),
            thresholds.crit.map(|range| range.map(|kib| kib * 1024.0)),
        );
        let (metric, limits) = match self {
            Self::Procs => return None,
            Self::Vsz => (
                Metric::new("vsz_max", largest.stat.virtual_bytes, "B"),
                scaled,
            ),
            Self::Rss => (
                Metric::new("rss_max", largest.stat.resident_bytes(), "B"),
                scaled,
            ),
            Self::Cpu => {
                let percent = Number::rounded(largest.cpu_percent, 2);
                (Metric::new("cpu_max", percent, "%"), thresholds)
            }
            Self::Elapsed => {
                let seconds = Number::rounded(largest.elapsed_s.floor(), 0);
                (Metric::new("elapsed_max", seconds, "s"), thresholds)
            }
        };
        Some(metric.limits(limits).min(0i64))
    }
}
