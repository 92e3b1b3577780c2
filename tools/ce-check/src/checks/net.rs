//! Network interfaces: link, speed, duplex, errors and drops since the last run, slaves of a bond.

use std::collections::BTreeMap;

use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;
use glob::Pattern;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::kept::{Kept, Previous};
use crate::limits::refuse_contradiction;
use crate::reach::said;
use crate::root::Root;

pub(super) static CHECK: Check = Check::new::<Net>(
    "net",
    Group::Machine,
    "Network interfaces: link, speed, errors, bonds",
)
.metrics(&[
    MetricDoc {
        name: "rx_bytes",
        unit: "B",
        about: "received each second since the last run",
    },
    MetricDoc {
        name: "tx_bytes",
        unit: "B",
        about: "sent each second since the last run",
    },
    MetricDoc {
        name: "errors",
        unit: "",
        about: "errors since the last run",
    },
    MetricDoc {
        name: "drops",
        unit: "",
        about: "packets dropped since the last run",
    },
    MetricDoc {
        name: "error_percent",
        unit: "%",
        about: "errors of all packets since the last run",
    },
    MetricDoc {
        name: "drop_percent",
        unit: "%",
        about: "drops of all packets since the last run",
    },
    MetricDoc {
        name: "use_percent",
        unit: "%",
        about: "of the link's speed that the busier direction took since the last run",
    },
    MetricDoc {
        name: "speed",
        unit: "",
        about: "of the link in Mbit/s",
    },
])
.data(&[
    Field {
        name: "operstate",
        kind: "string",
        about: "up, down and so on, as the kernel says",
    },
    Field {
        name: "duplex",
        kind: "string",
        about: "full or half",
    },
    Field {
        name: "slaves",
        kind: "object",
        about: "of a bond: each slave and its link",
    },
]);

/// Network interfaces: link, speed, errors, bonds
///
/// Judged are interfaces with hardware behind them and bonds, unless they are configured down; -i names others, and
/// what it names without a pattern must be there. Errors and drops count since the last run, so the first tells none.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check net
  ce-check net -i eth0 --speed 1000: -w 0.01 -c 1
  ce-check net -i 'eth*' -i 'bond*' -x eth9 --warning-use 80")]
pub(super) struct Net {
    /// Judge interfaces that match this pattern, virtual ones too
    #[arg(short, long, value_name = "PATTERN")]
    include: Vec<Pattern>,

    /// Leave out interfaces that match this pattern
    #[arg(short = 'x', long, value_name = "PATTERN")]
    exclude: Vec<Pattern>,

    /// WARNING when the errors, in percent of packets, lie outside this range
    #[arg(short, long, value_name = "RANGE", default_value = "0.1")]
    warning: Range,

    /// CRITICAL when the errors, in percent of packets, lie outside this range
    #[arg(short, long, value_name = "RANGE", default_value = "1")]
    critical: Range,

    /// WARNING when the drops, in percent of packets, lie outside this range
    #[arg(short = 'W', long, value_name = "RANGE", default_value = "2")]
    warning_drops: Range,

    /// CRITICAL when the drops, in percent of packets, lie outside this range
    #[arg(short = 'C', long, value_name = "RANGE", default_value = "10")]
    critical_drops: Range,

    /// WARNING when the busier direction's share of the speed, in percent, lies outside this range
    #[arg(long, value_name = "RANGE")]
    warning_use: Option<Range>,

    /// CRITICAL when the busier direction's share of the speed, in percent, lies outside this range
    #[arg(long, value_name = "RANGE")]
    critical_use: Option<Range>,

    /// Fewer errors or drops than this since the last run are never told
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    floor: u64,

    /// WARNING when the speed in Mbit/s lies outside this range
    #[arg(long, value_name = "RANGE")]
    speed: Option<Range>,

    /// What it means that an interface has no link
    #[arg(long, value_name = "STATE", default_value = "critical")]
    down: State,

    #[command(flatten)]
    root: Root,
}

/// Counters of one interface, as the kernel's sysfs-class-net-statistics describes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counters {
    rx_bytes: u64,
    tx_bytes: u64,
    packets: u64,
    errors: u64,
    drops: u64,
}

type Table = BTreeMap<String, Counters>;

/// What is known of one interface.
#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    name: String,
    /// Somebody has set it up (IFF_UP).
    enabled: bool,
    physical: bool,
    operstate: String,
    carrier: Option<bool>,
    speed: Option<u64>,
    duplex: Option<String>,
    slaves: BTreeMap<String, String>,
    bond: bool,
    counters: Counters,
}

