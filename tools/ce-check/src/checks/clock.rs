//! The clock: its offset from a time server, or what the kernel thinks of it.

use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::reach::said;
use crate::root::Root;

mod kernel;
mod sntp;

use kernel::Kernel;
use sntp::Sample;

pub(super) static CHECK: Check = Check::new::<Clock>(
    "clock",
    Group::Machine,
    "The clock: offset from a time server, or the kernel's own view",
)
.metrics(&[
    MetricDoc { name: "offset", unit: "us", about: "how far the server is ahead of this machine" },
    MetricDoc { name: "delay", unit: "us", about: "to the server and back, of the sample with the least" },
    MetricDoc { name: "jitter", unit: "us", about: "how far the samples differ from the best one (root mean square)" },
    MetricDoc { name: "stratum", unit: "", about: "steps from the server to a reference clock" },
    MetricDoc { name: "root_delay", unit: "us", about: "from the server to its reference clock and back" },
    MetricDoc { name: "root_dispersion", unit: "us", about: "what the server may be off" },
    MetricDoc { name: "estimated_error", unit: "us", about: "what the kernel believes its clock to be off" },
    MetricDoc { name: "maximum_error", unit: "us", about: "the most that the kernel believes its clock to be off" },
])
.data(&[
    Field { name: "server", kind: "string", about: "the address that answered" },
    Field { name: "samples", kind: "integer", about: "answers that came" },
    Field { name: "leap", kind: "boolean", about: "a leap second is announced" },
    Field { name: "synchronised", kind: "boolean", about: "whether something disciplines the kernel's clock" },
])
.plugins(&[Plugin {
    name: "check_ntp_time",
    word: "NTP",
    preset: &["-w", "60", "-c", "120"],
    perfdata: |_, metric| match &*metric.name {
        "offset" => Some(metric.clone().in_seconds()),
        "stratum" => Some(metric.clone()),
        _ => None,
    },
    deviations: &[
        "the question carries a random stamp instead of this machine's time, and only its own answer is believed: a forged packet cannot move the offset",
        "of the samples the one with the least delay is judged (RFC 5905), and the first address that answers is asked: the plugin waits for all of them",
        "--quiet is the common flag; the plugin's meaning has its letter, -q",
        "without -H it judges what the kernel says of its own clock, instead of refusing to run",
        "a unix socket as -H is refused: no time server of today listens on one",
    ],
}]);

/// The clock: offset from a time server, or the kernel's own view
///
/// With -H it asks that server (SNTP) and judges how far its time is away, in either direction; without, it asks the
/// kernel whether something keeps its clock right and judges the estimated error.
///
/// Below --root, a file .adjtimex (status, estimated and maximum error, as adjtimex(2) gives them) is taken for what the
/// kernel says.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check clock
  ce-check clock -H pool.ntp.org -w 0.1 -c 1
  ce-check clock -H time.example.org -W 4 -j 0.05 -k 0.2")]
pub(super) struct Clock {
    /// The time server to compare with
    #[arg(short = 'H', long, visible_alias = "host", value_name = "HOST")]
    hostname: Option<String>,

    /// Its port
    #[arg(short, long, value_name = "PORT", default_value_t = 123, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// WARNING when the offset, whatever its sign, lies outside this range of seconds
    #[arg(
        short,
        long,
        value_name = "RANGE",
        default_value = "0.5",
        overrides_with = "warning",
        allow_hyphen_values = true
    )]
    warning: Range,

    /// CRITICAL when it lies outside this range of seconds
    #[arg(
        short,
        long,
        value_name = "RANGE",
        default_value = "1",
        overrides_with = "critical",
        allow_hyphen_values = true
    )]
    critical: Range,

    /// WARNING when the server's stratum lies outside this range
    #[arg(short = 'W', long, value_name = "RANGE")]
    stratum_warning: Option<Range>,

    /// CRITICAL when the server's stratum lies outside this range
    #[arg(short = 'C', long, value_name = "RANGE")]
    stratum_critical: Option<Range>,

    /// WARNING when the jitter lies outside this range of seconds
    #[arg(short = 'j', long, value_name = "RANGE")]
    jitter_warning: Option<Range>,

    /// CRITICAL when the jitter lies outside this range of seconds
    #[arg(short = 'k', long, value_name = "RANGE")]
    jitter_critical: Option<Range>,

    /// The offset that the server is expected to have, in seconds
    #[arg(
        short = 'o',
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        hide_default_value = true,
        allow_hyphen_values = true,
        alias = "time_offset"
    )]
    time_offset: f64,

    /// How often to ask
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    samples: u8,

    /// What it means that nothing keeps the clock or the server does not answer [default: critical with -H, else warning]
    #[arg(long, value_name = "STATE")]
    unsynced: Option<State>,

    /// The same as --unsynced unknown
    #[arg(short = 'q', long = "quiet-unsynced", conflicts_with = "unsynced")]
    quiet_unsynced: bool,

    /// Use IPv4
    #[arg(short = '4', long, conflicts_with = "use_ipv6")]
    use_ipv4: bool,

    /// Use IPv6
    #[arg(short = '6', long)]
    use_ipv6: bool,

    #[command(flatten)]
    root: Root,
}

