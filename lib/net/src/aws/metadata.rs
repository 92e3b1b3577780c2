//! Credentials from addresses that answer one machine alone: the instance's metadata service and the container's.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use ureq::Agent;
use ureq::http::{Request, Response, Uri};
use zeroize::Zeroizing;

use super::{Credentials, unusable};
use crate::api::tls_config;
use crate::tls::Roots;
use crate::{NetError, Retry, jitter};

/// How long the metadata service's token is asked to hold, in seconds: the most there is. It is used once.
const TOKEN_TTL: &str = "21600";
/// No answer is longer.
const MOST: u64 = 64 << 10;

/// What a container shows when it asks for its credentials.
#[derive(Clone)]
pub enum Authorization {
    /// Nothing.
    None,
    /// This.
    Token(Zeroizing<String>),
    /// What is in a file, read each time: it changes.
    File(PathBuf),
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Token(_) => f.write_str("Token(..)"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    /// The metadata service's own; `Success` where it is.
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<Zeroized>,
    token: Option<Zeroized>,
    expiration: Option<String>,
}

#[derive(Deserialize)]
#[serde(from = "String")]
struct Zeroized(Zeroizing<String>);

impl From<String> for Zeroized {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// The instance's, by IMDSv2: a token by PUT, the role's name, its credentials.
pub(super) fn instance(endpoint: &str) -> Result<Credentials, NetError> {
    const ROLES: &str = "latest/meta-data/iam/security-credentials/";
    let base = endpoint.trim_end_matches('/');
    let agent = agent(false)?;
    patiently(|| {
        let url = format!("{base}/latest/api/token");
        let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL);
        let token = text(&url, &ask(&agent, "PUT", &url, &[ttl])?)?;
        let header = [("x-aws-ec2-metadata-token", token.trim())];
        let url = format!("{base}/{ROLES}");
        let answer = ask(&agent, "GET", &url, &header)?;
        if answer.status == 404 {
            return Err(unusable("AWS credentials", "this instance has no role"));
        }
        let roles = text(&url, &answer)?;
        let role = roles.lines().next().unwrap_or_default().trim();
        let url = format!("{base}/{ROLES}{role}");
        credentials(&url, &text(&url, &ask(&agent, "GET", &url, &header)?)?)
    })
}

/// The container's.
pub(super) fn container(url: &str, authorization: &Authorization) -> Result<Credentials, NetError> {
    may_be_asked(url)?;
    let agent = agent(url.starts_with("https:"))?;
    patiently(|| {
        let token = match authorization {
            Authorization::None => None,
            Authorization::Token(token) => Some(token.clone()),
            Authorization::File(path) => {
                let read = fs::read_to_string(path).map_err(|source| NetError::File {
                    path: path.clone(),
                    source,
                })?;
                Some(Zeroizing::new(read))
            }
        };
        let header = token
            .as_ref()
            .map(|token| [("authorization", token.trim())]);
        let headers = header.as_ref().map_or(&[][..], |header| &header[..]);
        credentials(url, &text(url, &ask(&agent, "GET", url, headers)?)?)
    })
}

/// Whether credentials may come from there: by TLS, from this machine, or from the addresses that ECS and EKS use.
pub(super) fn may_be_asked(url: &str) -> Result<(), NetError> {
    const LINK_LOCAL: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
    let parsed: Uri = url.parse().map_err(|_| unusable(url, "it is no address"))?;
    let host = parsed.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_near = host.eq_ignore_ascii_case("localhost")
        || LINK_LOCAL.contains(&host)
        || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    match parsed.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_near => Ok(()),
        _ => Err(unusable(
            url,
            "credentials come by https, or from this machine or the container's own address",
        )),
    }
}

/// These addresses are near: never through a proxy, and what is not there does not hold up.
fn agent(is_tls: bool) -> Result<Agent, NetError> {
    let roots = is_tls.then_some(Roots::System);
    Ok(Agent::config_builder()
        .tls_config(tls_config(roots.as_ref())?)
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(Duration::from_secs(1)))
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .new_agent())
}

fn patiently<T>(mut attempt: impl FnMut() -> Result<T, NetError>) -> Result<T, NetError> {
    let retry = Retry {
        attempts: 3,
        first: Duration::from_millis(200),
        longest: Duration::from_secs(2),
        total: Duration::from_secs(4),
    };
    let (mut failed, mut waited) = (0, Duration::ZERO);
    loop {
        let error = match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        failed += 1;
        match retry.pause(failed, waited, None, jitter()) {
            Some(pause) if error.may_retry() => {
                std::thread::sleep(pause);
                waited += pause;
            }
            _ => return Err(error),
        }
    }
}

struct Reply {
    status: u16,
    body: Zeroizing<Vec<u8>>,
}

fn ask(
    agent: &Agent,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> Result<Reply, NetError> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = match method {
        "PUT" => request
            .body(&[][..])
            .map_err(ureq::Error::from)
            .and_then(|request| agent.run(request)),
        _ => request
            .body(())
            .map_err(ureq::Error::from)
            .and_then(|request| agent.run(request)),
    };
    sent.and_then(read).map_err(|error| explain(url, error))
}

fn read(mut response: Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(MOST)
        .read_to_vec()?;
    Ok(Reply {
        status,
        body: Zeroizing::new(body),
    })
}

fn explain(url: &str, error: ureq::Error) -> NetError {
    let target = url.to_owned();
    match error {
        ureq::Error::Timeout(_) => NetError::Timeout {
            phase: crate::Phase::Connect,
            target,
        },
        ureq::Error::Io(source) => NetError::Connect {
            target,
            others: 0,
            source,
        },
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => unusable(url, "it is no address"),
        other => NetError::Protocol {
            target,
            what: other.to_string(),
        },
    }
}

/// The text of an answer that is one; a fault over there may pass.
fn text(url: &str, reply: &Reply) -> Result<Zeroizing<String>, NetError> {
    match reply.status {
        200..=299 => {}
        429 | 500.. => {
            return Err(NetError::Connect {
                target: url.to_owned(),
                others: 0,
                source: std::io::Error::other(format!("it answers with status {}", reply.status)),
            });
        }
        status => {
            return Err(NetError::Protocol {
                target: url.to_owned(),
                what: format!("it answers with status {status}"),
            });
        }
    }
    let text = std::str::from_utf8(&reply.body).map_err(|_| protocol(url, "it is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn protocol(url: &str, what: &str) -> NetError {
    NetError::Protocol {
        target: url.to_owned(),
        what: what.to_owned(),
    }
}

/// What was answered, never shown in a message.
fn credentials(url: &str, json: &str) -> Result<Credentials, NetError> {
    let answer: Answer = serde_json::from_str(json)
        .map_err(|_| protocol(url, "the answer is not the JSON it should be"))?;
    if let Some(code) = answer.code.filter(|code| code != "Success") {
        return Err(protocol(url, &format!("it has no credentials: {code}")));
    }
    let (Some(access_key), Some(secret_key)) = (answer.access_key_id, answer.secret_access_key)
    else {
        return Err(protocol(url, "the answer has no credentials"));
    };
    let expires = answer
        .expiration
        .map(|time| time.parse::<Timestamp>())
        .transpose()
        .map_err(|_| protocol(url, "the answer's Expiration is no time"))?;
    Ok(Credentials {
        access_key,
        secret_key: secret_key.0,
        session_token: answer.token.map(|token| token.0),
        expires,
    })
}
