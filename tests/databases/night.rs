//! `ce-backup run`: each step has its record, none keeps the others from being done, and the night says how it went.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ce_tests::program::{Program, Said, binary};
use ce_tests::wait;
use serde_json::Value;
use tempfile::TempDir;

/// A machine with a database, a folder, and two repositories.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Machine {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir(machine.path("config")).expect("a folder");
        fs::create_dir(machine.path("srv")).expect("a folder");
        fs::write(machine.path("srv/page"), "a page").expect("written");
        machine.sqlite("create table t(a); insert into t values (1), (2)");
        fs::write(machine.path("passphrase"), "battery staple").expect("written");
        let only_owner = fs::Permissions::from_mode(0o600);
        fs::set_permissions(machine.path("passphrase"), only_owner).expect("its mode");
        let said = machine
            .program(&["key", "new", "--out"])
            .arg(machine.path("org.key"));
        let said = said
            .arg("--passphrase-file")
            .arg(machine.path("passphrase"))
            .run();
        let record = said.record();
        let recipient = record["data"]["recipient"].as_str().expect("a recipient");
        machine.configure("");
        for name in ["near", "far"] {
            let said = machine
                .program(&["init", name, "--recipient", recipient])
                .run();
            assert_eq!(said.code, 0, "{said:?}");
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sqlite(&self, sql: &str) {
        let done = Command::new("sqlite3")
            .arg(self.path("app.db"))
            .arg(sql)
            .status();
        assert!(done.expect("sqlite3").success(), "{sql}");
    }

    /// The settings, with more for `[run]`.
    fn configure(&self, run: &str) {
        let at = self.folder.path().display();
        let text = format!(
            "[repository.near]\nurl = \"{at}/near\"\nforget = {{ keep-last = 2, prune = true }}\n\
             [repository.far]\nurl = \"{at}/far\"\ncheck = {{ read-data = true }}\n\
             [[dump]]\nengine = \"sqlite\"\ndatabase = [\"{at}/app.db\"]\nto = \"{at}/dumps\"\nkeep = 3\n\
             [run]\npaths = [\"{at}/srv\"]\n{run}\n"
        );
        fs::write(self.path("config/backup.toml"), text).expect("written");
    }

    fn program(&self, words: &[&str]) -> Program {
        Program::at(&binary("ce-backup"))
            .state(self.folder.path())
            .args(words)
    }

    fn run(&self) -> Said {
        self.program(&["run"]).run()
    }

    fn snapshots(&self, repository: &str) -> usize {
        let records = self.program(&["list", repository]).run().records();
        let snapshots = records
            .iter()
            .filter(|record| record["data"]["id"].is_string());
        snapshots.count()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

/// Check and state of each record.
fn steps(said: &Said) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let records = said.records();
    records
        .iter()
        .map(|record| (text(&record["check"]), text(&record["state"])))
        .collect()
}

fn all_ok(checks: &[&str]) -> Vec<(String, String)> {
    let pair = |check: &&str| ((*check).to_owned(), "ok".to_owned());
    checks.iter().map(pair).collect()
}

#[test]
fn a_night_dumps_backs_up_forgets_checks_and_tells() {
    let machine = Machine::new();
    let hooks = format!(
        "before = [\"echo before >> {0}/log\"]\nafter = [\"echo after $CE_STATE >> {0}/log\"]\non-failure = [\"cat > {0}/failed\"]",
        machine.folder.path().display()
    );
    machine.configure(&hooks);
    let said = machine.run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let expected = [
        "run", "dump", "create", "check", "create", "forget", "forget", "run", "run",
    ];
    assert_eq!(steps(&said), all_ok(&expected));
    assert_eq!(machine.read("log"), "before\nafter ok\n");
    assert_eq!(machine.read("failed"), "");
    // The dump is in the snapshot, with what it counted.
    let cat = ["cat", "near", "latest"];
    let dump = machine.path("dumps/app.db.zst");
    let keys = [
        "--identity".into(),
        machine.path("org.key"),
        "--passphrase-file".into(),
        machine.path("passphrase"),
    ];
    let out = machine.path("restored.zst");
    let to = fs::File::create(&out).expect("a file");
    let mut program = Command::new(binary("ce-backup"));
    program
        .env("CE_CONFIG_DIR", machine.path("config"))
        .env("CE_STATE_DIR", machine.path("state"));
    program.env("CE_CACHE_DIR", machine.path("cache"));
    let status = program.args(cat).arg(&dump).args(keys).stdout(to).status();
    assert!(status.expect("ce-backup").success());
    assert_eq!(
        fs::read(&out).expect("read"),
        fs::read(&dump).expect("read")
    );
    let again = machine.run();
    assert_eq!(again.code, 0, "{again:?}");
    machine.run();
    assert_eq!(
        (machine.snapshots("near"), machine.snapshots("far")),
        (2, 3)
    );
}

#[test]
fn a_step_that_fails_fails_the_night_and_keeps_no_other_from_being_done() {
    let machine = Machine::new();
    let at = machine.folder.path().display();
    machine.configure(&format!(
        "after = [\"echo $CE_STATE > {at}/after\"]\non-failure = [\"cat > {at}/failed\", \"exit 3\"]"
    ));
    assert_eq!(machine.run().code, 0);
    let before = fs::read(machine.path("dumps/app.db.zst")).expect("a dump");
    fs::write(machine.path("app.db"), "this is no database").expect("written");
    let said = machine.run();
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(
        fs::read(machine.path("dumps/app.db.zst")).expect("a dump"),
        before,
        "the older dump is kept"
    );
    assert_eq!(
        (machine.snapshots("near"), machine.snapshots("far")),
        (2, 2)
    );
    assert_eq!(machine.read("after"), "critical\n");
    // What runs on failure reads the records: the night's own is the last of them.
    let told = machine.read("failed");
    let last: Value = serde_json::from_str(told.lines().last().expect("records")).expect("JSON");
    assert_eq!(
        (&last["check"], &last["state"]),
        (&"run".into(), &"critical".into())
    );
    assert!(
        last["summary"].as_str().expect("words").contains("app.db"),
        "{last}"
    );
    let records = said.records();
    let failed = records.last().expect("records");
    assert!(
        failed["summary"]
            .as_str()
            .expect("words")
            .contains("exit code 3"),
        "{failed}"
    );

    // A repository that is gone takes nothing from the other.
    fs::rename(machine.path("far"), machine.path("gone")).expect("moved");
    assert_eq!(machine.run().code, 2);
    assert_eq!(machine.snapshots("near"), 2);
    let newest = machine
        .program(&["status", "near", "-w", "1h", "-c", "2h"])
        .run();
    assert_eq!(newest.code, 0, "{newest:?}");
}

#[test]
fn a_command_before_it_that_fails_leaves_only_what_comes_after() {
    let machine = Machine::new();
    let at = machine.folder.path().display();
    machine.configure(&format!(
        "before = [\"echo no room >&2; exit 1\", \"touch {at}/second\"]\nafter = [\"touch {at}/after\"]"
    ));
    let said = machine.run();
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(steps(&said).len(), 3, "{said:?}");
    assert_eq!(said.records()[0]["detail"][0], "no room");
    assert!(machine.path("after").exists() && !machine.path("second").exists());
    assert!(!machine.path("dumps").exists());
    assert_eq!(machine.snapshots("near"), 0);
}

#[test]
fn a_signal_ends_the_night_and_what_comes_after_still_runs() {
    let machine = Machine::new();
    let at = machine.folder.path().display();
    machine.configure(&format!(
        "before = [\"touch {at}/begun; sleep 60\"]\nafter = [\"sleep 0.3; echo $CE_STATE > {at}/after\"]"
    ));
    let started = machine.program(&["run"]).spawn();
    wait::until("begin", Duration::from_secs(20), || {
        machine.path("begun").exists().then_some(())
    });
    let pid = rustix::process::Pid::from_raw(i32::try_from(started.id()).expect("a pid"));
    // A second one is told so, and does nothing.
    let second = machine.run();
    assert_eq!(second.code, 3, "{second:?}");
    assert!(
        second.stderr.contains("another ce-backup run"),
        "{second:?}"
    );
    rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM)
        .expect("sent");
    let ended = started.wait_with_output().expect("ended");
    assert_ne!(ended.status.code(), Some(0));
    assert_eq!(machine.read("after"), "critical\n");
    assert_eq!(machine.snapshots("near"), 0);
    let text = String::from_utf8(ended.stdout).expect("UTF-8");
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.contains("asked to end")),
        "{text}"
    );
}

