//! A tree with everything in it that a file system takes, and the comparison of two trees by others' programs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

/// Bytes that do not compress and are the same in every run.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new_derive_key("ce-tests noise")
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// Fills a new folder with all kinds of entries; `entries` of them in one folder.
pub fn build(root: &Path, entries: usize) {
    fs::create_dir(root).expect("a folder");
    names(root);
    sizes(root);
    sparse(root);
    links(root);
    specials(root);
    attributes(root);
    let many = root.join("many");
    fs::create_dir(&many).expect("a folder");
    for number in 0..entries {
        fs::write(many.join(format!("{number:06}")), number.to_string()).expect("written");
    }
    // The last, for all that was written in a folder gave it another time.
    times(root);
}

fn names(root: &Path) {
    let folder = root.join("names");
    fs::create_dir(&folder).expect("a folder");
    let long = [b'n'; 255];
    let names: [&[u8]; 12] = [
        b"new\nline",
        b"\xff\xfe\x80",
        b" leading and trailing ",
        b"-rf",
        b"*?[a]",
        b"back\\slash",
        b"'\"`$(reboot)",
        b"\x01\x1b[31m",
        b"...",
        "ünïcödé".as_bytes(),
        "u\u{308}".as_bytes(),
        &long,
    ];
    for name in names {
        let path = folder.join(OsStr::from_bytes(name));
        fs::create_dir(&path).expect("a folder");
        fs::write(path.join(OsStr::from_bytes(name)), name).expect("written");
    }
    // What sorts around a slash: folders and files whose names begin alike.
    for name in ["a", "a-b", "a.b", "a0"] {
        fs::create_dir(folder.join(name)).expect("a folder");
        fs::write(folder.join(name).join("x"), name).expect("written");
    }
    fs::write(folder.join("a!"), "before the slash").expect("written");
}

fn sizes(root: &Path) {
    let folder = root.join("sizes");
    fs::create_dir(&folder).expect("a folder");
    fs::create_dir(folder.join("empty folder")).expect("a folder");
    let around = |size: usize| [size - 1, size, size + 1];
    let sizes = [64 << 10, 128 << 10, 1 << 20, 2 << 20].into_iter();
    for size in [0, 1, 4095, 4096].into_iter().chain(sizes.flat_map(around)) {
        fs::write(folder.join(size.to_string()), noise(size as u64, size)).expect("written");
    }
    fs::write(folder.join("large"), noise(1, 9 << 20)).expect("written");
    // Zeros that were written are no hole, and nothing that a chunker can cut.
    fs::write(folder.join("zeros"), vec![0; 3 << 20]).expect("written");
}

fn sparse(root: &Path) {
    let folder = root.join("sparse");
    fs::create_dir(&folder).expect("a folder");
    let mebibyte = 1 << 20;
    // Where there is data, and how much.
    type Data = [(u64, usize)];
    let files: [(&str, u64, &Data); 5] = [
        (
            "hole at the end",
            40 * mebibyte,
            &[(mebibyte, 128 << 10), (5 * mebibyte, 4096)],
        ),
        ("hole only", 8 * mebibyte, &[]),
        (
            "data at both ends",
            16 * mebibyte,
            &[(0, 4096), (16 * mebibyte - 4096, 4096)],
        ),
        ("small", 60_000, &[(8192, 4096)]),
        (
            "unaligned",
            5_000_001,
            &[(1_000_001, 70_001), (4_999_990, 11)],
        ),
    ];
    for (name, size, data) in files {
        let file = File::create(folder.join(name)).expect("a file");
        file.set_len(size).expect("its size");
        for (at, len) in data {
            file.write_all_at(&noise(*at, *len), *at).expect("written");
        }
    }
}

fn links(root: &Path) {
    let folder = root.join("links");
    fs::create_dir_all(folder.join("z")).expect("a folder");
    fs::write(folder.join("one"), "the same inode").expect("written");
    fs::hard_link(folder.join("one"), folder.join("two")).expect("linked");
    fs::hard_link(folder.join("one"), folder.join("z/three")).expect("linked");
    fs::hard_link(folder.join("one"), root.join("names/four")).expect("linked");
    symlink("../nowhere/at all", folder.join("dangling")).expect("a link");
    symlink("/etc/passwd", folder.join("absolute")).expect("a link");
    symlink(OsStr::from_bytes(b"\xff\n"), folder.join("raw")).expect("a link");
    symlink("t".repeat(1000), folder.join("long")).expect("a link");
    symlink(".", folder.join("loop")).expect("a link");
    hard_link(&folder.join("dangling"), &folder.join("dangling too"));
    mknod(&folder.join("pipe"), FileType::Fifo, 0o640, 0);
    hard_link(&folder.join("pipe"), &folder.join("pipe too"));
}

/// As `link(2)` has it: a link to a link.
fn hard_link(from: &Path, to: &Path) {
    rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty()).expect("linked");
}

fn mknod(path: &Path, kind: FileType, mode: u32, device: u64) {
    rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(mode), device)
        .expect("root makes nodes");
}

