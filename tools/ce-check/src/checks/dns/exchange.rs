//! Asking a name server: over UDP, again when nothing comes, over TCP when the answer does not fit.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ce_net::{Deadline, NetError, Phase, Stream, connect};

use super::message::{self, Ask, Code, Message, Type};
use crate::datagram::Datagrams;
use crate::fault::Fault;

/// A lost datagram is sent again after this long, then after twice as long, and so on.
const FIRST_RESEND: Duration = Duration::from_millis(500);

/// An answer and how it came.
#[derive(Clone, Debug)]
pub struct Answered {
    pub message: Message,
    pub server: SocketAddr,
    pub tcp: bool,
}

/// What is asked, ready to be sent.
#[derive(Clone, Debug)]
pub struct Asked {
    wire: Vec<u8>,
    wire_name: Vec<u8>,
    kind: Type,
    tcp: bool,
}

impl Asked {
    /// A question with a random id.
    pub fn new(name: &str, kind: Type, ask: Ask, tcp: bool) -> Result<Self, Fault> {
        let wire_name =
            message::encode_name(name).map_err(|error| Fault::usage(error.to_string()))?;
        let wire = message::query(random_id()?, &wire_name, kind, ask);
        Ok(Self {
            wire,
            wire_name,
            kind,
            tcp,
        })
    }

    /// The answer to exactly this question, whatever else arrives.
    fn accepts(&self, message: &Message) -> bool {
        let same_id = self.wire.starts_with(&message.id.to_be_bytes());
        // A server that does not understand the question may leave it out of its complaint.
        let same_question = match &message.question[..] {
            [] => message.code != Code::NO_ERROR,
            [question] => {
                question.kind == self.kind
                    && message::encode_name(&question.name)
                        .is_ok_and(|name| name.eq_ignore_ascii_case(&self.wire_name))
            }
            _ => false,
        };
        message.is_response && same_id && same_question
    }

    /// Asks this server.
    ///
    /// # Errors
    /// [`NetError::Timeout`] at the deadline, naming the server.
    pub fn ask(&self, server: SocketAddr, deadline: Deadline) -> Result<Answered, NetError> {
        if !self.tcp {
            let message = self.over_udp(server, deadline)?;
            if !message.flags.truncated {
                return Ok(Answered {
                    message,
                    server,
                    tcp: false,
                });
            }
        }
        Ok(Answered {
            message: self.over_tcp(server, deadline)?,
            server,
            tcp: true,
        })
    }

    fn over_udp(&self, server: SocketAddr, deadline: Deadline) -> Result<Message, NetError> {
        let socket = Datagrams::open(server)?;
        let mut wait = FIRST_RESEND;
        loop {
            socket.send(&self.wire)?;
            let resend = Deadline::after(wait).min(deadline);
            match self.hear(&socket, resend) {
                Err(NetError::Timeout { .. }) if deadline.remaining().is_some() => wait *= 2,
                heard => return heard,
            }
        }
    }

    fn hear(&self, socket: &Datagrams, until: Deadline) -> Result<Message, NetError> {
        loop {
            let bytes = socket.receive(until)?;
            // What does not parse may be forged: the true answer may still come.
            if let Ok(message) = message::parse(&bytes)
                && self.accepts(&message)
            {
                return Ok(message);
            }
        }
    }

    fn over_tcp(&self, server: SocketAddr, deadline: Deadline) -> Result<Message, NetError> {
        let (stream, address) = connect::tcp(&[server], None, deadline)?;
        let mut stream = Stream::tcp(stream, address.to_string(), deadline);
        let length = u16::try_from(self.wire.len()).unwrap_or(u16::MAX);
        stream.send(&[&length.to_be_bytes()[..], &self.wire].concat())?;
        let head = stream.read_exactly(2)?;
        let length = u16::from_be_bytes([head[0], head[1]]);
        let bytes = stream.read_exactly(usize::from(length))?;
        let protocol = |what: String| NetError::Protocol {
            target: server.to_string(),
            what,
        };
        let message = message::parse(&bytes)
            .map_err(|error| protocol(format!("its dns message is malformed: {error}")))?;
        if self.accepts(&message) {
            Ok(message)
        } else {
            Err(protocol("its answer is to another question".to_owned()))
        }
    }

    /// Asks the first server that answers, each having an equal share of the time; and what those before it did.
    ///
    /// # Errors
    /// That of the first server when none answers.
    pub fn ask_any(
        &self,
        servers: &[SocketAddr],
        deadline: Deadline,
    ) -> Result<(Answered, Vec<NetError>), NetError> {
        let mut failed = Vec::new();
        for (at, server) in servers.iter().enumerate() {
            let left = deadline.remaining().unwrap_or_default();
            let shares = u32::try_from(servers.len() - at).unwrap_or(1);
            let share = Deadline::at(Instant::now() + left / shares).min(deadline);
            match self.ask(*server, share) {
                // Servers that know nothing of a zone are passed over, as resolvers do.
                Ok(answered) if !useless(answered.message.code) || at + 1 == servers.len() => {
                    return Ok((answered, failed));
                }
                Ok(answered) => failed.push(NetError::Protocol {
                    target: server.to_string(),
                    what: format!("it answers {}", answered.message.code),
                }),
                Err(error) => failed.push(error),
            }
        }
        Err(failed
            .into_iter()
            .next()
            .unwrap_or_else(|| NetError::Timeout {
                phase: Phase::Resolve,
                target: "any name server".to_owned(),
            }))
    }
}

