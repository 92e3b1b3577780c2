//! Sending echo requests and collecting what comes back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ce_net::{Deadline, NetError};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, SocketFlags, SocketType, ipproto, socket_with, sockopt,
};

use super::packet::{self, Heard, Version};
use crate::fault::Fault;

/// Enough for an IPv4 header with options and the largest packet that is sent.
const BUFFER_BYTES: usize = 65_535;
/// How it is pinged.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub packets: u16,
    pub interval: Duration,
    /// How long the last reply is waited for.
    pub patience: Duration,
    pub data_bytes: usize,
    pub ttl: Option<u8>,
    pub source: Option<IpAddr>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echoes {
    /// For each request its round trip, none where nothing came back.
    pub trips: Vec<Option<Duration>>,
    /// What routers, the host or this machine's kernel said instead.
    pub failure: Option<String>,
}

struct Echo {
    /// Not UDP: std's socket of datagrams, which asks the kernel for nothing that an ICMP socket lacks.
    socket: UdpSocket,
    is_raw: bool,
    version: Version,
    to: SocketAddr,
    ident: u16,
    token: [u8; 8],
}

/// Pings one address.
///
/// # Errors
/// No socket may be opened, or the kernel refuses to send at all.
pub fn ping(to: IpAddr, plan: &Plan, deadline: Deadline) -> Result<Echoes, Fault> {
    let echo = Echo::open(to, plan)?;
    let started = Instant::now();
    let mut sent: Vec<Instant> = Vec::new();
    let mut echoes = Echoes::default();
    while sent.len() < usize::from(plan.packets) && deadline.remaining().is_some() {
        let sequence = u16::try_from(sent.len()).unwrap_or(u16::MAX);
        let now = Instant::now();
        if let Err(error) = echo.send(sequence, plan.data_bytes) {
            if error.kind() == io::ErrorKind::PermissionDenied {
                return Err(Fault::System {
                    action: format!("cannot ping {to}"),
                    source: error,
                });
            }
            echoes.failure.get_or_insert_with(|| reason(&error));
        }
        sent.push(now);
        echoes.trips.push(None);
        let is_last = sent.len() == usize::from(plan.packets);
        let pause = if is_last {
            now + plan.patience
        } else {
            started + plan.interval * u32::try_from(sent.len()).unwrap_or(u32::MAX)
        };
        let until = Deadline::at(pause).min(deadline);
        echo.collect(&sent, &mut echoes, is_last, until);
    }
    Ok(echoes)
}

impl Echo {
    fn open(to: IpAddr, plan: &Plan) -> Result<Self, Fault> {
        let (family, protocol, version, any): (_, _, _, IpAddr) = match to {
            IpAddr::V4(_) => (
                AddressFamily::INET,
                ipproto::ICMP,
                Version::V4,
                Ipv4Addr::UNSPECIFIED.into(),
            ),
            IpAddr::V6(_) => (
                AddressFamily::INET6,
                ipproto::ICMPV6,
                Version::V6,
                Ipv6Addr::UNSPECIFIED.into(),
            ),
        };
        let failed = |action: &str| {
            let action = format!("{action} {to}");
            move |source: io::Error| Fault::System { action, source }
        };
        let (socket, is_raw) = open(family, protocol)?;
        // ping_bind(): a datagram socket needs an identifier, which any address with port 0 makes the kernel choose.
        let from = plan.source.unwrap_or(any);
        if from.is_ipv4() != to.is_ipv4() {
            return Err(Fault::usage(format!(
                "cannot ping {to} from {from}: they are of different families"
            )));
        }
        if plan.source.is_some() || !is_raw {
            rustix::net::bind(&socket, &SocketAddr::new(from, 0))
                .map_err(|error| failed(&format!("cannot use {from} to ping"))(error.into()))?;
        }
        if let Some(ttl) = plan.ttl {
            let set = match to {
                IpAddr::V4(_) => sockopt::set_ip_ttl(&socket, u32::from(ttl)),
                IpAddr::V6(_) => sockopt::set_ipv6_unicast_hops(&socket, Some(ttl)),
            };
            set.map_err(|error| failed("cannot set the time to live for")(error.into()))?;
        }
        let socket = UdpSocket::from(socket);
        let to = SocketAddr::new(to, 0);
        if !is_raw {
            // Connected, it hears of errors. No route shows when it sends.
            let _ = socket.connect(to);
        }
        let random: [u8; 10] = ring::rand::generate(&ring::rand::SystemRandom::new())
            .map_err(|_| Fault::Absent("this machine gives no random numbers".to_owned()))?
            .expose();
        let [a, b, token @ ..] = random;
        Ok(Self {
            socket,
            is_raw,
            version,
            to,
            ident: u16::from_be_bytes([a, b]),
            token,
        })
    }

    fn send(&self, sequence: u16, data_bytes: usize) -> io::Result<()> {
        let packet = packet::request(self.version, self.ident, sequence, self.token, data_bytes);
        loop {
            match self.socket.send_to(&packet, self.to) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent.map(drop),
            }
        }
    }

    /// Hears until then, or until all have come back when `is_last`.
    fn collect(&self, sent: &[Instant], echoes: &mut Echoes, is_last: bool, until: Deadline) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            if is_last && echoes.trips.iter().all(Option::is_some) {
                return;
            }
            let Some(wait) = until.wait() else { return };
            let received = self
                .socket
                .set_read_timeout(Some(wait))
                .and_then(|()| self.socket.recv_from(&mut buffer));
            let now = Instant::now();
            let (length, from) = match received {
                Ok(received) => received,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                Err(error) => {
                    // The kernel tells of an ICMP error once; replies may still follow.
                    echoes.failure = Some(reason(&error));
                    continue;
                }
            };
            let with_header = self.is_raw && self.version == Version::V4;
            match packet::parse(self.version, &buffer[..length], with_header, self.token) {
                Some(Heard::Reply { ident, sequence })
                    if from.ip() == self.to.ip() && (!self.is_raw || ident == self.ident) =>
                {
                    let at = usize::from(sequence);
                    if let (Some(sent), Some(trip @ None)) =
                        (sent.get(at), echoes.trips.get_mut(at))
                    {
                        *trip = Some(now.saturating_duration_since(*sent));
                    }
                }
                Some(Heard::Failed { ident, what, .. }) if !self.is_raw || ident == self.ident => {
                    echoes.failure = Some(format!("{what}, says {}", from.ip()));
                }
                _ => {}
            }
        }
    }
}

/// A datagram ICMP socket where the kernel lets this group have one, else a raw one.
fn open(family: AddressFamily, protocol: Protocol) -> Result<(rustix::fd::OwnedFd, bool), Fault> {
    let open = |kind| socket_with(family, kind, SocketFlags::CLOEXEC, Some(protocol));
    let datagram = match open(SocketType::DGRAM) {
        Ok(socket) => return Ok((socket, false)),
        Err(error) => error,
    };
    match open(SocketType::RAW) {
        Ok(socket) => Ok((socket, true)),
        Err(Errno::PERM | Errno::ACCESS) if datagram == Errno::ACCESS => Err(Fault::Forbidden {
            action: "cannot open a socket for ping: permission denied".to_owned(),
            hint: "let every group ping: sysctl -w net.ipv4.ping_group_range='0 2147483647', or give the program CAP_NET_RAW"
                .to_owned(),
        }),
        Err(error) => Err(Fault::Net(NetError::Connect {
            target: "icmp".to_owned(),
            others: 0,
            source: error.into(),
        })),
    }
}

/// The system's words, as in our messages.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}
