//! What neighbours do meanwhile, and what users get wrong: nothing foreign gets in, nothing blocks, nothing is half done.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ce_tests::program::{Program, Said};
use ce_tests::wait::until;
use rustix::fs::{CWD, FileType, Mode, RenameFlags};

use crate::tree;
use crate::vault::{PASSPHRASE, Vault, detail};

/// Does something again and again until it is dropped.
struct Meanwhile {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Meanwhile {
    fn new(mut act: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                act();
            }
        });
        Meanwhile {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn exchange(one: &Path, other: &Path) {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("exchanged");
}

/// A program that is killed, and so fails the test, when it does not end by itself.
fn in_time(vault: &Vault) -> Program {
    vault.wrapped(&["/usr/bin/timeout", "--signal=KILL", "30"])
}

/// The same, with a pause before each file or folder is opened: time enough for another to take its place.
fn in_time_with_pauses(vault: &Vault) -> Program {
    let strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null"];
    let pauses = ["-e", "trace=openat", "-e", "inject=openat:delay_enter=2000"];
    let timeout = ["/usr/bin/timeout", "--signal=KILL", "30"];
    vault.wrapped(&[&timeout[..], &strace, &pauses].concat())
}

#[test]
fn a_folder_that_turns_into_a_link_lets_nothing_in() {
    let vault = Vault::new();
    let (source, outside) = (vault.path("source"), vault.path("outside"));
    fs::create_dir(&source).expect("a folder");
    for number in 0..20 {
        // The same names outside: a walk that follows finds them.
        let (own, other) = (
            source.join(format!("d{number}")),
            outside.join(format!("d{number}")),
        );
        for (folder, text) in [(&own, "inside"), (&other, "outside")] {
            fs::create_dir_all(folder.join("sub")).expect("folders");
            fs::write(folder.join("file"), text).expect("written");
            fs::write(folder.join("sub/file"), text).expect("written");
        }
        symlink(&other, source.join(format!("link{number}"))).expect("a link");
    }
    let trap = source.clone();
    let mut number = 0;
    let swapping = Meanwhile::new(move || {
        exchange(
            &trap.join(format!("d{number}")),
            &trap.join(format!("link{number}")),
        );
        number = (number + 1) % 20;
    });
    let mut ids = Vec::new();
    for _ in 0..5 {
        let said = in_time_with_pauses(&vault)
            .arg("create")
            .arg(&vault.repo)
            .arg(&source)
            .run();
        assert!(matches!(said.code, 0 | 1), "{said:?}");
        ids.push(crate::vault::id_of(&said));
    }
    drop(swapping);
    for id in ids {
        let restored = vault.path("restored").join(&id);
        crate::vault::assert_restored(&vault.restore(&id, &restored));
        let below = restored.join(source.strip_prefix("/").expect("an absolute path"));
        let said = Command::new("grep")
            .args(["-rl", "outside"])
            .arg(&below)
            .output();
        assert_eq!(
            String::from_utf8_lossy(&said.expect("grep").stdout),
            "",
            "content from outside came in"
        );
        assert!(
            !restored
                .join(outside.strip_prefix("/").expect("absolute"))
                .exists()
        );
    }
}

#[test]
fn a_pipe_or_a_device_that_takes_a_files_place_never_blocks() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("file"), tree::noise(1, 300_000)).expect("written");
    fs::write(source.join("small"), "a small file").expect("written");
    let node = |name: &str, kind, device| {
        rustix::fs::mknodat(CWD, source.join(name), kind, Mode::RWXU, device)
            .expect("root makes nodes");
    };
    node("pipe", FileType::Fifo, 0);
    node("zero", FileType::CharacterDevice, rustix::fs::makedev(1, 5));
    let trap = source.clone();
    let swapping = Meanwhile::new(move || {
        exchange(&trap.join("file"), &trap.join("zero"));
        exchange(&trap.join("small"), &trap.join("pipe"));
    });
    for _ in 0..10 {
        let said = in_time_with_pauses(&vault)
            .arg("create")
            .arg(&vault.repo)
            .arg(&source)
            .run();
        assert!(matches!(said.code, 0 | 1), "{said:?}");
    }
    drop(swapping);
    assert_eq!(vault.check_all().0, 0);
}

