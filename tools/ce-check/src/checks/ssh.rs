//! SSH servers: that they answer, as what, and that their host key is the right one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ce_net::Deadline;
use ce_record::{Cause, Finding, State};
use clap::Args;

use crate::check::{Check, Field, Group, Observe, Plugin, Subject, in_seconds};
use crate::context::Context;
use crate::fault::Fault;
use crate::secure::worsen;
use crate::target::FamilyFlags;
use crate::timing::{TIME, TimeLimits};

mod exchange;
mod key;
mod known;
mod wire;

use exchange::Hello;
use key::{ALGORITHMS, HostKey, KeyType};
use known::{Known, Standing};

const PORT: u16 = 22;
/// A known_hosts file of a large site is a few megabytes.
const KNOWN_HOSTS_BYTES: u64 = 16 << 20;

pub(super) static CHECK: Check = Check::new::<Ssh>(
    "ssh",
    Group::Network,
    "SSH servers: that they answer, as what, with which host key",
)
.metrics(&[TIME])
.data(&[
    Field {
        name: "ciphers",
        kind: "array",
        about: "offered to encrypt what the server sends",
    },
    Field {
        name: "fingerprint",
        kind: "string",
        about: "of the host key that the server has proved to hold",
    },
    Field {
        name: "host_key",
        kind: "string",
        about: "type of that key",
    },
    Field {
        name: "host_key_algorithms",
        kind: "array",
        about: "offered to prove a host key",
    },
    Field {
        name: "key_exchange",
        kind: "array",
        about: "offered to agree on keys",
    },
    Field {
        name: "macs",
        kind: "array",
        about: "offered to authenticate what the server sends",
    },
    Field {
        name: "protocol",
        kind: "string",
        about: "version of the protocol",
    },
    Field {
        name: "software",
        kind: "string",
        about: "what the server says it is",
    },
])
.plugins(&[Plugin {
    name: "check_ssh",
    word: "SSH",
    preset: &[],
    label: |_, metric| (metric.name == "time").then(|| "time".to_owned()),
    deviations: &[
        "a server that greets but does not begin the key exchange is CRITICAL: nobody gets in",
        "-r takes the software alone (OpenSSH_9.2p1) besides the whole version",
    ],
}])
.plugin_unit(in_seconds);

/// SSH servers: that they answer, as what, with which host key
///
/// With --fingerprint, --known-hosts or --host-key-type the server is made to prove that it holds its host key, as
/// for a login; then the connection ends. No login is tried.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check ssh -H www.example.org -w 1 -c 3
  ce-check ssh -H www.example.org --known-hosts /etc/ssh/ssh_known_hosts
  ce-check ssh -H 192.0.2.1 -p 2222 --fingerprint SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]
pub(super) struct Ssh {
    /// Name or address of the server
    #[arg(
        short = 'H',
        long = "hostname",
        value_name = "HOST",
        visible_alias = "host"
    )]
    host: Option<String>,

    /// Name or address of the server
    #[arg(
        value_name = "HOST",
        required_unless_present = "host",
        conflicts_with = "host"
    )]
    place: Option<String>,

    /// Port
    #[arg(short, long, value_name = "PORT", default_value_t = PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    #[command(flatten)]
    family: FamilyFlags,

    /// Expect this version: the software (OpenSSH_9.2p1) or all that follows the protocol
    #[arg(short, long, value_name = "VERSION")]
    remote_version: Option<String>,

    /// Expect this version of the protocol
    #[arg(short = 'P', long, value_name = "VERSION")]
    remote_protocol: Option<String>,

    /// Expect a host key of this fingerprint, as ssh-keygen -l shows it; several times for any of several
    #[arg(long, value_name = "SHA256:HASH", value_parser = key::fingerprint)]
    fingerprint: Vec<String>,

    /// Expect a host key that this file holds for the host
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    known_hosts: Option<PathBuf>,

    /// Name of the host in --known-hosts [default: -H]
    #[arg(long, value_name = "NAME", requires = "known_hosts")]
    known_as: Option<String>,

    /// Have the server prove its key of this type
    #[arg(long, value_name = "TYPE")]
    host_key_type: Option<KeyType>,

    #[command(flatten)]
    limits: TimeLimits,
}

struct Facts {
    hello: Hello,
    key: Option<HostKey>,
    known: Option<Known>,
    took: Duration,
}

impl Observe for Ssh {
    fn validate(&self) -> Result<(), Fault> {
        self.limits.validate()
    }

    fn subject(&self) -> Subject {
        let subject = Subject::remote(self.host());
        if self.port == PORT {
            subject
        } else {
            subject.object(format!("port {}", self.port))
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let known = match &self.known_hosts {
            Some(path) => {
                let text = ce_cli::read_bounded(path, KNOWN_HOSTS_BYTES)?;
                let name = self.known_as.as_deref().unwrap_or(self.host());
                Some(Known::parse(&text, name, self.port))
            }
            None => None,
        };
        let facts = self.gather(known, Deadline::at(context.deadline))?;
        Ok(vec![self.subject().apply(self.judge(&facts))])
    }
}

impl Ssh {
    fn host(&self) -> &str {
        let host = self.host.as_deref().or(self.place.as_deref());
        host.unwrap_or_default()
    }

