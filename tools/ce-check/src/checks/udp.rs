//! A UDP service: that it answers a datagram with what is expected.

use std::io;
use std::time::{Duration, Instant};

use ce_net::{Deadline, NetError};
use ce_record::{Cause, Finding, State};
use clap::Args;

use crate::check::{Check, Field, Group, Observe, Plugin, Subject};
use crate::context::Context;
use crate::datagram::Datagrams;
use crate::expect::{ExpectFlags, excerpt, unescape};
use crate::fault::Fault;
use crate::target::Target;
use crate::timing::{TIME, TimeLimits};

pub(super) static CHECK: Check = Check::new::<Udp>(
    "udp",
    Group::Network,
    "A UDP service: that it answers, and what",
)
.metrics(&[TIME])
.data(&[
    Field {
        name: "answer",
        kind: "string",
        about: "what came, shortened (not with --jail)",
    },
    Field {
        name: "peer",
        kind: "string",
        about: "address and port",
    },
])
.plugins(&[Plugin {
    name: "check_udp",
    word: "UDP",
    preset: &[],
    perfdata: crate::timing::perfdata,
    deviations: &[
        "a datagram that gets no answer is sent again after a second: one that is lost is no outage",
        "-r holds for a closed port, which the plugin cannot tell from silence",
        "-S and -D are not taken, for there is no TLS over UDP, nor -d, -m and -q: one datagram is one answer",
    ],
}]);

/// A datagram may be lost: so it is sent again.
const RESEND: Duration = Duration::from_secs(1);

/// A UDP service: that it answers, and what
///
/// Nothing can be said of a UDP port that does not answer: so -s and one of -e and --begins are needed. A port that
/// nobody listens on is told apart from silence, as far as its machine says so by ICMP.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check udp -H sip.example.org -p 5060 -E -s 'OPTIONS sip:x SIP/2.0\\r\\n\\r\\n' -e SIP/2.0
  ce-check udp -H 192.0.2.1 -p 11211 -E -s '\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x00version\\r\\n' -e VERSION
  ce-check udp -H 192.0.2.1 -p 7 -s ping -e ping -w 0.1 -c 1")]
pub(super) struct Udp {
    #[command(flatten)]
    target: Target,

    /// Send this
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    send: String,

    /// Take \n, \r, \t, \\ and \xHH in -s for what they stand for
    #[arg(short = 'E', long)]
    escape: bool,

    #[command(flatten)]
    expected: ExpectFlags,

    /// When nobody listens: ok, warn or crit
    #[arg(short, long, value_name = "STATE", default_value = "crit", value_parser = super::tcp::state)]
    refuse: State,

    /// When the answer is not as expected: ok, warn or crit
    #[arg(short = 'M', long, value_name = "STATE", default_value = "warn", value_parser = super::tcp::state)]
    mismatch: State,

    /// Show nothing of what is answered
    #[arg(short, long)]
    jail: bool,

    #[command(flatten)]
    limits: TimeLimits,
}

struct Facts {
    peer: String,
    answer: Vec<u8>,
    took: Duration,
}

impl Observe for Udp {
    fn validate(&self) -> Result<(), Fault> {
        self.limits.validate()?;
        if self.target.port.is_none() {
            return Err(Fault::usage("-p PORT is missing"));
        }
        if self.expected.is_empty() {
            return Err(Fault::usage(
                "-e TEXT is missing: without an answer nothing can be said of a UDP port",
            ));
        }
        Ok(())
    }

    fn subject(&self) -> Subject {
        self.target.subject(0)
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let finding = match self.gather(Deadline::at(context.deadline)) {
            Ok(facts) => self.judge(&facts),
            Err(error) => self.judge_refused(error)?,
        };
        Ok(vec![self.subject().apply(finding)])
    }
}

impl Udp {
    fn gather(&self, deadline: Deadline) -> Result<Facts, NetError> {
        let started = Instant::now();
        let addresses = self.target.addresses(0, deadline)?;
        let address = addresses[0];
        let socket = Datagrams::open(address)?;
        let request = if self.escape {
            unescape(&self.send)
        } else {
            self.send.clone().into_bytes()
        };
        let answer = loop {
            socket.send(&request)?;
            match socket.receive(Deadline::after(RESEND).min(deadline)) {
                Err(NetError::Timeout { .. }) if deadline.remaining().is_some() => {}
                answer => break answer?,
            }
        };
        Ok(Facts {
            peer: address.to_string(),
            answer,
            took: started.elapsed(),
        })
    }

    fn judge_refused(&self, error: NetError) -> Result<Finding, Fault> {
        match &error {
            NetError::Connect { target, source, .. }
                if source.kind() == io::ErrorKind::ConnectionRefused =>
            {
                let summary = format!("nobody listens at {target}: ICMP port unreachable");
                Ok(Finding::new(self.refuse, summary).cause(Cause::CONNECT))
            }
            _ => Err(error.into()),
        }
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let answer = excerpt(&facts.answer);
        let shown = if self.jail || answer.is_empty() {
            String::new()
        } else {
            format!(": {answer}")
        };
        let time_state = self.limits.judge(facts.took);
        let finding = if self.expected.is_met(&facts.answer) {
            let took = ce_record::quantity::duration(facts.took);
            Finding::new(time_state, format!("{took} at {}{shown}", facts.peer))
                .cause(Cause::THRESHOLD)
        } else {
            let state = State::worst([self.mismatch, time_state]);
            Finding::new(
                state,
                format!("unexpected answer from {}{shown}", facts.peer),
            )
            .cause(Cause::CONTENT)
        };
        let finding = finding
            .metric(self.limits.metric(facts.took))
            .data("peer", &*facts.peer);
        if self.jail || answer.is_empty() {
            return finding;
        }
        finding.data("answer", answer)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        udp: Udp,
    }

    fn run(port: u16, words: &str) -> Finding {
        let line = format!("udp -H 127.0.0.1 -p {port} {words}");
        let matches = <Line as clap::CommandFactory>::command()
            .try_get_matches_from(line.split_whitespace())
            .unwrap();
        let udp = Line::from_arg_matches(&matches).unwrap().udp;
        udp.validate().unwrap();
        match udp.gather(Deadline::after(Duration::from_millis(300))) {
            Ok(facts) => udp.judge(&facts),
            Err(error) => match udp.judge_refused(error) {
                Ok(finding) => finding,
                Err(fault) => crate::runner::explain(&fault),
            },
        }
    }

    #[test]
    fn an_answer_silence_and_a_closed_port_are_told_apart() {
        let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = echo.local_addr().unwrap().port();
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let silent_port = silent.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut buffer = [0; 100];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                echo.send_to(&buffer[..length], from).unwrap();
            }
        });
        let closed = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        for (port, words, state, cause) in [
            (port, "-s ping -e in", State::Ok, Cause::THRESHOLD),
            (port, "-s ping -e pong", State::Warning, Cause::CONTENT),
            (
                port,
                "-s p\\x00 -E -e p -c 0",
                State::Critical,
                Cause::THRESHOLD,
            ),
            (silent_port, "-s x -e x", State::Critical, Cause::TIMEOUT),
            (closed, "-s x -e x", State::Critical, Cause::CONNECT),
            (closed, "-s x -e x -r ok", State::Ok, Cause::CONNECT),
        ] {
            let finding = run(port, words);
            assert_eq!(
                (finding.state, finding.cause.clone()),
                (state, Some(cause)),
                "{words}: {}",
                finding.summary
            );
        }
    }
}
