//! What a check saw when it ran last: counters mean something only as a difference.
//!
//! One small file for each check and set of parameters, so that two command definitions that watch different things
//! never eat each other's difference. A file that does not read counts as none, and says so: the next run has one again.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ce_cli::FileError;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::fault::Fault;
use crate::root::Root;

/// What is kept is a few numbers; anything longer was not written here, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// How often a lock that somebody else holds is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// What the run before this one kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Previous<T> {
    /// What it kept.
    pub value: T,
    /// How long ago; zero when the clock was set back since.
    pub age: Duration,
    /// Whether the machine runs since: otherwise the kernel's counters began at zero in between.
    pub same_boot: bool,
}

/// What a check keeps between its runs, locked from [`Kept::open`] until it is dropped.
#[derive(Debug)]
pub struct Kept<T> {
    path: PathBuf,
    check: &'static str,
    parameters: Vec<String>,
    boot: Option<String>,
    now: Timestamp,
    previous: Option<Previous<T>>,
    damage: Option<String>,
    _lock: File,
}

#[derive(Deserialize)]
struct Stored<T> {
    check: String,
    parameters: Vec<String>,
    time: Timestamp,
    boot: Option<String>,
    value: T,
}

#[derive(Serialize)]
struct Storing<'a, T> {
    check: &'a str,
    parameters: &'a [String],
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot: Option<&'a str>,
    value: &'a T,
}

