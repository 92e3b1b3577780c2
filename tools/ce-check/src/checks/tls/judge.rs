//! The verdict on certificates: dates, trust, strength and identity.

use ce_net::CertInfo;
use ce_net::tls::TlsVersion;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use jiff::Timestamp;
use serde_json::Value;

use super::{Facts, Tls};
use crate::certificate;

/// `--lifetime`: ranges of the percentage left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lifetime {
    warn: Range,
    crit: Option<Range>,
}

impl Lifetime {
    pub(super) fn thresholds(self) -> Thresholds {
        Thresholds::new(Some(self.warn), self.crit)
    }
}

pub(super) fn lifetime(text: &str) -> Result<Lifetime, String> {
    let range = |text: &str| text.parse::<Range>().map_err(|error| error.to_string());
    Ok(match text.split_once(',') {
        Some((warn, crit)) => Lifetime {
            warn: range(warn)?,
            crit: Some(range(crit)?),
        },
        None => Lifetime {
            warn: range(text)?,
            crit: None,
        },
    })
}

pub(super) fn version(text: &str) -> Result<TlsVersion, String> {
    match text.trim_start_matches("TLSv") {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        _ => Err("write 1.2 or 1.3".to_owned()),
    }
}

/// With or without colons, in either case: as openssl or a browser shows it.
pub(super) fn fingerprint(text: &str) -> Result<String, String> {
    let digits: String = text
        .chars()
        .filter(|c| *c != ':')
        .collect::<String>()
        .to_ascii_lowercase();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err("a SHA-256 fingerprint has 64 hexadecimal digits".to_owned())
    }
}

/// One thing that is wrong.
type Problem = (State, Cause, String);

impl Tls {
    /// Of days; the default only where nothing else dates the certificate.
    pub(super) fn days(&self) -> Thresholds {
        match (self.warning, self.critical, self.lifetime) {
            (None, None, None) => {
                Thresholds::new(Some(Range::at_least(28.0)), Some(Range::at_least(7.0)))
            }
            (warn, crit, _) => Thresholds::new(warn, crit),
        }
    }

    pub(super) fn judge(&self, facts: &Facts, now: Timestamp) -> Finding {
        let Some(leaf) = facts.chain.first() else {
            return Finding::new(State::Critical, "the server shows no certificate")
                .cause(Cause::TLS);
        };
        // A file may hold certificates that have nothing to do with each other.
        let path: Vec<&CertInfo> = match facts.met {
            Some(_) => certificate::path(&facts.chain),
            None => facts.chain.iter().collect(),
        };
        let mut problems = self.trust(facts);
        problems.extend(
            path.iter()
                .enumerate()
                .filter_map(|(at, cert)| self.dates(at, cert, now)),
        );
        problems.extend(self.identity(leaf));
        problems.extend(path.iter().filter_map(|cert| self.strength(cert)));
        problems.sort_by_key(|(state, ..)| std::cmp::Reverse(*state));

        let told = format!(
            "certificate '{}' {}",
            certificate::name(leaf),
            certificate::expiry(leaf, now)
        );
        let mut finding = match problems.split_first() {
            None => Finding::new(State::Ok, format!("{told}, issued by {}", issuer(leaf))),
            Some(((state, cause, text), rest)) => {
                let finding = Finding::new(*state, text).cause(cause.clone());
                let finding = rest.iter().fold(finding, |finding, (state, _, text)| {
                    finding.detail(format!("{state}: {text}"))
                });
                finding.detail(told)
            }
        };
        let hint = facts
            .met
            .as_ref()
            .and_then(|met| met.peer.trust.as_ref().err()?.hint());
        if let Some(hint) = hint {
            finding = finding.detail(format!("hint: {hint}"));
        }
        self.measured(facts, leaf, &path, finding, now)
    }

    fn trust(&self, facts: &Facts) -> Vec<Problem> {
        let Some(met) = &facts.met else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        if let Err(error) = met.peer.require_trust(&met.address) {
            problems.push((State::Critical, Cause::TLS, error.to_string()));
        }
        if met.peer.version < self.min_version {
            let text = format!(
                "{} agreed on, older than asked for",
                certificate::version(&met.peer)
            );
            problems.push((State::Critical, Cause::TLS, text));
        }
        problems
    }

