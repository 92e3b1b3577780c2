//! Asking a file system that may never answer.
//!
//! A thread that waits for a dead NFS server or FUSE daemon cannot be ended, and a process with such a thread cannot
//! be reaped: whoever waits for it hangs too. So a process of its own asks, and is left behind when it is stuck. It
//! holds a lock while it lives, so that at most one waits for each mount, however often the check runs.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::context::Context;

/// What statvfs(3) says of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The size of a block, in bytes.
    pub block_bytes: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks, those reserved for root among them.
    pub free: u64,
    /// Free blocks for everybody.
    pub available: u64,
    /// All inodes; 0 where the file system has no limit.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
}

/// Why a file system gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Silent {
    /// It said no.
    #[error("not accessible: {}", said(.0))]
    Refused(io::Error),
    /// It did not say anything within the time.
    #[error("no answer in time: its server or daemon hangs")]
    Hung,
    /// A process that asked it before still waits.
    #[error("no answer: a process that asked it earlier still hangs")]
    StillHung,
}

fn said(error: &io::Error) -> String {
    error
        .to_string()
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}

/// Asks at once, in this thread: for file systems that this machine answers itself.
pub fn space(path: &Path) -> Result<Space, Silent> {
    let stat = rustix::fs::statvfs(path).map_err(|error| Silent::Refused(error.into()))?;
    Ok(Space {
        block_bytes: stat.f_frsize,
        blocks: stat.f_blocks,
        free: stat.f_bfree,
        available: stat.f_bavail,
        inodes: stat.f_files,
        inodes_free: stat.f_ffree,
    })
}

/// The name that the process which asks is called by.
const CALLED: &str = "ce-check-probe";

/// A question that has been asked.
#[derive(Debug)]
pub struct Asked(Result<Child, Silent>);

/// Asks from a process of its own.
pub fn ask(path: &Path, context: &Context) -> Asked {
    let lock_path = lock_path(path, context);
    let stdin = match ce_cli::try_lock(&lock_path) {
        Ok(Some(lock)) => Stdio::from(lock),
        Ok(None) => return Asked(Err(Silent::StillHung)),
        // Without a folder to keep state in, the lock is done without: better two that wait than none that asks.
        Err(_) => Stdio::null(),
    };
    let child = Command::new("/proc/self/exe")
        .arg0(CALLED)
        .arg(path)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn();
    Asked(child.map_err(Silent::Refused))
}

fn lock_path(path: &Path, context: &Context) -> PathBuf {
    let name: String = path
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // A file name has at most 255 bytes; the end of a path tells more than its start.
    let tail = name.len().saturating_sub(200);
    context
        .dirs
        .state
        .join("check/probe")
        .join(format!("{}.lock", &name[tail..]))
}

impl Asked {
    /// Waits for the answer until then.
    pub fn answer(self, deadline: Instant) -> Result<Space, Silent> {
        let mut child = self.0?;
        let Some(mut stdout) = child.stdout.take() else {
            return Err(Silent::Hung);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let ready = poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&patience));
        if !matches!(ready, Ok(1..)) {
            let _ = child.kill();
            return Err(Silent::Hung);
        }
        let mut answer = String::new();
        let _ = stdout.by_ref().take(200).read_to_string(&mut answer);
        let _ = child.wait();
        parse(&answer)
    }
}

fn parse(answer: &str) -> Result<Space, Silent> {
    if let Some(code) = answer
        .strip_prefix("error ")
        .and_then(|code| code.trim().parse().ok())
    {
        return Err(Silent::Refused(io::Error::from_raw_os_error(code)));
    }
    let numbers: Vec<u64> = answer
        .split_ascii_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [block_bytes, blocks, free, available, inodes, inodes_free] => Ok(Space {
            block_bytes,
            blocks,
            free,
            available,
            inodes,
            inodes_free,
        }),
        _ => Err(Silent::Refused(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// One recorded answer: the six numbers of [`Space`] in their order.
pub fn recorded(line: &str) -> Option<Space> {
    parse(line).ok()
}

/// Whether this process was started to ask.
pub fn is_child(args: &[OsString]) -> bool {
    args.first().is_some_and(|name| name == CALLED) && args.len() == 2
}

/// The process that asks.
pub fn child(args: &[OsString]) -> ExitCode {
    let answer = match space(Path::new(&args[1])) {
        Ok(space) => format!(
            "{} {} {} {} {} {}",
            space.block_bytes,
            space.blocks,
            space.free,
            space.available,
            space.inodes,
            space.inodes_free
        ),
        Err(Silent::Refused(error)) => {
            format!("error {}", error.raw_os_error().unwrap_or_default())
        }
        Err(_) => String::new(),
    };
    let _ = writeln!(io::stdout(), "{answer}");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_six_numbers_or_an_error_code() {
        let space = Space {
            block_bytes: 4096,
            blocks: 10,
            free: 5,
            available: 4,
            inodes: 3,
            inodes_free: 2,
        };
        assert_eq!(parse("4096 10 5 4 3 2\n").unwrap(), space);
        assert_eq!(
            parse("error 116\n").unwrap_err().to_string(),
            "not accessible: stale file handle"
        );
        assert!(parse("").is_err() && parse("1 2 3").is_err());
    }
}
