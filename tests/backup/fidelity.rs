//! What is restored is what was there, to the last attribute, on every file system.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ce_tests::wait::until;

use rustix::fs::{Mode, OFlags};

use crate::tree;
use crate::vault::Vault;

/// Entries of the largest folder: CE_DRILL asks for more.
fn entries() -> usize {
    if std::env::var_os("CE_DRILL").is_some() {
        100_000
    } else {
        10_000
    }
}

/// Backs a hostile tree up, edits it, backs it up again; both snapshots must come back as the tree was.
fn comes_back(place: &Path, entries: usize, exact_holes: bool) {
    let vault = Vault::below(place);
    let source = vault.path("source");
    tree::build(&source, entries);
    settle(&source);
    let first = vault.must_create(&[&source]);
    let day_one = vault.must_restore(&first, &source);
    tree::assert_same(&source, &day_one);
    holes(&source, &day_one, exact_holes);

    tree::edit(&source);
    settle(&source);
    let second = vault.must_create(&[&source]);
    let day_two = vault.must_restore(&second, &source);
    tree::assert_same(&source, &day_two);
    holes(&source, &day_two, exact_holes);

    // From the cache for the most part, as on a night on which nobody did anything.
    let third = vault.must_create(&[&source]);
    let day_three = vault.must_restore(&third, &source);
    tree::assert_same(&source, &day_three);

    // Day one is still what it was.
    let again = vault.must_restore(&first, &source);
    tree::assert_same(&day_one, &again);
    assert_eq!(vault.check_all().0, 0);
}

/// Waits until what changed last is old enough to be remembered: within two seconds a second change might not show.
fn settle(source: &Path) {
    let newest = source.join("settled");
    fs::write(&newest, "").expect("written");
    fs::remove_file(&newest).expect("removed");
    let changed = fs::metadata(source).expect("it is there").ctime();
    let (seconds, nanoseconds) = (1_000_000_000, 42);
    tree::touch(source, seconds, nanoseconds);
    until("end of the racy time", Duration::from_secs(10), || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        (now.expect("after 1970").as_secs() > changed.unsigned_abs() + 3).then_some(())
    });
}

fn holes(source: &Path, restored: &Path, exact: bool) {
    for file in tree::sparse_files(source) {
        let other = restored
            .join("sparse")
            .join(file.file_name().expect("a name"));
        if exact {
            assert_eq!(tree::data(&file), tree::data(&other), "{}", file.display());
        }
        let (was, is) = (fs::metadata(&file), fs::metadata(&other));
        let (was, is) = (
            was.expect("it is there").blocks(),
            is.expect("it is there").blocks(),
        );
        assert!(
            is <= was * 2 + 64,
            "{}: {was} blocks became {is}",
            file.display()
        );
    }
}

#[test]
fn a_hostile_tree_comes_back() {
    comes_back(&std::env::temp_dir(), entries(), true);
}

/// A chain of folders whose path is longer than PATH_MAX; no call that takes a whole path can reach its end.
fn chain(root: &Path, name: &str, depth: usize) {
    fs::create_dir(root).expect("a folder");
    let open = |at: &OwnedFd, name: &str| {
        rustix::fs::openat(
            at,
            name,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .expect("opened")
    };
    let mut at = rustix::fs::open(
        root,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .expect("opened");
    for _ in 0..depth {
        rustix::fs::mkdirat(&at, name, Mode::RWXU).expect("a folder");
        at = open(&at, name);
    }
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    let end = rustix::fs::openat(&at, "end", flags, Mode::RUSR).expect("a file");
    rustix::io::write(&end, b"the end").expect("written");
}

/// Backs up and restores with these limits of descriptors, soft and hard: a service has 1024 and half a million.
fn comes_back_with_few_descriptors(vault: &Vault, source: &Path, limits: &str) {
    let few = ["/usr/bin/prlimit", limits];
    let said = vault
        .wrapped(&few)
        .arg("create")
        .arg(&vault.repo)
        .arg(source)
        .run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let to = vault.path("restored");
    let program = vault.wrapped(&few).arg("restore").arg(&vault.repo);
    let said = vault
        .with_identity(program.args(["latest", "--to"]).arg(&to))
        .run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let restored = to.join(source.strip_prefix("/").expect("an absolute path"));
    tree::assert_same_archive(source, &restored);
}

#[test]
fn a_path_longer_than_any_call_takes_comes_back() {
    let vault = Vault::new();
    let source = vault.path("source");
    chain(&source, &"d".repeat(200), 25);
    comes_back_with_few_descriptors(&vault, &source, "--nofile=1024:4096");
}

#[test]
fn two_thousand_folders_in_each_other_come_back() {
    let vault = Vault::new();
    let source = vault.path("source");
    chain(&source, "d", 2040);
    comes_back_with_few_descriptors(&vault, &source, "--nofile=1024:4096");
}

#[test]
fn more_folders_than_descriptors_come_back() {
    let vault = Vault::new();
    let source = vault.path("source");
    for number in 0..1500 {
        let folder = source.join(format!("{number}"));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("file"), number.to_string()).expect("written");
    }
    comes_back_with_few_descriptors(&vault, &source, "--nofile=512:512");
}

#[test]
fn roots_that_contain_each_other_come_back_once() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir_all(source.join("b/c")).expect("folders");
    for name in ["a", "b/c/file", "d"] {
        fs::write(source.join(name), name).expect("written");
    }
    fs::hard_link(source.join("a"), source.join("b/too")).expect("linked");
    for roots in [
        vec![source.clone(), source.join("b")],
        vec![source.join("b"), source.clone()],
        vec![
            source.join("d"),
            source.join("b/c"),
            source.clone(),
            source.clone(),
        ],
    ] {
        let id = vault.must_create(&roots);
        let restored = vault.must_restore(&id, &source);
        tree::assert_same(&source, &restored);
    }
}

