//! Objects in a bucket of Amazon S3, or of one of the many storages that speak its protocol.
//!
//! A repository's name says what the parts of [`S3`] are:
//!
//! - `s3:BUCKET` or `s3:BUCKET/PREFIX`: a bucket of AWS, in the region that AWS's own settings name;
//! - `s3:https://HOST[:PORT]/BUCKET[/PREFIX]`: a bucket elsewhere, HOST being the endpoint.
//!
//! With an object lock, deleting puts a marker over an object and keeps what is under it: a rule of the bucket's life
//! cycle ("NoncurrentVersionExpiration") has to remove it once its day has come.
//!
//! Nothing is decided here because a listing lacks something.

mod address;
mod ask;
mod explain;
mod listing;
mod lock;
mod multipart;
mod xml;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ce_net::aws::Provider;
use jiff::Timestamp;
use md5::{Digest, Md5};

pub use address::Addressing;
pub use lock::{LockMode, ObjectLock};

use self::address::Address;
use self::ask::{Ask, Tries};
use self::listing::{Entry, Page};
use super::http::{Client, Fault, Remote, Reply};
use super::seen::Seen;
use super::{Listed, Store};
use crate::id::hex;

/// Where a repository is and how to get there.
#[derive(Debug, Clone)]
pub struct S3 {
    /// `https://host[:port][/path]`; AWS when there is none.
    pub endpoint: Option<String>,
    /// What requests are signed for; elsewhere than at AWS mostly `us-east-1`.
    pub region: String,
    /// The bucket, which must exist.
    pub bucket: String,
    /// What stands before the names of all objects; may be empty.
    pub prefix: String,
    /// How the bucket is named in addresses; by default as the endpoint is likely to want it.
    pub addressing: Option<Addressing>,
    /// Who comes.
    pub credentials: Arc<Provider>,
    /// How packs, indexes, keys and snapshots are protected. The bucket must have been made for it.
    pub object_lock: Option<ObjectLock>,
    /// What packs are stored as, such as `STANDARD_IA` or `GLACIER_IR`; all else is small, often read, and standard.
    pub storage_class: Option<String>,
    /// Connections, patience and limits.
    pub remote: Remote,
}

/// A bucket, or a part of one.
#[derive(Debug)]
pub struct S3Store {
    s3: S3,
    address: Address,
    client: Client,
    seen: Seen,
    /// The storage's ETags are something else than digests: it encrypts, and has been seen to store what was sent.
    has_odd_etags: AtomicBool,
    /// The storage has been seen to lock what shall be locked.
    is_lock_seen: AtomicBool,
    /// The storage does not know `If-None-Match`.
    is_unconditional: AtomicBool,
}

/// Objects that one answer lists at most; S3 has no larger ones.
const PAGE: &str = "1000";

impl S3Store {
    /// Looks at the bucket.
    ///
    /// # Errors
    /// `InvalidInput` when it does not exist or is elsewhere, `PermissionDenied` when these credentials do not open it;
    /// or what the network says.
    pub fn open(s3: S3) -> io::Result<Self> {
        let address = Address::new(
            s3.endpoint.as_deref(),
            &s3.region,
            &s3.bucket,
            s3.addressing,
        )?;
        let store = S3Store {
            client: Client::new(&s3.remote)?,
            address,
            seen: Seen::default(),
            has_odd_etags: AtomicBool::new(false),
            is_lock_seen: AtomicBool::new(false),
            is_unconditional: AtomicBool::new(false),
            s3: S3 {
                prefix: s3.prefix.trim_matches('/').to_owned(),
                ..s3
            },
        };
        store.glance()?;
        Ok(store)
    }

    /// The least that shows bucket, credentials and clock.
    fn glance(&self) -> io::Result<Reply> {
        let ask = Ask::new("GET", "")
            .with("list-type", "2")
            .with("max-keys", "1")
            .with("prefix", self.key(""));
        self.send(&ask, &[])
    }

