//! A web server: its answer, its content, how long each part took, and the certificate of every hop on the way.

use ce_net::tls::{Roots, TlsOptions, Verify};
use ce_net::{Deadline, Family};
use ce_record::Finding;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::check::{Check, Field, Group, MetricDoc, Observe, Plugin, Subject};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;

mod chunked;
mod client;
mod expect;
mod flags;
mod judge;
mod message;
mod pointer;
mod report;
mod request;
mod url;
mod values;
mod walk;

use client::Way;
use flags::Flags;
use request::Request;
use url::Url;

pub(super) static CHECK: Check = Check::new::<Http>(
    "http",
    Group::Network,
    "A web server's answer, content, speed and certificate",
)
.metrics(&[
    MetricDoc { name: "time", unit: "us", about: "from the first lookup to the last byte, redirects among it" },
    MetricDoc { name: "time_dns", unit: "us", about: "looking up names, over all hops" },
    MetricDoc { name: "time_connect", unit: "us", about: "opening connections, over all hops" },
    MetricDoc { name: "time_tls", unit: "us", about: "TLS handshakes, over all hops" },
    MetricDoc { name: "time_first_byte", unit: "us", about: "waiting for the first byte of answers, over all hops" },
    MetricDoc { name: "time_transfer", unit: "us", about: "from the first byte to the last, over all hops" },
    MetricDoc { name: "size", unit: "B", about: "body of the final answer, as far as it was read" },
    MetricDoc { name: "certificate_left", unit: "s", about: "until the first server certificate of all hops expires" },
    MetricDoc { name: "chain_left", unit: "s", about: "until the first certificate of all chains expires" },
])
.data(&[
    Field { name: "url", kind: "string", about: "what was asked for first" },
    Field { name: "final_url", kind: "string", about: "where redirects led" },
    Field { name: "status", kind: "integer", about: "of the final answer" },
    Field { name: "hops", kind: "array", about: "each request: url, status, address, us, and tls, cipher and certificates of its server" },
    Field { name: "bytes_searched", kind: "integer", about: "how much of the body was searched, where that is not all" },
])
.rewriting(values::rewrite)
.plugins(&[
    Plugin {
        name: "check_http",
        word: "HTTP",
        preset: &[],
        perfdata: judge::perfdata,
        deviations: DEVIATIONS,
    },
    Plugin {
        name: "check_curl",
        word: "HTTP",
        preset: &[],
        perfdata: judge::perfdata,
        deviations: DEVIATIONS,
    },
]);

const DEVIATIONS: &[&str] = &[
    "certificates are verified, chain, dates and name: an unverified connection proves nothing (--insecure turns it off)",
    "the server name is always sent (SNI): without it most hosts show another certificate",
    "TLS 1.0, 1.1 and SSL are refused as a usage error: RFC 8996 forbids them",
    "-e and -f follow work together: what is no expected status is followed first",
    "-s, -r, -R and -d may be given several times; the plugin silently takes the last",
    "regular expressions are those of Rust's regex: linear in time, without backreferences",
    "an answer that ends before its Content-Length or last chunk is CRITICAL: half a page is no page",
    "-a accepts a password on the command line with a line of detail that says who can read it",
    "a redirect drops Authorization and Cookie when it leaves the server, and a 303 (301, 302 of a POST) becomes a GET",
    "-d looks in the headers alone, also as 'Name: regex'",
    "-b and CONNECT through a proxy, cookie jars, decompression and HTTP/2 are not there",
    "-L writes no HTML",
    "the times of each part are always among the perfdata (as with -E), but for time_headers: handing some hundred bytes to the kernel tells nothing",
    "no more than --max-body (10 MiB) is read of a body: a longer one is UNKNOWN unless -N leaves it out",
    "-m and size count the body alone, as their names say; check_http counts the headers, too",
    "a number that is none is a usage error; the plugin takes -w x for 0 and -m x for nothing",
    "a 304 is no redirect: with -f follow it is OK instead of UNKNOWN for want of a Location",
    "an answer of only 1xx is CRITICAL: the real one never came",
];

/// The flags with what follows from them.
#[derive(Debug)]
pub(super) struct Http {
    flags: Flags,
    /// What is asked for; why there is nothing to ask for.
    start: Result<Start, String>,
}

/// Where the first request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Start {
    url: Url,
    /// What is connected to, where that is not the URL's.
    host: String,
    port: u16,
}

