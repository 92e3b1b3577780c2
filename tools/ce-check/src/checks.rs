//! The table of checks: one line each, sorted by name.

mod clock;
mod conntrack;
mod cpu;
mod disk;
mod dns;
mod exec;
mod fds;
mod files;
mod http;
mod imap;
mod job;
mod load;
mod log;
mod mailq;
mod memory;
mod mounts;
mod net;
mod ping;
mod pop3;
mod pressure;
mod procs;
mod raid;
mod reboot;
mod smtp;
mod ssh;
mod swap;
mod tcp;
mod tls;
mod udp;
mod units;
mod uptime;

use crate::check::Check;

/// Every check, sorted by name.
pub static CHECKS: &[&Check] = &[
    &clock::CHECK,
    &conntrack::CHECK,
    &cpu::CHECK,
    &disk::CHECK,
    &dns::CHECK,
    &exec::CHECK,
    &fds::CHECK,
    &files::CHECK,
    &http::CHECK,
    &imap::CHECK,
    &job::CHECK,
    &load::CHECK,
    &log::CHECK,
    &mailq::CHECK,
    &memory::CHECK,
    &mounts::CHECK,
    &net::CHECK,
    &ping::CHECK,
    &pop3::CHECK,
    &pressure::CHECK,
    &procs::CHECK,
    &raid::CHECK,
    &reboot::CHECK,
    &smtp::CHECK,
    &ssh::CHECK,
    &swap::CHECK,
    &tcp::CHECK,
    &tls::CHECK,
    &udp::CHECK,
    &units::CHECK,
    &uptime::CHECK,
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
    fn every_command_says_what_it_is_for_itself() {
        let mut whole = crate::command();
        whole.build();
        for command in whole.get_subcommands() {
            let about = command.get_about().map(ToString::to_string);
            let help = command.clone().render_long_help().to_string();
            assert!(
                !help.contains("all six programs") && help.lines().count() > 1,
                "{help}"
            );
            if let Some(check) = find(command.get_name()) {
                assert_eq!(about.as_deref(), Some(check.about));
            }
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
