//! `ce-backup key sheet`: a key on paper, as text to type and as a QR code to scan.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use ce_cli::{Common, Secret};
use ce_record::Finding;
use ce_vault::Identity;
use clap::Args;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::commands::Act;
use crate::fault::Fault;

/// Print a key as a sheet of paper to keep: text in groups of four, and a QR code
///
/// The sheet opens backups together with the passphrase, which is not on it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup key sheet org.key
  ce-backup key sheet org.key | lpr")]
pub(crate) struct Sheet {
    /// The key's file
    #[arg(value_name = "FILE")]
    key: PathBuf,
}

impl Act for Sheet {
    const NAME: &'static str = "key";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let text = Secret::load(&self.key.display().to_string())?;
        let key = zeroize::Zeroizing::new(Identity::examine(text.expose(), &self.key)?);
        let sheet = sheet(text.expose(), &key)?;
        let mut stdout = std::io::stdout().lock();
        stdout
            .write_all(sheet.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(ce_cli::OutputError::from)?;
        Ok(Vec::new())
    }
}

/// Groups of four letters on a line.
const GROUPS: usize = 8;

fn sheet(file: &str, key: &str) -> Result<zeroize::Zeroizing<String>, Fault> {
    let mut sheet = zeroize::Zeroizing::new(String::from("CE-BACKUP RECOVERY SHEET\n\n"));
    for comment in file
        .lines()
        .filter_map(|line| line.trim().strip_prefix('#'))
    {
        let _ = writeln!(sheet, "{}", comment.trim());
    }
    let _ = write!(
        sheet,
        "\nThe key, without spaces and line ends (letters and digits only: no b, i or o after the first 1):\n\n"
    );
    let letters: Vec<char> = key.chars().collect();
    for line in letters.chunks(4 * GROUPS) {
        let groups: Vec<String> = line.chunks(4).map(|group| group.iter().collect()).collect();
        let _ = writeln!(sheet, "    {}", groups.join(" "));
    }
    // Capital letters alone make the code smaller; bech32 means the same by them.
    let code = QrCode::new(key.to_uppercase())
        .map_err(|error| Fault::usage(format!("no QR code: {error}")))?;
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Dark)
        .light_color(Dense1x2::Light)
        .build();
    let _ = write!(
        sheet,
        "\n{drawn}\n\nTo restore: put the key into a file of mode 0600, as typed or scanned, then\n\n"
    );
    let _ = writeln!(
        sheet,
        "    ce-backup restore REPO latest --to DIR --identity FILE\n"
    );
    Ok(sheet)
}
