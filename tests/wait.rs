//! Waiting for a condition, never for luck.

use std::time::{Duration, Instant};

/// The result of `condition` as soon as it is there.
///
/// # Panics
/// It does not come within `patience`.
pub fn until<T>(what: &str, patience: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "no {what} within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
