//! Where a bucket is: its host and path, by endpoint, region and the two ways to name a bucket. Pure.

use std::io;

/// How a bucket is named in addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/BUCKET/key`
    Path,
    /// `https://BUCKET.host/key`
    VirtualHost,
}

/// A bucket's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `https://` or `http://`
    scheme: &'static str,
    /// With the port where it is not the scheme's own, as the `Host` header has it.
    pub host: String,
    /// What stands before each key; ends with a slash.
    root: String,
}

impl Address {
    /// By default a bucket of AWS is part of the host, unless its name has dots, which no certificate covers; elsewhere
    /// it is part of the path, which needs no names in DNS.
    pub fn new(
        endpoint: Option<&str>,
        region: &str,
        bucket: &str,
        addressing: Option<Addressing>,
    ) -> io::Result<Self> {
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if !is_bucket(bucket) {
            return wrong(format!("'{bucket}' cannot be a bucket's name"));
        }
        let is_word = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if region.is_empty() || !is_word(region) {
            return wrong(format!("'{region}' cannot be a region"));
        }
        let amazon = match region.starts_with("cn-") {
            true => format!("https://s3.{region}.amazonaws.com.cn"),
            false => format!("https://s3.{region}.amazonaws.com"),
        };
        let whole = endpoint.unwrap_or(&amazon);
        let (scheme, own_port, rest) = if let Some(rest) = whole.strip_prefix("https://") {
            ("https://", ":443", rest)
        } else if let Some(rest) = whole.strip_prefix("http://") {
            ("http://", ":80", rest)
        } else {
            return wrong(format!(
                "the endpoint '{whole}' begins with neither https:// nor http://"
            ));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = host
            .strip_suffix(own_port)
            .unwrap_or(host)
            .to_ascii_lowercase();
        if host.is_empty() || host.contains(['@', '?', '#', ' ']) || path.contains(['?', '#']) {
            return wrong(format!("'{whole}' is no endpoint"));
        }
        let path = match path.trim_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        let usual = match endpoint.is_none() && !bucket.contains('.') {
            true => Addressing::VirtualHost,
            false => Addressing::Path,
        };
        Ok(match addressing.unwrap_or(usual) {
            Addressing::Path => Address {
                scheme,
                host,
                root: format!("{path}{bucket}/"),
            },
            Addressing::VirtualHost => Address {
                scheme,
                host: format!("{bucket}.{host}"),
                root: path,
            },
        })
    }

    /// The path of an object, or with an empty key that of the bucket; not encoded.
    pub fn path(&self, key: &str) -> String {
        match (key, self.root.as_str()) {
            ("", "/") => "/".to_owned(),
            ("", root) => root.trim_end_matches('/').to_owned(),
            (key, root) => format!("{root}{key}"),
        }
    }

    /// The address of such a path, both encoded.
    pub fn url(&self, path: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{path}{mark}{query}", self.scheme, self.host)
    }
}

/// Letters, digits, dots, hyphens and underscores: more than AWS allows now, as much as it once did.
fn is_bucket(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (3..=255).contains(&name.len())
        && name.bytes().all(is_letter)
        && !name.starts_with('.')
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(endpoint: Option<&str>, region: &str, bucket: &str, how: Option<Addressing>) -> String {
        let address = Address::new(endpoint, region, bucket, how).unwrap();
        address.url(&address.path("k"), "")
    }

    #[test]
    fn a_bucket_is_part_of_amazons_host_and_of_others_paths() {
        let own = Some("https://minio.example.org:9000/");
        let cases = [
            (
                url(None, "eu-west-1", "bkt", None),
                "https://bkt.s3.eu-west-1.amazonaws.com/k",
            ),
            (
                url(None, "cn-north-1", "bkt", None),
                "https://bkt.s3.cn-north-1.amazonaws.com.cn/k",
            ),
            (
                url(None, "eu-west-1", "a.b", None),
                "https://s3.eu-west-1.amazonaws.com/a.b/k",
            ),
            (
                url(None, "eu-west-1", "bkt", Some(Addressing::Path)),
                "https://s3.eu-west-1.amazonaws.com/bkt/k",
            ),
            (
                url(own, "us-east-1", "bkt", None),
                "https://minio.example.org:9000/bkt/k",
            ),
            (
                url(own, "us-east-1", "bkt", Some(Addressing::VirtualHost)),
                "https://bkt.minio.example.org:9000/k",
            ),
            (
                url(Some("https://H:443/s3"), "r", "bkt", None),
                "https://h/s3/bkt/k",
            ),
            (
                url(Some("http://[::1]:80"), "r", "bkt", None),
                "http://[::1]/bkt/k",
            ),
        ];
        for (got, expected) in cases {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn the_bucket_itself_has_a_path() {
        let path = |endpoint| Address::new(endpoint, "r", "bkt", None).unwrap().path("");
        assert_eq!(path(None), "/");
        assert_eq!(path(Some("https://h")), "/bkt");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (endpoint, region, bucket) in [
            (None, "eu-west-1", "a/b"),
            (None, "eu-west-1", ""),
            (None, "eu-west-1", "a..b"),
            (None, "x.evil.example/", "bkt"),
            (None, "", "bkt"),
            (Some("ftp://h"), "r", "bkt"),
            (Some("https://"), "r", "bkt"),
            (Some("https://u@h"), "r", "bkt"),
            (Some("https://h/?x"), "r", "bkt"),
        ] {
            let address = Address::new(endpoint, region, bucket, None);
            let kind = address.map_err(|error| error.kind());
            assert_eq!(
                kind,
                Err(io::ErrorKind::InvalidInput),
                "{endpoint:?} {region} {bucket}"
            );
        }
    }
}
