//! A TCP or Unix socket: that it accepts, what it says, and how fast.

use std::path::Path;
use std::time::{Duration, Instant};

use ce_net::tls::Peer;
use ce_net::{Deadline, NetError, Stream, connect, resolve};
use ce_record::{Cause, Finding, State};
use clap::Args;
use jiff::Timestamp;

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin, Subject};
use crate::context::Context;
use crate::expect::{ExpectFlags, excerpt, unescape};
use crate::fault::Fault;
use crate::secure::{CHAIN_LEFT, TLS, TlsFlags};
use crate::starttls::{self, Protocol};
use crate::target::FamilyFlags;
use crate::timing::{self, TIME, TimeLimits};

/// Read when nobody says otherwise: enough for any greeting.
const MAX_BYTES: usize = 64 << 10;

/// A peer that has begun to answer and then is silent for this share of the time has said what it had to say: two
/// seconds of the usual ten.
const QUIET_SHARE: u32 = 5;

macro_rules! stands_in {
    ($name:literal, $word:literal, [$($preset:literal),*]) => {
        Plugin {
            name: $name,
            word: $word,
            preset: &[$($preset),*],
            perfdata: timing::perfdata,
            deviations: DEVIATIONS,
        }
    };
}

const DEVIATIONS: &[&str] = &[
    "over TLS the certificate must be trusted and be of the name (--insecure takes any): nobody else would notice",
    "-D judges the certificate beside the rest instead of ending there, and the chain besides the server's own",
    "-E works wherever it stands, and knows \\xHH",
    "what is not answered until the timeout names the phase: connect, tls or receive",
    "an answer that is not the one expected is told, as -M says, once the peer has been silent for a fifth of the timeout; the plugin waits for all of it and calls it CRITICAL",
];

pub(super) static CHECK: Check = Check::new::<Tcp>(
    "tcp",
    Group::Network,
    "A TCP or Unix socket: that it accepts, and what it says",
)
.metrics(&[
    TIME,
    MetricDoc {
        name: "time_connect",
        unit: "us",
        about: "until the connection was open, its name looked up",
    },
    CHAIN_LEFT,
])
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
    TLS,
])
.plugins(&[
    stands_in!("check_tcp", "TCP", []),
    stands_in!(
        "check_clamd",
        "CLAMD",
        ["--usual-port", "3310", "--send", "PING", "--begins", "PONG"]
    ),
    stands_in!(
        "check_ftp",
        "FTP",
        ["--usual-port", "21", "--begins", "220", "--quit", "QUIT"]
    ),
    stands_in!(
        "check_imap",
        "IMAP",
        [
            "--usual-port",
            "143",
            "--begins",
            "* OK",
            "--quit",
            "a1 LOGOUT"
        ]
    ),
    stands_in!(
        "check_jabber",
        "JABBER",
        ["--usual-port", "5222", "--jabber"]
    ),
    stands_in!(
        "check_nntp",
        "NNTP",
        [
            "--usual-port",
            "119",
            "--begins",
            "200",
            "--begins",
            "201",
            "--quit",
            "QUIT"
        ]
    ),
    stands_in!(
        "check_nntps",
        "NNTPS",
        [
            "--usual-port",
            "563",
            "--ssl",
            "--begins",
            "200",
            "--begins",
            "201",
            "--quit",
            "QUIT"
        ]
    ),
    stands_in!(
        "check_pop",
        "POP",
        ["--usual-port", "110", "--begins", "+OK", "--quit", "QUIT"]
    ),
    stands_in!(
        "check_simap",
        "SIMAP",
        [
            "--usual-port",
            "993",
            "--ssl",
            "--begins",
            "* OK",
            "--quit",
            "a1 LOGOUT"
        ]
    ),
    stands_in!(
        "check_spop",
        "SPOP",
        [
            "--usual-port",
            "995",
            "--ssl",
            "--begins",
            "+OK",
            "--quit",
            "QUIT"
        ]
    ),
    stands_in!(
        "check_ssmtp",
        "SSMTP",
        [
            "--usual-port",
            "465",
            "--ssl",
            "--begins",
            "220",
            "--quit",
            "QUIT"
        ]
    ),
]);

/// A TCP or Unix socket: that it accepts, and what it says
///
/// Without -s, -e and --begins the connection alone is judged. Otherwise what comes is read until it holds what is
/// expected, or the server has begun and then is silent for a fifth of the timeout.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check tcp -H www.example.org -p 443 -S -D 20,7
  ce-check tcp -H mail.example.org -p 25 -e 220 -q QUIT -w 0.5 -c 2
  ce-check tcp -H /run/mysqld/mysqld.sock")]
