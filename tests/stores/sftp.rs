//! SftpStore against OpenSSH's server.

use std::fs;
use std::io::ErrorKind;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ce_tests::server::{Server, free_port};
use ce_tests::wait;
use ce_vault::store::{Limit, Limits, Sftp, SftpStore, Store};

use crate::sshd::{Sshd, keygen};

/// What every store must do.
fn conforms(store: &dyn Store) {
    assert_eq!(
        store.get("packs/aa/x").map_err(|error| error.kind()),
        Err(ErrorKind::NotFound)
    );
    assert_eq!(store.list("packs").expect("an empty listing"), []);
    store.put("packs/aa/x", b"hello").expect("stored");
    store.put("packs/bb/y", b"").expect("stored");
    assert_eq!(store.get("packs/aa/x").expect("there"), b"hello");
    assert_eq!(store.get("packs/bb/y").expect("there"), b"");
    assert_eq!(store.get_range("packs/aa/x", 1, 3).expect("there"), b"ell");
    assert_eq!(store.get_range("packs/aa/x", 3, 30).expect("there"), b"lo");
    assert_eq!(store.get_range("packs/aa/x", 30, 3).expect("there"), b"");
    store.put("packs/aa/x", b"replaced").expect("stored");
    assert!(!store.put_new("packs/aa/x", b"no").expect("answered"));
    assert!(!store.put_new("packs/aa/x", b"replaced").expect("answered"));
    assert!(store.put_new("snapshots/1", b"new").expect("answered"));
    assert_eq!(store.get("packs/aa/x").expect("there"), b"replaced");
    let names: Vec<_> = store
        .list("packs")
        .expect("listed")
        .into_iter()
        .map(|item| (item.name, item.size))
        .collect();
    assert_eq!(
        names,
        [("packs/aa/x".to_owned(), 8), ("packs/bb/y".to_owned(), 0)]
    );
    let received = store.list("snapshots").expect("listed")[0].received;
    assert!((store.now().expect("a clock") - received).abs() < 5);
    store.delete("packs/aa/x").expect("deleted");
    store.delete("packs/aa/x").expect("gone already");
    assert!(store.get("packs/aa/x").is_err());
}

pub fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// The kind and the words of a failed request.
fn refused(options: Sftp) -> (ErrorKind, String) {
    let begun = Instant::now();
    let error = SftpStore::new(options).get("config").expect_err("refused");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "tried again: {error}"
    );
    (error.kind(), error.to_string())
}

#[test]
fn it_conforms_and_keeps_no_leftovers() {
    let sshd = Sshd::start("");
    let store = sshd.store();
    conforms(&store);
    let left = fs::read_dir(sshd.at("repo/tmp")).expect("it exists");
    assert_eq!(left.count(), 0);
    assert!(sshd.sessions().len() <= 2 * store.connections());
}

/// As servers are that know nothing of OpenSSH's extensions.
#[test]
fn a_server_without_extensions_will_do() {
    let settings = "ForceCommand internal-sftp -P posix-rename,hardlink,fsync,statvfs,limits";
    let sshd = Sshd::start(settings);
    conforms(&sshd.store());
    let large = noise(1_000_000);
    let store = sshd.store();
    store.put("packs/large", &large).expect("stored");
    assert_eq!(store.get("packs/large").expect("there"), large);
    assert_eq!(
        fs::read_dir(sshd.at("repo/tmp"))
            .expect("it exists")
            .count(),
        0
    );
}

#[test]
fn all_sizes_and_ranges_come_back_as_they_were() {
    let sshd = Sshd::start("");
    let store = sshd.store();
    let piece = 64 << 10;
    for len in [
        1,
        piece - 1,
        piece,
        piece + 1,
        2 * piece,
        3 << 20,
        (5 << 20) + 7,
    ] {
        let bytes = noise(len);
        store.put("packs/x", &bytes).expect("stored");
        assert!(store.get("packs/x").expect("there") == bytes, "{len}");
        for (offset, wanted) in [(0, len), (len / 3, len), (len - 1, 1), (len / 2, 5)] {
            let end = (offset + wanted).min(len);
            let range = store
                .get_range("packs/x", offset as u64, wanted)
                .expect("there");
            assert!(range == bytes[offset..end], "{len}: {offset} and {wanted}");
        }
    }
}

