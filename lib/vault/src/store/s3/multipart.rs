//! What is large goes in parts, several at once; what a broken upload leaves behind costs money and is aborted.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use md5::{Digest, Md5};

use super::super::http::{Fault, Reply};
use super::S3Store;
use super::ask::{Ask, Tries};
use super::{etag, explain, xml};
use crate::id::hex;

/// From this on a body goes in parts, in bytes.
pub(super) const LARGE: usize = 64 << 20;
/// A part, in bytes: at least 5 MiB and no more than 10,000 of them, says S3.
const PART: usize = 16 << 20;

/// A part that is there.
struct Part {
    /// What the storage calls it.
    etag: String,
    digest: [u8; 16],
}

impl S3Store {
    /// Stores a large object; `None` when there is one of this name and `only_new` forbids to replace it. Otherwise
    /// whether the storage showed by its digests that it has these bytes.
    pub(super) fn store_parts(
        &self,
        name: &str,
        bytes: &[u8],
        headers: &[(&'static str, String)],
        only_new: bool,
    ) -> io::Result<Option<bool>> {
        let mut begin = Ask::new("POST", name).with("uploads", "");
        for (header, value) in headers {
            begin = begin.header(header, value);
        }
        let reply = self.send(&begin, &[])?;
        let upload = upload_id(&reply)?;
        let done = self
            .parts(name, &upload, bytes)
            .and_then(|parts| self.complete(name, &upload, &parts, bytes, only_new));
        if !matches!(done, Ok(Some(_))) {
            // Whatever this says, the first failure is the one to tell; sweep() sees to the rest.
            let _ = self.abort(name, &upload);
        }
        done
    }

    /// Ends an upload; one that is gone already is no error.
    pub(super) fn abort(&self, name: &str, upload: &str) -> io::Result<()> {
        let ask = Ask::new("DELETE", name).with("uploadId", upload);
        self.send(&ask, &[404]).map(drop)
    }

    fn parts(&self, name: &str, upload: &str, bytes: &[u8]) -> io::Result<Vec<Part>> {
        let chunks: Vec<&[u8]> = bytes.chunks(PART).collect();
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let parts = Mutex::new(Vec::with_capacity(chunks.len()));
        let work = || -> io::Result<()> {
            while !failed.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(at) else { break };
                let part = self.part(name, upload, at + 1, chunk).inspect_err(|_| {
                    failed.store(true, Ordering::Relaxed);
                })?;
                let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
                parts.push((at, part));
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers = self.s3.remote.connections.clamp(1, chunks.len());
            let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            running.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread that sends parts broke")))
            })
        })?;
        let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.sort_unstable_by_key(|(at, _)| *at);
        Ok(parts.into_iter().map(|(_, part)| part).collect())
    }

    fn part(&self, name: &str, upload: &str, number: usize, chunk: &[u8]) -> io::Result<Part> {
        let digest: [u8; 16] = Md5::digest(chunk).into();
        let ask = Ask::new("PUT", name)
            .with("partNumber", number.to_string())
            .with("uploadId", upload)
            .body_of_digest(chunk, &digest);
        let reply = self.send(&ask, &[])?;
        let etag = reply.header("etag").ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("part {number} of '{name}' has no ETag"),
            )
        })?;
        Ok(Part {
            etag: etag.to_owned(),
            digest,
        })
    }

    fn complete(
        &self,
        name: &str,
        upload: &str,
        parts: &[Part],
        bytes: &[u8],
        only_new: bool,
    ) -> io::Result<Option<bool>> {
        let body = completion(parts);
        let mut ask = Ask::new("POST", name)
            .with("uploadId", upload)
            .body(body.as_bytes());
        if only_new {
            ask = ask.header("if-none-match", "*");
        }
        let mut tries = Tries::default();
        self.s3.remote.patiently(|| {
            let reply = self.attempt(&ask, &mut tries, &[404, 412])?;
            match reply.status {
                // The answer to an earlier attempt may have been lost.
                404 | 412 if self.holds(name, bytes)? => Ok(Some(true)),
                412 => Ok(None),
                404 => Err(Fault::lasting(
                    io::ErrorKind::Other,
                    format!("the upload of '{name}' was aborted from elsewhere"),
                )),
                _ => completed(&reply, name, parts),
            }
        })
    }
}

fn upload_id(reply: &Reply) -> io::Result<String> {
    let text = String::from_utf8_lossy(&reply.body);
    xml::parse(&text)
        .ok()
        .and_then(|root| root.text_of("UploadId").map(str::to_owned))
        .filter(|id| !id.is_empty())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an upload has no name"))
}

fn completion(parts: &[Part]) -> String {
    let parts = (1..).zip(parts).map(|(number, part)| {
        format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>",
            xml::escape(&part.etag)
        )
    });
    let parts: String = parts.collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
    )
}

/// Success, which may still hold an error: the storage begins to answer before it is done.
fn completed(reply: &Reply, name: &str, parts: &[Part]) -> Result<Option<bool>, Fault> {
    if let Some(code) = explain::code(reply) {
        return Err(Fault::passing(format!(
            "the parts of '{name}' were not put together: {code}"
        )));
    }
    let text = String::from_utf8_lossy(&reply.body);
    let root = xml::parse(&text)
        .map_err(|why| Fault::passing(format!("the end of the upload of '{name}': {why}")))?;
    Ok(Some(root.text_of("ETag").map(etag) == Some(&*whole(parts))))
}

/// What the storage calls an object of such parts: the digest of their digests, and how many there are.
fn whole(parts: &[Part]) -> String {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part.digest);
    }
    format!("{}-{}", hex(&digest.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderMap;

    use super::*;

    fn parts() -> Vec<Part> {
        let digest: [u8; 16] = Md5::digest(b"x").into();
        let etag = format!("\"{}\"", hex(&digest));
        vec![Part { etag, digest }]
    }

    fn reply(body: &str) -> Reply {
        Reply {
            status: 200,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn parts_are_named_in_order() {
        assert!(completion(&parts()).contains(
            "<Part><PartNumber>1</PartNumber><ETag>&quot;9dd4e461268c8034f5c8564e155c67a6&quot;</ETag></Part>"
        ));
    }

    #[test]
    fn success_may_hold_an_error() {
        let error = "<Error><Code>InternalError</Code></Error>";
        let fault = completed(&reply(error), "k", &parts()).err().unwrap();
        assert!(fault.passes);
        assert!(
            completed(&reply("<Comp"), "k", &parts())
                .err()
                .unwrap()
                .passes
        );
        let right = format!(
            "<CompleteMultipartUploadResult><ETag>\"{}\"</ETag></CompleteMultipartUploadResult>",
            whole(&parts())
        );
        assert_eq!(
            completed(&reply(&right), "k", &parts()).ok(),
            Some(Some(true))
        );
        let other = right.replace("-1", "-2");
        assert_eq!(
            completed(&reply(&other), "k", &parts()).ok(),
            Some(Some(false))
        );
    }
}