#[test]
fn a_file_that_never_stands_still_is_named_and_kept_as_it_was_read() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    let log = source.join("log");
    fs::write(&log, tree::noise(1, 4 << 20)).expect("written");
    fs::write(source.join("still"), "still").expect("written");
    let mut file = File::options().append(true).open(&log).expect("opened");
    let appending = Meanwhile::new(move || {
        let _ = file.write_all(b"another line\n");
    });
    // A busy machine may let the other thread rest while the file is read.
    let said = until("torn file", Duration::from_secs(20), || {
        let said = in_time(&vault)
            .arg("create")
            .arg(&vault.repo)
            .arg(&source)
            .run();
        assert!(matches!(said.code, 0 | 1), "{said:?}");
        (said.code == 1).then_some(said)
    });
    drop(appending);
    let record = said.record();
    assert_eq!(record["state"], "warning");
    assert_eq!(
        detail(&record),
        [format!(
            "{}: it changed while it was read, three times",
            log.display()
        )]
    );
    let restored = vault.must_restore("latest", &source);
    let (whole, part) = (
        fs::read(&log).expect("read"),
        fs::read(restored.join("log")).expect("read"),
    );
    assert!(
        part.len() >= 4 << 20 && whole.starts_with(&part),
        "{} bytes",
        part.len()
    );
    assert_eq!(vault.check_all().0, 0);
}

#[test]
fn files_that_come_and_go_never_fail_the_rest() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    for number in 0..300 {
        fs::write(source.join(format!("stays{number}")), number.to_string()).expect("written");
    }
    let trap = source.clone();
    let coming = Meanwhile::new(move || {
        for number in (0..300).step_by(5) {
            let path = trap.join(format!("stays{number}-not"));
            let _ = fs::write(&path, "soon gone");
            let _ = fs::hard_link(&path, trap.join(format!("z{number}")));
            let _ = fs::remove_file(&path);
            let _ = fs::remove_file(trap.join(format!("z{number}")));
        }
    });
    for _ in 0..8 {
        let said = in_time(&vault)
            .arg("create")
            .arg(&vault.repo)
            .arg(&source)
            .run();
        assert!(matches!(said.code, 0 | 1), "{said:?}");
        for line in detail(&said.record()) {
            assert!(
                line.contains(" vanished ") || line.contains(" changed "),
                "{line}"
            );
        }
        let to = tempfile::tempdir().expect("a folder");
        crate::vault::assert_restored(&vault.restore("latest", to.path()));
        let below = to
            .path()
            .join(source.strip_prefix("/").expect("an absolute path"));
        for number in 0..300 {
            let text = fs::read_to_string(below.join(format!("stays{number}")));
            assert_eq!(text.ok(), Some(number.to_string()));
        }
    }
    drop(coming);
}

/// A copy of the vault's folder and the program that a user without rights may use.
fn as_nobody(vault: &Vault) -> Program {
    let status = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(vault.path(""))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "chown");
    vault.wrapped(&[
        "/usr/bin/setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ])
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_taken() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir_all(source.join("locked")).expect("folders");
    for name in ["open", "secret", "locked/inside", "other"] {
        fs::write(source.join(name), name).expect("written");
    }
    fs::hard_link(source.join("secret"), source.join("secret too")).expect("linked");
    let program = as_nobody(&vault);
    for name in ["secret", "locked"] {
        let path = source.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("its mode");
        rustix::fs::chown(&path, Some(rustix::fs::Uid::ROOT), None).expect("root gives away");
    }
    let said = program.arg("create").arg(&vault.repo).arg(&source).run();
    assert_eq!((said.code, said.stderr.as_str()), (1, ""), "{said:?}");
    let record = said.record();
    let lines = detail(&record);
    let named = |name: &str| {
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{}: ", source.join(name).display())))
    };
    assert!(
        named("locked") && named("secret") && named("secret too") && lines.len() == 3,
        "{lines:?}"
    );
    assert!(
        lines.iter().all(|line| !line.contains("vanished")),
        "{lines:?}"
    );
    assert_eq!(record["data"]["complete"], false);
    let restored = vault.must_restore("latest", &source);
    assert!(restored.join("open").exists() && restored.join("other").exists());
    assert!(restored.join("locked").is_dir() && !restored.join("secret").exists());
    assert_eq!(vault.check_all().0, 0);
}

#[test]
fn a_command_that_fails_commits_nothing() {
    let vault = Vault::new();
    let exec = |script: &str| {
        let create = vault.program().arg("create").arg(&vault.repo);
        create
            .args(["--exec", "dump.sql", "--", "sh", "-c", script])
            .run()
    };
    let said = exec("head -c 3000000 /dev/urandom; exit 7");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.contains("exit status: 7") && said.stderr.contains("dump.sql"),
        "{said:?}"
    );
    let said = exec("echo half; kill -9 $$");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        !vault
            .objects()
            .iter()
            .any(|name| name.starts_with("snapshots/"))
    );
    assert_eq!(vault.check_all().0, 0);
    let said = exec("seq 100000");
    assert_eq!(said.code, 0, "{said:?}");
    let to = vault.path("restored");
    assert_eq!(vault.restore("latest", &to).code, 0);
    let text = fs::read_to_string(to.join("dump.sql")).expect("restored");
    assert_eq!(text.lines().count(), 100_000);
    // What the failed ones left behind is no damage.
    assert_eq!(vault.check_all().0, 0);
    let create = vault.program().arg("create").arg(&vault.repo);
    let said = create
        .args(["--exec", "dump.sql", "--", "/nonexistent"])
        .run();
    one_sentence(&said, 3, "cannot run '/nonexistent'");
}