impl Args for Http {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Http {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = Flags::from_arg_matches(matches)?;
        let start = start(&flags);
        Ok(Self { flags, start })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn start(flags: &Flags) -> Result<Start, String> {
    let named = match &flags.hostname {
        Some(text) => {
            Some(url::host_and_port(text).map_err(|fault| format!("-H '{text}': {fault}"))?)
        }
        None => None,
    };
    let authority = flags.url.split("://").nth(1).unwrap_or_default();
    if authority
        .split(['/', '?', '#'])
        .next()
        .is_some_and(|authority| authority.contains('@'))
    {
        return Err("credentials do not belong into a URL: use --auth-file".to_owned());
    }
    let absolute = flags
        .url
        .contains("://")
        .then(|| Url::parse(&flags.url).map_err(|fault| format!("-u '{}': {fault}", flags.url)))
        .transpose()?;
    let secure = flags.ssl.is_some() || flags.certificate.is_some() || flags.client_cert.is_some();
    let mut url = match (absolute, &named, &flags.address) {
        (Some(url), ..) if url.secure || !secure => url,
        (Some(_), ..) => return Err("-S, -C and -J need https in the URL of -u".to_owned()),
        (None, Some((host, port)), _) => Url {
            secure,
            host: host.clone(),
            port: port.or(flags.port).unwrap_or(url::default_port(secure)),
            path: url::sendable(&flags.url),
        },
        (None, None, Some(address)) => Url {
            secure,
            host: url::host_and_port(address)
                .map_err(|fault| format!("-I '{address}': {fault}"))?
                .0,
            port: flags.port.unwrap_or(url::default_port(secure)),
            path: url::sendable(&flags.url),
        },
        (None, None, None) => {
            return Err("name the server: -H HOST, -I ADDRESS or -u URL".to_owned());
        }
    };
    let port = flags.port.unwrap_or(url.port);
    if let Some((host, own_port)) = named {
        if !host.eq_ignore_ascii_case(&url.host) {
            return Err(format!(
                "-H {host} and a URL of {}: give the address to connect to as -I",
                url.host
            ));
        }
        url.port = own_port.unwrap_or(url.port);
    }
    let host = flags.address.clone().unwrap_or_else(|| url.host.clone());
    Ok(Start { url, host, port })
}

impl Observe for Http {
    fn validate(&self) -> Result<(), Fault> {
        let flags = &self.flags;
        if let Err(fault) = &self.start {
            return Err(Fault::usage(fault));
        }
        refuse_contradiction("-w", "-c", flags_thresholds(flags))?;
        let patterns = flags
            .regex
            .iter()
            .chain(&flags.eregi)
            .chain(&flags.not_regex)
            .chain(&flags.final_url);
        for text in patterns {
            expect::pattern(text, false, flags.linespan).map_err(Fault::usage)?;
        }
        let method = flags.method.as_deref().unwrap_or("GET");
        if method.is_empty()
            || !method
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
        {
            return Err(Fault::usage(format!("-j '{method}' is no method")));
        }
        if method == "CONNECT" {
            return Err(Fault::usage(
                "-j CONNECT: asking through a proxy is not possible",
            ));
        }
        let line = [&flags.useragent, &flags.content_type];
        if line
            .into_iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(Fault::usage("-A and -T are one line"));
        }
        Ok(())
    }

    fn subject(&self) -> Subject {
        match &self.start {
            Ok(start) => Subject::remote(start.host.as_str()).object(start.url.to_string()),
            Err(_) => Subject::default(),
        }
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let start = self.start.as_ref().map_err(Fault::usage)?;
        let request = Request::gather(&self.flags)?;
        let exposed = request.exposed;
        let walked = walk::walk(&self.flags, &self.way(context), start.clone(), request);
        let mut finding = judge::judge(&self.flags, &walked, context.now);
        if exposed {
            finding = finding.detail("the password of -a can be read by everybody on this machine: put it into --auth-file");
        }
        Ok(vec![self.subject().apply(finding)])
    }
}

fn flags_thresholds(flags: &Flags) -> ce_record::Thresholds {
    ce_record::Thresholds::new(flags.warning, flags.critical)
}

impl Http {
    fn way(&self, context: &Context) -> Way {
        let flags = &self.flags;
        let mut tls = TlsOptions {
            verify: if flags.insecure {
                Verify::Off
            } else {
                Verify::Full
            },
            roots: flags.roots.clone().map_or(Roots::System, Roots::File),
            ..TlsOptions::default()
        };
        if let Some(version) = flags.ssl {
            (tls.min, tls.max) = (version.min, version.max);
        }
        if let Some(certificate) = &flags.client_cert {
            let key = flags.private_key.as_ref().unwrap_or(certificate);
            tls.client = Some((certificate.clone(), key.clone()));
        }
        let texts = [&flags.string, &flags.regex, &flags.eregi, &flags.not_regex];
        let searches = texts.iter().any(|texts| !texts.is_empty())
            || !flags.json_pointer.is_empty()
            || flags.show_body;
        Way {
            family: match (flags.use_ipv4, flags.use_ipv6) {
                (true, _) => Family::V4,
                (_, true) => Family::V6,
                _ => Family::Any,
            },
            certificate_only: flags.certificate.is_some() && !flags.continue_after_certificate,
            tls,
            max_body_bytes: flags.max_body,
            kept_bytes: if searches {
                usize::try_from(flags.max_search).unwrap_or(usize::MAX)
            } else {
                0
            },
            no_body: flags.no_body,
            deadline: Deadline::at(context.deadline),
        }
    }
}

#[cfg(test)]
mod tests;
