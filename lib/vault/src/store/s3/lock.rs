//! Object lock: what is stored cannot be deleted or replaced before a day, by whomever.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::S3Store;
use super::ask::Ask;

/// Who may delete before the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Whoever has the permission `s3:BypassGovernanceRetention`.
    Governance,
    /// Nobody, not the owner of the account either.
    Compliance,
}

/// How long what is stored is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    /// Who may delete before.
    pub mode: LockMode,
    /// Days from when it is stored.
    pub days: u32,
}

/// What an attacker must not take away. The config is written anew when recipients change; its earlier versions remain.
const PROTECTED: [&str; 5] = ["copies/", "packs/", "index/", "keys/", "snapshots/"];

const SECONDS_PER_DAY: i64 = 86_400;
/// An hour's difference between what was asked for and what the storage says is a clock's, not a lock that is missing.
const SLACK_SECONDS: i64 = 3600;

impl ObjectLock {
    fn word(self) -> &'static str {
        match self.mode {
            LockMode::Governance => "GOVERNANCE",
            LockMode::Compliance => "COMPLIANCE",
        }
    }

    /// Until when an object of this name, stored now, is protected.
    pub(super) fn until(self, name: &str, now: i64) -> Option<i64> {
        PROTECTED
            .iter()
            .any(|folder| name.starts_with(folder))
            .then(|| now.saturating_add(i64::from(self.days) * SECONDS_PER_DAY))
    }

    pub(super) fn headers(self, until: i64) -> io::Result<[(&'static str, String); 2]> {
        Ok([
            ("x-amz-object-lock-mode", self.word().to_owned()),
            ("x-amz-object-lock-retain-until-date", date(until)?),
        ])
    }
}

/// A time as S3 writes it.
fn date(seconds: i64) -> io::Result<String> {
    let time = Timestamp::from_second(seconds)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    let time = time.to_zoned(TimeZone::UTC);
    Ok(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

impl S3Store {
    /// Protects an object until then, in seconds since 1970; one that is protected longer stays so.
    ///
    /// # Errors
    /// This store was opened without an object lock, there is no such object, or what the storage says.
    pub fn extend(&self, name: &str, until: i64) -> io::Result<()> {
        let lock = self.s3.object_lock.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no object lock is configured")
        })?;
        if self.protects_until(name)?.is_some_and(|now| now >= until) {
            return Ok(());
        }
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>\
             <RetainUntilDate>{}</RetainUntilDate></Retention>",
            lock.word(),
            date(until)?
        );
        let ask = Ask::new("PUT", name)
            .with("retention", "")
            .body(body.as_bytes());
        self.send(&ask, &[]).map(drop)
    }

    /// Until when an object is protected, in seconds since 1970; none when it is not, or when these credentials may not
    /// see it (`s3:GetObjectRetention`).
    ///
    /// # Errors
    /// There is no such object, or what the storage says.
    pub fn protects_until(&self, name: &str) -> io::Result<Option<i64>> {
        let reply = self.send(&Ask::new("HEAD", name), &[])?;
        let Some(text) = reply.header("x-amz-object-lock-retain-until-date") else {
            return Ok(None);
        };
        let time: Timestamp = text.parse().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the storage protects '{name}' until '{text}'"),
            )
        })?;
        Ok(Some(time.as_second()))
    }

    /// Sees that a storage that took the headers of a lock has locked: some pass over what they do not know.
    pub(super) fn check_lock(&self, name: &str, until: i64) -> io::Result<()> {
        match self.protects_until(name)? {
            Some(there) if there >= until - SLACK_SECONDS => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "'{name}' was stored and is not protected: the bucket '{}' has no object lock, or these \
                     credentials lack s3:GetObjectRetention",
                    self.s3.bucket
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_restore_needs_is_protected() {
        let lock = ObjectLock {
            mode: LockMode::Compliance,
            days: 30,
        };
        for name in ["packs/aa/x", "index/x", "keys/x", "snapshots/w/1"] {
            assert_eq!(lock.until(name, 1000), Some(2_593_000), "{name}");
        }
        for name in ["config", "config.copy", "writers/x", "packsx"] {
            assert_eq!(lock.until(name, 1000), None, "{name}");
        }
        let headers = lock.headers(1_700_000_000).unwrap();
        assert_eq!(headers[0].1, "COMPLIANCE");
        assert_eq!(headers[1].1, "2023-11-14T22:13:20Z");
    }
}
