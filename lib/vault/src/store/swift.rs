//! Objects in a container of OpenStack Swift or Rackspace Cloud Files (docs.openstack.org/api-ref/object-store).
//!
//! Listings are eventually consistent there: an object may be missing from one, or named by one after it is gone.

mod login;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use md5::{Digest, Md5};
use serde::Deserialize;

use crate::id::hex;

pub use login::{Account, Interface, Login, Place, Scope, Secret, User};

use super::http::{Call, Client, Fault, Remote, Reply};
use super::seen::Seen;
use super::{Listed, Store};

/// Where a repository is and how to get there.
#[derive(Debug, Clone)]
pub struct Swift {
    /// Who comes.
    pub login: Login,
    /// The container, which must exist.
    pub container: String,
    /// What stands before the names of all objects; may be empty.
    pub prefix: String,
    /// Connections, patience and limits.
    pub remote: Remote,
}

/// A container, or a part of one.
#[derive(Debug)]
pub struct SwiftStore {
    swift: Swift,
    client: Client,
    account: Mutex<Arc<Account>>,
    seen: Seen,
}

/// Objects that one answer lists at most.
const PAGE: usize = 10_000;

/// A 404 for what must be there is asked again so often.
const LOST_TRIES: u32 = 4;

#[derive(Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
    /// UTC, without saying so.
    last_modified: String,
}

impl SwiftStore {
    /// Logs in and looks at the container.
    ///
    /// # Errors
    /// Credentials, region or container are not known there, or nobody answers.
    pub fn open(swift: Swift) -> io::Result<Self> {
        let client = Client::new(&swift.remote)?;
        let account = swift.remote.patiently(|| swift.login.account(&client))?;
        let store = SwiftStore {
            account: Mutex::new(Arc::new(account)),
            seen: Seen::default(),
            client,
            swift,
        };
        let reply = store.send("HEAD", "", "", &[], &[], &[404])?;
        if reply.status == 404 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no container '{}'", store.swift.container),
            ));
        }
        Ok(store)
    }

    fn account(&self) -> Arc<Account> {
        let account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&account)
    }

    /// Logs in again, unless somebody else has done so since `old` was current.
    fn renew(&self, old: &Arc<Account>) -> Result<(), Fault> {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&account, old) {
            *account = Arc::new(self.swift.login.account(&self.client)?);
        }
        Ok(())
    }

    fn full(&self, name: &str) -> String {
        match self.swift.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// Asks until there is an answer of success or one of `expected`. A token that has run out is renewed once.
    fn send(
        &self,
        method: &'static str,
        name: &str,
        query: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
        expected: &[u16],
    ) -> io::Result<Reply> {
        let mut renewed = false;
        let mut lost = 0;
        self.swift.remote.patiently(|| {
            loop {
                let account = self.account();
                let mut url = format!("{}/{}", account.url, encode(&self.swift.container));
                if !name.is_empty() {
                    url = format!("{url}/{}", encode(&self.full(name)));
                }
                let mut call = Call {
                    method,
                    url: format!("{url}{query}"),
                    headers: headers.to_vec(),
                    body,
                };
                call.headers
                    .push(("x-auth-token", account.token.to_string()));
                let reply = self.client.send(&call)?;
                return match reply.status {
                    200..=299 => Ok(reply),
                    401 if !renewed => {
                        renewed = true;
                        self.renew(&account)?;
                        continue;
                    }
                    404 if method != "DELETE" && lost < LOST_TRIES && self.seen.has(name) => {
                        lost += 1;
                        Err(Fault {
                            passes: true,
                            ..reply.fault(&call)
                        })
                    }
                    // The server says that what came was not what was sent.
                    422 => Err(Fault {
                        passes: true,
                        ..reply.fault(&call)
                    }),
                    status if expected.contains(&status) => Ok(reply),
                    _ => Err(reply.fault(&call)),
                };
            }
        })
    }

    /// Stores an object whose digest the server confirms; `false` when there is another one and `headers` forbid this.
    fn store(&self, name: &str, bytes: &[u8], only_new: bool) -> io::Result<bool> {
        let digest = hex(&Md5::digest(bytes));
        let mut headers = vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("etag", digest.clone()),
        ];
        if only_new {
            headers.push(("if-none-match", "*".to_owned()));
        }
        let mut last = Ok(false);
        self.swift.remote.patiently(|| {
            let reply = self.send("PUT", name, "", &headers, bytes, &[412])?;
            last = Ok(true);
            if reply.status == 412 {
                // The answer to an earlier attempt may have been lost: then it is this one that is there.
                let there = self.send("HEAD", name, "", &[], &[], &[404])?;
                last = Ok(etag(&there) == Some(&digest));
            } else if etag(&reply) != Some(&digest) {
                return Err(Fault::passing(format!(
                    "'{name}' did not arrive as it was sent"
                )));
            }
            self.seen.note(name);
            Ok(())
        })?;
        last
    }
}

fn etag(reply: &Reply) -> Option<&str> {
    reply.header("etag").map(|etag| etag.trim_matches('"'))
}

/// Percent-encoded, but for slashes.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

impl Store for SwiftStore {
    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.send("GET", name, "", &[], &[], &[])?.body)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let range = format!("bytes={offset}-{}", offset + len as u64 - 1);
        let reply = self.send("GET", name, "", &[("range", range)], &[], &[416])?;
        match reply.status {
            416 => Ok(Vec::new()),
            206 => Ok(reply.body),
            _ => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = reply.body.get(from..).unwrap_or_default();
                Ok(rest[..rest.len().min(len)].to_vec())
            }
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.store(name, bytes, false).map(drop)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        self.store(name, bytes, true)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let prefix = self.full(&format!("{folder}/"));
        let cut = prefix.len() - folder.len() - 1;
        let mut listed = Vec::new();
        let mut marker = String::new();
        loop {
            let query = format!(
                "?format=json&limit={PAGE}&prefix={}&marker={}",
                encode(&prefix),
                encode(&marker)
            );
            let reply = self.send("GET", "", &query, &[], &[], &[])?;
            if reply.body.is_empty() {
                break;
            }
            let page: Vec<Entry> = serde_json::from_slice(&reply.body).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a listing is not JSON: {error}"),
                )
            })?;
            let Some(last) = page.last() else { break };
            marker.clone_from(&last.name);
            for entry in page {
                let Some(name) = entry
                    .name
                    .get(cut..)
                    .filter(|_| entry.name.starts_with(&prefix))
                else {
                    continue;
                };
                self.seen.note(name);
                listed.push(Listed {
                    name: name.to_owned(),
                    size: entry.bytes,
                    received: received(&entry.last_modified)?,
                });
            }
        }
        listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.seen.forget(name);
        self.send("DELETE", name, "", &[], &[], &[404]).map(drop)
    }

    fn connections(&self) -> usize {
        self.swift.remote.connections
    }

    fn now(&self) -> io::Result<i64> {
        let reply = self.send("HEAD", "", "", &[], &[], &[])?;
        reply
            .date()
            .ok_or_else(|| io::Error::other("the storage does not say what time it is"))
    }
}

fn received(time: &str) -> io::Result<i64> {
    format!("{}Z", time.trim_end_matches('Z'))
        .parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_second)
        .map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("'{time}' in a listing: {error}"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_an_address_needs_them() {
        assert_eq!(encode("a b/ä%?"), "a%20b/%C3%A4%25%3F");
    }

    #[test]
    fn times_of_listings_are_utc() {
        assert_eq!(
            received("2014-07-02T12:11:40.536670").expect("a time"),
            1_404_303_100
        );
        assert!(received("soon").is_err());
    }
}