impl<T: Serialize + DeserializeOwned> Kept<T> {
    /// Locks and reads what the last run with these parameters kept. `parameters` is what tells this use of
    /// the check from another: what is read, and for counters the thresholds too, since what one of two has counted the
    /// other would never see. The root is always one of them.
    ///
    /// # Errors
    /// The folder for state cannot be written, or another run holds the lock until the deadline.
    pub fn open(
        context: &Context,
        root: &Root,
        check: &'static str,
        parameters: &[&str],
    ) -> Result<Self, Fault> {
        let mut parameters: Vec<String> = parameters.iter().map(|&text| text.to_owned()).collect();
        parameters.push(root.path("/").display().to_string());
        let name = format!("{check}-{:016x}", fnv1a(&parameters));
        let folder = context.dirs.state.join("check/kept");
        let lock = lock(&folder.join(format!("{name}.lock")), context.deadline)?;
        let path = folder.join(format!("{name}.json"));
        let boot = root
            .read_if_there("/proc/sys/kernel/random/boot_id")
            .ok()
            .flatten()
            .map(|id| id.trim().to_owned());
        let stored = match ce_cli::read_bounded(&path, MAX_BYTES) {
            Ok(text) => serde_json::from_str::<Stored<T>>(&text)
                .map(Some)
                .map_err(|_| format!("'{}' is damaged", path.display())),
            Err(FileError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        let (stored, damage) = match stored {
            Ok(stored) => (stored, None),
            Err(damage) => (None, Some(damage)),
        };
        let previous = stored
            .filter(|stored| stored.check == check && stored.parameters == parameters)
            .map(|stored| Previous {
                age: Duration::try_from(context.now.duration_since(stored.time))
                    .unwrap_or_default(),
                same_boot: stored.boot == boot,
                value: stored.value,
            });
        Ok(Self {
            path,
            check,
            parameters,
            boot,
            now: context.now,
            previous,
            damage,
            _lock: lock,
        })
    }

    /// What the last run kept; `None` on the first.
    pub fn previous(&self) -> Option<&Previous<T>> {
        self.previous.as_ref()
    }

    /// Why what the last run kept does not read, when it is there.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Keeps this for the next run and gives back what the last one kept.
    ///
    /// # Errors
    /// The file cannot be written; what was kept before is then still there.
    pub fn replace(self, value: &T) -> Result<Option<Previous<T>>, Fault> {
        let storing = Storing {
            check: self.check,
            parameters: &self.parameters,
            time: self.now,
            boot: self.boot.as_deref(),
            value,
        };
        let text = serde_json::to_vec(&storing).map_err(|error| Fault::Malformed {
            path: self.path.clone(),
            fault: error.to_string(),
        })?;
        ce_cli::write_whole(&self.path, &text, 0o600)?;
        Ok(self.previous)
    }
}

impl<T> Previous<T> {
    /// How much a counter grew since the last run. One that is smaller now, or that a reboot lies between, began at
    /// zero again: all that it shows is new.
    pub fn growth(&self, counter: impl Fn(&T) -> u64, now: u64) -> u64 {
        let before = counter(&self.value);
        if self.same_boot && now >= before {
            now - before
        } else {
            now
        }
    }
}

fn lock(path: &std::path::Path, deadline: Instant) -> Result<File, Fault> {
    loop {
        match ce_cli::try_lock(path)? {
            Some(lock) => return Ok(lock),
            None if Instant::now() >= deadline => {
                return Err(Fault::Absent(format!(
                    "another run of this check holds '{}'",
                    path.display()
                )));
            }
            None => std::thread::sleep(LOCK_RETRY),
        }
    }
}

/// FNV-1a, 64 bits: the same for every build and machine, which the standard library's hashes are not.
fn fnv1a(words: &[String]) -> u64 {
    words
        .iter()
        .flat_map(|word| word.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn context(state: &Path, second: i64) -> Context {
        let folder = state.to_owned();
        Context {
            host: "h".to_owned(),
            now: Timestamp::from_second(second).unwrap(),
            deadline: Instant::now() + Duration::from_millis(30),
            timeout: Duration::from_millis(30),
            verbose: 0,
            dirs: ce_cli::Dirs {
                config: folder.clone(),
                state: folder.clone(),
                cache: folder.clone(),
                spool: folder,
            },
        }
    }

    fn run(
        folder: &Path,
        second: i64,
        parameters: &[&str],
        value: u64,
    ) -> Result<Option<Previous<u64>>, Fault> {
        let root = Root::new(folder);
        Kept::open(&context(folder, second), &root, "t", parameters)?.replace(&value)
    }

    #[test]
    fn a_run_gets_what_the_last_one_with_its_parameters_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(run(folder, 100, &["eth0"], 7).unwrap(), None);
        assert_eq!(run(folder, 130, &["eth1"], 1).unwrap(), None);
        let previous = run(folder, 160, &["eth0"], 9).unwrap().unwrap();
        assert_eq!(
            (previous.value, previous.age, previous.same_boot),
            (7, Duration::from_secs(60), true)
        );
        let set_back = run(folder, 50, &["eth0"], 9).unwrap().unwrap();
        assert_eq!(set_back.age, Duration::ZERO);
    }

    #[test]
    fn a_corrupt_or_foreign_file_counts_as_none_and_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        run(folder, 100, &[], 7).unwrap();
        let file = std::fs::read_dir(folder.join("check/kept"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|end| end == "json"))
            .unwrap();
        let good = std::fs::read_to_string(&file).unwrap();
        for bad in [
            "",
            "{",
            "\u{0}\u{0}",
            &good.replace(":7", ":\"x\""),
            &good.replace("\"t\"", "\"u\""),
        ] {
            std::fs::write(&file, bad).unwrap();
            assert_eq!(run(folder, 110, &[], 8).unwrap(), None, "{bad}");
            assert_eq!(run(folder, 120, &[], 9).unwrap().unwrap().value, 8);
        }
    }

    #[test]
    fn two_runs_at_once_wait_for_each_other_until_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let root = Root::new(folder);
        let held: Kept<u64> = Kept::open(&context(folder, 1), &root, "t", &[]).unwrap();
        let refused = run(folder, 2, &[], 1).unwrap_err().to_string();
        assert!(
            refused.starts_with("another run of this check holds"),
            "{refused}"
        );
        drop(held);
        assert_eq!(run(folder, 3, &[], 1).unwrap(), None);
    }

    #[test]
    fn a_counter_that_fell_or_saw_a_reboot_began_at_zero() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let boot = folder.join("proc/sys/kernel/random/boot_id");
        std::fs::create_dir_all(boot.parent().unwrap()).unwrap();
        std::fs::write(&boot, "one\n").unwrap();
        run(folder, 100, &[], 50).unwrap();
        for (id, now, growth) in [("one", 70, 20), ("one", 30, 30), ("two", 70, 70)] {
            std::fs::write(&boot, id).unwrap();
            let kept: Kept<u64> =
                Kept::open(&context(folder, 110), &Root::new(folder), "t", &[]).unwrap();
            assert_eq!(
                kept.previous().unwrap().growth(|value| *value, now),
                growth,
                "{id} {now}"
            );
        }
    }
}