    /// The key of an object.
    fn key(&self, name: &str) -> String {
        match self.s3.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// Whether an object has exactly these bytes; not when there is none.
    fn holds(&self, name: &str, bytes: &[u8]) -> Result<bool, Fault> {
        let reply = self.attempt(&Ask::new("GET", name), &mut Tries::default(), &[404])?;
        Ok(reply.status != 404 && reply.body == bytes)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        let reply = self.send(&Ask::new("HEAD", name), &[404])?;
        Ok(reply.status != 404)
    }

    /// Stores an object; `false` when there is another of this name and `only_new` forbids to replace it.
    fn store(&self, name: &str, bytes: &[u8], only_new: bool) -> io::Result<bool> {
        let mut headers = Vec::new();
        let lock = self.s3.object_lock;
        let until = lock.and_then(|lock| lock.until(name, Timestamp::now().as_second()));
        if let (Some(lock), Some(until)) = (lock, until) {
            headers.extend(lock.headers(until)?);
        }
        if let Some(class) = self
            .s3
            .storage_class
            .as_ref()
            .filter(|_| name.starts_with("packs/"))
        {
            headers.push(("x-amz-storage-class", class.clone()));
        }
        let is_large = bytes.len() >= multipart::LARGE;
        let stored = match is_large {
            true => self.store_parts(name, bytes, &headers, only_new)?,
            false => self.store_whole(name, bytes, &headers, only_new)?,
        };
        let Some(is_shown) = stored else {
            return Ok(false);
        };
        self.seen.note(name);
        if !is_shown {
            self.compare(name, bytes)?;
        }
        if let Some(until) = until {
            // Not every storage locks what came in parts, even if it locks.
            if is_large || !self.is_lock_seen.load(Ordering::Relaxed) {
                self.check_lock(name, until)?;
                self.is_lock_seen.store(true, Ordering::Relaxed);
            }
        }
        Ok(true)
    }

    /// As [`S3Store::store_parts`], in one request.
    fn store_whole(
        &self,
        name: &str,
        bytes: &[u8],
        headers: &[(&'static str, String)],
        only_new: bool,
    ) -> io::Result<Option<bool>> {
        let digest: [u8; 16] = Md5::digest(bytes).into();
        let mut ask = Ask::new("PUT", name)
            .header("content-type", "application/octet-stream")
            .body_of_digest(bytes, &digest);
        for (header, value) in headers {
            ask = ask.header(header, value);
        }
        let conditional = ask.clone().header("if-none-match", "*");
        let mut tries = Tries::default();
        self.s3.remote.patiently(|| {
            let is_conditional = only_new && !self.is_unconditional.load(Ordering::Relaxed);
            let ask = if is_conditional { &conditional } else { &ask };
            let expected = if is_conditional { &[412, 501][..] } else { &[] };
            let reply = self.attempt(ask, &mut tries, expected)?;
            match reply.status {
                // The answer to an earlier attempt may have been lost.
                412 if self.holds(name, bytes)? => Ok(Some(true)),
                412 => Ok(None),
                501 => {
                    self.is_unconditional.store(true, Ordering::Relaxed);
                    Err(Fault::passing(format!(
                        "'{name}' cannot be stored on a condition"
                    )))
                }
                _ => Ok(Some(reply.header("etag").map(etag) == Some(&*hex(&digest)))),
            }
        })
    }

    /// Reads back what was stored under an ETag that is not its digest. Where it is the same, ETags say nothing here.
    fn compare(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.has_odd_etags.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.get(name)? != bytes {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("'{name}' is not in the storage as it was sent"),
            ));
        }
        self.has_odd_etags.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// All pages of a listing of what is below this prefix.
    fn pages(
        &self,
        kind: (&'static str, &'static str),
        most: &'static str,
        prefix: &str,
        read: fn(&[u8]) -> Result<Page, String>,
    ) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut next: Vec<(&'static str, String)> = Vec::new();
        loop {
            let mut ask = Ask::new("GET", "")
                .with(kind.0, kind.1)
                .with(most, PAGE)
                .with("encoding-type", "url")
                .with("prefix", prefix);
            for (name, value) in &next {
                ask = ask.with(name, value.clone());
            }
            let reply = self.send(&ask, &[])?;
            let odd = |what| io::Error::new(io::ErrorKind::InvalidData, what);
            let page = read(&reply.body).map_err(odd)?;
            entries.extend(page.entries);
            if page.next.is_empty() {
                return Ok(entries);
            }
            if page.next == next {
                return Err(odd("a listing goes on with what it began with".to_owned()));
            }
            next = page.next;
        }
    }
}

/// An ETag without its quotes.
fn etag(text: &str) -> &str {
    text.trim().trim_matches('"')
}

impl Store for S3Store {
    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.send(&Ask::new("GET", name), &[])?.body)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let Some(last) = (len as u64).checked_sub(1) else {
            return match self.exists(name)? {
                true => Ok(Vec::new()),
                false => Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("no object {name}"),
                )),
            };
        };
        let range = format!("bytes={offset}-{}", offset.saturating_add(last));
        let ask = Ask::new("GET", name).header("range", range);
        let reply = self.send(&ask, &[416])?;
        let mut bytes = match reply.status {
            416 => Vec::new(),
            206 => reply.body,
            // All of it: ranges are not known there.
            _ => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                reply.body.get(from..).unwrap_or_default().to_vec()
            }
        };
        bytes.truncate(len);
        Ok(bytes)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.store(name, bytes, false).map(drop)
    }

    /// Atomic where the storage knows `If-None-Match`. Some say that they do not, some say nothing and replace: so there
    /// is a look first everywhere, which leaves to those only what happens at the same moment.
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        match self.exists(name) {
            Ok(true) => return Ok(self.get(name)? == bytes),
            Ok(false) => {}
            // Who may not list is not told what is missing.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
        self.store(name, bytes, true)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let root = self.key("").len();
        let prefix = self.key(&format!("{folder}/"));
        let entries = self.pages(("list-type", "2"), "max-keys", &prefix, listing::objects)?;
        let mut listed: Vec<Listed> = entries
            .into_iter()
            // A folder's own marker, as some tools make it, is no object.
            .filter(|entry| entry.key.starts_with(&prefix) && !entry.key.ends_with('/'))
            .map(|entry| Listed {
                name: entry.key[root..].to_owned(),
                size: entry.size,
                received: entry.time,
            })
            .collect();
        listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        listed.dedup_by(|next, first| next.name == first.name);
        for object in &listed {
            self.seen.note(&object.name);
        }
        Ok(listed)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.seen.forget(name);
        self.send(&Ask::new("DELETE", name), &[404]).map(drop)
    }

    /// Aborts uploads in parts that were begun before.
    fn sweep(&self, before: i64) -> io::Result<()> {
        let root = self.key("");
        let begun = self.pages(("uploads", ""), "max-uploads", &root, listing::uploads)?;
        for upload in begun {
            let Some(name) = upload.key.strip_prefix(&root) else {
                continue;
            };
            if upload.time < before {
                self.abort(name, &upload.upload)?;
            }
        }
        Ok(())
    }

    fn connections(&self) -> usize {
        self.s3.remote.connections
    }

    fn now(&self) -> io::Result<i64> {
        let reply = self.glance()?;
        reply
            .date()
            .ok_or_else(|| io::Error::other("the storage does not say what time it is"))
    }
}

#[cfg(test)]
mod tests;
