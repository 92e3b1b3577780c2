//! What the checks say of certificates: how long they last, along the path that counts, and how they are described.

use ce_net::CertInfo;
use ce_net::tls::{Peer, TlsVersion};
use ce_record::Range;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const DAY_S: f64 = 86_400.0;

/// The certificates from the leaf towards its root, each the issuer of the one before. Where one was issued twice
/// (cross-signed), the one that lasts longer counts: a client is content with either.
pub(crate) fn path(chain: &[CertInfo]) -> Vec<&CertInfo> {
    let mut path: Vec<&CertInfo> = chain.first().into_iter().collect();
    while let Some(last) = path.last().filter(|last| !last.is_self_signed) {
        let issuer = chain
            .iter()
            .filter(|cert| cert.subject == last.issuer && !path.contains(cert))
            .max_by_key(|cert| cert.not_after);
        match issuer {
            Some(issuer) => path.push(issuer),
            None => break,
        }
    }
    path
}

/// The certificate of the path that expires first.
pub(crate) fn weakest(chain: &[CertInfo]) -> Option<&CertInfo> {
    path(chain).into_iter().min_by_key(|cert| cert.not_after)
}

/// Seconds until it expires; negative when it has.
pub(crate) fn left_s(cert: &CertInfo, now: Timestamp) -> i64 {
    cert.not_after.as_second() - now.as_second()
}

/// `in 12 days (2031-01-02)`, `3 days ago (2031-01-02)`.
pub(crate) fn expiry(cert: &CertInfo, now: Timestamp) -> String {
    let day = cert.not_after.strftime("%Y-%m-%d");
    let left = left_s(cert, now);
    let count = left.unsigned_abs();
    let span = match count / 86_400 {
        0 => format!("{} h", count / 3600),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    if left < 0 {
        format!("expired {span} ago ({day})")
    } else {
        format!("expires in {span} ({day})")
    }
}

/// A range of days as one of seconds.
pub(crate) fn in_seconds(days: Range) -> Range {
    days.scaled(DAY_S)
}

/// The name that people know it by: its common name, else the first name it is for.
pub(crate) fn name(cert: &CertInfo) -> &str {
    let common = cert
        .subject
        .split(", ")
        .find_map(|part| part.strip_prefix("CN="));
    common
        .or(cert.names.first().map(String::as_str))
        .unwrap_or(&cert.subject)
}

/// One certificate for `data`.
pub(crate) fn describe(cert: &CertInfo) -> Value {
    // A certificate of a big hoster has hundreds of names; a record has a limit.
    const NAMES: usize = 50;
    let names: Vec<&String> = cert.names.iter().take(NAMES).collect();
    json!({
        "subject": cert.subject,
        "issuer": cert.issuer,
        "names": names,
        "not_before": cert.not_before.to_string(),
        "not_after": cert.not_after.to_string(),
        "key": key(cert),
        "signature": cert.signature_algorithm,
        "serial": cert.serial,
        "sha256": cert.sha256,
    })
}

/// `RSA 2048`, `EC P-256`.
pub(crate) fn key(cert: &CertInfo) -> String {
    match cert.key_bits {
        Some(bits) if cert.key_kind == "RSA" => format!("{} {bits}", cert.key_kind),
        _ => cert.key_kind.clone(),
    }
}

/// The version as people write it.
pub(crate) fn version(peer: &Peer) -> &'static str {
    match peer.version {
        TlsVersion::V1_2 => "TLSv1.2",
        TlsVersion::V1_3 => "TLSv1.3",
    }
}