fn specials(root: &Path) {
    let folder = root.join("special");
    fs::create_dir(&folder).expect("a folder");
    let device = rustix::fs::makedev;
    mknod(
        &folder.join("null"),
        FileType::CharacterDevice,
        0o666,
        device(1, 3),
    );
    mknod(
        &folder.join("large"),
        FileType::CharacterDevice,
        0o600,
        device(511, 200_000),
    );
    mknod(
        &folder.join("disk"),
        FileType::BlockDevice,
        0o660,
        device(7, 250),
    );
    mknod(&folder.join("socket"), FileType::Socket, 0o755, 0);
    // Overlayfs takes this for a deleted file.
    mknod(
        &folder.join("whiteout"),
        FileType::CharacterDevice,
        0,
        device(0, 0),
    );
    rustix::fs::chown(
        folder.join("disk"),
        rustix::fs::Uid::from_raw(4_000_000_000).into(),
        rustix::fs::Gid::from_raw(6).into(),
    )
    .expect("root gives away");
}

fn attributes(root: &Path) {
    let folder = root.join("attributes");
    fs::create_dir(&folder).expect("a folder");
    let modes = [0, 0o4755, 0o2755, 0o6711, 0o1644, 0o7777, 0o444, 0o200];
    for mode in modes {
        let (file, own) = (
            folder.join(format!("f{mode:04o}")),
            folder.join(format!("d{mode:04o}")),
        );
        fs::write(&file, "mode").expect("written");
        fs::create_dir(&own).expect("a folder");
        for path in [file, own] {
            let to = rustix::fs::Uid::from_raw(1000 + mode);
            rustix::fs::chown(&path, Some(to), Some(rustix::fs::Gid::from_raw(2000)))
                .expect("root gives away");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        }
    }
    let set = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).expect("an attribute");
    };
    for name in ["file", "d0444"] {
        let path = folder.join(name);
        if name == "file" {
            fs::write(&path, "with attributes").expect("written");
        }
        set(&path, "user.empty", b"");
        set(&path, "user.bytes", b"\0\xff\n=\"");
        set(&path, "user.large", &noise(7, 1500));
        set(&path, "trusted.overlay.opaque", b"y");
    }
    set(&folder.join("f4755"), "user.kept", b"on a setuid file");
    symlink("nowhere", folder.join("link")).expect("a link");
    set(&folder.join("link"), "trusted.on-a-link", b"yes");
    run(
        "setfacl",
        &["-m", "u:1234:rwx,g:4321:r--,m::r-x"],
        &folder.join("file"),
    );
    run(
        "setfacl",
        &["-m", "u:1234:rwx,d:u:1234:rwx,d:g::---"],
        &folder.join("d2755"),
    );
    let capable = folder.join("capable");
    fs::write(&capable, "a program").expect("written");
    rustix::fs::chown(&capable, Some(rustix::fs::Uid::from_raw(33)), None)
        .expect("root gives away");
    run("setcap", &["cap_net_bind_service,cap_net_raw+ep"], &capable);
}

fn run(program: &str, args: &[&str], path: &Path) {
    let status = Command::new(program).args(args).arg(path).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{program} {args:?}"
    );
}

fn times(root: &Path) {
    let folder = root.join("times");
    fs::create_dir(&folder).expect("a folder");
    let times = [
        ("before 1970", -1, 999_999_999),
        ("long before 1970", -2_000_000_000, 1),
        ("the beginning", 0, 0),
        ("after 2038", 2_147_483_648, 123_456_789),
        ("long after 2038", 8_000_000_000, 7),
    ];
    for (name, seconds, nanoseconds) in times {
        fs::write(folder.join(name), name).expect("written");
        fs::create_dir(folder.join(format!("d {name}"))).expect("a folder");
        symlink("nowhere", folder.join(format!("l {name}"))).expect("a link");
        for name in [name.to_owned(), format!("d {name}"), format!("l {name}")] {
            touch(&folder.join(name), seconds, nanoseconds);
        }
    }
    touch(&folder, -86_400, 5);
    touch(root, 1_000_000_000, 42);
}

/// Gives a path, not what it links to, this time.
pub fn touch(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("its time");
}

/// What somebody does in a day.
pub fn edit(root: &Path) {
    let sizes = root.join("sizes");
    fs::write(sizes.join("4095"), noise(99, 4095)).expect("written");
    let large = File::options()
        .write(true)
        .open(sizes.join("large"))
        .expect("opened");
    large
        .write_all_at(b"in the middle", 5 << 20)
        .expect("written");
    fs::remove_file(sizes.join("65536")).expect("removed");
    fs::rename(sizes.join("65537"), sizes.join("moved")).expect("moved");
    fs::remove_dir(sizes.join("empty folder")).expect("removed");
    fs::write(sizes.join("empty folder"), "a file now").expect("written");
    fs::remove_file(root.join("links/one")).expect("removed");
    fs::write(root.join("links/one"), "another inode").expect("written");
    fs::remove_file(root.join("links/absolute")).expect("removed");
    symlink("/etc/shadow", root.join("links/absolute")).expect("a link");
    let file = root.join("attributes/file");
    rustix::fs::lremovexattr(&file, "user.large").expect("removed");
    run("setfacl", &["-b"], &file);
    fs::set_permissions(
        root.join("attributes/f4755"),
        fs::Permissions::from_mode(0o755),
    )
    .expect("its mode");
    // A hole becomes data, data becomes a hole; neither size nor time tells.
    let sparse = root.join("sparse/hole at the end");
    let before = fs::metadata(&sparse).expect("it is there");
    let file = File::options().write(true).open(&sparse).expect("opened");
    file.write_all_at(&noise(5, 8192), 20 << 20)
        .expect("written");
    touch(&sparse, before.mtime(), before.mtime_nsec());
    for number in (0..500).step_by(7) {
        fs::write(root.join("many").join(format!("{number:06}")), "edited").expect("written");
    }
    fs::write(root.join("many/0000005"), "in between").expect("written");
}

