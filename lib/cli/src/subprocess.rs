//! Running another program: no shell, a deadline, and no more of its output than asked for.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use ce_record::{Cause, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::Explain;
use crate::process::ENDING;

/// Once a program has ended, what its children still hold open is read for so long and no longer.
const AFTER_EXIT: Duration = Duration::from_millis(50);

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    user: Option<(u32, u32)>,
    folder: Option<PathBuf>,
    output_limit: usize,
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The start of what it wrote to stdout.
    pub stdout: Vec<u8>,
    /// The start of what it wrote to stderr.
    pub stderr: Vec<u8>,
    /// Whether more was written than was kept.
    pub cut: bool,
}

/// Why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("cannot run '{}': {}", .path.display(), crate::file::reason(.source))]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ran longer than it may, and was killed with all that it had started.
    #[error("'{}' did not end within {}", .path.display(), ce_record::quantity::duration(*.after))]
    Timeout {
        /// The program.
        path: PathBuf,
        /// How long it ran.
        after: Duration,
        /// The start of what it wrote to stderr.
        stderr: Vec<u8>,
    },
}

impl Explain for ProgramError {
    fn cause(&self) -> Cause {
        match self {
            Self::Start { .. } => Cause::CONFIG,
            Self::Timeout { .. } => Cause::TIMEOUT,
        }
    }
}

impl Program {
    /// The program at this path, with these arguments.
    pub fn new(
        path: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Self {
        let args = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect();
        Self {
            path: path.into(),
            args,
            env: Vec::new(),
            user: None,
            folder: None,
            output_limit: 1 << 20,
        }
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// With this in its environment; no secret, for others of the same user can read it.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// As this user and group, without any supplementary ones.
    #[must_use]
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        self
    }

    /// In this folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Its name without the folder.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) fn limit(&self) -> usize {
        self.output_limit
    }

    /// In the C locale and a process group of its own.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .env("LC_ALL", "C")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// Keeps at most so many bytes of each of its outputs.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Runs it in the C locale and a process group of its own until it ends, or kills the group at the deadline.
    ///
    /// # Errors
    /// It cannot be started, or does not end in time.
    pub fn run(&self, deadline: Instant) -> Result<Finished, ProgramError> {
        let started = Instant::now();
        let fail = |source| ProgramError::Start {
            path: self.path.clone(),
            source,
        };
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(fail)?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(|error| fail(error.into()))?;
        let _group = Group::of(&child);
        let mut pipes = [
            Pipe::new(child.stdout.take().map(OwnedFd::from), self.output_limit),
            Pipe::new(child.stderr.take().map(OwnedFd::from), self.output_limit),
        ];
        let mut status = None;
        let mut until = deadline;
        loop {
            let exited = wait(&pidfd, status.is_none(), &mut pipes, until).map_err(fail)?;
            if exited && status.is_none() {
                status = child.try_wait().map_err(fail)?;
                until = deadline.min(Instant::now() + AFTER_EXIT);
            }
            let all_read = pipes.iter().all(|pipe| pipe.file.is_none());
            match status {
                Some(status) if all_read || Instant::now() >= until => {
                    let cut = pipes.iter().any(|pipe| pipe.cut);
                    let [stdout, stderr] = pipes.map(|pipe| pipe.kept);
                    return Ok(Finished {
                        status,
                        stdout,
                        stderr,
                        cut,
                    });
                }
                None if Instant::now() >= deadline => {
                    kill(&mut child);
                    let [_, stderr] = pipes.map(|pipe| pipe.kept);
                    return Err(ProgramError::Timeout {
                        path: self.path.clone(),
                        after: started.elapsed(),
                        stderr,
                    });
                }
                _ => {}
            }
        }
    }
}

impl Finished {
    /// In words how it ended, when that was not by exit code 0 to 3: `exit code 127`, `killed by signal 9`.
    #[must_use]
    pub fn ending(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "no exit code".to_owned(),
        }
    }
}

/// Programs that run now: a signal that ends this program ends them too.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A program's process group, which this program's end ends too as long as this lives.
#[derive(Debug)]
pub struct Group(i32);

