//! Whether a host answers to ICMP echo requests, how fast, and how many are lost.

use std::net::IpAddr;
use std::time::Duration;

use ce_net::{Deadline, resolve};
use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::runner;
use crate::target::FamilyFlags;
use crate::timing;

mod packet;
mod probe;

use probe::{Echoes, Plan};

pub(super) static CHECK: Check = Check::new::<Ping>(
    "ping",
    Group::Network,
    "Round trip and loss of ICMP echo requests",
)
.metrics(&[
    MetricDoc {
        name: "rta",
        unit: "us",
        about: "mean round trip",
    },
    MetricDoc {
        name: "pl",
        unit: "%",
        about: "requests without a reply",
    },
    MetricDoc {
        name: "rtmin",
        unit: "us",
        about: "shortest round trip",
    },
    MetricDoc {
        name: "rtmax",
        unit: "us",
        about: "longest round trip",
    },
    MetricDoc {
        name: "jitter",
        unit: "us",
        about: "mean difference between one round trip and the next",
    },
])
.data(&[
    Field {
        name: "address",
        kind: "string",
        about: "the address that was pinged",
    },
    Field {
        name: "received",
        kind: "integer",
        about: "replies",
    },
    Field {
        name: "sent",
        kind: "integer",
        about: "requests",
    },
])
.plugins(&[
    Plugin {
        name: "check_ping",
        word: "PING",
        preset: &["--just-as-plugin"],
        perfdata: |_, metric| {
            matches!(&*metric.name, "rta" | "pl").then(|| in_plugins_unit(metric))
        },
        deviations: &[
            "requests go out every 200 ms instead of every second (-i): the answer is there sooner",
            "the program ping is not run; -L is taken and does nothing",
            "a loss above 100% is refused: it could never be reached",
            "0.0.0.0 is no host: nothing answers for it",
        ],
    },
    Plugin {
        name: "check_icmp",
        word: "PING",
        preset: &["--interval", "80ms", "--just-as-plugin"],
        perfdata: |_, metric| (metric.name != "jitter").then(|| in_plugins_unit(metric)),
        deviations: &[
            "no setuid: a datagram socket where net.ipv4.ping_group_range allows it",
            "-I is taken and does nothing: hosts are pinged side by side",
            "IPv6 addresses are pinged without -6",
        ],
    },
    Plugin {
        name: "check_host",
        word: "PING",
        preset: &["--interval", "80ms", "-w", "1000,100%", "-c", "1000,100%"],
        perfdata: |_, metric| (metric.name != "jitter").then(|| in_plugins_unit(metric)),
        deviations: &["all packets are waited for, so that the loss is that of all of them"],
    },
]);

/// Times in milliseconds, as the plugins print them.
fn in_plugins_unit(metric: &Metric) -> Metric {
    if metric.unit == "us" {
        metric.clone().in_milliseconds()
    } else {
        metric.clone()
    }
}

/// Round trip and loss of ICMP echo requests
///
/// A limit counts when it is reached: -c 500,100% is CRITICAL when nothing comes back. Without any the limits are
/// -w 200,40% -c 500,80%.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check ping -H www.example.org
  ce-check ping -H 192.0.2.1 -w 100,20% -c 500,60% -p 10
  ce-check ping -6 -H www.example.org -i 500ms --format nagios")]
