//! The flags of the http check: check_http's letters, and words where it has none.

use std::path::PathBuf;
use std::time::Duration;

use ce_record::Range;
use clap::Args;

use super::pointer::PointerTest;
use super::values::{
    CertificateDays, Encryption, HeaderTest, OnRedirect, PageSize, StatusTest, header, limit,
    search_size, size,
};

/// A web server's answer, its content, its speed and its certificate
///
/// Names, chain and dates of certificates are verified unless --insecure is given. With -C alone only the certificate is
/// looked at and no request is sent. A password belongs into a file: --auth-file or --bearer-file.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check http -H www.example.org -S -s Welcome -w 1 -c 5 -C 30,14 --continue-after-certificate
  ce-check http -u https://shop.example.org/health --json-pointer /db=up -e 200
  ce-check http -I 192.0.2.7 -H www.example.org -f follow --format nagios")]
pub(super) struct Flags {
    /// Ask for this virtual host; a port after it is the port, too
    #[arg(short = 'H', long, value_name = "HOST", visible_alias = "vhost")]
    pub(super) hostname: Option<String>,

    /// Connect to this address or name instead
    #[arg(
        short = 'I',
        long = "IP-address",
        value_name = "ADDRESS",
        visible_alias = "resolve-to"
    )]
    pub(super) address: Option<String>,

    /// Connect to this port [default: 80, with TLS 443]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) port: Option<u16>,

    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "use_ipv6")]
    pub(super) use_ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(super) use_ipv6: bool,

    /// Ask for this path, or for a whole URL
    #[arg(short, long, value_name = "PATH", default_value = "/")]
    pub(super) url: String,

    /// Speak TLS; with -S1.2 or --ssl=1.3 of this version only, with -S1.2+ from it on
    #[arg(short = 'S', long, value_name = "VERSION", num_args = 0..=1, require_equals = true, default_missing_value = "1.2+")]
    pub(super) ssl: Option<Encryption>,

    /// Taken for compatibility: the name is always sent
    #[arg(long, hide = true)]
    pub(super) sni: bool,

    /// WARNING and CRITICAL when a certificate has no more whole days than this left
    #[arg(short = 'C', long, value_name = "WARN[,CRIT]")]
    pub(super) certificate: Option<CertificateDays>,

    /// Send the request with -C, too
    #[arg(long)]
    pub(super) continue_after_certificate: bool,

    /// Do not verify certificates; they are still dated
    #[arg(long)]
    pub(super) insecure: bool,

    /// Taken for compatibility: certificates are always verified
    #[arg(short = 'D', long, hide = true)]
    pub(super) verify_cert: bool,

    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE", visible_alias = "ca-cert")]
    pub(super) roots: Option<PathBuf>,

    /// Show the server this certificate (PEM)
    #[arg(short = 'J', long, value_name = "FILE")]
    pub(super) client_cert: Option<PathBuf>,

    /// The private key of -J (PEM) [default: in the same file]
    #[arg(short = 'K', long, value_name = "FILE", requires = "client_cert")]
    pub(super) private_key: Option<PathBuf>,

    /// Expect one of these statuses: codes, ranges, classes (200,3xx,401-403), or parts of the status line
    #[arg(short, long, value_name = "STATUS", value_delimiter = ',')]
    pub(super) expect: Vec<StatusTest>,

    /// Expect this text in the headers, or 'Name: regex'; several must all be there
    #[arg(short = 'd', long, value_name = "HEADER")]
    pub(super) header_string: Vec<HeaderTest>,

    /// Expect this text in the body; several must all be there
    #[arg(short, long, value_name = "TEXT")]
    pub(super) string: Vec<String>,

    /// Expect a match of this regular expression in the body
    #[arg(short, long, value_name = "REGEX", visible_alias = "ereg")]
    pub(super) regex: Vec<String>,

    /// The same, blind to case
    #[arg(short = 'R', long, value_name = "REGEX")]
    pub(super) eregi: Vec<String>,

    /// One match of several -s, -r and -R is enough
    #[arg(long)]
    pub(super) any: bool,

    /// Expect no match of this regular expression in the body
    #[arg(long, value_name = "REGEX")]
    pub(super) not_regex: Vec<String>,

    /// Turn -r and -R round: a match is CRITICAL
    #[arg(long)]
    pub(super) invert_regex: bool,

    /// Let '.' match line ends, '^' and '$' only the ends of the body
    #[arg(short, long)]
    pub(super) linespan: bool,

    /// Expect this of a JSON body: /a/b is there, /a/b=VALUE, /a/b=RANGE
    #[arg(long, value_name = "TEST")]
    pub(super) json_pointer: Vec<PointerTest>,

    /// WARNING when the body has fewer or more bytes
    #[arg(short = 'm', long, value_name = "MIN[:MAX]")]
    pub(super) pagesize: Option<PageSize>,

    /// CRITICAL when the document is older: seconds, or 10m, 10h, 10d
    #[arg(short = 'M', long, value_name = "AGE", value_parser = ce_cli::parse_duration)]
    pub(super) max_age: Option<Duration>,

    /// Do this with a redirect: ok, warning, critical, follow, sticky (same address), stickyport (same port, too)
    #[arg(short = 'f', long, value_name = "WHAT", default_value = "ok")]
    pub(super) onredirect: OnRedirect,

    /// Follow no more redirects
    #[arg(long, value_name = "COUNT", default_value_t = 15)]
    pub(super) max_redirs: usize,

    /// Expect redirects to end at a URL that matches this
    #[arg(long, value_name = "REGEX")]
    pub(super) final_url: Option<String>,

    /// Use this method [default: GET, with a body POST]
    #[arg(short = 'j', long)]
    pub(super) method: Option<String>,

    /// Send this body
    #[arg(short = 'P', long, value_name = "TEXT", conflicts_with = "body_file")]
    pub(super) post: Option<String>,

    /// Send this file as body
    #[arg(long, value_name = "FILE")]
    pub(super) body_file: Option<PathBuf>,

    /// The type of the body that is sent
    #[arg(
        short = 'T',
        long,
        value_name = "TYPE",
        default_value = "application/x-www-form-urlencoded"
    )]
    pub(super) content_type: String,

    /// Send this header, too
    #[arg(short = 'k', long, value_name = "NAME: VALUE", value_parser = header)]
    pub(super) header: Vec<(String, String)>,

    /// Introduce ourselves as this
    #[arg(short = 'A', long, value_name = "TEXT", default_value = concat!("ce-check/", env!("CARGO_PKG_VERSION")))]
    pub(super) useragent: String,

    /// Send user:password from this file, '-' for standard input, or credential:NAME
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["authorization", "bearer_file"])]
    pub(super) auth_file: Option<String>,

    /// Send the bearer token from this file, '-' for standard input, or credential:NAME
    #[arg(long, value_name = "SOURCE", conflicts_with = "authorization")]
    pub(super) bearer_file: Option<String>,

    /// Send user:password from @FILE or env:NAME; a password written here is visible to everybody on this machine
    #[arg(short, long, value_name = "SOURCE")]
    pub(super) authorization: Option<String>,

    /// Stop behind the headers
    #[arg(short = 'N', long)]
    pub(super) no_body: bool,

    /// Read no more than this of the body
    #[arg(long, value_name = "SIZE", default_value = "10M", value_parser = size)]
    pub(super) max_body: u64,

    /// Search no more than this of the body, which is kept in memory; 256M at most
    #[arg(long, value_name = "SIZE", default_value = "10M", value_parser = search_size)]
    pub(super) max_search: u64,

    /// WARNING when it all takes longer, in seconds, with a unit (500ms), or outside a range of seconds
    #[arg(short, long, value_name = "TIME", value_parser = limit, allow_hyphen_values = true)]
    pub(super) warning: Option<Range>,

    /// CRITICAL when it all takes longer
    #[arg(short, long, value_name = "TIME", value_parser = limit, allow_hyphen_values = true)]
    pub(super) critical: Option<Range>,

    /// Show the beginning of the body
    #[arg(short = 'B', long)]
    pub(super) show_body: bool,

    /// Taken for compatibility: each part's time is always among the metrics
    #[arg(short = 'E', long, hide = true)]
    pub(super) extended_perfdata: bool,

    /// Taken for compatibility: only HTTP/1.1 is spoken
    #[arg(long, value_name = "VERSION", hide = true, value_parser = ["1.1"])]
    pub(super) http_version: Option<String>,

    /// Taken for compatibility: no HTML is written
    #[arg(short = 'L', long, hide = true)]
    pub(super) link: bool,
}
