//! What a network check is aimed at: `-H`, `-p`, `-4` and `-6`, and the way there.

use std::net::SocketAddr;

use ce_net::{Deadline, Family, NetError, Stream, connect};
use clap::Args;

use crate::check::Subject;
use crate::names;

/// `-H HOST -p PORT -4 -6`: flatten it into the flags of a check that connects.
#[derive(Args, Clone, Debug, Default)]
pub struct Target {
    /// Name or address of the server
    #[arg(
        short = 'H',
        long = "hostname",
        value_name = "HOST",
        visible_alias = "host"
    )]
    pub host: String,

    /// Port, when it is not the usual one
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    #[command(flatten)]
    pub family: FamilyFlags,
}

/// `-4` and `-6`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct FamilyFlags {
    /// Use IPv4 only
    #[arg(
        short = '4',
        long = "ipv4",
        visible_alias = "use-ipv4",
        conflicts_with = "six"
    )]
    four: bool,

    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6", visible_alias = "use-ipv6")]
    six: bool,
}

impl FamilyFlags {
    /// As the resolver takes it.
    pub fn family(self) -> Family {
        match (self.four, self.six) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

impl Target {
    /// What a record is filed under: the host, and the port when it is not the usual one.
    pub fn subject(&self, usual: u16) -> Subject {
        let subject = Subject::remote(&self.host);
        match self.port {
            Some(port) if port != usual => subject.object(format!("port {port}")),
            _ => subject,
        }
    }

    /// Its addresses.
    pub fn addresses(&self, usual: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, NetError> {
        let port = self.port.unwrap_or(usual);
        names::resolve(&self.host, port, self.family.family(), deadline)
    }

    /// A plain connection to it.
    pub fn connect(&self, usual: u16, deadline: Deadline) -> Result<Stream, NetError> {
        let addresses = self.addresses(usual, deadline)?;
        let (stream, address) = connect::tcp(&addresses, None, deadline)?;
        Ok(Stream::tcp(stream, address.to_string(), deadline))
    }
}