const SYS: &str = "/sys/class/net";

impl Observe for Net {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.errors())?;
        refuse_contradiction("-W", "-C", self.drops())?;
        refuse_contradiction("--warning-use", "--critical-use", self.share())
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let facts = self.gather()?;
        let chosen: Vec<&Facts> = facts.iter().filter(|facts| self.chooses(facts)).collect();
        // Two command definitions with other interfaces have their own place, and with it their own last run.
        let parameters: Vec<String> = [&self.include, &self.exclude]
            .map(|patterns| {
                patterns
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .into();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let table: Table = facts
            .iter()
            .map(|facts| (facts.name.clone(), facts.counters))
            .collect();
        let (previous, unkept) = match Kept::open(context, &self.root, "net", &parameters)
            .and_then(|kept| kept.replace(&table))
        {
            Ok(previous) => (previous, None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        let mut findings: Vec<Finding> = chosen
            .iter()
            .map(|facts| self.judge(facts, previous.as_ref()))
            .collect();
        for pattern in &self.include {
            let literal = !pattern.as_str().contains(['*', '?', '[']);
            if literal && !facts.iter().any(|facts| facts.name == pattern.as_str()) {
                let finding = Finding::new(self.down, "no such interface");
                findings.push(finding.object(pattern.as_str()).cause(Cause::CONTENT));
            }
        }
        if findings.is_empty() {
            return Err(Fault::Absent(
                "no network interface is left to judge: name one with -i".to_owned(),
            ));
        }
        if let Some(fault) = unkept {
            for finding in &mut findings {
                finding.summary = format!("{}; errors are not counted: {fault}", finding.summary);
                finding.state = finding.state.max(State::Unknown);
            }
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        Ok(findings)
    }
}

impl Net {
    fn errors(&self) -> Thresholds {
        Thresholds::new(Some(self.warning), Some(self.critical))
    }

    fn drops(&self) -> Thresholds {
        Thresholds::new(Some(self.warning_drops), Some(self.critical_drops))
    }

    fn share(&self) -> Thresholds {
        Thresholds::new(self.warning_use, self.critical_use)
    }

    fn gather(&self) -> Result<Vec<Facts>, Fault> {
        let folder = self.root.path(SYS);
        let fail = |source: std::io::Error| Fault::System {
            action: format!("cannot list '{}'", folder.display()),
            source: std::io::Error::other(said(&source)),
        };
        let mut facts = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let name = name.to_string_lossy().into_owned();
            // bonding_masters is a file between the folders.
            if self.root.path(format!("{SYS}/{name}")).is_dir() {
                facts.extend(self.look(name));
            }
        }
        facts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(facts)
    }

    /// `None` when it went away while it was looked at.
    fn look(&self, name: String) -> Option<Facts> {
        let path = |file: &str| format!("{SYS}/{name}/{file}");
        // Speed, duplex and carrier of an interface that is down read as EINVAL.
        let text = |file: &str| Some(self.root.read(path(file)).ok()?.trim().to_owned());
        let count = |file: &str| {
            let value = text(&format!("statistics/{file}"));
            value
                .and_then(|value| value.parse::<u64>().ok())
                .unwrap_or_default()
        };
        let flags = text("flags")?;
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        let bond = self.root.path(path("bonding")).is_dir();
        let slaves = text("bonding/slaves").unwrap_or_default();
        let slave_link = |slave: &str| {
            let path = format!("{SYS}/{slave}/bonding_slave/mii_status");
            let link = self.root.read(path).map(|link| link.trim().to_owned());
            (
                slave.to_owned(),
                link.unwrap_or_else(|_| "unknown".to_owned()),
            )
        };
        Some(Facts {
            // IFF_UP of netdevice(7).
            enabled: flags & 1 == 1,
            physical: self.root.link(path("device")).symlink_metadata().is_ok(),
            operstate: text("operstate").unwrap_or_default(),
            carrier: text("carrier").map(|carrier| carrier == "1"),
            // -1 and 2^32-1 both mean that nobody knows.
            speed: text("speed")
                .and_then(|speed| speed.parse().ok())
                .filter(|speed| (1..4_000_000_000).contains(speed)),
            duplex: text("duplex").filter(|duplex| duplex == "full" || duplex == "half"),
            slaves: slaves.split_ascii_whitespace().map(slave_link).collect(),
            bond,
            counters: Counters {
                rx_bytes: count("rx_bytes"),
                tx_bytes: count("tx_bytes"),
                packets: count("rx_packets") + count("tx_packets"),
                errors: count("rx_errors") + count("tx_errors") + count("collisions"),
                drops: count("rx_dropped") + count("tx_dropped"),
            },
            name,
        })
    }

    fn chooses(&self, facts: &Facts) -> bool {
        let among =
            |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&facts.name));
        if among(&self.exclude) {
            return false;
        }
        if self.include.is_empty() {
            (facts.physical || facts.bond) && facts.enabled
        } else {
            among(&self.include)
        }
    }

    fn judge(&self, facts: &Facts, previous: Option<&Previous<Table>>) -> Finding {
        let mut states = vec![State::Ok];
        let mut troubles: Vec<String> = Vec::new();
        let mut cause = Cause::THRESHOLD;
        // Interfaces without the notion of a link say "unknown".
        let down = !facts.enabled
            || facts.carrier == Some(false)
            || matches!(
                facts.operstate.as_str(),
                "down" | "lowerlayerdown" | "notpresent"
            );
        let link = if !facts.enabled {
            "configured down".to_owned()
        } else if down {
            "no link: cable, switch port or peer".to_owned()
        } else {
            match (facts.speed, &facts.duplex) {
                (Some(speed), Some(duplex)) => format!("up at {speed} Mbit/s {duplex} duplex"),
                (Some(speed), None) => format!("up at {speed} Mbit/s"),
                (None, _) => "up".to_owned(),
            }
        };
        if down {
            states.push(self.down);
            cause = Cause::SYSTEM;
        }
        let lost: Vec<&str> = facts
            .slaves
            .iter()
            .filter(|(_, link)| *link != "up")
            .map(|(slave, _)| slave.as_str())
            .collect();
        if !lost.is_empty() && !down {
            states.push(State::Warning);
            cause = Cause::SYSTEM;
            troubles.push(format!(
                "{} of {} slaves down ({})",
                lost.len(),
                facts.slaves.len(),
                lost.join(", ")
            ));
        }
        if facts.bond && facts.slaves.is_empty() {
            states.push(State::Warning);
            troubles.push("bond without slaves".to_owned());
        }
        if !down && facts.duplex.as_deref() == Some("half") {
            states.push(State::Warning);
            troubles.push("half duplex: see what the switch has agreed to".to_owned());
        }
        let speed_limits = Thresholds::new(self.speed, None);
        if let Some(speed) = facts.speed.filter(|_| !down) {
            states.push(speed_limits.judge(Number::from(speed).as_f64()));
        }
        let rates = previous.and_then(|previous| rates(facts, previous));
        if let Some(rates) = &rates {
            for (count, percent, limits, noun) in [
                (rates.errors, rates.error_percent, self.errors(), "errors"),
                (rates.drops, rates.drop_percent, self.drops(), "drops"),
            ] {
                let state = limits.judge(percent);
                if count >= self.floor && state != State::Ok {
                    states.push(state);
                    troubles.push(format!(
                        "{count} {noun} ({percent:.2}% of packets) since the last run"
                    ));
                }
            }
            if let Some(share) = rates.use_percent {
                let state = self.share().judge(share);
                if state != State::Ok {
                    troubles.push(format!("{share:.0}% of its speed in use"));
                }
                states.push(state);
            }
        }
        troubles.push(link);
        if down {
            troubles.rotate_right(1);
        }
        let mut finding = Finding::new(State::worst(states), troubles.join(", "))
            .object(&facts.name)
            .cause(cause)
            .data("operstate", facts.operstate.as_str());
        if let Some(duplex) = &facts.duplex {
            finding = finding.data("duplex", duplex.as_str());
        }
        if !facts.slaves.is_empty() {
            let slaves: serde_json::Map<String, serde_json::Value> = facts
                .slaves
                .iter()
                .map(|(slave, link)| (slave.clone(), link.as_str().into()))
                .collect();
            finding = finding.data("slaves", slaves);
        }
        if let Some(speed) = facts.speed {
            finding = finding.metric(
                Metric::new("speed", speed, "")
                    .limits(speed_limits)
                    .min(0i64),
            );
        }
        let measured = finding.metrics.len();
        match rates {
            Some(rates) => rates.metrics(self, finding),
            None => {
                // Named all the same: Munin asks once for its graphs, and that may be the first run.
                let mut finding = Rates::unknown(facts).metrics(self, finding);
                for metric in &mut finding.metrics[measured..] {
                    metric.value = None;
                }
                finding
            }
        }
    }
}

