//! Opening connections, each address of a name having its share of the time.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, addr::SocketAddrArg, bind, connect,
    socket_with,
};

use crate::{Deadline, NetError, Phase};

/// So many addresses of a name are tried; the share of each would be too short for more.
pub const MAX_ADDRESSES: usize = 8;

/// A connection to the first address that accepts one, from the address `source` where given.
///
/// Each address has an equal share of what is left, so that one behind a silent firewall leaves time for the next.
///
/// # Errors
/// What the first address said: [`NetError::Connect`] when refused or unreachable, [`NetError::Timeout`] when silent.
/// [`NetError::Config`] when no address is of the family of `source`.
pub fn tcp(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    deadline: Deadline,
) -> Result<(TcpStream, SocketAddr), NetError> {
    let fits = |to: &&SocketAddr| source.is_none_or(|from| from.is_ipv4() == to.is_ipv4());
    let addresses: Vec<_> = addresses.iter().filter(fits).take(MAX_ADDRESSES).collect();
    let mut first = None;
    for (tried, address) in addresses.iter().enumerate() {
        if tried > 0 && deadline.remaining().is_none() {
            break;
        }
        match tcp_one(**address, source, deadline.share(addresses.len() - tried)) {
            Ok(stream) => return Ok((stream, **address)),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(match first {
        Some(NetError::Connect { target, source, .. }) => NetError::Connect {
            target,
            source,
            others: addresses.len() - 1,
        },
        Some(error) => error,
        None => NetError::Config {
            object: source.map_or_else(|| "no address".to_owned(), |from| from.to_string()),
            what: "there is no address of its family to connect to".to_owned(),
        },
    })
}

fn tcp_one(
    to: SocketAddr,
    from: Option<IpAddr>,
    deadline: Deadline,
) -> Result<TcpStream, NetError> {
    let target = to.to_string();
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = open(family, &target)?;
    if let Some(from) = from {
        bind(&socket, &SocketAddr::new(from, 0)).map_err(|error| NetError::Config {
            object: from.to_string(),
            what: format!(
                "cannot connect from it: {}",
                crate::error::reason(&error.into())
            ),
        })?;
    }
    establish(&socket, &to, &target, deadline)?;
    let stream = TcpStream::from(socket);
    // Probes write whole requests: waiting to fill a packet only blurs what is measured.
    stream
        .set_nodelay(true)
        .map_err(|error| failed(&target, error))?;
    Ok(stream)
}

/// A connection to the Unix socket at `path`; a name that begins with `@` is in the abstract space.
///
/// # Errors
/// As [`tcp`]; [`NetError::Config`] when the path is too long for a socket.
pub fn unix(path: &Path, deadline: Deadline) -> Result<UnixStream, NetError> {
    let target = path.display().to_string();
    let address = match path.to_str().and_then(|text| text.strip_prefix('@')) {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        None => SocketAddrUnix::new(path),
    };
    let address = address.map_err(|_| NetError::Config {
        object: target.clone(),
        what: "it is too long for the path of a socket".to_owned(),
    })?;
    let socket = open(AddressFamily::UNIX, &target)?;
    establish(&socket, &address, &target, deadline)?;
    Ok(UnixStream::from(socket))
}

fn open(family: AddressFamily, target: &str) -> Result<OwnedFd, NetError> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|error| failed(target, error.into()))
}

/// Connects within the deadline. The send timeout of a socket bounds `connect` too (socket(7)), also for a Unix
/// socket whose backlog is full, on which one cannot poll.
fn establish(
    socket: &OwnedFd,
    address: &impl SocketAddrArg,
    target: &str,
    deadline: Deadline,
) -> Result<(), NetError> {
    loop {
        let Some(wait) = deadline.wait() else {
            return Err(NetError::Timeout {
                phase: Phase::Connect,
                target: target.to_owned(),
            });
        };
        set_socket_timeout(socket, Timeout::Send, Some(wait))
            .map_err(|error| failed(target, error.into()))?;
        match connect(socket, address) {
            // Interrupted by a signal or its timer, it goes on in the kernel: the next call waits for it.
            Err(Errno::INTR | Errno::ALREADY | Errno::INPROGRESS | Errno::AGAIN) => {}
            Ok(()) | Err(Errno::ISCONN) => return Ok(()),
            Err(Errno::TIMEDOUT) => {
                return Err(NetError::Timeout {
                    phase: Phase::Connect,
                    target: target.to_owned(),
                });
            }
            Err(error) => return Err(failed(target, error.into())),
        }
    }
}

