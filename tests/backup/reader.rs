//! The format is what `FORMAT.md` says: a reader in Python, written from that text alone, restores what ce-backup stored.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use ce_tests::program::{Program, Said, binary, project};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use tempfile::TempDir;

/// Python with what the reader needs, in an environment of its own beside the programs; made once.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = target().join("vault-reader");
        let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
        if !ready.exists() {
            let made = Program::at(Path::new("python3"))
                .args(["-m", "venv", "--clear"])
                .arg(&folder)
                .run();
            assert_eq!(made.code, 0, "{}", made.stderr);
            let installed = Program::at(&python)
                .args(["-m", "pip", "install", "--quiet", "blake3", "zstandard"])
                .args(["cryptography", "argon2-cffi"])
                .run();
            assert_eq!(installed.code, 0, "{}", installed.stderr);
            File::create(&ready).expect("the environment's folder takes a file");
        }
        python
    })
}

/// The folder of the built programs.
fn target() -> PathBuf {
    let program = binary("ce-backup");
    program
        .parent()
        .expect("a program lies in a folder")
        .to_owned()
}

/// A repository, its keys and a tree to back up.
struct Vault {
    home: TempDir,
}

impl Vault {
    fn new() -> Self {
        // Beside the programs: a file system in memory may lack extended attributes and holes.
        let vault = Vault {
            home: tempfile::tempdir_in(target()).expect("a temporary folder"),
        };
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(vault.path("passphrase"))
            .and_then(|mut file| file.write_all(b"correct horse battery\n"))
            .expect("a passphrase");
        fs::create_dir(vault.path("tree")).expect("a tree");
        let key = ["key", "new", "--out", "key", "--passphrase-file"];
        let record = ok(vault.backup().args(key).arg(vault.path("passphrase"))).record();
        let recipient = record["data"]["recipient"].as_str().expect("a recipient");
        ok(vault
            .backup()
            .args(["init", "repo", "--recipient", recipient]));
        vault
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// ce-backup in this home.
    fn backup(&self) -> Program {
        let program = Program::at(Path::new("/usr/bin/env"))
            .arg("--chdir")
            .arg(self.home.path())
            .arg(binary("ce-backup"));
        program.state(self.home.path())
    }

    /// Makes a snapshot of the tree; its id.
    fn create(&self) -> String {
        let record = ok(self
            .backup()
            .args(["create", "--format", "json", "repo", "tree"]))
        .record();
        assert_eq!(record["data"]["complete"], true, "{record}");
        record["data"]["id"].as_str().expect("an id").to_owned()
    }

    /// Restores with the reader; what it said, and where the tree is then.
    fn read(&self, snapshot: &str, to: &str) -> (Said, PathBuf) {
        let said = Program::at(python())
            .arg(project().join("tests/vault/reader.py"))
            .args(["repo", "key", "passphrase"].map(|name| self.path(name)))
            .arg(snapshot)
            .arg(self.path(to))
            .run();
        let tree = self.path("tree");
        let below = tree.strip_prefix("/").expect("an absolute path");
        (said, self.path(to).join(below))
    }

    /// The only object in this folder of the repository that is larger than any other.
    fn largest(&self, folder: &str) -> PathBuf {
        files(&self.path("repo").join(folder))
            .into_iter()
            .max_by_key(|path| fs::metadata(path).map_or(0, |metadata| metadata.len()))
            .expect("an object")
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => files(&path),
            path => vec![path],
        })
        .collect()
}

fn ok(program: Program) -> Said {
    let said = program.run();
    assert_eq!(said.code, 0, "{said:?}");
    said
}