pub(super) struct Ping {
    /// Host to ping; several times for several
    #[arg(
        short = 'H',
        long = "hostname",
        value_name = "HOST",
        visible_alias = "host"
    )]
    hosts: Vec<String>,

    /// Host to ping
    #[arg(value_name = "HOST", required_unless_present = "hosts")]
    more_hosts: Vec<String>,

    /// WARNING when the mean round trip (ms, or with us, ms, s) or the loss reaches this
    #[arg(short, long, value_name = "RTA[,LOSS%]", overrides_with = "warning")]
    warning: Option<Limit>,

    /// CRITICAL when the mean round trip or the loss reaches this
    #[arg(short, long, value_name = "RTA[,LOSS%]", overrides_with = "critical")]
    critical: Option<Limit>,

    /// Requests to send to each host
    #[arg(short, long, visible_short_alias = 'n', value_name = "COUNT", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    packets: u16,

    /// Time between requests: ms, or with a unit; less when they would not fit into the timeout
    #[arg(short, long, value_name = "TIME", default_value = "200ms", value_parser = milliseconds, overrides_with = "interval")]
    interval: Duration,

    /// So many of the hosts are enough: when they answer well, the others are OK too
    #[arg(short, long, value_name = "COUNT")]
    min_alive: Option<usize>,

    /// Ping from this address
    #[arg(short, long, value_name = "ADDRESS")]
    source: Option<IpAddr>,

    /// Time to live of the requests: hops
    #[arg(short = 'l', long, value_name = "HOPS", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,

    /// Bytes of data in each request
    #[arg(short, long, value_name = "COUNT", default_value_t = 56, value_parser = clap::value_parser!(u16).range(8..=65_000))]
    bytes: u16,

    /// Taken from check_ping: no HTML is written
    #[arg(short = 'L', long, hide = true)]
    link: bool,

    /// As the plugins: who has no address is UNKNOWN
    #[arg(long, hide = true)]
    just_as_plugin: bool,

    /// Taken from check_icmp
    #[arg(short = 'I', long, value_name = "TIME", hide = true)]
    target_interval: Option<String>,

    #[command(flatten)]
    family: FamilyFlags,
}

/// Milliseconds, or a number with a unit.
fn milliseconds(text: &str) -> Result<Duration, String> {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if plain {
        format!("{text}ms")
    } else {
        text.to_owned()
    };
    match text.strip_suffix("ms").map(str::parse::<f64>) {
        // humantime knows no fractions.
        Some(Ok(number)) => {
            Duration::try_from_secs_f64(number / 1000.0).map_err(|_| format!("'{text}' is no time"))
        }
        _ => ce_cli::parse_duration(&text).map_err(|error| error.to_string()),
    }
}

/// What is too slow and how much loss is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Limit {
    rta: Duration,
    /// The embedded one where only a round trip is given.
    loss_percent: Option<f64>,
}

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("'{text}' is no pair of round trip and loss such as 100,20%");
        let (rta, loss) = match text.split_once(',') {
            Some((rta, loss)) => (rta, Some(loss)),
            None => (text, None),
        };
        let percent = |loss: &str| loss.trim_end_matches('%').parse().map_err(|_| fault());
        let loss_percent: Option<f64> = loss.map(percent).transpose()?;
        if loss_percent.is_some_and(|loss| !(0.0..=100.0).contains(&loss)) {
            return Err(format!("{fault}: a loss is 0% to 100%", fault = fault()));
        }
        Ok(Self {
            rta: milliseconds(rta).map_err(|_| fault())?,
            loss_percent,
        })
    }
}

const DEFAULT_WARNING: Limit = Limit {
    rta: Duration::from_millis(200),
    loss_percent: Some(40.0),
};
const DEFAULT_CRITICAL: Limit = Limit {
    rta: Duration::from_millis(500),
    loss_percent: Some(80.0),
};

impl Observe for Ping {
    fn validate(&self) -> Result<(), Fault> {
        // In the milliseconds that they were written in.
        let ms = |range: Option<Range>| range.map(|range| range.map(|us| us / 1e3));
        let rta = self.rta_range();
        refuse_contradiction("-w", "-c", Thresholds::new(ms(rta.warn), ms(rta.crit)))?;
        refuse_contradiction("-w", "-c", self.loss_range())?;
        match self.min_alive {
            Some(count) if count > self.targets().count() => Err(Fault::usage(format!(
                "-m {count} asks for more hosts than are named"
            ))),
            _ => Ok(()),
        }
    }

