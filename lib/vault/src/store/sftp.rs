//! Objects as files below a folder of another host, over SFTP.
//!
//! As in a folder here: a temporary name, fsync, rename. Replacing is one step where the server has OpenSSH's
//! posix-rename; elsewhere the old object is removed before the new one takes its name, and a crash in between leaves none.

mod auth;
mod client;
mod config;
mod dial;
mod hosts;
mod pool;
mod pump;
mod wire;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ssh2::{Channel, ExtendedData};

use self::client::{Answer, Client, Handle, Trouble};
use self::dial::Link;
use self::pool::Pool;
use self::wire::{Attributes, code};
use super::http::Fault;
use super::{Listed, Remote, Store};
use crate::id::hex;
use crate::seal::random;

/// Where unfinished objects are.
const TEMPORARY: &str = "tmp";
/// What the server may send before it hears from us, in bytes: more than is ever asked for at once.
const WINDOW: u32 = 8 << 20;
/// Bytes of one packet of SSH; servers need not take longer ones (RFC 4253, section 6.1).
const PACKET: u32 = 32 << 10;
/// Folders that one connection lists at once; the OpenSSH of 2008 kept no more than 100 files open.
const FOLDERS: usize = 32;

/// Where a repository is and how it is reached. What is not given here, ssh_config says, or else it is as usual with ssh.
#[derive(Debug, Clone)]
pub struct Sftp {
    /// A name or address, or what ssh_config knows.
    pub host: String,
    /// Who logs in.
    pub user: Option<String>,
    /// Where the server listens.
    pub port: Option<u16>,
    /// The repository's folder, which need not exist yet; a relative one begins at the user's own.
    pub path: String,
    /// Private keys, for hosts on the way too; none for those of ssh_config or the usual ones.
    pub identity_files: Vec<PathBuf>,
    /// A file whose first line opens encrypted keys.
    pub passphrase_file: Option<PathBuf>,
    /// Whether an agent's keys are used.
    pub agent: bool,
    /// Files with the keys of servers, of hosts on the way too; none for those of ssh_config or the usual ones.
    pub known_hosts: Vec<PathBuf>,
    /// Hosts on the way, `[user@]host[:port]`, in the order of the way; none for those of ssh_config.
    pub jumps: Vec<String>,
    /// A file in place of the user's and the system's ssh_config.
    pub ssh_config: Option<PathBuf>,
    /// Connections, patience and limits.
    pub remote: Remote,
}

impl Sftp {
    /// A folder of a host, all else being as usual.
    #[must_use]
    pub fn new(host: impl Into<String>, path: impl Into<String>) -> Self {
        Sftp {
            host: host.into(),
            user: None,
            port: None,
            path: path.into(),
            identity_files: Vec::new(),
            passphrase_file: None,
            agent: true,
            known_hosts: Vec::new(),
            jumps: Vec::new(),
            ssh_config: None,
            remote: Remote::default(),
        }
    }
}

/// One session; the link comes first, so that it is cut before the channel would say goodbye to who may not listen.
struct Connection {
    _link: Link,
    client: Client<Channel>,
}

/// A repository on another host.
pub struct SftpStore {
    options: Sftp,
    root: String,
    pool: Pool<Connection>,
}

