//! Datagrams to one peer, with a deadline on every wait.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ce_net::{Deadline, NetError, Phase};

/// No datagram is longer.
const MAX_BYTES: usize = 65_535;
/// A UDP socket that hears only its peer, and hears from the kernel when the peer's machine says that nobody listens.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    target: String,
}

impl Datagrams {
    /// A socket on an ephemeral port.
    pub fn open(to: SocketAddr) -> Result<Self, NetError> {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let target = to.to_string();
        let socket = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect(to)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => Ok(Self { socket, target }),
            Err(source) => Err(refused(target, source)),
        }
    }

    /// Sends one datagram.
    pub fn send(&self, bytes: &[u8]) -> Result<(), NetError> {
        self.socket
            .send(bytes)
            .map(drop)
            .map_err(|source| refused(self.target.clone(), source))
    }

    /// The next datagram.
    ///
    /// # Errors
    /// [`NetError::Timeout`] when silence lasts until the deadline; [`NetError::Connect`] when ICMP says that the
    /// port or the machine is not reachable.
    pub fn receive(&self, deadline: Deadline) -> Result<Vec<u8>, NetError> {
        let mut buffer = vec![0; MAX_BYTES];
        loop {
            let Some(wait) = deadline.wait() else {
                return Err(NetError::Timeout {
                    phase: Phase::Receive,
                    target: self.target.clone(),
                });
            };
            let received = self
                .socket
                .set_read_timeout(Some(wait))
                .and_then(|()| self.socket.recv(&mut buffer));
            match received {
                Ok(length) => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) => {}
                Err(source) => return Err(refused(self.target.clone(), source)),
            }
        }
    }
}

fn refused(target: String, source: io::Error) -> NetError {
    NetError::Connect {
        target,
        others: 0,
        source,
    }
}
