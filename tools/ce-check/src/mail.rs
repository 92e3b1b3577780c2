//! What the checks of mail servers have in common: greet, ask what is offered, start TLS, log in, leave.

use std::time::{Duration, Instant};

use ce_cli::Secret;
use ce_net::tls::Peer;
use ce_net::{Deadline, NetError, Stream};
use ce_record::{Cause, Finding, State};
use clap::Args;
use jiff::Timestamp;
use regex::Regex;

use crate::check::{Field, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::secure::{TlsFlags, worsen};
use crate::starttls::{self, Protocol};
use crate::target::Target;
use crate::timing::TimeLimits;

/// Flags of every check of a mail server: flatten it.
#[derive(Args, Debug)]
pub(crate) struct MailFlags {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Expect the greeting to match this regular expression
    #[arg(short, long, value_name = "REGEX")]
    expect: Option<Regex>,

    /// Start TLS after the greeting
    #[arg(short = 'S', long)]
    starttls: bool,

    /// Speak TLS at once, on the port for that
    #[arg(long, conflicts_with = "starttls")]
    ssl: bool,

    #[command(flatten)]
    tls: TlsFlags,

    /// Log in as this user
    #[arg(
        short = 'U',
        long = "user",
        value_name = "NAME",
        requires = "password_file",
        visible_alias = "authuser"
    )]
    user: Option<String>,

    /// Log in with the password in this file, credential:NAME of systemd, or - for standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<String>,

    /// Send the password even where everybody on the way can read it
    #[arg(long, requires = "user")]
    plaintext_login: bool,

    #[command(flatten)]
    pub(crate) limits: TimeLimits,
}

/// The fields of data of every check of a mail server.
pub(crate) const CAPABILITIES: Field = Field {
    name: "capabilities",
    kind: "array",
    about: "what the server offers, after TLS has begun",
};
/// See [`CAPABILITIES`].
pub(crate) const GREETING: Field = Field {
    name: "greeting",
    kind: "string",
    about: "its first line",
};

/// Something that the server got wrong, while the dialog goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) state: State,
    pub(crate) cause: Cause,
    pub(crate) line: String,
}

impl Flaw {
    /// That is CRITICAL.
    pub(crate) fn critical(cause: Cause, line: impl Into<String>) -> Self {
        Self {
            state: State::Critical,
            cause,
            line: line.into(),
        }
    }

    /// That is a WARNING.
    pub(crate) fn warning(line: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            cause: Cause::CONTENT,
            line: line.into(),
        }
    }
}

/// What a protocol has of its own. Each step waits no longer than the deadline of the stream.
pub(crate) trait Talk {
    /// The port where it begins in plain text, and the one where it begins with TLS.
    fn ports(&self) -> (u16, u16);
    /// How it starts TLS.
    fn protocol(&self) -> Protocol;
    /// Reads the greeting; a flaw when it turns everybody away.
    fn greet(&self, stream: &mut Stream) -> Result<(String, Option<Flaw>), NetError>;
    /// Asks what is offered: one entry a capability.
    fn capabilities(&self, stream: &mut Stream) -> Result<Vec<String>, NetError>;
    /// Whether TLS can be started.
    fn offers_tls(&self, capabilities: &[String]) -> bool;
    /// Logs in; a flaw when that is refused.
    fn login(
        &self,
        stream: &mut Stream,
        capabilities: &[String],
        user: &str,
        password: &Secret,
    ) -> Result<Option<Flaw>, NetError>;
    /// What is to be tried before leaving.
    fn try_more(&self, _: &mut Stream, _: &mut Vec<Flaw>) -> Result<(), NetError> {
        Ok(())
    }
    /// Leaves; a flaw when even that goes wrong.
    fn leave(&self, stream: &mut Stream) -> Option<Flaw>;
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Facts {
    greeting: String,
    capabilities: Vec<String>,
    peer: Option<Peer>,
    flaws: Vec<Flaw>,
    logged_in: bool,
    took: Duration,
}

impl MailFlags {
    /// Refuses what makes no sense.
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        self.limits.validate()?;
        if self.tls.wants_tls() && !self.is_secure() {
            return Err(Fault::Usage {
                message: "-D and --sni ask for a certificate, but the connection is plain"
                    .to_owned(),
                hint: Some("add --starttls or --ssl".to_owned()),
            });
        }
        if self.user.is_some() && !self.is_secure() && !self.plaintext_login {
            return Err(Fault::Usage {
                message: "a password would be sent over a plain connection".to_owned(),
                hint: Some(
                    "add --starttls or --ssl; or --plaintext-login when nobody can listen"
                        .to_owned(),
                ),
            });
        }
        Ok(())
    }

