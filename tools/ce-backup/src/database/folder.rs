//! The folder of local dumps: each file is written whole or not at all, and older ones are kept by their day.
//!
//! `shop.sql.zst` is the newest, `shop~2026-11-22.sql.zst` that of an earlier day. A dump that fails leaves both alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ce_cli::FileError;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A name's bytes that stand for themselves in the name of a file. `~` parts the day, `@` begins our own.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"-_.+".contains(&byte)
}

/// The name of a file for a database: what could mean something else is written as `%` and two digits.
pub(crate) fn file_name(database: &str) -> String {
    let mut name = String::new();
    let mut part = [0; 4];
    for (at, letter) in database.chars().enumerate() {
        let bytes = letter.encode_utf8(&mut part).bytes();
        let plain = bytes.clone().all(is_plain) && !letter.is_control();
        if plain && !(at == 0 && letter == '.') {
            name.push(letter);
        } else {
            bytes.for_each(|byte| name.push_str(&format!("%{byte:02X}")));
        }
    }
    name
}

/// Where the dumps of one database are.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    folder: PathBuf,
    stem: String,
    ending: &'static str,
}

/// A dump that is being written; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Draft {
    slot: Slot,
    temporary: PathBuf,
    kept: bool,
}

fn write(path: &Path) -> impl Fn(io::Error) -> FileError + '_ {
    |source| FileError::Write {
        path: path.to_owned(),
        source,
    }
}

impl Slot {
    /// `stem` is a name as [`file_name`] makes them, `ending` what comes after it: `.sql.zst`.
    pub fn new(folder: &Path, stem: String, ending: &'static str) -> Self {
        Slot {
            folder: folder.to_owned(),
            stem,
            ending,
        }
    }

    /// The newest dump.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}{}", self.stem, self.ending))
    }

    /// That of an earlier day.
    fn older(&self, day: jiff::civil::Date) -> PathBuf {
        self.folder
            .join(format!("{}~{day}{}", self.stem, self.ending))
    }

    /// Begins a dump. What an interrupted one left is removed.
    pub fn begin(&self) -> Result<(Draft, File), FileError> {
        fs::create_dir_all(&self.folder).map_err(write(&self.folder))?;
        // The lock tells a dump that is being written from one that nobody goes on with.
        let prefix = format!(".{}{}.", self.stem, self.ending);
        for entry in fs::read_dir(&self.folder)
            .map_err(write(&self.folder))?
            .flatten()
        {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&prefix)
                && name.ends_with(".tmp")
                && let Ok(file) = File::open(entry.path())
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(entry.path());
            }
        }
        let id = ce_cli::new_id(Timestamp::now());
        let temporary = self.folder.join(format!("{prefix}{id}.tmp"));
        let file = OpenOptions::new()
            .write(true)
            .read(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(write(&temporary))?;
        let draft = Draft {
            slot: self.clone(),
            temporary,
            kept: false,
        };
        file.try_lock()
            .map_err(|error| write(&draft.temporary)(error.into()))?;
        Ok((draft, file))
    }

    /// The size of the newest dump.
    pub fn last_size(&self) -> Option<u64> {
        fs::metadata(self.path()).ok().map(|data| data.len())
    }

    /// The days of older dumps, newest first.
    fn days(&self) -> io::Result<Vec<jiff::civil::Date>> {
        let prefix = format!("{}~", self.stem);
        let mut days: Vec<jiff::civil::Date> = fs::read_dir(&self.folder)?
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let day = name.strip_prefix(&prefix)?.strip_suffix(self.ending)?;
                day.parse().ok()
            })
            .collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days)
    }
}

