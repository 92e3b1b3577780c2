//! Shared by the whole-program tests: finding the programs, running them, starting real servers.
#![allow(missing_docs, clippy::expect_used, clippy::panic)]

pub mod authority;
pub mod program;
pub mod server;
pub mod wait;
