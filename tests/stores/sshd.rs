//! OpenSSH's server with keys, users' keys and settings of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ce_tests::server::{Server, free_port};
use ce_vault::store::{Remote, Sftp, SftpStore};
use rustix::process::{Pid, Signal, kill_process};

/// A server and all that a client needs to reach it.
pub struct Sshd {
    folder: tempfile::TempDir,
    pub port: u16,
    server: Option<Server>,
    /// What the server is started by: words before its own command.
    wrapped: Vec<String>,
}

/// Makes a pair of keys.
pub fn keygen(kind: &str, passphrase: &str, path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-f"])
        .arg(path)
        .status();
    assert!(made.expect("ssh-keygen").success());
}

impl Sshd {
    /// With these further lines of sshd_config.
    pub fn start(settings: &str) -> Self {
        Self::start_by(settings, &[])
    }

    /// Started by another program, which is given its command.
    pub fn start_by(settings: &str, wrapped: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sshd = Sshd {
            folder,
            port: free_port(),
            server: None,
            wrapped: wrapped.iter().map(|word| (*word).to_owned()).collect(),
        };
        for kind in ["ed25519", "rsa", "ecdsa"] {
            keygen(kind, "", &sshd.at(&format!("host_{kind}")));
        }
        keygen("ed25519", "", &sshd.at("key"));
        fs::copy(sshd.at("key.pub"), sshd.at("authorized")).expect("copied");
        sshd.configure(settings);
        sshd.know("ed25519");
        fs::write(sshd.at("ssh_config"), "").expect("a file");
        sshd.restart();
        sshd
    }

    pub fn configure(&self, settings: &str) {
        let at = |name: &str| self.at(name).display().to_string();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
             HostKey {}\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nPasswordAuthentication no\nMaxStartups 100\n\
             Subsystem sftp internal-sftp\n{settings}\n",
            self.port,
            at("host_ed25519"),
            at("host_rsa"),
            at("host_ecdsa"),
            at("authorized"),
        );
        fs::write(self.at("sshd_config"), config).expect("a file");
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the key of this kind, and no other, to the client's known_hosts.
    pub fn know(&self, kind: &str) {
        let key = fs::read_to_string(self.at(&format!("host_{kind}.pub"))).expect("a key");
        let line = format!("[127.0.0.1]:{} {key}", self.port);
        fs::write(self.at("known_hosts"), line).expect("a file");
    }

    /// Starts the server, anew where it runs.
    pub fn restart(&mut self) {
        self.kill();
        // sshd wants this folder for its children, which a machine without the service does not have.
        let _ = fs::create_dir_all("/run/sshd");
        let mut words = self.wrapped.clone();
        words.extend(["/usr/sbin/sshd", "-D", "-e", "-f"].map(str::to_owned));
        words.push(self.at("sshd_config").display().to_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let server = Server::start(&mut command, &self.at("log"));
        self.server = Some(if self.wrapped.is_empty() {
            server.listening(self.port)
        } else {
            server
        });
    }

    /// Ends the server and every session that it serves, at once.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            signal(&sessions(server.id()), Signal::KILL);
        }
    }

    /// Has every session fall silent without ending.
    pub fn stop(&self) {
        signal(&self.sessions(), Signal::STOP);
    }

    /// Its sessions' processes.
    pub fn sessions(&self) -> Vec<u32> {
        self.server
            .as_ref()
            .map(|server| sessions(server.id()))
            .unwrap_or_default()
    }

    /// Whether a session reads or writes this file.
    pub fn has_open(&self, path: &Path) -> bool {
        self.sessions().iter().any(|id| {
            fs::read_dir(format!("/proc/{id}/fd"))
                .into_iter()
                .flatten()
                .flatten()
                .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path))
        })
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    /// How this server is reached; the repository is the folder `repo` beside its keys.
    pub fn client(&self) -> Sftp {
        let mut remote = Remote::default();
        remote.retry.first = Duration::from_millis(50);
        remote.retry.total = Duration::from_secs(20);
        Sftp {
            port: Some(self.port),
            identity_files: vec![self.at("key")],
            known_hosts: vec![self.at("known_hosts")],
            ssh_config: Some(self.at("ssh_config")),
            remote,
            ..Sftp::new("127.0.0.1", self.at("repo").display().to_string())
        }
    }

    pub fn store(&self) -> SftpStore {
        SftpStore::new(self.client())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(processes: &[u32], signal: Signal) {
    for id in processes {
        let id = Pid::from_raw(id.cast_signed()).expect("not 0");
        // One that has ended meanwhile needs none.
        let _ = kill_process(id, signal);
    }
}

/// All processes below one.
fn sessions(of: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1)?.parse::<u32>().ok());
        if let Some(parent) = parent {
            parents.push((id, parent));
        }
    }
    let mut below = vec![of];
    let mut seen = 0;
    while seen < below.len() {
        let above = below[seen];
        below.extend(
            parents
                .iter()
                .filter(|(_, parent)| *parent == above)
                .map(|(id, _)| id),
        );
        seen += 1;
    }
    below.remove(0);
    below
}
