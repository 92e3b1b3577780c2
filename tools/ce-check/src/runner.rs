//! Running one check: within its time, past its panics, always with a record.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ce_cli::{Common, Dirs, Explain};
use ce_record::{Cause, Finding, Record, Stamp, State};
use clap::{ArgMatches, FromArgMatches};
use jiff::Timestamp;

use crate::check::{Check, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::{TOOL, dropin};

/// What a plugin has when nobody says otherwise, as the Nagios guidelines recommend.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A check that keeps its own deadline says more than one that is cut off, so it is given this much longer.
const GRACE: Duration = Duration::from_millis(100);

/// `ce-check CHECK ...`.
pub(crate) fn main(check: &'static Check, matches: &ArgMatches) -> ExitCode {
    let (common, observe) = match prepare(check, matches) {
        Ok(prepared) => prepared,
        Err(error) => {
            ce_cli::complain(TOOL, &error);
            return ce_cli::exit_code(State::Unknown);
        }
    };
    let context = context(&common);
    if let Some(done) = observe.instead(&context) {
        return done.unwrap_or_else(|fault| {
            ce_cli::complain(TOOL, &fault);
            ce_cli::exit_code(fault.state())
        });
    }
    let records = observe_within(check.name, &observe.into(), &context);
    dropin::finish(ce_cli::emit(&common, &records), &records)
}

/// The parsed and consistent check with the common flags.
pub(crate) fn prepare(
    check: &Check,
    matches: &ArgMatches,
) -> Result<(Common, Box<dyn Observe>), Fault> {
    let unusable = |error: clap::Error| Fault::usage(ce_cli::usage_sentence(&error).0);
    let common = Common::from_arg_matches(matches).map_err(unusable)?;
    let observe = check.parse(matches).map_err(unusable)?;
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

/// Now, as exact as a record needs it.
pub(crate) fn this_millisecond() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Runs a check in a thread of its own and waits for it no longer than its timeout: a thread that hangs in the
/// kernel is left behind.
pub(crate) fn observe_within(
    name: &'static str,
    observe: &Arc<dyn Observe>,
    context: &Context,
) -> Vec<Record> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let worker = (Arc::clone(observe), context.clone());
    let started = Instant::now();
    let spawned = std::thread::Builder::new().spawn(move || {
        let (observe, context) = worker;
        let _ = sender.send(findings(&*observe, &context));
    });
    let patience = (context.deadline + GRACE).saturating_duration_since(Instant::now());
    let findings = match spawned {
        Err(error) => vec![
            Finding::new(State::Unknown, format!("cannot start a thread: {error}"))
                .cause(Cause::INTERNAL),
        ],
        Ok(_) => receiver.recv_timeout(patience).unwrap_or_else(|_| {
            let seconds = context.timeout.as_secs_f64();
            let finding = Finding::new(State::Unknown, format!("no result within {seconds} s"))
                .cause(Cause::TIMEOUT);
            vec![observe.subject().apply(finding)]
        }),
    };
    stamp(name, findings, context, started.elapsed())
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
