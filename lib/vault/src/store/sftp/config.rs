//! Which server, user, keys and ways ssh_config has for a host. ssh itself is asked (`ssh -G`), for nobody else reads that
//! file as it does; without ssh there are the usual files.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Sftp;
use crate::store::http::Fault;

/// The program that is asked.
const SSH: &str = "/usr/bin/ssh";
/// The usual keys, of the kinds that libssh2 knows.
const KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// A host as somebody names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hop {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

impl Hop {
    /// `[user@]host[:port]`, IPv6 addresses in brackets, `ssh://` before it or not.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, (!port.is_empty()).then(|| port.strip_prefix(':')))
            }
            None if rest.matches(':').count() == 1 => {
                let (host, port) = rest.split_once(':')?;
                (host, Some(Some(port)))
            }
            None => (rest, None),
        };
        let port = match port {
            Some(port) => Some(port?.parse().ok().filter(|port| *port > 0)?),
            None => None,
        };
        // ssh would take such a host for an option.
        if host.is_empty() || host.starts_with('-') || user.is_some_and(str::is_empty) {
            return None;
        }
        Some(Hop {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }
}

/// All that is known of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// What it is called where it has no address yet.
    pub host: String,
    /// What known_hosts calls it, where that differs.
    pub alias: Option<String>,
    pub port: u16,
    pub user: String,
    pub identity_files: Vec<PathBuf>,
    pub identities_only: bool,
    /// The agent's socket; none where it shall not be asked, empty for `SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
    pub known_hosts: Vec<PathBuf>,
    pub jumps: Vec<Hop>,
}

impl Target {
    /// Host and port as messages name them.
    pub fn name(&self) -> String {
        super::hosts::name(&self.host, self.port)
    }
}

/// Finds out all about a host.
pub fn resolve(hop: &Hop, options: &Sftp) -> Result<Target, Fault> {
    let home = std::env::home_dir().unwrap_or_else(|| "/".into());
    let mut target = if Path::new(SSH).exists() {
        parse(&ask(hop, options)?, &home)?
    } else {
        plain(hop, &home)?
    };
    if !options.agent {
        target.agent = None;
    }
    if !options.known_hosts.is_empty() {
        target.known_hosts.clone_from(&options.known_hosts);
    }
    Ok(target)
}

