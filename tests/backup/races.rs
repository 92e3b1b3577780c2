//! Programs that run beside each other, and programs that are killed: what was committed stays whole.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use ce_tests::wait::until;

use crate::tree;
use crate::vault::{Vault, id_of};

/// Makes so many snapshots of a file that changes; their ids.
fn nights(vault: &Vault, count: u64) -> Vec<String> {
    let source = vault.path("source");
    fs::create_dir_all(&source).expect("a folder");
    fs::write(source.join("steady"), tree::noise(0, 400_000)).expect("written");
    (0..count)
        .map(|night| {
            fs::write(source.join("daily"), tree::noise(night + 1, 300_000)).expect("written");
            vault.must_create(&[&source])
        })
        .collect()
}

/// Lets the grace of everything that is condemned, and the youth of all packs, be over.
fn days_later(vault: &Vault) {
    let past = SystemTime::now() - Duration::from_hours(72);
    for name in vault.objects() {
        let old = ["condemned/", "packs/", "copies/condemned/"];
        if old.iter().any(|folder| name.starts_with(folder)) {
            let file = File::options().write(true).open(vault.repo.join(&name));
            file.and_then(|file| file.set_modified(past))
                .expect("its time");
        }
    }
}

fn forget(vault: &Vault, keep: &str) {
    let said = vault.program().arg("forget").arg(&vault.repo);
    let said = said.args(["--keep-last", keep]).run();
    assert_eq!(said.code, 0, "{said:?}");
}

fn prune(vault: &Vault) -> i32 {
    vault.program().arg("prune").arg(&vault.repo).run().code
}

fn all_come_back(vault: &Vault, ids: &[String]) {
    let (code, records) = vault.check_all();
    assert_eq!(code, 0, "{records:?}");
    for id in ids {
        let restored = vault.must_restore(id, &vault.path("source"));
        assert!(restored.join("daily").exists(), "{id}");
    }
}

#[test]
fn a_prune_killed_at_any_deletion_costs_nothing_that_is_kept() {
    let step = if std::env::var_os("CE_DRILL").is_some() {
        1
    } else {
        4
    };
    for kill in (1..24).step_by(step) {
        let vault = Vault::new();
        let ids = nights(&vault, 6);
        forget(&vault, "2");
        assert_eq!(prune(&vault), 0);
        days_later(&vault);
        let inject = format!("inject=unlink,unlinkat:signal=KILL:when={kill}");
        let strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e"];
        let killed = [&strace[..], &["trace=unlink,unlinkat", "-e", &inject]].concat();
        let _ = vault.wrapped(&killed).arg("prune").arg(&vault.repo).run();
        for _ in 0..2 {
            assert_eq!(prune(&vault), 0);
            days_later(&vault);
        }
        all_come_back(&vault, &ids[4..]);
    }
}

