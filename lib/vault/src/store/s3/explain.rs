//! What an answer of failure means: whether it passes, and in words what to look at. Pure.

use std::io;

use jiff::Timestamp;

use super::super::http::{Call, Fault, Reply, bare};
use super::xml::{Element, parse};

/// What a message may need to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub bucket: &'a str,
    pub region: &'a str,
    pub access_key: &'a str,
    pub now: Timestamp,
}

/// The error that a body holds.
fn said(reply: &Reply) -> Option<Element> {
    let root = parse(std::str::from_utf8(&reply.body).ok()?).ok()?;
    (root.name == "Error").then_some(root)
}

/// S3's word for the error; an answer to HEAD has none.
pub(super) fn code(reply: &Reply) -> Option<String> {
    said(reply)?.text_of("Code").map(str::to_owned)
}

/// Whether these credentials were good until a moment ago.
pub(super) fn is_expired(call: &Call<'_>, reply: &Reply) -> bool {
    match code(reply) {
        Some(code) => matches!(
            code.as_str(),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired"
        ),
        // An answer to HEAD cannot say it.
        None => call.method == "HEAD" && reply.status == 400,
    }
}

/// The failure that an answer stands for.
pub(super) fn fault(call: &Call<'_>, reply: &Reply, about: &About<'_>) -> Fault {
    let usual = reply.fault(call);
    let said = said(reply);
    let text = |name| said.as_ref().and_then(|said| said.text_of(name));
    let code = text("Code").unwrap_or_default();
    let About {
        bucket,
        region,
        access_key,
        ..
    } = about;
    let (kind, words) = match code {
        "RequestTimeTooSkewed" => (io::ErrorKind::PermissionDenied, skew(reply, about.now)),
        "SignatureDoesNotMatch" => (
            io::ErrorKind::PermissionDenied,
            format!(
                "the secret key does not belong to the access key '{access_key}', or is not all of it"
            ),
        ),
        "InvalidAccessKeyId" => (
            io::ErrorKind::PermissionDenied,
            format!("the storage does not know the access key '{access_key}'"),
        ),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "InvalidToken" => (
            io::ErrorKind::PermissionDenied,
            format!("the session of the access key '{access_key}' has expired or is another's"),
        ),
        "NoSuchBucket" => (
            io::ErrorKind::InvalidInput,
            format!("there is no bucket '{bucket}'"),
        ),
        "InvalidObjectState" => (
            io::ErrorKind::PermissionDenied,
            "it is archived: have it restored in the bucket first".to_owned(),
        ),
        "InvalidRequest" if text("Message").is_some_and(|it| it.contains("Lock")) => (
            io::ErrorKind::InvalidInput,
            format!("the bucket '{bucket}' has no object lock"),
        ),
        _ => match elsewhere(reply, said.as_ref(), region) {
            Some(place) => (
                io::ErrorKind::InvalidInput,
                format!("the bucket '{bucket}' is {place}"),
            ),
            None => {
                return Fault {
                    passes: usual.passes || passes(code),
                    ..usual
                };
            }
        },
    };
    let message = format!("{} {}: {words}", call.method, bare(&call.url));
    Fault::lasting(kind, message)
}

/// Codes of 400 that another attempt mends; those of 500 and above pass by their status.
fn passes(code: &str) -> bool {
    matches!(
        code,
        "SlowDown"
            | "Throttling"
            | "RequestTimeout"
            | "IncompleteBody"
            | "BadDigest"
            | "XAmzContentSHA256Mismatch"
    )
}

/// Where the bucket is, when it is not here.
fn elsewhere(reply: &Reply, said: Option<&Element>, region: &str) -> Option<String> {
    let text = |name| said.and_then(|said| said.text_of(name));
    let is_other = matches!(reply.status, 301 | 307)
        || matches!(
            text("Code"),
            Some("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed")
        )
        || (reply.status == 400 && said.is_none());
    if !is_other {
        return None;
    }
    let right = reply
        .header("x-amz-bucket-region")
        .or_else(|| text("Region"));
    match (right.filter(|right| *right != region), text("Endpoint")) {
        (Some(right), _) => Some(format!("in the region '{right}', not in '{region}'")),
        (None, Some(endpoint)) => Some(format!("reached at '{endpoint}'")),
        (None, None) => None,
    }
}

