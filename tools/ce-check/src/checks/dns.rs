//! Name servers: that they answer, in time, with what is expected.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ce_net::{Deadline, NetError, resolve};
use ce_record::Finding;
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::root::Root;
use crate::target::FamilyFlags;
use crate::timing::{TIME, TimeLimits};

mod exchange;
mod expect;
mod judge;
mod message;
mod serials;

use exchange::{Answered, Asked};
use expect::{Amount, Expectation, Expected};
use judge::list;
use message::{Ask, Type};

pub(super) static CHECK: Check = Check::new::<Dns>(
    "dns",
    Group::Network,
    "Name servers: that they answer, and what",
)
.metrics(&[
    TIME,
    MetricDoc {
        name: "servers",
        unit: "",
        about: "addresses of name servers that serve the zone (with --serials)",
    },
    MetricDoc {
        name: "servers_behind",
        unit: "",
        about: "those with an older version of it (with --serials)",
    },
    MetricDoc {
        name: "signature_days",
        unit: "",
        about: "days until the first signature expires (with --signature-days)",
    },
])
.data(&[
    Field {
        name: "answers",
        kind: "array",
        about: "the values, sorted",
    },
    Field {
        name: "aliases",
        kind: "array",
        about: "the CNAMEs on the way to them",
    },
    Field {
        name: "code",
        kind: "string",
        about: "NOERROR, NXDOMAIN, SERVFAIL ...",
    },
    Field {
        name: "flags",
        kind: "array",
        about: "AA authoritative, AD verified by DNSSEC, RA recursion, TC came over TCP",
    },
    Field {
        name: "name_servers",
        kind: "array",
        about: "name, address, serial or fault of each (with --serials)",
    },
    Field {
        name: "server",
        kind: "string",
        about: "address and port of the server that answered",
    },
    Field {
        name: "ttl_s",
        kind: "integer",
        about: "the shortest life of the values",
    },
])
.plugins(&[
    Plugin {
        name: "check_dns",
        word: "DNS",
        preset: &[],
        perfdata: crate::timing::perfdata,
        deviations: &[
            "without -s the servers of /etc/resolv.conf are asked one after the other, each with its share of the time",
            "a name without an A and AAAA record, and SERVFAIL and REFUSED, are CRITICAL; nslookup's words are not parsed",
            "search domains are not tried: what is asked for is what is judged",
            "a server -s without an address is CRITICAL, as any that does not answer",
            "names are the same with and without their final dot",
        ],
    },
    Plugin {
        name: "check_dig",
        word: "DNS",
        preset: &["--dig"],
        perfdata: crate::timing::perfdata,
        deviations: &[
            "without -a any answer is OK: comparing the answer with the name that was asked for tells nothing",
            "-a is compared with whole values: 192.0.2.1 is not in 192.0.2.11",
            "a server that does not answer is CRITICAL: dig's exit code becomes a WARNING in the plugin",
            "-A takes +tcp, +dnssec and +norecurse: dig is not run",
        ],
    },
]);

/// Name servers: that they answer, and what
///
/// A name is looked up as it is, without search domains; an address is looked up backwards. Without -q a name is
/// asked for its A and AAAA records. With -l the name is there and -H is the server, as for check_dig.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check dns -H www.example.org -a 192.0.2.0/24 -w 0.2 -c 1
  ce-check dns -s ns1.example.org -H example.org -q MX -A
  ce-check dns -H example.org --serials")]
pub(super) struct Dns {
    /// Name or address to look up; the server when -l is given
    #[arg(
        short = 'H',
        long,
        value_name = "NAME",
        required_unless_present = "query_address"
    )]
    hostname: Option<String>,

    /// Look this up, at the server -H
    #[arg(
        short = 'l',
        long,
        value_name = "NAME",
        visible_alias = "query_address"
    )]
    query_address: Option<String>,

    /// Ask this server [default: those of /etc/resolv.conf]
    #[arg(short, long, value_name = "HOST", conflicts_with = "query_address")]
    server: Option<String>,

    /// Port of the server
    #[arg(short, long, value_name = "PORT", default_value_t = 53, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// Record types: A, AAAA, MX, NS, TXT, SOA, CNAME, PTR, SRV, CAA, DS, TYPEnnn and others
    #[arg(
        short = 'q',
        long = "type",
        value_name = "TYPE",
        value_delimiter = ',',
        visible_short_alias = 'T',
        visible_alias = "record_type"
    )]
    kinds: Vec<Type>,

    /// Expect this answer: an address, a network, or the text of the record; several times
    #[arg(
        short = 'a',
        long = "expect",
        value_name = "VALUE",
        visible_alias = "expected-address",
        alias = "expected_address"
    )]
    expected: Vec<Expectation>,

    /// Expect exactly the values of -a, no other
    #[arg(short = 'L', long, requires = "expected")]
    all: bool,

    /// Expect each value of -a, and maybe others
    #[arg(long, requires = "expected", conflicts_with = "all")]
    subset: bool,

    /// Expect that there is no such name
    #[arg(short = 'n', long, conflicts_with_all = ["expected", "serials"])]
    expect_nxdomain: bool,

    /// Expect the server to be authoritative; or one of dig's +tcp, +dnssec, +norecurse
    #[arg(short = 'A', long, visible_alias = "dig-arguments", value_name = "+WORD",
          num_args = 0..=1, default_missing_value = "", value_parser = ["", "+tcp", "+dnssec", "+norecurse"],
          hide_possible_values = true)]
    expect_authority: Vec<String>,

    /// Expect the server to have verified the answer by DNSSEC (flag AD)
    #[arg(long)]
    expect_authentic: bool,

    /// Ask over TCP at once
    #[arg(long)]
    tcp: bool,

    /// Compare the serial numbers of the zone at all of its name servers
    #[arg(long, conflicts_with_all = ["expected", "kinds"])]
    serials: bool,

    /// WARNING, and CRITICAL, when a signature expires within so many days
    #[arg(long, value_name = "WARN[,CRIT]", value_parser = days)]
    signature_days: Option<Days>,

    /// Taken from check_dig: a single question
    #[arg(long, hide = true)]
    dig: bool,

    #[command(flatten)]
    family: FamilyFlags,

    #[command(flatten)]
    limits: TimeLimits,

    #[command(flatten)]
    root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Days {
    warn: f64,
    crit: f64,
}

