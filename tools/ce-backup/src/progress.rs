//! What a person at a terminal sees while something takes long, and is asked.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use ce_cli::Secret;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::fault::Fault;

/// Set by SIGINT and SIGTERM.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// How long what was asked to end may take to do so, before it is ended.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks to end when the time is over, and ends what does not.
pub(crate) fn end_within(timeout: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(timeout);
        let _ = writeln!(
            io::stderr(),
            "{}: the time that --timeout allows is over",
            crate::TOOL
        );
        end_soon();
    });
}

/// Asks to end; what still waits for something after a while, for standard input say, is ended.
fn end_soon() -> ! {
    STOP.store(true, Ordering::Relaxed);
    std::thread::sleep(PATIENCE);
    ce_cli::end(ce_record::State::Unknown)
}

/// From now on a signal asks to end instead of ending.
pub(crate) fn heed_signals() {
    ce_cli::outlive_signals();
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 3, stopping());
        let _ = signal_hook::flag::register(signal, stopping());
    }
}

/// Passes signals on to [`STOP`] even while nothing is shown.
pub(crate) fn heed_until_the_end() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            if stopping().load(Ordering::Relaxed) && !STOP.swap(true, Ordering::Relaxed) {
                end_soon();
            }
        }
    });
}

/// Lets a walk hold a folder open at every depth: the soft limit of 1024 is for programs that call select(2).
pub(crate) fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

fn stopping() -> std::sync::Arc<AtomicBool> {
    static SHARED: std::sync::OnceLock<std::sync::Arc<AtomicBool>> = std::sync::OnceLock::new();
    SHARED
        .get_or_init(|| std::sync::Arc::new(AtomicBool::new(false)))
        .clone()
}

/// How far something is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    pub files: u64,
    pub bytes: u64,
}

/// Shows how far something is, from the third second on, on a terminal; ends when it is dropped.
pub(crate) struct Shown {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to show; `total` is what it will come to, as far as anybody knows. Passes signals on to [`STOP`] too.
pub(crate) fn show(total: Option<u64>, read: impl Fn() -> Reading + Send + 'static) -> Shown {
    let (end, ended) = channel();
    let terminal = io::stderr().is_terminal();
    let thread = std::thread::spawn(move || {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() {
            "{msg} files  {bytes} of {total_bytes}  {bytes_per_sec}  {wide_bar} {eta} left"
        } else {
            "{msg} files  {bytes}  {bytes_per_sec}  {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let mut ticks = 0_u32;
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(Duration::from_millis(100)) {
            if stopping().load(Ordering::Relaxed) && !STOP.swap(true, Ordering::Relaxed) {
                std::thread::spawn(|| end_soon());
            }
            ticks += 1;
            if !terminal || ticks < 20 {
                continue;
            }
            if ticks == 20 {
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
            }
            let Reading { files, bytes } = read();
            bar.set_length(total.unwrap_or(bytes).max(bytes));
            bar.set_position(bytes);
            bar.set_message(files.to_string());
        }
        bar.finish_and_clear();
    });
    Shown {
        end: Some(end),
        thread: Some(thread),
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks for a passphrase, without showing it.
pub(crate) fn ask_passphrase(question: &str) -> Result<Secret, Fault> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let no_terminal = || {
        Fault::with_hint(
            "there is no passphrase and no terminal to ask on",
            "give --passphrase-file",
        )
    };
    let terminal = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| no_terminal())?;
    let before = tcgetattr(&terminal).map_err(|_| no_terminal())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let _ = (&terminal).write_all(question.as_bytes());
    tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(|_| no_terminal())?;
    let mut line = zeroize::Zeroizing::new(String::new());
    let read = io::BufRead::read_line(&mut io::BufReader::new(&terminal), &mut line);
    let _ = tcsetattr(&terminal, OptionalActions::Flush, &before);
    let _ = (&terminal).write_all(b"\n");
    match read {
        Ok(_) if !line.trim_end().is_empty() => Ok(Secret::new(line.trim_end())),
        _ => Err(Fault::usage("the passphrase is empty")),
    }
}
