//! Calls of other people's HTTP APIs, where only the answer counts. What watches a web site does not belong here: this
//! shows no phases and no certificates.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use ureq::http::{HeaderName, HeaderValue, Response, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, RequestBuilder, Timeout};
use zeroize::Zeroizing;

use crate::tls::Roots;
use crate::{Deadline, NetError, Phase};

/// How to prove who we are. Secrets are borrowed for as long as it takes to make the header, and not shown by `Debug`.
#[derive(Clone, Copy, Default)]
pub enum Auth<'a> {
    /// Not at all.
    #[default]
    None,
    /// User and password (RFC 7617).
    Basic(&'a str, &'a str),
    /// `Authorization: Bearer` (RFC 6750).
    Bearer(&'a str),
    /// A header of this name with a token.
    Header(&'a str, &'a str),
}

impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(..) => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Header(..) => "Header(..)",
        })
    }
}

/// What an [`Api`] is made of.
#[derive(Clone, Debug)]
pub struct ApiOptions<'a> {
    /// Where it is: `https://host[:port][/path]`; the path of each call is put behind it.
    pub base: String,
    /// Whose certificates are trusted.
    pub roots: Roots,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// How to prove who we are.
    pub auth: Auth<'a>,
    /// How long one call may take, all of it.
    pub timeout: Duration,
    /// When the last of several calls must be over.
    pub deadline: Option<Deadline>,
    /// How many bytes of an answer are kept.
    pub limit_bytes: usize,
}

impl ApiOptions<'_> {
    /// An API at `base` with the usual: the system's roots, nobody in particular, 10 s, 1 MiB.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            roots: Roots::System,
            insecure: false,
            auth: Auth::None,
            timeout: Duration::from_secs(10),
            deadline: None,
            limit_bytes: 1 << 20,
        }
    }
}

/// An API that can be called, again and again over one connection.
pub struct Api {
    base: String,
    agent: Agent,
    auth: Option<(HeaderName, HeaderValue)>,
    timeout: Duration,
    deadline: Option<Deadline>,
    limit_bytes: usize,
}

/// What was answered, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header, for [`crate::retry_after`].
    pub retry_after: Option<String>,
    /// The body, up to the limit.
    pub body: Vec<u8>,
    /// Whether the body was longer than that.
    pub is_cut: bool,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish()
    }
}

/// How ureq shall do TLS: by ring, and with these issuers; without any, whatever certificate comes.
///
/// # Errors
/// The file of roots cannot be read or has none.
pub fn tls_config(roots: Option<&Roots>) -> Result<TlsConfig, NetError> {
    let certificates: Vec<_> = match roots {
        None => Vec::new(),
        Some(roots) => {
            let roots = roots.load()?;
            let borrowed = roots
                .certificates
                .iter()
                .map(|der| Certificate::from_der(der));
            borrowed.map(|certificate| certificate.to_owned()).collect()
        }
    };
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .disable_verification(roots.is_none())
        .root_certs(RootCerts::new_with_certs(&certificates))
        .build())
}