fn days(text: &str) -> Result<Days, String> {
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|days| days.is_finite() && *days >= 0.0)
            .ok_or_else(|| format!("'{text}' is no number of days"))
    };
    let (warn, crit) = text.split_once(',').unwrap_or((text, "0"));
    let days = Days {
        warn: number(warn)?,
        crit: number(crit)?,
    };
    if days.warn < days.crit {
        return Err(format!(
            "'{text}' can never warn: the first number is the larger one"
        ));
    }
    Ok(days)
}

/// What was asked, and what came.
struct Facts {
    name: String,
    kinds: Vec<Type>,
    answers: Vec<Answered>,
    /// Servers that were tried in vain.
    failed: Vec<String>,
    took: Duration,
}

impl Observe for Dns {
    fn validate(&self) -> Result<(), Fault> {
        message::encode_name(&self.name()).map_err(|error| Fault::usage(error.to_string()))?;
        self.limits.validate()
    }

    fn subject(&self) -> Subject {
        let subject = self.server().map_or_else(Subject::default, Subject::remote);
        let name = self.asked_for();
        subject.object(match &self.kinds[..] {
            _ if self.serials => format!("{name} serials"),
            [] => name.to_owned(),
            kinds => format!("{name} {}", list(kinds)),
        })
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let deadline = Deadline::at(context.deadline);
        let servers = self.servers(deadline)?;
        let started = Instant::now();
        if self.serials {
            let found = serials::gather(&self.name(), &servers, self.port, deadline)?;
            let took = started.elapsed();
            let finding = serials::judge(&found, took);
            return Ok(vec![self.subject().apply(self.judge_time(finding, took))]);
        }
        let mut facts = Facts {
            name: self.name(),
            kinds: self.wanted(),
            answers: Vec::new(),
            failed: Vec::new(),
            took: Duration::ZERO,
        };
        for kind in &facts.kinds {
            let asked = Asked::new(&facts.name, *kind, self.ask(), self.over_tcp())?;
            let (answered, failed) = asked.ask_any(&servers, deadline)?;
            facts.answers.push(answered);
            facts.failed.extend(failed.iter().map(NetError::to_string));
        }
        facts.failed.dedup();
        facts.took = started.elapsed();
        Ok(vec![self.subject().apply(self.judge(&facts, context.now))])
    }
}

impl Dns {
    fn asked_for(&self) -> &str {
        let name = self.query_address.as_ref().or(self.hostname.as_ref());
        name.map(String::as_str).unwrap_or_default()
    }

    /// The name for the question: an address turned round.
    fn name(&self) -> String {
        match self.asked_for().parse::<IpAddr>() {
            Ok(address) => message::reverse_name(address),
            Err(_) => self.asked_for().to_owned(),
        }
    }

    fn server(&self) -> Option<&str> {
        match &self.query_address {
            Some(_) => self.hostname.as_deref(),
            None => self.server.as_deref(),
        }
    }

    fn wanted(&self) -> Vec<Type> {
        let is_address = self.asked_for().parse::<IpAddr>().is_ok();
        match &self.kinds[..] {
            [] if is_address => vec![Type::PTR],
            [] if self.dig => vec![Type::A],
            [] => vec![Type::A, Type::AAAA],
            kinds => kinds.to_vec(),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.expect_authority.iter().any(|given| given == word)
    }

    fn over_tcp(&self) -> bool {
        self.tcp || self.has("+tcp")
    }

    fn ask(&self) -> Ask {
        Ask {
            recursion: !self.has("+norecurse"),
            dnssec: self.signature_days.is_some() || self.has("+dnssec"),
        }
    }

    fn servers(&self, deadline: Deadline) -> Result<Vec<SocketAddr>, Fault> {
        const RESOLV_CONF: &str = "/etc/resolv.conf";
        let family = self.family.family();
        if let Some(server) = self.server() {
            let mut addresses = resolve::resolve(server, self.port, family, deadline)?;
            // One server with several addresses is still one: its first decides.
            addresses.truncate(1);
            return Ok(addresses);
        }
        let text = self.root.read_if_there(RESOLV_CONF)?.unwrap_or_default();
        let mut servers = Vec::new();
        for name in exchange::name_servers(&text) {
            // A server of the other family than -4 or -6 wants is passed over.
            if let Ok(addresses) = resolve::resolve(&name, self.port, family, deadline) {
                servers.extend(addresses);
            }
        }
        if servers.is_empty() {
            return Err(self
                .root
                .malformed(RESOLV_CONF, "it names no usable server"));
        }
        Ok(servers)
    }

    fn expected(&self) -> Vec<Expected> {
        let lists = self.expected.iter().map(|Expectation(list)| list);
        lists.flatten().cloned().collect()
    }

    fn amount(&self) -> Amount {
        match (self.all, self.subset) {
            (true, _) => Amount::Exactly,
            (_, true) => Amount::Subset,
            _ => Amount::Any,
        }
    }
}

#[cfg(test)]
mod tests;