fn skew(reply: &Reply, now: Timestamp) -> String {
    let Some(date) = reply.date() else {
        return "this machine's clock is wrong".to_owned();
    };
    let seconds = now.as_second() - date;
    let side = if seconds < 0 { "behind" } else { "ahead of" };
    let minutes = seconds.unsigned_abs().div_ceil(60);
    format!(
        "this machine's clock is {minutes} min {side} the storage's: set it, and see that it is kept"
    )
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderMap;

    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Reply {
            status,
            headers: map,
            body: body.as_bytes().to_vec(),
        }
    }

    fn error(status: u16, code: &str, more: &str) -> Reply {
        let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code>{more}</Error>");
        reply(status, &[("date", "Fri, 24 May 2013 01:00:00 GMT")], &body)
    }

    fn explained(reply: &Reply) -> (String, bool) {
        let call = Call {
            method: "PUT",
            url: "https://b.s3.eu-west-1.amazonaws.com/k?x=y".to_owned(),
            ..Call::default()
        };
        let about = About {
            bucket: "b",
            region: "eu-west-1",
            access_key: "AKI",
            now: "2013-05-24T00:29:30Z".parse().unwrap(),
        };
        let fault = fault(&call, reply, &about);
        let text = fault.error.to_string();
        let text = text
            .strip_prefix("PUT https://b.s3.eu-west-1.amazonaws.com/k: ")
            .unwrap();
        (text.to_owned(), fault.passes)
    }

    #[test]
    fn what_lasts_says_what_to_look_at() {
        let cases = [
            (
                error(403, "RequestTimeTooSkewed", ""),
                "this machine's clock is 31 min behind the storage's: set it, and see that it is kept",
            ),
            (
                error(403, "SignatureDoesNotMatch", ""),
                "the secret key does not belong to the access key 'AKI', or is not all of it",
            ),
            (error(404, "NoSuchBucket", ""), "there is no bucket 'b'"),
            (
                reply(301, &[("x-amz-bucket-region", "eu-central-1")], ""),
                "the bucket 'b' is in the region 'eu-central-1', not in 'eu-west-1'",
            ),
            (
                error(
                    400,
                    "AuthorizationHeaderMalformed",
                    "<Region>us-east-2</Region>",
                ),
                "the bucket 'b' is in the region 'us-east-2', not in 'eu-west-1'",
            ),
            (
                error(
                    307,
                    "TemporaryRedirect",
                    "<Endpoint>b.s3.amazonaws.com</Endpoint>",
                ),
                "the bucket 'b' is reached at 'b.s3.amazonaws.com'",
            ),
            (
                error(
                    400,
                    "InvalidRequest",
                    "<Message>Bucket is missing Object Lock Configuration</Message>",
                ),
                "the bucket 'b' has no object lock",
            ),
            (
                error(403, "AccessDenied", ""),
                "these credentials may not (403: AccessDenied)",
            ),
        ];
        for (reply, expected) in cases {
            assert_eq!(explained(&reply), (expected.to_owned(), false));
        }
    }

    #[test]
    fn what_passes_is_tried_again() {
        for (status, code) in [
            (503, "SlowDown"),
            (500, "InternalError"),
            (400, "RequestTimeout"),
            (400, "BadDigest"),
            (409, "ConditionalRequestConflict"),
        ] {
            assert!(explained(&error(status, code, "")).1, "{code}");
        }
        assert!(!explained(&error(501, "NotImplemented", "")).1);
    }

    #[test]
    fn an_expired_session_is_seen_even_by_head() {
        let mut call = Call {
            method: "GET",
            ..Call::default()
        };
        assert!(is_expired(&call, &error(400, "ExpiredToken", "")));
        assert!(!is_expired(&call, &reply(400, &[], "")));
        call.method = "HEAD";
        assert!(is_expired(&call, &reply(400, &[], "")));
    }
}
