//! AWS Signature Version 4 in the `Authorization` header, as S3 and those who imitate it want it. Pure: the time is an
//! argument, nothing is sent, no secret is kept.
//!
//! Source: "Signature Version 4 for API requests" of the AWS IAM user guide and "Authenticating Requests" of the S3 API
//! reference. A path is encoded once and not normalized, which is S3's way; the other services encode it twice.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::{digest, hmac};
use zeroize::Zeroizing;

/// The only algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What ends every scope.
const TERMINATOR: &str = "aws4_request";
/// The hash of no payload.
pub const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Who signs.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// The name of the key.
    pub access_key: &'a str,
    /// The key.
    pub secret_key: &'a str,
    /// What comes with temporary keys; it is sent and signed.
    pub session_token: Option<&'a str>,
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.access_key)
    }
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// As the `Host` header has it: with the port where that is not the scheme's own.
    pub host: &'a str,
    /// From its first slash on, not encoded.
    pub path: &'a str,
    /// Names and values, not encoded, in any order.
    pub query: &'a [(&'a str, &'a str)],
    /// Further headers to sign, in any order and case; neither `host` nor those of [`Signed`].
    pub headers: &'a [(&'a str, &'a str)],
    /// The SHA-256 of the body in hexadecimal, or `UNSIGNED-PAYLOAD`. S3 wants it in the header `x-amz-content-sha256`
    /// too, and that header signed.
    pub payload_hash: &'a str,
}

/// Where and when a signature holds.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Such as `eu-central-1`.
    pub region: &'a str,
    /// Such as `s3`.
    pub service: &'a str,
    /// The other side allows a quarter of an hour.
    pub time: Timestamp,
}

/// The headers that make a request a signed one.
#[derive(Clone)]
pub struct Signed {
    /// `authorization`
    pub authorization: String,
    /// `x-amz-date`
    pub date: String,
    /// `x-amz-security-token`
    pub session_token: Option<String>,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({})", self.date)
    }
}

/// Signs a request with these keys.
#[must_use]
pub fn sign(request: &Request<'_>, keys: &Keys<'_>, scope: &Scope<'_>) -> Signed {
    let time = scope.time.to_zoned(TimeZone::UTC);
    let date = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &date[..8];
    let (canonical, names) = canonical_request(request, keys, &date);
    let place = format!("{day}/{}/{}/{TERMINATOR}", scope.region, scope.service);
    let hash = sha256_hex(canonical.as_bytes());
    let to_sign = format!("{ALGORITHM}\n{date}\n{place}\n{hash}");
    let key = signing_key(keys.secret_key, day, scope.region, scope.service);
    let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{place}, SignedHeaders={names}, Signature={signature}",
        keys.access_key
    );
    Signed {
        authorization,
        date,
        session_token: keys.session_token.map(str::to_owned),
    }
}

/// The request in the one form that both sides hash, and the names of the headers in it.
fn canonical_request(request: &Request<'_>, keys: &Keys<'_>, date: &str) -> (String, String) {
    let own = [("host", request.host), ("x-amz-date", date)];
    let token = keys.session_token.map(|it| ("x-amz-security-token", it));
    let mut headers: Vec<(String, String)> = own
        .iter()
        .chain(token.iter())
        .chain(request.headers)
        .map(|(name, value)| (name.to_ascii_lowercase(), single_spaced(value)))
        .collect();
    // Stable: values of one name stay in their order.
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1.push(',');
            first.1.push_str(&next.1);
        }
        same
    });
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        encode_path(request.path),
        query_string(request.query),
        request.payload_hash
    );
    (canonical, names)
}

