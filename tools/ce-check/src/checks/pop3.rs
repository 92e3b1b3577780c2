//! POP3 servers (RFC 1939): that they greet, what they offer, that one can log in.

use ce_cli::Secret;
use ce_net::{NetError, Stream};
use ce_record::{Cause, Finding};
use clap::Args;

use crate::check::{Check, Group, Observe, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::mail::{CAPABILITIES, Flaw, GREETING, MailFlags, Talk};
use crate::secure::{CHAIN_LEFT, TLS};
use crate::starttls::{Protocol, read_line};
use crate::timing::TIME;

/// No honest list of capabilities is longer.
const MAX_LINES: usize = 100;

pub(super) static CHECK: Check = Check::new::<Pop3>(
    "pop3",
    Group::Network,
    "POP3 servers: greeting, capabilities, TLS, login",
)
.metrics(&[TIME, CHAIN_LEFT])
.data(&[CAPABILITIES, GREETING, TLS]);

/// POP3 servers: greeting, capabilities, TLS, login
///
/// check_pop and check_spop are stood in for by the check tcp, as they are check_tcp by other names.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check pop3 -H mail.example.org --starttls -D 20,7
  ce-check pop3 -H mail.example.org --ssl -e 'Dovecot.*ready' -w 1 -c 5
  ce-check pop3 -H mail.example.org --ssl -U probe --password-file /etc/ce/probe.password")]
pub(super) struct Pop3 {
    #[command(flatten)]
    mail: MailFlags,
}

impl Observe for Pop3 {
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

fn is_ok(line: &str) -> bool {
    line == "+OK" || line.starts_with("+OK ")
}

fn command(stream: &mut Stream, text: &str) -> Result<String, NetError> {
    stream.send(format!("{text}\r\n").as_bytes())?;
    read_line(stream)
}

impl Talk for Dialog {
    fn ports(&self) -> (u16, u16) {
        (110, 995)
    }

    fn protocol(&self) -> Protocol {
        Protocol::Pop3
    }

    fn greet(&self, stream: &mut Stream) -> Result<(String, Option<Flaw>), NetError> {
        let line = read_line(stream)?;
        let flaw =
            (!is_ok(&line)).then(|| Flaw::critical(Cause::CONTENT, format!("turned away: {line}")));
        Ok((line, flaw))
    }

    /// Nothing, from a server that knows no CAPA (RFC 2449).
    fn capabilities(&self, stream: &mut Stream) -> Result<Vec<String>, NetError> {
        let mut capabilities = Vec::new();
        if !is_ok(&command(stream, "CAPA")?) {
            return Ok(capabilities);
        }
        for _ in 0..MAX_LINES {
            let line = read_line(stream)?;
            if line == "." {
                return Ok(capabilities);
            }
            capabilities.push(line);
        }
        Err(NetError::Protocol {
            target: stream.target().to_owned(),
            what: "its list of capabilities does not end".to_owned(),
        })
    }

    fn offers_tls(&self, capabilities: &[String]) -> bool {
        // A server that knows no CAPA may still know STLS: it is asked.
        capabilities.is_empty()
            || capabilities
                .iter()
                .any(|one| one.eq_ignore_ascii_case("STLS"))
    }

    fn login(
        &self,
        stream: &mut Stream,
        _: &[String],
        user: &str,
        password: &Secret,
    ) -> Result<Option<Flaw>, NetError> {
        if user.contains(['\r', '\n']) || password.expose().contains(['\r', '\n']) {
            return Ok(Some(Flaw::critical(
                Cause::CONFIG,
                "user or password holds a newline",
            )));
        }
        for text in [
            format!("USER {user}"),
            format!("PASS {}", password.expose()),
        ] {
            let answer = command(stream, &text)?;
            if !is_ok(&answer) {
                return Ok(Some(Flaw::critical(
                    Cause::AUTH,
                    format!("login refused: {answer}"),
                )));
            }
        }
        Ok(None)
    }

    fn leave(&self, stream: &mut Stream) -> Option<Flaw> {
        match command(stream, "QUIT") {
            Ok(answer) if is_ok(&answer) => None,
            Ok(answer) => Some(Flaw::warning(format!("QUIT is answered by {answer}"))),
            // Everything asked for has been answered.
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ce_record::State;

    use super::*;
    use crate::mail::tests::{run, secret, server};

    const RULES: &[(&str, &str)] = &[
        ("CAPA", "+OK\r\nTOP\r\nSASL PLAIN\r\n.\r\n"),
        ("USER", "+OK\r\n"),
        ("PASS right", "+OK in\r\n"),
        ("PASS", "-ERR [AUTH] no\r\n"),
        ("QUIT", "+OK bye\r\n"),
    ];

    #[test]
    fn a_session_is_judged_by_greeting_tls_and_login() {
        let login = ["-U", "u", "--password-file", "-", "--plaintext-login"];
        for (greeting, words, password, state, begin) in [
            ("+OK ready\r\n", &[][..], None, State::Ok, "+OK ready, in"),
            (
                "+OK ready\r\n",
                &["-e", "Dovecot"],
                None,
                State::Warning,
                "unexpected greeting",
            ),
            (
                "+OK ready\r\n",
                &["--starttls"],
                None,
                State::Warning,
                "TLS is not offered",
            ),
            (
                "-ERR full\r\n",
                &[],
                None,
                State::Critical,
                "turned away: -ERR full",
            ),
            (
                "+OK ready\r\n",
                &login,
                Some("right"),
                State::Ok,
                "+OK ready, logged in",
            ),
            (
                "+OK ready\r\n",
                &login,
                Some("wrong"),
                State::Critical,
                "login refused: -ERR [AUTH] no",
            ),
            (
                "+OK ready\r\n",
                &login,
                Some("x\rQUIT"),
                State::Critical,
                "user or password holds",
            ),
            (
                "",
                &[],
                None,
                State::Critical,
                "timeout waiting for an answer",
            ),
        ] {
            let (port, _thread) = server(greeting, RULES);
            let password = password.map(secret);
            let finding = run(&Dialog, port, words, password.as_ref());
            assert_eq!(finding.state, state, "{}", finding.summary);
            assert!(finding.summary.starts_with(begin), "{}", finding.summary);
            if state == State::Ok {
                assert_eq!(finding.data["capabilities"][1], "SASL PLAIN");
            }
        }
    }
}
