//! Processes as /proc shows them, read without starting another program.
//!
//! A process may end between the listing and the reading of it: that is never a fault, it is left out.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ce_cli::FileError;
use rustix::fs::{Mode, OFlags, RawDir, openat};
use rustix::io::Errno;

use crate::fault::Fault;
use crate::root::Root;

/// The kernel counts times for user space in hundredths of a second on every machine that Debian runs on (USER_HZ in
/// include/asm-generic/param.h).
pub const TICKS_PER_SECOND: u64 = 100;

/// PF_KTHREAD in include/linux/sched.h: the flag of a process that runs in the kernel only.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// No file of one process that is read here is longer, in bytes: an argument list has at most 2 MiB by default.
const MAX_BYTES: usize = 8 << 20;

/// A line of /proc/PID/stat (proc_pid_stat(5)), as far as somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    pub pid: u32,
    /// At most 15 bytes of the program's name; kernel workers may show more.
    pub comm: String,
    /// `R` running, `S` sleeping, `D` waiting for a device, `Z` zombie, `T` stopped, `I` idle kernel thread.
    pub state: char,
    pub ppid: u32,
    pub group: i64,
    pub session: i64,
    pub terminal_group: i64,
    pub flags: u64,
    /// User and kernel time, in ticks.
    pub busy_ticks: u64,
    pub nice: i64,
    pub threads: u64,
    /// In ticks since boot.
    pub start_ticks: u64,
    pub virtual_bytes: u64,
    pub resident_pages: u64,
}

impl Stat {
    /// Whether it runs in the kernel only.
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// What it holds of the memory, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.resident_pages
            .saturating_mul(rustix::param::page_size() as u64)
    }
}

/// The process table of a machine: an open /proc and a buffer that all reads share.
#[derive(Debug)]
pub struct Processes {
    proc: OwnedFd,
    buffer: Vec<u8>,
}

impl Processes {
    /// Opens /proc.
    pub fn open(root: &Root) -> Result<Self, Fault> {
        let path = root.path("/proc");
        let file = File::open(&path).map_err(|source| FileError::Read { path, source })?;
        Ok(Self {
            proc: file.into(),
            buffer: vec![0; 4096],
        })
    }

    /// The ids of all processes, in the order of the kernel.
    pub fn pids(&self) -> Result<Vec<u32>, Fault> {
        let fault = |errno: Errno| Fault::System {
            action: "cannot list processes".to_owned(),
            source: errno.into(),
        };
        let folder = openat(
            &self.proc,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(fault)?;
        let mut space = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(folder, space.spare_capacity_mut());
        let mut pids = Vec::with_capacity(256);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(fault)?;
            if let Some(pid) = entry
                .file_name()
                .to_str()
                .ok()
                .and_then(|name| name.parse().ok())
            {
                pids.push(pid);
            }
        }
        Ok(pids)
    }

    /// One file of one process; `Ok(None)` when the process is gone.
    pub fn read(&mut self, pid: u32, name: &str) -> Result<Option<&[u8]>, Errno> {
        let gone = |errno| match errno {
            Errno::NOENT | Errno::SRCH => Ok(None),
            errno => Err(errno),
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = match openat(&self.proc, format!("{pid}/{name}"), flags, Mode::empty()) {
            Ok(file) => file,
            Err(errno) => return gone(errno),
        };
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= MAX_BYTES {
                    break;
                }
                self.buffer.resize(length * 2, 0);
            }
            match rustix::io::read(&file, &mut self.buffer[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(Errno::INTR) => {}
                Err(errno) => return gone(errno),
            }
        }
        Ok(Some(&self.buffer[..length]))
    }

    /// The stat line of one process; `None` when it is gone.
    pub fn stat(&mut self, pid: u32) -> Option<Stat> {
        parse_stat(self.read(pid, "stat").ok()??)
    }

    /// All stat lines.
    pub fn stats(&mut self) -> Result<Vec<Stat>, Fault> {
        let pids = self.pids()?;
        Ok(pids.into_iter().filter_map(|pid| self.stat(pid)).collect())
    }

    /// The arguments of one process, blanks between them; empty for kernel threads and zombies.
    pub fn arguments(&mut self, pid: u32) -> String {
        match self.read(pid, "cmdline") {
            Ok(Some(bytes)) => {
                let text = String::from_utf8_lossy(bytes.trim_ascii_end());
                text.trim_end_matches('\0').replace('\0', " ")
            }
            _ => String::new(),
        }
    }

