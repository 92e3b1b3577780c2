//! Killed at any call, out of space, with a wrong clock: what was stored stays, the next run goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ce_tests::program::Said;

use crate::tree;
use crate::vault::{Vault, detail, id_of};

/// The names under which the kernel knows a call.
fn kernel_names(call: &str) -> &'static str {
    match call {
        "write" => "write,pwrite64,writev",
        "rename" => "rename,renameat,renameat2",
        "linkat" => "link,linkat",
        "fsync" => "fsync,fdatasync",
        _ => "open,openat",
    }
}

/// A repository with a snapshot, the tree as it was then, and as it is now.
struct Night {
    vault: Vault,
    source: PathBuf,
    first: String,
    day_one: PathBuf,
    number: u64,
}

impl Night {
    fn new() -> Self {
        let vault = Vault::new();
        let source = vault.path("source");
        fs::create_dir_all(source.join("sub")).expect("folders");
        for number in 0..60 {
            fs::write(
                source.join(format!("sub/{number}")),
                tree::noise(number, 3000),
            )
            .expect("written");
        }
        fs::write(source.join("large"), tree::noise(100, 400_000)).expect("written");
        let first = vault.must_create(&[&source]);
        let day_one = vault.must_restore(&first, &source);
        Night {
            vault,
            source,
            first,
            day_one,
            number: 1000,
        }
    }

    /// Other content in all files: what is unchanged is not opened, and each run is to make the same calls.
    fn edit(&mut self) {
        self.number += 100;
        fs::write(self.source.join("large"), tree::noise(self.number, 300_000)).expect("written");
        for number in 0..60 {
            let text = tree::noise(self.number + number, 3000);
            fs::write(self.source.join(format!("sub/{number}")), text).expect("written");
        }
    }

    /// Runs a backup under strace with these arguments.
    fn create_under(&self, strace: &[&str]) -> Said {
        let by = [&["/usr/bin/strace", "-f", "-qq"], strace].concat();
        self.vault
            .wrapped(&by)
            .arg("create")
            .arg(&self.vault.repo)
            .arg(&self.source)
            .run()
    }

    /// How often the busiest thread of a backup makes a call; strace counts each thread's on its own.
    fn count(&self, call: &str) -> usize {
        let log = self.vault.path("strace.log");
        let expression = format!("trace={}", kernel_names(call));
        let said = self.create_under(&["-o", &log.display().to_string(), "-e", &expression]);
        assert_eq!(said.code, 0, "{said:?}");
        let text = fs::read_to_string(&log).expect("a log");
        let names: Vec<String> = kernel_names(call)
            .split(',')
            .map(|name| format!(" {name}("))
            .collect();
        let mut threads: BTreeMap<&str, usize> = BTreeMap::new();
        for line in text
            .lines()
            .filter(|line| names.iter().any(|name| line.contains(name)))
        {
            *threads
                .entry(line.split(' ').next().unwrap_or_default())
                .or_default() += 1;
        }
        threads.into_values().max().unwrap_or(0)
    }

    /// Nothing that was committed is lost, nothing is damaged, and the next backup succeeds.
    fn survived(&mut self, what: &str) {
        let (code, records) = self.vault.check_all();
        assert_eq!(code, 0, "{what}: {records:?}");
        let to = tempfile::tempdir().expect("a folder");
        assert_eq!(self.vault.restore(&self.first, to.path()).code, 0, "{what}");
        let below = to
            .path()
            .join(self.source.strip_prefix("/").expect("absolute"));
        same_content(&self.day_one, &below);
        let said = self.vault.create(&[&self.source]);
        assert_eq!(
            (said.code, said.stderr.as_str()),
            (0, ""),
            "{what}: {said:?}"
        );
        let to = tempfile::tempdir().expect("a folder");
        assert_eq!(
            self.vault.restore(&id_of(&said), to.path()).code,
            0,
            "{what}"
        );
        same_content(
            &self.source,
            &to.path()
                .join(self.source.strip_prefix("/").expect("absolute")),
        );
        let (code, records) = self.vault.check(&["--read-data"]);
        assert_eq!(code, 0, "{what}: {records:?}");
    }
}

