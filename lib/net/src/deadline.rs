//! The moment by which something must be done, handed down instead of timeouts, so that many waits have one end.

use std::time::{Duration, Instant};

use crate::{NetError, Phase};

/// A moment of the monotonic clock by which everything that is given it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// A century: what a timeout too long to be added to the clock is taken for.
const FAR: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Deadline {
    /// The deadline that is `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout.min(FAR))
    }

    /// The deadline at this moment.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// The moment itself.
    #[must_use]
    pub fn moment(self) -> Instant {
        self.0
    }

    /// The time left; none when it is over.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }

    /// How long to have the kernel wait at once; none when the time is over.
    ///
    /// The kernel's timers for socket timeouts may be late by an eighth of what they are set to (its timer wheel, since
    /// Linux 4.8: 10 s become 10.3 s). So it is asked for less, and again for what is then left.
    #[must_use]
    pub fn wait(self) -> Option<Duration> {
        // The kernel takes a timeout of zero for none at all, and counts in ticks of this order anyway.
        const SHORTEST: Duration = Duration::from_millis(1);
        self.remaining().map(|left| (left - left / 8).max(SHORTEST))
    }

    /// The time left for this phase of reaching `target`.
    ///
    /// # Errors
    /// [`NetError::Timeout`] when none is left.
    pub fn left(self, phase: Phase, target: &str) -> Result<Duration, NetError> {
        self.remaining().ok_or_else(|| NetError::Timeout {
            phase,
            target: target.to_owned(),
        })
    }

    /// The deadline by which the first of `shares` tries must end so that each of them has as long.
    #[must_use]
    pub(crate) fn share(self, shares: usize) -> Self {
        let shares = u32::try_from(shares).unwrap_or(u32::MAX).max(1);
        match self.remaining() {
            Some(left) => Self::after(left / shares).min(self),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_leaves_nothing_and_names_the_phase() {
        let past = Deadline::at(Instant::now());
        assert_eq!(past.remaining(), None);
        let error = past.left(Phase::Tls, "db1:3306").unwrap_err();
        assert_eq!(
            error.to_string(),
            "timeout in the tls handshake with 'db1:3306'"
        );
    }

    #[test]
    fn a_share_is_a_part_of_what_is_left_and_never_more() {
        let all = Deadline::after(Duration::from_secs(9));
        let part = all.share(3).remaining().unwrap();
        assert!(part <= Duration::from_secs(3) && part > Duration::from_secs(2));
        assert!(all.share(1) <= all);
    }

    #[test]
    fn an_endless_timeout_is_no_overflow() {
        assert!(Deadline::after(Duration::MAX).remaining().is_some());
    }
}