pub(super) struct Tcp {
    /// Name or address of the server, or the path of a Unix socket
    #[arg(
        short = 'H',
        long = "hostname",
        value_name = "HOST",
        visible_alias = "host"
    )]
    host: String,

    /// Port
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// Port when -p does not say
    #[arg(long, value_name = "PORT", hide = true)]
    usual_port: Option<u16>,

    /// The stream header of XMPP is sent and expected
    #[arg(long, hide = true)]
    jabber: bool,

    #[command(flatten)]
    family: FamilyFlags,

    /// Send this first
    #[arg(
        short,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        overrides_with = "send"
    )]
    send: Option<String>,

    /// Send this at the end, with a newline
    #[arg(
        short,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        overrides_with = "quit"
    )]
    quit: Option<String>,

    /// Take \n, \r, \t, \\ and \xHH in -s and -q for what they stand for; -q then gets no newline
    #[arg(short = 'E', long)]
    escape: bool,

    #[command(flatten)]
    expected: ExpectFlags,

    /// When the connection is refused: ok, warn or crit
    #[arg(short, long, value_name = "STATE", default_value = "crit", value_parser = state)]
    refuse: State,

    /// When the answer is not as expected: ok, warn or crit
    #[arg(short = 'M', long, value_name = "STATE", default_value = "warn", value_parser = state)]
    mismatch: State,

    /// Show nothing of what is answered
    #[arg(short, long)]
    jail: bool,

    /// Stop reading once this many bytes have come
    #[arg(short, long, value_name = "COUNT", default_value_t = MAX_BYTES, hide_default_value = true)]
    maxbytes: usize,

    /// Wait this long after sending before reading
    #[arg(short, long, value_name = "TIME", value_parser = ce_cli::parse_duration)]
    delay: Option<Duration>,

    /// Speak TLS at once
    #[arg(short = 'S', long)]
    ssl: bool,

    /// Start TLS as this protocol does: ftp, imap, pop3, smtp, postgres and others
    #[arg(long, value_name = "PROTOCOL", conflicts_with = "ssl")]
    starttls: Option<Protocol>,

    #[command(flatten)]
    tls: TlsFlags,

    #[command(flatten)]
    limits: TimeLimits,
}

pub(super) fn state(text: &str) -> Result<State, String> {
    match text.to_ascii_lowercase().as_str() {
        "ok" => Ok(State::Ok),
        "warn" | "warning" => Ok(State::Warning),
        "crit" | "critical" => Ok(State::Critical),
        _ => Err(format!("'{text}' is none of ok, warn, crit")),
    }
}

/// What was seen.
struct Facts {
    peer_name: String,
    connect: Duration,
    took: Duration,
    answer: Vec<u8>,
    peer: Option<Peer>,
}

impl Observe for Tcp {
    fn validate(&self) -> Result<(), Fault> {
        self.limits.validate()?;
        if self.tls.wants_tls() && !self.ssl && self.starttls.is_none() {
            return Err(Fault::Usage {
                message: "-D and --sni ask for a certificate, but the connection is plain"
                    .to_owned(),
                hint: Some("add -S, or --starttls PROTOCOL".to_owned()),
            });
        }
        if self.is_unix() && (self.ssl || self.starttls.is_some()) && !self.tls.wants_tls() {
            return Err(Fault::usage(
                "TLS over a Unix socket needs --sni: it has no name",
            ));
        }
        if !self.is_unix() && self.own_port().is_none() {
            return Err(Fault::usage("-p PORT is missing"));
        }
        Ok(())
    }

    fn subject(&self) -> Subject {
        match (self.is_unix(), self.own_port()) {
            (true, _) => Subject::default().object(&self.host),
            (false, Some(port)) => Subject::remote(&self.host).object(format!("port {port}")),
            (false, None) => Subject::remote(&self.host),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let finding = match self.gather(Deadline::at(context.deadline)) {
            Ok(facts) => self.judge(&facts, context.now),
            Err(error) => self.judge_refused(error)?,
        };
        Ok(vec![self.subject().apply(finding)])
    }
}

impl Tcp {
    fn is_unix(&self) -> bool {
        self.host.starts_with('/') || self.host.starts_with('@')
    }

    fn own_port(&self) -> Option<u16> {
        self.port
            .or(self.usual_port)
            .or_else(|| self.starttls.map(Protocol::port))
    }