impl Draft {
    /// Makes it the newest; the one of an earlier day before it becomes one of `keep` older ones.
    pub fn commit(
        mut self,
        file: &File,
        keep: usize,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<(), FileError> {
        let slot = &self.slot;
        let path = slot.path();
        let fail = write(&path);
        file.sync_all().map_err(&fail)?;
        let today = now.to_zoned(zone.clone()).date();
        if let Ok(data) = fs::metadata(&path)
            && let Ok(made) = data
                .modified()
                .and_then(|time| Timestamp::try_from(time).map_err(io::Error::other))
        {
            let day = made.to_zoned(zone.clone()).date();
            if day != today && keep > 0 {
                let older = slot.older(day);
                let _ = fs::remove_file(&older);
                // A second name, so that at no moment the newest is missing.
                fs::hard_link(&path, &older)
                    .or_else(|_| fs::rename(&path, &older))
                    .map_err(write(&older))?;
            }
        }
        fs::rename(&self.temporary, &path).map_err(&fail)?;
        self.kept = true;
        File::open(&slot.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(&fail)?;
        for day in slot.days().map_err(&fail)?.into_iter().skip(keep) {
            let _ = fs::remove_file(slot.older(day));
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Sizes below this many bytes vary for no reason.
const SMALL: u64 = 64 << 10;

/// In words, when a dump is of another size than last time by more than half.
pub(crate) fn odd_size(before: u64, now: u64) -> Option<String> {
    let least = before.min(now);
    let most = before.max(now);
    if most <= SMALL || least >= before / 2 && most <= before + before / 2 {
        return None;
    }
    let percent = now.saturating_mul(100) / before.max(1);
    Some(format!(
        "it takes {}, {percent} % of the {} of the last one",
        ce_record::quantity::bytes(now),
        ce_record::quantity::bytes(before)
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn put(slot: &Slot, text: &str, day: i64, keep: usize) {
        let now = Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap();
        let (draft, mut file) = slot.begin().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        draft.commit(&file, keep, now, &TimeZone::UTC).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_second() as u64))
            .unwrap();
    }

    #[test]
    fn older_dumps_are_kept_by_their_day() {
        let folder = tempfile::tempdir().unwrap();
        let slot = Slot::new(folder.path(), "shop".to_owned(), ".sql.zst");
        let other = Slot::new(folder.path(), "shop2".to_owned(), ".sql.zst");
        put(&other, "x", 0, 2);
        for day in 0..5 {
            put(&slot, &format!("first of {day}"), day, 2);
            put(&slot, &format!("second of {day}"), day, 2);
        }
        let all = [
            "shop.sql.zst",
            "shop2.sql.zst",
            "shop~2023-11-16.sql.zst",
            "shop~2023-11-17.sql.zst",
        ];
        assert_eq!(names(folder.path()), all);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read(all[0]), "second of 4");
        assert_eq!(read(all[3]), "second of 3");
    }

    #[test]
    fn what_is_not_committed_is_gone_and_what_was_interrupted_too() {
        let folder = tempfile::tempdir().unwrap();
        let slot = Slot::new(folder.path(), "shop".to_owned(), ".sql.zst");
        put(&slot, "whole", 0, 1);
        drop(slot.begin().unwrap());
        assert_eq!(names(folder.path()), ["shop.sql.zst"]);
        let (draft, file) = slot.begin().unwrap();
        let left = draft.temporary.clone();
        std::mem::forget(draft);
        let (second, _file) = slot.begin().unwrap();
        assert!(left.exists(), "it is being written");
        drop((second, file));
        drop(slot.begin().unwrap());
        assert!(!left.exists(), "nobody writes it");
    }

    #[test]
    fn names_of_files_are_safe_and_differ() {
        for (database, name) in [
            ("shop-1_a.b", "shop-1_a.b"),
            ("..", "%2E."),
            ("a/b", "a%2Fb"),
            ("a`b c", "a%60b%20c"),
            ("@users", "%40users"),
            ("shop~2026-11-22", "shop%7E2026-11-22"),
            ("größe", "größe"),
            ("a%2Fb", "a%252Fb"),
            ("a\nb", "a%0Ab"),
        ] {
            assert_eq!(file_name(database), name);
        }
    }

    #[test]
    fn a_size_is_odd_beyond_half_and_only_when_it_matters() {
        let odd = |before: u64, now: u64| odd_size(before << 10, now << 10).is_some();
        assert!(odd(1000, 499) && odd(1000, 1501) && odd(1000, 0));
        assert!(!odd(1000, 500) && !odd(1000, 1500) && !odd(10, 64) && !odd(0, 1));
        assert_eq!(
            odd_size(4 << 20, 1 << 20).unwrap(),
            "it takes 1.0 MiB, 25 % of the 4.0 MiB of the last one"
        );
    }
}
