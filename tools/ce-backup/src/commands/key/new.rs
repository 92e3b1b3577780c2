//! `ce-backup key new`: a key pair, the private half under a passphrase.

use std::path::PathBuf;

use ce_cli::{Common, Secret};
use ce_record::{Finding, State};
use ce_vault::{Identity, Role};
use clap::Args;

use crate::commands::Act;
use crate::fault::Fault;
use crate::progress;

/// Make an organisation's key pair: the private half, under a passphrase, in a file; the recipient on standard output
///
/// Do it on a machine that is not backed up with it, print a sheet (ce-backup key sheet), and keep both off-line: \
/// without the key or its passphrase nobody can read the backups.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup key new --out org.key
  ce-backup key new --out org.key --passphrase-file credential:backup")]
pub(crate) struct New {
    /// Where the private half goes; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// The passphrase: a file, credential:NAME or - for standard input; asked for on a terminal without it
    #[arg(long, value_name = "FILE", env = "CE_PASSPHRASE_FILE")]
    passphrase_file: Option<String>,
}

impl Act for New {
    const NAME: &'static str = "key";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        if std::fs::symlink_metadata(&self.out).is_ok() {
            return Err(Fault::with_hint(
                format!("'{}' is there already", self.out.display()),
                "name another file: an old key may be all that reads old backups",
            ));
        }
        let passphrase = match &self.passphrase_file {
            Some(source) => Secret::load(source)?,
            None => {
                let first = progress::ask_passphrase("New passphrase: ")?;
                if progress::ask_passphrase("Again: ")?.expose() != first.expose() {
                    return Err(Fault::usage("the passphrases differ"));
                }
                first
            }
        };
        let identity = Identity::generate(Role::Organisation);
        let recipient = identity.recipient().to_string();
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
        let wrapped = identity.wrap(passphrase.expose().as_bytes());
        let text = zeroize::Zeroizing::new(format!(
            "# ce-backup organisation key of {date}, under a passphrase; keep it off-line\n# recipient {recipient}\n{}\n",
            *wrapped
        ));
        ce_cli::write_whole(&self.out, text.as_bytes(), 0o600)?;
        Ok(vec![
            Finding::new(State::Ok, format!("recipient {recipient}"))
                .object(self.out.display().to_string())
                .data("recipient", recipient),
        ])
    }
}
