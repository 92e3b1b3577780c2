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
    #[allow(clippy::cast_precision_loss)]
    let seconds = |microseconds: libc::c_long| microseconds as f64 / 1e6;
    Ok(Kernel {
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        estimated: seconds(timex.esterror),
        most: seconds(timex.maxerror),
        leap: timex.status & (libc::STA_INS | libc::STA_DEL) != 0,
    })
}
