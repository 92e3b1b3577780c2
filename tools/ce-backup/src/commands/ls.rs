//! `ce-backup ls`: what a snapshot holds.

use std::path::PathBuf;

use ce_cli::Common;
use ce_record::{Finding, State};
use ce_vault::browse::Browser;
use ce_vault::tree::{Item, Kind};
use clap::Args;

use super::Act;
use super::listing::Listing;
use super::restore::in_snapshot;
use crate::fault::Fault;
use crate::place::{self, Place};

/// Name what a snapshot holds, as ls -l does
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup ls /backup latest --identity org.key
  ce-backup ls /backup 5f2c19 /etc/apache2 --identity org.key")]
pub(crate) struct Ls {
    /// The repository, the snapshot, and paths in it
    #[arg(value_name = "REPO SNAPSHOT PATH")]
    words: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,
}

impl Act for Ls {
    const NAME: &'static str = "ls";

    fn act(&self, common: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, word, paths) = self.place.split_one(&self.words, "the snapshot")?;
        let repository = self.place.open_to_read(&repo)?;
        let snapshot = place::find(&repository, &word)?;
        let paths: Vec<Vec<u8>> = paths.iter().map(|path| in_snapshot(path)).collect();
        let mut listing = Listing::new(common);
        Browser::new(&repository, &snapshot)?.items(&paths, |item, _| {
            listing.item(item);
            Ok(())
        })?;
        let (items, bytes) = listing.end()?;
        if items == 0 && !paths.is_empty() {
            return Err(super::restore::nothing(&snapshot, &paths));
        }
        Ok(vec![
            Finding::new(
                State::Ok,
                format!("{items} items, {}", super::create::bytes(bytes)),
            )
            .object(snapshot.id.to_string()[..8].to_owned())
            .data("items", items)
            .data("bytes", bytes),
        ])
    }
}

/// A line as `ls -l` has it.
pub(crate) fn line(item: &Item) -> String {
    let (letter, target) = match &item.kind {
        Kind::File { .. } => ('-', String::new()),
        Kind::Folder => ('d', String::new()),
        Kind::Symlink(target) => ('l', format!(" -> {}", ce_record::shown(target))),
        Kind::Fifo => ('p', String::new()),
        Kind::Socket => ('s', String::new()),
        Kind::Char(..) => ('c', String::new()),
        Kind::Block(..) => ('b', String::new()),
        Kind::Hardlink(first) => ('h', format!(" = /{}", ce_record::shown(first))),
    };
    let owner = &item.metadata.owner;
    let or = |name: &String, number: u32| {
        if name.is_empty() {
            number.to_string()
        } else {
            name.clone()
        }
    };
    let time = jiff::Timestamp::from_second(item.metadata.mtime.0)
        .map(|time| time.strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default();
    format!(
        "{letter}{} {:>8} {:<8} {:>12} {time:>16} /{}{target}",
        permissions(item.metadata.mode),
        or(&owner.user, owner.uid),
        or(&owner.group, owner.gid),
        item.size(),
        ce_record::shown(&item.path)
    )
}

fn permissions(mode: u32) -> String {
    let mut text: Vec<char> = (0..9)
        .map(|at| {
            if mode >> (8 - at) & 1 == 1 {
                ['r', 'w', 'x'][at % 3]
            } else {
                '-'
            }
        })
        .collect();
    for (bit, at, letter) in [(0o4000, 2, 's'), (0o2000, 5, 's'), (0o1000, 8, 't')] {
        if mode & bit != 0 {
            text[at] = if text[at] == 'x' {
                letter
            } else {
                letter.to_ascii_uppercase()
            };
        }
    }
    text.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::permissions;

    #[test]
    fn permissions_are_written_as_ls_does() {
        assert_eq!(permissions(0o755), "rwxr-xr-x");
        assert_eq!(permissions(0o4755), "rwsr-xr-x");
        assert_eq!(permissions(0o2644), "rw-r-Sr--");
        assert_eq!(permissions(0o1777), "rwxrwxrwt");
    }
}
