//! One request to a bucket: signed, sent, and judged by what is answered.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ce_net::NetError;
use ce_net::aws::Credentials;
use ce_net::sigv4::{self, Scope};
use jiff::Timestamp;
use md5::{Digest, Md5};

use super::super::http::{Call, Fault, Reply};
use super::S3Store;
use super::explain::{self, About};

/// A 404 for what must be there is asked again so often, some seconds in all.
const LOST_TRIES: u32 = 4;

/// What is asked of a bucket.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    method: &'static str,
    /// Of an object, or empty for the bucket.
    name: &'a str,
    query: Vec<(&'static str, Cow<'a, str>)>,
    headers: Vec<(&'static str, String)>,
    body: &'a [u8],
    payload_hash: String,
}

/// What a request has gone through so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    is_renewed: bool,
    lost: u32,
}

impl<'a> Ask<'a> {
    pub fn new(method: &'static str, name: &'a str) -> Self {
        Ask {
            method,
            name,
            query: Vec::new(),
            headers: Vec::new(),
            body: &[],
            payload_hash: sigv4::EMPTY_PAYLOAD.to_owned(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With the digests by which the storage sees that all of it came: what is to be locked is not taken without.
    pub fn body(self, body: &'a [u8]) -> Self {
        let digest: [u8; 16] = Md5::digest(body).into();
        self.body_of_digest(body, &digest)
    }

    /// As [`Ask::body`], the MD5 being known.
    pub fn body_of_digest(mut self, body: &'a [u8], digest: &[u8; 16]) -> Self {
        self.body = body;
        self.payload_hash = sigv4::sha256_hex(body);
        self.header("content-md5", STANDARD.encode(digest))
    }
}

impl S3Store {
    /// Asks until there is an answer of success or one of `expected`.
    pub(super) fn send(&self, ask: &Ask<'_>, expected: &[u16]) -> io::Result<Reply> {
        let mut tries = Tries::default();
        self.s3
            .remote
            .patiently(|| self.attempt(ask, &mut tries, expected))
    }

    /// Asks once; twice when a session has expired in between.
    pub(super) fn attempt(
        &self,
        ask: &Ask<'_>,
        tries: &mut Tries,
        expected: &[u16],
    ) -> Result<Reply, Fault> {
        let mut credentials = self.s3.credentials.current().map_err(no_credentials)?;
        loop {
            let call = self.signed(ask, &credentials);
            let reply = self.client.send(&call)?;
            if matches!(reply.status, 200..=299) {
                return Ok(reply);
            }
            if !tries.is_renewed && explain::is_expired(&call, &reply) {
                tries.is_renewed = true;
                match self.s3.credentials.renew(&credentials) {
                    Ok(newer) => {
                        credentials = newer;
                        continue;
                    }
                    Err(error) if call.method != "HEAD" => return Err(no_credentials(error)),
                    Err(_) => {}
                }
            }
            let fault = explain::fault(
                &call,
                &reply,
                &About {
                    bucket: &self.s3.bucket,
                    region: &self.s3.region,
                    access_key: &credentials.access_key,
                    now: Timestamp::now(),
                },
            );
            let is_lost = reply.status == 404
                && fault.error.kind() == io::ErrorKind::NotFound
                && matches!(ask.method, "GET" | "HEAD")
                && tries.lost < LOST_TRIES
                && self.seen.has(ask.name);
            if is_lost {
                tries.lost += 1;
                return Err(Fault {
                    passes: true,
                    ..fault
                });
            }
            // A bucket that is not there is no object that is not there.
            let is_answer = expected.contains(&reply.status)
                && fault.error.kind() != io::ErrorKind::InvalidInput;
            return if is_answer { Ok(reply) } else { Err(fault) };
        }
    }

    fn signed<'a>(&self, ask: &Ask<'a>, credentials: &Arc<Credentials>) -> Call<'a> {
        let key = match ask.name {
            "" => String::new(),
            name => self.key(name),
        };
        let path = self.address.path(&key);
        let query: Vec<(&str, &str)> = ask
            .query
            .iter()
            .map(|(name, value)| (*name, value.as_ref()))
            .collect();
        let mut headers = ask.headers.clone();
        headers.push(("x-amz-content-sha256", ask.payload_hash.clone()));
        let borrowed: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let request = sigv4::Request {
            method: ask.method,
            host: &self.address.host,
            path: &path,
            query: &query,
            headers: &borrowed,
            payload_hash: &ask.payload_hash,
        };
        let scope = Scope {
            region: &self.s3.region,
            service: "s3",
            time: Timestamp::now(),
        };
        let signed = sigv4::sign(&request, &credentials.keys(), &scope);
        headers.push(("authorization", signed.authorization));
        headers.push(("x-amz-date", signed.date));
        if let Some(token) = signed.session_token {
            headers.push(("x-amz-security-token", token));
        }
        Call {
            method: ask.method,
            url: self
                .address
                .url(&sigv4::encode_path(&path), &sigv4::query_string(&query)),
            headers,
            body: ask.body,
        }
    }
}

fn no_credentials(error: NetError) -> Fault {
    let passes = error.may_retry();
    let kind = match passes {
        true => io::ErrorKind::Other,
        false => io::ErrorKind::PermissionDenied,
    };
    Fault {
        error: io::Error::new(kind, error),
        passes,
        asked: None,
    }
}
