//! smtp, imap and pop3 against a real Exim and Dovecot.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ce_tests::authority::{Authority, Issued};
use ce_tests::program::{Program, Said, binary};
use ce_tests::server::{Server, free_port};
use tempfile::TempDir;

use crate::schema::assert_valid;

struct Mail {
    folder: TempDir,
    authority: Authority,
    smtp: String,
    imap: String,
    imaps: String,
    pop3: String,
    _servers: [Server; 2],
}

fn exim(folder: &Path, tls: &Issued) -> (Server, u16) {
    let port = free_port();
    let conf = format!(
        "primary_hostname = mail.test\nspool_directory = {at}/spool\nlog_file_path = {at}/exim.%slog\npid_file_path =\n\
         exim_user = root\nexim_group = root\nnever_users =\ndaemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\n\
         tls_advertise_hosts = *\ntls_certificate = {cert}\ntls_privatekey = {key}\nkeep_environment =\n\
         host_lookup =\nrfc1413_hosts =\nacl_smtp_rcpt = deny\n",
        at = folder.display(),
        cert = tls.cert.display(),
        key = tls.key.display()
    );
    std::fs::create_dir(folder.join("spool")).expect("a folder");
    std::fs::write(folder.join("exim.conf"), conf).expect("a file");
    let mut command = Command::new("/usr/sbin/exim4");
    command.args(["-bdf", "-C"]).arg(folder.join("exim.conf"));
    (
        Server::start(&mut command, &folder.join("exim.log")).listening(port),
        port,
    )
}