    /// The signature algorithms that are asked for: of the wanted type, those whose key is known first.
    fn algorithms(&self, known: Option<&Known>) -> Vec<&'static str> {
        let wanted = |kind: KeyType| self.host_key_type.is_none_or(|wanted| wanted == kind);
        let has_key = |name: &str| {
            let kind = if name.starts_with("rsa-") {
                "ssh-rsa"
            } else {
                name
            };
            known.is_some_and(|known| known.keys.iter().any(|key| key.kind() == kind))
        };
        let mut names: Vec<&str> = ALGORITHMS
            .iter()
            .filter(|(_, kind)| wanted(*kind))
            .map(|(name, _)| *name)
            .collect();
        names.sort_by_key(|name| !has_key(name));
        names
    }

    fn wants_key(&self) -> bool {
        !self.fingerprint.is_empty() || self.known_hosts.is_some() || self.host_key_type.is_some()
    }

    fn gather(&self, known: Option<Known>, deadline: Deadline) -> Result<Facts, Fault> {
        let started = Instant::now();
        let target = crate::target::Target {
            host: self.host().to_owned(),
            port: Some(self.port),
            family: self.family,
        };
        let mut stream = target.connect(PORT, deadline)?;
        let banner = exchange::greet(&mut stream)?;
        let hello = if banner.is_version_2() {
            exchange::hear_offer(&mut stream, banner)?
        } else {
            Hello::without_offer(banner)
        };
        let key = if self.wants_key() {
            let algorithms = self.algorithms(known.as_ref());
            Some(exchange::host_key(&mut stream, &hello, &algorithms)?)
        } else {
            None
        };
        let took = started.elapsed();
        stream.close();
        Ok(Facts {
            hello,
            key,
            known,
            took,
        })
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let banner = &facts.hello.banner;
        let offer = &facts.hello.offer;
        let mut finding = Finding::new(
            self.limits.judge(facts.took),
            format!(
                "{} (protocol {}) in {}",
                banner.version(),
                banner.protocol,
                ce_record::quantity::duration(facts.took)
            ),
        )
        .cause(Cause::THRESHOLD)
        .metric(self.limits.metric(facts.took))
        .data("protocol", &*banner.protocol)
        .data("software", banner.version());
        for (name, list) in [
            ("key_exchange", &exchange::methods(offer)),
            ("host_key_algorithms", &offer.host_key),
            ("ciphers", &offer.cipher[1]),
            ("macs", &offer.mac[1]),
        ] {
            finding = finding.data(name, list.clone());
        }
        if let Some(expected) = &self.remote_version
            && *expected != banner.version()
            && *expected != banner.software
        {
            let line = format!("version is {}, not {expected}", banner.version());
            finding = worsen(finding, State::Critical, Cause::CONTENT, &line);
        }
        if let Some(expected) = &self.remote_protocol
            && *expected != banner.protocol
        {
            let line = format!("protocol is {}, not {expected}", banner.protocol);
            finding = worsen(finding, State::Critical, Cause::CONTENT, &line);
        }
        if let Some(key) = &facts.key {
            finding = self.judge_key(finding, key, facts.known.as_ref());
        }
        finding
    }

    fn judge_key(&self, finding: Finding, key: &HostKey, known: Option<&Known>) -> Finding {
        let fingerprint = key.fingerprint();
        let finding = finding
            .data("host_key", key.kind())
            .data("fingerprint", &*fingerprint);
        let wrong = |finding, line: String| worsen(finding, State::Critical, Cause::AUTH, &line);
        if !self.fingerprint.is_empty() && !self.fingerprint.contains(&fingerprint) {
            let line = format!("host key is another: {} {fingerprint}", key.kind());
            return wrong(finding, line)
                .detail(format!("expected {}", self.fingerprint.join(" or ")))
                .detail("hint: is the fingerprint that of a key of another type? then add --host-key-type");
        }
        let line = match known.map(|known| known.standing(key)) {
            None | Some(Standing::Known) => return finding,
            Some(Standing::Changed) => {
                format!("host key has changed: {} {fingerprint}", key.kind())
            }
            Some(Standing::OtherType) => format!(
                "the server proves none of the known keys but {} {fingerprint}",
                key.kind()
            ),
            Some(Standing::Stranger) => format!("no host key is known for '{}'", self.host()),
            Some(Standing::Revoked) => format!("host key is revoked: {} {fingerprint}", key.kind()),
        };
        wrong(finding, line)
    }
}

#[cfg(test)]
mod tests;
