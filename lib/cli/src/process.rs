//! How a program begins and ends: arguments, panics, signals and the exit code.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ce_record::{State, one_line};
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use rustix::process::Signal;

static ENDED_BY_SIGNALS: OnceLock<Arc<AtomicBool>> = OnceLock::new();

thread_local! {
    static QUIET_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// Makes sure that neither a signal nor a panic ends this program with another code than 3.
///
/// A panic is told in one sentence on stderr, unless it is caught by [`guard`].
pub fn begin(tool: &'static str) {
    panic::set_hook(Box::new(move |info| {
        if !QUIET_PANICS.get() {
            let _ = writeln!(
                io::stderr(),
                "{tool}: internal error: {}",
                describe_panic(info)
            );
        }
    }));
    let always = Arc::clone(ENDED_BY_SIGNALS.get_or_init(|| Arc::new(AtomicBool::new(true))));
    let code = i32::from(State::Unknown.exit_code());
    let shutdown = |signal: Signal, flag: &Arc<AtomicBool>| {
        let _ = signal_hook::flag::register_conditional_shutdown(
            signal.as_raw(),
            code,
            Arc::clone(flag),
        );
    };
    for signal in ENDING {
        shutdown(signal, &always);
    }
    // Sent by abort(3), by limits of time and by the kernel: nothing outlives these.
    let fatal = Arc::new(AtomicBool::new(true));
    for signal in FATAL {
        shutdown(signal, &fatal);
    }
    // With a handler that does nothing, a write beyond the limit of file sizes fails and is told.
    let _ = signal_hook::flag::register(Signal::XFSZ.as_raw(), fatal);
}

/// What somebody sends to end a program.
pub(crate) const ENDING: [Signal; 9] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::ALARM,
    Signal::USR1,
    Signal::USR2,
    Signal::VTALARM,
    Signal::PROF,
];

const FATAL: [Signal; 7] = [
    Signal::ABORT,
    Signal::BUS,
    Signal::SYS,
    Signal::TRAP,
    Signal::XCPU,
    Signal::IO,
    Signal::POWER,
];

/// From now on signals do not end this program: for one that passes them on to a child and ends with it.
pub fn outlive_signals() {
    if let Some(ended) = ENDED_BY_SIGNALS.get() {
        ended.store(false, Ordering::SeqCst);
    }
}

fn describe_panic(info: &panic::PanicHookInfo<'_>) -> String {
    let place = info
        .location()
        .map(|at| format!(" at {}:{}", at.file(), at.line()))
        .unwrap_or_default();
    let words = info.payload_as_str().unwrap_or("panic");
    format!("{words}{place}; please report this")
}

/// Runs `body`; a panic in it becomes `Err` with what it said, and nothing is printed.
///
/// # Errors
/// `body` panicked.
pub fn guard<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    let before = QUIET_PANICS.replace(true);
    let result = panic::catch_unwind(panic::AssertUnwindSafe(body));
    QUIET_PANICS.set(before);
    result.map_err(|payload| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panic".to_owned())
    })
}

/// What a main returns for this state.
#[must_use]
pub fn exit_code(state: State) -> ExitCode {
    ExitCode::from(state.exit_code())
}

/// What is to be done before the process ends, however it is told to.
static AT_END: Mutex<Option<Act>> = Mutex::new(None);

type Act = Box<dyn FnOnce() + Send>;

/// Has this done once before the process ends: by [`do_at_end`], or by [`end`], which a signal brings about.
pub fn at_end(act: impl FnOnce() + Send + 'static) {
    *AT_END.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
}

/// Does what was left for the end, unless it is done already.
pub fn do_at_end() {
    let mut act = AT_END.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(act) = act.take() {
        act();
    }
}

/// Ends the process now, without waiting for threads that may hang in the kernel.
#[allow(clippy::exit)]
pub fn end(state: State) -> ! {
    let _ = io::stdout().flush();
    // Programs that run are ended, unless they are what is done at the end.
    if AT_END.try_lock().is_ok() {
        crate::subprocess::end_all();
    }
    do_at_end();
    crate::subprocess::end_all();
    std::process::exit(i32::from(state.exit_code()))
}

/// Parses the arguments. `Err` is what the main returns: `--help` and `--version` went to stdout, a usage error to
/// stderr as `tool: sentence` and a hint.
///
/// # Errors
/// The arguments ask for no run.
pub fn parse_args(
    tool: &str,
    command: &mut Command,
    args: Vec<OsString>,
) -> Result<ArgMatches, ExitCode> {
    command
        .try_get_matches_from_mut(args)
        .map_err(|error| explain_usage(tool, &error))
}

/// Tells what clap has to say and gives the exit code for it.
pub fn explain_usage(tool: &str, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let told =
                write!(io::stdout(), "{}", error.render()).and_then(|()| io::stdout().flush());
            exit_code(if told.is_ok() {
                State::Ok
            } else {
                State::Unknown
            })
        }
        _ => {
            let (sentence, hint) = usage_sentence(error);
            let mut stderr = io::stderr().lock();
            let _ = writeln!(stderr, "{tool}: {}", one_line(&sentence));
            if let Some(hint) = hint {
                let _ = writeln!(stderr, "{tool}: hint: {hint}");
            }
            exit_code(State::Unknown)
        }
    }
}

/// clap's paragraphs as one sentence and at most one hint.
#[must_use]
pub fn usage_sentence(error: &clap::Error) -> (String, Option<String>) {
    if error.kind() == ErrorKind::MissingSubcommand {
        return (
            "nothing to do is named".to_owned(),
            Some("--help names what there is".to_owned()),
        );
    }
    let text = error.render().to_string();
    let mut sentence = String::new();
    let mut tip = None;
    let mut usage = None;
    let mut in_sentence = true;
    for line in text.lines() {
        let line = line.trim();
        if let Some(words) = line.strip_prefix("tip:") {
            tip.get_or_insert_with(|| words.trim().to_owned());
            in_sentence = false;
        } else if let Some(words) = line.strip_prefix("Usage:") {
            usage = Some(format!("usage: {}", words.trim()));
            in_sentence = false;
        } else if line.starts_with("For more information") {
            in_sentence = false;
        } else if in_sentence && !line.is_empty() {
            if !sentence.is_empty() {
                sentence.push(' ');
            }
            sentence.push_str(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    (sentence, tip.or(usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_error_is_one_sentence_and_one_hint() {
        let command = Command::new("t").arg(clap::Arg::new("format").long("format"));
        let error = command
            .try_get_matches_from(["t", "--fromat", "x"])
            .unwrap_err();
        let (sentence, hint) = usage_sentence(&error);
        assert_eq!(sentence, "unexpected argument '--fromat' found");
        assert_eq!(
            hint.as_deref(),
            Some("a similar argument exists: '--format'")
        );
    }

    #[test]
    fn a_panic_inside_a_guard_is_an_error_with_its_words() {
        assert_eq!(
            guard(|| -> u32 { panic!("no {}", "way") }),
            Err("no way".to_owned())
        );
        assert_eq!(guard(|| 1), Ok(1));
    }
}