/// As servers do after gigabytes, in the middle of a transfer.
#[test]
fn new_session_keys_do_not_disturb_a_transfer() {
    let sshd = Sshd::start("RekeyLimit 1M");
    let store = sshd.store();
    let bytes = noise(12 << 20);
    store.put("packs/1", &bytes).expect("stored");
    assert!(store.get("packs/1").expect("there") == bytes);
    let logins = sshd.log().matches("Accepted publickey").count();
    assert_eq!(logins, 1, "a connection broke: {}", sshd.log());
}

#[test]
fn many_threads_share_the_connections() {
    let sshd = Sshd::start("");
    let store = sshd.store();
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..10 {
                    let name = format!("packs/{:02x}/{thread}", number * 25);
                    store.put(&name, name.as_bytes()).expect("stored");
                    assert_eq!(store.get(&name).expect("there"), name.as_bytes());
                }
            });
        }
    });
    let listed = store.list("packs").expect("listed");
    assert_eq!(listed.len(), 120);
    assert!(listed.windows(2).all(|pair| pair[0].name < pair[1].name));
    // A session is two processes where the user is another than the server's, else one.
    assert!(sshd.sessions().len() <= 2 * store.connections());
}

#[test]
fn only_one_of_many_stores_what_shall_be_new() {
    let sshd = Sshd::start("");
    let store = sshd.store();
    let stored: usize = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8u8)
            .map(|number| {
                let store = &store;
                scope.spawn(move || store.put_new("locks/1", &[number]).expect("answered"))
            })
            .collect();
        running
            .into_iter()
            .map(|thread| usize::from(thread.join().expect("ended")))
            .sum()
    });
    assert_eq!(stored, 1);
}

#[test]
fn old_leftovers_are_swept() {
    let sshd = Sshd::start("");
    let store = sshd.store();
    let now = store.now().expect("a clock");
    fs::write(sshd.at("repo/tmp/old"), "x").expect("a file");
    store.sweep(now - 60).expect("swept");
    assert!(sshd.at("repo/tmp/old").exists());
    store.sweep(now + 60).expect("swept");
    assert!(!sshd.at("repo/tmp/old").exists());
}

#[test]
fn an_unknown_host_key_is_named_with_the_way_out() {
    let sshd = Sshd::start("");
    fs::write(sshd.at("known_hosts"), "# nothing\n").expect("a file");
    let (kind, words) = refused(sshd.client());
    assert_eq!(kind, ErrorKind::InvalidData);
    let shown = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(sshd.at("host_ed25519.pub"))
        .output();
    let shown = String::from_utf8(shown.expect("ssh-keygen").stdout).expect("text");
    let print = shown.split(' ').nth(1).expect("a fingerprint");
    assert!(
        words.contains(&format!("ssh-ed25519 key {print}")),
        "{words}"
    );
    assert!(
        words.contains(&format!("ssh-keyscan -p {} 127.0.0.1", sshd.port)),
        "{words}"
    );
    // The line that it names is the one that helps.
    let line = words.split('\'').nth(1).expect("a line");
    fs::write(sshd.at("known_hosts"), line).expect("a file");
    conforms(&sshd.store());
}

#[test]
fn a_changed_host_key_is_named_with_file_and_line() {
    let sshd = Sshd::start("");
    keygen("ed25519", "", &sshd.at("other"));
    let other = fs::read_to_string(sshd.at("other.pub")).expect("a key");
    let text = format!("# first\n[127.0.0.1]:{} {other}", sshd.port);
    fs::write(sshd.at("known_hosts"), text).expect("a file");
    let (kind, words) = refused(sshd.client());
    assert_eq!(kind, ErrorKind::InvalidData);
    let place = format!("line 2 of '{}'", sshd.at("known_hosts").display());
    assert!(
        words.contains("has changed") && words.contains(&place),
        "{words}"
    );
}

#[test]
fn hashed_names_and_other_kinds_of_keys_are_known() {
    let sshd = Sshd::start("");
    for kind in ["rsa", "ecdsa", "ed25519"] {
        sshd.know(kind);
        let hashed = Command::new("ssh-keygen")
            .args(["-q", "-H", "-f"])
            .arg(sshd.at("known_hosts"))
            .output();
        assert!(hashed.expect("ssh-keygen").status.success());
        let text = fs::read_to_string(sshd.at("known_hosts")).expect("a file");
        assert!(text.starts_with("|1|"), "{text}");
        assert!(sshd.store().now().is_ok(), "{kind}");
    }
}

