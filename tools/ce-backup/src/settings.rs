//! `/etc/ce/backup.toml`: what need not be said each time. What stands on the command line wins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use ce_cli::{Common, ConfigError, Dirs};
use serde::Deserialize;

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

/// Reads the file that the flag names, or the one in the configuration folder when it is there.
pub(crate) fn load(common: &Common) -> Result<(), ConfigError> {
    let settings = match &common.config {
        Some(path) => ce_cli::load(path, common.patience())?,
        None => {
            let path = Dirs::from_env().config.join("backup.toml");
            if path.exists() {
                ce_cli::load(&path, common.patience())?
            } else {
                Settings::default()
            }
        }
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
        assert!(ce_cli::parse::<Settings>(path, "repos = \"/backup\"").is_err());
    }
}