impl SftpStore {
    /// The store that is reached so. Nothing is connected before the first request.
    #[must_use]
    pub fn new(options: Sftp) -> Self {
        let path = options.path.strip_prefix("~/").unwrap_or(&options.path);
        let root = match path.trim_end_matches('/') {
            "" if path.starts_with('/') => "",
            "" | "~" => ".",
            path => path,
        };
        SftpStore {
            root: root.to_owned(),
            pool: Pool::new(options.remote.connections),
            options,
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    fn connect(&self) -> Result<Connection, Fault> {
        let link = dial::dial(&self.options)?;
        let host = &self.options.host;
        let failed = |error: ssh2::Error| dial::explain(host, &error);
        let mut channel = link
            .session
            .channel_open("session", WINDOW, PACKET, None)
            .map_err(failed)?;
        channel
            .subsystem("sftp")
            .map_err(|error| dial::explain(&format!("'{host}' does not begin SFTP"), &error))?;
        channel
            .handle_extended_data(ExtendedData::Ignore)
            .map_err(failed)?;
        let client = Client::new(channel).map_err(|trouble| match trouble {
            Trouble::Garbled(_) => Fault::lasting(
                io::ErrorKind::InvalidData,
                format!(
                    "'{host}' answers something other than SFTP; does its login print something?"
                ),
            ),
            other => self.fault(other),
        })?;
        Ok(Connection {
            _link: link,
            client,
        })
    }

    /// Tries until it is done or cannot be, each time with a connection that works as far as is known.
    fn with<T>(&self, mut work: impl FnMut(&mut Client<Channel>) -> Answer<T>) -> io::Result<T> {
        self.options.remote.patiently(|| {
            let mut lease = self.pool.take(|| self.connect())?;
            work(&mut lease.get().client).map_err(|trouble| {
                if !matches!(trouble, Trouble::Status { .. }) {
                    lease.condemn();
                }
                self.fault(trouble)
            })
        })
    }

    fn fault(&self, trouble: Trouble) -> Fault {
        use io::ErrorKind as Kind;
        let place = format!("{}:{}", self.options.host, self.root);
        match trouble {
            Trouble::Broken(error) => Fault {
                error: io::Error::new(error.kind(), format!("{place}: {error}")),
                passes: true,
                asked: None,
            },
            Trouble::Garbled(why) => Fault::lasting(Kind::InvalidData, format!("{place}: {why}")),
            Trouble::Status { code, message } => {
                let (kind, words) = match code {
                    code::NO_SUCH_FILE => (Kind::NotFound, "no such file".to_owned()),
                    code::PERMISSION_DENIED => {
                        (Kind::PermissionDenied, "permission denied".to_owned())
                    }
                    code::NO_SPACE => (Kind::StorageFull, "no space left".to_owned()),
                    code::QUOTA_EXCEEDED => {
                        (Kind::QuotaExceeded, "the quota is used up".to_owned())
                    }
                    code::UNSUPPORTED => (Kind::Unsupported, "not supported".to_owned()),
                    code => (Kind::Other, format!("{} ({code})", said(&message))),
                };
                Fault {
                    error: io::Error::new(kind, format!("{place}: {words}")),
                    passes: matches!(code, code::NO_CONNECTION | code::CONNECTION_LOST),
                    asked: None,
                }
            }
        }
    }

    /// Fills a file with a new name in the folder of those; `folder` is opened meanwhile.
    fn fill(
        &self,
        client: &mut Client<Channel>,
        path: &str,
        folder: Option<&str>,
        bytes: &[u8],
    ) -> Answer<Option<Handle>> {
        let limit = self.options.remote.limits.upload.as_ref();
        let mut filled = client.create(path, folder, bytes, limit);
        if filled
            .as_ref()
            .is_err_and(|trouble| trouble.is(code::NO_SUCH_FILE))
        {
            make_folders(client, parent(path).unwrap_or("."))?;
            filled = client.create(path, folder, bytes, limit);
        }
        let Err(trouble) = filled else {
            return filled;
        };
        // OpenSSH says no more than that it failed, whatever the reason.
        let full = trouble.is(code::FAILURE)
            && client
                .free(&self.root)?
                .is_some_and(|free| free < bytes.len() as u64);
        if matches!(trouble, Trouble::Status { .. }) {
            discard(client, path)?;
        }
        Err(if full { no_space() } else { trouble })
    }

    /// Writes the bytes under a temporary name and gives them to `place`, the folder being made where it is missing.
    fn write<T>(
        &self,
        name: &str,
        bytes: &[u8],
        left: &mut Vec<String>,
        client: &mut Client<Channel>,
        mut place: impl FnMut(&mut Client<Channel>, &str, &str, Option<&Handle>) -> Answer<T>,
    ) -> Answer<T> {
        for path in left.drain(..) {
            discard(client, &path)?;
        }
        let temporary = self.path(&format!("{TEMPORARY}/{}", hex(&random::<12>())));
        let target = self.path(name);
        let folder = parent(&target).unwrap_or(".");
        left.push(temporary.clone());
        let opened = self.fill(client, &temporary, Some(folder), bytes)?;
        let mut placed = place(client, &temporary, &target, opened.as_ref());
        if placed
            .as_ref()
            .is_err_and(|trouble| trouble.is(code::NO_SUCH_FILE))
        {
            make_folders(client, folder)?;
            if let Some(above) = parent(folder) {
                client.sync_folder(above)?;
            }
            placed = place(client, &temporary, &target, None);
        }
        match &opened {
            Some(folder) => client.forget(folder),
            None if placed.is_ok() => client.sync_folder(folder)?,
            None => {}
        }
        if matches!(placed, Err(Trouble::Status { .. })) {
            discard(client, &temporary)?;
        }
        let placed = placed?;
        left.clear();
        Ok(placed)
    }

    /// What these folders hold, several connections having a part of them each.
    fn list_all(&self, folders: &[String]) -> io::Result<Vec<(String, Attributes)>> {
        let connections = self.connections();
        let part = folders.len().div_ceil(connections).clamp(1, FOLDERS);
        let parts = Mutex::new(folders.chunks(part));
        let work = || {
            let mut found = Vec::new();
            loop {
                let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(names) = next else {
                    return Ok(found);
                };
                let paths: Vec<String> = names.iter().map(|name| self.path(name)).collect();
                let listed = self.with(|client| client.list(&paths))?;
                for (folder, entries) in names.iter().zip(listed) {
                    for (name, attributes) in entries {
                        // A name that is a way elsewhere is no name.
                        if let Ok(name) = String::from_utf8(name)
                            && !name.is_empty()
                            && !name.contains('/')
                        {
                            found.push((format!("{folder}/{name}"), attributes));
                        }
                    }
                }
            }
        };
        if folders.len() <= part {
            return work();
        }
        let workers = connections.min(folders.len().div_ceil(part));
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let mut found = Vec::new();
            for worker in running {
                let part: io::Result<Vec<_>> = worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                found.extend(part?);
            }
            Ok(found)
        })
    }
}