#[test]
fn a_wrong_key_and_a_user_who_is_not_there_are_refused_at_once() {
    let sshd = Sshd::start("");
    keygen("ed25519", "", &sshd.at("wrong"));
    let wrong = sshd.at("wrong");
    let (kind, words) = refused(Sftp {
        identity_files: vec![wrong.clone()],
        ..sshd.client()
    });
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(
        words.contains(&format!("'{}': not accepted", wrong.display())),
        "{words}"
    );
    let (kind, words) = refused(Sftp {
        user: Some("no-such-user".to_owned()),
        ..sshd.client()
    });
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(words.contains("does not let 'no-such-user' in"), "{words}");
    let (kind, words) = refused(Sftp {
        identity_files: vec![sshd.at("missing")],
        ..sshd.client()
    });
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(words.contains("missing"), "{words}");
}

#[test]
fn a_folder_that_may_not_be_written_is_said_to_be_so() {
    let sshd = Sshd::start("ForceCommand internal-sftp -R");
    let store = sshd.store();
    let error = store.put("config", b"x").expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().contains("permission denied"), "{error}");
    // Another user has no way into the folders of this one.
    if rustix::process::geteuid().is_root() {
        let sshd = Sshd::start("ForceCommand internal-sftp");
        fs::create_dir(sshd.at("repo")).expect("a folder");
        let store = SftpStore::new(Sftp {
            user: Some("nobody".to_owned()),
            ..sshd.client()
        });
        // The server reads these as the user.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(sshd.at("."), readable).expect("allowed");
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(sshd.at("repo"), closed).expect("allowed");
        for error in [
            store.put("config", b"x").expect_err("refused"),
            store.get("config").expect_err("refused"),
            store.list("packs").expect_err("refused"),
        ] {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        }
    }
}

#[test]
fn a_full_disk_is_said_to_be_so_and_what_was_begun_is_removed() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else may mount a small file system.
        return;
    }
    let small = tempfile::tempdir().expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size=4M small '{}' && exec \"$@\"",
        small.path().display()
    );
    let by = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        &script,
        "sh",
    ];
    let sshd = Sshd::start_by("", &by);
    let store = SftpStore::new(Sftp {
        path: small.path().join("repo").display().to_string(),
        ..sshd.client()
    });
    let bytes = noise(3 << 20);
    store.put("packs/1", &bytes).expect("stored");
    let error = store.put("packs/2", &bytes).expect_err("full");
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    assert_eq!(store.list("tmp").expect("listed"), []);
    assert!(store.get("packs/1").expect("there") == bytes);
    store.delete("packs/1").expect("deleted");
    store.put("packs/2", &bytes).expect("stored");
}

/// An object of which more than a MiB has come.
fn unfinished(sshd: &Sshd) -> Option<()> {
    fs::read_dir(sshd.at("repo/tmp"))
        .ok()?
        .flatten()
        .any(|entry| entry.metadata().is_ok_and(|file| file.len() > 1 << 20))
        .then_some(())
}

#[test]
fn a_server_killed_in_a_transfer_is_tried_until_it_is_back() {
    let mut sshd = Sshd::start("");
    let limits = || Limits {
        upload: Some(Limit::new(8 << 20)),
        download: Some(Limit::new(8 << 20)),
    };
    let mut options = sshd.client();
    options.remote.limits = Arc::new(limits());
    let store = SftpStore::new(options);
    store.now().expect("it works");
    let bytes = noise(12 << 20);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| store.put("packs/1", &bytes));
        wait::until("half a file", Duration::from_secs(10), || unfinished(&sshd));
        sshd.kill();
        sshd.restart();
        writing.join().expect("ended").expect("stored in the end");
    });
    assert!(fs::read(sshd.at("repo/packs/1")).expect("there") == bytes);
    assert_eq!(store.list("tmp").expect("listed"), []);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| store.get("packs/1"));
        let object = sshd.at("repo/packs/1");
        wait::until("reader of the object", Duration::from_secs(10), || {
            sshd.has_open(&object).then_some(())
        });
        sshd.kill();
        sshd.restart();
        assert!(reading.join().expect("ended").expect("read in the end") == bytes);
    });
    // What is idle is broken too, and nobody notices.
    sshd.kill();
    sshd.restart();
    assert!(!store.put_new("packs/1", b"x").expect("answered"));
}