    fn subject(&self) -> Subject {
        let mut hosts = self.targets();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => Subject::remote(host),
            _ => Subject::default(),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let mut findings: Vec<Finding> = std::thread::scope(|scope| {
            let pinging: Vec<_> = self
                .targets()
                .map(|host| (host, scope.spawn(|| self.look(host, context))))
                .collect();
            pinging
                .into_iter()
                .map(|(host, thread)| match thread.join() {
                    Ok(Ok(finding)) => finding.host(host),
                    Ok(Err(fault)) => {
                        let mut finding = runner::explain(&fault).host(host);
                        if self.just_as_plugin && finding.cause == Some(Cause::DNS) {
                            finding.state = State::Unknown;
                        }
                        finding
                    }
                    Err(_) => Finding::new(State::Unknown, "internal error")
                        .cause(Cause::INTERNAL)
                        .host(host),
                })
                .collect()
        });
        if let Some(enough) = self.min_alive {
            forgive(&mut findings, enough);
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

/// With enough hosts well the others do not count.
fn forgive(findings: &mut [Finding], enough: usize) {
    let well = findings
        .iter()
        .filter(|finding| finding.state == State::Ok)
        .count();
    if well < enough {
        return;
    }
    for finding in findings
        .iter_mut()
        .filter(|finding| finding.state != State::Ok)
    {
        finding.summary = format!("{}, but {well} other hosts are enough", finding.summary);
        finding.state = State::Ok;
    }
}

impl Ping {
    fn targets(&self) -> impl Iterator<Item = &str> {
        self.hosts
            .iter()
            .chain(&self.more_hosts)
            .map(String::as_str)
    }

    fn limits(&self) -> (Limit, Limit) {
        match (self.warning, self.critical) {
            (None, None) => (DEFAULT_WARNING, DEFAULT_CRITICAL),
            (warning, critical) => {
                let never = Limit {
                    rta: Duration::MAX,
                    loss_percent: Some(f64::INFINITY),
                };
                let filled = |limit: Option<Limit>, usual: Limit| {
                    let limit = limit.unwrap_or(never);
                    Limit {
                        loss_percent: limit.loss_percent.or(usual.loss_percent),
                        ..limit
                    }
                };
                (
                    filled(warning, DEFAULT_WARNING),
                    filled(critical, DEFAULT_CRITICAL),
                )
            }
        }
    }

    fn rta_range(&self) -> Thresholds {
        let (warning, critical) = self.limits();
        let range = |limit: Limit| {
            let us = limit.rta.as_secs_f64() * 1e6;
            (limit.rta < Duration::MAX).then(|| Range::new(0.0, us))?
        };
        Thresholds::new(range(warning), range(critical))
    }

    fn loss_range(&self) -> Thresholds {
        let (warning, critical) = self.limits();
        let range = |limit: Limit| {
            let loss = limit.loss_percent.filter(|loss| loss.is_finite())?;
            Range::new(0.0, loss)
        };
        Thresholds::new(range(warning), range(critical))
    }

    fn plan(&self, context: &Context) -> Plan {
        let (_, critical) = self.limits();
        // A reply after twice the time that is CRITICAL does not make anything better.
        let patience = Duration::from_secs(1)
            .max(critical.rta.saturating_mul(2))
            .min(context.timeout);
        Plan {
            packets: self.packets,
            interval: self
                .interval
                .min(context.timeout / (u32::from(self.packets) + 1)),
            patience,
            data_bytes: usize::from(self.bytes),
            ttl: self.ttl,
            source: self.source,
        }
    }

    fn look(&self, host: &str, context: &Context) -> Result<Finding, Fault> {
        let deadline = Deadline::at(context.deadline);
        let addresses = resolve::resolve(host, 0, self.family.family(), deadline)?;
        let fits = |address: &IpAddr| {
            self.source
                .is_none_or(|source| source.is_ipv4() == address.is_ipv4())
        };
        let address = addresses
            .iter()
            .map(std::net::SocketAddr::ip)
            .find(fits)
            .ok_or_else(|| {
                Fault::usage(format!("'{host}' has no address of the family of --source"))
            })?;
        let echoes = probe::ping(address, &self.plan(context), deadline)?;
        Ok(self.judge(address, &echoes))
    }

    fn judge(&self, address: IpAddr, echoes: &Echoes) -> Finding {
        let trips: Vec<Duration> = echoes.trips.iter().flatten().copied().collect();
        let sent = echoes.trips.len();
        let loss_percent = loss(sent, trips.len());
        let rta = mean(&trips);
        let (warning, critical) = self.limits();
        let reaches = |limit: Limit| {
            limit
                .loss_percent
                .is_some_and(|limit| loss_percent >= limit)
                || rta.is_some_and(|rta| rta >= limit.rta)
        };
        let state = match (sent, rta) {
            (0, _) => State::Critical,
            _ if reaches(critical) => State::Critical,
            _ if reaches(warning) => State::Warning,
            // Nothing comes back, and somebody set the limits so that this does not matter.
            _ => State::Ok,
        };
        let mut summary = match rta {
            Some(rta) => format!("round trip {}, {loss_percent:.0}% loss", precise(rta)),
            None => format!("no reply from {address} to {sent} requests"),
        };
        if let (None, Some(failure)) = (rta, &echoes.failure) {
            summary = format!("{summary}: {failure}");
        }
        let cause = match (rta, &echoes.failure) {
            (Some(_), _) => Cause::THRESHOLD,
            (None, Some(_)) => Cause::CONNECT,
            (None, None) => Cause::TIMEOUT,
        };
        let time = |name: &'static str, value: Option<Duration>| match value {
            Some(value) => timing::metric(name, value),
            None => Metric {
                value: None,
                ..timing::metric(name, Duration::ZERO)
            },
        };
        let mut finding = Finding::new(state, summary)
            .cause(cause)
            .metric(time("rta", rta).limits(self.rta_range()))
            .metric(
                Metric::new("pl", Number::rounded(loss_percent, 2), "%")
                    .limits(self.loss_range())
                    .min(0i64)
                    .max(100i64),
            )
            .metric(time("rtmax", trips.iter().max().copied()))
            .metric(time("rtmin", trips.iter().min().copied()))
            .metric(time("jitter", jitter(&trips)))
            .data("address", address.to_string())
            .data("sent", sent)
            .data("received", trips.len());
        if let (Some(_), Some(failure)) = (rta, &echoes.failure) {
            finding = finding.detail(failure);
        }
        finding
    }
}

/// Milliseconds with a fraction below ten, where it tells.
fn precise(time: Duration) -> String {
    match time.as_secs_f64() * 1e3 {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        _ => duration(time),
    }
}

#[allow(clippy::cast_precision_loss)]
fn loss(sent: usize, received: usize) -> f64 {
    if sent == 0 {
        return 100.0;
    }
    100.0 * (sent - received.min(sent)) as f64 / sent as f64
}

fn mean(times: &[Duration]) -> Option<Duration> {
    let count = u32::try_from(times.len()).ok().filter(|count| *count > 0)?;
    Some(times.iter().sum::<Duration>() / count)
}

fn jitter(trips: &[Duration]) -> Option<Duration> {
    let steps: Vec<Duration> = trips
        .windows(2)
        .map(|pair| pair[0].abs_diff(pair[1]))
        .collect();
    mean(&steps)
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ping: Ping,
    }

    fn ping(arguments: &str) -> Ping {
        let words = std::iter::once("ping").chain(arguments.split_whitespace());
        let matches = <Line as clap::CommandFactory>::command()
            .try_get_matches_from(words)
            .unwrap();
        Line::from_arg_matches(&matches).unwrap().ping
    }

    fn echoes(ms: &[Option<u64>]) -> Echoes {
        Echoes {
            trips: ms.iter().map(|ms| ms.map(Duration::from_millis)).collect(),
            failure: None,
        }
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn round_trip_and_loss_count_when_they_reach_their_limit() {
        for (arguments, trips, state) in [
            ("", &[Some(10), Some(20)][..], State::Ok),
            ("", &[Some(200), Some(200)], State::Warning),
            ("", &[Some(10), None], State::Warning),
            ("", &[None, None], State::Critical),
            ("-w 1000,100% -c 1000,100%", &[Some(10), None], State::Ok),
            ("-w 1000,100% -c 1000,100%", &[None, None], State::Critical),
            ("-w 0.005s,100% -c 1s,100%", &[Some(10)], State::Warning),
            ("-w 5,20 -c 10,100", &[Some(10)], State::Critical),
            ("-w 50,20%", &[Some(10), None], State::Warning),
            ("", &[], State::Critical),
        ] {
            let finding = ping(&format!("-H x {arguments}")).judge(HERE, &echoes(trips));
            assert_eq!(
                finding.state, state,
                "{arguments} {trips:?}: {}",
                finding.summary
            );
        }
    }

    #[test]
    fn the_mean_the_loss_and_the_jitter_are_those_of_the_replies() {
        let finding = ping("x").judge(HERE, &echoes(&[Some(10), None, Some(30), Some(20)]));
        assert_eq!(finding.summary, "round trip 20 ms, 25% loss");
        let value = |name: &str| {
            let metric = finding
                .metrics
                .iter()
                .find(|metric| metric.name == name)
                .unwrap();
            metric.value.unwrap().as_f64()
        };
        assert_eq!(value("rta"), 20_000.0);
        assert_eq!(value("pl"), 25.0);
        assert_eq!(value("rtmin"), 10_000.0);
        assert_eq!(value("rtmax"), 30_000.0);
        assert_eq!(value("jitter"), 15_000.0);
        let silent = ping("x").judge(HERE, &echoes(&[None]));
        assert_eq!(silent.metrics[0].value, None);
    }

    #[test]
    fn limits_are_pairs_and_cannot_contradict_each_other() {
        for bad in ["100,", "100,120%", "x,1%", "100,x", "-1,5%", ""] {
            assert!(bad.parse::<Limit>().is_err(), "{bad}");
        }
        assert_eq!(
            "1.5,20%".parse::<Limit>().unwrap().rta,
            Duration::from_micros(1500)
        );
        let limits = ping("-H x -w 100 -c 500").limits();
        assert_eq!(
            (limits.0.loss_percent, limits.1.loss_percent),
            (Some(40.0), Some(80.0))
        );
        assert!(ping("-H x -w 500,20% -c 100,60%").validate().is_err());
        assert!(ping("-H x -w 100,60% -c 500,20%").validate().is_err());
        assert!(ping("-H x -w 100,100% -c 100,100%").validate().is_ok());
        assert!(ping("-H x -m 2").validate().is_err());
    }

    #[test]
    fn the_plugins_print_milliseconds() {
        let finding = ping("x").judge(HERE, &echoes(&[Some(10)]));
        let rta = in_plugins_unit(&finding.metrics[0].clone());
        assert_eq!((rta.value, &*rta.unit), (Some(Number::Int(10)), "ms"));
        assert_eq!(rta.warn.unwrap().to_string(), "200");
        assert_eq!(
            in_plugins_unit(&finding.metrics[1].clone()),
            finding.metrics[1]
        );
    }

    #[test]
    fn enough_hosts_that_are_well_excuse_the_others() {
        let finding = |state| Finding::new(state, "x");
        let mut findings = vec![finding(State::Ok), finding(State::Critical)];
        forgive(&mut findings, 2);
        assert_eq!(findings[1].state, State::Critical);
        forgive(&mut findings, 1);
        assert_eq!(findings[1].state, State::Ok);
    }

    #[test]
    fn the_loopback_answers_where_the_kernel_lets_us_ask() {
        let plan = Plan {
            packets: 3,
            interval: Duration::from_millis(5),
            patience: Duration::from_secs(1),
            data_bytes: 56,
            ttl: Some(3),
            source: None,
        };
        match probe::ping(HERE, &plan, Deadline::after(Duration::from_secs(3))) {
            Ok(echoes) => assert_eq!(echoes.trips.iter().flatten().count(), 3),
            Err(fault) => assert!(fault.to_string().contains("permission denied"), "{fault}"),
        }
    }
}