/// What happened since the last run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rates {
    errors: u64,
    drops: u64,
    error_percent: f64,
    drop_percent: f64,
    rx_bytes: f64,
    tx_bytes: f64,
    use_percent: Option<f64>,
}

/// `None` for an interface that was not there, and for a run at the same moment.
fn rates(facts: &Facts, previous: &Previous<Table>) -> Option<Rates> {
    let before = previous.value.get(&facts.name).copied()?;
    let now = facts.counters;
    let growth =
        |counter: fn(&Counters) -> u64| previous.growth(|_| counter(&before), counter(&now));
    let seconds = previous.age.as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    let float = |count: u64| Number::from(count).as_f64();
    let (errors, drops) = (growth(|c| c.errors), growth(|c| c.drops));
    // A dropped or broken packet is not always among those counted.
    let packets = float((growth(|c| c.packets) + errors + drops).max(1));
    let per_second = |bytes: u64| float(bytes) / seconds;
    let (rx_bytes, tx_bytes) = (
        per_second(growth(|c| c.rx_bytes)),
        per_second(growth(|c| c.tx_bytes)),
    );
    Some(Rates {
        errors,
        drops,
        error_percent: float(errors) / packets * 100.0,
        drop_percent: float(drops) / packets * 100.0,
        rx_bytes,
        tx_bytes,
        use_percent: facts
            .speed
            .map(|speed| rx_bytes.max(tx_bytes) * 8.0 / (float(speed) * 1e6) * 100.0),
    })
}

