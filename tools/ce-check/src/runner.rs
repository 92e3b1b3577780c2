//! Running one check: within its time, past its panics, always with a record.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ce_cli::{Common, Dirs, Explain, OutputError};
use ce_record::{Cause, Finding, Record, Stamp, State};
use clap::{ArgMatches, FromArgMatches};
use jiff::Timestamp;

use crate::check::{Check, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::{TOOL, settings};

/// What a plugin has when nobody says otherwise, as the Nagios guidelines recommend.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A check that keeps its own deadline says more than one that is cut off, so it is given this much longer.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// `ce-check CHECK ...`.
pub(crate) fn main(check: &'static Check, matches: ArgMatches, args: &[OsString]) -> ExitCode {
    let with_settings = settings::apply(check, &matches, args).and_then(|args| match args {
        None => prepare(check, matches),
        Some(args) => {
            let mut matches = crate::command()
                .try_get_matches_from(args)
                .map_err(|error| usage(&error))?;
            let own = matches.remove_subcommand().map(|(_, matches)| matches);
            prepare(check, own.unwrap_or_default())
        }
    });
    let (common, observe) = match with_settings {
        Ok(prepared) => prepared,
        Err(error) => {
            ce_cli::complain(TOOL, &error);
            return ce_cli::exit_code(State::Unknown);
        }
    };
    let context = context(&common);
    if let Some(done) = observe.instead(&common, &context) {
        return done.unwrap_or_else(|fault| {
            ce_cli::complain(TOOL, &fault);
            ce_cli::exit_code(fault.state())
        });
    }
    run_to_end(check.name, &observe.into(), &context, move |records| {
        ce_cli::emit(&common, records)
    })
}

/// What clap says, as a fault.
pub(crate) fn usage(error: &clap::Error) -> Fault {
    let (message, hint) = ce_cli::usage_sentence(error);
    Fault::Usage { message, hint }
}

/// The parsed and consistent check with the common flags.
pub(crate) fn prepare(
    check: &Check,
    mut matches: ArgMatches,
) -> Result<(Common, Box<dyn Observe>), Fault> {
    let common = Common::from_arg_matches_mut(&mut matches).map_err(|error| usage(&error))?;
    let observe = check.parse(&mut matches).map_err(|error| usage(&error))?;
    observe.validate()?;
    Ok((common, observe))
}

/// The surroundings for a check that starts now.
pub(crate) fn context(common: &Common) -> Context {
    let timeout = common.timeout.unwrap_or(DEFAULT_TIMEOUT);
    Context {
        host: ce_cli::hostname(),
        now: this_millisecond(),
        deadline: Instant::now() + timeout,
        timeout,
        verbose: common.verbose,
        dirs: Dirs::from_env(),
    }
}

/// Ends with the worst state, or UNKNOWN when nobody could read it. Threads that hang are not waited for.
pub(crate) fn finish(told: Result<(), OutputError>, worst: State) -> ! {
    let Err(error) = told else { ce_cli::end(worst) };
    ce_cli::complain(TOOL, &error);
    ce_cli::end(State::Unknown)
}

/// Now, as exact as a record needs it.
pub(crate) fn this_millisecond() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Runs a check in this thread while another watches the clock: when the time is over before there is a result, the
/// watch says so and ends the process, whatever the check hangs in. (With the check in the new thread, that thread's
/// allocator would cost a tenth of a short run.)
pub(crate) fn run_to_end(
    name: &'static str,
    observe: &Arc<dyn Observe>,
    context: &Context,
    write: impl Fn(&[Record]) -> Result<(), OutputError> + Send + Sync + 'static,
) -> ! {
    let started = Instant::now();
    let write = Arc::new(write);
    // Whoever sets this first writes the output; the other waits for the end.
    let ended = Arc::new(AtomicBool::new(false));
    let tell = {
        let (write, ended, context) = (Arc::clone(&write), Arc::clone(&ended), context.clone());
        move |findings: Vec<Finding>| -> ! {
            while ended.swap(true, Ordering::SeqCst) {
                std::thread::park();
            }
            let records = stamp(name, findings, &context, started.elapsed());
            finish(
                write(&records),
                State::worst(records.iter().map(|record| record.state)),
            )
        }
    };
    let watch = {
        let (tell, observe, context) = (tell.clone(), Arc::clone(observe), context.clone());
        move || {
            std::thread::sleep(
                (context.deadline + GRACE).saturating_duration_since(Instant::now()),
            );
            tell(vec![observe.subject().apply(no_result(context.timeout))])
        }
    };
    match std::thread::Builder::new().spawn(watch) {
        Ok(_) => tell(findings(&**observe, context)),
        Err(error) => {
            let finding = Finding::new(State::Unknown, format!("cannot start a thread: {error}"));
            tell(vec![finding.cause(Cause::INTERNAL)])
        }
    }
}

/// A check was cut off.
pub(crate) fn no_result(timeout: Duration) -> Finding {
    Finding::new(
        State::Unknown,
        format!("no result within {} s", timeout.as_secs_f64()),
    )
    .cause(Cause::TIMEOUT)
}

/// What the check says; a fault or a panic is a finding too.
pub(crate) fn findings(observe: &dyn Observe, context: &Context) -> Vec<Finding> {
    match ce_cli::guard(|| observe.observe(context)) {
        Ok(Ok(findings)) => findings,
        Ok(Err(fault)) => vec![observe.subject().apply(explain(&fault))],
        Err(panic) => {
            let finding = Finding::new(
                State::Unknown,
                format!("internal error: {panic}; please report this"),
            );
            vec![observe.subject().apply(finding.cause(Cause::INTERNAL))]
        }
    }
}

/// A fault as a finding.
pub(crate) fn explain(fault: &Fault) -> Finding {
    let finding = Finding::new(fault.state(), fault.to_string()).cause(fault.cause());
    match fault.hint() {
        Some(hint) => finding.detail(format!("hint: {hint}")),
        None => finding,
    }
}

/// Findings as records of this moment.
pub(crate) fn stamp(
    name: &str,
    findings: Vec<Finding>,
    context: &Context,
    took: Duration,
) -> Vec<Record> {
    findings
        .into_iter()
        .map(|finding| {
            finding.into_record(Stamp {
                id: ce_cli::new_id(context.now),
                time: context.now,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                tool: TOOL.to_owned(),
                check: name.to_owned(),
                host: context.host.clone(),
                ttl_s: None,
            })
        })
        .collect()
}
