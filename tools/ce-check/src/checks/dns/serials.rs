//! Whether all name servers of a zone hold the same version of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ce_net::Deadline;
use ce_record::{Cause, Finding, Metric, State};
use serde_json::json;

use super::exchange::Asked;
use super::message::{Ask, Code, Data, Message, Type};
use crate::fault::Fault;

/// A zone with more name servers than this is asked at the first ones only.
const MAX_SERVERS: usize = 26;

/// One name server and what it says of the zone.
#[derive(Debug)]
pub struct Server {
    name: String,
    address: Option<IpAddr>,
    serial: Result<u32, String>,
}

/// Asks all name servers of a zone for its version, at once.
pub fn gather(
    zone: &str,
    resolvers: &[SocketAddr],
    port: u16,
    deadline: Deadline,
) -> Result<Vec<Server>, Fault> {
    let recursive = Ask {
        recursion: true,
        dnssec: false,
    };
    let (answered, _) =
        Asked::new(zone, Type::NS, recursive, false)?.ask_any(resolvers, deadline)?;
    let names = names(&answered.message);
    if names.is_empty() {
        return Err(Fault::Net(ce_net::NetError::Protocol {
            target: answered.server.to_string(),
            what: format!(
                "it knows no name servers of '{zone}' ({})",
                answered.message.code
            ),
        }));
    }
    let servers = std::thread::scope(|scope| {
        let asking: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || ask_one(zone, name, resolvers, port, deadline)))
            .collect();
        let gone = || vec![(None, Err("internal error".to_owned()))];
        asking
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| gone()))
            .collect::<Vec<_>>()
    });
    Ok(names
        .into_iter()
        .zip(servers)
        .flat_map(|(name, answers)| {
            answers.into_iter().map(move |(address, serial)| Server {
                name: name.clone(),
                address,
                serial,
            })
        })
        .collect())
}

fn names(message: &Message) -> Vec<String> {
    let mut names: Vec<String> = message
        .answer
        .iter()
        .filter(|record| record.kind == Type::NS)
        .map(|record| record.data.to_string().to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MAX_SERVERS);
    names
}

type Said = (Option<IpAddr>, Result<u32, String>);

/// What each address of a name server says.
fn ask_one(
    zone: &str,
    name: &str,
    resolvers: &[SocketAddr],
    port: u16,
    deadline: Deadline,
) -> Vec<Said> {
    let addresses = match addresses(name, resolvers, deadline) {
        Ok(addresses) => addresses,
        Err(fault) => return vec![(None, Err(fault))],
    };
    std::thread::scope(|scope| {
        let asking: Vec<_> = addresses
            .into_iter()
            .map(|address| {
                let to = SocketAddr::new(address, port);
                (address, scope.spawn(move || serial(zone, to, deadline)))
            })
            .collect();
        asking
            .into_iter()
            .map(|(address, thread)| {
                let serial = thread.join();
                let serial = serial.unwrap_or_else(|_| Err("internal error".to_owned()));
                (Some(address), serial)
            })
            .collect()
    })
}

fn addresses(
    name: &str,
    resolvers: &[SocketAddr],
    deadline: Deadline,
) -> Result<Vec<IpAddr>, String> {
    let recursive = Ask {
        recursion: true,
        dnssec: false,
    };
    let mut found = Vec::new();
    for kind in [Type::A, Type::AAAA] {
        let asked = Asked::new(name, kind, recursive, false).map_err(|error| error.to_string())?;
        let (answered, _) = asked
            .ask_any(resolvers, deadline)
            .map_err(|error| error.to_string())?;
        found.extend(
            answered
                .message
                .answer
                .iter()
                .filter_map(|record| match record.data {
                    Data::A(address) => Some(IpAddr::from(address)),
                    Data::Aaaa(address) => Some(IpAddr::from(address)),
                    _ => None,
                }),
        );
    }
    found.truncate(8);
    if found.is_empty() {
        return Err("it has no address".to_owned());
    }
    Ok(found)
}

fn serial(zone: &str, server: SocketAddr, deadline: Deadline) -> Result<u32, String> {
    let asked = Asked::new(zone, Type::SOA, Ask::default(), false)
        .and_then(|asked| Ok(asked.ask(server, deadline)?))
        .map_err(|error| error.to_string())?;
    let message = asked.message;
    let serial = message.answer.iter().find_map(|record| match record.data {
        Data::Soa { serial, .. } => Some(serial),
        _ => None,
    });
    match serial {
        _ if message.code != Code::NO_ERROR => Err(format!("it answers {}", message.code)),
        _ if !message.flags.authoritative => Err("it is not authoritative for the zone".to_owned()),
        Some(serial) => Ok(serial),
        None => Err("it has no SOA of the zone".to_owned()),
    }
}

