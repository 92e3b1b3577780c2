//! A record as a passive check result: whose it is, its code, its output.

use ce_record::Record;
use ce_record::render::{self, NagiosOptions};

use crate::fault::Fault;

/// How records become hosts and services of the monitoring server.
#[derive(Debug)]
pub(super) struct Naming {
    service: String,
    host_check: Option<String>,
}

impl Naming {
    /// With this template for services; records of `host_check` are the host's own.
    pub(super) fn new(service: &str, host_check: Option<String>) -> Result<Self, Fault> {
        let rest = ["{check}", "{object}", "{host}"]
            .iter()
            .fold(service.to_owned(), |text, name| text.replace(name, ""));
        if rest.contains(['{', '}']) {
            return Err(Fault::Usage {
                message: format!("--service '{service}' has a name in braces that is not known"),
                hint: Some("{check}, {object} and {host} are".to_owned()),
            });
        }
        Ok(Self {
            service: service.to_owned(),
            host_check,
        })
    }

    /// The service of a record; `None` when it is the host's own.
    fn service(&self, record: &Record) -> Option<String> {
        if self.host_check.as_ref() == Some(&record.check) {
            return None;
        }
        let text = self
            .service
            .replace("{check}", &record.check)
            .replace("{object}", record.object.as_deref().unwrap_or_default())
            .replace("{host}", &record.host);
        // A semicolon separates the fields of an external command, and no server takes it in a name.
        Some(text.trim().replace([';', '\n'], "_"))
    }
}

/// A passive check result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Passive {
    pub(super) host: String,
    /// Absent for a result of the host itself.
    pub(super) service: Option<String>,
    /// 0 to 3.
    pub(super) code: u8,
    /// Seconds since 1970.
    pub(super) time: i64,
    /// First line, perfdata, long output: as a plugin prints it.
    pub(super) output: String,
    /// Lines without perfdata.
    pub(super) text: String,
    /// Each a perfdata item.
    pub(super) perfdata: Vec<String>,
    /// After so many seconds it is stale.
    pub(super) ttl_s: Option<u64>,
    /// The vantage that observed it.
    pub(super) source: String,
}

impl Passive {
    pub(super) fn new(record: &Record, naming: &Naming, options: &NagiosOptions<'_>) -> Self {
        let output = render::nagios(std::slice::from_ref(record), options);
        let (text, perfdata) = render::nagios_parts(std::slice::from_ref(record), options);
        Self {
            host: record.host.replace([';', '\n'], "_"),
            service: naming.service(record),
            code: record.state.exit_code(),
            time: record.time.as_second(),
            output: output.trim_end().to_owned(),
            text,
            perfdata,
            ttl_s: record.ttl_s,
            source: record.from.clone().unwrap_or_else(|| record.host.clone()),
        }
    }

    /// `host` or `host/service`, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.service {
            Some(service) => format!("{}/{service}", self.host),
            None => self.host.clone(),
        }
    }
}
