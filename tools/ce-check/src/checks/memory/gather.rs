//! What the machine or one control group says of its memory.

use crate::cgroups;
use crate::fault::Fault;
use crate::meminfo::{self, Table};
use crate::processes::Processes;
use crate::root::Root;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// The control group, when it is one.
    pub(super) name: Option<String>,
    pub(super) total: u64,
    pub(super) available: u64,
    pub(super) free: Option<u64>,
    pub(super) cached: Option<u64>,
    /// Reserved and free.
    pub(super) hugepages: Option<(u64, u64)>,
    pub(super) oom_kills: Option<u64>,
    /// Since the last run; why it is not known.
    pub(super) new_oom_kills: Option<Result<u64, String>>,
    /// The name, id and bytes of the processes that hold most, largest first.
    pub(super) largest: Vec<(String, u32, u64)>,
}

/// `/proc/meminfo` and `/proc/vmstat`.
pub(super) fn machine(root: &Root) -> Result<Facts, Fault> {
    let table = Table::read(root, "/proc/meminfo")?;
    let free = table.need("MemFree")?;
    let cached = table.get("Cached");
    // Kernels before 3.14 do not say what is available.
    let available = table
        .get("MemAvailable")
        .unwrap_or(free.saturating_add(cached.unwrap_or_default()));
    let total = table.need("MemTotal")?;
    if total == 0 || available > total {
        let fault = format!("{available} bytes available of {total}");
        return Err(root.malformed("/proc/meminfo", fault));
    }
    let vmstat = root.read_if_there("/proc/vmstat")?;
    let hugepages = table
        .get("HugePages_Total")
        .zip(table.get("HugePages_Free"));
    Ok(Facts {
        total,
        available,
        free: Some(free),
        cached,
        hugepages: hugepages.filter(|(total, _)| *total > 0),
        oom_kills: vmstat.and_then(|text| meminfo::find(&text, "oom_kill")),
        ..Facts::default()
    })
}

/// The limit and use of a control group: memory.* of Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
pub(super) fn cgroup(root: &Root, path: &str) -> Result<Facts, Fault> {
    let group = cgroups::find(root, path, "memory.current", "memory")?;
    let number = |file: &str| -> Result<u64, Fault> {
        let path = group.file(file);
        let text = root.read(&path)?;
        text.trim()
            .parse()
            .map_err(|_| root.malformed(&path, "expected a number"))
    };
    let stat = root.read(group.file("memory.stat"))?;
    let machine_total = Table::read(root, "/proc/meminfo")?.need("MemTotal")?;
    let (used, limit, reclaimable, events) = if group.v2 {
        (
            number("memory.current")?,
            v2_limit(root, &group.folder),
            "inactive_file",
            "memory.events",
        )
    } else {
        (
            number("memory.usage_in_bytes")?,
            meminfo::find(&stat, "hierarchical_memory_limit")
                .or(number("memory.limit_in_bytes").ok()),
            "total_inactive_file",
            "memory.oom_control",
        )
    };
    // Without a limit of its own a group can take all that the machine has.
    let total = limit.unwrap_or(machine_total).min(machine_total);
    let reclaimable = meminfo::find(&stat, reclaimable).unwrap_or_default();
    let held = used.saturating_sub(reclaimable);
    Ok(Facts {
        name: Some(group.name.clone()),
        total,
        available: total.saturating_sub(held),
        cached: Some(reclaimable),
        oom_kills: root
            .read_if_there(group.file(events))?
            .and_then(|text| meminfo::find(&text, "oom_kill")),
        ..Facts::default()
    })
}

/// The smallest memory.max from this folder upwards: a slice's limit holds for the services in it.
fn v2_limit(root: &Root, folder: &str) -> Option<u64> {
    std::path::Path::new(folder)
        .ancestors()
        .map_while(|folder| root.read_if_there(folder.join("memory.max")).ok().flatten())
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

pub(super) fn largest(root: &Root) -> Vec<(String, u32, u64)> {
    let stats = Processes::open(root).and_then(|mut table| table.stats());
    let mut found: Vec<_> = stats
        .unwrap_or_default()
        .into_iter()
        .map(|stat| (stat.comm.clone(), stat.pid, stat.resident_bytes()))
        .filter(|(_, _, held)| *held > 0)
        .collect();
    found.sort_by_key(|(_, _, held)| std::cmp::Reverse(*held));
    found.truncate(5);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_bound_by_the_smallest_limit_above_it_and_its_file_cache_is_available() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("proc/meminfo", "MemTotal: 4194304 kB\n"),
            (
                "proc/self/mountinfo",
                "30 20 0:26 / /cg rw - cgroup2 cgroup2 rw\n",
            ),
            ("cg/a/memory.max", "1073741824\n"),
            ("cg/a/b/memory.max", "max\n"),
            ("cg/a/b/memory.current", "805306368\n"),
            ("cg/a/b/memory.stat", "anon 1\ninactive_file 268435456\n"),
            ("cg/a/b/memory.events", "oom 3\noom_kill 2\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let facts = cgroup(&Root::new(folder.path()), "/a/b").unwrap();
        assert_eq!(
            (facts.total, facts.available, facts.oom_kills),
            (1 << 30, 1 << 29, Some(2))
        );
    }
}
