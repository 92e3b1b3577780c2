//! IMAP servers (RFC 9051): that they greet, what they offer, that one can log in.

use ce_cli::Secret;
use ce_net::{NetError, Stream};
use ce_record::{Cause, Finding};
use clap::Args;

use crate::check::{Check, Group, Observe, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::mail::{CAPABILITIES, Flaw, GREETING, MailFlags, Talk, sasl_plain};
use crate::secure::{CHAIN_LEFT, TLS};
use crate::starttls::{Protocol, read_line};
use crate::timing::TIME;

/// No honest answer to what is asked here has more lines.
const MAX_LINES: usize = 100;

pub(super) static CHECK: Check = Check::new::<Imap>(
    "imap",
    Group::Network,
    "IMAP servers: greeting, capabilities, TLS, login",
)
.metrics(&[TIME, CHAIN_LEFT])
.data(&[CAPABILITIES, GREETING, TLS]);

/// IMAP servers: greeting, capabilities, TLS, login
///
/// check_imap and check_simap are stood in for by the check tcp, as they are check_tcp by other names.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check imap -H mail.example.org --starttls -D 20,7
  ce-check imap -H mail.example.org --ssl -e 'Dovecot.*ready' -w 1 -c 5
  ce-check imap -H mail.example.org --ssl -U probe --password-file /etc/ce/probe.password")]
pub(super) struct Imap {
    #[command(flatten)]
    mail: MailFlags,
}

impl Observe for Imap {
    fn validate(&self) -> Result<(), Fault> {
        self.mail.validate()
    }

    fn subject(&self) -> Subject {
        self.mail.subject(&Dialog)
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        self.mail.observe(&Dialog, context)
    }
}

struct Dialog;

/// What one line of a server is (RFC 9051, section 2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer<'a> {
    /// `* ...`: told without being asked.
    Untagged(&'a str),
    /// `+ ...`: go on.
    Continue,
    /// The end of our command: whether it went well, and the words.
    Done(bool, &'a str),
    /// Nothing that IMAP knows.
    Foreign,
}

impl<'a> Answer<'a> {
    fn parse(line: &'a str, tag: &str) -> Self {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        match head {
            "*" => Self::Untagged(rest),
            "+" => Self::Continue,
            head if head == tag => {
                let word = rest.split(' ').next().unwrap_or_default();
                Self::Done(word.eq_ignore_ascii_case("OK"), rest)
            }
            _ => Self::Foreign,
        }
    }
}

/// The words of an untagged CAPABILITY.
fn capabilities(text: &str) -> Option<Vec<String>> {
    let mut words = text.split_ascii_whitespace();
    words
        .next()?
        .eq_ignore_ascii_case("CAPABILITY")
        .then(|| words.map(str::to_owned).collect())
}

/// A string that a server reads as one (RFC 9051, section 4.3); none for what cannot stand in quotes.
fn quoted(text: &str) -> Option<String> {
    let fits = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    fits.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn foreign(stream: &Stream, line: &str) -> NetError {
    NetError::Protocol {
        target: stream.target().to_owned(),
        what: format!("unexpected answer: {line}"),
    }
}

/// Waits for the end of a command. What the server tells on the way goes to `untagged`; on `+` it is sent `more`,
/// and `*`, which gives up, when that has been sent already.
fn finish(
    stream: &mut Stream,
    tag: &str,
    mut more: Option<String>,
    mut untagged: impl FnMut(&str),
) -> Result<(bool, String), NetError> {
    for _ in 0..MAX_LINES {
        let line = read_line(stream)?;
        match Answer::parse(&line, tag) {
            Answer::Untagged(text) => untagged(text),
            Answer::Continue => {
                let text = more.take().unwrap_or_else(|| "*".to_owned());
                stream.send(format!("{text}\r\n").as_bytes())?;
            }
            Answer::Done(ok, words) => return Ok((ok, words.to_owned())),
            Answer::Foreign => return Err(foreign(stream, &line)),
        }
    }
    Err(NetError::Protocol {
        target: stream.target().to_owned(),
        what: "its answer does not end".to_owned(),
    })
}

impl Talk for Dialog {
    fn ports(&self) -> (u16, u16) {
        (143, 993)
    }

    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn greet(&self, stream: &mut Stream) -> Result<(String, Option<Flaw>), NetError> {
        let line = read_line(stream)?;
        let word = line
            .strip_prefix("* ")
            .and_then(|rest| rest.split(' ').next());
        let flaw = match word.unwrap_or_default().to_ascii_uppercase().as_str() {
            "OK" | "PREAUTH" => None,
            _ => Some(Flaw::critical(
                Cause::CONTENT,
                format!("turned away: {line}"),
            )),
        };
        Ok((line, flaw))
    }

    fn capabilities(&self, stream: &mut Stream) -> Result<Vec<String>, NetError> {
        stream.send(b"c1 CAPABILITY\r\n")?;
        let mut found = Vec::new();
        let (ok, words) = finish(stream, "c1", None, |text| {
            found.extend(capabilities(text).unwrap_or_default());
        })?;
        if ok {
            Ok(found)
        } else {
            Err(foreign(stream, &words))
        }
    }

    fn offers_tls(&self, capabilities: &[String]) -> bool {
        capabilities
            .iter()
            .any(|one| one.eq_ignore_ascii_case("STARTTLS"))
    }

    fn login(
        &self,
        stream: &mut Stream,
        capabilities: &[String],
        user: &str,
        password: &Secret,
    ) -> Result<Option<Flaw>, NetError> {
        let has = |name: &str| {
            capabilities
                .iter()
                .any(|one| one.eq_ignore_ascii_case(name))
        };
        let (command, more) = if has("AUTH=PLAIN") {
            (
                "l1 AUTHENTICATE PLAIN\r\n".to_owned(),
                Some(sasl_plain(user, password)),
            )
        } else if has("LOGINDISABLED") {
            return Ok(Some(Flaw::critical(
                Cause::AUTH,
                "no way to log in is offered",
            )));
        } else {
            match (quoted(user), quoted(password.expose())) {
                (Some(user), Some(password)) => (format!("l1 LOGIN {user} {password}\r\n"), None),
                _ => {
                    return Ok(Some(Flaw::critical(
                        Cause::CONFIG,
                        "user or password holds more than ASCII",
                    )));
                }
            }
        };
        stream.send(command.as_bytes())?;
        let (ok, words) = finish(stream, "l1", more, |_| {})?;
        Ok((!ok).then(|| Flaw::critical(Cause::AUTH, format!("login refused: {words}"))))
    }

    fn leave(&self, stream: &mut Stream) -> Option<Flaw> {
        // Everything asked for has been answered: how it hangs up does not matter.
        let _ = stream
            .send(b"q1 LOGOUT\r\n")
            .and_then(|()| finish(stream, "q1", None, |_| {}));
        None
    }
}

#[cfg(test)]
mod tests {
    use ce_record::State;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::mail::tests::{run, secret, server};

    const PLAIN: &[(&str, &str)] = &[
        (
            "c1",
            "* CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN\r\nc1 OK done\r\n",
        ),
        ("l1 AUTHENTICATE", "+ \r\n"),
        ("AHUAcmlnaHQ=", "l1 OK in\r\n"),
        ("AHU", "l1 NO [AUTHENTICATIONFAILED] no\r\n"),
        ("q1", "* BYE\r\nq1 OK\r\n"),
    ];
    const LOGIN: &[(&str, &str)] = &[
        (
            "c1",
            "* CAPABILITY IMAP4rev1\r\n* 3 EXISTS\r\nc1 OK done\r\n",
        ),
        ("l1 LOGIN \"u\" \"a\\\"b\"", "l1 OK in\r\n"),
        ("l1", "l1 NO no\r\n"),
        ("q1", "q1 OK\r\n"),
    ];

    #[test]
    fn a_session_is_judged_by_greeting_tls_and_login() {
        let login = ["-U", "u", "--password-file", "-", "--plaintext-login"];
        for (greeting, rules, words, password, state, begin) in [
            (
                "* OK ready\r\n",
                PLAIN,
                &[][..],
                None,
                State::Ok,
                "* OK ready, in",
            ),
            (
                "* PREAUTH hi\r\n",
                PLAIN,
                &[],
                None,
                State::Ok,
                "* PREAUTH hi, in",
            ),
            (
                "* BYE full\r\n",
                PLAIN,
                &[],
                None,
                State::Critical,
                "turned away: * BYE full",
            ),
            (
                "* OK ready\r\n",
                PLAIN,
                &["--starttls"],
                None,
                State::Warning,
                "TLS is not offered",
            ),
            (
                "* OK ready\r\n",
                PLAIN,
                &login,
                Some("right"),
                State::Ok,
                "* OK ready, logged in",
            ),
            (
                "* OK ready\r\n",
                PLAIN,
                &login,
                Some("wrong"),
                State::Critical,
                "login refused: NO [AUTH",
            ),
            (
                "* OK ready\r\n",
                LOGIN,
                &login,
                Some("a\"b"),
                State::Ok,
                "* OK ready, logged in",
            ),
            (
                "* OK ready\r\n",
                LOGIN,
                &login,
                Some("ä"),
                State::Critical,
                "user or password holds",
            ),
            (
                "* OK ready\r\n",
                &[("c1", "HTTP/1.1 400\r\n")],
                &[],
                None,
                State::Critical,
                "'127.0.0.1",
            ),
            (
                "",
                PLAIN,
                &[],
                None,
                State::Critical,
                "timeout waiting for an answer",
            ),
        ] {
            let (port, _thread) = server(greeting, rules);
            let password = password.map(secret);
            let finding = run(&Dialog, port, words, password.as_ref());
            assert_eq!(finding.state, state, "{greeting}: {}", finding.summary);
            assert!(finding.summary.starts_with(begin), "{}", finding.summary);
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(line in ".{0,60}") {
            let _ = Answer::parse(&line, "a1");
            let _ = capabilities(&line);
            if let Some(quoted) = quoted(&line) {
                prop_assert!(!quoted.contains(['\r', '\n']));
            }
            let done = format!("a1 ok {line}");
            prop_assert_eq!(Answer::parse(&done, "a1"), Answer::Done(true, &done[3..]));
        }
    }
}