#[test]
fn a_root_inside_of_what_another_leaves_out_is_taken_and_the_order_holds() {
    let vault = Vault::new();
    let source = vault.path("source");
    for folder in ["a", "cache/keep/in", "cache/lose", "z"] {
        fs::create_dir_all(source.join(folder)).expect("folders");
        for number in 0..700 {
            fs::write(source.join(folder).join(format!("{number}")), folder).expect("written");
        }
    }
    let create = vault.program().arg("create").arg(&vault.repo);
    let roots = [source.join("cache/keep"), source.clone()];
    let said = create.args(roots).args(["--exclude", "cache"]).run();
    assert_eq!(said.code, 0, "{said:?}");
    let restored = vault.must_restore("latest", &source);
    assert!(!restored.join("cache/lose").exists(), "it was left out");
    for folder in ["a", "cache/keep", "z"] {
        tree::assert_same(&source.join(folder), &restored.join(folder));
    }
    for wanted in ["a/1", "cache/keep/in/699", "z/699"] {
        let to = tempfile::tempdir().expect("a folder");
        let path = source.join(wanted);
        let program = vault
            .program()
            .arg("restore")
            .arg(&vault.repo)
            .arg("latest");
        let said = vault
            .with_identity(program.arg(&path).arg("--to").arg(to.path()))
            .run();
        assert_eq!(said.code, 0, "{said:?}");
        let there = to
            .path()
            .join(path.strip_prefix("/").expect("an absolute path"));
        assert!(there.exists(), "{wanted}");
    }
}

#[test]
fn in_place_mends_owner_and_attributes_of_a_file_with_the_right_time() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    for name in ["given away", "with an attribute"] {
        fs::write(source.join(name), name).expect("written");
    }
    let id = vault.must_create(&[&source]);
    let restored = vault.must_restore(&id, &source);
    let user = Some(rustix::fs::Uid::from_raw(33));
    rustix::fs::chown(source.join("given away"), user, None).expect("root gives away");
    let path = source.join("with an attribute");
    rustix::fs::setxattr(&path, "user.new", b"1", rustix::fs::XattrFlags::empty()).expect("set");
    let program = vault
        .program()
        .arg("restore")
        .arg(&vault.repo)
        .arg("latest");
    let said = vault
        .with_identity(program.args(["--to", "/", "--in-place"]))
        .run();
    assert_eq!(said.code, 0, "{said:?}");
    tree::assert_same(&restored, &source);
}

/// What the folder that is restored into would give to all that is made in it is not what was backed up.
#[test]
fn the_acl_of_the_folder_that_is_restored_into_is_not_inherited() {
    let vault = Vault::new();
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    for name in ["file", "large"] {
        fs::write(
            source.join(name),
            tree::noise(3, if name == "file" { 9 } else { 5 << 20 }),
        )
        .expect("written");
    }
    fs::create_dir(source.join("folder")).expect("a folder");
    let id = vault.must_create(&[&source]);
    let to = vault.path("restored");
    fs::create_dir(&to).expect("a folder");
    let status = Command::new("setfacl")
        .args(["-d", "-m", "u:1234:rwx"])
        .arg(&to)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "setfacl");
    assert_eq!(vault.restore(&id, &to).code, 0);
    tree::assert_same(
        &source,
        &to.join(source.strip_prefix("/").expect("an absolute path")),
    );
}

/// Where a file system that this test is run on is mounted, and its name.
const MOUNTED: &str = "CE_DRILL_MOUNTED";

/// Not alone: `a_hostile_tree_comes_back_on` runs it where the file system is.
#[test]
fn inside() {
    if let Some(mounted) = std::env::var_os(MOUNTED) {
        comes_back(Path::new(&mounted), 1000, false);
    }
}

/// Runs `inside` with this file system in a mount namespace of its own, which goes with all mounts when it ends.
fn a_hostile_tree_comes_back_on(name: &str, make: &str, mount: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    // 80: the file system cannot be had here, which is no failure of ce-backup.
    let script = format!(
        "set -e; mkdir mounted; truncate -s 600M image; {{ {make} && {mount}; }} >/dev/null 2>why || exit 80; exec \"$0\" --exact fidelity::inside --nocapture"
    );
    let said = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .env(MOUNTED, folder.path().join("mounted"))
        .current_dir(folder.path())
        .output()
        .expect("unshare is there");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    match said.status.code() {
        Some(80) => skip(
            name,
            &fs::read_to_string(folder.path().join("why")).unwrap_or_default(),
        ),
        code => assert!(
            code == Some(0) && text.contains("1 passed"),
            "on {name}: {text}"
        ),
    }
}

#[allow(
    clippy::print_stderr,
    reason = "whoever runs the tests is to know what they left out"
)]
fn skip(name: &str, why: &str) {
    eprintln!("skipped: no {name} here: {}", why.trim());
}

#[test]
fn a_hostile_tree_comes_back_on_tmpfs() {
    a_hostile_tree_comes_back_on("tmpfs", "true", "mount -t tmpfs -o size=600M drill mounted");
}

#[test]
fn a_hostile_tree_comes_back_on_xfs() {
    a_hostile_tree_comes_back_on(
        "xfs",
        "mkfs.xfs -q image",
        "mount -t xfs -o loop image mounted",
    );
}

#[test]
fn a_hostile_tree_comes_back_on_btrfs() {
    a_hostile_tree_comes_back_on(
        "btrfs",
        "mkfs.btrfs -q image",
        "mount -t btrfs -o loop image mounted",
    );
}