    /// The program file of one process, when it may be known.
    pub fn program(&self, pid: u32) -> Option<rustix::fs::Stat> {
        rustix::fs::statat(
            &self.proc,
            format!("{pid}/exe"),
            rustix::fs::AtFlags::empty(),
        )
        .ok()
    }

    /// The id of this very process in this table; `None` in a recorded one.
    pub fn own_pid(&self) -> Option<u32> {
        let target = rustix::fs::readlinkat(&self.proc, "self", Vec::new()).ok()?;
        target.to_str().ok()?.parse().ok()
    }
}

impl AsFd for Processes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.proc.as_fd()
    }
}

/// `pid (comm) state ppid ...`: the name may hold blanks and brackets, so it ends at the last bracket.
pub fn parse_stat(line: &[u8]) -> Option<Stat> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let pid = std::str::from_utf8(line.get(..open)?).ok()?;
    let comm = line.get(open + 1..close)?;
    let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    // From here on every word is a number; the manual's field 4 is the first.
    let mut numbers = [0i64; 21];
    for number in &mut numbers {
        let word = words.next()?;
        *number = match word.parse() {
            Ok(value) => value,
            Err(_) => i64::try_from(word.parse::<u64>().ok()?).unwrap_or(i64::MAX),
        };
    }
    let field = |number: usize| numbers[number - 4];
    let count = |number: usize| u64::try_from(field(number)).unwrap_or_default();
    Some(Stat {
        pid: pid.trim().parse().ok()?,
        comm: String::from_utf8_lossy(comm).into_owned(),
        state,
        ppid: u32::try_from(field(4)).unwrap_or_default(),
        group: field(5),
        session: field(6),
        terminal_group: field(8),
        flags: count(9),
        busy_ticks: count(14).saturating_add(count(15)),
        nice: field(19),
        threads: count(20),
        start_ticks: count(22),
        virtual_bytes: count(23),
        resident_pages: count(24),
    })
}

/// How many processes could not be looked into, for whoever asks why one is not named.
pub fn unseen(count: usize) -> String {
    let processes = match count {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    };
    format!(
        "{processes} could not be looked into: only root sees those of other users, and not even root a protected one"
    )
}

/// Seconds since boot, from /proc/uptime (proc_uptime(5)).
pub fn uptime_seconds(root: &Root) -> Result<f64, Fault> {
    const UPTIME: &str = "/proc/uptime";
    let text = root.read(UPTIME)?;
    text.split_ascii_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|seconds: &f64| (0.0..1e11).contains(seconds))
        .ok_or_else(|| root.malformed(UPTIME, "expected the seconds since boot"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_reads_past_any_name() {
        let tail = "S 1 24391 24390 0 -1 4194304 122 0 0 0 30 12 0 0 20 0 3 0 233076 3133440 410 18446744073709551615 1";
        for name in ["cat", "a) R 2 (b", "tmux: server", ""] {
            let stat = parse_stat(format!("24391 ({name}) {tail}\n").as_bytes()).unwrap();
            assert_eq!(
                (stat.pid, stat.comm.as_str(), stat.state, stat.ppid),
                (24391, name, 'S', 1)
            );
            assert_eq!(
                (stat.busy_ticks, stat.threads, stat.start_ticks),
                (42, 3, 233_076)
            );
            assert_eq!((stat.virtual_bytes, stat.resident_pages), (3_133_440, 410));
            assert!(!stat.is_kernel_thread());
        }
        for line in [
            "",
            "1 (x",
            "1 (x) S 1 2",
            "x (y) S",
            ") 1 (",
            "1 (x) S a b c d e f",
        ] {
            assert_eq!(parse_stat(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn this_process_finds_itself_and_one_that_is_gone_is_none() {
        let mut processes = Processes::open(&Root::new("/")).unwrap();
        let own = processes.own_pid().unwrap();
        assert_eq!(own, std::process::id());
        assert!(processes.pids().unwrap().contains(&own));
        assert_eq!(processes.stat(own).unwrap().pid, own);
        assert!(!processes.arguments(own).is_empty());
        assert_eq!(processes.stat(u32::MAX), None);
    }
}