impl Observe for Clock {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.offsets())?;
        refuse_contradiction("-W", "-C", self.strata())?;
        refuse_contradiction("-j", "-k", self.jitters())?;
        let server_only = self.strata() != Thresholds::default()
            || self.jitters() != Thresholds::default()
            || self.time_offset != 0.0;
        if self.hostname.is_none() && server_only {
            return Err(Fault::usage(
                "-W, -C, -j, -k and -o judge a server: name it with -H",
            ));
        }
        if self
            .hostname
            .as_ref()
            .is_some_and(|host| host.starts_with('/'))
        {
            return Err(Fault::usage(
                "-H takes a name or an address, not a unix socket",
            ));
        }
        Ok(())
    }

    fn subject(&self) -> Subject {
        // It is this machine's clock; the server is only what it is compared with.
        match &self.hostname {
            Some(host) => Subject::default().object(host),
            None => Subject::default(),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let finding = match &self.hostname {
            None => self.judge_kernel(&self.kernel()?),
            Some(host) => match self.gather(host, context) {
                Ok((server, samples)) => self.judge(server, &samples),
                Err((cause, message)) => self.no_offset(message).cause(cause),
            },
        };
        Ok(vec![self.subject().apply(finding)])
    }
}

impl Clock {
    fn offsets(&self) -> Thresholds {
        Thresholds::new(Some(self.warning), Some(self.critical))
    }

    fn strata(&self) -> Thresholds {
        Thresholds::new(self.stratum_warning, self.stratum_critical)
    }

    fn jitters(&self) -> Thresholds {
        Thresholds::new(self.jitter_warning, self.jitter_critical)
    }

    fn unsynced(&self) -> State {
        let fallback = match (self.quiet_unsynced, &self.hostname) {
            (true, _) => State::Unknown,
            (false, Some(_)) => State::Critical,
            (false, None) => State::Warning,
        };
        self.unsynced.unwrap_or(fallback)
    }

    fn no_offset(&self, message: String) -> Finding {
        Finding::new(self.unsynced(), message)
    }

