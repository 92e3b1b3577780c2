//! /proc/meminfo and /proc/vmstat (proc_meminfo(5), proc_vmstat(5)): lines of a name and a number.

use crate::fault::Fault;
use crate::root::Root;

/// A file of lines of a name and a number.
#[derive(Clone, Debug)]
pub struct Table {
    path: &'static str,
    text: String,
    root: Root,
}

impl Table {
    /// `/proc/meminfo` or `/proc/vmstat`.
    pub fn read(root: &Root, path: &'static str) -> Result<Self, Fault> {
        Ok(Self {
            path,
            text: root.read(path)?,
            root: root.clone(),
        })
    }

    /// The number of this name, kB made into bytes; `None` where this kernel does not say it.
    pub fn get(&self, name: &str) -> Option<u64> {
        find(&self.text, name)
    }

    /// The number of this name, which every kernel says.
    pub fn need(&self, name: &str) -> Result<u64, Fault> {
        self.get(name).ok_or_else(|| {
            self.root
                .malformed(self.path, format!("no number for {name}"))
        })
    }
}

/// The number after this name in such a text, kB made into bytes.
pub fn find(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix(' '))?;
        let mut words = rest.split_ascii_whitespace();
        let number: u64 = words.next()?.parse().ok()?;
        match words.next() {
            Some("kB") => number.checked_mul(1024),
            _ => Some(number),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_kilobytes_become_bytes() {
        let text =
            "MemTotal:       24684092 kB\nHugePages_Total:       3\noom_kill 7\noom_kill_x 9\n";
        for (name, number) in [
            ("MemTotal", Some(24_684_092 * 1024)),
            ("HugePages_Total", Some(3)),
            ("oom_kill", Some(7)),
            ("Mem", None),
            ("oom", None),
        ] {
            assert_eq!(find(text, name), number, "{name}");
        }
    }
}