fn said(message: &str) -> String {
    let plain: String = message
        .chars()
        .filter(|letter| !letter.is_control())
        .take(160)
        .collect();
    if plain.is_empty() {
        "it failed".to_owned()
    } else {
        plain.to_lowercase()
    }
}

fn no_space() -> Trouble {
    Trouble::Status {
        code: code::NO_SPACE,
        message: String::new(),
    }
}

fn parent(path: &str) -> Option<&str> {
    let (parent, _) = path.rsplit_once('/')?;
    Some(if parent.is_empty() { "/" } else { parent })
}

/// Makes a folder and those above it.
fn make_folders(client: &mut Client<Channel>, path: &str) -> Answer<()> {
    let mut made = client.make_folder(path);
    if made
        .as_ref()
        .is_err_and(|trouble| trouble.is(code::NO_SUCH_FILE))
        && let Some(above) = parent(path)
    {
        make_folders(client, above)?;
        made = client.make_folder(path);
    }
    match made {
        // Servers say it in different ways when it is there already.
        Err(trouble @ Trouble::Status { .. }) => match client.stat(path) {
            Ok(attributes) if attributes.is_folder() => Ok(()),
            Ok(_) | Err(Trouble::Status { .. }) => Err(trouble),
            Err(worse) => Err(worse),
        },
        made => made,
    }
}