    #[allow(clippy::cast_precision_loss)]
    fn dates(&self, at: usize, cert: &CertInfo, now: Timestamp) -> Option<Problem> {
        let left_s = certificate::left_s(cert, now);
        let days = self.days().judge(left_s as f64 / certificate::DAY_S);
        // What is above the leaf is renewed by others, at other times: only its days count.
        let share = match self.lifetime {
            Some(lifetime) if at == 0 => lifetime.thresholds().judge(left_percent(cert, now)),
            _ => State::Ok,
        };
        let over = if left_s < 0 || now < cert.not_before {
            State::Critical
        } else {
            State::Ok
        };
        let state = days.max(share).max(over);
        let whose = if at == 0 {
            "certificate"
        } else {
            "issuer's certificate"
        };
        let when = if now < cert.not_before {
            format!(
                "is valid only from {}",
                cert.not_before.strftime("%Y-%m-%d")
            )
        } else {
            certificate::expiry(cert, now)
        };
        let text = format!("{whose} '{}' {when}", certificate::name(cert));
        let text = if share != State::Ok {
            format!(
                "{text}, {:.0}% of its lifetime left",
                left_percent(cert, now)
            )
        } else {
            text
        };
        let cause = if over == State::Ok {
            Cause::THRESHOLD
        } else {
            Cause::TLS
        };
        (state != State::Ok).then_some((state, cause, text))
    }

    fn identity(&self, leaf: &CertInfo) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self
            .issuer
            .as_ref()
            .is_some_and(|issuer| !issuer.is_match(&leaf.issuer))
        {
            let text = format!("issued by {}, which is not expected", issuer(leaf));
            problems.push((State::Critical, Cause::TLS, text));
        }
        if !self.fingerprint.is_empty() && !self.fingerprint.contains(&leaf.sha256) {
            let text = format!("another certificate than expected: SHA-256 {}", leaf.sha256);
            problems.push((State::Critical, Cause::TLS, text));
        }
        problems
    }

    fn strength(&self, cert: &CertInfo) -> Option<Problem> {
        let weak_key =
            cert.key_kind == "RSA" && cert.key_bits.is_some_and(|bits| bits < self.min_bits);
        // A root is trusted by itself: nobody looks at its signature.
        let weak_signature = !cert.is_self_signed
            && ["sha1", "md5"]
                .iter()
                .any(|hash| cert.signature_algorithm.starts_with(hash));
        let name = certificate::name(cert);
        if weak_key {
            let text = format!(
                "key of '{name}' is {}, fewer than {} bits",
                certificate::key(cert),
                self.min_bits
            );
            Some((State::Critical, Cause::TLS, text))
        } else if weak_signature {
            let text = format!("signature of '{name}' is {}", cert.signature_algorithm);
            Some((State::Critical, Cause::TLS, text))
        } else {
            None
        }
    }

    fn measured(
        &self,
        facts: &Facts,
        leaf: &CertInfo,
        path: &[&CertInfo],
        finding: Finding,
        now: Timestamp,
    ) -> Finding {
        let days = self.days();
        let seconds = Thresholds::new(
            days.warn.map(certificate::in_seconds),
            days.crit.map(certificate::in_seconds),
        );
        let weakest = path.iter().map(|cert| certificate::left_s(cert, now)).min();
        let share = self.lifetime.map(Lifetime::thresholds).unwrap_or_default();
        let mut finding = finding
            .metric(
                Metric::new("certificate_left", certificate::left_s(leaf, now), "s")
                    .limits(seconds),
            )
            .metric(Metric::new("chain_left", weakest.unwrap_or_default(), "s").limits(seconds))
            .metric(
                Metric::new(
                    "lifetime_left_percent",
                    Number::rounded(left_percent(leaf, now), 2),
                    "%",
                )
                .limits(share),
            )
            .data(
                "certificates",
                path.iter()
                    .map(|cert| certificate::describe(cert))
                    .collect::<Vec<Value>>(),
            );
        if let Some(met) = &facts.met {
            let took = u64::try_from(met.took.as_micros()).unwrap_or(u64::MAX);
            finding = finding
                .metric(Metric::new("time", took, "us").min(0i64))
                .data("address", met.address.as_str())
                .data("tls", certificate::version(&met.peer))
                .data("cipher", met.peer.cipher.as_str());
        }
        finding
    }
}

/// Of the time from its first to its last day, what is left.
#[allow(clippy::cast_precision_loss)]
fn left_percent(cert: &CertInfo, now: Timestamp) -> f64 {
    let all = (cert.not_after.as_second() - cert.not_before.as_second()).max(1);
    (certificate::left_s(cert, now) as f64 / all as f64 * 100.0).clamp(0.0, 100.0)
}

/// Who people know it by.
fn issuer(cert: &CertInfo) -> &str {
    let part = |key: &str| {
        cert.issuer
            .split(", ")
            .find_map(|part| part.strip_prefix(key))
    };
    part("O=").or(part("CN=")).unwrap_or(&cert.issuer)
}