/// A value without spaces around it, and with one where there are several.
fn single_spaced(value: &str) -> String {
    let words: Vec<&str> = value
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// The query both as it is signed and as it may stand in the address: encoded, sorted, with an equals sign always.
#[must_use]
pub fn query_string(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = query
        .iter()
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// A path both as it is signed and as it must stand in the address; its slashes remain.
#[must_use]
pub fn encode_path(path: &str) -> String {
    percent(path, true)
}

/// Everything but letters, digits, `-`, `.`, `_` and `~` as percent signs and capital hexadecimal digits.
#[must_use]
pub fn encode(text: &str) -> String {
    percent(text, false)
}

fn percent(text: &str, keep_slashes: bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slashes => encoded.push('/'),
            byte => {
                encoded.push('%');
                encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
                encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
    encoded
}

/// The key for one day, region and service.
fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> hmac::Key {
    let first = Zeroizing::new(format!("AWS4{secret}"));
    let first = hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes());
    [day, region, service, TERMINATOR]
        .iter()
        .fold(first, |key, part| {
            let tag = hmac::sign(&key, part.as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref())
        })
}

/// The SHA-256 of some bytes, in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE_KEYS: Keys<'_> = Keys {
        access_key: "AKIDEXAMPLE",
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token: None,
    };
    const SUITE_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    /// The signature of a request of AWS's test suite.
    fn suite(method: &str, path: &str, query: Pairs<'_>, headers: Pairs<'_>, body: &str) -> String {
        suite_with(&SUITE_KEYS, method, path, query, headers, body)
    }

    fn suite_with(
        keys: &Keys<'_>,
        method: &str,
        path: &str,
        query: Pairs<'_>,
        headers: Pairs<'_>,
        body: &str,
    ) -> String {
        let request = Request {
            method,
            host: "example.amazonaws.com",
            path,
            query,
            headers,
            payload_hash: &sha256_hex(body.as_bytes()),
        };
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            time: "2015-08-30T12:36:00Z".parse().unwrap(),
        };
        signature(&sign(&request, keys, &scope))
    }

    fn signature(signed: &Signed) -> String {
        let (_, signature) = signed.authorization.rsplit_once('=').unwrap();
        signature.to_owned()
    }

    #[test]
    fn the_suites_requests_have_the_suites_signatures() {
        let unreserved_path = format!("/{UNRESERVED}");
        let cases: &[(&str, &str, &str, Pairs<'_>, Pairs<'_>, &str)] = &[
            (
                "get-vanilla",
                "GET",
                "/",
                &[],
                &[],
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                "POST",
                "/",
                &[],
                &[],
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "get-unreserved",
                "GET",
                &unreserved_path,
                &[],
                &[],
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "get-utf8",
                "GET",
                "/\u{1234}",
                &[],
                &[],
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "/",
                &[("Param2", "value2"), ("Param1", "value1")],
                &[],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-vanilla-query-order-value",
                "GET",
                "/",
                &[("Param1", "value2"), ("Param1", "value1")],
                &[],
                "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
            ),
            (
                "get-vanilla-query-unreserved",
                "GET",
                "/",
                &[(UNRESERVED, UNRESERVED)],
                &[],
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                "get-vanilla-utf8-query",
                "GET",
                "/",
                &[("\u{1234}", "bar")],
                &[],
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                "get-header-key-duplicate",
                "GET",
                "/",
                &[],
                &[
                    ("My-Header1", "value2"),
                    ("My-Header1", "value2"),
                    ("My-Header1", "value1"),
                ],
                "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            ),
            (
                "get-header-value-trim",
                "GET",
                "/",
                &[],
                &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "post-header-value-case",
                "POST",
                "/",
                &[],
                &[("My-Header1", "VALUE1")],
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
            (
                "post-vanilla-query",
                "POST",
                "/",
                &[("Param1", "value1")],
                &[],
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
        ];
        for (name, method, path, query, headers, expected) in cases {
            assert_eq!(suite(method, path, query, headers, ""), *expected, "{name}");
        }
    }

    /// post-sts-header-before
    #[test]
    fn a_session_token_is_signed_and_sent() {
        let keys = Keys {
            session_token: Some(SUITE_TOKEN),
            ..SUITE_KEYS
        };
        assert_eq!(
            suite_with(&keys, "POST", "/", &[], &[], ""),
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        );
    }

    /// The examples of "Signature Calculations for the Authorization Header" in the S3 API reference.
    #[test]
    fn s3s_examples_have_their_signatures() {
        let sign = |method, path, query: Pairs<'_>, headers: Pairs<'_>, body: &str| {
            let payload_hash = &sha256_hex(body.as_bytes());
            let mut headers = headers.to_vec();
            headers.push(("x-amz-content-sha256", payload_hash));
            let request = Request {
                method,
                host: "examplebucket.s3.amazonaws.com",
                path,
                query,
                headers: &headers,
                payload_hash,
            };
            let keys = Keys {
                access_key: "AKIAIOSFODNN7EXAMPLE",
                secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                session_token: None,
            };
            let scope = Scope {
                region: "us-east-1",
                service: "s3",
                time: "2013-05-24T00:00:00Z".parse().unwrap(),
            };
            super::sign(&request, &keys, &scope)
        };
        let got = sign("GET", "/test.txt", &[], &[("Range", "bytes=0-9")], "");
        assert_eq!(got.date, "20130524T000000Z");
        assert_eq!(
            got.authorization,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let headers = [
            ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let put = sign(
            "PUT",
            "/test$file.text",
            &[],
            &headers,
            "Welcome to Amazon S3.",
        );
        assert_eq!(
            signature(&put),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        let lifecycle = sign("GET", "/", &[("lifecycle", "")], &[], "");
        assert_eq!(
            signature(&lifecycle),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        let listed = sign("GET", "/", &[("prefix", "J"), ("max-keys", "2")], &[], "");
        assert_eq!(
            signature(&listed),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn the_signing_key_is_the_documented_one() {
        // What the key signs stands for the key, which ring does not show: HMAC-SHA256 of nothing by the documented key.
        let documented: Vec<u8> = (0..32)
            .map(|at| {
                let digits = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
                u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()
            })
            .collect();
        let documented = hmac::Key::new(hmac::HMAC_SHA256, &documented);
        let key = signing_key(SUITE_KEYS.secret_key, "20150830", "us-east-1", "iam");
        assert_eq!(
            hmac::sign(&key, b"").as_ref(),
            hmac::sign(&documented, b"").as_ref()
        );
    }

    #[test]
    fn a_path_is_encoded_once_and_not_normalized() {
        assert_eq!(
            encode_path("/a b/./../%/+?#é"),
            "/a%20b/./../%25/%2B%3F%23%C3%A9"
        );
        assert_eq!(encode("a/b"), "a%2Fb");
        assert_eq!(query_string(&[("uploads", "")]), "uploads=");
    }

    #[test]
    fn no_secret_is_shown() {
        let keys = Keys {
            session_token: Some("hidden"),
            ..SUITE_KEYS
        };
        assert_eq!(format!("{keys:?}"), "Keys(AKIDEXAMPLE)");
    }
}
