//! The name of this machine.

/// What records about this machine are filed under: `CE_HOST`, else the kernel's host name.
#[must_use]
pub fn hostname() -> String {
    std::env::var("CE_HOST")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned()
        })
}