    fn is_secure(&self) -> bool {
        self.starttls || self.ssl
    }

    fn usual_port(&self, talk: &dyn Talk) -> u16 {
        let (plain, secure) = talk.ports();
        if self.ssl { secure } else { plain }
    }

    /// What a record is filed under.
    pub(crate) fn subject(&self, talk: &dyn Talk) -> Subject {
        self.target.subject(talk.ports().0)
    }

    /// The whole check.
    pub(crate) fn observe(
        &self,
        talk: &dyn Talk,
        context: &Context,
    ) -> Result<Vec<Finding>, Fault> {
        let password = self
            .password_file
            .as_deref()
            .map(Secret::load)
            .transpose()?;
        let facts = self.gather(talk, password.as_ref(), Deadline::at(context.deadline))?;
        Ok(vec![
            self.subject(talk).apply(self.judge(&facts, context.now)),
        ])
    }

    /// The whole dialog.
    pub(crate) fn gather(
        &self,
        talk: &dyn Talk,
        password: Option<&Secret>,
        deadline: Deadline,
    ) -> Result<Facts, NetError> {
        let started = Instant::now();
        let mut stream = self.target.connect(self.usual_port(talk), deadline)?;
        let mut peer = None;
        if self.ssl {
            let (secured, other) = self.tls.handshake(stream, &self.target.host)?;
            (stream, peer) = (secured, Some(other));
        }
        let (greeting, turned_away) = talk.greet(&mut stream)?;
        let mut facts = Facts {
            greeting,
            capabilities: Vec::new(),
            peer: None,
            flaws: turned_away.into_iter().collect(),
            logged_in: false,
            took: Duration::ZERO,
        };
        if facts.flaws.is_empty() {
            facts.capabilities = talk.capabilities(&mut stream)?;
            if self.starttls && talk.offers_tls(&facts.capabilities) {
                starttls::upgrade(&mut stream, talk.protocol())?;
                let (secured, other) = self.tls.handshake(stream, &self.target.host)?;
                (stream, peer) = (secured, Some(other));
                facts.capabilities = talk.capabilities(&mut stream)?;
            } else if self.starttls {
                facts.flaws.push(Flaw::warning("TLS is not offered"));
            }
            facts.peer = peer;
            self.log_in(talk, &mut stream, password, &mut facts)?;
            talk.try_more(&mut stream, &mut facts.flaws)?;
            facts.flaws.extend(talk.leave(&mut stream));
        } else {
            facts.peer = peer;
        }
        facts.took = started.elapsed();
        stream.close();
        Ok(facts)
    }

    fn log_in(
        &self,
        talk: &dyn Talk,
        stream: &mut Stream,
        password: Option<&Secret>,
        facts: &mut Facts,
    ) -> Result<(), NetError> {
        let (Some(user), Some(password)) = (&self.user, password) else {
            return Ok(());
        };
        match &facts.peer {
            // An impostor would get the password: that it is one is said by the judge.
            Some(peer) if peer.trust.is_err() => return Ok(()),
            None if !self.plaintext_login => return Ok(()),
            _ => {}
        }
        match talk.login(stream, &facts.capabilities, user, password)? {
            Some(flaw) => facts.flaws.push(flaw),
            None => facts.logged_in = true,
        }
        Ok(())
    }

