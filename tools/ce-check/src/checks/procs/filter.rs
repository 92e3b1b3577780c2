//! Which processes count: what costs nothing is asked first, files are read only for those that are left.

use regex::Regex;

use super::Process;
use crate::fault::Fault;
use crate::processes::{Processes, Stat};
use crate::root::Root;

/// The kernel keeps so many bytes of a program's name (TASK_COMM_LEN without its end).
const COMM_BYTES: usize = 15;

/// What a process has to be.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) state: Option<String>,
    pub(super) ppid: Option<u32>,
    pub(super) vsz_bytes: Option<u64>,
    pub(super) rss_bytes: Option<u64>,
    pub(super) cpu_percent: Option<f64>,
    pub(super) user: Option<(String, u32)>,
    pub(super) argument: Option<String>,
    pub(super) argument_regex: Option<Regex>,
    pub(super) exclude: Vec<String>,
    pub(super) command: Option<String>,
    pub(super) no_kernel_threads: bool,
}

impl Filter {
    /// The process with what had to be read of it, or `None` when it does not match.
    pub(super) fn matching(&self, mut process: Process, table: &mut Processes) -> Option<Process> {
        if !self.takes_stat(&process) {
            return None;
        }
        let stat = &process.stat;
        if let Some(flags) = &self.state {
            let locked = flags.contains('L') && is_locked(&status(table, stat.pid)?);
            if !flags.chars().any(|flag| has_flag(stat, flag, locked)) {
                return None;
            }
        }
        if let Some((_, wanted)) = &self.user
            && user(&status(table, stat.pid)?) != Some(*wanted)
        {
            return None;
        }
        // A name that the kernel cut off stands whole in the arguments only.
        let long = self.command.as_ref().filter(|name| name.len() > COMM_BYTES);
        if self.argument.is_some() || self.argument_regex.is_some() || long.is_some() {
            process.arguments = arguments(table, &process.stat);
            if !self.takes_arguments(&process.arguments) {
                return None;
            }
        }
        Some(process)
    }

    fn takes_stat(&self, process: &Process) -> bool {
        let stat = &process.stat;
        let named = |name: &String| is_called(&stat.comm, name);
        !(self.no_kernel_threads && stat.is_kernel_thread())
            && self.ppid.is_none_or(|ppid| stat.ppid == ppid)
            && self
                .vsz_bytes
                .is_none_or(|bytes| stat.virtual_bytes >= bytes)
            && self
                .rss_bytes
                .is_none_or(|bytes| stat.resident_bytes() >= bytes)
            && self
                .cpu_percent
                .is_none_or(|percent| process.cpu_percent >= percent)
            && self.command.as_ref().is_none_or(named)
            && !self.exclude.iter().any(named)
    }

    fn takes_arguments(&self, arguments: &str) -> bool {
        let program = arguments.split(' ').next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        self.argument
            .as_ref()
            .is_none_or(|text| arguments.contains(text.as_str()))
            && self
                .argument_regex
                .as_ref()
                .is_none_or(|regex| regex.is_match(arguments))
            && self.command.as_ref().is_none_or(|name| {
                name.len() <= COMM_BYTES || program.trim_end_matches(':') == name
            })
    }

    /// ` with command 'sshd', user root`, empty when everything matches.
    pub(super) fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(name) = &self.command {
            words.push(format!("command '{name}'"));
        }
        if let Some(text) = &self.argument {
            words.push(format!("arguments '{text}'"));
        }
        if let Some(regex) = &self.argument_regex {
            words.push(format!("arguments matching '{regex}'"));
        }
        if let Some((name, _)) = &self.user {
            words.push(format!("user {name}"));
        }
        if let Some(flags) = &self.state {
            words.push(format!("state {flags}"));
        }
        if let Some(ppid) = self.ppid {
            words.push(format!("parent {ppid}"));
        }
        let size = ce_record::quantity::bytes;
        if let Some(bytes) = self.vsz_bytes {
            words.push(format!("vsz from {}", size(bytes)));
        }
        if let Some(bytes) = self.rss_bytes {
            words.push(format!("rss from {}", size(bytes)));
        }
        if let Some(percent) = self.cpu_percent {
            words.push(format!("cpu from {percent}%"));
        }
        if !self.exclude.is_empty() {
            words.push(format!("command not '{}'", self.exclude.join("' or '")));
        }
        if words.is_empty() {
            String::new()
        } else {
            format!(" with {}", words.join(", "))
        }
    }
}

