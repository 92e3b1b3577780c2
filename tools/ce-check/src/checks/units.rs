//! systemd's units: none failed, the named ones active, none restarting all the time, timers on time.

use std::io;
use std::time::Duration;

use ce_record::quantity::duration;
use ce_record::{Cause, Finding, Metric, Number, Range, State, Thresholds};
use clap::Args;
use glob::Pattern;

use crate::check::{Check, Field, Group, MetricDoc, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::limits::refuse_contradiction;
use crate::ranges;
use crate::reach::said;
use crate::root::Root;

mod bus;
mod wire;

use bus::Bus;
use wire::Value;

pub(super) static CHECK: Check = Check::new::<Units>(
    "units",
    Group::Machine,
    "systemd's units: failed, inactive, restarting",
)
.metrics(&[
    MetricDoc {
        name: "failed",
        unit: "",
        about: "units that have failed",
    },
    MetricDoc {
        name: "units",
        unit: "",
        about: "units that are loaded",
    },
    MetricDoc {
        name: "restarts",
        unit: "c",
        about: "automatic restarts of a named service",
    },
    MetricDoc {
        name: "triggered",
        unit: "s",
        about: "since a named timer last went off",
    },
])
.data(&[
    Field {
        name: "failed",
        kind: "array",
        about: "names of the failed units",
    },
    Field {
        name: "system",
        kind: "string",
        about: "systemd's state: running, degraded, starting and so on",
    },
    Field {
        name: "load",
        kind: "string",
        about: "of a named unit: loaded, not-found, masked",
    },
    Field {
        name: "active",
        kind: "string",
        about: "of a named unit: active, inactive, failed and so on",
    },
    Field {
        name: "sub",
        kind: "string",
        about: "of a named unit: running, exited, dead and so on",
    },
]);

/// systemd's units: failed, inactive, restarting
///
/// Without -u no unit may have failed. With -u each named unit must be active, or in one of the states of --state; a
/// pattern stands for the units that are loaded and match it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check units --missing ok
  ce-check units -u ssh.service -u 'php*-fpm.service' --restarts 3 --missing ok
  ce-check units -u logrotate.timer -w 26h -c 50h --missing ok")]
pub(super) struct Units {
    /// Judge this unit, or the units that match this pattern
    #[arg(short, long, value_name = "NAME")]
    unit: Vec<Pattern>,

    /// States that are fine for a named unit: active, inactive, reloading and so on
    #[arg(
        long,
        value_name = "STATES",
        value_delimiter = ',',
        default_value = "active,reloading",
        requires = "unit"
    )]
    state: Vec<String>,

    /// Leave out failed units that match this pattern
    #[arg(short = 'x', long, value_name = "PATTERN")]
    exclude: Vec<Pattern>,

    /// WARNING when the restarts of a named service lie outside this range
    #[arg(long, value_name = "RANGE", requires = "unit")]
    restarts: Option<Range>,

    /// WARNING when a named timer has not gone off for so long
    #[arg(short, long, value_name = "AGE", value_parser = ranges::age, requires = "unit")]
    warning: Option<Range>,

    /// CRITICAL when a named timer has not gone off for so long
    #[arg(short, long, value_name = "AGE", value_parser = ranges::age, requires = "unit")]
    critical: Option<Range>,

    /// What a failed unit means
    #[arg(long, value_name = "STATE", default_value = "critical")]
    failed: State,

    /// What it means that this machine is not run by systemd
    #[arg(long, value_name = "STATE", default_value = "unknown")]
    missing: State,

    #[command(flatten)]
    root: Root,
}

/// What systemd says of one unit.
#[derive(Clone, Debug, Default, PartialEq)]
struct Unit {
    name: String,
    load: String,
    active: String,
    sub: String,
    path: String,
    restarts: Option<u64>,
    /// When a timer last went off, in microseconds since 1970.
    triggered: Option<u64>,
}

/// What systemd says of all.
#[derive(Debug, Default)]
struct Facts {
    system: String,
    units: Vec<Unit>,
}