/// Takes the minute after which silence is taken for the end: `CE_DRILL=1`.
#[test]
fn a_server_that_falls_silent_is_left_for_a_new_connection() {
    if std::env::var_os("CE_DRILL").is_none() {
        return;
    }
    let sshd = Sshd::start("");
    let mut options = sshd.client();
    options.remote.limits = Arc::new(Limits {
        upload: Some(Limit::new(8 << 20)),
        download: None,
    });
    let store = SftpStore::new(options);
    store.now().expect("it works");
    let bytes = noise(8 << 20);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| store.put("packs/1", &bytes));
        wait::until("half a file", Duration::from_secs(10), || unfinished(&sshd));
        sshd.stop();
        writing.join().expect("ended").expect("stored in the end");
    });
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(59) && took < Duration::from_secs(75),
        "{took:?}"
    );
    assert!(store.get("packs/1").expect("there") == bytes);
}

#[test]
fn nothing_listens_and_that_is_said_after_some_attempts() {
    let mut sshd = Sshd::start("");
    sshd.kill();
    let mut options = sshd.client();
    options.remote.retry.attempts = 3;
    let (kind, words) = refused(options);
    assert_ne!(kind, ErrorKind::NotFound);
    assert!(
        words.contains("refused") && words.ends_with("(3 attempts)"),
        "{words}"
    );
}

#[test]
fn a_login_that_speaks_no_sftp_is_said_to_do_so() {
    let sshd = Sshd::start("ForceCommand echo Welcome to this host, dear user");
    let (kind, words) = refused(sshd.client());
    assert_eq!(kind, ErrorKind::InvalidData);
    assert!(words.contains("other than SFTP"), "{words}");
}

#[test]
fn jump_hosts_are_passed_as_told_or_as_ssh_config_says() {
    let (first, second, last) = (Sshd::start(""), Sshd::start(""), Sshd::start(""));
    let mut known = String::new();
    for sshd in [&first, &second, &last] {
        known += &fs::read_to_string(sshd.at("known_hosts")).expect("a file");
        fs::write(
            sshd.at("authorized"),
            fs::read_to_string(last.at("key.pub")).expect("a key"),
        )
        .expect("a file");
    }
    fs::write(last.at("known_hosts"), &known).expect("a file");
    let large = noise(6 << 20);
    let by = |jumps: Vec<String>| {
        let _ = fs::remove_dir_all(last.at("repo"));
        let store = SftpStore::new(Sftp {
            jumps,
            ..last.client()
        });
        conforms(&store);
        store.put("packs/large", &large).expect("stored");
        assert!(store.get("packs/large").expect("there") == large);
    };
    let hop = |sshd: &Sshd| format!("127.0.0.1:{}", sshd.port);
    by(vec![hop(&first)]);
    by(vec![hop(&first), hop(&second)]);
    for sshd in [&first, &second] {
        assert!(sshd.log().contains("Accepted publickey"), "{}", sshd.log());
    }
    let config = format!(
        "Host storage\nHostName 127.0.0.1\nPort {}\nIdentityFile {}\nUserKnownHostsFile {}\nProxyJump way\n\
         Host way\nHostName 127.0.0.1\nPort {}\nIdentityFile {}\nUserKnownHostsFile {}\n",
        last.port,
        last.at("key").display(),
        last.at("known_hosts").display(),
        first.port,
        last.at("key").display(),
        last.at("known_hosts").display(),
    );
    fs::write(last.at("ssh_config"), config).expect("a file");
    fs::remove_dir_all(last.at("repo")).expect("removed");
    let before = first.log().matches("Accepted publickey").count();
    let store = SftpStore::new(Sftp {
        ssh_config: Some(last.at("ssh_config")),
        ..Sftp::new("storage", last.at("repo").display().to_string())
    });
    conforms(&store);
    assert!(first.log().matches("Accepted publickey").count() > before);

    let nowhere = free_port();
    let mut options = last.client();
    options.jumps = vec![hop(&first)];
    options.port = Some(nowhere);
    options.remote.retry.attempts = 2;
    let (_, words) = refused(options);
    assert!(
        words.contains(&format!("does not reach [127.0.0.1]:{nowhere}")),
        "{words}"
    );
    let closed = Sshd::start("AllowTcpForwarding no");
    let authorized = fs::read_to_string(last.at("key.pub")).expect("a key");
    fs::write(closed.at("authorized"), authorized).expect("a file");
    known += &fs::read_to_string(closed.at("known_hosts")).expect("a file");
    fs::write(last.at("known_hosts"), &known).expect("a file");
    let (_, words) = refused(Sftp {
        jumps: vec![hop(&closed)],
        ..last.client()
    });
    assert!(
        words.contains("prohibited") && !words.contains("attempts"),
        "{words}"
    );
}

