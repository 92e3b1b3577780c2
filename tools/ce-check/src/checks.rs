//! The table of checks: one line each, sorted by name.

mod disk;
mod dns;
mod http;
mod imap;
mod load;
mod ping;
mod pop3;
mod smtp;
mod ssh;
mod tcp;
mod tls;
mod udp;

use crate::check::Check;

/// Every check, sorted by name.
pub static CHECKS: &[&Check] = &[
    &disk::CHECK,
    &dns::CHECK,
    &http::CHECK,
    &imap::CHECK,
    &load::CHECK,
    &ping::CHECK,
    &pop3::CHECK,
    &smtp::CHECK,
    &ssh::CHECK,
    &tcp::CHECK,
    &tls::CHECK,
    &udp::CHECK,
];

/// The check of this name.
pub(crate) fn find(name: &str) -> Option<&'static Check> {
    CHECKS
        .binary_search_by(|check| check.name.cmp(name))
        .ok()
        .map(|at| CHECKS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_name_stands_once() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn every_command_line_is_consistent() {
        crate::command().debug_assert();
        for check in CHECKS {
            check
                .full_command(clap::Command::new(check.name))
                .debug_assert();
        }
    }

    #[test]
    fn no_plugin_name_is_claimed_twice() {
        let mut names: Vec<&str> = CHECKS
            .iter()
            .flat_map(|check| check.plugins)
            .map(|plugin| plugin.name)
            .collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
