//! Stores as they must be, against real servers.

mod moto;
mod s3;
mod sftp;
mod speed;
mod sshd;