fn dovecot(folder: &Path, tls: &Issued) -> (Server, [u16; 3]) {
    let ports = [free_port(), free_port(), free_port()];
    let [imap, imaps, pop3] = ports;
    let at = folder.display();
    // Mailboxes belong to nobody, who has to get there.
    std::fs::create_dir_all(folder.join("mail")).expect("a folder");
    for (path, mode) in [(folder.to_owned(), 0o755), (folder.join("mail"), 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    std::fs::write(folder.join("passwd"), "ce:{PLAIN}secret:0:0::/tmp::\n").expect("a file");
    let conf = format!(
        "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/dovecot-messages\nprotocols = imap pop3\n\
         listen = 127.0.0.1\nssl = yes\nssl_cert = <{cert}\nssl_key = <{key}\ndisable_plaintext_auth = yes\n\
         mail_location = maildir:{at}/mail/%u\nfirst_valid_uid = 0\n\
         passdb {{\n driver = passwd-file\n args = {at}/passwd\n}}\nuserdb {{\n driver = static\n args = uid=65534 gid=65534 home={at}/mail\n}}\n\
         service imap-login {{\n chroot =\n inet_listener imap {{\n port = {imap}\n }}\n inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n}}\n\
         service pop3-login {{\n chroot =\n inet_listener pop3 {{\n port = {pop3}\n }}\n inet_listener pop3s {{\n port = 0\n }}\n}}\n\
         service anvil {{\n chroot =\n}}\n",
        cert = tls.cert.display(),
        key = tls.key.display()
    );
    std::fs::write(folder.join("dovecot.conf"), conf).expect("a file");
    let mut command = Command::new("/usr/sbin/dovecot");
    command.args(["-F", "-c"]).arg(folder.join("dovecot.conf"));
    let server = ports.iter().fold(
        Server::start(&mut command, &folder.join("dovecot.log")),
        |server, port| server.listening(*port),
    );
    (server, ports)
}

fn start() -> Mail {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path());
    let tls = authority.issue("mail.test", -1, 90);
    let (exim, smtp) = exim(folder.path(), &tls);
    let (dovecot, [imap, imaps, pop3]) = dovecot(folder.path(), &tls);
    let [smtp, imap, imaps, pop3] = [smtp, imap, imaps, pop3].map(|port| port.to_string());
    Mail {
        folder,
        authority,
        smtp,
        imap,
        imaps,
        pop3,
        _servers: [exim, dovecot],
    }
}

impl Mail {
    fn check(&self, check: &str, port: &str, args: &[&str]) -> Said {
        let said = Program::check()
            .args([check, "-H", "127.0.0.1", "-p", port])
            .args(args)
            .run();
        if !said.stdout.is_empty() {
            assert_valid(&said);
        }
        said
    }

    /// The same over TLS, with the authority trusted and the name that the certificate is for.
    fn trusting(&self, check: &str, port: &str, args: &[&str]) -> Said {
        let roots = self.authority.roots().display().to_string();
        let name = if check == "tls" {
            "--server-name"
        } else {
            "--sni"
        };
        self.check(
            check,
            port,
            &[&["--roots", &roots, name, "mail.test"], args].concat(),
        )
    }

    fn password(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join(format!("password-{text}"));
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }
}

#[test]
fn mail_servers_greet_start_tls_and_let_in_who_has_the_password() {
    let mail = start();
    for (check, port) in [
        ("smtp", &mail.smtp),
        ("imap", &mail.imap),
        ("pop3", &mail.pop3),
    ] {
        let plain = mail.check(check, port, &[]);
        let log = std::fs::read_to_string(mail.folder.path().join("dovecot-messages"));
        assert_eq!(plain.code, 0, "{plain:?} {log:?}");
        let started = mail.trusting(check, port, &["--starttls"]);
        assert_eq!(started.code, 0, "{started:?}");
        assert!(
            started.record()["data"]["tls"]
                .as_str()
                .is_some_and(|text| text.starts_with("TLSv1.")),
            "{started:?}"
        );
        let strange = mail.check(check, port, &["--starttls"]);
        assert_eq!(
            (strange.code, strange.record()["cause"].as_str()),
            (2, Some("tls")),
            "{strange:?}"
        );
        let greeting = mail.check(check, port, &["-e", "no such greeting"]);
        assert_ne!(greeting.code, 0, "{greeting:?}");
        let tls = mail.trusting("tls", port, &["--starttls", check]);
        assert_eq!(tls.code, 0, "{tls:?}");
    }
    assert_eq!(mail.trusting("imap", &mail.imaps, &["--ssl"]).code, 0);
    assert_eq!(
        mail.trusting("imap", &mail.imaps, &["--ssl", "-D", "120,30"])
            .code,
        1
    );
    let (right, wrong) = (mail.password("secret"), mail.password("wrong"));
    for (check, port) in [("imap", &mail.imap), ("pop3", &mail.pop3)] {
        let login = |file: &Path, more: &[&str]| {
            let file = file.to_str().expect("UTF-8");
            mail.trusting(
                check,
                port,
                &[&["-U", "ce", "--password-file", file], more].concat(),
            )
        };
        let said = login(&right, &["--starttls"]);
        assert_eq!(said.code, 0, "{said:?}");
        let said = login(&wrong, &["--starttls"]);
        assert_eq!(
            (said.code, said.record()["cause"].as_str()),
            (2, Some("auth")),
            "{said:?}"
        );
        // Never in plain text unless told so.
        assert_ne!(login(&right, &[]).code, 0, "{check}");
    }
    let said = mail.check(
        "smtp",
        &mail.smtp,
        &["-f", "a@b.test", "-C", "RCPT TO:<c@d.test>", "-R", "^250"],
    );
    assert_ne!(said.code, 0, "{said:?}");
}

#[test]
fn drop_ins_end_as_the_plugins_do() {
    let mail = start();
    for (name, port, args) in [
        ("check_smtp", &mail.smtp, &[][..]),
        ("check_smtp", &mail.smtp, &["-e", "220"]),
        ("check_smtp", &mail.smtp, &["-e", "999"]),
        ("check_smtp", &mail.smtp, &["-w", "5", "-c", "9"]),
        ("check_imap", &mail.imap, &[]),
        ("check_imap", &mail.imap, &["-e", "OK"]),
        ("check_pop", &mail.pop3, &[]),
        ("check_tcp", &mail.smtp, &["-e", "220"]),
        (
            "check_tcp",
            &mail.smtp,
            &["-s", "QUIT\r\n", "-e", "221", "-A", "-e", "220"],
        ),
    ] {
        let link = mail.folder.path().join(name);
        if !link.exists() {
            symlink(binary("ce-check"), &link).expect("a link");
        }
        let args = [&["-H", "127.0.0.1", "-p", port.as_str()], args].concat();
        let ours = Program::at(&link)
            .state(mail.folder.path())
            .args(&args)
            .run();
        let theirs = Program::at(&Path::new("/usr/lib/nagios/plugins").join(name))
            .args(&args)
            .run();
        assert_eq!(
            ours.code, theirs.code,
            "{name} {args:?}\n{ours:?}\n{theirs:?}"
        );
    }
}