/// What rsync would change to make `restored` what `tree` is: content, modes, owners, times, links, attributes.
fn difference(tree: &Path, restored: &Path) -> String {
    let slash = |path: &Path| {
        let mut path = path.as_os_str().to_owned();
        path.push("/");
        path
    };
    let output = Command::new("rsync")
        .args(["-anHAXc", "--delete", "--itemize-changes"])
        .args([slash(tree), slash(restored)])
        .output()
        .expect("rsync is installed: run tests/setup");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn copy(tree: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([tree, to]).status();
    assert!(copied.is_ok_and(|status| status.success()));
}

/// Bytes that do not compress, the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

fn text(len: usize) -> Vec<u8> {
    let lines = (0_u64..).flat_map(|line| {
        format!("line {line} of {}\n", line.wrapping_mul(0x9e37_79b9)).into_bytes()
    });
    lines.take(len).collect()
}

/// All that a tree can hold and that its owner can make.
fn plant(tree: &Path) -> std::io::Result<()> {
    let odd = tree.join(std::ffi::OsStr::from_bytes(b"folder \xff\xfe"));
    fs::create_dir(&odd)?;
    fs::create_dir(tree.join("many"))?;
    fs::create_dir(tree.join("empty"))?;
    fs::write(tree.join("text"), text(5_000_000))?;
    fs::write(tree.join("noise"), noise(3_000_000))?;
    fs::write(
        odd.join(std::ffi::OsStr::from_bytes(b"na\x80me\nof two lines")),
        "x",
    )?;
    fs::write(odd.join("nothing"), "")?;
    let random = noise(5000);
    for number in 0..1500 {
        let file = tree.join(format!("many/{number}"));
        fs::write(file, &random[..number % 5 * 1000 + number / 5])?;
    }
    let mut sparse = File::create(tree.join("sparse"))?;
    sparse.seek(SeekFrom::Start(3 << 20))?;
    sparse.write_all(b"an island")?;
    sparse.set_len(40 << 20)?;
    File::create(tree.join("hole"))?.set_len(1 << 20)?;
    rustix::fs::mknodat(CWD, tree.join("pipe"), FileType::Fifo, Mode::RUSR, 0)?;
    rustix::fs::mknodat(CWD, tree.join("socket"), FileType::Socket, Mode::RUSR, 0)?;
    symlink("text", tree.join("link"))?;
    symlink(
        std::ffi::OsStr::from_bytes(b"nowhere/\xff"),
        tree.join("dangling"),
    )?;
    fs::hard_link(tree.join("text"), tree.join("text again"))?;
    fs::hard_link(tree.join("link"), tree.join("link again"))?;
    fs::hard_link(tree.join("pipe"), tree.join("pipe again"))?;
    fs::set_permissions(tree.join("many/5"), Permissions::from_mode(0o4711))?;
    fs::set_permissions(tree.join("empty"), Permissions::from_mode(0o1750))?;
    for (name, value) in [("user.one", &b"\0value\xff"[..]), ("user.two", b"")] {
        rustix::fs::setxattr(tree.join("text"), name, value, XattrFlags::empty())?;
        rustix::fs::setxattr(tree.join("empty"), name, value, XattrFlags::empty())?;
    }
    let old = SystemTime::UNIX_EPOCH - Duration::new(86_400, 999_999_999);
    for name in ["many/7", "empty"] {
        File::open(tree.join(name))?.set_modified(old)?;
    }
    Ok(())
}

#[test]
fn a_second_reader_restores_every_snapshot() {
    let vault = Vault::new();
    let tree = vault.path("tree");
    plant(&tree).expect("a tree");
    copy(&tree, &vault.path("first"));
    let first = vault.create();

    let append = |name: &str, more: &[u8]| {
        let file = OpenOptions::new().append(true).open(tree.join(name));
        file.and_then(|mut file| file.write_all(more))
            .expect("written");
    };
    append("text", b"one line more\n");
    fs::rename(tree.join("noise"), tree.join("noise moved")).expect("moved");
    fs::remove_dir_all(tree.join("empty")).expect("removed");
    copy(&tree, &vault.path("second"));
    let second = vault.create();

    append("text", b"and another\n");
    fs::write(tree.join("new"), noise(200_000)).expect("written");
    vault.create();

    for (snapshot, tree) in [
        ("latest", "tree"),
        (&first[..10], "first"),
        (&second[..10], "second"),
    ] {
        let (said, restored) = vault.read(snapshot, &format!("restored {tree}"));
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
        assert_eq!(difference(&vault.path(tree), &restored), "", "{snapshot}");
    }
}

#[test]
fn a_second_reader_names_what_damage_costs_and_parity_undoes_it() {
    let vault = Vault::new();
    let tree = vault.path("tree");
    fs::write(tree.join("noise"), noise(3_000_000)).expect("written");
    fs::write(tree.join("text"), text(100_000)).expect("written");
    vault.create();

    let pack = vault.largest("packs");
    let file = OpenOptions::new().write(true).open(&pack).expect("a pack");
    file.write_all_at(&[0x55; 4096], 1_000_000)
        .expect("damaged");
    let (said, restored) = vault.read("latest", "damaged");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("/noise: chunk"), "{said:?}");
    assert!(restored.join("text").exists());

    file.write_all_at(&[0; 64], 0)
        .expect("the header is damaged too");
    let mended = vault.path("mended");
    ok(Program::at(python())
        .arg(project().join("tests/vault/parity.py"))
        .args([&pack, &mended]));
    fs::copy(&mended, &pack).expect("put back");
    let (said, restored) = vault.read("latest", "whole");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(difference(&tree, &restored), "");
}

#[test]
fn a_second_reader_refuses_a_snapshot_that_its_writer_did_not_sign() {
    let vault = Vault::new();
    vault.create();
    const FORGE: &str = "import sys; from blake3 import blake3; path = sys.argv[1]; \
        data = bytearray(open(path, 'rb').read()); data[-40] ^= 1; \
        data[-32:] = blake3(bytes(data[:-32])).digest(); open(path, 'wb').write(data)";
    ok(Program::at(python())
        .args(["-c", FORGE])
        .arg(vault.largest("snapshots")));
    let (said, _) = vault.read("latest", "restored");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("signature"), "{said:?}");
}