#[test]
fn what_is_not_understood_is_told_before_anything_is_done() {
    let machine = Machine::new();
    for (from, to, message) in [
        (
            "keep = 3",
            "kep = 3",
            "[[dump]] 1: unexpected argument '--kep' found",
        ),
        (
            "keep-last = 2",
            "keep-lst = 2",
            "[repository.near] forget: unexpected argument '--keep-lst'",
        ),
        ("engine = \"sqlite\"", "engine = \"oracle\"", "[[dump]] 1: "),
        (
            "[run]",
            "[run]\nrepositories = [\"fra\"]",
            "no repository 'fra'",
        ),
        ("[run]", "[run]\nhook-timeout = \"soon\"", "hook-timeout"),
        ("[run]", "[runs]", "unknown key 'runs'"),
    ] {
        machine.configure("");
        let path = machine.path("config/backup.toml");
        let text = fs::read_to_string(&path).expect("read").replace(from, to);
        fs::write(&path, text).expect("written");
        let said = machine.run();
        assert_eq!(said.code, 3, "{said:?}");
        assert!(said.stderr.contains(message), "{message}: {said:?}");
        assert!(!machine.path("dumps").exists());
    }
    fs::remove_file(machine.path("config/backup.toml")).expect("removed");
    let said = machine.run();
    assert_eq!(said.code, 3);
    assert!(
        said.stderr.contains("does not say what to back up"),
        "{said:?}"
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new();
    machine.configure("before = [\"false\"]");
    let said = machine.program(&["run", "--dry-run"]).run();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!machine.path("dumps").exists());
    assert_eq!(machine.snapshots("near") + machine.snapshots("far"), 0);
}