    pub(crate) fn judge(&self, facts: &Facts, now: Timestamp) -> Finding {
        let took = ce_record::quantity::duration(facts.took);
        let login = if facts.logged_in { ", logged in" } else { "" };
        let mut finding = Finding::new(
            State::Ok,
            format!("{}{login}, in {took}", short(&facts.greeting)),
        )
        .cause(Cause::THRESHOLD)
        .metric(self.limits.metric(facts.took))
        .data(GREETING.name, &*facts.greeting)
        .data(CAPABILITIES.name, facts.capabilities.clone());
        match self.limits.judge(facts.took) {
            State::Ok => {}
            state => finding = worsen(finding, state, Cause::THRESHOLD, &format!("slow: {took}")),
        }
        if let Some(expected) = &self.expect
            && !expected.is_match(&facts.greeting)
        {
            let line = format!("unexpected greeting: {}", facts.greeting);
            finding = worsen(finding, State::Warning, Cause::CONTENT, &line);
        }
        for flaw in &facts.flaws {
            finding = worsen(finding, flaw.state, flaw.cause.clone(), &flaw.line);
        }
        match &facts.peer {
            Some(peer) => self.tls.judge(finding, peer, now),
            None => finding,
        }
    }
}

/// A greeting without the list that IMAP servers put into it (RFC 9051, section 7.1): it is in the data.
fn short(greeting: &str) -> String {
    let list = greeting
        .split_once("[CAPABILITY ")
        .and_then(|(before, rest)| {
            let (_, after) = rest.split_once("] ")?;
            Some(format!("{before}{after}"))
        });
    list.unwrap_or_else(|| greeting.to_owned())
}

/// The message of SASL PLAIN (RFC 4616), in base64.
pub(crate) fn sasl_plain(user: &str, password: &Secret) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{}", password.expose()))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        mail: MailFlags,
    }

    /// A server that greets and answers each line by the first rule whose beginning fits; what it heard comes back.
    pub(crate) fn server(
        greeting: &'static str,
        rules: &'static [(&'static str, &'static str)],
    ) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            reader.get_mut().write_all(greeting.as_bytes()).unwrap();
            let mut heard = Vec::new();
            let mut line = String::new();
            while matches!(reader.read_line(&mut line), Ok(1..)) {
                let said = line.trim_end().to_owned();
                let answer = rules.iter().find(|(begin, _)| said.starts_with(begin));
                if let Some((_, answer)) = answer {
                    let _ = reader.get_mut().write_all(answer.as_bytes());
                }
                heard.push(said);
                line.clear();
            }
            heard
        });
        (port, thread)
    }

    /// The flags from words, aimed at this port.
    pub(crate) fn flags(port: u16, words: &[&str]) -> MailFlags {
        let port = port.to_string();
        let words = ["mail", "-H", "127.0.0.1", "-p", &port]
            .into_iter()
            .chain(words.iter().copied());
        let matches = <Line as clap::CommandFactory>::command()
            .try_get_matches_from(words)
            .unwrap();
        Line::from_arg_matches(&matches).unwrap().mail
    }

    /// A secret of these letters.
    pub(crate) fn secret(text: &str) -> Secret {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Secret::load(path.to_str().unwrap()).unwrap()
    }

    /// Runs a check against a server.
    pub(crate) fn run(
        talk: &dyn Talk,
        port: u16,
        words: &[&str],
        password: Option<&Secret>,
    ) -> Finding {
        let flags = flags(port, words);
        match flags.gather(talk, password, Deadline::after(Duration::from_millis(600))) {
            Ok(facts) => flags.judge(&facts, Timestamp::UNIX_EPOCH),
            Err(error) => crate::runner::explain(&error.into()),
        }
    }

    #[test]
    fn a_greeting_is_short_without_its_list() {
        assert_eq!(
            short("* OK [CAPABILITY IMAP4rev1 ID] ready."),
            "* OK ready."
        );
        assert_eq!(short("* OK [CAPABILITY x"), "* OK [CAPABILITY x");
    }

    #[test]
    fn a_password_is_not_sent_where_it_can_be_read() {
        let login = ["-U", "u", "--password-file", "-"];
        assert!(flags(1, &login).validate().is_err());
        assert!(
            flags(1, &[&login[..], &["--starttls"]].concat())
                .validate()
                .is_ok()
        );
        assert!(
            flags(1, &[&login[..], &["--plaintext-login"]].concat())
                .validate()
                .is_ok()
        );
        assert!(flags(1, &["-D", "20"]).validate().is_err());
    }
}