impl Observe for Units {
    fn validate(&self) -> Result<(), Fault> {
        refuse_contradiction("-w", "-c", self.ages())
    }

    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        // sd_booted(3): this folder is there when systemd is the first process.
        if !self.root.path("/run/systemd/system").is_dir() {
            let text = "systemd does not run this machine (there is no /run/systemd/system)";
            return Ok(vec![Finding::new(self.missing, text).cause(Cause::SYSTEM)]);
        }
        let facts = match self.root.is_live().then(|| self.ask(context)) {
            Some(Err(Fault::System { action, source })) if is_timeout(&source) => {
                let finding = Finding::new(State::Unknown, format!("{action}: {source}"));
                return Ok(vec![finding.cause(Cause::TIMEOUT)]);
            }
            Some(asked) => asked?,
            None => self.recorded()?,
        };
        Ok(self.judge_all(&facts, context.now.as_microsecond()))
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn unit(value: &Value) -> Option<Unit> {
    let [name, _, load, active, sub, _, path, ..] = value.list() else {
        return None;
    };
    Some(Unit {
        name: name.text().to_owned(),
        load: load.text().to_owned(),
        active: active.text().to_owned(),
        sub: sub.text().to_owned(),
        path: path.text().to_owned(),
        ..Unit::default()
    })
}

fn is_literal(pattern: &Pattern) -> bool {
    !pattern.as_str().contains(['*', '?', '['])
}

impl Units {
    fn ages(&self) -> Thresholds {
        Thresholds::new(self.warning, self.critical)
    }

    fn ask(&self, context: &Context) -> Result<Facts, Fault> {
        let fault = |source: io::Error| {
            let kind = source.kind();
            let text = if is_timeout(&source) {
                "no answer in time".to_owned()
            } else {
                said(&source)
            };
            Fault::System {
                action: "cannot ask systemd over D-Bus".to_owned(),
                source: io::Error::new(kind, text),
            }
        };
        // Only root may use systemd's own socket, which works while the bus is down; everybody may ask on the bus.
        let own = self.root.path("/run/systemd/private");
        let shared = self.root.path("/run/dbus/system_bus_socket");
        let mut bus = Bus::connect(&own, false, context.deadline)
            .or_else(|_| Bus::connect(&shared, true, context.deadline))
            .map_err(fault)?;
        self.list(&mut bus).map_err(fault)
    }

    fn list(&self, bus: &mut Bus) -> io::Result<Facts> {
        let manager = "/org/freedesktop/systemd1";
        let system = bus.property(manager, "org.freedesktop.systemd1.Manager", "SystemState")?;
        let list = bus.manager("ListUnits", "", &[])?;
        let of = |values: &[Value]| -> Vec<Unit> {
            values
                .first()
                .map(Value::list)
                .unwrap_or_default()
                .iter()
                .filter_map(unit)
                .collect()
        };
        let mut units = of(&list);
        // A unit that is not active is often not loaded, and then not in the list.
        let absent: Vec<&str> = self
            .unit
            .iter()
            .filter(|pattern| is_literal(pattern))
            .map(Pattern::as_str)
            .filter(|name| !units.iter().any(|unit| unit.name == *name))
            .collect();
        if !absent.is_empty() {
            units.extend(of(&bus.manager("ListUnitsByNames", "as", &absent)?));
        }
        for unit in &mut units {
            if !self.unit.iter().any(|pattern| pattern.matches(&unit.name)) {
                continue;
            }
            if unit.name.ends_with(".service") {
                let value =
                    bus.property(&unit.path, "org.freedesktop.systemd1.Service", "NRestarts")?;
                unit.restarts = value.and_then(|value| value.number());
            } else if unit.name.ends_with(".timer") {
                let value = bus.property(
                    &unit.path,
                    "org.freedesktop.systemd1.Timer",
                    "LastTriggerUSec",
                )?;
                unit.triggered = value.and_then(|value| value.number());
            }
        }
        let system = system
            .map(|value| value.text().to_owned())
            .unwrap_or_default();
        Ok(Facts { system, units })
    }

    /// Without a systemd to ask, cgroups tell which services have processes; nothing tells which have failed.
    fn recorded(&self) -> Result<Facts, Fault> {
        if self.unit.is_empty() || !self.unit.iter().all(is_literal) {
            return Err(Fault::Absent(
                "files do not tell which units have failed: below --root name the units with -u"
                    .to_owned(),
            ));
        }
        let unit = |pattern: &Pattern| {
            let name = pattern.as_str();
            let runs = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd"]
                .iter()
                .any(|base| {
                    let procs = format!("{base}/system.slice/{name}/cgroup.procs");
                    let text = self.root.read_if_there(procs).ok().flatten();
                    text.is_some_and(|text| !text.trim().is_empty())
                });
            Unit {
                name: name.to_owned(),
                load: "loaded".to_owned(),
                active: if runs { "active" } else { "inactive" }.to_owned(),
                sub: if runs { "running" } else { "no processes" }.to_owned(),
                ..Unit::default()
            }
        };
        Ok(Facts {
            system: String::new(),
            units: self.unit.iter().map(unit).collect(),
        })
    }

