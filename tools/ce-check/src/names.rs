//! Names looked up once for all checks of a run: a thousand sites on one name ask the resolver once.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use ce_net::{Deadline, Family, NetError, Resolver};

/// A run of many checks takes about a minute; an address that was taken away is noticed by the next.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The addresses of a name, remembered for half a minute.
///
/// # Errors
/// As the resolver says.
pub(crate) fn resolve(
    host: &str,
    port: u16,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, NetError> {
    static RESOLVER: OnceLock<Resolver> = OnceLock::new();
    RESOLVER
        .get_or_init(|| Resolver::new(MAX_AGE))
        .resolve(host, port, family, deadline)
}
