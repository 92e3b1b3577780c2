//! ssh against a real OpenSSH server.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use ce_tests::program::{Program, Said, binary};
use ce_tests::server::{Server, free_port};

use crate::schema::assert_valid;

#[test]
fn the_host_key_is_proved_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let port = free_port();
    let mut keys = String::new();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", kind, "-f"])
            .arg(at(kind))
            .status();
        assert!(made.expect("ssh-keygen").success());
        keys.push_str(&format!("HostKey {}\n", at(kind).display()));
    }
    std::fs::write(
        at("sshd_config"),
        format!("Port {port}\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\n{keys}"),
    )
    .expect("a file");
    // sshd wants this folder for its children, which a machine without the service does not have.
    let _ = std::fs::create_dir_all("/run/sshd");
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(at("sshd_config"));
    let _server = Server::start(&mut command, &at("log")).listening(port);

    let port = port.to_string();
    let ssh = |args: &[&str]| -> Said {
        let said = Program::check()
            .args(["ssh", "-H", "127.0.0.1", "-p", &port])
            .args(args)
            .run();
        assert_valid(&said);
        said
    };
    let plain = ssh(&[]);
    assert_eq!(plain.code, 0, "{plain:?}");
    assert!(
        plain.record()["summary"]
            .as_str()
            .is_some_and(|text| text.contains("OpenSSH")),
        "{plain:?}"
    );
    assert_ne!(ssh(&["-r", "OpenSSH_1.0"]).code, 0);

    for kind in ["ed25519", "ecdsa", "rsa"] {
        let output = Command::new("ssh-keygen")
            .args(["-l", "-f"])
            .arg(at(&format!("{kind}.pub")))
            .output();
        let line = String::from_utf8_lossy(&output.expect("ssh-keygen").stdout).into_owned();
        let fingerprint = line.split(' ').nth(1).expect("a fingerprint");
        let said = ssh(&["--host-key-type", kind, "--fingerprint", fingerprint]);
        assert_eq!(said.code, 0, "{kind}: {said:?}");
    }
    let wrong = format!("SHA256:{}", "A".repeat(43));
    let said = ssh(&["--fingerprint", &wrong]);
    assert_eq!(said.code, 2, "{said:?}");

    let key = std::fs::read_to_string(at("ed25519.pub")).expect("a key");
    let known = at("known_hosts");
    std::fs::write(&known, format!("[127.0.0.1]:{port} {key}")).expect("a file");
    assert_eq!(
        ssh(&["--known-hosts", known.to_str().expect("UTF-8")]).code,
        0
    );
    let other = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-t", "ed25519", "-f"])
        .arg(at("other"))
        .status();
    assert!(other.expect("ssh-keygen").success());
    let key = std::fs::read_to_string(at("other.pub")).expect("a key");
    std::fs::write(&known, format!("[127.0.0.1]:{port} {key}")).expect("a file");
    assert_eq!(
        ssh(&["--known-hosts", known.to_str().expect("UTF-8")]).code,
        2
    );

    let link = at("check_ssh");
    symlink(binary("ce-check"), &link).expect("a link");
    for args in [
        &["-p", &port, "127.0.0.1"][..],
        &["-H", "127.0.0.1", "-p", &port],
        &["-H", "127.0.0.1", "-p", &port, "-P", "2.0"],
    ] {
        let ours = Program::at(&link).state(folder.path()).args(args).run();
        let theirs = Program::at(Path::new("/usr/lib/nagios/plugins/check_ssh"))
            .args(args)
            .run();
        assert_eq!(ours.code, theirs.code, "{args:?}\n{ours:?}\n{theirs:?}");
    }
}
