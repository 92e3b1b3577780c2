//! From the first request to the final answer, hop by hop.

use std::time::{Duration, Instant};

use super::Start;
use super::client::{self, Hop, Way};
use super::expect::is_redirect;
use super::flags::Flags;
use super::request::Request;
use super::url::Url;
use super::values::OnRedirect;

/// Why the way ended where it did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The last hop has what was looked for, or failed.
    Arrived,
    /// It leads to where it was before.
    Loop(Url),
    /// It leads further than is followed.
    TooMany(usize),
    /// Its Location is missing or no URL.
    Lost(String),
}

/// All hops, at least one.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) hops: Vec<Hop>,
    pub(super) stop: Stop,
    pub(super) took: Duration,
}

/// Asks, and follows redirects as the flags say.
pub(super) fn walk(flags: &Flags, way: &Way, start: Start, mut request: Request) -> Walked {
    let began = Instant::now();
    let home = start.url.clone();
    let mut at = start;
    let mut hops: Vec<Hop> = Vec::new();
    let stop = loop {
        let at_home = at.url.same_origin(&home);
        let sent = request.bytes(flags, &at.url, &at.url.authority(), at_home);
        let hop = client::fetch(
            way,
            at.url.clone(),
            (&at.host, at.port),
            &request.method,
            &sent,
        );
        let next = next(flags, &hop);
        hops.push(hop);
        let (status, url) = match next {
            None => break Stop::Arrived,
            Some(Err(fault)) => break Stop::Lost(fault),
            Some(Ok(next)) => next,
        };
        request.redirected(status);
        // The same page once more is what a login with a cookie looks like; we keep none, so it is a loop.
        if hops.iter().any(|hop| hop.url == url) {
            break Stop::Loop(url);
        }
        if hops.len() > flags.max_redirs {
            break Stop::TooMany(flags.max_redirs);
        }
        let sticky = matches!(
            flags.onredirect,
            OnRedirect::Sticky | OnRedirect::Stickyport
        );
        let same_origin = at.url.same_origin(&url);
        at = Start {
            host: if sticky || same_origin {
                at.host
            } else {
                url.host.clone()
            },
            port: if flags.onredirect == OnRedirect::Stickyport || same_origin {
                at.port
            } else {
                url.port
            },
            url,
        };
    };
    Walked {
        hops,
        stop,
        took: began.elapsed(),
    }
}

/// Where this answer leads, when it is to be followed.
fn next(flags: &Flags, hop: &Hop) -> Option<Result<(u16, Url), String>> {
    let head = &hop.answer.as_ref().ok()?.as_ref()?.head;
    let follows = matches!(
        flags.onredirect,
        OnRedirect::Follow | OnRedirect::Sticky | OnRedirect::Stickyport
    );
    let expected = flags.expect.iter().any(|test| test.names(head));
    if !follows || !is_redirect(head.status) || expected {
        return None;
    }
    let joined = match head.value("location") {
        None => Err("a redirect without Location".to_owned()),
        Some(location) => hop.url.join(location).map_err(|fault| {
            format!(
                "a redirect to {}: {fault}",
                super::message::excerpt(location)
            )
        }),
    };
    Some(joined.map(|url| (head.status, url)))
}
