//! `ce-backup key role`: a key for the maintenance host, which prunes and checks and reads no content.

use std::path::PathBuf;

use ce_cli::{Common, Secret};
use ce_record::{Cause, Finding, State};
use ce_vault::{Identity, Role};
use clap::{Args, ValueEnum};

use crate::commands::Act;
use crate::fault::Fault;
use crate::place::Place;
use crate::progress;

/// Make a key for another role: maintain sees structure, forgets and prunes, and reads no content
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup key role /backup maintain --out maintain.key --identity org.key")]
pub(crate) struct RoleKey {
    /// The repository
    #[arg(value_name = "REPO")]
    at: PathBuf,

    /// The role
    #[arg(value_name = "ROLE")]
    role: RoleName,

    /// Where the new key goes; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// The new key's passphrase; asked for on a terminal without it
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<String>,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    /// Sees structure, forgets and prunes
    Maintain,
}

impl Act for RoleKey {
    const NAME: &'static str = "key";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let RoleName::Maintain = self.role;
        if std::fs::symlink_metadata(&self.out).is_ok() {
            return Err(Fault::usage(format!(
                "'{}' is there already",
                self.out.display()
            )));
        }
        let mut repository = self.place.open_to_read(&self.at)?;
        let passphrase = match &self.new_passphrase_file {
            Some(source) => Secret::load(source)?,
            None => progress::ask_passphrase("New passphrase: ")?,
        };
        let identity = Identity::generate(Role::Maintain);
        let recipient = identity.recipient();
        let wrapped = identity.wrap(passphrase.expose().as_bytes());
        let text = zeroize::Zeroizing::new(format!(
            "# ce-backup maintenance key {recipient}\n{}\n",
            *wrapped
        ));
        ce_cli::write_whole(&self.out, text.as_bytes(), 0o600)?;
        let mut maintainers = repository.config.maintainers.clone();
        maintainers.push(recipient);
        let recipients = repository.config.recipients.clone();
        let rekeyed = repository.rekey(recipients, maintainers)?;
        let state = match rekeyed.problems.is_empty() {
            true => State::Ok,
            false => State::Warning,
        };
        let mut finding = Finding::new(state, format!("maintenance key {recipient}"))
            .object(self.out.display().to_string())
            .cause(Cause::CONTENT)
            .data("recipient", recipient.to_string());
        for problem in rekeyed.problems {
            finding = finding.detail(problem);
        }
        Ok(vec![finding])
    }
}
