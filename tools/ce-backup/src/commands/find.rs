//! `ce-backup find`: where in a snapshot a name is.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Finding, State};
use ce_vault::Exclude;
use ce_vault::browse::Browser;
use clap::Args;

use super::Act;
use super::listing::Listing;
use crate::fault::Fault;
use crate::place::{self, Place};

/// Find items of a snapshot by name: a pattern for names, or for whole paths when it begins with a slash
///
/// It exits 0 when something was found and 1 when nothing was.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup find /backup latest '*.sql' --identity org.key
  ce-backup find /backup latest '/etc/**/*.conf' --identity org.key")]
pub(crate) struct Find {
    /// The repository, the snapshot, and patterns
    #[arg(value_name = "REPO> <SNAPSHOT> <GLOB")]
    words: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

impl Act for Find {
    const NAME: &'static str = "find";

    fn act(&self, common: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, word, patterns) = self.place.split_one(&self.words, "the snapshot")?;
        if patterns.is_empty() {
            return Err(Fault::usage("no pattern is given"));
        }
        let mut wanted = Exclude::default();
        for pattern in &patterns {
            wanted
                .add(&pattern.display().to_string())
                .map_err(Fault::usage)?;
        }
        let repository = self.place.open_to_read(&repo)?;
        let snapshot = place::find(&repository, &word)?;
        let mut listing = Listing::new(common);
        Browser::new(&repository, &snapshot)?.items(&[], |item, _| {
            if wanted.excludes(&item.path) {
                listing.item(item);
            }
            Ok(())
        })?;
        let (items, bytes) = listing.end()?;
        let state = if items > 0 { State::Ok } else { State::Warning };
        Ok(vec![
            Finding::new(state, format!("{items} items found"))
                .object(snapshot.id.to_string()[..8].to_owned())
                .cause(ce_record::Cause::CONTENT)
                .data("items", items)
                .data("bytes", bytes),
        ])
    }
}