/// Ends all programs that run now.
pub(crate) fn end_all() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    for group in running.iter().filter_map(|group| Pid::from_raw(*group)) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Group {
    /// Ends it now.
    pub fn kill(&self) {
        if let Some(group) = Pid::from_raw(self.0) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// The group that this child leads.
    pub fn of(child: &Child) -> Self {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| {
            let ending = ENDING.map(Signal::as_raw);
            if let Ok(mut signals) = signal_hook::iterator::Signals::new(ending) {
                crate::outlive_signals();
                std::thread::spawn(move || {
                    if signals.forever().next().is_some() {
                        crate::end(State::Unknown);
                    }
                });
            }
        });
        let group = Self(Pid::from_child(child).as_raw_nonzero().get());
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(group.0);
        group
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

/// Ends the whole group, and takes the child's remains if it has any: one that hangs in the kernel is left behind.
fn kill(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    std::thread::sleep(Duration::from_millis(1));
    let _ = child.try_wait();
}

/// One output of the child: what is kept of it, and its file until it ends.
struct Pipe {
    file: Option<File>,
    kept: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Pipe {
    fn new(fd: Option<OwnedFd>, limit: usize) -> Self {
        Self {
            file: fd.map(File::from),
            kept: Vec::new(),
            limit,
            cut: false,
        }
    }

    /// Reads once; what is over the limit is read and forgotten, so that the child does not wait for ever.
    fn read(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut buffer = [0; 16 << 10];
        match file.read(&mut buffer) {
            Ok(0) => self.file = None,
            Ok(count) => {
                let room = self.limit.saturating_sub(self.kept.len()).min(count);
                self.kept.extend_from_slice(&buffer[..room]);
                self.cut |= room < count;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Waits until something can be read, the child has ended, or the time is over; reads; tells whether it has ended.
fn wait(
    pidfd: &OwnedFd,
    for_exit: bool,
    pipes: &mut [Pipe; 2],
    until: Instant,
) -> io::Result<bool> {
    let left = until.saturating_duration_since(Instant::now());
    let patience = Timespec::try_from(left).unwrap_or(Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    });
    let (ready, exited) = {
        let mut fds = Vec::with_capacity(3);
        for pipe in pipes.iter() {
            if let Some(file) = &pipe.file {
                fds.push(PollFd::new(file, PollFlags::IN));
            }
        }
        if for_exit {
            fds.push(PollFd::new(pidfd, PollFlags::IN));
        }
        match poll(&mut fds, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut events = fds.iter().map(|fd| !fd.revents().is_empty());
        let ready =
            [0, 1].map(|at: usize| pipes[at].file.is_some() && events.next().unwrap_or(false));
        (ready, for_exit && events.next().unwrap_or(false))
    };
    for (pipe, ready) in pipes.iter_mut().zip(ready) {
        if ready {
            pipe.read()?;
        }
    }
    Ok(exited)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("/bin/sh", ["-c", script])
    }

    fn soon(milliseconds: u64) -> Instant {
        Instant::now() + Duration::from_millis(milliseconds)
    }

    #[test]
    fn output_and_ending_are_told() {
        let finished = shell("echo out; echo err >&2; exit 2")
            .run(soon(5000))
            .unwrap();
        assert_eq!(
            (&*finished.stdout, &*finished.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(finished.ending(), "exit code 2");
        assert_eq!(
            shell("kill -9 $$").run(soon(5000)).unwrap().ending(),
            "killed by signal 9"
        );
    }

    #[test]
    fn endless_output_is_read_to_its_end_but_not_kept() {
        let finished = shell("head -c 3000000 /dev/zero")
            .output_limit(1000)
            .run(soon(10_000))
            .unwrap();
        assert_eq!((finished.stdout.len(), finished.cut), (1000, true));
    }

    #[test]
    fn one_that_does_not_end_is_killed_with_its_children() {
        let started = Instant::now();
        let error = shell("sleep 60 & sleep 60").run(soon(100)).unwrap_err();
        assert!(matches!(error, ProgramError::Timeout { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_child_left_behind_with_the_pipe_does_not_hold_up_the_result() {
        let started = Instant::now();
        let finished = shell("echo done; sleep 5 &").run(soon(10_000)).unwrap();
        assert_eq!(finished.stdout, b"done\n");
        assert!(started.elapsed() < Duration::from_secs(3));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Program::new("/no/such", [""; 0])
            .run(soon(100))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot run '/no/such': no such file or directory"
        );
    }
}