impl Api {
    /// Prepares calls; nothing is sent yet. Proxies are taken from the environment (`https_proxy`, `no_proxy`).
    ///
    /// # Errors
    /// [`NetError::Config`] for an address or a header that cannot be, [`NetError::File`] for roots that cannot be read.
    pub fn new(options: &ApiOptions<'_>) -> Result<Self, NetError> {
        let base = options.base.trim_end_matches('/');
        let is_https = base.starts_with("https://");
        if !is_https && !base.starts_with("http://") {
            return Err(unusable(
                base,
                "it begins with neither https:// nor http://",
            ));
        }
        let roots = (is_https && !options.insecure).then_some(&options.roots);
        let agent = Agent::config_builder()
            .tls_config(tls_config(roots)?)
            .http_status_as_error(false)
            // A redirect of a POST is an address that somebody has to correct.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("ce/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            base: base.to_owned(),
            agent,
            auth: header_of(options.auth)?,
            timeout: options.timeout,
            deadline: options.deadline,
            limit_bytes: options.limit_bytes,
        })
    }

    /// Fetches what is at `path`.
    ///
    /// # Errors
    /// [`NetError`] when there is no answer; a status of 400 and above is an answer.
    pub fn get(&self, path: &str) -> Result<Answer, NetError> {
        let (url, request) = self.prepare(path, |url| self.agent.get(url));
        self.answer(
            &url,
            request.header(header::ACCEPT, "application/json").call(),
        )
    }

    /// Sends JSON, already encoded.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn post_json(&self, path: &str, body: &[u8]) -> Result<Answer, NetError> {
        let (url, request) = self.prepare(path, |url| self.agent.post(url));
        let request = request
            .header(header::ACCEPT, "application/json")
            .content_type("application/json");
        self.answer(&url, request.send(body))
    }

    /// Sends a form, which is encoded here.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, NetError> {
        let (url, request) = self.prepare(path, |url| self.agent.post(url));
        self.answer(&url, request.send_form(fields.iter().copied()))
    }

    fn prepare<B>(
        &self,
        path: &str,
        request: impl FnOnce(&str) -> RequestBuilder<B>,
    ) -> (String, RequestBuilder<B>) {
        let url = match path.trim_start_matches('/') {
            "" => self.base.clone(),
            path => format!("{}/{path}", self.base),
        };
        let left = self
            .deadline
            .map(|deadline| deadline.remaining().unwrap_or(Duration::from_millis(1)));
        let timeout = left.map_or(self.timeout, |left| left.min(self.timeout));
        let request = request(&url).config().timeout_global(Some(timeout)).build();
        let request = match &self.auth {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        (url, request)
    }

    fn answer(
        &self,
        url: &str,
        result: Result<Response<Body>, ureq::Error>,
    ) -> Result<Answer, NetError> {
        let mut response = result.map_err(|error| self.explain(url, error))?;
        let mut body = Vec::new();
        let limit = u64::try_from(self.limit_bytes).unwrap_or(u64::MAX);
        response
            .body_mut()
            .as_reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut body)
            .map_err(|error| self.explain(url, ureq::Error::from(error)))?;
        let is_cut = body.len() > self.limit_bytes;
        body.truncate(self.limit_bytes);
        let retry_after = response.headers().get(header::RETRY_AFTER);
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: retry_after
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            body,
            is_cut,
        })
    }

    /// The library's error as ours; the address is named without its query, in which others hide secrets.
    fn explain(&self, url: &str, error: ureq::Error) -> NetError {
        let target = url.split(['?', '#']).next().unwrap_or(url).to_owned();
        match error {
            ureq::Error::Timeout(timeout) => NetError::Timeout {
                phase: match timeout {
                    Timeout::Resolve => Phase::Resolve,
                    Timeout::Connect => Phase::Connect,
                    _ => Phase::Request,
                },
                target,
            },
            ureq::Error::HostNotFound => NetError::Resolve {
                host: host_of(&target).to_owned(),
                source: std::io::Error::new(std::io::ErrorKind::NotFound, "no address"),
            },
            ureq::Error::Rustls(source) => NetError::Tls { target, source },
            ureq::Error::Io(source) => from_io(target, source),
            ureq::Error::BadUri(what) => unusable(&target, &what),
            ureq::Error::Http(error) => unusable(&target, &error.to_string()),
            other => NetError::Protocol {
                target,
                what: other.to_string(),
            },
        }
    }
}

fn from_io(target: String, source: std::io::Error) -> NetError {
    use std::io::ErrorKind as Kind;
    match source.kind() {
        Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable => {
            NetError::Connect {
                target,
                others: 0,
                source,
            }
        }
        _ if source.to_string().starts_with("failed to lookup address") => NetError::Resolve {
            host: host_of(&target).to_owned(),
            source,
        },
        _ => NetError::from_io(Phase::Request, &target, source),
    }
}

/// The host of an address, for a message.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn header_of(auth: Auth<'_>) -> Result<Option<(HeaderName, HeaderValue)>, NetError> {
    let (name, value) = match auth {
        Auth::None => return Ok(None),
        Auth::Basic(user, password) => {
            let pair = Zeroizing::new(format!("{user}:{password}"));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            let value = Zeroizing::new(format!("Basic {}", *encoded));
            (header::AUTHORIZATION, value)
        }
        Auth::Bearer(token) => {
            let value = Zeroizing::new(format!("Bearer {token}"));
            (header::AUTHORIZATION, value)
        }
        Auth::Header(name, token) => {
            let parsed = HeaderName::from_bytes(name.as_bytes());
            let parsed = parsed.map_err(|_| unusable(name, "it is no name of a header"))?;
            (parsed, Zeroizing::new(token.to_owned()))
        }
    };
    let mut value = HeaderValue::from_str(&value).map_err(|_| {
        unusable(
            name.as_str(),
            "its value has characters that a header cannot",
        )
    })?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

fn unusable(object: &str, what: &str) -> NetError {
    NetError::Config {
        object: object.to_owned(),
        what: what.to_owned(),
    }
}
