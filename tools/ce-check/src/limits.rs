//! The `-w` and `-c` of a check that judges one value by ranges.

use ce_record::{Range, Thresholds};
use clap::Args;

use crate::fault::Fault;

/// `-w RANGE -c RANGE`: flatten it into the flags of a check that judges one value.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Limits {
    /// WARNING outside this range: 10 is 0 to 10, 10: at least 10, ~:10 at most 10, @10:20 inside
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub warning: Option<Range>,

    /// CRITICAL outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub critical: Option<Range>,
}

impl Limits {
    /// The ranges as given.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds::new(self.warning, self.critical)
    }

    /// The ranges as given, or these upper ends where neither was: what a check judges by when nobody says.
    pub fn or_above(&self, warning: f64, critical: Option<f64>) -> Thresholds {
        above_unless_given(self.warning, self.critical, warning, critical)
    }

    /// Refuses a pair that can never warn.
    pub fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.thresholds())
    }
}

/// The ranges as given, or 0 to these upper ends where neither was.
pub fn above_unless_given(
    given_warning: Option<Range>,
    given_critical: Option<Range>,
    warning: f64,
    critical: Option<f64>,
) -> Thresholds {
    if given_warning.is_some() || given_critical.is_some() {
        return Thresholds::new(given_warning, given_critical);
    }
    let up_to = |end: f64| Range::new(0.0, end);
    Thresholds::new(up_to(warning), critical.and_then(up_to))
}

/// Refuses a pair of ranges of which the warning one can never show, naming both flags.
pub fn refuse_contradiction(
    warning: &str,
    critical: &str,
    thresholds: Thresholds,
) -> Result<(), Fault> {
    match (thresholds.warn, thresholds.crit) {
        (Some(warn), Some(crit)) if thresholds.never_warns() => Err(Fault::Usage {
            message: format!(
                "{warning} {warn} can never warn: {critical} {crit} is CRITICAL wherever it would"
            ),
            hint: Some(format!("swap the values of {warning} and {critical}")),
        }),
        _ => Ok(()),
    }
}
