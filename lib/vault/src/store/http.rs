//! Requests to a storage: several connections, tried again while it can help, no faster than allowed.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ce_net::Retry;
use ce_net::api::tls_config;
use ce_net::tls::Roots;
use ureq::http::{HeaderMap, Request, Response};
use ureq::{Agent, Body, SendBody};

use super::limit::{Limits, Paced};

/// Nothing that a vault stores is longer, in bytes.
const MOST: u64 = 5 << 30;
/// A body from which on the storage is asked first whether it wants it: a token that has run out costs no upload.
const ASK_FIRST: usize = 1 << 20;
/// Neither side is silent for longer than this while something goes on.
const SILENCE: Duration = Duration::from_secs(60);

/// What a storage over a network is reached with.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Requests at once.
    pub connections: usize,
    /// How often and how patiently a request is tried again.
    pub retry: Retry,
    /// How far the link may be loaded.
    pub limits: Arc<Limits>,
    /// Certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for Remote {
    /// Four connections; eight attempts within ten minutes.
    fn default() -> Self {
        Remote {
            connections: 4,
            retry: Retry {
                attempts: 8,
                first: Duration::from_millis(500),
                longest: Duration::from_secs(60),
                total: Duration::from_secs(600),
            },
            limits: Arc::default(),
            ca_file: None,
        }
    }
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub error: io::Error,
    /// Whether another attempt may succeed.
    pub passes: bool,
    /// How long the storage asks to wait before.
    pub asked: Option<Duration>,
}

impl Fault {
    /// Another attempt would fail in the same way.
    pub fn lasting(kind: io::ErrorKind, message: impl Into<String>) -> Self {
        Fault {
            error: io::Error::new(kind, message.into()),
            passes: false,
            asked: None,
        }
    }

    /// Another attempt may succeed.
    pub fn passing(message: impl Into<String>) -> Self {
        Fault {
            error: io::Error::other(message.into()),
            passes: true,
            asked: None,
        }
    }
}

impl From<io::Error> for Fault {
    /// What the network says may pass, but for names and certificates that are wrong.
    fn from(error: io::Error) -> Self {
        let lasting = matches!(
            error.kind(),
            io::ErrorKind::InvalidInput
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::InvalidData
        );
        Fault {
            error,
            passes: !lasting,
            asked: None,
        }
    }
}

impl Remote {
    /// Tries until it succeeds, cannot succeed, or has been tried often enough.
    pub(crate) fn patiently<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Fault>,
    ) -> io::Result<T> {
        let (mut failed, mut waited) = (0, Duration::ZERO);
        loop {
            let fault = match attempt() {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            failed += 1;
            let pause = fault
                .passes
                .then(|| {
                    self.retry
                        .pause(failed, waited, fault.asked, ce_net::jitter())
                })
                .flatten();
            match pause {
                Some(pause) => {
                    std::thread::sleep(pause);
                    waited += pause;
                }
                None if failed > 1 && fault.passes => {
                    let tries = format!("{} ({failed} attempts)", fault.error);
                    return Err(io::Error::new(fault.error.kind(), tries));
                }
                None => return Err(fault.error),
            }
        }
    }
}

