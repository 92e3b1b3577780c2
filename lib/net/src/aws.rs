//! Credentials for AWS and for those who imitate it: from values, the environment, a file, the container or the
//! instance; fetched again before they expire. What is done with them is the caller's business.
//!
//! The order, the variables and the file are those of AWS's own tools ("Standardized credential providers" of the SDKs
//! reference guide). What needs further requests to AWS is left to them: SSO, assumed roles, credential processes.

mod metadata;
mod profile;

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::NetError;
use crate::sigv4::Keys;
pub use metadata::Authorization;

/// New ones are there five minutes before the old ones end ("Retrieve security credentials from instance metadata").
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// After a failure, as long as the old ones hold.
const PAUSE: Duration = Duration::from_secs(30);

/// An access key and what belongs to it.
#[derive(Clone)]
pub struct Credentials {
    /// The name of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: Zeroizing<String>,
    /// What comes with temporary keys.
    pub session_token: Option<Zeroizing<String>>,
    /// When they end, where somebody said so.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.access_key)
    }
}

impl Credentials {
    /// For [`crate::sigv4::sign`].
    #[must_use]
    pub fn keys(&self) -> Keys<'_> {
        Keys {
            access_key: &self.access_key,
            secret_key: &self.secret_key,
            session_token: self.session_token.as_ref().map(|token| token.as_str()),
        }
    }

    fn hold(&self, time: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > time)
    }

    fn is(&self, other: &Self) -> bool {
        self.access_key == other.access_key && self.session_token == other.session_token
    }
}

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// They are given, and there are no others.
    Given(Credentials),
    /// A file of sections as AWS's tools write it, read anew each time.
    File {
        /// Usually `~/.aws/credentials`.
        path: PathBuf,
        /// The section, usually `default`.
        profile: String,
    },
    /// What runs the container answers for it (ECS, EKS Pod Identity).
    Container {
        /// Where to ask.
        url: String,
        /// What to show there.
        authorization: Authorization,
    },
    /// The instance's role, by the metadata service (IMDSv2).
    Instance {
        /// Where it is, [`Source::INSTANCE`] but for tests and tunnels.
        endpoint: String,
    },
}

impl Source {
    /// Where every EC2 instance finds its metadata.
    pub const INSTANCE: &str = "http://169.254.169.254";
    /// What a relative URI of a container is relative to.
    const CONTAINER: &str = "http://169.254.170.2";

    /// The first that there is: keys in the environment, the file, the container, the instance.
    ///
    /// # Errors
    /// Half a key, a file that cannot be read or lacks the named profile, an address that must not be asked, or nothing.
    pub fn from_environment(env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, NetError> {
        let text = |name: &str| {
            let value = env(name)?.into_string().ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        match (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key), Some(secret_key)) => {
                return Ok(Self::Given(Credentials {
                    access_key,
                    secret_key: Zeroizing::new(secret_key),
                    session_token: text("AWS_SESSION_TOKEN").map(Zeroizing::new),
                    expires: None,
                }));
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(unusable(
                    "AWS_ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY is not set",
                ));
            }
            (None, Some(_)) => {
                return Err(unusable(
                    "AWS_SECRET_ACCESS_KEY",
                    "AWS_ACCESS_KEY_ID is not set",
                ));
            }
        }
        if let Some(file) = file(env, &text) {
            return Ok(file);
        }
        if let Some(url) = text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return container(format!("{}{url}", Self::CONTAINER), env);
        }
        if let Some(url) = text("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            return container(url, env);
        }
        if text("AWS_EC2_METADATA_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true")) {
            return Err(unusable(
                "AWS credentials",
                "there are none in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor in ~/.aws/credentials, and \
                 AWS_EC2_METADATA_DISABLED keeps from asking for the instance's",
            ));
        }
        let endpoint = text("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        Ok(Self::Instance {
            endpoint: endpoint.unwrap_or_else(|| Self::INSTANCE.to_owned()),
        })
    }

    fn fetch(&self) -> Result<Credentials, NetError> {
        match self {
            Self::Given(credentials) => Ok(credentials.clone()),
            Self::File { path, profile } => {
                let text = fs::read_to_string(path).map_err(|source| NetError::File {
                    path: path.clone(),
                    source,
                })?;
                profile::find(&Zeroizing::new(text), profile)
                    .map_err(|what| unusable(&path.display().to_string(), &what))
            }
            Self::Container { url, authorization } => metadata::container(url, authorization),
            Self::Instance { endpoint } => metadata::instance(endpoint),
        }
    }
}

