//! Cron jobs from their start to their verdict, and a log across its rotation.

use std::fs;
use std::process::Command;
use std::time::Duration;

use ce_tests::program::{Program, Said};
use ce_tests::wait;

use crate::schema::assert_valid;

#[test]
fn a_job_is_judged_by_how_it_ended_and_when() {
    let state = tempfile::tempdir().expect("a folder");
    let job = |args: &[&str]| -> Said {
        Program::check()
            .state(state.path())
            .arg("job")
            .args(args)
            .run()
    };
    let judged = |args: &[&str]| {
        let said = job(args);
        assert_valid(&said);
        said
    };
    let never = judged(&["dump", "-w", "26h", "-c", "50h"]);
    assert_ne!(never.code, 0, "{never:?}");

    let ran = job(&[
        "--run",
        "dump",
        "--",
        "/bin/sh",
        "-c",
        "echo made; echo noise >&2",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "made\n", "noise\n")
    );
    let fine = judged(&["dump", "-w", "26h", "-c", "50h"]);
    assert_eq!(fine.code, 0, "{fine:?}");

    let failed = job(&[
        "--run",
        "dump",
        "--",
        "/bin/sh",
        "-c",
        "echo broken >&2; exit 77",
    ]);
    assert_eq!(failed.code, 2, "{failed:?}");
    let bad = judged(&["dump", "-w", "26h", "-c", "50h"]);
    assert_eq!(bad.code, 2, "{bad:?}");
    assert!(
        bad.record()["summary"]
            .as_str()
            .is_some_and(|text| text.contains("77")),
        "{bad:?}"
    );

    let gone = job(&["--run", "other", "--", "/no/such/program"]);
    assert!((2..=3).contains(&gone.code), "{gone:?}");
    let unnoted = Program::check()
        .env("CE_STATE_DIR", "/proc/none")
        .args(["job", "--run", "x", "--", "/bin/true"])
        .run();
    assert_eq!(unnoted.code, 1, "{unnoted:?}");
    let killed = job(&["--run", "third", "--", "/bin/sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.code, 2, "{killed:?}");
}

#[test]
fn a_job_that_is_told_to_end_passes_it_on_and_one_under_way_is_seen() {
    let state = tempfile::tempdir().expect("a folder");
    let started = state.path().join("started");
    let script = format!(
        "trap 'exit 5' TERM; touch '{}'; while :; do sleep 0.05; done",
        started.display()
    );
    let mut child = Program::check()
        .state(state.path())
        .args(["job", "--run", "long", "--", "/bin/sh", "-c", &script])
        .spawn();
    wait::until("start of the job", Duration::from_secs(10), || {
        started.exists().then_some(())
    });
    let running = Program::check()
        .state(state.path())
        .args(["job", "long"])
        .run();
    assert_eq!(running.code, 0, "{running:?}");
    assert!(
        running.record()["summary"]
            .as_str()
            .is_some_and(|text| text.contains("running")),
        "{running:?}"
    );
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(sent.success());
    let status = child.wait().expect("it ends");
    assert!((2..=3).contains(&status.code().unwrap_or(-1)), "{status}");
    let after = Program::check()
        .state(state.path())
        .args(["job", "long"])
        .run();
    assert_eq!(after.code, 2, "{after:?}");
}

#[test]
fn lines_around_a_rotation_are_read_once_and_none_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("app.log");
    let matches = || {
        let said = Program::check()
            .state(folder.path())
            .args(["log", "-q", "error", "-w", "0", "-c", "100"])
            .arg(&log)
            .run();
        assert_valid(&said);
        let record = said.record();
        let metrics = record["metrics"].as_array().cloned().unwrap_or_default();
        metrics
            .iter()
            .find(|metric| metric["name"] == "matches")
            .and_then(|metric| metric["value"].as_i64())
            .unwrap_or(-1)
    };
    fs::write(&log, "error 1\n").expect("a file");
    matches();
    let append = |text: &str| {
        let old = fs::read_to_string(&log).unwrap_or_default();
        fs::write(&log, old + text).expect("a file");
    };
    append("error 2\nfine\n");
    assert_eq!(matches(), 1);
    assert_eq!(matches(), 0);
    // Renamed after one more line, and a new file begun.
    append("error 3\n");
    fs::rename(&log, folder.path().join("app.log.1")).expect("renaming");
    fs::write(&log, "error 4\n").expect("a file");
    assert_eq!(matches(), 2);
    // Copied and emptied.
    append("error 5\n");
    fs::copy(&log, folder.path().join("app.log.1")).expect("copying");
    fs::write(&log, "").expect("a file");
    let found = matches();
    append("error 6\n");
    assert_eq!(found + matches(), 2);
}

#[test]
fn an_exclusive_run_sees_every_other_and_a_limit_ends_all_that_was_started() {
    let state = tempfile::tempdir().expect("a folder");
    let mark = state.path().join("begun");
    let mut first = Command::new(ce_tests::program::binary("ce-check"))
        .env("CE_STATE_DIR", state.path().join("state"))
        .args(["job", "--run", "dump", "-t", "2", "--", "/bin/sh", "-c"])
        .arg(format!("sleep 300 & echo $! >{}; wait", mark.display()))
        .stdin(std::process::Stdio::null())
        .spawn()
        .expect("ce-check");
    let sleeper: u32 = wait::until("job under way", Duration::from_secs(10), || {
        fs::read_to_string(&mark).ok()?.trim().parse().ok()
    });
    let job = |args: &[&str]| {
        Program::check()
            .state(state.path())
            .arg("job")
            .args(args)
            .run()
    };
    let second = job(&["--exclusive", "--run", "dump", "--", "/bin/echo", "never"]);
    assert_eq!((second.code, second.stdout.as_str()), (2, ""), "{second:?}");
    assert_eq!(first.wait().expect("it ends").code(), Some(2));
    wait::until("sleep ended", Duration::from_secs(5), || {
        let line = fs::read(format!("/proc/{sleeper}/cmdline")).unwrap_or_default();
        line.is_empty().then_some(())
    });
    let told = job(&["dump"]);
    assert!(told.stdout.contains("did not end within 2 s"), "{told:?}");
    let third = job(&["--exclusive", "--run", "dump", "--", "/bin/echo", "now"]);
    assert_eq!(
        (third.code, third.stdout.as_str()),
        (0, "now\n"),
        "{third:?}"
    );
}