/// One request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call<'a> {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'a [u8],
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The storage's clock, in seconds since 1970.
    pub fn date(&self) -> Option<i64> {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(self.header("date")?)
            .ok()
            .map(jiff::Timestamp::as_second)
    }

    /// This answer as a failure of `call`: what may pass, and in words what will not.
    pub fn fault(&self, call: &Call<'_>) -> Fault {
        use io::ErrorKind as Kind;
        let (kind, words) = match self.status {
            401 => (
                Kind::PermissionDenied,
                "the storage does not know these credentials",
            ),
            403 => (Kind::PermissionDenied, "these credentials may not"),
            404 => (Kind::NotFound, "there is no such thing"),
            409 => (Kind::Other, "it is being changed"),
            412 => (Kind::AlreadyExists, "it is there already"),
            413 | 507 => (
                Kind::StorageFull,
                "the quota is used up, or it is too large",
            ),
            429 | 498 => (Kind::Other, "the storage asks to wait"),
            status if status >= 500 => (Kind::Other, "the storage has a fault"),
            _ => (Kind::Other, "not understood"),
        };
        let said = self.said();
        let separator = if said.is_empty() { "" } else { ": " };
        let (method, target) = (call.method, bare(&call.url));
        let message = format!(
            "{method} {target}: {words} ({}{separator}{said})",
            self.status
        );
        let retry_after = self.header("retry-after");
        Fault {
            error: io::Error::new(kind, message),
            passes: matches!(
                self.status,
                408 | 409 | 425 | 429 | 498 | 500 | 502 | 503 | 504
            ),
            asked: retry_after.and_then(|text| ce_net::retry_after(text, jiff::Timestamp::now())),
        }
    }

    /// The beginning of what was said, in one line.
    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let tags = text.contains('<');
        let mut inside = false;
        let mut words = String::new();
        for letter in text.chars() {
            match letter {
                '<' if tags => inside = true,
                '>' if tags => {
                    inside = false;
                    words.push(' ');
                }
                letter if inside || letter.is_control() && letter != '\n' => {}
                letter if letter.is_whitespace() => words.push(' '),
                letter => words.push(letter),
            }
        }
        let line: Vec<&str> = words.split_whitespace().collect();
        line.join(" ").chars().take(160).collect()
    }
}

/// The address without its query, in which others hide secrets.
pub(crate) fn bare(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// Connections to one storage.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    limits: Arc<Limits>,
}

impl Client {
    /// Proxies are taken from the environment (`https_proxy`, `no_proxy`).
    pub fn new(remote: &Remote) -> io::Result<Self> {
        let roots = remote.ca_file.clone().map_or(Roots::System, Roots::File);
        let tls = tls_config(Some(&roots)).map_err(io::Error::other)?;
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(remote.connections)
            .max_idle_connections_per_host(remote.connections)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .timeout_await_100(Some(Duration::from_secs(5)))
            .user_agent(concat!("ce-backup/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Client {
            agent,
            limits: remote.limits.clone(),
        })
    }

    /// Sends one request; every answer is a reply, whatever its status.
    pub fn send(&self, call: &Call<'_>) -> Result<Reply, Fault> {
        let mut request = Request::builder().method(call.method).uri(&call.url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if call.body.len() >= ASK_FIRST {
            request = request.header("expect", "100-continue");
        }
        let answered = if matches!(call.method, "PUT" | "POST") {
            let mut paced = Paced::new(call.body, self.limits.upload.as_ref());
            request
                .header("content-length", call.body.len())
                .body(SendBody::from_reader(&mut paced))
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request))
        } else {
            request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request))
        };
        let failed = |error: ureq::Error| explain(call, error);
        self.reply(answered.map_err(failed)?)
            .map_err(|error| explain(call, ureq::Error::from(error)))
    }

    fn reply(&self, mut response: Response<Body>) -> io::Result<Reply> {
        let length = response.body().content_length().unwrap_or(0).min(MOST);
        let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or(0).min(64 << 20));
        let reader = response.body_mut().as_reader();
        Paced::new(reader, self.limits.download.as_ref())
            .take(MOST)
            .read_to_end(&mut body)?;
        Ok(Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// The library's error with the address before it. What the network does may pass; a name that is wrong or a certificate
/// that is not trusted will not.
fn explain(call: &Call<'_>, error: ureq::Error) -> Fault {
    let target = bare(&call.url);
    let lasting = |kind, words: String| Fault::lasting(kind, format!("{target}: {words}"));
    match error {
        ureq::Error::Rustls(error) => lasting(io::ErrorKind::InvalidData, error.to_string()),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            lasting(io::ErrorKind::InvalidInput, "this is no address".to_owned())
        }
        ureq::Error::Io(source) if is_certificate(&source) => {
            lasting(io::ErrorKind::InvalidData, source.to_string())
        }
        error => Fault::passing(format!("{} {target}: {error}", call.method)),
    }
}

fn is_certificate(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}
