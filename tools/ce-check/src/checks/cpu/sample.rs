//! One look at the CPUs and at who uses them, and the difference of two.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::processes::Processes;
use crate::root::Root;

pub(super) const MODES: [&str; 9] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest",
];
pub(super) const IDLE: usize = 3;
pub(super) const IOWAIT: usize = 4;
pub(super) const STEAL: usize = 7;

/// Ticks since boot in each of [`MODES`], as the first line of /proc/stat counts them but for guests, which are taken
/// out of user and nice there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Times(pub(super) [u64; 9]);

/// The `cpu` line and the number of `cpuN` lines of /proc/stat (proc_stat(5)).
pub(super) fn parse(stat: &str) -> Option<(Times, usize)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut counts = [0u64; 10];
    let mut words = line.split_ascii_whitespace();
    for (at, count) in counts.iter_mut().enumerate() {
        *count = match words.next() {
            Some(word) => word.parse().ok()?,
            // Old kernels end earlier, but all say the first four.
            None if at > IDLE => 0,
            None => return None,
        };
    }
    let [
        user,
        nice,
        system,
        idle,
        iowait,
        irq,
        softirq,
        steal,
        guest,
        guest_nice,
    ] = counts;
    let cpus = stat
        .lines()
        .filter_map(|line| line.strip_prefix("cpu"))
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .count();
    let times = [
        user.saturating_sub(guest),
        nice.saturating_sub(guest_nice),
        system,
        idle,
        iowait,
        irq,
        softirq,
        steal,
        guest.saturating_add(guest_nice),
    ];
    Some((Times(times), cpus.max(1)))
}

/// The percentage of each mode between two looks; `None` when no time went by.
pub(super) fn shares(before: &Times, after: &Times) -> Option<[f64; 9]> {
    let mut grown = [0u64; 9];
    for (at, grown) in grown.iter_mut().enumerate() {
        // iowait may go backwards, as proc_stat(5) warns.
        *grown = after.0[at].saturating_sub(before.0[at]);
    }
    let total = grown
        .iter()
        .fold(0, |sum: u64, ticks| sum.saturating_add(*ticks));
    #[allow(clippy::cast_precision_loss)]
    let share = |ticks: u64| 100.0 * ticks as f64 / total as f64;
    (total > 0).then(|| grown.map(share))
}

pub(super) type BusyTicks = HashMap<(u32, u64), (String, u64)>;

/// The time that each process used so far, by its id and start: an id can be used again.
pub(super) fn busy_ticks(root: &Root) -> BusyTicks {
    let stats = Processes::open(root).and_then(|mut table| table.stats());
    stats
        .unwrap_or_default()
        .into_iter()
        .map(|stat| ((stat.pid, stat.start_ticks), (stat.comm, stat.busy_ticks)))
        .collect()
}

pub(super) fn top(
    before: &BusyTicks,
    after: &BusyTicks,
    over: Duration,
) -> Vec<(String, u32, f64)> {
    let mut found: Vec<_> = after
        .iter()
        .filter_map(|(key, (comm, ticks))| {
            let earlier = before.get(key).map_or(0, |(_, ticks)| *ticks);
            // Ticks are hundredths of a second, so that ticks in a second are percent.
            #[allow(clippy::cast_precision_loss)]
            let percent = ticks.saturating_sub(earlier) as f64 / over.as_secs_f64().max(0.01);
            (percent >= 1.0).then(|| (comm.clone(), key.0, percent))
        })
        .collect();
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1)));
    found.truncate(5);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_taken_out_of_the_time_of_programs() {
        let stat = "cpu  100 20 5 800 7 1 2 3 40 10\ncpu0 1 2\ncpu1 1 2\nintr 5\n";
        let (times, cpus) = parse(stat).unwrap();
        assert_eq!(times, Times([60, 10, 5, 800, 7, 1, 2, 3, 50]));
        assert_eq!(cpus, 2);
        assert_eq!(parse("cpu  1 2 3 4\n").unwrap().0.0[4], 0);
        for text in ["", "cpu  1 2 3\n", "cpu  1 2 x 4\n", "cpu0 1 2 3 4\n"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn shares_add_up_and_a_mode_that_went_backwards_is_nothing() {
        let before = Times([10, 0, 0, 100, 9, 0, 0, 0, 0]);
        let after = Times([40, 0, 10, 160, 8, 0, 0, 0, 0]);
        let shares = shares(&before, &after).unwrap();
        assert_eq!(shares, [30.0, 0.0, 10.0, 60.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(super::shares(&after, &after), None);
    }
}