fn same_content(one: &Path, other: &Path) {
    let said = Command::new("diff")
        .arg("-r")
        .arg(one)
        .arg(other)
        .output()
        .expect("diff");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
}

/// Which of so many calls are tried: about three spread over all, with CE_DRILL every one.
fn sample(count: usize, most: usize) -> Vec<usize> {
    if std::env::var_os("CE_DRILL").is_some() {
        return (1..=count).collect();
    }
    let most = most.min(count);
    (0..most)
        .map(|at| 1 + at * (count - 1) / (most - 1).max(1))
        .collect()
}

/// Kills a backup at the n-th of a call, for some n.
fn killed_at(call: &'static str, most: usize) {
    let mut night = Night::new();
    night.edit();
    let count = night.count(call);
    assert!(count > 1, "a backup makes {count} calls of {call}");
    let numbers = sample(count, most);
    let mut killed = 0;
    for number in &numbers {
        night.edit();
        let inject = format!("inject={}:signal=KILL:when={number}", kernel_names(call));
        let log = night.vault.path("strace.log").display().to_string();
        let said = night.create_under(&["-o", &log, "-e", &inject]);
        killed += usize::from(said.code != 0);
        night.survived(&format!("killed at {call} {number} of {count}"));
    }
    // Which thread does what differs from run to run, and what is cached saves calls.
    assert!(
        killed * 3 > numbers.len(),
        "{killed} of {} backups were killed",
        numbers.len()
    );
}

#[test]
fn killed_at_a_write() {
    killed_at("write", 4);
}

#[test]
fn killed_at_a_rename() {
    killed_at("rename", 3);
}

#[test]
fn killed_at_a_link() {
    // The snapshot's own is the only one.
    let mut night = Night::new();
    for number in [1, 2] {
        night.edit();
        let inject = format!("inject=link,linkat:signal=KILL:when={number}");
        let log = night.vault.path("strace.log").display().to_string();
        night.create_under(&["-o", &log, "-e", &inject]);
        night.survived(&format!("killed at link {number}"));
    }
}

#[test]
fn killed_at_an_fsync() {
    killed_at("fsync", 3);
}

#[test]
fn killed_at_an_open() {
    killed_at("openat", 4);
}

/// What every storage may answer to any call, without an end of the program.
#[test]
fn a_call_that_fails_is_one_sentence_and_loses_nothing() {
    let mut night = Night::new();
    let most = if std::env::var_os("CE_DRILL").is_some() {
        40
    } else {
        2
    };
    for (call, error) in [
        ("fsync", "EIO"),
        ("rename", "EIO"),
        ("rename", "ENOSPC"),
        ("linkat", "EACCES"),
        ("fsync", "EDQUOT"),
    ] {
        for number in 1..=most {
            night.edit();
            let inject = format!("inject={}:error={error}:when={number}+", kernel_names(call));
            let log = night.vault.path("strace.log").display().to_string();
            let said = night.create_under(&["-o", &log, "-e", &inject]);
            let what = format!("{error} from {call} {number}");
            if said.code != 0 {
                assert_eq!(said.code, 2, "{what}: {said:?}");
                assert_eq!(said.stderr.lines().count(), 1, "{what}: {said:?}");
            }
            night.survived(&what);
        }
    }
}

/// Where the small file system is mounted.
const MOUNTED: &str = "CE_DRILL_SMALL";