fn ask(hop: &Hop, options: &Sftp) -> Result<String, Fault> {
    let mut command = Command::new(SSH);
    command.arg("-G");
    if let Some(file) = &options.ssh_config {
        command.arg("-F").arg(file);
    }
    if let Some(port) = hop.port {
        command.args(["-p", &port.to_string()]);
    }
    if let Some(user) = &hop.user {
        command.args(["-l", user]);
    }
    let output = command
        .args(["--", &hop.host])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Fault::lasting(error.kind(), format!("cannot execute '{SSH}': {error}"))
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(wrong(format!("ssh -G {}: {said}", hop.host)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn wrong(message: String) -> Fault {
    Fault::lasting(io::ErrorKind::InvalidInput, message)
}

/// What `ssh -G` prints, a keyword and its value a line.
fn parse(text: &str, home: &Path) -> Result<Target, Fault> {
    let mut target = Target {
        port: 22,
        agent: Some(PathBuf::new()),
        ..Target::default()
    };
    let path = |word: &str| expand(word, home);
    for line in text.lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        let none = value.eq_ignore_ascii_case("none");
        match keyword {
            "hostname" => value.clone_into(&mut target.host),
            "hostkeyalias" if !none => target.alias = Some(value.to_owned()),
            "port" => target.port = value.parse().unwrap_or(22),
            "user" => value.clone_into(&mut target.user),
            "identityfile" if !none => target.identity_files.push(path(value)),
            "identitiesonly" => target.identities_only = value == "yes",
            "identityagent" if none => target.agent = None,
            "identityagent" if value != "SSH_AUTH_SOCK" => target.agent = Some(path(value)),
            "userknownhostsfile" | "globalknownhostsfile" if !none => {
                target
                    .known_hosts
                    .extend(value.split_ascii_whitespace().map(path));
            }
            "proxyjump" if !none => target.jumps = parse_jumps(value)?,
            "proxycommand" if !none => {
                return Err(wrong(format!(
                    "ssh_config has a ProxyCommand for '{}', which is not supported; ProxyJump is",
                    target.host
                )));
            }
            _ => {}
        }
    }
    let (host, port, user) = (&target.host, target.port, &target.user);
    for file in &mut target.identity_files {
        *file = fill_in(file, host, port, user);
    }
    Ok(target)
}

/// Hosts with commas between them.
pub fn parse_jumps(text: &str) -> Result<Vec<Hop>, Fault> {
    text.split(',')
        .map(|hop| Hop::parse(hop).ok_or_else(|| wrong(format!("'{hop}' is not a jump host"))))
        .collect()
}

fn expand(path: &str, home: &Path) -> PathBuf {
    let path = path.trim_matches('"');
    match path.strip_prefix("~/").or(path.strip_prefix("%d/")) {
        Some(rest) => home.join(rest),
        None => path.into(),
    }
}

/// ssh -G leaves these in the names of keys.
fn fill_in(path: &Path, host: &str, port: u16, user: &str) -> PathBuf {
    match path.to_str() {
        Some(text) if text.contains('%') => text
            .replace("%h", host)
            .replace("%p", &port.to_string())
            .replace("%r", user)
            .replace("%%", "%")
            .into(),
        _ => path.to_owned(),
    }
}

/// Without ssh there is no ssh_config either.
fn plain(hop: &Hop, home: &Path) -> Result<Target, Fault> {
    let folder = home.join(".ssh");
    let user = hop
        .user
        .clone()
        .or_else(|| std::env::var("LOGNAME").ok())
        .or_else(|| std::env::var("USER").ok())
        .or_else(|| {
            rustix::process::getuid()
                .is_root()
                .then(|| "root".to_owned())
        })
        .ok_or_else(|| wrong(format!("no user is given for '{}'", hop.host)))?;
    Ok(Target {
        host: hop.host.clone(),
        alias: None,
        port: hop.port.unwrap_or(22),
        user,
        identity_files: KEYS.iter().map(|key| folder.join(key)).collect(),
        identities_only: false,
        agent: Some(PathBuf::new()),
        known_hosts: vec![folder.join("known_hosts"), SYSTEM_KNOWN_HOSTS.into()],
        jumps: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_apart() {
        let hop = |user: Option<&str>, host: &str, port| {
            Some(Hop {
                user: user.map(str::to_owned),
                host: host.to_owned(),
                port,
            })
        };
        let cases = [
            ("nas", hop(None, "nas", None)),
            ("me@nas:2222", hop(Some("me"), "nas", Some(2222))),
            ("ssh://a@b@nas", hop(Some("a@b"), "nas", None)),
            ("[::1]:22", hop(None, "::1", Some(22))),
            ("me@[::1]", hop(Some("me"), "::1", None)),
            ("::1", hop(None, "::1", None)),
            ("-oProxyCommand=x", None),
            ("", None),
            ("@nas", None),
            ("nas:0", None),
            ("nas:x", None),
            ("[::1]x", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Hop::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_ssh_says_is_understood() {
        let text = "user backup\nhostname nas.example\nport 2222\nidentitiesonly yes\n\
            identityfile ~/.ssh/%h\nidentityfile /keys/a b\nidentityagent none\nhostkeyalias vault\n\
            userknownhostsfile ~/.ssh/known_hosts /x\nglobalknownhostsfile none\nproxyjump a@b:1,c\nproxycommand none\n";
        let target = parse(text, Path::new("/home/u")).expect("understood");
        let hop = |text| Hop::parse(text).expect("a hop");
        assert_eq!(
            target,
            Target {
                host: "nas.example".into(),
                alias: Some("vault".into()),
                port: 2222,
                user: "backup".into(),
                identity_files: vec!["/home/u/.ssh/nas.example".into(), "/keys/a b".into()],
                identities_only: true,
                agent: None,
                known_hosts: vec!["/home/u/.ssh/known_hosts".into(), "/x".into()],
                jumps: vec![hop("a@b:1"), hop("c")],
            }
        );
        let refused = parse("hostname x\nproxycommand nc %h %p\n", Path::new("/"));
        assert!(refused.is_err_and(|fault| !fault.passes));
    }
}
