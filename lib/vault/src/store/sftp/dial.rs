//! From a host's name to a session whose server has proved who it is and has let us in.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use ce_net::resolve::resolve as addresses;
use ce_net::{Deadline, Family, connect};
use rustix::net::sockopt;
use ssh2::{ErrorCode, MethodType, Session};

use super::config::{self, Hop, Target};
use super::hosts::{self, Verdict};
use super::{Sftp, auth, pump};
use crate::store::http::Fault;

/// Until a server has accepted a connection.
const CONNECT: Duration = Duration::from_secs(20);
/// A server that says nothing for so long is gone.
const SILENCE_MS: u32 = 60_000;
/// More hosts on the way are a circle.
const HOPS: usize = 8;

/// Ciphers, the fastest on a machine with instructions for AES first; what is older is not offered.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,\
    aes128-ctr,aes192-ctr,aes256-ctr";
const MACS: &str =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
/// Key exchanges without SHA-1.
const EXCHANGES: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
    ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
    diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256";
/// Signatures of host keys, and the kind of key that each needs.
const HOST_KEYS: [(&str, &str); 6] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "ssh-rsa"),
    ("rsa-sha2-256", "ssh-rsa"),
];

/// What a session runs over.
#[derive(Debug, Clone)]
pub enum Socket {
    Tcp(Arc<TcpStream>),
    Through(Arc<UnixStream>),
}