    fn open(&self, deadline: Deadline) -> Result<(Stream, String), NetError> {
        if self.is_unix() {
            let stream = connect::unix(Path::new(&self.host), deadline)?;
            return Ok((
                Stream::unix(stream, &self.host, deadline),
                self.host.clone(),
            ));
        }
        let port = self.own_port().unwrap_or_default();
        let addresses = resolve::resolve(&self.host, port, self.family.family(), deadline)?;
        let (stream, address) = connect::tcp(&addresses, None, deadline)?;
        let stream = Stream::tcp(stream, address.to_string(), deadline);
        Ok((stream, address.to_string()))
    }

    fn gather(&self, deadline: Deadline) -> Result<Facts, NetError> {
        let started = Instant::now();
        let (mut stream, peer_name) = self.open(deadline)?;
        let connect = started.elapsed();
        let mut peer = None;
        if let Some(protocol) = self.starttls {
            starttls::begin(&mut stream, protocol, &ce_cli::hostname())?;
        }
        if self.ssl || self.starttls.is_some() {
            let (secured, other) = self.tls.handshake(stream, &self.host)?;
            stream = secured;
            peer = Some(other);
        }
        if let Some(text) = self.to_send() {
            stream.send(&text)?;
        }
        if let Some(delay) = self.delay {
            std::thread::sleep(delay.min(deadline.remaining().unwrap_or_default()));
        }
        let answer = self.read(&mut stream, deadline)?;
        let took = started.elapsed();
        if let Some(text) = self.to_quit() {
            // It has answered: that it does not hear the goodbye is no fault.
            let _ = stream.send(&text);
        }
        stream.close();
        Ok(Facts {
            peer_name,
            connect,
            took,
            answer,
            peer,
        })
    }

    fn to_send(&self) -> Option<Vec<u8>> {
        if self.jabber {
            let host = self.host.replace(['\'', '<', '&'], "");
            let header = format!(
                "<stream:stream to='{host}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>\n"
            );
            return Some(header.into_bytes());
        }
        let text = self.send.as_ref()?;
        Some(if self.escape {
            unescape(text)
        } else {
            text.clone().into_bytes()
        })
    }

    fn to_quit(&self) -> Option<Vec<u8>> {
        if self.jabber {
            return Some(b"</stream:stream>\n".to_vec());
        }
        let text = self.quit.as_ref()?;
        Some(if self.escape {
            unescape(text)
        } else {
            format!("{text}\r\n").into_bytes()
        })
    }

    fn is_enough(&self, answer: &[u8]) -> bool {
        if self.jabber {
            return answer.starts_with(b"<?xml version='1.0'")
                || answer.starts_with(b"<?xml version=\"1.0\"");
        }
        self.expected.is_met(answer)
    }

    fn reads(&self) -> bool {
        self.jabber || !self.expected.is_empty()
    }

