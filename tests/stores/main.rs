//! Stores as they must be, against real servers.

mod sftp;
mod sshd;