#[test]
fn encrypted_keys_are_opened_by_a_passphrase_file() {
    let sshd = Sshd::start("");
    let secret = sshd.at("secret");
    let mut authorized = String::new();
    for kind in ["ed25519", "rsa", "ecdsa"] {
        keygen(kind, "a long passphrase", &sshd.at(kind));
        authorized += &fs::read_to_string(sshd.at(&format!("{kind}.pub"))).expect("a key");
    }
    fs::write(sshd.at("authorized"), authorized).expect("a file");
    let client = |kind: &str, passphrase_file| Sftp {
        identity_files: vec![sshd.at(kind)],
        passphrase_file,
        agent: false,
        ..sshd.client()
    };
    fs::write(&secret, "a long passphrase\n").expect("a file");
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let store = SftpStore::new(client(kind, Some(secret.clone())));
        assert!(store.now().is_ok(), "{kind}: {:?}", store.now());
    }
    let (kind, words) = refused(client("ed25519", None));
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(
        words.contains("encrypted, and no passphrase file"),
        "{words}"
    );
    fs::write(&secret, "a wrong passphrase\n").expect("a file");
    let (kind, words) = refused(client("ed25519", Some(secret)));
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(words.contains("ed25519'"), "{words}");
}

#[test]
fn an_agent_is_asked_for_its_keys() {
    let sshd = Sshd::start("");
    let socket = sshd.at("agent");
    let mut command = Command::new("ssh-agent");
    command.arg("-D").arg("-a").arg(&socket);
    let _agent = Server::start(&mut command, &sshd.at("agent-log"));
    wait::until("socket of the agent", Duration::from_secs(10), || {
        socket.exists().then_some(())
    });
    keygen("ed25519", "", &sshd.at("other"));
    let add = |key: &str| {
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(sshd.at(key))
            .env("SSH_AUTH_SOCK", &socket)
            .status();
        assert!(added.expect("ssh-add").success());
    };
    add("other");
    let config = format!("IdentityAgent {}\nIdentityFile none\n", socket.display());
    fs::write(sshd.at("ssh_config"), config).expect("a file");
    let client = || Sftp {
        identity_files: Vec::new(),
        ..sshd.client()
    };
    let (kind, words) = refused(client());
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(
        words.contains("agent's '") && words.contains("not accepted"),
        "{words}"
    );
    add("key");
    assert!(SftpStore::new(client()).now().is_ok());
    let (kind, _) = refused(Sftp {
        agent: false,
        ..client()
    });
    assert_eq!(kind, ErrorKind::PermissionDenied);
}

#[test]
fn limits_are_kept() {
    let sshd = Sshd::start("");
    let bytes = noise(1 << 20);
    let mut options = sshd.client();
    options.remote.limits = Arc::new(Limits {
        upload: Some(Limit::new(1 << 20)),
        download: Some(Limit::new(1 << 20)),
    });
    let store = SftpStore::new(options);
    store.now().expect("it works");
    let begun = Instant::now();
    store.put("packs/1", &bytes).expect("stored");
    let upload = begun.elapsed();
    assert!(store.get("packs/1").expect("there") == bytes);
    let download = begun.elapsed() - upload;
    for took in [upload, download] {
        assert!(took > Duration::from_millis(850), "{took:?}");
        assert!(took < Duration::from_millis(2500), "{took:?}");
    }
}
