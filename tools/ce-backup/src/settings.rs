//! `/etc/ce/backup.toml`: what need not be said each time. What stands on the command line wins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use ce_cli::{Common, ConfigError, Dirs};
use serde::Deserialize;
use toml::{Spanned, Table};

use crate::storage::{NetworkSettings, S3Settings, SftpSettings, SwiftSettings};

/// The whole file; every key may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The repository.
    pub repo: Option<PathBuf>,
    /// The organisation's or maintenance host's key.
    pub identity: Option<PathBuf>,
    /// What the key is wrapped with, as --passphrase-file has it.
    pub passphrase_file: Option<String>,
    /// How storages over a network are used.
    #[serde(default)]
    pub network: NetworkSettings,
    /// How to log in to Swift.
    #[serde(default)]
    pub swift: SwiftSettings,
    /// How to come to S3.
    #[serde(default)]
    pub s3: S3Settings,
    /// How to reach folders over SFTP.
    #[serde(default)]
    pub sftp: SftpSettings,
    /// For `ce-backup create`.
    #[serde(default)]
    pub create: Create,
    /// Repositories with a name.
    #[serde(default)]
    pub repository: BTreeMap<String, Named>,
    /// For `ce-backup run`: databases, with the flags of `ce-backup dump` as keys.
    #[serde(default)]
    pub dump: Vec<Spanned<Table>>,
    /// For `ce-backup run`.
    pub run: Option<Run>,
}

/// A repository that the command line calls by a name. Tables that it lacks are those of the whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Named {
    /// Where it is.
    pub url: PathBuf,
    pub network: Option<NetworkSettings>,
    pub swift: Option<SwiftSettings>,
    pub s3: Option<S3Settings>,
    pub sftp: Option<SftpSettings>,
    /// What `ce-backup run` forgets there, with the flags of `ce-backup forget` as keys.
    pub forget: Option<Table>,
    /// What `ce-backup run` checks there, with the flags of `ce-backup check` as keys.
    pub check: Option<Table>,
}

/// A night's backup.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Run {
    /// What goes into each repository, besides the dumps.
    #[serde(default)]
    pub paths: Vec<PathBuf>,
    /// Names of repositories; all of the file when there is none.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// Commands for /bin/sh, one after the other.
    #[serde(default)]
    pub before: Vec<String>,
    #[serde(default)]
    pub after: Vec<String>,
    #[serde(default)]
    pub on_failure: Vec<String>,
    /// How long each of these has.
    pub hook_timeout: Option<String>,
}

/// Defaults of `ce-backup create`; lists are added to those on the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Create {
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub exclude_from: Vec<PathBuf>,
    #[serde(default)]
    pub exclude_caches: bool,
    #[serde(default)]
    pub one_file_system: bool,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The file that is read.
pub(crate) fn path(common: &Common) -> PathBuf {
    common
        .config
        .clone()
        .unwrap_or_else(|| Dirs::from_env().config.join("backup.toml"))
}

/// Reads the file that the flag names, or the one in the configuration folder when it is there.
pub(crate) fn load(common: &Common) -> Result<(), ConfigError> {
    let path = path(common);
    let settings = if common.config.is_some() || path.exists() {
        ce_cli::load(&path, common.patience())?
    } else {
        Settings::default()
    };
    let _ = SETTINGS.set(settings);
    Ok(())
}

/// What was read.
pub(crate) fn settings() -> &'static Settings {
    SETTINGS.get_or_init(Settings::default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_understood_and_a_wrong_key_is_not() {
        let path = std::path::Path::new("backup.toml");
        let sample = include_str!("../../../packaging/examples/backup.toml");
        let settings: Settings = ce_cli::parse(path, sample).expect("the sample");
        assert_eq!(settings.repo, Some(PathBuf::from("/backup")));
        assert!(settings.create.one_file_system);
        assert_eq!(settings.repository.len(), 2);
        assert!(ce_cli::parse::<Settings>(path, "repos = \"/backup\"").is_err());
    }
}