impl Socket {
    fn shutdown(&self) {
        // One that is closed already is what is wanted.
        let _ = match self {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Both),
            Socket::Through(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Through(socket) => socket.as_fd(),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// A session that ends at once when dropped: nothing is said to a server that may have stopped to listen.
pub struct Link {
    pub session: Session,
    pub socket: Socket,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.socket.shutdown();
    }
}

/// A session with the storage's host, through other hosts where that is the way.
pub fn dial(options: &Sftp) -> Result<Link, Fault> {
    let hop = Hop {
        user: options.user.clone(),
        host: options.host.clone(),
        port: options.port,
    };
    if hop.host.is_empty() || hop.host.starts_with('-') {
        return Err(Fault::lasting(
            io::ErrorKind::InvalidInput,
            format!("'{}' is not a host", hop.host),
        ));
    }
    let jumps = match &options.jumps[..] {
        [] => None,
        jumps => Some(config::parse_jumps(&jumps.join(","))?),
    };
    reach(&hop, jumps, options, HOPS)
}

/// A session with a host, through `jumps` or else through those of ssh_config.
fn reach(hop: &Hop, jumps: Option<Vec<Hop>>, options: &Sftp, hops: usize) -> Result<Link, Fault> {
    if hops == 0 {
        return Err(Fault::lasting(
            io::ErrorKind::InvalidInput,
            format!("more than {HOPS} jump hosts"),
        ));
    }
    let target = config::resolve(hop, options)?;
    let mut jumps = jumps.unwrap_or_else(|| target.jumps.clone());
    let socket = match jumps.pop() {
        None => direct(&target)?,
        Some(last) => {
            // The first of several may have its own way, as with ssh.
            let before = (!jumps.is_empty()).then_some(jumps);
            let link = reach(&last, before, options, hops - 1)?;
            let channel = link
                .session
                .channel_direct_tcpip(&target.host, target.port, None)
                .map_err(|error| {
                    let what = format!("'{}' does not reach {}", last.host, target.name());
                    let fault = explain(&what, &error);
                    // Who does not listen now may do so soon; what is forbidden stays so.
                    let passes = !error.message().contains("prohibited");
                    Fault { passes, ..fault }
                })?;
            Socket::Through(Arc::new(pump::socket(link, channel)?))
        }
    };
    let link = open(&target, socket)?;
    auth::authenticate(&link.session, &target, options, hops < HOPS)?;
    Ok(link)
}

fn direct(target: &Target) -> Result<Socket, Fault> {
    let failed = |error: ce_net::NetError| Fault::passing(error.to_string());
    let deadline = Deadline::after(CONNECT);
    let addresses = addresses(&target.host, target.port, Family::Any, deadline).map_err(failed)?;
    let (socket, _) = connect::tcp(&addresses, None, deadline).map_err(failed)?;
    socket.set_nonblocking(false)?;
    // Requests are gathered before they are sent; none should wait for the one before.
    socket.set_nodelay(true)?;
    // An idle connection that a firewall forgot is noticed before it is needed.
    sockopt::set_socket_keepalive(&socket, true).map_err(io::Error::from)?;
    sockopt::set_tcp_keepidle(&socket, Duration::from_secs(30)).map_err(io::Error::from)?;
    sockopt::set_tcp_keepintvl(&socket, Duration::from_secs(10)).map_err(io::Error::from)?;
    sockopt::set_tcp_keepcnt(&socket, 3).map_err(io::Error::from)?;
    Ok(Socket::Tcp(Arc::new(socket)))
}

/// Shakes hands and proves who the server is.
fn open(target: &Target, socket: Socket) -> Result<Link, Fault> {
    let known = hosts::read(&target.known_hosts)?;
    let name = match &target.alias {
        Some(alias) => alias.to_ascii_lowercase(),
        None => target.name(),
    };
    let failed = |error: ssh2::Error| explain(&target.name(), &error);
    let mut session = Session::new().map_err(failed)?;
    session.set_timeout(SILENCE_MS);
    for (kind, wanted) in [
        (MethodType::Kex, EXCHANGES),
        (MethodType::CryptCs, CIPHERS),
        (MethodType::CryptSc, CIPHERS),
        (MethodType::MacCs, MACS),
        (MethodType::MacSc, MACS),
        (
            MethodType::HostKey,
            &preferred(&hosts::kinds(&known, &name)),
        ),
    ] {
        session.method_pref(kind, wanted).map_err(failed)?;
    }
    session.set_tcp_stream(socket.clone());
    let mut link = Link { session, socket };
    link.session.handshake().map_err(failed)?;
    let key = link.session.host_key().map(|(key, _)| key.to_vec());
    let key = key.ok_or_else(|| Fault::passing(format!("{}: no host key", target.name())))?;
    let Some(reason) = mistrust(&hosts::judge(&known, &name, &key), target, &name, &key) else {
        return Ok(link);
    };
    Err(Fault::lasting(io::ErrorKind::InvalidData, reason))
}

/// Signatures of the kinds of key that are known first, so that a server with several shows one that can be compared.
fn preferred(known: &[String]) -> String {
    let (mut first, last): (Vec<_>, Vec<_>) = HOST_KEYS
        .iter()
        .partition(|(_, kind)| known.iter().any(|known| known == kind));
    first.extend(last);
    let names: Vec<&str> = first.iter().map(|(name, _)| *name).collect();
    names.join(",")
}

/// Why a key is not to be trusted.
fn mistrust(verdict: &Verdict, target: &Target, name: &str, key: &[u8]) -> Option<String> {
    let kind = hosts::kind(key).unwrap_or("unknown");
    let print = hosts::fingerprint(key);
    match verdict {
        Verdict::Known => None,
        Verdict::Unknown => {
            let file = target.known_hosts.first().map_or_else(
                || "known_hosts".to_owned(),
                |path| path.display().to_string(),
            );
            Some(format!(
                "the {kind} key {print} of {} is not known: where it is the right one, add '{}' to '{file}' \
                 (ssh-keyscan -p {} {} prints such lines)",
                target.name(),
                hosts::line(name, key),
                target.port,
                target.host,
            ))
        }
        Verdict::Changed(line) => Some(format!(
            "the key of {} has changed: it shows the {kind} key {print}, {line} has another; \
             somebody may be in between, or the server was made anew (then ssh-keygen -R '{name}' removes the old one)",
            target.name()
        )),
        Verdict::Revoked(line) => Some(format!(
            "the {kind} key {print} of {} is revoked by {line}",
            target.name()
        )),
    }
}

/// No agreement on how to talk, a request that makes no sense: LIBSSH2_ERROR_KEX_FAILURE, _METHOD_NONE,
/// _CHANNEL_FAILURE, _CHANNEL_REQUEST_DENIED, _METHOD_NOT_SUPPORTED, _ALGO_UNSUPPORTED.
const LASTING: [i32; 6] = [-5, -17, -21, -22, -33, -51];

/// An error of libssh2 in words; what the network does may pass.
pub fn explain(what: &str, error: &ssh2::Error) -> Fault {
    let message = format!("{what}: {}", error.message().to_lowercase());
    match error.code() {
        ErrorCode::Session(code) if LASTING.contains(&code) => {
            Fault::lasting(io::ErrorKind::Other, message)
        }
        _ => Fault::passing(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_kinds_of_keys_are_asked_for_first() {
        assert_eq!(
            preferred(&["ssh-rsa".to_owned()]),
            "rsa-sha2-512,rsa-sha2-256,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
        );
        assert!(preferred(&[]).starts_with("ssh-ed25519,"));
    }
}
