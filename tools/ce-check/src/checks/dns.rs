//! Name servers: that they answer, in time, with what is expected.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ce_net::{Deadline, NetError, resolve};
use ce_record::{Cause, Finding, Metric, Number, State};
use clap::Args;
use jiff::Timestamp;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::root::Root;
use crate::target::FamilyFlags;
use crate::timing::{TIME, TimeLimits};

mod exchange;
mod expect;
mod message;
mod serials;

use exchange::{Answered, Asked};
use expect::{Amount, Expectation, Expected};
use message::{Ask, Code, Data, Type};

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
        ],
    },
    Plugin {
        name: "check_dig",
        word: "DNS",
        preset: &["--dig"],
        perfdata: crate::timing::perfdata,
        deviations: &[
            "without -a any answer is OK: comparing the answer with the name that was asked for tells nothing",
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

    fn judge_time(&self, finding: Finding, took: Duration) -> Finding {
        let state = State::worst([finding.state, self.limits.judge(took)]);
        let mut finding = Finding { state, ..finding };
        if let Some(time) = finding.metrics.iter_mut().find(|one| one.name == TIME.name) {
            *time = self.limits.metric(took);
        }
        finding
    }

    fn judge(&self, facts: &Facts, now: Timestamp) -> Finding {
        let mut values: Vec<String> = Vec::new();
        let mut aliases = Vec::new();
        let mut ttl_s = None;
        for (answered, kind) in facts.answers.iter().zip(&facts.kinds) {
            for record in &answered.message.answer {
                if record.kind == *kind || kind.0 == 255 {
                    values.push(record.data.to_string());
                    ttl_s = ttl_s.min(Some(record.ttl_s)).or(Some(record.ttl_s));
                } else if record.kind == Type::CNAME {
                    aliases.push(record.data.to_string());
                }
            }
        }
        values.sort_unstable();
        values.dedup();
        aliases.dedup();

        let took = ce_record::quantity::duration(facts.took);
        let (state, cause, summary) = match self.fault(facts, &values) {
            // check_dig warns of what check_dns takes for an outage.
            Some((cause, summary)) if self.dig && cause == Cause::CONTENT => {
                (State::Warning, cause, summary)
            }
            Some((cause, summary)) => (State::Critical, cause, summary),
            None if self.expect_nxdomain => (
                State::Ok,
                Cause::THRESHOLD,
                format!("no such name, as expected, in {took}"),
            ),
            None => (
                self.limits.judge(facts.took),
                Cause::THRESHOLD,
                format!("{} in {took}", some(&values)),
            ),
        };
        let mut finding = Finding::new(state, summary)
            .cause(cause)
            .metric(self.limits.metric(facts.took))
            .data("answers", values);
        if !aliases.is_empty() {
            finding = finding.data("aliases", aliases);
        }
        if let Some(ttl_s) = ttl_s {
            finding = finding.data("ttl_s", ttl_s);
        }
        if let Some(answered) = facts.answers.last() {
            finding = finding
                .data("code", answered.message.code.to_string())
                .data("server", answered.server.to_string())
                .data("flags", flags(answered));
        }
        for failed in &facts.failed {
            finding = finding.detail(failed);
        }
        match self.signature_days {
            Some(days) => judge_signatures(finding, facts, days, now),
            None => finding,
        }
    }

    /// What is wrong with the answers, the time they took apart.
    fn fault(&self, facts: &Facts, values: &[String]) -> Option<(Cause, String)> {
        let bad = |answered: &&Answered| {
            let code = answered.message.code;
            if self.expect_nxdomain {
                code != Code::NX_DOMAIN
            } else {
                code != Code::NO_ERROR
            }
        };
        if let Some(answered) = facts.answers.iter().find(bad) {
            let code = answered.message.code;
            return Some(match code {
                Code::NO_ERROR => (
                    Cause::CONTENT,
                    format!("the name exists ({}) but should not", some(values)),
                ),
                Code::NX_DOMAIN => (
                    Cause::DNS,
                    format!("'{}' does not exist (NXDOMAIN)", facts.name),
                ),
                _ => (Cause::DNS, format!("{} answers {code}", answered.server)),
            });
        }
        // An answer that there is no AAAA record says nothing of the one that there is an A record.
        let has_values = |answered: &&Answered| !answered.message.answer.is_empty();
        let telling = facts.answers.iter().filter(has_values);
        let all = |has: fn(&Answered) -> bool| telling.clone().all(has);
        let server = facts.answers.first().map(|answered| answered.server);
        let server = server.map(|server| server.to_string()).unwrap_or_default();
        if self.has("") && !all(|answered| answered.message.flags.authoritative) {
            let summary = format!("{server} is not authoritative for '{}'", facts.name);
            return Some((Cause::CONTENT, summary));
        }
        if self.expect_authentic && !all(|answered| answered.message.flags.authentic) {
            let summary = format!("{server} has not verified the answer by DNSSEC");
            return Some((Cause::CONTENT, summary));
        }
        if values.is_empty() && !self.expect_nxdomain {
            let summary = format!("'{}' has no {} record", facts.name, list(&facts.kinds));
            return Some((Cause::CONTENT, summary));
        }
        let fault = expect::fault(&self.expected(), values, self.amount())?;
        Some((Cause::CONTENT, format!("{fault} in {}", some(values))))
    }
}

fn list(kinds: &[Type]) -> String {
    let names: Vec<String> = kinds.iter().map(Type::to_string).collect();
    names.join(",")
}

/// The first values, for a phone.
fn some(values: &[String]) -> String {
    match values {
        [] => "nothing".to_owned(),
        [one, two, three, _, rest @ ..] => {
            format!("{one}, {two}, {three} and {} more", rest.len() + 1)
        }
        few => few.join(", "),
    }
}

fn flags(answered: &Answered) -> Vec<&'static str> {
    let flags = answered.message.flags;
    [
        (flags.authoritative, "AA"),
        (flags.authentic, "AD"),
        (flags.recursion, "RA"),
        (answered.tcp, "TC"),
    ]
    .into_iter()
    .filter(|(is_set, _)| *is_set)
    .map(|(_, name)| name)
    .collect()
}

