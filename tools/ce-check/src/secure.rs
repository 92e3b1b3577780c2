//! TLS as the checks of line protocols want it: verified unless told otherwise, and judged by how long it lasts.

use std::path::PathBuf;

use ce_net::tls::{self, Peer, Roots, TlsOptions, Verify};
use ce_net::{CertInfo, NetError, Stream};
use ce_record::{Cause, Finding, Metric, Range, State, Thresholds};
use clap::Args;
use jiff::Timestamp;

use crate::certificate;
use crate::check::{Field, MetricDoc};

/// The metric of every check that sees a certificate.
pub const CHAIN_LEFT: MetricDoc = MetricDoc {
    name: "chain_left",
    unit: "s",
    about: "until the first certificate of the chain expires (over TLS)",
};

/// The fields of every check that may speak TLS.
pub const TLS: Field = Field {
    name: "tls",
    kind: "string",
    about: "version of TLS and cipher suite",
};

/// `-D DAYS` and whom to trust: flatten it into the flags of a check that may speak TLS.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsFlags {
    /// WARNING, and CRITICAL, when a certificate expires within so many days
    #[arg(short = 'D', long = "certificate", value_name = "WARN[,CRIT]", value_parser = days)]
    days: Option<Thresholds>,

    /// Ask for the certificate of this name [default: -H]
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,

    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", visible_alias = "ca-cert")]
    roots: Option<PathBuf>,

    /// Take any certificate
    #[arg(long)]
    insecure: bool,
}

/// The days as ranges of what is fine, in seconds: at least so many.
fn days(text: &str) -> Result<Thresholds, String> {
    let number = |text: &str| {
        text.trim_end_matches(':')
            .parse::<f64>()
            .ok()
            .filter(|days| days.is_finite() && *days >= 0.0)
            .ok_or_else(|| format!("'{text}' is no number of days"))
    };
    let (warn, crit) = match text.split_once(',') {
        Some((warn, crit)) => (number(warn)?, number(crit)?),
        None => (number(text)?, 0.0),
    };
    if warn < crit {
        return Err(format!(
            "'{text}' can never warn: the first number is the larger one"
        ));
    }
    let at_least = |days: f64| Some(certificate::in_seconds(Range::at_least(days)));
    Ok(Thresholds::new(at_least(warn), at_least(crit)))
}

impl TlsFlags {
    /// Whether any of them only makes sense over TLS.
    pub fn wants_tls(&self) -> bool {
        self.days.is_some() || self.sni.is_some()
    }

    /// The handshake. Whether the peer is trusted is judged by [`TlsFlags::judge`], not here.
    pub fn handshake(&self, stream: Stream, host: &str) -> Result<(Stream, Peer), NetError> {
        let options = TlsOptions {
            verify: if self.insecure {
                Verify::Off
            } else {
                Verify::Full
            },
            roots: self.roots.clone().map_or(Roots::System, Roots::File),
            ..TlsOptions::default()
        };
        tls::handshake(stream, self.sni.as_deref().unwrap_or(host), &options)
    }

    /// The finding with what the certificates make of it.
    pub fn judge(&self, finding: Finding, peer: &Peer, now: Timestamp) -> Finding {
        let version = certificate::version(peer);
        let finding = finding.data(TLS.name, format!("{version} {}", peer.cipher));
        let finding = match certificate::weakest(&peer.chain) {
            Some(cert) => self.judge_days(finding, cert, now),
            None => finding,
        };
        match &peer.trust {
            Ok(()) => finding,
            Err(error) => worsen(
                finding,
                State::Critical,
                Cause::TLS,
                &format!("certificate not trusted: {error}"),
            ),
        }
    }

    fn judge_days(&self, finding: Finding, cert: &CertInfo, now: Timestamp) -> Finding {
        let left_s = certificate::left_s(cert, now);
        let thresholds = self.days.unwrap_or_default();
        let finding = finding
            .metric(Metric::new(CHAIN_LEFT.name, left_s, CHAIN_LEFT.unit).limits(thresholds));
        #[allow(clippy::cast_precision_loss)]
        match thresholds.judge(left_s as f64) {
            State::Ok => finding,
            state => {
                let line = format!(
                    "certificate of {} {}",
                    certificate::name(cert),
                    certificate::expiry(cert, now)
                );
                worsen(finding, state, Cause::TLS, &line)
            }
        }
    }
}

/// The finding with one more thing that is wrong, which comes first when it is the worst.
pub fn worsen(finding: Finding, state: State, cause: Cause, line: &str) -> Finding {
    let summary = if finding.state == State::Ok {
        line.to_owned()
    } else if state > finding.state {
        format!("{line}, {}", finding.summary)
    } else {
        format!("{}, {line}", finding.summary)
    };
    let cause = match finding.cause.clone() {
        Some(earlier) if finding.state >= state && finding.state != State::Ok => earlier,
        _ => cause,
    };
    Finding {
        state: State::worst([finding.state, state]),
        summary,
        ..finding
    }
    .cause(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worst_comes_first_and_names_the_cause() {
        let ok = Finding::new(State::Ok, "220 mail");
        let warning = worsen(ok, State::Warning, Cause::TLS, "old");
        assert_eq!((warning.state, &*warning.summary), (State::Warning, "old"));
        let critical = worsen(warning, State::Critical, Cause::CONTENT, "wrong");
        assert_eq!(critical.summary, "wrong, old");
        assert_eq!(critical.cause, Some(Cause::CONTENT));
        let same = worsen(critical, State::Warning, Cause::TLS, "slow");
        assert_eq!(same.summary, "wrong, old, slow");
        assert_eq!(
            (same.state, same.cause),
            (State::Critical, Some(Cause::CONTENT))
        );
    }

    #[test]
    fn days_warn_before_they_are_critical() {
        let thresholds = days("30,10").unwrap();
        for (left, state) in [
            (31.0, State::Ok),
            (29.0, State::Warning),
            (9.0, State::Critical),
        ] {
            assert_eq!(thresholds.judge(left * 86_400.0), state, "{left}");
        }
        assert_eq!(days("30").unwrap().judge(-1.0), State::Critical);
        assert!(days("10,30").is_err() && days("x").is_err());
    }
}
