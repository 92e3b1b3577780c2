//! Processes that run code whose file has been replaced: the update is installed, but not in force.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::processes::Processes;
use crate::root::Root;

/// Where packages put programs and libraries. Code deleted elsewhere is a just-in-time compiler's, not an update's.
const PACKAGED: [&str; 7] = [
    "/usr/", "/lib/", "/lib64/", "/lib32/", "/bin/", "/sbin/", "/opt/",
];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outdated {
    pub(super) processes: usize,
    pub(super) unreadable: usize,
    /// The unit or command, how many processes of it, and one of the deleted files.
    pub(super) programs: Vec<(String, usize, String)>,
}

/// Looks into every process that may be looked into.
pub(super) fn find(root: &Root) -> Result<Outdated, Fault> {
    let mut table = Processes::open(root)?;
    let mut outdated = Outdated::default();
    let mut programs: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for pid in table.pids()? {
        let deleted = match table.read(pid, "maps") {
            Ok(Some(maps)) => deleted_code(&String::from_utf8_lossy(maps)),
            Ok(None) => None,
            Err(_) => {
                outdated.unreadable += 1;
                None
            }
        };
        let Some(file) = deleted else {
            continue;
        };
        outdated.processes += 1;
        let cgroup = table.read(pid, "cgroup").ok().flatten();
        let unit = cgroup.and_then(|text| unit(&String::from_utf8_lossy(text)));
        let name = unit.or_else(|| table.stat(pid).map(|stat| stat.comm));
        let entry = programs
            .entry(name.unwrap_or_default())
            .or_insert((0, file));
        entry.0 += 1;
    }
    outdated.programs = programs
        .into_iter()
        .map(|(name, (count, file))| (name, count, file))
        .collect();
    outdated
        .programs
        .sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    Ok(outdated)
}

/// The first deleted file of a package that is mapped to be executed (proc_pid_maps(5)).
fn deleted_code(maps: &str) -> Option<String> {
    maps.lines().find_map(|line| {
        let line = line.strip_suffix(" (deleted)")?;
        let mut words = line.split_ascii_whitespace();
        let executable = words.nth(1)?.contains('x');
        let path = &line[line.find('/')?..];
        (executable && PACKAGED.iter().any(|folder| path.starts_with(folder)))
            .then(|| path.to_owned())
    })
}

/// The systemd service of a process, from its control group.
fn unit(cgroup: &str) -> Option<String> {
    cgroup
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .flat_map(|path| path.split('/').rev())
        .find(|name| name.ends_with(".service") && !name.starts_with("user@"))
        .map(str::to_owned)
}

impl Outdated {
    pub(super) fn sentence(&self) -> String {
        let shown: Vec<&str> = self
            .programs
            .iter()
            .take(3)
            .map(|(name, _, _)| name.as_str())
            .collect();
        let more = match self.programs.len().saturating_sub(3) {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let processes = match self.processes {
            1 => "1 process uses".to_owned(),
            count => format!("{count} processes use"),
        };
        format!("{processes} deleted libraries ({}{more})", shown.join(", "))
    }

    /// What to do, where that is a matter of units.
    pub(super) fn advice(&self) -> Option<String> {
        let units: Vec<&str> = self
            .programs
            .iter()
            .map(|(name, _, _)| name.as_str())
            .filter(|name| name.ends_with(".service"))
            .take(3)
            .collect();
        (!units.is_empty()).then(|| format!("systemctl restart {}", units.join(" ")))
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .programs
            .iter()
            .map(|(name, count, file)| format!("{name}: {count} with deleted {file}"))
            .collect();
        if self.unreadable > 0 {
            lines.push(crate::processes::unseen(self.unreadable));
        }
        lines
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.programs
            .iter()
            .map(|(name, _, _)| name.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_deleted_code_of_packages_counts() {
        let line = |permissions: &str, path: &str| {
            format!("7f0-7f1 {permissions} 0000 08:01 1234                       {path}\n")
        };
        for (maps, found) in [
            (
                line("r-xp", "/usr/lib/x/libssl.so.3 (deleted)"),
                Some("/usr/lib/x/libssl.so.3"),
            ),
            (
                line("r-xp", "/opt/my app/run (deleted)"),
                Some("/opt/my app/run"),
            ),
            (line("r--p", "/usr/lib/libc.so (deleted)"), None),
            (line("rwxp", "/tmp/jit-1 (deleted)"), None),
            (line("rwxs", "/memfd:x (deleted)"), None),
            (line("r-xp", "/usr/lib/libc.so"), None),
            ("7f0-7f1 rw-p 0 00:00 0 \n".to_owned(), None),
        ] {
            assert_eq!(deleted_code(&maps).as_deref(), found, "{maps}");
        }
    }

    #[test]
    fn a_service_is_named_by_its_control_group() {
        for (cgroup, found) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            (
                "4:memory:/\n1:name=systemd:/system.slice/a.service/sub\n",
                Some("a.service"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice\n",
                None,
            ),
            ("0::/\n", None),
        ] {
            assert_eq!(unit(cgroup).as_deref(), found, "{cgroup}");
        }
    }
}