    /// Asks the addresses of this host in turn until one answers.
    fn gather(
        &self,
        host: &str,
        context: &Context,
    ) -> Result<(SocketAddr, Vec<Sample>), (Cause, String)> {
        let dns = |why: String| (Cause::DNS, format!("cannot resolve '{host}': {why}"));
        let found: Vec<SocketAddr> = (host, self.port)
            .to_socket_addrs()
            .map_err(|error| dns(said(&error)))?
            .filter(|address| {
                (address.is_ipv4() || !self.use_ipv4) && (address.is_ipv6() || !self.use_ipv6)
            })
            .collect();
        let mut last = dns("no address of this family".to_owned());
        for (at, server) in found.iter().enumerate() {
            let left = context.deadline.saturating_duration_since(Instant::now());
            let others = u32::try_from(found.len() - at).unwrap_or(u32::MAX);
            match self.sample(*server, Instant::now() + left / others.min(2)) {
                Ok(samples) => return Ok((*server, samples)),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// As many answers as come in time, at least one.
    fn sample(&self, server: SocketAddr, until: Instant) -> Result<Vec<Sample>, (Cause, String)> {
        let mut samples = Vec::new();
        let mut last = (Cause::TIMEOUT, format!("no answer from {server}"));
        for left in (1..=u32::from(self.samples)).rev() {
            let patience = until.saturating_duration_since(Instant::now()) / left;
            match sntp::ask(server, patience.max(Duration::from_millis(1))) {
                Ok(sample) => {
                    samples.push(sample);
                    // Who is told to go away does not ask again.
                    if sample.reply.stratum == 0 {
                        break;
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {}
                Err(error) => {
                    last = (
                        Cause::CONNECT,
                        format!("cannot ask {server}: {}", said(&error)),
                    );
                    break;
                }
            }
        }
        if samples.is_empty() {
            Err(last)
        } else {
            Ok(samples)
        }
    }

    fn judge(&self, server: SocketAddr, samples: &[Sample]) -> Finding {
        let Some(best) = samples.iter().min_by(|a, b| a.delay.total_cmp(&b.delay)) else {
            return self.no_offset(format!("no answer from {server}"));
        };
        let reply = best.reply;
        if let Some(kiss) = samples.iter().find(|sample| sample.reply.stratum == 0) {
            let code = String::from_utf8_lossy(&kiss.reply.reference);
            let code = code.trim_end_matches('\0');
            let why = if code == "RATE" {
                ": ask it less often"
            } else {
                ""
            };
            return self
                .no_offset(format!("server refuses to answer ({code}){why}"))
                .cause(Cause::AUTH);
        }
        if reply.leap == 3 || reply.stratum >= 16 {
            let finding = self.no_offset("server itself is not synchronised".to_owned());
            return finding
                .cause(Cause::CONTENT)
                .data("server", server.to_string());
        }
        let offset = best.offset - self.time_offset;
        #[allow(clippy::cast_precision_loss)]
        let others = (samples.len().max(2) - 1) as f64;
        let squares: f64 = samples
            .iter()
            .map(|sample| (sample.offset - best.offset).powi(2))
            .sum();
        let jitter = (squares / others).sqrt();
        let states = [
            self.offsets().judge(offset.abs()),
            self.strata().judge(f64::from(reply.stratum)),
            self.jitters().judge(jitter),
        ];
        let mut summary = format!("{}, stratum {}", away(offset), reply.stratum);
        if states[2] != State::Ok {
            summary.push_str(&format!(", jitter {}", span(jitter)));
        }
        if matches!(reply.leap, 1 | 2) {
            summary.push_str(", a leap second comes at the end of the day");
        }
        Finding::new(State::worst(states), summary)
            .cause(Cause::THRESHOLD)
            .metric(time("offset", offset).limits(in_us(self.both_ways())))
            .metric(time("delay", best.delay).min(0i64))
            .metric(
                time("jitter", jitter)
                    .limits(in_us(self.jitters()))
                    .min(0i64),
            )
            .metric(
                Metric::new("stratum", u32::from(reply.stratum), "")
                    .limits(self.strata())
                    .min(0i64)
                    .max(16i64),
            )
            .metric(time("root_delay", reply.root_delay).min(0i64))
            .metric(time("root_dispersion", reply.root_dispersion).min(0i64))
            .data("server", server.to_string())
            .data("samples", samples.len())
            .data("leap", matches!(reply.leap, 1 | 2))
    }

    /// The limits of the offset with its sign, where they can be written as ranges.
    fn both_ways(&self) -> Thresholds {
        let mirrored = |range: Range| {
            let plain = !range.is_inverted() && range.start() <= 0.0;
            plain
                .then(|| Range::new(-range.end(), range.end()))
                .flatten()
        };
        Thresholds::new(mirrored(self.warning), mirrored(self.critical))
    }

    /// What the kernel says, or what was recorded of it.
    fn kernel(&self) -> Result<Kernel, Fault> {
        const RECORDED: &str = "/.adjtimex";
        if self.root.is_live() {
            return kernel::ask().map_err(|source| Fault::System {
                action: "cannot ask the kernel for its clock".to_owned(),
                source,
            });
        }
        let text = self.root.read(RECORDED)?;
        kernel::recorded(&text).ok_or_else(|| {
            self.root
                .malformed(RECORDED, "expected status, estimated and maximum error")
        })
    }

    fn judge_kernel(&self, kernel: &Kernel) -> Finding {
        let (state, summary) = if kernel.synchronised {
            let leap = if kernel.leap {
                ", a leap second comes at the end of the day"
            } else {
                ""
            };
            (
                self.offsets().judge(kernel.estimated),
                format!(
                    "synchronised, estimated error {}{leap}",
                    span(kernel.estimated)
                ),
            )
        } else {
            let text =
                "nothing keeps this clock right: see that chronyd, ntpd or systemd-timesyncd runs";
            (self.unsynced(), text.to_owned())
        };
        let cause = if kernel.synchronised {
            Cause::THRESHOLD
        } else {
            Cause::SYSTEM
        };
        Finding::new(state, summary)
            .cause(cause)
            .metric(
                time("estimated_error", kernel.estimated)
                    .limits(in_us(self.offsets()))
                    .min(0i64),
            )
            .metric(time("maximum_error", kernel.most).min(0i64))
            .data("synchronised", kernel.synchronised)
            .data("leap", kernel.leap)
    }
}

/// Seconds as a metric in whole microseconds.
fn time(name: &'static str, seconds: f64) -> Metric {
    Metric::new(name, Number::rounded(seconds * 1e6, 0), "us")
}

/// Limits in seconds as the metric's.
fn in_us(limits: Thresholds) -> Thresholds {
    let us = |range: Option<Range>| range.map(|range| range.map(|seconds| seconds * 1e6));
    Thresholds::new(us(limits.warn), us(limits.crit))
}

fn span(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default())
}

/// Whose clock is behind, in words: a sign alone is read the wrong way round half of the time.
fn away(offset: f64) -> String {
    match offset {
        0.0 => "no offset".to_owned(),
        offset if offset > 0.0 => format!("{} behind the server", span(offset)),
        offset => format!("{} ahead of the server", span(offset)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    fn clock(args: &str) -> Clock {
        let words = ["clock"].into_iter().chain(args.split_whitespace());
        let matches = Clock::augment_args(Command::new("clock")).get_matches_from(words);
        Clock::from_arg_matches(&matches).unwrap()
    }

    fn asked(args: &str, server: SocketAddr) -> Finding {
        let clock = clock(args);
        match clock.sample(
            server,
            Instant::now() + Duration::from_millis(if args.contains("silent") { 50 } else { 5000 }),
        ) {
            Ok(samples) => clock.judge(server, &samples),
            Err((cause, message)) => clock.no_offset(message).cause(cause),
        }
    }

    #[test]
    fn the_offset_is_judged_whatever_its_sign() {
        for (args, ahead, state, words) in [
            ("-H x", 0, State::Ok, "stratum 2"),
            ("-H x -w 5 -c 20", 10, State::Warning, "behind the server"),
            (
                "-H x -w 5 -c 20",
                -10,
                State::Warning,
                "ahead of the server",
            ),
            ("-H x", -10, State::Critical, "ahead of the server"),
            ("-H x -o 10", 10, State::Ok, "stratum 2"),
            ("-H x -W 1", 0, State::Warning, "stratum 2"),
            ("-H x -C 1", 0, State::Critical, "stratum 2"),
        ] {
            let finding = asked(args, sntp::tests::server(0, 2, ahead));
            assert_eq!(finding.state, state, "{args} {ahead}: {}", finding.summary);
            assert!(finding.summary.contains(words), "{}", finding.summary);
        }
    }

    #[test]
    fn without_an_offset_it_is_critical_and_with_q_unknown() {
        for (leap, stratum, words) in [
            (3, 2, "server itself is not synchronised"),
            (0, 16, "server itself is not synchronised"),
            (0, 0, "server refuses to answer (RATE): ask it less often"),
        ] {
            let server = sntp::tests::server(leap, stratum, 0);
            let finding = asked("-H x", server);
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (State::Critical, words)
            );
            assert_eq!(asked("-H x -q", server).state, State::Unknown);
        }
    }

    #[test]
    fn a_server_that_says_nothing_is_a_timeout_and_a_closed_port_a_refusal() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let finding = asked("-H silent", address);
        assert_eq!(
            (finding.state, finding.cause),
            (State::Critical, Some(Cause::TIMEOUT))
        );
        drop(silent);
        let finding = asked("-H x", address);
        assert_eq!(finding.cause, Some(Cause::CONNECT), "{}", finding.summary);
    }

    #[test]
    fn the_kernel_is_believed_while_something_disciplines_it() {
        let kernel = |synchronised, estimated| Kernel {
            synchronised,
            estimated,
            most: 1.0,
            leap: false,
        };
        assert_eq!(
            clock("").judge_kernel(&kernel(true, 0.001)).summary,
            "synchronised, estimated error 1 ms"
        );
        assert_eq!(
            clock("").judge_kernel(&kernel(true, 2.0)).state,
            State::Critical
        );
        assert_eq!(
            clock("").judge_kernel(&kernel(false, 0.0)).state,
            State::Warning
        );
        assert_eq!(
            clock("--unsynced ok")
                .judge_kernel(&kernel(false, 0.0))
                .state,
            State::Ok
        );
    }

    #[test]
    fn contradictions_are_refused_and_a_preset_gives_way() {
        for args in ["-w 2 -c 1", "-W 3", "-H /run/x", "-H x -j 2 -k 1"] {
            assert!(clock(args).validate().is_err(), "{args}");
        }
        assert!(clock("-H x -w 60 -c 120 -w 1").validate().is_ok());
    }
}