/// The file, when somebody names it or a profile, or when there is one with the usual profile.
fn file(
    env: &dyn Fn(&str) -> Option<OsString>,
    text: &dyn Fn(&str) -> Option<String>,
) -> Option<Source> {
    let named = env("AWS_SHARED_CREDENTIALS_FILE").filter(|path| !path.is_empty());
    let profile = text("AWS_PROFILE").or_else(|| text("AWS_DEFAULT_PROFILE"));
    let is_asked_for = named.is_some() || profile.is_some();
    let path = match named {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env("HOME")?).join(".aws/credentials"),
    };
    let file = Source::File {
        path,
        profile: profile.unwrap_or_else(|| "default".to_owned()),
    };
    (is_asked_for || file.fetch().is_ok()).then_some(file)
}

fn container(url: String, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Source, NetError> {
    metadata::may_be_asked(&url)?;
    let authorization = match (
        env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        env("AWS_CONTAINER_AUTHORIZATION_TOKEN").and_then(|token| token.into_string().ok()),
    ) {
        (Some(path), _) => Authorization::File(PathBuf::from(path)),
        (None, Some(token)) => Authorization::Token(Zeroizing::new(token)),
        (None, None) => Authorization::None,
    };
    Ok(Source::Container { url, authorization })
}

/// Credentials that are kept and fetched again in time. Shared by threads: one fetches, the others wait for it.
#[derive(Debug)]
pub struct Provider {
    source: Source,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    credentials: Option<Arc<Credentials>>,
    /// Nothing is fetched before, when the last attempt failed.
    not_before: Option<Timestamp>,
}

impl Provider {
    /// Nothing is fetched yet.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            source,
            held: Mutex::default(),
        }
    }

    /// Credentials that hold now and some minutes more, if that can be had.
    ///
    /// # Errors
    /// There are none, and none can be fetched.
    pub fn current(&self) -> Result<Arc<Credentials>, NetError> {
        self.current_at(Timestamp::now())
    }

    fn current_at(&self, now: Timestamp) -> Result<Arc<Credentials>, NetError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let old = held.credentials.clone();
        let still = old.as_ref().filter(|it| it.hold(now));
        if let Some(credentials) = still {
            let waits = held.not_before.is_some_and(|time| now < time);
            if waits || credentials.hold(now.saturating_add(AHEAD).unwrap_or(now)) {
                return Ok(Arc::clone(credentials));
            }
        }
        match (self.source.fetch(), still) {
            (Ok(new), _) => {
                held.not_before = None;
                // What is about to end and has no successor yet is not asked for at each request.
                if !new.hold(now.saturating_add(AHEAD).unwrap_or(now)) {
                    held.not_before = now.saturating_add(PAUSE).ok();
                }
                Ok(Arc::clone(held.credentials.insert(Arc::new(new))))
            }
            (Err(_), Some(credentials)) => {
                held.not_before = now.saturating_add(PAUSE).ok();
                Ok(Arc::clone(credentials))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Others than these, which the other side says have expired.
    ///
    /// # Errors
    /// There are no others.
    pub fn renew(&self, expired: &Arc<Credentials>) -> Result<Arc<Credentials>, NetError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newer) = held.credentials.as_ref().filter(|it| !it.is(expired)) {
            return Ok(Arc::clone(newer));
        }
        let fetched = self.source.fetch()?;
        if fetched.is(expired) {
            return Err(unusable(
                &format!("access key {}", expired.access_key),
                "its session has expired, and where it came from there is no other",
            ));
        }
        held.not_before = None;
        Ok(Arc::clone(held.credentials.insert(Arc::new(fetched))))
    }
}

fn unusable(object: &str, what: &str) -> NetError {
    NetError::Config {
        object: object.to_owned(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
