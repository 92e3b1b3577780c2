//! The certificate of anything that speaks TLS, from the first byte or after STARTTLS, or of a file.
//!
//! The certificates are looked at, dated and described whatever is wrong with them; nothing is asked of the service
//! behind them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ce_net::tls::{self, Peer, Roots, TlsOptions, TlsVersion, Verify};
use ce_net::{CertInfo, Deadline, Family, NetError, Stream, cert, connect};
use ce_record::{Finding, Range};
use clap::{Args, ValueEnum};
use regex::Regex;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::names;
use crate::starttls::{self, Protocol};

mod judge;

pub(super) static CHECK: Check = Check::new::<Tls>(
    "tls",
    Group::Network,
    "The certificate of anything that speaks TLS, or of a file",
)
.metrics(&[
    MetricDoc { name: "certificate_left", unit: "s", about: "until the server's own certificate expires" },
    MetricDoc { name: "chain_left", unit: "s", about: "until the first certificate of its chain expires" },
    MetricDoc { name: "lifetime_left_percent", unit: "%", about: "share of the own certificate's lifetime that is left" },
    MetricDoc { name: "time", unit: "us", about: "from the lookup to the end of the handshake" },
])
.data(&[
    Field { name: "address", kind: "string", about: "what was connected to" },
    Field { name: "tls", kind: "string", about: "the version agreed on" },
    Field { name: "cipher", kind: "string", about: "the cipher suite agreed on" },
    Field { name: "certificates", kind: "array", about: "the server's own and those above it: subject, issuer, names, dates, key, fingerprint" },
]);

/// The certificate of anything that speaks TLS, or of a file
///
/// Without -w and -c it warns when 28 days are left and is CRITICAL when 7 are; with --lifetime instead by the share
/// of its lifetime, as short-lived certificates need it. Chain, dates and name are verified.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check tls -H www.example.org -w 21: -c 7:
  ce-check tls -H mail.example.org --starttls smtp --lifetime 33:,10:
  ce-check tls --file /etc/ssl/private/site.pem --issuer \"Let's Encrypt\"")]
pub(super) struct Tls {
    /// Connect to this host and expect a certificate for it
    #[arg(
        short = 'H',
        long,
        value_name = "HOST",
        required_unless_present = "file",
        visible_alias = "host"
    )]
    hostname: Option<String>,

    /// Connect to this address or name instead
    #[arg(
        short = 'I',
        long = "IP-address",
        value_name = "ADDRESS",
        visible_alias = "resolve-to"
    )]
    address: Option<String>,

    /// Connect to this port [default: 443, with --starttls its protocol's]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// Ask for, and expect, a certificate for this name instead
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// Ask for TLS in this protocol first
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Protocol>,

    /// Look at the certificates of this PEM file; nothing is connected to
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hostname", "address", "port", "starttls", "server_name"])]
    file: Option<PathBuf>,

    /// WARNING when the days left are outside this range [default: 28:]
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    warning: Option<Range>,

    /// CRITICAL when the days left are outside this range [default: 7:]
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    critical: Option<Range>,

    /// WARNING and CRITICAL when the percentage of the lifetime left is outside these ranges
    #[arg(long, value_name = "WARN[,CRIT]", value_parser = judge::lifetime)]
    lifetime: Option<judge::Lifetime>,

    /// What must be right: full (chain, dates and name), chain (all but the name) or off (nothing)
    #[arg(long, value_name = "WHAT", default_value = "full")]
    verify: What,

    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE", visible_alias = "ca-cert")]
    roots: Option<PathBuf>,

    /// CRITICAL when the server agrees on nothing newer than before this version
    #[arg(long, value_name = "VERSION", default_value = "1.2", value_parser = judge::version)]
    min_version: TlsVersion,

    /// CRITICAL when an RSA key has fewer bits
    #[arg(long, value_name = "BITS", default_value_t = 2048)]
    min_bits: u32,

    /// CRITICAL when the issuer does not match
    #[arg(long, value_name = "REGEX")]
    issuer: Option<Regex>,

    /// CRITICAL when the certificate has none of these SHA-256 fingerprints
    #[arg(long, value_name = "SHA256", value_parser = judge::fingerprint)]
    fingerprint: Vec<String>,

    /// Show the server this certificate (PEM)
    #[arg(short = 'J', long, value_name = "FILE")]
    client_cert: Option<PathBuf>,

    /// The private key of -J (PEM) [default: in the same file]
    #[arg(short = 'K', long, value_name = "FILE", requires = "client_cert")]
    private_key: Option<PathBuf>,

    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "use_ipv6")]
    use_ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    use_ipv6: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Full,
    Chain,
    Off,
}

/// What was seen.
struct Facts {
    chain: Vec<CertInfo>,
    met: Option<Met>,
}

/// Of a server, not of a file.
struct Met {
    peer: Peer,
    address: String,
    took: Duration,
}

impl Observe for Tls {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.days())?;
        let lifetime = self
            .lifetime
            .map(judge::Lifetime::thresholds)
            .unwrap_or_default();
        refuse_contradiction("the first of --lifetime", "the second", lifetime)
    }

    fn subject(&self) -> Subject {
        match (&self.file, &self.hostname) {
            (Some(file), _) => Subject::default().object(file.display().to_string()),
            (None, Some(host)) => {
                let name = self.name(host);
                Subject::remote(self.address.as_ref().unwrap_or(host).as_str())
                    .object(format!("{name}:{}", self.port()))
            }
            (None, None) => Subject::default(),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let facts = match (&self.file, &self.hostname) {
            (Some(file), _) => Facts {
                chain: cert::read_pem(file)?,
                met: None,
            },
            (None, Some(host)) => self.meet(host, context)?,
            (None, None) => return Err(Fault::usage("name the server: -H HOST")),
        };
        Ok(vec![self.subject().apply(self.judge(&facts, context.now))])
    }
}

impl Tls {
    fn port(&self) -> u16 {
        self.port
            .unwrap_or(self.starttls.map_or(443, Protocol::port))
    }

    fn name<'a>(&'a self, host: &'a str) -> &'a str {
        self.server_name.as_deref().unwrap_or(host)
    }

    fn meet(&self, host: &str, context: &Context) -> Result<Facts, NetError> {
        let began = Instant::now();
        let deadline = Deadline::at(context.deadline);
        let family = match (self.use_ipv4, self.use_ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        let to = self.address.as_deref().unwrap_or(host);
        let addresses = names::resolve(to, self.port(), family, deadline)?;
        let (socket, address) = connect::tcp(&addresses, None, deadline)?;
        let mut stream = Stream::tcp(socket, format!("{to}:{}", self.port()), deadline);
        if let Some(protocol) = self.starttls {
            starttls::begin(&mut stream, protocol, &context.host)?;
        }
        let options = TlsOptions {
            verify: match self.verify {
                What::Full => Verify::Full,
                What::Chain => Verify::Chain,
                What::Off => Verify::Off,
            },
            roots: self.roots.clone().map_or(Roots::System, Roots::File),
            client: self.client_cert.clone().map(|certificate| {
                let key = self
                    .private_key
                    .clone()
                    .unwrap_or_else(|| certificate.clone());
                (certificate, key)
            }),
            ..TlsOptions::default()
        };
        let (stream, peer) = tls::handshake(stream, self.name(host), &options)?;
        let took = began.elapsed();
        stream.close();
        Ok(Facts {
            chain: peer.chain.clone(),
            met: Some(Met {
                peer,
                address: address.to_string(),
                took,
            }),
        })
    }
}

#[cfg(test)]
mod tests;
