//! Which repository, with which keys.

use std::path::{Path, PathBuf};

use ce_cli::{Dirs, Secret};
use ce_vault::{Id, Identity, Recipient, Repository, Snapshot, WriterKey};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::settings::settings;
use crate::storage::{self, Network};

/// The repository and what opens it.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Repository")]
pub(crate) struct Place {
    /// The repository, when it is not the first word
    #[arg(long, value_name = "REPO", env = "CE_REPO")]
    pub repo: Option<PathBuf>,

    /// The organisation's or maintenance host's key
    #[arg(long, value_name = "FILE", env = "CE_IDENTITY")]
    pub identity: Option<PathBuf>,

    /// What the key is wrapped with: a file, credential:NAME or - for standard input
    #[arg(long, value_name = "FILE", env = "CE_PASSPHRASE_FILE")]
    pub passphrase_file: Option<String>,

    #[command(flatten)]
    pub network: Network,
}

impl Place {
    /// The repository and the other words, where the first word names it unless a flag does.
    pub fn split(&self, words: &[PathBuf]) -> Result<(PathBuf, Vec<PathBuf>), Fault> {
        let repo = self.repo.as_ref().or(settings().repo.as_ref());
        match (repo, words.split_first()) {
            (Some(_), Some((first, rest))) if is_repository(first) => {
                Ok((first.clone(), rest.to_vec()))
            }
            (Some(repo), _) => Ok((repo.clone(), words.to_vec())),
            (None, Some((first, rest))) => Ok((first.clone(), rest.to_vec())),
            (None, None) => Err(Fault::with_hint(
                "no repository is named",
                "give it as the first word, with --repo, in CE_REPO or in /etc/ce/backup.toml",
            )),
        }
    }

    /// The repository and one more word.
    pub fn split_one(
        &self,
        words: &[PathBuf],
        what: &str,
    ) -> Result<(PathBuf, String, Vec<PathBuf>), Fault> {
        let (repo, rest) = self.split(words)?;
        match rest.split_first() {
            Some((one, rest)) => Ok((repo, one.display().to_string(), rest.to_vec())),
            None => Err(Fault::usage(format!("{what} is not named"))),
        }
    }

    /// Opens it with every key at hand.
    pub fn open(&self, path: &Path) -> Result<Repository, Fault> {
        let mut repository = Repository::open(storage::open(path, &self.network)?, path)?;
        let key_file = writer_path(&repository.config.id);
        if let Some(key) = read_writer(&key_file)? {
            let before = key.config;
            repository = repository.with_writer(key, &key_file)?;
            let key = repository.writer()?;
            if key.config != before {
                ce_cli::write_whole(&key_file, &key.to_json(), 0o600)?;
            }
        }
        if let Some(identity) = self.identity()? {
            repository = repository.with_identity(identity)?;
        }
        trust_config(&repository)?;
        Ok(repository)
    }

    /// Opens it for a command that reads content or changes keys.
    pub fn open_to_read(&self, path: &Path) -> Result<Repository, Fault> {
        if self.identity_file().is_none() {
            return Err(ce_vault::Error::NeedsIdentity.into());
        }
        let repository = self.open(path)?;
        if !repository.reads_content() {
            return Err(ce_vault::Error::NeedsIdentity.into());
        }
        Ok(repository)
    }

    /// Whose the identity is that opened it.
    pub fn identity_recipient(&self, repository: &Repository) -> Option<ce_vault::Recipient> {
        repository.opened_by()
    }

    /// The identity that the flags name.
    pub fn identity(&self) -> Result<Option<Identity>, Fault> {
        let Some(path) = self.identity_file() else {
            return Ok(None);
        };
        let passphrase = self
            .passphrase_file
            .as_ref()
            .or(settings().passphrase_file.as_ref());
        read_identity(path, passphrase.map(String::as_str)).map(Some)
    }

    /// The file of the organisation's or maintenance host's key.
    pub fn identity_file(&self) -> Option<&PathBuf> {
        self.identity.as_ref().or(settings().identity.as_ref())
    }
}

