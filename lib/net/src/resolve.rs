//! Names to addresses through the system's resolver, which knows no deadline: the lookup runs in a thread of its own
//! that is left behind when it takes too long. At most one for each name: a dead resolver does not pile up threads.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Deadline, NetError, Phase};

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Both, in the system's order of preference (RFC 6724).
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    fn wants(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Any => "no address",
            Self::V4 => "no IPv4 address",
            Self::V6 => "no IPv6 address",
        }
    }
}

/// What `getaddrinfo` needs with name service modules loaded; its own buffers are on the heap.
const STACK_BYTES: usize = 256 * 1024;
/// Names kept before those that are too old are thrown out.
const NAMES: usize = 4096;

/// Looks up each name once for many probes.
#[derive(Debug)]
pub struct Resolver {
    max_age: Duration,
    names: Mutex<HashMap<String, Arc<Lookup>>>,
}

#[derive(Debug, Default)]
struct Lookup {
    answer: Mutex<Option<Answer>>,
    done: Condvar,
}

#[derive(Clone, Debug)]
struct Answer {
    at: Instant,
    addresses: Result<Vec<IpAddr>, (io::ErrorKind, String)>,
}

type Find = fn(&str) -> io::Result<Vec<IpAddr>>;

/// The addresses of `host`, a name or a literal (`192.0.2.1`, `::1`, `[fe80::1%eth0]`), with this port.
///
/// # Errors
/// [`NetError::Resolve`] when there are none, [`NetError::Timeout`] when nobody answers.
pub fn resolve(
    host: &str,
    port: u16,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, NetError> {
    Resolver::new(Duration::ZERO).resolve(host, port, family, deadline)
}

impl Resolver {
    /// A resolver that gives the same answer for `max_age`. Failures are not kept.
    #[must_use]
    pub fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            names: Mutex::default(),
        }
    }

    /// As the function [`resolve`], from what is known already where it is fresh.
    ///
    /// # Errors
    /// As the function [`resolve`].
    pub fn resolve(
        &self,
        host: &str,
        port: u16,
        family: Family,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, NetError> {
        self.resolve_with(host, port, family, deadline, system)
    }

    fn resolve_with(
        &self,
        host: &str,
        port: u16,
        family: Family,
        deadline: Deadline,
        find: Find,
    ) -> Result<Vec<SocketAddr>, NetError> {
        let found = match literal(host, port)? {
            Some(address) => vec![address],
            None => self
                .lookup(host, deadline, find)?
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect(),
        };
        let wanted: Vec<_> = found
            .into_iter()
            .filter(|address| family.wants(address.ip()))
            .collect();
        if wanted.is_empty() {
            let source = io::Error::new(io::ErrorKind::NotFound, family.missing());
            let host = host.to_owned();
            return Err(NetError::Resolve { host, source });
        }
        Ok(wanted)
    }

    fn lookup(&self, host: &str, deadline: Deadline, find: Find) -> Result<Vec<IpAddr>, NetError> {
        let lookup = self.begin(host, find)?;
        let mut answer = lock(&lookup.answer);
        loop {
            if let Some(answer) = &*answer {
                return answer
                    .addresses
                    .clone()
                    .map_err(|(kind, text)| NetError::Resolve {
                        host: host.to_owned(),
                        source: io::Error::new(kind, text),
                    });
            }
            let left = deadline.left(Phase::Resolve, host)?;
            answer = lookup
                .done
                .wait_timeout(answer, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The lookup of this name that is under way or fresh, or a new one.
    fn begin(&self, host: &str, find: Find) -> Result<Arc<Lookup>, NetError> {
        let mut names = lock(&self.names);
        if names.len() >= NAMES {
            names.retain(|_, lookup| lookup.is_usable(self.max_age));
        }
        if let Some(lookup) = names.get(host).filter(|old| old.is_usable(self.max_age)) {
            return Ok(Arc::clone(lookup));
        }
        let lookup = Arc::new(Lookup::default());
        let (name, shared) = (host.to_owned(), Arc::clone(&lookup));
        thread::Builder::new()
            .name("resolve".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || shared.finish(find(&name)))
            .map_err(|source| NetError::Resolve {
                host: host.to_owned(),
                source,
            })?;
        names.insert(host.to_owned(), Arc::clone(&lookup));
        Ok(lookup)
    }
}

impl Lookup {
    fn is_usable(&self, max_age: Duration) -> bool {
        lock(&self.answer)
            .as_ref()
            .is_none_or(|answer| answer.addresses.is_ok() && answer.at.elapsed() < max_age)
    }

    fn finish(&self, found: io::Result<Vec<IpAddr>>) {
        *lock(&self.answer) = Some(Answer {
            at: Instant::now(),
            addresses: found.map_err(|error| (error.kind(), error.to_string())),
        });
        self.done.notify_all();
    }
}

/// No code panics while it holds one of these locks, and each value is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in (host, 0u16).to_socket_addrs()? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

/// The address that `host` is already, in brackets or not, with a scope (RFC 4007) or not.
fn literal(host: &str, port: u16) -> Result<Option<SocketAddr>, NetError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let wrong = |what: &str| NetError::Config {
        object: host.to_owned(),
        what: what.to_owned(),
    };
    if let Some((address, scope)) = bare.split_once('%') {
        let address: Ipv6Addr = address
            .parse()
            .map_err(|_| wrong("it has a scope but is no IPv6 address"))?;
        let scope = match scope.parse() {
            Ok(number) => number,
            Err(_) => interface(scope).map_err(|_| wrong("there is no such interface"))?,
        };
        return Ok(Some(SocketAddrV6::new(address, port, 0, scope).into()));
    }
    match bare.parse() {
        Ok(address) => Ok(Some(SocketAddr::new(address, port))),
        Err(_) if bare.is_empty() || bare.len() > 255 => Err(wrong("it is no host name")),
        Err(_) if bare.len() < host.len() => Err(wrong("it is no IPv6 address")),
        Err(_) if bare.contains(|c: char| c.is_control() || c.is_whitespace()) => {
            Err(wrong("it is no host name"))
        }
        Err(_) => Ok(None),
    }
}

fn interface(name: &str) -> io::Result<u32> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok(netdevice::name_to_index(&socket, name)?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    #[test]
    fn a_literal_needs_no_resolver() {
        let never: Find = |_| panic!("asked");
        let resolver = Resolver::new(Duration::ZERO);
        for (host, family, address) in [
            ("192.0.2.1", Family::Any, "192.0.2.1:80"),
            ("192.0.2.1", Family::V4, "192.0.2.1:80"),
            ("::1", Family::V6, "[::1]:80"),
            ("[::1]", Family::Any, "[::1]:80"),
            ("[fe80::1%7]", Family::Any, "[fe80::1%7]:80"),
            ("fe80::1%lo", Family::Any, "[fe80::1%1]:80"),
        ] {
            let found = resolver.resolve_with(host, 80, family, soon(), never);
            assert_eq!(found.unwrap(), [address.parse().unwrap()], "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_said_to_be_none() {
        for (host, words) in [
            ("", "no host name"),
            ("a b", "no host name"),
            ("[www]", "no IPv6 address"),
            ("fe80::1%nosuch0", "no such interface"),
            ("www%1", "no IPv6 address"),
        ] {
            let error = resolve(host, 80, Family::Any, soon()).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        let error = resolve("127.0.0.1", 80, Family::V6, soon()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot resolve '127.0.0.1': no IPv6 address"
        );
        assert!(!error.may_retry());
    }

    #[test]
    fn localhost_is_found_by_the_system() {
        let found = resolve("localhost", 25, Family::Any, soon()).unwrap();
        assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 25));
    }

    #[test]
    fn a_dead_resolver_costs_the_deadline_and_one_thread_a_name() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let dead: Find = |_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            loop {
                thread::park();
            }
        };
        let resolver = Resolver::new(Duration::from_secs(60));
        let began = Instant::now();
        for _ in 0..3 {
            let deadline = Deadline::after(Duration::from_millis(50));
            let error = resolver
                .resolve_with("www.example.org", 80, Family::Any, deadline, dead)
                .unwrap_err();
            assert_eq!(error.to_string(), "timeout looking up 'www.example.org'");
        }
        assert!(began.elapsed() < Duration::from_millis(250 + 150));
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn many_probes_of_one_name_are_one_lookup_and_failures_are_not_kept() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let find: Find = |host| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            match host {
                "good" => Ok(vec![IpAddr::from([192, 0, 2, 7])]),
                _ => Err(io::Error::other("Temporary failure in name resolution")),
            }
        };
        let resolver = Resolver::new(Duration::from_secs(60));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| resolver.resolve_with("good", 1, Family::Any, soon(), find));
            }
        });
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        for _ in 0..2 {
            let error = resolver
                .resolve_with("bad", 1, Family::Any, soon(), find)
                .unwrap_err();
            assert!(error.may_retry());
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 3);
    }
}