/// How far `serial` is behind `newest`, in the arithmetic of RFC 1982.
fn behind(serial: u32, newest: u32) -> u32 {
    newest.wrapping_sub(serial)
}

fn newest(serials: &[u32]) -> Option<u32> {
    serials.iter().copied().reduce(|one, two| {
        // Half of the numbers are greater than any one.
        if two.wrapping_sub(one) < 1 << 31 {
            two
        } else {
            one
        }
    })
}

/// CRITICAL for a server that does not serve the zone, WARNING while one holds an older version.
pub fn judge(servers: &[Server], took: Duration) -> Finding {
    let serials: Vec<u32> = servers
        .iter()
        .filter_map(|server| server.serial.as_ref().ok().copied())
        .collect();
    let newest = newest(&serials);
    let late = newest.map_or(0, |newest| {
        serials
            .iter()
            .filter(|serial| behind(**serial, newest) > 0)
            .count()
    });
    let dead = servers.len() - serials.len();
    let all = servers.len();
    let (state, summary) = match newest {
        Some(newest) if dead == 0 && late == 0 => (
            State::Ok,
            format!("serial {newest} at all {all} name servers"),
        ),
        Some(newest) if dead == 0 => (
            State::Warning,
            format!("{late} of {all} name servers behind serial {newest}"),
        ),
        Some(_) => (
            State::Critical,
            format!("{dead} of {all} name servers do not serve the zone"),
        ),
        None => (
            State::Critical,
            format!("none of {all} name servers serves the zone"),
        ),
    };
    let cause = if dead > 0 { Cause::DNS } else { Cause::CONTENT };
    let mut finding = Finding::new(state, summary)
        .cause(cause)
        .metric(crate::timing::metric("time", took))
        .metric(Metric::new("servers", serials.len(), "").min(0i64))
        .metric(Metric::new("servers_behind", late, "").min(0i64));
    let mut lines: Vec<(bool, String)> = Vec::new();
    for server in servers {
        let name = match server.address {
            Some(address) => format!("{} ({address})", server.name),
            None => server.name.clone(),
        };
        match (&server.serial, newest) {
            (Ok(serial), Some(newest)) if behind(*serial, newest) > 0 => {
                let late = behind(*serial, newest);
                lines.push((false, format!("{name}: serial {serial}, {late} behind")));
            }
            (Ok(serial), _) => lines.push((true, format!("{name}: serial {serial}"))),
            (Err(fault), _) => lines.push((false, format!("{name}: {fault}"))),
        }
    }
    lines.sort_by_key(|(is_fine, _)| *is_fine);
    finding.detail = lines.into_iter().map(|(_, line)| line).collect();
    let servers: Vec<_> = servers
        .iter()
        .map(|server| {
            let mut entry = json!({"name": server.name});
            if let Some(address) = server.address {
                entry["address"] = json!(address.to_string());
            }
            match &server.serial {
                Ok(serial) => entry["serial"] = json!(serial),
                Err(fault) => entry["fault"] = json!(fault),
            }
            entry
        })
        .collect();
    finding.data("name_servers", servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_compared_by_serial_arithmetic_and_dead_ones_are_critical() {
        let server = |serial: Result<u32, &str>| Server {
            name: "ns.example.org.".to_owned(),
            address: None,
            serial: serial.map_err(str::to_owned),
        };
        for (serials, state, summary) in [
            (
                vec![Ok(7), Ok(7)],
                State::Ok,
                "serial 7 at all 2 name servers",
            ),
            (
                vec![Ok(7), Ok(6)],
                State::Warning,
                "1 of 2 name servers behind serial 7",
            ),
            (
                vec![Ok(u32::MAX), Ok(2), Ok(2)],
                State::Warning,
                "1 of 3 name servers behind serial 2",
            ),
            (
                vec![Ok(7), Err("timeout")],
                State::Critical,
                "1 of 2 name servers do not serve the zone",
            ),
            (
                vec![Err("x")],
                State::Critical,
                "none of 1 name servers serves the zone",
            ),
        ] {
            let servers: Vec<Server> = serials.into_iter().map(server).collect();
            let finding = judge(&servers, Duration::ZERO);
            assert_eq!((finding.state, &*finding.summary), (state, summary));
        }
    }
}
