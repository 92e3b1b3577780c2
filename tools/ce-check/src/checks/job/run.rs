//! Running a job: its output passes through, its end is noted, signals reach it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use ce_record::{State, one_line};
use jiff::Timestamp;
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::note::{self, Ended, Note, Running};
use crate::TOOL;
use crate::context::Context;
use crate::fault::Fault;
use crate::reach::said;

/// How much of the end of an output is kept, in bytes.
const TAIL_BYTES: usize = 8 << 10;

/// How many lines of it.
const TAIL_LINES: usize = 20;

/// What a job leaves running may hold its output open for ever; it is not waited for longer.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs the job and notes it. What the notes cannot take is told on stderr: the job is more important than they are.
pub(super) fn run(
    name: &str,
    command: &[String],
    exclusive: bool,
    context: &Context,
) -> Result<ExitCode, Fault> {
    let folder = note::folder(context);
    let _held = if exclusive {
        let path = folder.join(format!("{name}.lock"));
        let Some(lock) = ce_cli::try_lock(&path)? else {
            tell(&format!("job '{name}' is still running: not started again"));
            return Ok(ce_cli::exit_code(State::Critical));
        };
        Some(lock)
    } else {
        None
    };
    let begun = Instant::now();
    let started = Timestamp::now().as_second();
    let pid = std::process::id();
    update(&folder, name, |note| Note {
        command: command.iter().map(|word| one_line(word)).collect(),
        running: Some(Running {
            started,
            pid,
            ticks: std::fs::read_to_string("/proc/self/stat")
                .ok()
                .and_then(|stat| note::ticks(&stat))
                .unwrap_or_default(),
        }),
        ..note
    });
    let (result, tail) = execute(command);
    let status = result.as_ref().ok();
    let ended = Ended {
        started,
        ended: Timestamp::now().as_second(),
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        exit_code: status.and_then(ExitStatus::code),
        signal: status.and_then(ExitStatusExt::signal),
        fault: result.as_ref().err().map(said),
        tail,
    };
    if let Some(fault) = &ended.fault {
        let program = command.first().map(String::as_str).unwrap_or_default();
        tell(&format!("cannot run '{program}': {fault}"));
    }
    let state = if ended.is_success() {
        State::Ok
    } else {
        State::Critical
    };
    // A job that ran but is not noted will be called overdue: that is not quite all right.
    let noted = update(&folder, name, |note| note.ended(pid, ended));
    let state = if noted {
        state
    } else {
        state.max(State::Warning)
    };
    Ok(ce_cli::exit_code(state))
}

fn tell(message: &str) {
    let _ = writeln!(io::stderr(), "{TOOL}: {message}");
}

/// Changes the note while no other run does, and tells when it cannot. One that does not read is begun anew.
fn update(folder: &std::path::Path, name: &str, change: impl FnOnce(Note) -> Note) -> bool {
    let written = ce_cli::lock(&folder.join(format!("{name}.note.lock")))
        .map_err(Fault::from)
        .and_then(|_lock| {
            let note = note::read(folder, name).ok().flatten().unwrap_or_default();
            note::write(folder, name, &change(note))
        });
    if let Err(fault) = &written {
        tell(&format!("job '{name}' is not noted: {fault}"));
    }
    written.is_ok()
}

/// The end of both outputs, in the order they came.
type Tail = Arc<Mutex<VecDeque<u8>>>;

fn execute(command: &[String]) -> (io::Result<ExitStatus>, Vec<String>) {
    let tail = Tail::default();
    let result = start(command).and_then(|mut child| {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])?;
        let handle = signals.handle();
        ce_cli::outlive_signals();
        let forwarding = std::thread::Builder::new().spawn(move || forward(signals, pid))?;
        let (done, waiting) = mpsc::channel();
        let readers = [
            child
                .stdout
                .take()
                .map(|stdout| pass(stdout, io::stdout(), &tail, done.clone())),
            child
                .stderr
                .take()
                .map(|stderr| pass(stderr, io::stderr(), &tail, done)),
        ];
        let status = child.wait();
        handle.close();
        let _ = forwarding.join();
        let until = Instant::now() + DRAIN;
        for _ in readers.iter().flatten() {
            let _ = waiting.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
        status
    });
    let kept: Vec<u8> = match tail.lock() {
        Ok(tail) => tail.iter().copied().collect(),
        Err(_) => Vec::new(),
    };
    (result, lines(&kept))
}

fn start(command: &[String]) -> io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn forward(mut signals: Signals, pid: Option<Pid>) {
    for signal in signals.forever() {
        if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Copies until the end; when nobody reads this program's output any more, the job still gets rid of its own.
fn pass(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    tail: &Tail,
    done: mpsc::Sender<()>,
) {
    let tail = Arc::clone(tail);
    let _ = std::thread::Builder::new().spawn(move || {
        let mut buffer = [0u8; 8192];
        let mut open = true;
        loop {
            let length = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            open = open
                && to
                    .write_all(&buffer[..length])
                    .and_then(|()| to.flush())
                    .is_ok();
            if let Ok(mut tail) = tail.lock() {
                tail.extend(&buffer[..length]);
                let surplus = tail.len().saturating_sub(TAIL_BYTES);
                tail.drain(..surplus);
            }
        }
        let _ = done.send(());
    });
}

/// The last lines of these bytes, each fit for a record.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(one_line)
        .filter(|line| !line.is_empty())
        .take(TAIL_LINES)
        .collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_cleaned() {
        let text: String = (0..40)
            .map(|number| format!("line {number}\x1b[0m\n\n"))
            .collect();
        let kept = lines(text.as_bytes());
        assert_eq!(kept.len(), TAIL_LINES);
        assert_eq!(kept.last().unwrap(), "line 39 [0m");
    }
}