/// Removes a file, which may be gone or may not be ours to remove.
fn discard(client: &mut Client<Channel>, path: &str) -> Answer<()> {
    match client.remove(path) {
        Err(Trouble::Status { .. }) => Ok(()),
        done => done,
    }
}

fn exists(client: &mut Client<Channel>, path: &str) -> Answer<bool> {
    match client.stat(path) {
        Ok(_) => Ok(true),
        Err(trouble) if trouble.is(code::NO_SUCH_FILE) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

impl Store for SftpStore {
    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.path(name);
        let limit = self.options.remote.limits.download.as_ref();
        self.with(|client| client.read(&path, 0, None, limit))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let path = self.path(name);
        let limit = self.options.remote.limits.download.as_ref();
        self.with(|client| client.read(&path, offset, Some(len), limit))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut left: Vec<String> = Vec::new();
        self.with(|client| {
            self.write(
                name,
                bytes,
                &mut left,
                client,
                |client, from, to, folder| {
                    if client.replaces() {
                        return client.replace(from, to, folder);
                    }
                    match client.rename(from, to, folder) {
                        Err(trouble @ Trouble::Status { .. })
                            if !trouble.is(code::NO_SUCH_FILE) =>
                        {
                            if !exists(client, to)? {
                                return Err(trouble);
                            }
                            client.remove(to)?;
                            client.rename(from, to, folder)
                        }
                        renamed => renamed,
                    }
                },
            )
        })
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let target = self.path(name);
        let mut left: Vec<String> = Vec::new();
        // Whether an attempt before this one may have stored it without our hearing of it.
        let mut asked = false;
        self.with(|client| {
            let ours = |client: &mut Client<Channel>, asked: bool| {
                Ok(asked && client.read(&target, 0, None, None)? == bytes)
            };
            // Some servers' rename replaces what is there.
            if exists(client, &target)? {
                for path in left.drain(..) {
                    discard(client, &path)?;
                }
                return ours(client, asked);
            }
            let before = asked;
            self.write(
                name,
                bytes,
                &mut left,
                client,
                |client, from, to, folder| {
                    asked = true;
                    match client.rename(from, to, folder) {
                        Ok(()) => Ok(true),
                        Err(trouble @ Trouble::Status { .. })
                            if !trouble.is(code::NO_SUCH_FILE) =>
                        {
                            if !exists(client, to)? {
                                return Err(trouble);
                            }
                            discard(client, from)?;
                            ours(client, before)
                        }
                        Err(trouble) => Err(trouble),
                    }
                },
            )
        })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while !folders.is_empty() {
            let found = self.list_all(&folders)?;
            folders.clear();
            for (name, attributes) in found {
                if attributes.is_folder() {
                    folders.push(name);
                } else if attributes.is_file() {
                    listed.push(Listed {
                        name,
                        size: attributes.size.unwrap_or(0),
                        received: attributes.modified.unwrap_or(0).into(),
                    });
                }
            }
        }
        listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        let path = self.path(name);
        self.with(|client| match client.remove(&path) {
            Err(trouble) if trouble.is(code::NO_SUCH_FILE) => Ok(()),
            done => done,
        })
    }

    fn sweep(&self, before: i64) -> io::Result<()> {
        for listed in self.list(TEMPORARY)? {
            if listed.received < before {
                self.delete(&listed.name)?;
            }
        }
        Ok(())
    }

    fn connections(&self) -> usize {
        self.options.remote.connections.max(1)
    }

    fn now(&self) -> io::Result<i64> {
        self.with(|client| {
            let probe = self.path(&format!("{TEMPORARY}/{}", hex(&random::<12>())));
            self.fill(client, &probe, None, b"")?;
            let known = client.stat(&probe);
            discard(client, &probe)?;
            known?.modified.map(i64::from).ok_or_else(|| {
                Trouble::Garbled("the server does not say when files were changed".to_owned())
            })
        })
    }
}
