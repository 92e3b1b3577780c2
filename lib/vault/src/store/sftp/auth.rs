//! Proving who we are: with keys in files and those of an agent, never with a password.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh2::{ErrorCode, Session};
use zeroize::Zeroizing;

use super::Sftp;
use super::config::Target;
use super::dial::explain;
use crate::store::http::Fault;

/// LIBSSH2_ERROR_AUTHENTICATION_FAILED and _PUBLICKEY_UNVERIFIED: the server does not take this key.
const REFUSED: [i32; 2] = [-18, -19];
/// What says that the connection is gone, of libssh2's errors: SOCKET_NONE, SOCKET_SEND, TIMEOUT, SOCKET_DISCONNECT,
/// SOCKET_TIMEOUT, SOCKET_RECV, BAD_SOCKET.
const GONE: [i32; 7] = [-1, -7, -9, -13, -30, -43, -45];

/// What became of the keys so far.
#[derive(Default)]
struct Attempts {
    notes: Vec<String>,
    refused: usize,
}

impl Attempts {
    /// Whether we are in after this attempt; an error where trying others makes no sense.
    fn judge(&mut self, what: &str, tried: Result<(), ssh2::Error>) -> Result<bool, Fault> {
        let Err(error) = tried else {
            return Ok(true);
        };
        match error.code() {
            ErrorCode::Session(code) if REFUSED.contains(&code) => {
                self.refused += 1;
                self.notes.push(format!("{what}: not accepted"));
                Ok(false)
            }
            ErrorCode::Session(code) if GONE.contains(&code) && self.refused == 0 => {
                Err(explain(what, &error))
            }
            ErrorCode::Session(code) if GONE.contains(&code) => {
                let notes = self.notes.join(", ");
                Err(denied(format!(
                    "the server ended the session after {} keys that it does not accept ({notes})",
                    self.refused
                )))
            }
            _ => {
                self.notes.push(format!("{what}: {}", error.message()));
                Ok(false)
            }
        }
    }
}

/// Logs in, or says what was tried. On the way, keys that were given are for the end of it most likely: others follow.
pub fn authenticate(
    session: &Session,
    target: &Target,
    options: &Sftp,
    on_the_way: bool,
) -> Result<(), Fault> {
    let mut attempts = Attempts::default();
    let chosen = &options.identity_files;
    let only = if on_the_way { &[][..] } else { chosen };
    if with_files(session, target, options, chosen, &mut attempts)?
        || with_agent(session, target, only, &mut attempts)?
        || only.is_empty()
            && with_files(
                session,
                target,
                options,
                &target.identity_files,
                &mut attempts,
            )?
    {
        return Ok(());
    }
    let notes = match &attempts.notes[..] {
        [] => "there is no key to try".to_owned(),
        notes => notes.join(", "),
    };
    let (user, host) = (&target.user, target.name());
    Err(denied(format!("{host} does not let '{user}' in: {notes}")))
}

fn denied(message: String) -> Fault {
    Fault::lasting(io::ErrorKind::PermissionDenied, message)
}

fn with_files(
    session: &Session,
    target: &Target,
    options: &Sftp,
    files: &[PathBuf],
    attempts: &mut Attempts,
) -> Result<bool, Fault> {
    for file in files {
        let what = format!("'{}'", file.display());
        let text = match std::fs::read_to_string(file) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named(options, file) => {
                continue;
            }
            Err(error) => {
                attempts.notes.push(format!("{what}: {error}"));
                continue;
            }
        };
        let passphrase = if is_encrypted(&text) {
            let Some(passphrase) = &options.passphrase_file else {
                attempts.notes.push(format!(
                    "{what}: encrypted, and no passphrase file is given"
                ));
                continue;
            };
            Some(read_passphrase(passphrase)?)
        } else {
            None
        };
        let words = passphrase.as_ref().map(|words| words.as_str());
        let tried = session.userauth_pubkey_memory(&target.user, None, &text, words);
        if attempts.judge(&what, tried)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn named(options: &Sftp, file: &Path) -> bool {
    options.identity_files.iter().any(|named| named == file)
}

fn read_passphrase(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let mut words = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| {
            let message = format!("cannot read '{}': {error}", path.display());
            Fault::lasting(io::ErrorKind::InvalidInput, message)
        })?;
    let length = words.trim_end_matches(['\n', '\r']).len();
    words.truncate(length);
    Ok(words)
}

/// Whether a private key needs a passphrase: OpenSSH's own form names its cipher first, PEM says so in its head.
fn is_encrypted(text: &str) -> bool {
    if !text.contains("BEGIN OPENSSH PRIVATE KEY") {
        return text.contains("ENCRYPTED");
    }
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with('-'))
        .flat_map(str::chars)
        .filter(|letter| !letter.is_whitespace())
        .take(64)
        .collect();
    let plain = b"openssh-key-v1\0\0\0\0\x04none";
    STANDARD
        .decode(body)
        .is_ok_and(|bytes| !bytes.starts_with(plain))
}

fn with_agent(
    session: &Session,
    target: &Target,
    chosen: &[PathBuf],
    attempts: &mut Attempts,
) -> Result<bool, Fault> {
    let Some(socket) = &target.agent else {
        return Ok(false);
    };
    let own = !socket.as_os_str().is_empty();
    if !own && std::env::var_os("SSH_AUTH_SOCK").is_none() {
        return Ok(false);
    }
    let asked = (|| {
        let mut agent = session.agent()?;
        if own {
            agent.set_identity_path(socket)?;
        }
        agent.connect()?;
        agent.list_identities()?;
        let keys = agent.identities()?;
        Ok::<_, ssh2::Error>((agent, keys))
    })();
    let (agent, keys) = match asked {
        Ok(asked) => asked,
        Err(error) => {
            attempts.notes.push(format!("agent: {}", error.message()));
            return Ok(false);
        }
    };
    // Servers count keys: those of others would use up what ours needs.
    let wanted = if !chosen.is_empty() {
        Some(public_keys(chosen))
    } else if target.identities_only {
        Some(public_keys(&target.identity_files))
    } else {
        None
    };
    for key in keys {
        if let Some(wanted) = &wanted
            && !wanted.iter().any(|wanted| wanted == key.blob())
        {
            continue;
        }
        let what = format!("agent's '{}'", key.comment());
        let tried = agent.userauth(&target.user, &key);
        if attempts.judge(&what, tried)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What stands in the `.pub` beside each of these keys.
fn public_keys(files: &[PathBuf]) -> Vec<Vec<u8>> {
    files
        .iter()
        .filter_map(|file| {
            let mut path = file.clone().into_os_string();
            path.push(".pub");
            let text = std::fs::read_to_string(path).ok()?;
            STANDARD.decode(text.split_ascii_whitespace().nth(1)?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_keys_are_told_from_others() {
        let openssh = |cipher: &str| {
            let mut bytes = b"openssh-key-v1\0".to_vec();
            bytes.extend((cipher.len() as u32).to_be_bytes());
            bytes.extend(cipher.as_bytes());
            bytes.extend([0; 60]);
            format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
                STANDARD.encode(bytes)
            )
        };
        assert!(!is_encrypted(&openssh("none")));
        assert!(is_encrypted(&openssh("aes256-ctr")));
        assert!(is_encrypted(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        ));
        assert!(is_encrypted("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(!is_encrypted("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
    }
}