fn useless(code: Code) -> bool {
    matches!(code, Code::SERV_FAIL | Code::REFUSED)
}

fn random_id() -> Result<u16, Fault> {
    let random = ring::rand::generate::<[u8; 2]>(&ring::rand::SystemRandom::new());
    random
        .map(|bytes| u16::from_be_bytes(bytes.expose()))
        .map_err(|_| Fault::Absent("this machine gives no random numbers".to_owned()))
}

/// The `nameserver` lines of resolv.conf(5); the local one when there is none.
pub fn name_servers(resolv_conf: &str) -> Vec<String> {
    let servers: Vec<String> = resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        // The C library takes no more than three.
        .take(3)
        .map(str::to_owned)
        .collect();
    if servers.is_empty() {
        vec!["127.0.0.1".to_owned()]
    } else {
        servers
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, UdpSocket};

    use super::super::message::tests::response;
    use super::*;

    fn asked() -> Asked {
        Asked::new("www.example.org", Type::A, Ask::default(), false).unwrap()
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(300))
    }

    /// A name server that sends these datagrams for one query.
    fn server(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 600];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                for datagram in answer(&buffer[..length]) {
                    socket.send_to(&datagram, from).unwrap();
                }
            }
        });
        address
    }

    #[test]
    fn forged_and_broken_datagrams_are_passed_over() {
        let server = server(|query| {
            let mut wrong_id = response(query, 0, &[(1, vec![6, 6, 6, 6])]);
            wrong_id[0] ^= 1;
            vec![
                b"garbage".to_vec(),
                wrong_id,
                response(query, 0, &[(1, vec![1, 2, 3])]),
                query.to_vec(),
                response(query, 0, &[(1, vec![192, 0, 2, 1])]),
            ]
        });
        let answered = asked().ask(server, soon()).unwrap();
        assert_eq!(answered.message.answer[0].data.to_string(), "192.0.2.1");
    }

    #[test]
    fn a_silent_server_is_named_when_the_time_is_over() {
        let started = Instant::now();
        let silent = server(|_| Vec::new());
        let error = asked().ask(silent, soon()).unwrap_err();
        assert!(error.to_string().contains(&silent.to_string()), "{error}");
        assert!(matches!(error, NetError::Timeout { .. }));
        assert!(started.elapsed() < Duration::from_millis(500));
    }

    #[test]
    fn a_lost_datagram_is_sent_again() {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let server = server(move |query| {
            if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                return Vec::new();
            }
            vec![response(query, 0, &[])]
        });
        assert!(
            asked()
                .ask(server, Deadline::after(Duration::from_secs(5)))
                .is_ok()
        );
    }

    #[test]
    fn a_second_server_answers_for_a_dead_and_a_lame_one() {
        let silent = server(|_| Vec::new());
        let lame = server(|query| vec![response(query, 5, &[])]);
        let good = server(|query| vec![response(query, 0, &[])]);
        let (answered, failed) = asked()
            .ask_any(
                &[silent, lame, good],
                Deadline::after(Duration::from_secs(3)),
            )
            .unwrap();
        assert_eq!(answered.server, good);
        assert_eq!(failed.len(), 2);
        let (answered, _) = asked().ask_any(&[lame], soon()).unwrap();
        assert_eq!(answered.message.code, Code::REFUSED);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_asked_for_over_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(address).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 600];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let truncated = response(&buffer[..length], 0x0200, &[]);
            socket.send_to(&truncated, from).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 2];
            stream.read_exact(&mut head).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(head))];
            stream.read_exact(&mut query).unwrap();
            let answer = response(&query, 0, &vec![(1, vec![192, 0, 2, 7]); 100]);
            let length = u16::try_from(answer.len()).unwrap();
            stream.write_all(&length.to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        });
        let answered = asked()
            .ask(address, Deadline::after(Duration::from_secs(5)))
            .unwrap();
        assert!(answered.tcp);
        assert_eq!(answered.message.answer.len(), 100);
    }

    #[test]
    fn resolv_conf_names_up_to_three_servers() {
        assert_eq!(name_servers("# nothing\n"), ["127.0.0.1"]);
        let text = "search a\nnameserver 10.0.0.1 # x\n nameserver ::1\nnameserver\nnameserver 3\nnameserver 4\n";
        assert_eq!(name_servers(text), ["10.0.0.1", "::1", "3"]);
    }
}