#[test]
fn the_repository_is_left_out_of_itself() {
    let vault = Vault::new();
    let source = vault.path("");
    // By another name too.
    symlink(&vault.repo, vault.path("also")).expect("a link");
    fs::write(vault.path("file"), "a file").expect("written");
    let id = vault.must_create(&[&source]);
    let restored = vault.must_restore(&id, &source);
    assert!(restored.join("file").exists());
    assert!(
        !restored.join("repo").exists(),
        "the repository is in its own snapshot"
    );
    let create = vault.program().arg("create").arg(vault.path("also"));
    let said = create.arg(&source).run();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!vault.must_restore("latest", &source).join("repo").exists());
}

#[test]
fn a_repository_seen_through_a_bind_mount_is_left_out_too() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root mounts");
        return;
    }
    let vault = Vault::new();
    let (source, mounted) = (vault.path("source"), vault.path("mounted"));
    for folder in [&source, &mounted] {
        fs::create_dir(folder).expect("a folder");
    }
    fs::write(source.join("file"), "a file").expect("written");
    fs::rename(&vault.repo, source.join("repo")).expect("moved");
    let script = format!(
        "mount --bind {} {} && exec \"$@\"",
        source.display(),
        mounted.display()
    );
    let said = vault
        .wrapped(&["unshare", "-m", "sh", "-c", &script, "sh"])
        .arg("create")
        .arg(source.join("repo"))
        .arg(&mounted)
        .run();
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.record()["data"]["files"], 1, "{said:?}");
}

/// One line on stderr that begins with the program's name and contains this, perhaps a hint, and this exit code.
fn one_sentence(said: &Said, code: i32, contains: &str) {
    assert_eq!(said.code, code, "{said:?}");
    let mut lines = said.stderr.lines();
    let first = lines.next().unwrap_or_default();
    assert!(
        first.starts_with("ce-backup: ") && first.contains(contains),
        "'{contains}': {said:?}"
    );
    let hint = lines.next();
    assert!(
        hint.is_none_or(|line| line.starts_with("ce-backup: hint: ")),
        "{said:?}"
    );
    assert_eq!(lines.next(), None, "{said:?}");
    assert_eq!(
        said.record()["state"],
        if code == 2 { "critical" } else { "unknown" }
    );
}

/// Every byte of the repository.
fn content(vault: &Vault) -> Vec<(String, Vec<u8>)> {
    let names = vault.objects().into_iter();
    names
        .map(|name| {
            (
                name.clone(),
                fs::read(vault.repo.join(&name)).expect("read"),
            )
        })
        .collect()
}

fn with_a_snapshot() -> (Vault, PathBuf) {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("file"), tree::noise(1, 100_000)).expect("written");
    vault.must_create(&[&source]);
    (vault, source)
}

#[test]
fn a_wrong_key_or_passphrase_is_one_sentence_and_changes_nothing() {
    let (vault, _) = with_a_snapshot();
    let before = content(&vault);
    let other = vault.path("other.key");
    vault.new_key(&other);
    let to = vault.path("restored");
    let restore = |identity: &Path, passphrase: &Path| {
        let program = vault
            .program()
            .arg("restore")
            .arg(&vault.repo)
            .arg("latest")
            .arg("--to")
            .arg(&to);
        program
            .arg("--identity")
            .arg(identity)
            .arg("--passphrase-file")
            .arg(passphrase)
            .run()
    };
    one_sentence(
        &restore(&other, &vault.passphrase()),
        3,
        "does not open this repository",
    );
    let wrong = vault.path("wrong");
    for text in ["wrong", "", &format!("{PASSPHRASE} ")] {
        fs::write(&wrong, text).expect("written");
        fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).expect("its mode");
        let said = restore(&vault.identity(), &wrong);
        // A space at the end is an editor's, not the user's.
        if said.code != 0 {
            one_sentence(
                &said,
                3,
                if text.is_empty() {
                    "empty"
                } else {
                    "wrong passphrase"
                },
            );
            assert!(
                !to.exists(),
                "nothing is made before the key is known to fit"
            );
        }
    }
    let text = fs::read_to_string(vault.identity()).expect("read");
    for bad in [&text[..text.len() / 2], "", "ceorg1qqqq", "\0\u{ff}"] {
        fs::write(&other, bad).expect("written");
        one_sentence(&restore(&other, &vault.passphrase()), 3, "");
    }
    one_sentence(
        &restore(&vault.path("missing"), &vault.passphrase()),
        3,
        "missing",
    );
    let bare = vault
        .program()
        .arg("restore")
        .arg(&vault.repo)
        .args(["latest", "--to", "/nowhere"])
        .run();
    one_sentence(&bare, 3, "needs the organisation key");
    assert!(content(&vault) == before, "the repository changed");
}

