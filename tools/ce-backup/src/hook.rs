//! Commands of the configuration that are run before or after a backup, or when it fails.

use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use ce_cli::{Explain, Flow, Program};
use ce_record::{Cause, Finding, State};

/// Lines of its output that a record shows.
const LINES: usize = 20;

/// Gives a command to /bin/sh, with `input` on its standard input and the worst state so far as CE_STATE. It ends by
/// `deadline`, or when `stop` is set.
pub(crate) fn run(
    when: &str,
    command: &str,
    input: &[u8],
    state: State,
    deadline: Instant,
    stop: &'static AtomicBool,
) -> Finding {
    let shell = Program::new("/bin/sh", ["-c", command]).env("CE_STATE", state.to_string());
    let ended = shell
        .start(Flow::In, deadline, stop)
        .and_then(|mut running| {
            // One that reads nothing, or not all, is no failure.
            let _ = running.write_all(input);
            running.finish()
        });
    let finding = match ended {
        Ok(ended) if ended.status.success() => Finding::new(State::Ok, format!("{when}: done")),
        Ok(ended) => {
            let mut finding = Finding::new(
                State::Critical,
                format!("{when}: '{command}' ended with {}", ended.ending()),
            )
            .cause(Cause::CONTENT);
            for output in [&ended.stdout, &ended.stderr] {
                let text = String::from_utf8_lossy(output);
                let lines: Vec<&str> = text.lines().collect();
                for line in &lines[lines.len().saturating_sub(LINES)..] {
                    finding = finding.detail(*line);
                }
            }
            finding
        }
        Err(error) => {
            Finding::new(State::Critical, format!("{when}: {error}")).cause(error.cause())
        }
    };
    finding.object(command.to_owned())
}
