//! `ce-check submit`: records on stdin as passive results of a monitoring server.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use ce_cli::Common;
use ce_net::api::{ApiOptions, Auth};
use ce_net::tls::Roots;
use ce_net::{Deadline, NetError};
use ce_record::render::NagiosOptions;
use ce_record::{Cause, Finding, Record, State};
use clap::{ArgGroup, Args};

use super::render::Stream;
use super::{Act, Verb};
use crate::context::Context;
use crate::fault::Fault;
use crate::{TOOL, runner};

mod icinga;
mod nagios;
mod nrdp;
mod passive;

use passive::{Naming, Passive};

pub(super) static VERB: Verb = Verb::new::<Submit>(
    "submit",
    "Send records on stdin to Nagios, NRDP or Icinga 2",
);

/// Send records on stdin to Nagios, NRDP or Icinga 2, as passive results
///
/// For each record one record says whether it was taken: OK when it was, CRITICAL with the server's words when not. A
/// server that cannot be reached fails every record, and nothing is sent twice.
///
/// Passwords and tokens come from a file that only its owner can read, from a systemd credential (credential:NAME) or
/// from standard input (-, not together with records).
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("server").required(true), after_help = "Examples:
  ce-check disk | ce-check submit --nagios /var/lib/nagios4/rw/nagios.cmd
  ce-check run /etc/ce/checks.toml | ce-check submit --nrdp https://mon.example.org/nrdp/ --token-file /etc/ce/nrdp.token
  ce-check disk | ce-check submit --icinga https://mon.example.org:5665 --user ce --password-file /etc/ce/icinga")]
pub(super) struct Submit {
    /// Nagios' external command file (a FIFO)
    #[arg(long, value_name = "FIFO", group = "server")]
    nagios: Option<PathBuf>,

    /// Nagios' folder of check results
    #[arg(long, value_name = "DIR", group = "server")]
    nagios_spool: Option<PathBuf>,

    /// The address of NRDP
    #[arg(long, value_name = "URL", group = "server", requires = "token_file")]
    nrdp: Option<String>,

    /// The file with NRDP's token
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// The address of Icinga 2's API
    #[arg(long, value_name = "URL", group = "server", requires_all = ["user", "password_file"])]
    icinga: Option<String>,

    /// The API user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The file with the API user's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,

    /// Trust only the certificates in this file, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// How services are named there: {check}, {object} and {host} are filled in
    #[arg(long, value_name = "TEMPLATE", default_value = "{check} {object}")]
    service: String,

    /// Send records of this check as results of the host itself
    #[arg(long, value_name = "CHECK")]
    host_check: Option<String>,

    /// Only what is not OK
    #[arg(long)]
    only_problems: bool,

    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// A place that takes passive results.
trait Server {
    /// Its name in messages.
    fn name(&self) -> String;

    /// Sends them in their order; a verdict for each.
    fn send(&self, results: &[Passive]) -> Vec<Result<(), Refusal>>;
}

/// A server that is not asked.
struct DryRun(Box<dyn Server>);

impl Server for DryRun {
    fn name(&self) -> String {
        format!("{} (a dry run: nothing was sent)", self.0.name())
    }

    fn send(&self, results: &[Passive]) -> Vec<Result<(), Refusal>> {
        results.iter().map(|_| Ok(())).collect()
    }
}

/// Why a result was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
struct Refusal {
    message: String,
    cause: Cause,
    hint: Option<String>,
}

impl Refusal {
    fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause,
            hint: None,
        }
    }
}

impl From<&NetError> for Refusal {
    fn from(error: &NetError) -> Self {
        Self {
            message: error.to_string(),
            cause: error.cause(),
            hint: error.hint(),
        }
    }
}

impl Act for Submit {
    fn act(&self, common: &Common) -> Result<ExitCode, Fault> {
        let naming = Naming::new(&self.service, self.host_check.clone())?;
        let context = runner::context(common);
        let mut server = self.server(&context)?;
        if self.dry_run {
            server = Box::new(DryRun(server));
        }
        let Stream {
            mut records,
            foreign,
            faults,
        } = Stream::read(common.timeout)?;
        if self.only_problems {
            records.retain(|record| record.state != State::Ok);
        }
        let started = Instant::now();
        let options = NagiosOptions::default();
        let results: Vec<Passive> = records
            .iter()
            .map(|record| Passive::new(record, &naming, &options))
            .collect();
        let verdicts = server.send(&results);
        let findings: Vec<Finding> = results
            .iter()
            .zip(&records)
            .zip(verdicts)
            .map(|((result, record), verdict)| say(&*server, result, record, verdict))
            .collect();
        if !foreign.is_empty() {
            let count = foreign.len();
            let _ = writeln!(
                io::stderr(),
                "{TOOL}: not sent: {count} of another version than this program knows"
            );
        }
        let is_whole = foreign.is_empty() && faults.is_empty();
        let read = if is_whole { State::Ok } else { State::Unknown };
        let state = findings
            .iter()
            .map(|finding| finding.state)
            .fold(read, State::max);
        let said = runner::stamp("submit", findings, &context, started.elapsed());
        runner::finish(ce_cli::emit(common, &said), state)
    }
}

/// The result of one record.
fn say(
    server: &dyn Server,
    result: &Passive,
    record: &Record,
    verdict: Result<(), Refusal>,
) -> Finding {
    let what = result.describe();
    let finding = match verdict {
        Ok(()) => Finding::new(State::Ok, format!("{what} sent to {}", server.name())),
        Err(refusal) => {
            let finding = Finding::new(
                State::Critical,
                format!("{what} not taken by {}: {refusal}", server.name()),
            )
            .cause(refusal.cause);
            match refusal.hint {
                Some(hint) => finding.detail(format!("hint: {hint}")),
                None => finding,
            }
        }
    };
    finding
        .object(record.key().to_string())
        .data("record", record.id.as_str())
}

impl Submit {
    fn api<'a>(&self, url: &str, context: &Context) -> ApiOptions<'a> {
        ApiOptions {
            roots: self.ca_file.clone().map_or(Roots::System, Roots::File),
            timeout: context.timeout,
            deadline: Some(Deadline::at(context.deadline)),
            ..ApiOptions::new(url)
        }
    }

    fn server(&self, context: &Context) -> Result<Box<dyn Server>, Fault> {
        let secret =
            |file: &Option<String>| ce_cli::Secret::load(file.as_deref().unwrap_or_default());
        if let Some(fifo) = &self.nagios {
            return Ok(Box::new(nagios::Fifo {
                path: fifo.clone(),
                deadline: context.deadline,
            }));
        }
        if let Some(folder) = &self.nagios_spool {
            return Ok(Box::new(nagios::Spool(folder.clone())));
        }
        if let Some(url) = &self.nrdp {
            return Ok(Box::new(nrdp::Nrdp::new(
                self.api(url, context),
                secret(&self.token_file)?,
            )?));
        }
        match (&self.icinga, &self.user) {
            (Some(url), Some(user)) => {
                let password = secret(&self.password_file)?;
                let auth = Auth::Basic(user, password.expose());
                Ok(Box::new(icinga::Icinga::new(&ApiOptions {
                    auth,
                    ..self.api(url, context)
                })?))
            }
            _ => Err(Fault::usage("no server is named")),
        }
    }
}