/// Not alone: `a_full_disk` runs it where a small file system is mounted.
#[test]
fn inside() {
    let Some(mounted) = std::env::var_os(MOUNTED) else {
        return;
    };
    let vault = Vault::new();
    let repo = Path::new(&mounted).join("repo");
    let run = |source: &Path| vault.program().arg("create").arg(&repo).arg(source).run();
    let init = vault
        .program()
        .arg("init")
        .arg(&repo)
        .args(["--recipient", &vault.recipient]);
    assert_eq!(init.run().code, 0);
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("file"), tree::noise(1, 2 << 20)).expect("written");
    let first = run(&source);
    assert_eq!(first.code, 0, "{first:?}");
    let ballast = Path::new(&mounted).join("ballast");
    fs::write(&ballast, tree::noise(2, 8 << 20)).expect("written");
    fs::write(source.join("more"), tree::noise(3, 40 << 20)).expect("written");
    for _ in 0..2 {
        let said = run(&source);
        assert_eq!(said.code, 2, "{said:?}");
        assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        assert!(said.stderr.contains("No space left on device"), "{said:?}");
        assert!(
            fs::read_dir(repo.join("tmp"))
                .expect("listed")
                .next()
                .is_none(),
            "leftovers"
        );
    }
    fs::remove_file(&ballast).expect("removed");
    fs::write(source.join("more"), tree::noise(3, 1 << 20)).expect("written");
    let check = |args: &[&str]| vault.program().arg("check").arg(&repo).args(args).run();
    let said = check(&["--read-data"]);
    assert_eq!(said.code, 0, "{said:?}");
    let second = run(&source);
    assert_eq!(second.code, 0, "{second:?}");
    for said in [&first, &second] {
        let to = tempfile::tempdir().expect("a folder");
        let restore = vault
            .program()
            .arg("restore")
            .arg(&repo)
            .arg(id_of(said))
            .arg("--to")
            .arg(to.path());
        let restored = vault.with_identity(restore).run();
        assert_eq!(restored.code, 0, "{restored:?}");
        let below = to.path().join(source.strip_prefix("/").expect("absolute"));
        let text = fs::read(below.join("file")).expect("restored");
        assert!(text == tree::noise(1, 2 << 20));
    }
}

#[test]
fn a_full_disk_is_one_sentence_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "mount -t tmpfs -o size=32M small . && cd \"$PWD\" && exec \"$0\" --exact crash::inside --nocapture";
    let said = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .env(MOUNTED, folder.path())
        .current_dir(folder.path())
        .output()
        .expect("unshare is there");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.contains("1 passed"), "{text}");
}

/// The program is static, so no preloaded library tells it another time: what the storage says of its clock is changed.
#[test]
fn a_storage_ten_years_ahead_or_behind_changes_nothing() {
    const TEN_YEARS: i64 = 315_576_000;
    let mut night = Night::new();
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs(),
    )
    .expect("it fits");
    for shift in [TEN_YEARS, -TEN_YEARS] {
        for name in night.vault.objects() {
            tree::touch(&night.vault.repo.join(name), now + shift, 0);
        }
        tree::touch(&night.source.join("large"), now + shift, 0);
        night.edit();
        tree::touch(&night.source.join("large"), now + shift, 1);
        night.survived(&format!("{shift} s"));
    }
    let (code, records) = night.vault.check(&[]);
    assert_eq!((code, detail(&records[0]).len()), (0, 0), "{records:?}");
}

#[test]
fn two_backups_at_once_are_two_snapshots() {
    let night = Night::new();
    let start = |number: u64| {
        fs::write(night.source.join("large"), tree::noise(number, 300_000)).expect("written");
        night
            .vault
            .program()
            .arg("create")
            .arg(&night.vault.repo)
            .arg(&night.source)
            .spawn()
    };
    let running: Vec<_> = (0..6).map(start).collect();
    let mut sequences = Vec::new();
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
        let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a record");
        sequences.push(record["data"]["sequence"].as_u64().expect("a number"));
    }
    sequences.sort_unstable();
    assert_eq!(sequences, [2, 3, 4, 5, 6, 7]);
    assert_eq!(night.vault.check_all().0, 0);
}
