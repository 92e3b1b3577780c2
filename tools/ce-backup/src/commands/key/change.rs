//! `ce-backup key add`, `remove` and `rotate`: who opens a repository; keys are sealed anew, no data is moved.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Cause, Finding, State};
use ce_vault::{Recipient, Repository, Role};
use clap::Args;

use crate::commands::Act;
use crate::fault::Fault;
use crate::place::Place;

/// Let another organisation key open the repository, with all that is in it already
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup key add /backup --recipient ceorg1... --identity org.key")]
pub(crate) struct Add {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// The key to let in
    #[arg(long, value_name = "RECIPIENT")]
    recipient: String,

    #[command(flatten)]
    place: Place,
}

/// Shut an organisation or maintenance key out; what it may have copied before stays readable with it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup key remove /backup --recipient ceorg1... --identity other.key")]
pub(crate) struct Remove {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// The key to shut out
    #[arg(long, value_name = "RECIPIENT")]
    recipient: String,

    #[command(flatten)]
    place: Place,
}

/// Put a new organisation key in the place of the one that is given
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup key new --out new.key
  ce-backup key rotate /backup --recipient ceorg1... --identity old.key")]
pub(crate) struct Rotate {
    /// The repository
    #[arg(value_name = "REPO")]
    words: Vec<PathBuf>,

    /// The new key
    #[arg(long, value_name = "RECIPIENT")]
    recipient: String,

    #[command(flatten)]
    place: Place,
}

fn open(place: &Place, words: &[PathBuf]) -> Result<(PathBuf, Repository), Fault> {
    let (repo, _) = place.split(words)?;
    let repository = place.open_to_read(&repo)?;
    Ok((repo, repository))
}

/// A key that may read.
fn reader(text: &str) -> Result<Recipient, Fault> {
    let recipient = Recipient::parse(text)?;
    match recipient.role {
        Role::Organisation => Ok(recipient),
        Role::Maintain => Err(Fault::usage(format!(
            "{recipient} is a maintenance key: ce-backup key role makes and lets in one"
        ))),
    }
}

fn change(
    mut repository: Repository,
    repo: &std::path::Path,
    recipients: Vec<Recipient>,
    maintainers: Vec<Recipient>,
) -> Result<Vec<Finding>, Fault> {
    let rekeyed = repository.rekey(recipients, maintainers)?;
    let recipients: Vec<String> = repository
        .config
        .recipients
        .iter()
        .map(ToString::to_string)
        .collect();
    let (state, left) = match rekeyed.problems.len() {
        0 => (State::Ok, String::new()),
        count => (State::Warning, format!(", {count} left as they are")),
    };
    let mut finding = Finding::new(
        state,
        format!(
            "{} keys sealed to {} recipients{left}",
            rekeyed.resealed,
            recipients.len()
        ),
    )
    .cause(Cause::CONTENT)
    .object(repo.display().to_string())
    .data("resealed", rekeyed.resealed as u64)
    .data("recipients", recipients.clone());
    for problem in rekeyed.problems {
        finding = finding.detail(problem);
    }
    for recipient in recipients {
        finding = finding.detail(format!("sealed to {recipient}"));
    }
    Ok(vec![finding])
}

impl Act for Add {
    const NAME: &'static str = "key";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let recipient = reader(&self.recipient)?;
        let (repo, repository) = open(&self.place, &self.words)?;
        let mut recipients = repository.config.recipients.clone();
        // One that is in already: an earlier run was interrupted, and this one ends it.
        if !recipients.contains(&recipient) {
            recipients.push(recipient);
        }
        let maintainers = repository.config.maintainers.clone();
        change(repository, &repo, recipients, maintainers)
    }
}

impl Act for Remove {
    const NAME: &'static str = "key";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let recipient = Recipient::parse(&self.recipient)?;
        let (repo, repository) = open(&self.place, &self.words)?;
        let mut recipients = repository.config.recipients.clone();
        let mut maintainers = repository.config.maintainers.clone();
        // One that is out already: an earlier run was interrupted, and this one ends it.
        recipients.retain(|known| *known != recipient);
        maintainers.retain(|known| *known != recipient);
        if recipients.is_empty() {
            return Err(Fault::with_hint(
                "it is the only key, and nobody could read any more",
                "ce-backup key rotate replaces it",
            ));
        }
        change(repository, &repo, recipients, maintainers)
    }
}

impl Act for Rotate {
    const NAME: &'static str = "key";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let recipient = reader(&self.recipient)?;
        let (repo, repository) = open(&self.place, &self.words)?;
        let old = self.place.identity_recipient(&repository);
        let mut recipients = repository.config.recipients.clone();
        recipients.retain(|known| Some(*known) != old && *known != recipient);
        recipients.push(recipient);
        let maintainers = repository.config.maintainers.clone();
        change(repository, &repo, recipients, maintainers)
    }
}