    fn judge_all(&self, facts: &Facts, now: i64) -> Vec<Finding> {
        if self.unit.is_empty() {
            return vec![self.judge_system(facts)];
        }
        let mut findings = Vec::new();
        for pattern in &self.unit {
            let mut matching: Vec<&Unit> = facts
                .units
                .iter()
                .filter(|unit| pattern.matches(&unit.name))
                .collect();
            matching.sort_by(|a, b| a.name.cmp(&b.name));
            if matching.is_empty() {
                let finding = Finding::new(State::Critical, "no unit of this name is loaded");
                findings.push(finding.object(pattern.as_str()).cause(Cause::CONTENT));
            }
            for unit in matching {
                if !findings
                    .iter()
                    .any(|finding: &Finding| finding.object.as_deref() == Some(&unit.name))
                {
                    findings.push(self.judge(unit, now));
                }
            }
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        findings
    }

    fn judge_system(&self, facts: &Facts) -> Finding {
        let excluded = |unit: &&Unit| {
            self.exclude
                .iter()
                .any(|pattern| pattern.matches(&unit.name))
        };
        let mut failed: Vec<&str> = facts
            .units
            .iter()
            .filter(|unit| unit.active == "failed")
            .filter(|unit| !excluded(unit))
            .map(|unit| unit.name.as_str())
            .collect();
        failed.sort_unstable();
        let count = facts.units.len();
        let (state, summary) = match failed.as_slice() {
            [] if facts.system == "maintenance" => (
                State::Critical,
                "systemd is in maintenance: log in at the console".to_owned(),
            ),
            [] => (State::Ok, format!("none of {count} units failed")),
            [one] => (
                self.failed,
                format!("{one} failed: see journalctl -u {one}"),
            ),
            [first, second, third, _, ..] => (
                self.failed,
                format!(
                    "{} of {count} units failed: {first}, {second}, {third} and more",
                    failed.len()
                ),
            ),
            some => (
                self.failed,
                format!(
                    "{} of {count} units failed: {}",
                    failed.len(),
                    some.join(", ")
                ),
            ),
        };
        let mut finding = Finding::new(state, summary)
            .cause(Cause::CONTENT)
            .metric(
                Metric::new("failed", failed.len(), "")
                    .limits(Thresholds::new(None, Range::new(0.0, 0.0)))
                    .min(0i64),
            )
            .metric(Metric::new("units", count, "").min(0i64))
            .data("failed", failed.clone())
            .data("system", facts.system.as_str());
        if failed.len() > 1 {
            finding
                .detail
                .extend(failed.iter().take(50).map(|name| format!("{name} failed")));
        }
        finding
    }

    fn judge(&self, unit: &Unit, now: i64) -> Finding {
        let mut states = vec![State::Ok];
        let mut words = vec![format!("{} ({})", unit.active, unit.sub)];
        let mut cause = Cause::THRESHOLD;
        if !self.state.contains(&unit.active) {
            let state = if unit.active == "failed" {
                self.failed
            } else {
                State::Critical
            };
            states.push(state);
            cause = Cause::CONTENT;
            match unit.load.as_str() {
                "not-found" => words = vec!["no such unit".to_owned()],
                "masked" => words.push("masked".to_owned()),
                _ => words.push(format!("see systemctl status {}", unit.name)),
            }
        }
        let restarts = Thresholds::new(self.restarts, None);
        if let Some(count) = unit.restarts {
            let state = restarts.judge(Number::from(count).as_f64());
            if state != State::Ok || count > 0 {
                words.push(format!("restarted {count} times by itself"));
            }
            states.push(state);
        }
        let age = unit.triggered.map(|time| match i64::try_from(time) {
            Ok(time @ 1..) => Some((now - time).max(0) / 1_000_000),
            _ => None,
        });
        match age {
            Some(Some(age)) => {
                states.push(self.ages().judge(Number::from(age).as_f64()));
                words.push(format!(
                    "went off {} ago",
                    duration(Duration::from_secs(age.unsigned_abs()))
                ));
            }
            Some(None) => {
                if self.ages() != Thresholds::default() {
                    states.push(State::Warning);
                }
                words.push("has never gone off".to_owned());
            }
            None => {}
        }
        let mut finding = Finding::new(State::worst(states), words.join(", "))
            .object(&unit.name)
            .cause(cause)
            .data("load", unit.load.as_str())
            .data("active", unit.active.as_str())
            .data("sub", unit.sub.as_str());
        if let Some(count) = unit.restarts {
            finding = finding.metric(
                Metric::new("restarts", count, "c")
                    .limits(restarts)
                    .min(0i64),
            );
        }
        if let Some(Some(age)) = age {
            finding = finding.metric(
                Metric::new("triggered", age, "s")
                    .limits(self.ages())
                    .min(0i64),
            );
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    fn units(args: &str) -> Units {
        let words = ["units"].into_iter().chain(args.split_whitespace());
        let matches = Units::augment_args(Command::new("units")).get_matches_from(words);
        Units::from_arg_matches(&matches).unwrap()
    }

    fn unit(name: &str, active: &str, sub: &str) -> Unit {
        Unit {
            name: name.into(),
            load: "loaded".into(),
            active: active.into(),
            sub: sub.into(),
            ..Unit::default()
        }
    }

    fn facts() -> Facts {
        let timer = Unit {
            triggered: Some(1_000_000),
            ..unit("x.timer", "active", "waiting")
        };
        let flaky = Unit {
            restarts: Some(4),
            ..unit("php8-fpm.service", "active", "running")
        };
        Facts {
            system: "degraded".into(),
            units: vec![
                unit("a.service", "active", "running"),
                unit("b.service", "failed", "failed"),
                timer,
                flaky,
            ],
        }
    }

    #[test]
    fn failed_units_are_named_unless_left_out() {
        for (args, state, summary) in [
            (
                "",
                State::Critical,
                "b.service failed: see journalctl -u b.service",
            ),
            (
                "--failed warning",
                State::Warning,
                "b.service failed: see journalctl -u b.service",
            ),
            ("-x b.*", State::Ok, "none of 4 units failed"),
        ] {
            let finding = units(args).judge_system(&facts());
            assert_eq!(
                (finding.state, finding.summary.as_str()),
                (state, summary),
                "{args}"
            );
        }
    }

    #[test]
    fn named_units_must_be_active_and_timers_on_time() {
        let hour = 3_601_000_000;
        for (args, state, summary) in [
            ("-u a.service", State::Ok, "active (running)"),
            (
                "-u a.service --state inactive",
                State::Critical,
                "active (running), see systemctl status a.service",
            ),
            (
                "-u b.service",
                State::Critical,
                "failed (failed), see systemctl status b.service",
            ),
            (
                "-u php*",
                State::Ok,
                "active (running), restarted 4 times by itself",
            ),
            (
                "-u php* --restarts 3",
                State::Warning,
                "active (running), restarted 4 times by itself",
            ),
            (
                "-u x.timer -w 2h",
                State::Ok,
                "active (waiting), went off 1 h ago",
            ),
            (
                "-u x.timer -w 10m -c 30m",
                State::Critical,
                "active (waiting), went off 1 h ago",
            ),
            (
                "-u none*",
                State::Critical,
                "no unit of this name is loaded",
            ),
        ] {
            let findings = units(args).judge_all(&facts(), hour);
            assert_eq!(
                (findings[0].state, findings[0].summary.as_str()),
                (state, summary),
                "{args}"
            );
        }
    }

    #[test]
    fn below_a_root_cgroups_tell_what_runs_and_nothing_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let slice = folder.path().join("sys/fs/cgroup/system.slice/a.service");
        std::fs::create_dir_all(&slice).unwrap();
        std::fs::write(slice.join("cgroup.procs"), "17\n").unwrap();
        let root = Root::new(folder.path());
        let named = Units {
            root: root.clone(),
            ..units("-u a.service -u b.service")
        };
        let states: Vec<String> = named
            .recorded()
            .unwrap()
            .units
            .into_iter()
            .map(|unit| unit.active)
            .collect();
        assert_eq!(states, ["active", "inactive"]);
        assert!(Units { root, ..units("") }.recorded().is_err());
    }
}