/// Reads and unwraps an identity's file.
pub(crate) fn read_identity(path: &Path, passphrase_file: Option<&str>) -> Result<Identity, Fault> {
    let text = Secret::load(&path.display().to_string())?;
    let passphrase = passphrase(passphrase_file, path)?;
    Ok(Identity::unwrap(
        text.expose(),
        passphrase.expose().as_bytes(),
        path,
    )?)
}

/// The passphrase of a key: from where the flag says, else asked for on a terminal.
pub(crate) fn passphrase(source: Option<&str>, path: &Path) -> Result<Secret, Fault> {
    match source {
        Some(source) => Ok(Secret::load(source)?),
        None => crate::progress::ask_passphrase(&format!("Passphrase for {}: ", path.display())),
    }
}

fn is_repository(path: &Path) -> bool {
    storage::is_named(path) || (path.join("config").is_file() && path.join("keys").is_dir())
}

/// Where this machine's key for a repository is.
pub(crate) fn writer_path(repository: &str) -> PathBuf {
    Dirs::from_env()
        .state
        .join("backup")
        .join(format!("{repository}.key"))
}

/// Where what can be made again is.
pub(crate) fn cache_path(repository: &str) -> PathBuf {
    Dirs::from_env().cache.join("backup").join(repository)
}

fn read_writer(path: &Path) -> Result<Option<WriterKey>, Fault> {
    if !path.exists() {
        return Ok(None);
    }
    let text = Secret::load(&path.display().to_string())?;
    let key = WriterKey::from_json(text.expose().as_bytes());
    key.map(Some).ok_or_else(|| {
        Fault::with_hint(
            format!("'{}' is not this machine's key", path.display()),
            "put it back from where it was saved, or move it away and run ce-backup init again",
        )
    })
}

/// The one snapshot that a word means: `latest`, `latest:KEY=VALUE`, or the beginning of an id.
pub(crate) fn find(repository: &Repository, word: &str) -> Result<Snapshot, Fault> {
    Ok(repository.find(word)?)
}

/// What this machine has seen of a repository, so that nobody sets it back unnoticed.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    /// The newest snapshots, by writer.
    heads: Vec<(String, u64, Id)>,
    config: Option<SeenConfig>,
}

#[derive(Serialize, Deserialize)]
struct SeenConfig {
    generation: u64,
    digest: Id,
    recipients: Vec<Recipient>,
}

fn seen(repository: &str) -> Seen {
    let text = ce_cli::read_bounded(&seen_path(repository), 1 << 20).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// That it could not is no reason to fail.
fn remember(repository: &str, seen: &Seen) {
    if let Ok(text) = serde_json::to_vec(seen) {
        let _ = ce_cli::write_whole(&seen_path(repository), &text, 0o600);
    }
}

/// The newest snapshots that this machine has seen, by writer.
pub(crate) fn known_heads(repository: &str) -> Vec<(String, u64, Id)> {
    seen(repository).heads
}

/// Remembers the newest snapshots.
pub(crate) fn remember_heads(repository: &str, heads: &[(String, u64, Id)]) {
    let mut seen = seen(repository);
    for (writer, sequence, id) in heads {
        match seen.heads.iter_mut().find(|(other, _, _)| other == writer) {
            Some(entry) if entry.1 < *sequence => *entry = (writer.clone(), *sequence, *id),
            Some(_) => {}
            None => seen.heads.push((writer.clone(), *sequence, *id)),
        }
    }
    remember(repository, &seen);
}

/// That the config is the one that this machine saw last, or one that a recipient of it made of that.
fn trust_config(repository: &Repository) -> Result<(), Fault> {
    let id = &repository.config.id;
    let mut seen = seen(id);
    if let Some(known) = &seen.config {
        if known.digest == repository.digest {
            return Ok(());
        }
        if let Err(error) = repository.follows(known.generation, &known.recipients) {
            return Err(Fault::with_hint(
                error.to_string(),
                format!(
                    "if that is as it should be, move '{}' away",
                    seen_path(id).display()
                ),
            ));
        }
    }
    seen.config = Some(SeenConfig {
        generation: repository.config.generation,
        digest: repository.digest,
        recipients: repository.config.recipients.clone(),
    });
    remember(id, &seen);
    Ok(())
}

fn seen_path(repository: &str) -> PathBuf {
    Dirs::from_env()
        .state
        .join("backup")
        .join(format!("{repository}.seen"))
}