/// Whether the kernel's name for a process is this one. Kernel workers are also found by what follows their last
/// slash, which is all that check_procs sees of them.
fn is_called(comm: &str, name: &str) -> bool {
    let cut = comm.get(..COMM_BYTES).unwrap_or(comm);
    let last = |comm: &str| comm.rsplit_once('/').is_some_and(|(_, last)| last == name);
    comm == name
        || (name.len() > COMM_BYTES && comm.len() == COMM_BYTES && name.starts_with(comm))
        || last(comm)
        || last(cut)
}

/// Whether ps(1) shows this letter in its STAT column.
fn has_flag(stat: &Stat, flag: char, locked: bool) -> bool {
    match flag {
        '<' => stat.nice < 0,
        'N' => stat.nice > 0,
        'L' => locked,
        's' => stat.session == i64::from(stat.pid),
        'l' => stat.threads > 1,
        '+' => stat.terminal_group == stat.group,
        letter => stat.state == letter,
    }
}

fn status(table: &mut Processes, pid: u32) -> Option<String> {
    let text = table.read(pid, "status").ok()??;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// The effective user: the second number of `Uid:`.
fn user(status: &str) -> Option<u32> {
    status_field(status, "Uid:")?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn is_locked(status: &str) -> bool {
    status_field(status, "VmLck:").is_some_and(|size| !size.trim().starts_with("0 "))
}

/// The arguments, or the name in brackets where there are none, as ps(1) shows it.
pub(super) fn arguments(table: &mut Processes, stat: &Stat) -> String {
    let arguments = table.arguments(stat.pid);
    match (arguments.is_empty(), stat.state) {
        (false, _) => arguments,
        (true, 'Z') => format!("[{}] <defunct>", stat.comm),
        (true, _) => format!("[{}]", stat.comm),
    }
}

/// The number of a user given by number or by a name in /etc/passwd.
pub(super) fn user_id(name: &str, root: &Root) -> Result<u32, Fault> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let passwd = root.read("/etc/passwd")?;
    find_user(&passwd, name).ok_or_else(|| Fault::Usage {
        message: format!("there is no user '{name}' in /etc/passwd"),
        hint: Some("users of a directory service are given by number: see id -u NAME".to_owned()),
    })
}

fn find_user(passwd: &str, name: &str) -> Option<u32> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        let stat = Stat {
            pid: 7,
            comm: "php-fpm8.2".to_owned(),
            state: 'S',
            ppid: 1,
            nice: -5,
            session: 7,
            threads: 1,
            virtual_bytes: 10 << 20,
            ..Stat::default()
        };
        Process::new(stat, 100.0)
    }

    #[test]
    fn every_filter_keeps_what_it_names_and_drops_the_rest() {
        let name = |name: &str| Some(name.to_owned());
        for (filter, takes) in [
            (Filter::default(), true),
            (
                Filter {
                    ppid: Some(1),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    ppid: Some(2),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    vsz_bytes: Some(10 << 20),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    vsz_bytes: Some(11 << 20),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    rss_bytes: Some(1),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    cpu_percent: Some(0.1),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    command: name("php-fpm8.2"),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    command: name("php-fpm"),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    exclude: vec!["php-fpm8.2".to_owned()],
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    no_kernel_threads: true,
                    ..Filter::default()
                },
                true,
            ),
        ] {
            assert_eq!(filter.takes_stat(&process()), takes, "{filter:?}");
        }
    }

    #[test]
    fn flags_are_those_of_ps() {
        let stat = process().stat;
        for (flag, has) in [
            ('S', true),
            ('<', true),
            ('N', false),
            ('s', true),
            ('l', false),
            ('L', false),
            ('Z', false),
        ] {
            assert_eq!(has_flag(&stat, flag, false), has, "{flag}");
        }
    }

    #[test]
    fn a_name_longer_than_the_kernel_keeps_is_found_by_its_start_and_argument() {
        let long = "prometheus-node-exporter";
        assert!(is_called("prometheus-node", long) && !is_called("prometheus", long));
        assert!(is_called("kworker/R-rcu_gp", "R-rcu_g"));
        let filter = Filter {
            command: Some(long.to_owned()),
            ..Filter::default()
        };
        assert!(filter.takes_arguments("/usr/bin/prometheus-node-exporter --web"));
        assert!(!filter.takes_arguments("/usr/bin/prometheus-node-other"));
    }

    #[test]
    fn users_and_locked_memory_read_as_proc_documents_them() {
        let status = "Name:\tx\nUid:\t1000\t33\t33\t33\nVmLck:\t     64 kB\n";
        assert_eq!(user(status), Some(33));
        assert!(is_locked(status) && !is_locked("VmLck:\t       0 kB\n") && !is_locked(""));
        let passwd = "root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/false\n";
        assert_eq!(find_user(passwd, "www-data"), Some(33));
        assert_eq!(find_user(passwd, "www"), None);
    }
}
