//! Stores as they must be, against real servers.

mod moto;
mod s3;
