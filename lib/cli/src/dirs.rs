//! Where state, cache, spool and configuration live.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The four folders of a program; none of them is made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// Configuration, `/etc/ce`.
    pub config: PathBuf,
    /// What must outlive a run, `/var/lib/ce`.
    pub state: PathBuf,
    /// What can be made again, `/var/cache/ce`.
    pub cache: PathBuf,
    /// What waits to be delivered, `/var/spool/ce`.
    pub spool: PathBuf,
}

impl Dirs {
    /// As the environment and the user decide: `CE_*_DIR`, then the system's folders for root, XDG's for others.
    #[must_use]
    pub fn from_env() -> Self {
        Self::choose(rustix::process::geteuid().is_root(), |name| {
            env::var_os(name).filter(|value| !value.is_empty())
        })
    }

    fn choose(root: bool, var: impl Fn(&str) -> Option<OsString>) -> Self {
        let home = || PathBuf::from(var("HOME").unwrap_or_else(|| "/".into()));
        let dir = |own: &str, system: &str, xdg: &str, fallback: &str| {
            if let Some(dir) = var(own) {
                return PathBuf::from(dir);
            }
            if root {
                return PathBuf::from(system);
            }
            var(xdg)
                .map_or_else(|| home().join(fallback), PathBuf::from)
                .join("ce")
        };
        Self {
            config: dir("CE_CONFIG_DIR", "/etc/ce", "XDG_CONFIG_HOME", ".config"),
            state: dir(
                "CE_STATE_DIR",
                "/var/lib/ce",
                "XDG_STATE_HOME",
                ".local/state",
            ),
            cache: dir("CE_CACHE_DIR", "/var/cache/ce", "XDG_CACHE_HOME", ".cache"),
            spool: var("CE_SPOOL_DIR").map_or_else(
                || {
                    if root {
                        PathBuf::from("/var/spool/ce")
                    } else {
                        var("XDG_STATE_HOME")
                            .map_or_else(|| home().join(".local/state"), PathBuf::from)
                            .join("ce/spool")
                    }
                },
                PathBuf::from,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_variables_win_then_root_takes_the_system_folders_and_others_xdg() {
        let plain = |name: &str| (name == "HOME").then(|| OsString::from("/home/u"));
        assert_eq!(
            Dirs::choose(true, plain).state,
            PathBuf::from("/var/lib/ce")
        );
        assert_eq!(
            Dirs::choose(false, plain).cache,
            PathBuf::from("/home/u/.cache/ce")
        );
        assert_eq!(
            Dirs::choose(false, plain).spool,
            PathBuf::from("/home/u/.local/state/ce/spool")
        );
        let own = |name: &str| Some(OsString::from(format!("/own/{name}")));
        assert_eq!(
            Dirs::choose(true, own).state,
            PathBuf::from("/own/CE_STATE_DIR")
        );
        assert_eq!(
            Dirs::choose(true, own).spool,
            PathBuf::from("/own/CE_SPOOL_DIR")
        );
    }
}
