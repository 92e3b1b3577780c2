//! Stores as they must be, against real servers.

mod sftp;
mod speed;
mod sshd;
