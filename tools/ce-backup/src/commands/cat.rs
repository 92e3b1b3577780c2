//! `ce-backup cat`: a file's content on standard output.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use ce_cli::Common;
use ce_record::Finding;
use ce_vault::browse::Browser;
use ce_vault::tree::Kind;
use clap::Args;

use super::Act;
use super::restore::in_snapshot;
use crate::fault::Fault;
use crate::place::{self, Place};

/// Write a file of a snapshot to standard output
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup cat /backup latest srv.tar --identity org.key | tar -t
  ce-backup cat /backup latest /etc/hosts --identity org.key")]
pub(crate) struct Cat {
    /// The repository, the snapshot, and the file's path in it
    #[arg(value_name = "REPO SNAPSHOT PATH")]
    words: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

impl Act for Cat {
    const NAME: &'static str = "cat";

    fn writes_content(&self) -> bool {
        true
    }

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, word, paths) = self.place.split_one(&self.words, "the snapshot")?;
        let [path] = paths.as_slice() else {
            return Err(Fault::usage("one path is needed"));
        };
        let repository = self.place.open_to_read(&repo)?;
        let snapshot = place::find(&repository, &word)?;
        let browser = Browser::new(&repository, &snapshot)?;
        let mut wanted = in_snapshot(path);
        let mut out = BufWriter::with_capacity(1 << 20, io::stdout());
        for _ in 0..2 {
            let mut next = None;
            let mut found = false;
            browser.items(&[wanted.clone()], |item, references| {
                if item.path != wanted {
                    return Ok(());
                }
                found = true;
                match &item.kind {
                    Kind::File { .. } => {
                        browser.content(item, references, &mut out, "standard output")
                    }
                    Kind::Hardlink(first) => {
                        next = Some(first.clone());
                        Ok(())
                    }
                    _ => Err(ce_vault::Error::Refused(format!(
                        "'{}' is not a regular file",
                        path.display()
                    ))),
                }
            })?;
            if !found {
                return Err(Fault::with_hint(
                    format!(
                        "snapshot {} has no '{}'",
                        &snapshot.id.to_string()[..8],
                        path.display()
                    ),
                    "ce-backup find REPO SNAPSHOT GLOB looks for it",
                ));
            }
            match next {
                Some(first) => wanted = first,
                None => break,
            }
        }
        out.flush().map_err(ce_cli::OutputError::from)?;
        Ok(Vec::new())
    }
}
