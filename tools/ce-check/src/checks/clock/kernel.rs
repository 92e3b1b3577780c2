//! What the kernel thinks of its own clock: adjtimex(2), asked without changing anything.
//!
//! No safe crate of this workspace wraps the call, so the one unsafe block of this program's checks is here.

use std::io;

/// The kernel's view, as adjtimex(2) documents it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kernel {
    /// Whether something disciplines the clock.
    pub(super) synchronised: bool,
    /// Estimated error, in seconds.
    pub(super) estimated: f64,
    /// The most that it can be off, in seconds.
    pub(super) most: f64,
    /// A leap second comes tonight.
    pub(super) leap: bool,
}

/// What was recorded of adjtimex(2): status, esterror and maxerror.
pub(super) fn recorded(text: &str) -> Option<Kernel> {
    let numbers: Vec<i64> = text
        .split_ascii_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    match numbers[..] {
        [status, esterror, maxerror] => {
            Some(kernel(i32::try_from(status).ok()?, esterror, maxerror))
        }
        _ => None,
    }
}

/// From the status word and two errors in microseconds.
fn kernel(status: i32, esterror: i64, maxerror: i64) -> Kernel {
    #[allow(clippy::cast_precision_loss)]
    let seconds = |microseconds: i64| microseconds as f64 / 1e6;
    Kernel {
        synchronised: status & libc::STA_UNSYNC == 0,
        estimated: seconds(esterror),
        most: seconds(maxerror),
        leap: status & (libc::STA_INS | libc::STA_DEL) != 0,
    }
}

/// Asks the kernel.
#[allow(unsafe_code)]
pub(super) fn ask() -> Result<Kernel, io::Error> {
    // SAFETY: timex is a C structure of integers, for which all zeros is a value; modes 0 only reads.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    let answer = kernel(timex.status, timex.esterror, timex.maxerror);
    Ok(Kernel {
        synchronised: answer.synchronised && state != libc::TIME_ERROR,
        ..answer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_reads_as_the_kernels_own() {
        let kernel = recorded("8193 1500 250000\n").unwrap();
        assert_eq!(
            (kernel.synchronised, kernel.estimated, kernel.most),
            (true, 0.0015, 0.25)
        );
        assert!(!recorded("64 0 0").unwrap().synchronised);
        assert!(recorded("16 0 0").unwrap().leap);
        assert!(recorded("").is_none() && recorded("1 2").is_none() && recorded("a b c").is_none());
    }
}
