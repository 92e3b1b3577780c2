//! SMTP and LMTP servers (RFC 5321, RFC 2033): that they greet, what they offer, and how they answer.

use ce_cli::Secret;
use ce_net::{NetError, Stream};
use ce_record::{Cause, Finding};
use clap::{Args, ValueEnum};
use regex::Regex;

use crate::check::{Check, Group, Observe, Plugin, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::mail::{CAPABILITIES, Flaw, GREETING, MailFlags, Talk, sasl_plain};
use crate::secure::{CHAIN_LEFT, TLS};
use crate::starttls::{Protocol, Reply, read_reply};
use crate::timing::TIME;

pub(super) static CHECK: Check = Check::new::<Smtp>(
    "smtp",
    Group::Network,
    "SMTP and LMTP servers: greeting, capabilities, TLS, login, dialog",
)
.metrics(&[TIME, CHAIN_LEFT])
.data(&[CAPABILITIES, GREETING, TLS])
.plugins(&[Plugin {
    name: "check_smtp",
    word: "SMTP",
    preset: &[],
    perfdata: crate::timing::perfdata,
    deviations: &[
        "a server that greets with 4xx or 5xx turns everybody away: CRITICAL, not WARNING",
        "a server that closes without a greeting, or does not start TLS when asked, is CRITICAL: no mail gets in",
        "-R without the -C that it judges is refused",
        "a sender (-f) that is refused is a WARNING",
        "with -S the certificate must be trusted and be of the name (--insecure takes any)",
        "-D judges the certificate beside the rest instead of ending there",
        "-P is not taken, as argv can be read by everybody: --password-file instead",
        "-A takes PLAIN besides LOGIN; a password goes over TLS only, or with --plaintext-login",
        "-e is a regular expression, matched with the first line of the greeting",
    ],
}]);

/// SMTP and LMTP servers: greeting, capabilities, TLS, login, dialog
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check smtp -H mail.example.org --starttls -D 20,7
  ce-check smtp -H mail.example.org -f probe@example.org -C 'RCPT TO:<postmaster@example.org>' -R '^250'
  ce-check smtp -H mail.example.org -p 587 -S -A plain -U probe --password-file /etc/ce/probe.password")]
pub(super) struct Smtp {
    #[command(flatten)]
    mail: MailFlags,

    #[command(flatten)]
    talk: Talker,
}

#[derive(Args, Debug)]
struct Talker {
    /// Name to say hello with [default: this machine's]
    #[arg(short = 'F', long, value_name = "NAME")]
    fqdn: Option<String>,

    /// Begin a mail from this address, which is never sent
    #[arg(short, long, value_name = "ADDRESS")]
    from: Option<String>,

    /// Say this, after -f; several times for several commands
    #[arg(short = 'C', long, value_name = "TEXT")]
    command: Vec<String>,

    /// Expect the answer to the -C of the same place to match this regular expression
    #[arg(short = 'R', long, value_name = "REGEX")]
    response: Vec<Regex>,

    /// How to log in: plain or login [default: what the server offers]
    #[arg(
        short = 'A',
        long,
        value_name = "TYPE",
        requires = "user",
        ignore_case = true
    )]
    authtype: Option<Auth>,

    /// Speak LMTP
    #[arg(short = 'L', long)]
    lmtp: bool,

    /// Do not mind how the server takes QUIT
    #[arg(short = 'q', long)]
    ignore_quit_failure: bool,
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// Two answers; never a standard
    Login,
    /// RFC 4616
    Plain,
}

impl Observe for Smtp {
    fn validate(&self) -> Result<(), Fault> {
        let texts = self
            .talk
            .command
            .iter()
            .chain(&self.talk.fqdn)
            .chain(&self.talk.from);
        if texts.into_iter().any(|text| text.contains(['\r', '\n'])) {
            return Err(Fault::usage("-C, -f and -F are one line each"));
        }
        if self.talk.response.len() > self.talk.command.len() {
            return Err(Fault::usage("there are more -R than -C"));
        }
        self.mail.validate()
    }

    fn subject(&self) -> Subject {
        self.mail.subject(&self.talk)
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        self.mail.observe(&self.talk, context)
    }
}

fn command(stream: &mut Stream, text: &str) -> Result<Reply, NetError> {
    stream.send(format!("{text}\r\n").as_bytes())?;
    read_reply(stream)
}

impl Talker {
    fn choose(&self, capabilities: &[String]) -> Option<Auth> {
        if self.authtype.is_some() {
            return self.authtype;
        }
        let offered = |name: &str| {
            capabilities.iter().any(|line| {
                let mut words = line.split_ascii_whitespace();
                words
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case("AUTH"))
                    && words.any(|word| word.eq_ignore_ascii_case(name))
            })
        };
        match (offered("PLAIN"), offered("LOGIN")) {
            (true, _) => Some(Auth::Plain),
            (_, true) => Some(Auth::Login),
            _ => None,
        }
    }
}

