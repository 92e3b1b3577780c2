//! Running a job: its output passes through, its end is noted, signals reach it.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use ce_record::quantity::duration;
use ce_record::{State, one_line};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
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

/// What was asked to end has so long before it is killed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A job to run.
pub(super) struct Job<'a> {
    pub(super) command: &'a [String],
    /// Not while another run goes on.
    pub(super) alone: bool,
    /// It is ended when it runs for longer.
    pub(super) limit: Option<Duration>,
}

impl Job<'_> {
    /// Runs it and notes it. What the notes cannot take is told on stderr: the job is more important than they are.
    pub(super) fn run(&self, name: &str, context: &Context) -> Result<ExitCode, Fault> {
        let Self {
            command,
            alone,
            limit,
        } = *self;
        let folder = note::folder(context);
        let lock = ce_cli::try_share(&folder.join(format!("{name}.lock")), alone);
        let _held = match lock {
            Ok(None) if alone => {
                tell(&format!("job '{name}' is still running: not started again"));
                return Ok(ce_cli::exit_code(State::Critical));
            }
            Err(error) if alone => return Err(error.into()),
            lock => lock,
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
        let (result, tail, late) = execute(command, limit);
        let status = result.as_ref().ok();
        let ended = Ended {
            started,
            ended: Timestamp::now().as_second(),
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            exit_code: status.and_then(ExitStatus::code),
            signal: status.and_then(ExitStatusExt::signal),
            fault: match (&result, limit) {
                (Err(error), _) => Some(said(error)),
                (Ok(_), Some(limit)) if late => {
                    Some(format!("did not end within {}", duration(limit)))
                }
                _ => None,
            },
            tail,
        };
        let program = command.first().map(String::as_str).unwrap_or_default();
        match &ended.fault {
            Some(fault) if late => tell(&format!("'{program}' {fault}")),
            Some(fault) => tell(&format!("cannot run '{program}': {fault}")),
            None => {}
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

/// How it ended, the last it wrote, and whether it was ended for running too long.
fn execute(
    command: &[String],
    limit: Option<Duration>,
) -> (io::Result<ExitStatus>, Vec<String>, bool) {
    let tail = Tail::default();
    let late = Arc::new(AtomicBool::new(false));
    let result = start(command).and_then(|mut child| {
        let processes = Processes::of(&child);
        let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])?;
        let handle = signals.handle();
        ce_cli::outlive_signals();
        let forwarding = std::thread::Builder::new().spawn(move || forward(signals, processes))?;
        // While this end is open the job runs.
        let (running, ended) = mpsc::channel::<()>();
        if let Some(limit) = limit {
            let late = Arc::clone(&late);
            std::thread::Builder::new()
                .spawn(move || end_after(limit, processes, &ended, &late))?;
        }
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
        drop(running);
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
    (result, lines(&kept), late.load(Ordering::SeqCst))
}

/// Asks all processes of the job to end when it has run for too long, and then makes them.
fn end_after(limit: Duration, processes: Processes, ended: &mpsc::Receiver<()>, late: &AtomicBool) {
    for (time, signal) in [(limit, Signal::TERM), (LAST_WORDS, Signal::KILL)] {
        if ended.recv_timeout(time) != Err(mpsc::RecvTimeoutError::Timeout) {
            return;
        }
        late.store(true, Ordering::SeqCst);
        processes.send(signal);
    }
}

/// The job with all that it starts; on a terminal, which only one group may read, no more than the job itself.
#[derive(Clone, Copy)]
struct Processes {
    first: Pid,
    is_group: bool,
}

impl Processes {
    fn of(child: &Child) -> Self {
        Self {
            first: Pid::from_child(child),
            is_group: !io::stdin().is_terminal(),
        }
    }

    fn send(self, signal: Signal) {
        let _ = match self.is_group {
            true => kill_process_group(self.first, signal),
            false => kill_process(self.first, signal),
        };
    }
}

fn start(command: &[String]) -> io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if !io::stdin().is_terminal() {
        command.process_group(0);
    }
    command.spawn()
}

fn forward(mut signals: Signals, processes: Processes) {
    for signal in signals.forever().filter_map(Signal::from_named_raw) {
        processes.send(signal);
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
