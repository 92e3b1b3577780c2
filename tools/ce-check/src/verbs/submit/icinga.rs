//! Icinga 2: its API's process-check-result action.

use ce_net::api::{Api, ApiOptions};
use ce_record::Cause;
use serde_json::{Value, json};

use super::passive::Passive;
use super::{Refusal, Server};
use crate::fault::Fault;

/// Icinga 2 at its address.
pub(super) struct Icinga {
    url: String,
    api: Api,
}

impl Icinga {
    pub(super) fn new(options: &ApiOptions<'_>) -> Result<Self, Fault> {
        Ok(Self {
            url: options.base.clone(),
            api: Api::new(options)?,
        })
    }
}

impl Server for Icinga {
    fn name(&self) -> String {
        format!("Icinga 2 at {}", self.url)
    }

    /// One request each, for that is how the API takes them. A server that does not answer is not asked again.
    fn send(&self, results: &[Passive]) -> Vec<Result<(), Refusal>> {
        let mut gone: Option<Refusal> = None;
        let one = |result: &Passive| {
            if let Some(refusal) = &gone {
                return Err(refusal.clone());
            }
            let body = request(result).to_string();
            match self
                .api
                .post_json("v1/actions/process-check-result", body.as_bytes())
            {
                Ok(response) => judge(response.status, &String::from_utf8_lossy(&response.body)),
                Err(error) => {
                    let refusal = Refusal::from(&error);
                    gone = Some(refusal.clone());
                    Err(refusal)
                }
            }
        };
        results.iter().map(one).collect()
    }
}

/// Names are handed over as variables of the filter: nothing in them can be taken for an expression.
fn request(result: &Passive) -> Value {
    let code = if result.service.is_some() {
        result.code
    } else {
        u8::from(result.code >= 2)
    };
    let mut body = json!({
        "type": if result.service.is_some() { "Service" } else { "Host" },
        "filter": if result.service.is_some() { "host.name==ce_host && service.name==ce_service" } else { "host.name==ce_host" },
        "filter_vars": { "ce_host": result.host, "ce_service": result.service },
        "exit_status": code,
        "plugin_output": result.text,
        "performance_data": result.perfdata,
        "check_source": result.source,
        "execution_start": result.time,
        "execution_end": result.time,
    });
    if let Some(ttl) = result.ttl_s {
        body["ttl"] = json!(ttl);
    }
    body
}

/// HTTP 200 still leaves each result with a code of its own; 404 is a service that Icinga does not know.
fn judge(status: u16, body: &str) -> Result<(), Refusal> {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let words = |value: &Value| {
        value["status"]
            .as_str()
            .unwrap_or("no reason given")
            .to_owned()
    };
    let results = answer["results"].as_array();
    match (status, results) {
        (200, _) => {}
        (401, _) => return Err(Refusal::new(Cause::AUTH, "user or password is wrong")),
        (403, _) => return Err(Refusal::new(Cause::AUTH, words(&answer))),
        // 2.13 answers 500 with no result when the filter matches nothing, others 404.
        (404, _) => return Err(unknown_service()),
        (500, Some(results)) if results.is_empty() => return Err(unknown_service()),
        _ => {
            let message = format!("HTTP status {status}: {}", words(&answer));
            return Err(Refusal::new(Cause::CONTENT, message));
        }
    }
    let results = results.map(Vec::as_slice).unwrap_or_default();
    if results.is_empty() {
        let message = "its answer has no result: is this the address of the API?";
        return Err(Refusal::new(Cause::CONTENT, message));
    }
    match results
        .iter()
        .find(|result| result["code"].as_f64() != Some(200.0))
    {
        Some(result) => Err(Refusal::new(Cause::CONTENT, words(result))),
        None => Ok(()),
    }
}

fn unknown_service() -> Refusal {
    Refusal {
        message: "it has no such host or service".to_owned(),
        cause: Cause::CONFIG,
        hint: Some("name the service there as --service does, or create it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_counts_only_by_its_own_code() {
        for (status, body, said) in [
            (
                200,
                r#"{"results":[{"code":200.0,"status":"Successfully processed"}]}"#,
                None,
            ),
            (
                200,
                r#"{"results":[{"code":409,"status":"Newer result"}]}"#,
                Some("Newer result"),
            ),
            (
                200,
                r#"{"results":[]}"#,
                Some("its answer has no result: is this the address of the API?"),
            ),
            (
                404,
                r#"{"error":404,"status":"No objects found."}"#,
                Some("it has no such host or service"),
            ),
            (
                500,
                r#"{"results":[]}"#,
                Some("it has no such host or service"),
            ),
            (401, "<h1>Unauthorized", Some("user or password is wrong")),
            (
                503,
                r#"{"status":"reloading"}"#,
                Some("HTTP status 503: reloading"),
            ),
        ] {
            assert_eq!(
                judge(status, body)
                    .err()
                    .map(|refusal| refusal.message)
                    .as_deref(),
                said,
                "{body}"
            );
        }
    }
}