/// Days until the first of the signatures expires; its time counts modulo 2^32 seconds (RFC 4034, 3.1.5).
fn first_expiry(facts: &Facts, now: Timestamp) -> Option<f64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let now_s = now.as_second() as u32;
    facts
        .answers
        .iter()
        .flat_map(|answered| &answered.message.answer)
        .filter_map(|record| match record.data {
            #[allow(clippy::cast_possible_wrap)]
            Data::Signature { expires, .. } => Some(expires.wrapping_sub(now_s) as i32),
            _ => None,
        })
        .min()
        .map(|seconds| f64::from(seconds) / 86_400.0)
}

fn judge_signatures(finding: Finding, facts: &Facts, limit: Days, now: Timestamp) -> Finding {
    let Some(days) = first_expiry(facts, now) else {
        return Finding {
            state: State::Critical,
            summary: format!("no signature, {}", finding.summary),
            ..finding
        }
        .cause(Cause::CONTENT);
    };
    let state = match days {
        days if days <= limit.crit => State::Critical,
        days if days <= limit.warn => State::Warning,
        _ => State::Ok,
    };
    let finding = finding.metric(Metric::new("signature_days", Number::rounded(days, 2), ""));
    if state == State::Ok {
        return finding;
    }
    let words = if days < 0.0 {
        format!("a signature expired {:.1} days ago", -days)
    } else {
        format!("a signature expires in {days:.1} days")
    };
    Finding {
        state: State::worst([state, finding.state]),
        summary: format!("{words}, {}", finding.summary),
        ..finding
    }
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, Parser};

    use super::message::{Flags, Message, Resource};
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        dns: Dns,
    }

    fn dns(arguments: &str) -> Dns {
        let words = std::iter::once("dns").chain(arguments.split_whitespace());
        let matches = <Line as clap::CommandFactory>::command()
            .try_get_matches_from(words)
            .unwrap();
        Line::from_arg_matches(&matches).unwrap().dns
    }

    fn facts(dns: &Dns, code: Code, flags: Flags, data: &[Data]) -> Facts {
        let kinds = vec![Type::A];
        let record = |data: &Data| Resource {
            name: "www.example.org.".to_owned(),
            kind: match data {
                Data::Signature { .. } => Type(message::RRSIG),
                Data::Name(_) => Type::CNAME,
                _ => Type::A,
            },
            ttl_s: 300,
            data: data.clone(),
        };
        let message = Message {
            id: 1,
            is_response: true,
            flags,
            code,
            question: Vec::new(),
            answer: data.iter().map(record).collect(),
        };
        let answered = Answered {
            message,
            server: "192.0.2.53:53".parse().unwrap(),
            tcp: false,
        };
        Facts {
            name: dns.name(),
            kinds,
            answers: vec![answered],
            failed: Vec::new(),
            took: Duration::from_millis(20),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn an_answer_is_judged_by_code_flags_values_and_time() {
        let found = [
            Data::Name("cdn.example.net.".to_owned()),
            Data::A([192, 0, 2, 1].into()),
        ];
        let aa = Flags {
            authoritative: true,
            ..Flags::default()
        };
        let none = Flags::default();
        for (arguments, code, flags, data, state, summary) in [
            (
                "",
                Code::NO_ERROR,
                none,
                &found[..],
                State::Ok,
                "192.0.2.1 in 20 ms",
            ),
            (
                "-w 0.01",
                Code::NO_ERROR,
                none,
                &found,
                State::Warning,
                "192.0.2.1 in 20 ms",
            ),
            (
                "-a 192.0.2.1 -A",
                Code::NO_ERROR,
                aa,
                &found,
                State::Ok,
                "192.0.2.1 in 20 ms",
            ),
            (
                "-A",
                Code::NO_ERROR,
                none,
                &found,
                State::Critical,
                "192.0.2.53:53 is not authoritative for 'www.example.org'",
            ),
            (
                "--expect-authentic",
                Code::NO_ERROR,
                aa,
                &found,
                State::Critical,
                "192.0.2.53:53 has not verified the answer by DNSSEC",
            ),
            (
                "-a 10.0.0.0/8",
                Code::NO_ERROR,
                none,
                &found,
                State::Critical,
                "none of the expected values in 192.0.2.1",
            ),
            (
                "",
                Code::NO_ERROR,
                none,
                &[],
                State::Critical,
                "'www.example.org' has no A record",
            ),
            (
                "",
                Code::NX_DOMAIN,
                none,
                &[],
                State::Critical,
                "'www.example.org' does not exist (NXDOMAIN)",
            ),
            (
                "-n",
                Code::NX_DOMAIN,
                none,
                &[],
                State::Ok,
                "no such name, as expected, in 20 ms",
            ),
            (
                "-n",
                Code::NO_ERROR,
                none,
                &found,
                State::Critical,
                "the name exists (192.0.2.1) but should not",
            ),
            (
                "",
                Code::SERV_FAIL,
                none,
                &[],
                State::Critical,
                "192.0.2.53:53 answers SERVFAIL",
            ),
        ] {
            let dns = dns(&format!("-H www.example.org {arguments}"));
            let finding = dns.judge(&facts(&dns, code, flags, data), now());
            assert_eq!(
                (finding.state, &*finding.summary),
                (state, summary),
                "{arguments}"
            );
        }
    }

    #[test]
    fn signatures_warn_before_they_expire() {
        let dns = dns("-H www.example.org --signature-days 10,2");
        let signed = |expires: u32| {
            [
                Data::A([192, 0, 2, 1].into()),
                Data::Signature {
                    covered: Type::A,
                    signer: "example.org.".to_owned(),
                    expires,
                },
            ]
        };
        for (expires, state, begin) in [
            (1_800_000_000 + 20 * 86_400, State::Ok, "192.0.2.1"),
            (
                1_800_000_000 + 5 * 86_400,
                State::Warning,
                "a signature expires in 5.0 days",
            ),
            (
                1_800_000_000 - 86_400,
                State::Critical,
                "a signature expired 1.0 days ago",
            ),
        ] {
            let facts = facts(&dns, Code::NO_ERROR, Flags::default(), &signed(expires));
            let finding = dns.judge(&facts, now());
            assert_eq!(finding.state, state, "{}", finding.summary);
            assert!(finding.summary.starts_with(begin), "{}", finding.summary);
        }
        let unsigned = facts(&dns, Code::NO_ERROR, Flags::default(), &signed(0)[..1]);
        assert_eq!(dns.judge(&unsigned, now()).state, State::Critical);
    }

    #[test]
    fn a_server_and_a_name_are_given_as_to_check_dns_or_as_to_check_dig() {
        let subject = |arguments: &str| dns(arguments).subject();
        let there = Subject::remote("ns1").object("www.example.org");
        assert_eq!(subject("-s ns1 -H www.example.org"), there);
        assert_eq!(subject("-H ns1 -l www.example.org"), there);
        assert_eq!(dns("-H 192.0.2.1").wanted(), [Type::PTR]);
        assert_eq!(
            dns("-H ns1 -l 192.0.2.1 -T MX -A +tcp").wanted(),
            ["MX".parse().unwrap()]
        );
        assert!(dns("-H ns1 -l a -A +tcp").over_tcp());
        assert!(dns("-H größe.de").validate().is_err());
    }
}