/// Fails with the differences when two trees are not the same, as rsync and tar see them.
pub fn assert_same(source: &Path, restored: &Path) {
    let slashed = |path: &Path| {
        let mut text = path.as_os_str().to_owned();
        text.push("/");
        text
    };
    let said = Command::new("rsync")
        .args([
            "-anHAXc",
            "--delete",
            "--itemize-changes",
            "--modify-window=-1",
        ])
        .arg(slashed(source))
        .arg(slashed(restored))
        .output()
        .expect("rsync is installed");
    let differences =
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(
        said.status.success() && differences.is_empty(),
        "rsync: {differences}"
    );
    assert_same_archive(source, restored);
}

/// The same by tar alone, which knows no longest path.
pub fn assert_same_archive(source: &Path, restored: &Path) {
    let (one, other) = (archive(source), archive(restored));
    let differing: Vec<_> = one
        .iter()
        .filter(|(name, digest)| other.get(*name) != Some(digest))
        .collect();
    assert!(
        differing.is_empty() && one.len() == other.len(),
        "the archives of '{}' and of what was restored differ: {:#?}, {} and {} members",
        source.display(),
        differing.iter().take(20).collect::<Vec<_>>(),
        one.len(),
        other.len()
    );
}

/// The members of a folder's archive: name and digest of all that tar knows of it.
///
/// A file system lists attributes in any order and tar writes them so; here they are sorted.
fn archive(folder: &Path) -> BTreeMap<String, blake3::Hash> {
    let mut child = Command::new("tar")
        .args([
            "--create",
            "--format=posix",
            "--xattrs",
            "--xattrs-include=*",
            "--acls",
            "--numeric-owner",
            "--sort=name",
        ])
        .arg("--pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime")
        .arg("-C")
        .arg(folder)
        .arg(".")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tar is installed");
    let mut tar = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut members = BTreeMap::new();
    let mut extended = BTreeSet::new();
    loop {
        let mut header = [0; 512];
        tar.read_exact(&mut header).expect("a header");
        if header[0] == 0 {
            break;
        }
        let octal = str::from_utf8(&header[124..135]).expect("digits");
        let size = u64::from_str_radix(octal, 8).expect("a size");
        let mut body = Vec::new();
        (&mut tar)
            .take(size.next_multiple_of(512))
            .read_to_end(&mut body)
            .expect("a body");
        body.truncate(usize::try_from(size).expect("it fits"));
        if header[156] == b'x' {
            extended = records(&body);
            continue;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header).update(&body);
        for record in &extended {
            hasher.update(record);
        }
        let path = extended
            .iter()
            .find_map(|record| record.strip_prefix(b"path="));
        let name = String::from_utf8_lossy(path.unwrap_or(&header[..100])).into_owned();
        extended.clear();
        assert_eq!(
            members.insert(name, hasher.finalize()),
            None,
            "a name twice"
        );
    }
    std::io::copy(&mut tar, &mut std::io::sink()).expect("the rest");
    // 1 for sockets, which it leaves out.
    let code = child.wait().expect("it ends").code();
    assert!(matches!(code, Some(0 | 1)), "tar ended with {code:?}");
    members
}

/// The records of an extended header, each "LENGTH KEY=VALUE\n" as pax(1) has it.
fn records(mut body: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut records = BTreeSet::new();
    while let Some(space) = body.iter().position(|byte| *byte == b' ') {
        let len: usize = str::from_utf8(&body[..space])
            .ok()
            .and_then(|text| text.parse().ok())
            .expect("a length");
        records.insert(body[space + 1..len - 1].to_vec());
        body = &body[len..];
    }
    records
}

/// Where a file has data: from and to.
pub fn data(path: &Path) -> Vec<(u64, u64)> {
    use rustix::fs::SeekFrom::{Data, Hole};
    let file = File::open(path).expect("opened");
    let size = file.metadata().expect("its size").len();
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < size {
        let Ok(from) = rustix::fs::seek(&file, Data(at)) else {
            break;
        };
        at = rustix::fs::seek(&file, Hole(from)).expect("an end");
        ranges.push((from, at));
    }
    ranges
}

/// The sparse files of a tree.
pub fn sparse_files(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("sparse")).expect("it can be listed");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}