    /// Reads until it is enough. Silence from the start is a timeout, silence later the end of the answer.
    fn read(&self, stream: &mut Stream, deadline: Deadline) -> Result<Vec<u8>, NetError> {
        let mut answer = Vec::new();
        let quiet = deadline.remaining().unwrap_or_default() / QUIET_SHARE;
        while self.reads() && !self.is_enough(&answer) && answer.len() < self.maxbytes {
            if !answer.is_empty() {
                stream.set_deadline(Deadline::after(quiet).min(deadline));
            }
            match stream.receive() {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => answer.extend_from_slice(&bytes),
                Err(NetError::Timeout { .. })
                    if !answer.is_empty() && deadline.remaining().is_some() =>
                {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        stream.set_deadline(deadline);
        Ok(answer)
    }

    /// A refusal may be what is wanted: a port that shall be closed.
    fn judge_refused(&self, error: NetError) -> Result<Finding, Fault> {
        match &error {
            NetError::Connect { source, .. }
                if source.kind() == std::io::ErrorKind::ConnectionRefused
                    && self.refuse != State::Critical =>
            {
                Ok(Finding::new(self.refuse, error.to_string()).cause(Cause::CONNECT))
            }
            _ => Err(error.into()),
        }
    }

    fn judge(&self, facts: &Facts, now: Timestamp) -> Finding {
        let took = ce_record::quantity::duration(facts.took);
        let answer = excerpt(&facts.answer);
        let shown = if self.jail || answer.is_empty() {
            String::new()
        } else {
            format!(": {answer}")
        };
        let finding = if !self.reads() || self.is_enough(&facts.answer) {
            let state = self.limits.judge(facts.took);
            Finding::new(state, format!("{took} at {}{shown}", facts.peer_name))
                .cause(Cause::THRESHOLD)
        } else if facts.answer.is_empty() {
            Finding::new(
                State::Critical,
                format!("no data from {}: it closed the connection", facts.peer_name),
            )
            .cause(Cause::CONTENT)
        } else {
            let state = State::worst([self.mismatch, self.limits.judge(facts.took)]);
            Finding::new(
                state,
                format!("unexpected answer from {}{shown}", facts.peer_name),
            )
            .cause(Cause::CONTENT)
        };
        let mut finding = finding
            .metric(self.limits.metric(facts.took))
            .metric(timing::metric("time_connect", facts.connect))
            .data("peer", &*facts.peer_name);
        if !self.jail && !answer.is_empty() {
            finding = finding.data("answer", answer);
        }
        match &facts.peer {
            Some(peer) => self.tls.judge(finding, peer, now),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        tcp: Tcp,
    }

    fn tcp(words: &[&str]) -> Tcp {
        let words = std::iter::once("tcp").chain(words.iter().copied());
        let matches = <Line as clap::CommandFactory>::command()
            .try_get_matches_from(words)
            .unwrap();
        Line::from_arg_matches(&matches).unwrap().tcp
    }

    /// A server that says this to one client and then listens to it until it goes; what it heard comes back.
    fn server(says: &'static [&'static [u8]]) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for bytes in says {
                stream.write_all(bytes).unwrap();
            }
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        (port, thread)
    }

    fn run(port: u16, words: &[&str]) -> Finding {
        let port = port.to_string();
        let words: Vec<&str> = [&["-H", "127.0.0.1", "-p", &port], words].concat();
        let tcp = tcp(&words);
        match tcp.gather(Deadline::after(Duration::from_millis(500))) {
            Ok(facts) => tcp.judge(&facts, Timestamp::UNIX_EPOCH),
            Err(error) => match tcp.judge_refused(error) {
                Ok(finding) => finding,
                Err(fault) => crate::runner::explain(&fault),
            },
        }
    }

    #[test]
    fn what_is_expected_is_read_and_a_goodbye_is_said() {
        let (port, thread) = server(&[b"220 ma", b"il ready\r\n"]);
        let finding = run(
            port,
            &["-e", "mail", "-s", "HELO\\r\\n", "-E", "-q", "bye\\n"],
        );
        assert_eq!(finding.state, State::Ok, "{}", finding.summary);
        assert_eq!(thread.join().unwrap(), b"HELO\r\nbye\n");
        let (port, thread) = server(&[b"220 mail\r\n"]);
        let finding = run(port, &["-e", "220", "-q", "QUIT", "-j"]);
        assert!(!finding.data.contains_key("answer"));
        assert_eq!(thread.join().unwrap(), b"QUIT\r\n");
    }

    #[test]
    fn an_answer_is_judged_by_what_it_holds() {
        for (words, state) in [
            (&["-e", "554"][..], State::Ok),
            (&["-e", "220"], State::Warning),
            (&["-e", "220", "-M", "crit"], State::Critical),
            (&["-e", "220", "-M", "ok"], State::Ok),
            (&["-e", "220", "-e", "no"], State::Ok),
            (&["-e", "220", "-e", "no", "-A"], State::Warning),
            (&["--begins", "55"], State::Ok),
            (&["--begins", "no"], State::Warning),
            (&["-e", "service", "-m", "3"], State::Ok),
            (&["-c", "0"], State::Critical),
        ] {
            let (port, _thread) = server(&[b"554 no service\r\n"]);
            let finding = run(port, words);
            assert_eq!(finding.state, state, "{words:?}: {}", finding.summary);
        }
    }

    #[test]
    fn silence_is_a_timeout_and_a_refusal_what_the_user_makes_of_it() {
        let (port, _thread) = server(&[]);
        let started = Instant::now();
        let finding = run(port, &["-e", "x"]);
        assert_eq!(
            (finding.state, finding.cause),
            (State::Critical, Some(Cause::TIMEOUT))
        );
        assert!(started.elapsed() < Duration::from_millis(700));
        assert!(
            finding.summary.contains("waiting for an answer"),
            "{}",
            finding.summary
        );
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        for (refuse, state) in [
            ("crit", State::Critical),
            ("warn", State::Warning),
            ("ok", State::Ok),
        ] {
            assert_eq!(run(closed, &["-r", refuse]).state, state);
        }
    }

    #[test]
    fn arguments_that_contradict_each_other_are_refused() {
        assert!(tcp(&["-H", "x"]).validate().is_err());
        assert!(tcp(&["-H", "x", "-p", "1", "-D", "5"]).validate().is_err());
        assert!(
            tcp(&["-H", "x", "--starttls", "smtp", "-D", "5"])
                .validate()
                .is_ok()
        );
        assert!(tcp(&["-H", "/run/x", "-e", "y"]).validate().is_ok());
    }
}
