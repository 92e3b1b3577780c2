//! Command definitions for Nagios: one for each check.

use std::fmt::Write as _;
use std::path::PathBuf;

use ce_check::{CHECKS, Group};

const HEAD: &str = "\
# ce-check under Nagios: a command for each check, and a template for results that are sent in.
#
#   define service {
#       use                  generic-service
#       host_name            web1
#       service_description  disk
#       check_command        ce_disk!-w 15% -c 5%
#   }
#
# Commands for the network put -H $HOSTADDRESS$ in front of the arguments; ce_http puts -I, so that -H or -u in them can
# name a virtual host.

define command {
    command_name  ce_exec
    command_line  /usr/bin/ce-check exec --format nagios -- $ARG1$
}

define command {
    command_name  ce_stale
    command_line  /usr/bin/ce-check exec --format nagios -- /usr/lib/nagios/plugins/check_dummy 3 'no result was sent in'
}

define service {
    name                    ce-passive
    active_checks_enabled   0
    passive_checks_enabled  1
    check_freshness         1
    freshness_threshold     900
    check_command           ce_stale
    max_check_attempts      1
    check_interval          5
    retry_interval          1
    check_period            24x7
    register                0
}
";

/// `packaging/nagios/ce.cfg`.
pub(crate) fn commands() -> (PathBuf, Vec<u8>) {
    let mut text = HEAD.to_owned();
    for check in CHECKS.iter().filter(|check| check.group != Group::Join) {
        let target = match (check.group, check.name) {
            (Group::Network, "http") => " -I $HOSTADDRESS$",
            (Group::Network, _) => " -H $HOSTADDRESS$",
            _ => "",
        };
        let _ = write!(
            text,
            "\ndefine command {{\n    command_name  ce_{0}\n    command_line  /usr/bin/ce-check {0} --format nagios{target} $ARG1$\n}}\n",
            check.name
        );
    }
    (PathBuf::from("packaging/nagios/ce.cfg"), text.into_bytes())
}
