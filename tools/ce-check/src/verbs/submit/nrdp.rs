//! NRDP: Nagios' HTTP front door for passive results.

use ce_cli::Secret;
use ce_net::api::{Api, ApiOptions};
use ce_record::Cause;
use serde_json::{Value, json};

use super::passive::Passive;
use super::{Refusal, Server};
use crate::fault::Fault;

/// Results in one request: well within PHP's default limit of 8 MiB for a form.
const BATCH: usize = 200;

/// NRDP at its address.
pub(super) struct Nrdp {
    url: String,
    token: Secret,
    api: Api,
}

impl Nrdp {
    pub(super) fn new(options: ApiOptions<'_>, token: Secret) -> Result<Self, Fault> {
        Ok(Self {
            api: Api::new(&options)?,
            url: options.base,
            token,
        })
    }
}

impl Server for Nrdp {
    fn name(&self) -> String {
        format!("NRDP at {}", self.url)
    }

    fn send(&self, results: &[Passive]) -> Vec<Result<(), Refusal>> {
        results
            .chunks(BATCH)
            .flat_map(|batch| {
                let verdict = self.send_batch(batch);
                batch.iter().map(move |_| verdict.clone())
            })
            .collect()
    }
}

impl Nrdp {
    fn send_batch(&self, batch: &[Passive]) -> Result<(), Refusal> {
        let data = json!({ "checkresults": batch.iter().map(check_result).collect::<Vec<_>>() })
            .to_string();
        let form = [
            ("token", self.token.expose()),
            ("cmd", "submitcheck"),
            ("JSONDATA", data.as_str()),
        ];
        let response = self
            .api
            .post_form("", &form)
            .map_err(|error| Refusal::from(&error))?;
        judge(
            response.status,
            &String::from_utf8_lossy(&response.body),
            batch.len(),
        )
    }
}

fn check_result(result: &Passive) -> Value {
    let mut value = json!({
        "checkresult": { "type": if result.service.is_some() { "service" } else { "host" }, "checktype": "1" },
        "hostname": result.host,
        "state": result.code.to_string(),
        "output": result.output,
        "time": result.time.to_string(),
    });
    if let Some(service) = &result.service {
        value["servicename"] = json!(service);
    }
    value
}

/// NRDP answers 200 whatever happened; its own status is 0 when the results were taken.
fn judge(status: u16, body: &str, count: usize) -> Result<(), Refusal> {
    if status != 200 {
        let cause = if matches!(status, 401 | 403) {
            Cause::AUTH
        } else {
            Cause::CONTENT
        };
        return Err(Refusal::new(cause, format!("HTTP status {status}")));
    }
    let answer: Value = serde_json::from_str(body).map_err(|_| {
        Refusal::new(
            Cause::CONTENT,
            "its answer is no JSON: is this the address of NRDP?",
        )
    })?;
    let result = &answer["result"];
    let message = result["message"].as_str().unwrap_or("no message");
    match &result["status"] {
        Value::Number(number) if number.as_i64() == Some(0) => {}
        Value::String(text) if text == "0" => {}
        _ => {
            let cause = if message.to_ascii_lowercase().contains("token") {
                Cause::AUTH
            } else {
                Cause::CONTENT
            };
            return Err(Refusal::new(cause, message));
        }
    }
    let processed = result["meta"]["output"]
        .as_str()
        .and_then(|text| text.split_ascii_whitespace().next()?.parse::<usize>().ok());
    match processed {
        Some(taken) if taken < count => Err(Refusal::new(
            Cause::CONTENT,
            format!("it took {taken} of {count} results"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_0_with_all_results_taken_counts() {
        for (status, body, said) in [
            (
                200,
                r#"{"result":{"status":0,"message":"OK","meta":{"output":"2 checks processed."}}}"#,
                None,
            ),
            (200, r#"{"result":{"status":"0","message":"OK"}}"#, None),
            (
                200,
                r#"{"result":{"status":0,"message":"OK","meta":{"output":"1 checks processed."}}}"#,
                Some("it took 1 of 2 results"),
            ),
            (
                200,
                r#"{"result":{"status":-1,"message":"BAD TOKEN"}}"#,
                Some("BAD TOKEN"),
            ),
            (
                200,
                "<html>",
                Some("its answer is no JSON: is this the address of NRDP?"),
            ),
            (500, "", Some("HTTP status 500")),
        ] {
            assert_eq!(
                judge(status, body, 2)
                    .err()
                    .map(|refusal| refusal.message)
                    .as_deref(),
                said,
                "{body}"
            );
        }
    }
}