fn failed(target: &str, source: io::Error) -> NetError {
    NetError::Connect {
        target: target.to_owned(),
        others: 0,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, Instant};

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address of this machine on which nothing listens.
    fn closed() -> SocketAddr {
        listener().1
    }

    /// A listener whose queue is full: the kernel drops further SYNs, as a firewall does.
    fn black_hole() -> (OwnedFd, Vec<TcpStream>, SocketAddr) {
        let fd = open(AddressFamily::INET, "test").unwrap();
        bind(&fd, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
        rustix::net::listen(&fd, 0).unwrap();
        let address = TcpListener::from(fd.try_clone().unwrap())
            .local_addr()
            .unwrap();
        let mut kept = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            kept.push(stream);
        }
        (fd, kept, address)
    }

    #[test]
    fn a_refused_connection_is_not_a_timeout_and_has_a_hint() {
        let address = closed();
        let error = tcp(&[address], None, soon()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to '{address}': connection refused")
        );
        assert!(error.hint().unwrap().contains("nothing listens"));
        assert!(error.may_retry());
    }

    #[test]
    fn a_silent_address_ends_with_the_deadline() {
        let (_fd, _kept, address) = black_hole();
        let began = Instant::now();
        let error = tcp(
            &[address],
            None,
            Deadline::after(Duration::from_millis(200)),
        )
        .unwrap_err();
        assert!(
            matches!(
                error,
                NetError::Timeout {
                    phase: Phase::Connect,
                    ..
                }
            ),
            "{error}"
        );
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(195) && took < Duration::from_millis(300));
    }

    #[test]
    fn a_black_holed_first_address_leaves_time_for_the_second() {
        let (_fd, _kept, dead) = black_hole();
        let (_listener, alive) = listener();
        let deadline = Deadline::after(Duration::from_millis(600));
        let (_, address) = tcp(&[dead, alive], None, deadline).unwrap();
        assert_eq!(address, alive);
        assert!(deadline.remaining().is_some());
    }

    #[test]
    fn when_all_addresses_fail_the_first_is_named_and_the_others_counted() {
        let (one, two) = (closed(), closed());
        let error = tcp(&[one, two], None, soon()).unwrap_err();
        assert!(error.to_string().contains(&one.to_string()));
        assert!(error.to_string().ends_with("(nor to 1 more address)"));
    }

    #[test]
    fn a_connection_comes_from_the_source_address_that_was_asked_for() {
        let (listener, address) = listener();
        let source = IpAddr::from([127, 0, 0, 9]);
        let (_stream, _) = tcp(&[address], Some(source), soon()).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip(), source);
        let other = IpAddr::from([192, 0, 2, 77]);
        let error = tcp(&[address], Some(other), soon()).unwrap_err();
        assert!(error.to_string().contains("'192.0.2.77'"), "{error}");
        let error = tcp(&[address], Some("::1".parse().unwrap()), soon()).unwrap_err();
        assert!(error.to_string().contains("of its family"), "{error}");
    }

    #[test]
    fn a_unix_socket_is_connected_to_missing_or_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let missing = unix(&path, soon()).unwrap_err();
        assert!(missing.to_string().contains("no such file"), "{missing}");
        let _listener = UnixListener::bind(&path).unwrap();
        unix(&path, soon()).unwrap();
        let long = folder.path().join("x".repeat(200));
        assert!(matches!(unix(&long, soon()), Err(NetError::Config { .. })));
    }

    #[test]
    fn a_unix_socket_with_a_full_backlog_ends_with_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let fd = open(AddressFamily::UNIX, "test").unwrap();
        bind(&fd, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&fd, 0).unwrap();
        let _queued = unix(&path, soon()).unwrap();
        let began = Instant::now();
        let error = unix(&path, Deadline::after(Duration::from_millis(100))).unwrap_err();
        assert!(matches!(error, NetError::Timeout { .. }), "{error}");
        assert!(began.elapsed() < Duration::from_millis(200));
    }
}
