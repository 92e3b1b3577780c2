//! Reaching other machines, each wait of it within a deadline.
//!
//! A probe goes name by name through the phases that a person wants told apart: [`resolve`], [`connect`], [`tls`],
//! then [`Stream`] for what is said. Each returns a [`NetError`] that names its object, its cause in a record and
//! whether a retry can help. [`api`] is for calls where only the answer counts.
//!
//! ```no_run
//! use std::time::Duration;
//! use ce_net::tls::{self, TlsOptions};
//! use ce_net::{Deadline, Family, NetError, Stream, cert, connect, resolve};
//!
//! fn probe(host: &str) -> Result<(), NetError> {
//!     let deadline = Deadline::after(Duration::from_secs(10));
//!     let addresses = resolve::resolve(host, 443, Family::Any, deadline)?;
//!     let (socket, _address) = connect::tcp(&addresses, None, deadline)?;
//!     let stream = Stream::tcp(socket, format!("{host}:443"), deadline);
//!     let (stream, peer) = tls::handshake(stream, host, &TlsOptions::default())?;
//!     if let Err(wrong) = &peer.trust {
//!         println!("{wrong}"); // 'CN=www.example.org' expired on 2026-02-03
//!     }
//!     if let Some(first) = cert::earliest_expiry(&peer.chain) {
//!         println!("{} until {}", first.subject, first.not_after);
//!     }
//!     stream.close();
//!     Ok(())
//! }
//! ```
//!
//! Nothing here judges: no state, no threshold, no record is made in this crate.

#![warn(missing_docs)]

pub mod api;
pub mod aws;
pub mod cert;
pub mod connect;
mod deadline;
mod der;
mod error;
pub mod resolve;
mod retry;
mod roots;
pub mod sigv4;
mod socket;
mod stream;
pub mod tls;
mod trust;

pub use cert::CertInfo;
pub use deadline::Deadline;
pub use error::{NetError, Phase};
pub use resolve::{Family, Resolver};
pub use retry::{Retry, jitter, retry_after};
pub use stream::Stream;
pub use trust::TrustError;