impl Talk for Talker {
    fn ports(&self) -> (u16, u16) {
        if self.lmtp { (24, 24) } else { (25, 465) }
    }

    fn protocol(&self) -> Protocol {
        if self.lmtp {
            Protocol::Lmtp
        } else {
            Protocol::Smtp
        }
    }

    fn greet(&self, stream: &mut Stream) -> Result<(String, Option<Flaw>), NetError> {
        let reply = read_reply(stream)?;
        let first = reply.lines.first().map(String::as_str).unwrap_or_default();
        let greeting = format!("{} {first}", reply.code);
        let flaw = (reply.code >= 400)
            .then(|| Flaw::critical(Cause::CONTENT, format!("turned away: {greeting}")));
        Ok((greeting, flaw))
    }

    /// The extensions; none from a server that only knows HELO.
    fn capabilities(&self, stream: &mut Stream) -> Result<Vec<String>, NetError> {
        let me = self.fqdn.clone().unwrap_or_else(ce_cli::hostname);
        let verb = if self.lmtp { "LHLO" } else { "EHLO" };
        let mut reply = command(stream, &format!("{verb} {me}"))?;
        if reply.code >= 500 && !self.lmtp {
            reply = command(stream, &format!("HELO {me}"))?;
        }
        if reply.code != 250 {
            return Err(NetError::Protocol {
                target: stream.target().to_owned(),
                what: format!("it does not take our hello: {}", reply.last()),
            });
        }
        Ok(reply.lines.into_iter().skip(1).collect())
    }

    fn offers_tls(&self, capabilities: &[String]) -> bool {
        capabilities
            .iter()
            .any(|line| line.eq_ignore_ascii_case("STARTTLS"))
    }

    fn login(
        &self,
        stream: &mut Stream,
        capabilities: &[String],
        user: &str,
        password: &Secret,
    ) -> Result<Option<Flaw>, NetError> {
        use base64::Engine as _;
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let steps = match self.choose(capabilities) {
            Some(Auth::Plain) => vec![format!("AUTH PLAIN {}", sasl_plain(user, password))],
            Some(Auth::Login) => vec![
                "AUTH LOGIN".to_owned(),
                base64(user),
                base64(password.expose()),
            ],
            None => {
                return Ok(Some(Flaw::critical(
                    Cause::AUTH,
                    "no way to log in is offered",
                )));
            }
        };
        let last = steps.len() - 1;
        for (at, step) in steps.iter().enumerate() {
            let reply = command(stream, step)?;
            let wanted = if at == last { 235 } else { 334 };
            if reply.code != wanted {
                let line = format!("login refused: {}", reply.last());
                return Ok(Some(Flaw::critical(Cause::AUTH, line)));
            }
        }
        Ok(None)
    }

    fn try_more(&self, stream: &mut Stream, flaws: &mut Vec<Flaw>) -> Result<(), NetError> {
        if let Some(from) = &self.from {
            let from = from.trim_start_matches('<').trim_end_matches('>');
            let reply = command(stream, &format!("MAIL FROM:<{from}>"))?;
            if reply.code != 250 {
                flaws.push(Flaw::warning(format!("sender refused: {}", reply.last())));
            }
        }
        for (at, text) in self.command.iter().enumerate() {
            let reply = command(stream, text)?;
            let answer = reply.last();
            if let Some(expected) = self.response.get(at)
                && !expected.is_match(&answer)
            {
                flaws.push(Flaw::warning(format!("'{text}' is answered by {answer}")));
            }
        }
        Ok(())
    }