#[test]
fn what_is_no_repository_is_one_sentence() {
    let (vault, source) = with_a_snapshot();
    let (empty, file) = (vault.path("empty"), vault.path("a-file"));
    fs::create_dir(&empty).expect("a folder");
    fs::write(&file, "x").expect("written");
    let run = |command: &str, repo: &Path| {
        let program = vault.program().arg(command).arg(repo);
        if command == "create" {
            program.arg(&source).run()
        } else {
            program.run()
        }
    };
    for command in ["create", "list", "check"] {
        one_sentence(&run(command, &empty), 3, "is not a repository");
        one_sentence(
            &run(command, &vault.path("missing")),
            3,
            "is not a repository",
        );
        let said = run(command, &file);
        assert!(matches!(said.code, 2 | 3), "{said:?}");
        one_sentence(&said, said.code, "a-file");
    }
    assert!(
        !vault.path("missing").exists() && fs::read_dir(&empty).expect("listed").next().is_none()
    );
    let said = vault
        .program()
        .arg("init")
        .arg(vault.path(""))
        .args(["--recipient", &vault.recipient])
        .run();
    one_sentence(&said, 3, "is not empty");
    let said = vault.create(&[vault.path("no such source")]);
    one_sentence(&said, 3, "no such source");
}

#[test]
fn a_truncated_config_is_one_sentence_and_changes_nothing() {
    let (vault, source) = with_a_snapshot();
    for name in ["config", "config.copy"] {
        let path = vault.repo.join(name);
        let len = fs::metadata(&path).expect("its size").len();
        File::options()
            .write(true)
            .open(&path)
            .expect("opened")
            .set_len(len / 2)
            .expect("cut");
    }
    let before = content(&vault);
    let damaged = vault.create(&[&source]);
    one_sentence(&damaged, 2, "'config' in the repository is damaged");
    let said = vault.program().arg("check").arg(&vault.repo).run();
    one_sentence(&said, 2, "'config' in the repository is damaged");
    let said = vault
        .program()
        .arg("init")
        .arg(&vault.repo)
        .args(["--recipient", &vault.recipient])
        .run();
    one_sentence(&said, 2, "'config' in the repository is damaged");
    assert!(content(&vault) == before, "the repository changed");
}

#[test]
fn a_folder_that_cannot_be_written_is_one_sentence_and_loses_nothing() {
    let (vault, source) = with_a_snapshot();
    fs::write(source.join("new"), tree::noise(2, 50_000)).expect("written");
    let before = content(&vault);
    let script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
    let readonly = [
        "/usr/bin/unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
    ];
    let repo = vault.repo.display().to_string();
    let read_only = || vault.wrapped(&[&readonly[..], &[&repo]].concat());
    let said = read_only()
        .arg("create")
        .arg(&vault.repo)
        .arg(&source)
        .run();
    one_sentence(&said, 2, "Read-only file system");
    // Reading needs no writing.
    for command in ["list", "check"] {
        let said = read_only().arg(command).arg(&vault.repo).run();
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    }
    let program = read_only()
        .arg("restore")
        .arg(&vault.repo)
        .arg("latest")
        .arg("--to");
    let said = vault
        .with_identity(program.arg(vault.path("restored")))
        .run();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(content(&vault) == before, "the repository changed");
}

#[test]
fn a_signal_ends_a_backup_without_a_snapshot_and_soon() {
    let vault = Vault::new();
    let create = vault.program().arg("create").arg(&vault.repo);
    let child = create
        .args(["--exec", "endless", "--", "cat", "/dev/urandom"])
        .spawn();
    let packs = vault.repo.join("packs");
    until("pack", Duration::from_secs(20), || {
        fs::read_dir(&packs).ok()?.next().map(drop)
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    let started = std::time::Instant::now();
    let output = child.wait_with_output().expect("it ends");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(output.status.code(), Some(2 | 3)), "{output:?}");
    let is_snapshot = |name: &String| name.starts_with("snapshots/");
    assert!(!vault.objects().iter().any(is_snapshot));
    assert_eq!(vault.check_all().0, 0);
}
