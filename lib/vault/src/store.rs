//! Where objects are kept: a folder here, Swift, S3 or SFTP elsewhere.

mod dir;
mod http;
mod limit;
mod memory;
pub mod s3;
mod seen;
mod sftp;
pub mod swift;

use std::io;

pub use dir::DirStore;
pub use http::Remote;
pub use limit::{Limit, Limits};
pub use memory::MemoryStore;
pub use sftp::{Sftp, SftpStore};

/// An object as a listing names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// With slashes, relative to the repository.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When the storage received it, in seconds since 1970 by the storage's own clock.
    pub received: i64,
}

/// An object store. Every method may be called from several threads at once.
///
/// Listings may lag behind on some stores: nothing is ever deleted because a listing lacks something.
pub trait Store: Send + Sync {
    /// All bytes of an object.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name.
    fn get(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Some bytes of an object; fewer where it ends.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name.
    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Stores an object whole or not at all, in place of an earlier one; it has reached the disk on return.
    ///
    /// # Errors
    /// What the storage says.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// As [`Store::put`], when there is none of this name yet; whether these bytes are there now.
    ///
    /// # Errors
    /// What the storage says.
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool>;

    /// The objects whose names begin with `folder/`, sorted.
    ///
    /// # Errors
    /// What the storage says.
    fn list(&self, folder: &str) -> io::Result<Vec<Listed>>;

    /// Deletes an object; one that is gone already is no error.
    ///
    /// # Errors
    /// What the storage says.
    fn delete(&self, name: &str) -> io::Result<()>;

    /// Removes what interrupted writes left behind before this time, where the storage keeps such things.
    ///
    /// # Errors
    /// What the storage says.
    fn sweep(&self, before: i64) -> io::Result<()> {
        let _ = before;
        Ok(())
    }

    /// How many objects are best written or read at once.
    fn connections(&self) -> usize {
        1
    }

    /// The storage's clock, in seconds since 1970.
    ///
    /// # Errors
    /// What the storage says.
    fn now(&self) -> io::Result<i64>;
}
