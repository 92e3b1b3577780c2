//! The lines of pressure stall information.

/// Percentages over 10, 60 and 300 seconds, and microseconds since boot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) averages: [f64; 3],
    pub(super) total_us: u64,
}

/// A file of /proc/pressure (Documentation/accounting/psi.rst).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) some: Line,
    /// Kernels before 5.13 do not say it of CPUs.
    pub(super) full: Option<Line>,
}

pub(super) fn parse(text: &str) -> Option<Facts> {
    let line = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        let value = |key: &str| {
            rest.split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let average = |key: &str| {
            value(key)?
                .parse()
                .ok()
                .filter(|average: &f64| average.is_finite())
        };
        Some(Line {
            averages: [average("avg10")?, average("avg60")?, average("avg300")?],
            total_us: value("total")?.parse().ok()?,
        })
    };
    Some(Facts {
        some: line("some ")?,
        full: line("full "),
    })
}
