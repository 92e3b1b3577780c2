//! Another program whose output is too long to be kept, or that is fed: read and written by a deadline, ended with it.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::{Finished, Program, ProgramError};

/// How often it is looked whether this program is asked to end.
const LOOK: Duration = Duration::from_millis(100);

/// A program that runs. Reading gives its stdout, writing goes to its stdin; dropped, it is killed with all that it
/// has started.
#[derive(Debug)]
pub struct Running {
    path: PathBuf,
    child: Child,
    ended: OwnedFd,
    stdin: Option<File>,
    stdout: Option<File>,
    kept: [Option<JoinHandle<Vec<u8>>>; 2],
    started: Instant,
    deadline: Instant,
    stop: &'static AtomicBool,
    reaped: bool,
}

/// What a program that runs is given and asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Its stdout is read here; its stdin is empty.
    Out,
    /// Its stdin is written here; the start of its stdout is kept.
    In,
}

impl Program {
    /// Starts it in the C locale and a process group of its own. It ends by `deadline`, or when `stop` is set.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        &self,
        flow: Flow,
        deadline: Instant,
        stop: &'static AtomicBool,
    ) -> Result<Running, ProgramError> {
        let fail = |source: io::Error| ProgramError::Start {
            path: self.path().to_owned(),
            source,
        };
        let (stdin, stdout) = match flow {
            Flow::Out => (Stdio::null(), Stdio::piped()),
            Flow::In => (Stdio::piped(), Stdio::piped()),
        };
        let mut child = self
            .command()
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(fail)?;
        let pid = Pid::from_child(&child);
        let ended = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| fail(error.into()))?;
        let stdin = child
            .stdin
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        let stdout = child
            .stdout
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        let stderr = child
            .stderr
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        let limit = self.limit();
        let keep = |pipe: Option<File>| {
            pipe.map(|pipe| std::thread::spawn(move || read_start(pipe, limit)))
        };
        let stderr = keep(stderr);
        let (stdout, first) = match flow {
            Flow::Out => (stdout, None),
            Flow::In => (None, keep(stdout)),
        };
        for pipe in stdin.iter().chain(&stdout) {
            let flags = fcntl_getfl(pipe).map_err(|error| fail(error.into()))?;
            fcntl_setfl(pipe, flags | OFlags::NONBLOCK).map_err(|error| fail(error.into()))?;
        }
        Ok(Running {
            path: self.path().to_owned(),
            child,
            ended,
            stdin,
            stdout,
            kept: [first, stderr],
            started: Instant::now(),
            deadline,
            stop,
            reaped: false,
        })
    }
}

/// The first `limit` bytes; what comes after them is read and forgotten, so that nobody waits for ever.
fn read_start(mut pipe: File, limit: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return kept,
            Ok(count) => {
                let room = limit.saturating_sub(kept.len()).min(count);
                kept.extend_from_slice(&buffer[..room]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return kept,
        }
    }
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended, which ends its input too.
    ///
    /// # Errors
    /// It does not end in time, or this program is asked to end; it is killed then.
    pub fn finish(mut self) -> Result<Finished, ProgramError> {
        self.stdin = None;
        // What it still writes must go somewhere for it to end.
        let mut rest = [0; 16 << 10];
        let waited = loop {
            let read = match self.stdout.is_some() {
                true => self.read(&mut rest),
                false => Ok(0),
            };
            match read {
                Ok(0) => break wait(&self.ended, PollFlags::IN, self.deadline, self.stop),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        let status: Option<ExitStatus> = match waited {
            Ok(()) => self.child.wait().ok(),
            Err(_) => None,
        };
        let Some(status) = status else {
            self.kill();
            return Err(ProgramError::Timeout {
                path: self.path.clone(),
                after: self.started.elapsed(),
                stderr: self.said(),
            });
        };
        self.reaped = true;
        let stderr = self.said();
        let stdout = self.join(0);
        Ok(Finished {
            status,
            stdout,
            stderr,
            cut: false,
        })
    }

    /// The start of what it said on stderr; it must have ended.
    fn said(&mut self) -> Vec<u8> {
        self.join(1)
    }

    fn join(&mut self, which: usize) -> Vec<u8> {
        let Some(thread) = self.kept[which].take() else {
            return Vec::new();
        };
        // A child of its own may hold the pipe open for ever.
        let until = Instant::now() + LOOK * 5;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        if thread.is_finished() {
            thread.join().unwrap_or_default()
        } else {
            Vec::new()
        }
    }

    fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        self.reaped = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}

impl Read for Running {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(pipe) = &mut self.stdout else {
            return Ok(0);
        };
        loop {
            match pipe.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&*pipe, PollFlags::IN, self.deadline, self.stop)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) if !buffer.is_empty() => {
                    self.stdout = None;
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

impl Write for Running {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(pipe) = &mut self.stdin else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        loop {
            match pipe.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&*pipe, PollFlags::OUT, self.deadline, self.stop)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until something can be read or written.
fn wait(
    file: &impl std::os::fd::AsFd,
    what: PollFlags,
    deadline: Instant,
    stop: &AtomicBool,
) -> io::Result<()> {
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("asked to end"));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let patience = Timespec::try_from(left.min(LOOK)).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(file, what)], Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn start(script: &str, flow: Flow, milliseconds: u64) -> Running {
        let deadline = Instant::now() + Duration::from_millis(milliseconds);
        Program::new("/bin/sh", ["-c", script])
            .start(flow, deadline, &GO_ON)
            .unwrap()
    }

    #[test]
    fn output_is_read_as_it_comes_and_the_ending_told() {
        let mut running = start(
            "printf a; sleep 0.1; printf b; echo e >&2; exit 2",
            Flow::Out,
            5000,
        );
        let mut text = String::new();
        running.read_to_string(&mut text).unwrap();
        let finished = running.finish().unwrap();
        assert_eq!((&*text, &*finished.stderr), ("ab", &b"e\n"[..]));
        assert_eq!(finished.ending(), "exit code 2");
    }

    #[test]
    fn input_is_written_and_the_answer_kept() {
        let mut running = start("wc -c", Flow::In, 20_000);
        running.write_all(&vec![0; 1 << 20]).unwrap();
        let finished = running.finish().unwrap();
        assert_eq!(finished.stdout, b"1048576\n");
    }

    #[test]
    fn one_that_writes_nothing_is_given_up_and_killed_with_its_children() {
        let begun = Instant::now();
        let mut running = start("sleep 60 & sleep 60", Flow::Out, 100);
        let error = running.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(matches!(
            running.finish(),
            Err(ProgramError::Timeout { .. })
        ));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn one_that_does_not_read_is_given_up() {
        let mut running = start("sleep 60", Flow::In, 100);
        let error = running.write_all(&vec![0; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