#[test]
fn a_prune_beside_a_backup_does_not_defeat_it() {
    let vault = Vault::new();
    let ids = nights(&vault, 2);
    let mut create = Command::new(ce_tests::program::binary("ce-backup"));
    for (name, folder) in [("STATE", "state"), ("CACHE", "cache"), ("CONFIG", "config")] {
        create.env(format!("CE_{name}_DIR"), vault.path(folder));
    }
    let mut child = create
        .arg("create")
        .arg(&vault.repo)
        .args(["--stdin", "stream"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ce-backup");
    let mut stdin = child.stdin.take().expect("piped");
    let before = vault.objects().len();
    std::io::Write::write_all(&mut stdin, &tree::noise(77, 40_000_000)).expect("written");
    until("packs of the stream", Duration::from_secs(60), || {
        (vault.objects().len() > before + 2).then_some(())
    });
    // Also one that believes that it repairs.
    assert_eq!(prune(&vault), 0);
    let said = vault.program().arg("repair").arg(&vault.repo).run();
    assert_eq!(said.code, 0, "{said:?}");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    days_later(&vault);
    for _ in 0..2 {
        assert_eq!(prune(&vault), 0);
        days_later(&vault);
    }
    all_come_back(&vault, &ids);
    let program = vault.program().arg("cat").arg(&vault.repo);
    let said = vault
        .with_identity(program.args(["latest", "/stream"]))
        .run();
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[test]
fn a_repair_beside_a_backup_leaves_its_index_alone() {
    let vault = Vault::new();
    let mut ids = nights(&vault, 2);
    let pause = "inject=openat:delay_enter=1500000:when=1";
    let index = vault.repo.join("index");
    let mut strace = Command::new("/usr/bin/strace");
    strace
        .args(["-f", "-qq", "-o", "/dev/null", "-P"])
        .arg(&index);
    strace.args(["-e", "trace=openat", "-e", pause]);
    for (name, folder) in [("STATE", "state"), ("CACHE", "cache"), ("CONFIG", "config")] {
        strace.env(format!("CE_{name}_DIR"), vault.path(folder));
    }
    let mut repair = strace
        .arg(ce_tests::program::binary("ce-backup"))
        .arg("repair")
        .arg(&vault.repo)
        .stdout(Stdio::null())
        .spawn()
        .expect("strace");
    let source = vault.path("source");
    fs::write(source.join("daily"), tree::noise(99, 300_000)).expect("written");
    ids.push(vault.must_create(&[&source]));
    assert!(repair.wait().expect("it ends").success());
    all_come_back(&vault, &ids);
}

#[test]
fn what_a_lost_session_held_is_stored_anew_by_the_next_backup() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    for number in 0..20 {
        let name = format!("file{number}");
        fs::write(source.join(name), tree::noise(number, 60_000)).expect("written");
    }
    fs::write(source.join("daily"), "x").expect("written");
    let keys = || -> Vec<String> {
        let names = vault.objects().into_iter();
        let is_session = |name: &String| name.starts_with("keys/") && !name.contains('-');
        names.filter(is_session).collect()
    };
    vault.must_create(&[&source]);
    for name in keys() {
        fs::remove_file(vault.repo.join(&name)).expect("removed");
        fs::remove_file(vault.repo.join("copies").join(&name)).expect("removed");
    }
    let said = vault.create(&[&source]);
    assert_eq!(said.code, 1, "{said:?}");
    let restored = vault.must_restore(&id_of(&said), &source);
    for number in 0..20 {
        let name = format!("file{number}");
        let bytes = fs::read(restored.join(name)).expect("restored");
        assert!(bytes == tree::noise(number, 60_000));
    }
}

#[test]
fn damaged_notes_of_prune_and_forget_have_a_way_out() {
    let vault = Vault::new();
    let ids = nights(&vault, 4);
    forget(&vault, "2");
    assert_eq!(prune(&vault), 0);
    let flip = |name: &str| {
        let path = vault.repo.join(name);
        let mut bytes = fs::read(&path).expect("read");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).expect("written");
    };
    for folder in ["condemned/", "forgotten/"] {
        let names: Vec<String> = vault
            .objects()
            .into_iter()
            .filter(|name| name.starts_with(folder))
            .collect();
        assert!(!names.is_empty());
        // One of the two is read from the other.
        names.iter().for_each(|name| flip(name));
        vault.must_create(&[vault.path("source")]);
        assert_eq!(prune(&vault), 0);
        let repair = || vault.program().arg("repair").arg(&vault.repo).run();
        assert_eq!(repair().code, 0);
        names
            .iter()
            .filter(|name| vault.repo.join(name).exists())
            .for_each(|name| {
                flip(name);
                flip(&format!("copies/{name}"));
            });
        repair();
        let said = vault
            .program()
            .arg("forget")
            .arg(&vault.repo)
            .arg("--lost")
            .run();
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(prune(&vault), 0);
    }
    all_come_back(&vault, &ids[2..]);
    let said = vault
        .program()
        .arg("status")
        .arg(&vault.repo)
        .args(["-w", "1h", "-c", "2h"])
        .run();
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_hard_link_that_cannot_be_restored_leaves_what_is_there() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("file"), "good").expect("written");
    fs::hard_link(source.join("file"), source.join("link")).expect("a link");
    vault.must_create(&[&source]);
    fs::remove_file(source.join("file")).expect("removed");
    fs::create_dir(source.join("file")).expect("a folder");
    fs::write(source.join("file/inside"), "more").expect("written");
    let restore = |more: &[&Path]| {
        let program = vault.program().arg("restore").arg(&vault.repo);
        let program = program
            .args(["latest", "--to", "/", "--in-place"])
            .args(more);
        vault.with_identity(program).run().code
    };
    assert_eq!(restore(&[&source]), 1);
    assert_eq!(
        fs::read_to_string(source.join("link")).expect("kept"),
        "good"
    );
    fs::remove_dir_all(source.join("file")).expect("removed");
    assert_eq!(restore(&[&source]), 0);
    assert_eq!(
        fs::read_to_string(source.join("file")).expect("restored"),
        "good"
    );
    let names = fs::read_dir(&source).expect("listed").count();
    assert_eq!(names, 2, "nothing temporary is left");
}
