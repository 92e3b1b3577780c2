//! What was measured and seen on the way, as metrics and data.

use ce_record::{Finding, Metric, Thresholds};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::Hop;
use super::flags::Flags;
use super::judge::{answer, answered, sum};
use super::values::micros;
use super::walk::Walked;
use crate::certificate;

/// With the metrics and data of all hops.
pub(super) fn measured(
    flags: &Flags,
    walked: &Walked,
    finding: Finding,
    now: Timestamp,
) -> Finding {
    const US_PER_S: f64 = 1e6;
    let in_us = |range: Option<ce_record::Range>| range.map(|range| range.scaled(US_PER_S));
    let thresholds = Thresholds::new(in_us(flags.warning), in_us(flags.critical));
    let times = sum(walked);
    let mut finding = finding;
    // How fast it was refused says nothing of how fast it is.
    if answered(walked) {
        let time = Metric::new("time", micros(walked.took), "us");
        finding = finding.metric(time.limits(thresholds).min(0i64));
    }
    for (name, took) in [
        ("time_dns", times.dns),
        ("time_connect", times.connect),
        ("time_tls", times.tls),
        ("time_first_byte", times.first_byte),
        ("time_transfer", times.transfer),
    ] {
        // A part that was not reached, or is not there without TLS, is no zero in a graph.
        if !took.is_zero() {
            finding = finding.metric(Metric::new(name, micros(took), "us").min(0i64));
        }
    }
    let last = walked.hops.last();
    if let Some(answer) = answer(last) {
        let mut size = Metric::new("size", answer.body.bytes, "B").min(0i64);
        if let Some(wanted) = flags.pagesize {
            #[allow(clippy::cast_precision_loss)]
            let range = ce_record::Range::new(
                wanted.min as f64,
                wanted.max.map_or(f64::INFINITY, |max| max as f64),
            );
            size = size.limits(Thresholds::new(range, None));
        }
        finding = finding.metric(size).data("status", answer.head.status);
        if !answer.body.kept.is_empty() && answer.body.bytes > answer.body.kept.len() as u64 {
            finding = finding.data("bytes_searched", answer.body.kept.len());
        }
    }
    let dates = flags
        .certificate
        .map(super::values::CertificateDays::thresholds)
        .unwrap_or_default();
    let peers = || walked.hops.iter().filter_map(|hop| hop.peer.as_ref());
    let leaf = peers()
        .filter_map(|peer| peer.chain.first())
        .min_by_key(|cert| cert.not_after);
    let weakest = peers()
        .filter_map(|peer| certificate::weakest(&peer.chain))
        .min_by_key(|cert| cert.not_after);
    for (name, cert) in [("certificate_left", leaf), ("chain_left", weakest)] {
        if let Some(cert) = cert {
            finding = finding
                .metric(Metric::new(name, certificate::left_s(cert, now), "s").limits(dates));
        }
    }
    let url = |hop: Option<&Hop>| hop.map(|hop| hop.url.to_string()).unwrap_or_default();
    let hops: Vec<Value> = walked.hops.iter().map(hop_data).collect();
    finding
        .data("url", url(walked.hops.first()))
        .data("final_url", url(last))
        .data("hops", hops)
}

fn hop_data(hop: &Hop) -> Value {
    let took = hop.times.dns
        + hop.times.connect
        + hop.times.tls
        + hop.times.first_byte
        + hop.times.transfer;
    let mut data = json!({"url": hop.url.to_string(), "us": micros(took)});
    if let Some(answer) = answer(Some(hop)) {
        data["status"] = answer.head.status.into();
    }
    if let Some(address) = hop.address {
        data["address"] = address.to_string().into();
    }
    if let Some(peer) = &hop.peer {
        data["tls"] = certificate::version(peer).into();
        data["cipher"] = peer.cipher.as_str().into();
        data["certificates"] = certificate::path(&peer.chain)
            .into_iter()
            .map(certificate::describe)
            .collect();
    }
    data
}
