//! Swap areas, and how little of them may be free.

use ce_cli::parse_bytes;

/// The free space at which somebody is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Free {
    Percent(f64),
    Bytes(u64),
}

pub(super) fn free(text: &str) -> Result<Free, String> {
    match text.strip_suffix('%') {
        None => parse_bytes(text).map(Free::Bytes),
        Some(number) => match number.parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Free::Percent(percent)),
            _ => Err(format!("'{text}' is not a percentage from 0% to 100%")),
        },
    }
}

impl Free {
    pub(super) fn is_reached(self, free: u64, total: u64) -> bool {
        match self {
            Self::Percent(limit) => percent(free, total) <= limit,
            Self::Bytes(limit) => free < limit,
        }
    }
}

/// A line of /proc/swaps (proc_swaps(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) path: String,
    pub(super) total: u64,
    pub(super) free: u64,
}

pub(super) fn parse_swaps(text: &str) -> Option<Vec<Area>> {
    let area = |line: &str| {
        // The path may hold escaped blanks only, so the sizes are found from its end.
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [path, _, total, used, ..] = words[..] else {
            return None;
        };
        let (total, used): (u64, u64) = (total.parse().ok()?, used.parse().ok()?);
        Some(Area {
            path: path.replace("\\040", " "),
            total: total.checked_mul(1024)?,
            free: total.saturating_sub(used).checked_mul(1024)?,
        })
    };
    text.lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(area)
        .collect()
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}

/// Given twice, the later percentage or size holds, as in check_swap: a command definition may override its own.
pub(super) fn last_of_each(limits: &[Free]) -> Vec<Free> {
    let last = |percent: bool| {
        limits
            .iter()
            .rfind(|limit| matches!(limit, Free::Percent(_)) == percent)
    };
    [last(true), last(false)]
        .into_iter()
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_areas_read_as_proc_documents_them() {
        let text = "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2  partition 1000 400 -2\n/my\\040swap file 10 0 -3\n";
        let areas = parse_swaps(text).unwrap();
        assert_eq!((areas[0].total, areas[0].free), (1_024_000, 614_400));
        assert_eq!(areas[1].path, "/my swap");
        assert_eq!(parse_swaps("x\n/dev/sda2 partition x y\n"), None);
        assert_eq!(parse_swaps(""), Some(Vec::new()));
    }
}
