//! `ce-backup init`: a repository, and this machine's key for it.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Finding, State};
use ce_vault::{Error, Recipient, Repository, Role, hex};
use clap::Args;

use super::Act;
use crate::fault::Fault;
use crate::place::{self, Place};

/// Make a repository, or let this machine write to one that is there
///
/// The machine's own key is in the state folder, /var/lib/ce/backup: it writes and deduplicates, and reads no content.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup init /backup --recipient ceorg1...
  ce-backup init /backup --recipient ceorg1... --recipient ceorg1...    either of two keys reads it
  ce-backup init /backup                                                a second machine joins")]
pub(crate) struct Init {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// Whom everything is sealed to, as ce-backup key new prints it; several may be given
    #[arg(long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,

    #[command(flatten)]
    place: Place,
}

impl Act for Init {
    const NAME: &'static str = "init";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (path, rest) = self.place.split(&self.words)?;
        if let Some(extra) = rest.first() {
            return Err(Fault::usage(format!(
                "'{}' is one word too many",
                extra.display()
            )));
        }
        let recipients = self
            .recipients
            .iter()
            .map(|text| Recipient::parse(text))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = recipients
            .iter()
            .find(|recipient| recipient.role != Role::Organisation)
        {
            return Err(Fault::usage(format!(
                "{other} is a maintenance key: ce-backup key role lets it in"
            )));
        }
        let store = crate::storage::open(&path, &self.place.network)?;
        let (repository, made) = match Repository::open(store.clone(), &path) {
            Ok(repository) => {
                let told = &repository.config.recipients;
                let same = recipients.len() == told.len()
                    && recipients.iter().all(|recipient| told.contains(recipient));
                if !recipients.is_empty() && !same {
                    let recipients = told
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", ");
                    return Err(Error::Exists { path, recipients }.into());
                }
                (repository, false)
            }
            Err(Error::NotARepository { .. }) if recipients.is_empty() => {
                return Err(Fault::with_hint(
                    format!(
                        "'{}' is not a repository, and no recipient is given to make one",
                        path.display()
                    ),
                    "ce-backup key new makes a key and prints its recipient",
                ));
            }
            Err(Error::NotARepository { .. }) => {
                // An earlier run that was interrupted leaves tmp/ behind.
                let foreign = |entry: std::io::Result<std::fs::DirEntry>| {
                    entry.is_ok_and(|entry| entry.file_name() != "tmp")
                };
                if std::fs::read_dir(crate::storage::address(&path))
                    .is_ok_and(|mut entries| entries.any(foreign))
                {
                    return Err(Error::NotEmpty { path }.into());
                }
                (Repository::init(store, recipients, &path)?, true)
            }
            Err(error) => return Err(error.into()),
        };
        let key_path = place::writer_path(&repository.config.id);
        if key_path.exists() {
            return Ok(vec![
                Finding::new(
                    State::Ok,
                    format!("this machine writes to {} already", path.display()),
                )
                .object(path.display().to_string()),
            ]);
        }
        let key = repository.join(&ce_cli::hostname())?;
        ce_cli::write_whole(&key_path, &key.to_json(), 0o600)?;
        let what = if made { "made" } else { "joined" };
        let recipients: Vec<String> = repository
            .config
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut finding = Finding::new(
            State::Ok,
            format!(
                "{what} {}; this machine's key is {}",
                path.display(),
                key_path.display()
            ),
        )
        .object(path.display().to_string())
        .data("repository", repository.config.id.clone())
        .data("writer", hex(&key.id()))
        .data("recipients", recipients.clone());
        for recipient in recipients {
            finding = finding.detail(format!("sealed to {recipient}"));
        }
        Ok(vec![finding])
    }
}