    fn leave(&self, stream: &mut Stream) -> Option<Flaw> {
        match command(stream, "QUIT") {
            _ if self.ignore_quit_failure => None,
            Ok(reply) if reply.code == 221 => None,
            Ok(reply) => Some(Flaw::warning(format!(
                "QUIT is answered by {}",
                reply.last()
            ))),
            Err(error) => Some(Flaw::warning(format!("QUIT is not answered: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use ce_record::State;
    use clap::{FromArgMatches, Parser};

    use super::*;
    use crate::mail::tests::{run, secret, server};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        smtp: Smtp,
    }

    fn smtp(words: &[&str]) -> Smtp {
        let words = ["smtp", "-H", "x"].into_iter().chain(words.iter().copied());
        let matches = <Line as clap::CommandFactory>::command()
            .try_get_matches_from(words)
            .unwrap();
        Line::from_arg_matches(&matches).unwrap().smtp
    }

    const RULES: &[(&str, &str)] = &[
        ("EHLO", "250-mail\r\n250-SIZE 100\r\n250 AUTH LOGIN\r\n"),
        ("LHLO", "250-mail\r\n250 SIZE 200\r\n"),
        ("MAIL FROM:<a@b>", "250 ok\r\n"),
        ("MAIL", "550 no\r\n"),
        ("RCPT", "250-maybe\r\n250 relay\r\n"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
        ("AUTH PLAIN AHUAcmlnaHQ=", "235 in\r\n"),
        ("AUTH PLAIN", "535 no\r\n"),
        ("dQ==", "334 UGFzc3dvcmQ6\r\n"),
        ("cmlnaHQ=", "235 in\r\n"),
        ("d3Jvbmc=", "535 wrong\r\n"),
        ("QUIT", "221 bye\r\n"),
    ];
    const OLD: &[(&str, &str)] = &[
        ("EHLO", "502 what\r\n"),
        ("HELO", "250 hi\r\n"),
        ("QUIT", "250 hm\r\n"),
    ];

    #[test]
    fn a_session_is_judged_by_greeting_dialog_and_goodbye() {
        const HI: &str = "220-mail\r\n220 ready\r\n";
        let more = |words: &[&'static str]| words.to_vec();
        let login = ["-U", "u", "--password-file", "-", "--plaintext-login"];
        for (greeting, rules, own, words, password, state, begin) in [
            (
                HI,
                RULES,
                more(&[]),
                &[][..],
                None,
                State::Ok,
                "220 mail, in",
            ),
            (
                HI,
                RULES,
                more(&[]),
                &["-e", "^220 mail"],
                None,
                State::Ok,
                "220 mail, in",
            ),
            (
                HI,
                RULES,
                more(&[]),
                &["-e", "exim"],
                None,
                State::Warning,
                "unexpected greeting: 220 mail",
            ),
            (
                "554 no\r\n",
                RULES,
                more(&[]),
                &[],
                None,
                State::Critical,
                "turned away: 554 no",
            ),
            (
                HI,
                RULES,
                more(&["-f", "<a@b>"]),
                &[],
                None,
                State::Ok,
                "220 mail, in",
            ),
            (
                HI,
                RULES,
                more(&["-f", "x@b"]),
                &[],
                None,
                State::Warning,
                "sender refused: 550 no",
            ),
            (
                HI,
                RULES,
                more(&["-C", "RCPT TO:<x>", "-R", "^250 rel"]),
                &[],
                None,
                State::Ok,
                "220 mail",
            ),
            (
                HI,
                RULES,
                more(&["-C", "RCPT TO:<x>", "-R", "^550"]),
                &[],
                None,
                State::Warning,
                "'RCPT TO:<x>' is answered by 250 relay",
            ),
            (HI, RULES, more(&["-L"]), &[], None, State::Ok, "220 mail"),
            (
                HI,
                RULES,
                more(&[]),
                &["-S"],
                None,
                State::Warning,
                "TLS is not offered",
            ),
            (
                HI,
                RULES,
                more(&[]),
                &login,
                Some("right"),
                State::Ok,
                "220 mail, logged in",
            ),
            (
                HI,
                RULES,
                more(&[]),
                &login,
                Some("wrong"),
                State::Critical,
                "login refused: 535 wrong",
            ),
            (
                HI,
                OLD,
                more(&[]),
                &login,
                Some("right"),
                State::Critical,
                "no way to log in",
            ),
            (
                HI,
                OLD,
                more(&[]),
                &[],
                None,
                State::Warning,
                "QUIT is answered by 250 hm",
            ),
            (HI, OLD, more(&["-q"]), &[], None, State::Ok, "220 mail"),
            (
                HI,
                &[],
                more(&[]),
                &[],
                None,
                State::Critical,
                "timeout waiting for an answer",
            ),
            (
                "SSH-2.0-x\r\n",
                &[],
                more(&[]),
                &[],
                None,
                State::Critical,
                "'127.0.0.1",
            ),
        ] {
            let (port, _thread) = server(greeting, rules);
            let password = password.map(secret);
            let talk = smtp(&own).talk;
            let finding = run(&talk, port, words, password.as_ref());
            assert_eq!(
                finding.state, state,
                "{own:?} {words:?}: {}",
                finding.summary
            );
            assert!(finding.summary.starts_with(begin), "{}", finding.summary);
        }
    }

    #[test]
    fn plain_is_asked_for_by_name() {
        let (port, _thread) = server("220 x\r\n", RULES);
        let talk = smtp(&[
            "-A",
            "PLAIN",
            "-U",
            "u",
            "--password-file",
            "-",
            "--plaintext-login",
        ])
        .talk;
        let words = ["-U", "u", "--password-file", "-", "--plaintext-login"];
        let finding = run(&talk, port, &words, Some(&secret("right")));
        assert_eq!(finding.state, State::Ok, "{}", finding.summary);
    }

    #[test]
    fn lines_are_lines_and_answers_need_commands() {
        assert!(smtp(&["-C", "NOOP\r\nDATA"]).validate().is_err());
        assert!(smtp(&["-R", "250"]).validate().is_err());
        assert!(smtp(&["-C", "NOOP", "-R", "250"]).validate().is_ok());
    }
}