impl Rates {
    /// What stands for rates that are not known yet.
    fn unknown(facts: &Facts) -> Self {
        Self {
            use_percent: facts.speed.map(|_| 0.0),
            ..Self::default()
        }
    }

    fn metrics(&self, net: &Net, finding: Finding) -> Finding {
        let rate = |name: &'static str, value: f64| {
            Metric::new(name, Number::rounded(value, 0), "B").min(0i64)
        };
        let percent = |name: &'static str, value: f64, limits: Thresholds| {
            Metric::new(name, Number::rounded(value, 3), "%")
                .limits(limits)
                .min(0i64)
        };
        let finding = finding
            .metric(rate("rx_bytes", self.rx_bytes))
            .metric(rate("tx_bytes", self.tx_bytes))
            .metric(Metric::new("errors", self.errors, "").min(0i64))
            .metric(Metric::new("drops", self.drops, "").min(0i64))
            .metric(percent("error_percent", self.error_percent, net.errors()))
            .metric(percent("drop_percent", self.drop_percent, net.drops()));
        match self.use_percent {
            Some(share) => finding.metric(percent("use_percent", share, net.share())),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};
    use std::time::Duration;

    fn net(args: &str) -> Net {
        let words = ["net"].into_iter().chain(args.split_whitespace());
        let matches = Net::augment_args(Command::new("net")).get_matches_from(words);
        Net::from_arg_matches(&matches).unwrap()
    }

    fn eth0() -> Facts {
        Facts {
            name: "eth0".into(),
            enabled: true,
            physical: true,
            operstate: "up".into(),
            carrier: Some(true),
            speed: Some(1000),
            duplex: Some("full".into()),
            ..Facts::default()
        }
    }

    fn before(counters: Counters, same_boot: bool) -> Previous<Table> {
        Previous {
            value: Table::from([("eth0".to_owned(), counters)]),
            age: Duration::from_secs(10),
            same_boot,
        }
    }

    #[test]
    fn link_speed_duplex_and_slaves_are_judged() {
        let slaves = BTreeMap::from([
            ("eth1".to_owned(), "up".to_owned()),
            ("eth2".to_owned(), "down".to_owned()),
        ]);
        for (args, facts, state, summary) in [
            ("", eth0(), State::Ok, "up at 1000 Mbit/s full duplex"),
            (
                "--speed 10000:",
                eth0(),
                State::Warning,
                "up at 1000 Mbit/s full duplex",
            ),
            (
                "",
                Facts {
                    carrier: Some(false),
                    ..eth0()
                },
                State::Critical,
                "no link: cable, switch port or peer",
            ),
            (
                "--down warning",
                Facts {
                    operstate: "down".into(),
                    carrier: None,
                    ..eth0()
                },
                State::Warning,
                "no link: cable, switch port or peer",
            ),
            (
                "",
                Facts {
                    enabled: false,
                    ..eth0()
                },
                State::Critical,
                "configured down",
            ),
            (
                "",
                Facts {
                    duplex: Some("half".into()),
                    ..eth0()
                },
                State::Warning,
                "half duplex: see what the switch has agreed to, up at 1000 Mbit/s half duplex",
            ),
            (
                "",
                Facts {
                    slaves,
                    bond: true,
                    ..eth0()
                },
                State::Warning,
                "1 of 2 slaves down (eth2), up at 1000 Mbit/s full duplex",
            ),
        ] {
            let finding = net(args).judge(&facts, None);
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (state, summary),
                "{args}"
            );
        }
    }

    #[test]
    fn errors_count_since_the_last_run_and_a_reset_is_no_storm() {
        let counters = |packets, errors| Counters {
            packets,
            errors,
            rx_bytes: packets * 1000,
            ..Counters::default()
        };
        let now = Facts {
            counters: counters(2000, 30),
            ..eth0()
        };
        let finding = net("").judge(&now, Some(&before(counters(1000, 10), true)));
        assert_eq!(
            (finding.state, finding.summary.as_str()),
            (
                State::Critical,
                "20 errors (1.96% of packets) since the last run, up at 1000 Mbit/s full duplex"
            )
        );
        let few = net("--floor 21").judge(&now, Some(&before(counters(1000, 10), true)));
        assert_eq!(few.state, State::Ok);
        let value = |finding: &Finding, name: &str| {
            finding
                .metrics
                .iter()
                .find(|metric| metric.name == name)
                .unwrap()
                .value
                .unwrap()
        };
        assert_eq!(value(&finding, "rx_bytes"), Number::Int(100_000));
        let reset = Facts {
            counters: counters(100, 0),
            ..eth0()
        };
        let finding = net("").judge(&reset, Some(&before(counters(1_000_000, 900), true)));
        assert_eq!(
            (finding.state, value(&finding, "errors")),
            (State::Ok, Number::Int(0))
        );
        let busy = Facts {
            counters: Counters {
                rx_bytes: 1_125_000_000,
                packets: 1_000_000,
                ..Counters::default()
            },
            ..eth0()
        };
        assert_eq!(
            net("--warning-use 80")
                .judge(&busy, Some(&before(Counters::default(), true)))
                .state,
            State::Warning
        );
    }

    #[test]
    fn hardware_that_is_set_up_is_judged_and_what_is_named() {
        let veth = Facts {
            name: "veth1".into(),
            physical: false,
            ..eth0()
        };
        let off = Facts {
            enabled: false,
            ..eth0()
        };
        assert!(net("").chooses(&eth0()) && !net("").chooses(&veth) && !net("").chooses(&off));
        assert!(net("-i veth*").chooses(&veth) && net("-i eth0").chooses(&off));
        assert!(!net("-x eth*").chooses(&eth0()));
        assert!(net("-w 2 -c 1").validate().is_err());
    }

    #[test]
    fn a_recorded_tree_reads() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join("sys/class/net").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("bonding_masters", "bond0\n");
        for (file, text) in [
            ("flags", "0x1003\n"),
            ("operstate", "up\n"),
            ("carrier", "1\n"),
            ("speed", "-1\n"),
            ("device/x", ""),
            ("statistics/rx_errors", "7\n"),
        ] {
            write(&format!("eth0/{file}"), text);
        }
        for (file, text) in [("flags", "0x1001"), ("bonding/slaves", "eth0 eth1\n")] {
            write(&format!("bond0/{file}"), text);
        }
        write("eth0/bonding_slave/mii_status", "up\n");
        let net = Net {
            root: Root::new(folder.path()),
            ..net("")
        };
        let facts = net.gather().unwrap();
        assert_eq!(facts.len(), 2);
        assert_eq!(
            (
                facts[0].slaves["eth0"].as_str(),
                facts[0].slaves["eth1"].as_str()
            ),
            ("up", "unknown")
        );
        assert_eq!(
            (facts[1].physical, facts[1].speed, facts[1].counters.errors),
            (true, None, 7)
        );
    }
    #[test]
    fn the_first_run_names_what_later_ones_measure() {
        let counters = Counters::default();
        let names = |finding: &Finding| -> Vec<String> {
            let metrics = finding.metrics.iter();
            metrics.map(|metric| metric.name.to_string()).collect()
        };
        let first = net("").judge(&eth0(), None);
        let later = net("").judge(&eth0(), Some(&before(counters, true)));
        assert_eq!(names(&first), names(&later));
        let known = |name: &str| {
            let mut metrics = first.metrics.iter();
            metrics.any(|metric| metric.name == name && metric.value.is_some())
        };
        assert!(known("speed") && !known("rx_bytes") && !known("use_percent"));
    }
}
