//! What a check is: a name, flags, documented metrics and data, and something that observes.

use std::ffi::OsString;
use std::fmt;

use ce_cli::Common;
use ce_record::{Finding, Metric, Number, Range, Record};
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::context::Context;
use crate::fault::Fault;

/// What a check looks at, for the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// This machine, from /proc, /sys and system calls.
    Machine,
    /// Something over the network.
    Network,
    /// What other programs say.
    Join,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Machine => "machine",
            Self::Network => "network",
            Self::Join => "join",
        })
    }
}

/// The thing that a check is about, known before it runs: what an error or a timeout is filed under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The machine, when that is not this one.
    pub host: Option<String>,
    /// The part of it, when there can be several.
    pub object: Option<String>,
}

impl Subject {
    /// Something on another machine.
    pub fn remote(host: impl Into<String>) -> Self {
        Self {
            host: Some(host.into()),
            object: None,
        }
    }

    /// A part of it.
    pub fn object(self, object: impl Into<String>) -> Self {
        Self {
            object: Some(object.into()),
            ..self
        }
    }

    /// A finding about exactly this.
    pub fn apply(self, finding: Finding) -> Finding {
        Finding {
            host: self.host.or(finding.host),
            object: self.object.or(finding.object),
            ..finding
        }
    }
}

/// A parsed check, ready to look.
pub trait Observe: Send + Sync {
    /// Refuses arguments that contradict each other. Called once, before anything is looked at.
    ///
    /// # Errors
    /// [`Fault::Usage`] with one sentence.
    fn validate(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// What it is about.
    fn subject(&self) -> Subject {
        Subject::default()
    }

    /// Looks, judges, and says what it found: worst first, at least one.
    ///
    /// # Errors
    /// It could not be told. Network faults become CRITICAL, all others UNKNOWN.
    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault>;
}

/// A metric that a check can emit. An API: added to, never changed.
#[derive(Debug)]
pub struct MetricDoc {
    /// As in the record.
    pub name: &'static str,
    /// `B`, `s`, `us`, `%`, `c` or empty.
    pub unit: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
}

/// A field of `data` that a check can emit. An API: added to, never changed.
#[derive(Debug)]
pub struct Field {
    /// As in the record.
    pub name: &'static str,
    /// A JSON Schema type: `string`, `integer`, `number`, `boolean`, `array` or `object`.
    pub kind: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
}

/// A plugin of the monitoring-plugins that a check stands in for when called by its name.
#[derive(Debug)]
pub struct Plugin {
    /// `check_disk`.
    pub name: &'static str,
    /// The word that its output begins with: `DISK`.
    pub word: &'static str,
    /// Arguments put before the user's.
    pub preset: &'static [&'static str],
    /// The perfdata label that it uses for this metric; `None` where it has none.
    pub label: fn(&Record, &Metric) -> Option<String>,
    /// Where it differs from the plugin, each with the reason: for the man page.
    pub deviations: &'static [&'static str],
}

type Parse = fn(&ArgMatches) -> Result<Box<dyn Observe>, clap::Error>;

/// A check as the table knows it.
pub struct Check {
    /// The subcommand.
    pub name: &'static str,
    /// One line for the list.
    pub about: &'static str,
    /// What it looks at.
    pub group: Group,
    /// Every metric that it can emit.
    pub metrics: &'static [MetricDoc],
    /// Every field of `data` that it can emit.
    pub data: &'static [Field],
    /// The plugins that it stands in for.
    pub plugins: &'static [Plugin],
    augment: fn(Command) -> Command,
    parse: Parse,
    rewrite: fn(Vec<OsString>) -> Vec<OsString>,
    plugin_unit: fn(Metric) -> Metric,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A time as most plugins print it: in seconds, with its limits. Other metrics stay as they are.
pub fn in_seconds(metric: Metric) -> Metric {
    const S: f64 = 1e-6;
    if metric.unit != "us" {
        return metric;
    }
    let number = |number: Option<Number>| number.map(|us| Number::rounded(us.as_f64() * S, 6));
    // Divided, not multiplied: 300000 us shall be 0.3 s to the last digit.
    let range = |range: Option<Range>| {
        range.and_then(|range| {
            let seconds = Range::new(range.start() / 1e6, range.end() / 1e6)?;
            Some(if range.is_inverted() {
                range.scaled(S)
            } else {
                seconds
            })
        })
    };
    Metric {
        unit: "s".into(),
        value: number(metric.value),
        warn: range(metric.warn),
        crit: range(metric.crit),
        min: number(metric.min),
        max: number(metric.max),
        ..metric
    }
}

fn same(metric: Metric) -> Metric {
    metric
}

fn as_given(args: Vec<OsString>) -> Vec<OsString> {
    args
}

impl Check {
    /// A check whose flags are those of `A`.
    pub const fn new<A: Args + FromArgMatches + Observe + 'static>(
        name: &'static str,
        group: Group,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            about,
            group,
            metrics: &[],
            data: &[],
            plugins: &[],
            augment: A::augment_args,
            parse: |matches| {
                A::from_arg_matches(matches).map(|args| Box::new(args) as Box<dyn Observe>)
            },
            rewrite: as_given,
            plugin_unit: same,
        }
    }

    /// With these metrics.
    pub const fn metrics(mut self, metrics: &'static [MetricDoc]) -> Self {
        self.metrics = metrics;
        self
    }

    /// With these fields of data.
    pub const fn data(mut self, data: &'static [Field]) -> Self {
        self.data = data;
        self
    }

    /// Standing in for these plugins.
    pub const fn plugins(mut self, plugins: &'static [Plugin]) -> Self {
        self.plugins = plugins;
        self
    }

    /// With arguments put into clap's form first, where the plugin's letters need that.
    pub const fn rewriting(mut self, rewrite: fn(Vec<OsString>) -> Vec<OsString>) -> Self {
        self.rewrite = rewrite;
        self
    }

    /// With metrics put into the unit that its plugins print, such as [`in_seconds`].
    pub const fn plugin_unit(mut self, convert: fn(Metric) -> Metric) -> Self {
        self.plugin_unit = convert;
        self
    }

    /// A metric as this plugin's perfdata has it; `None` where the plugin has none.
    #[allow(dead_code, reason = "the drop-in prints it")]
    pub(crate) fn perfdata(
        &self,
        plugin: &Plugin,
        record: &Record,
        metric: &Metric,
    ) -> Option<Metric> {
        let label = (plugin.label)(record, metric)?;
        let metric = Metric {
            name: label.into(),
            ..metric.clone()
        };
        Some((self.plugin_unit)(metric))
    }

    /// The arguments as clap takes them.
    pub(crate) fn rewrite(&self, args: Vec<OsString>) -> Vec<OsString> {
        (self.rewrite)(args)
    }

    /// Its subcommand. Flags are added when it is called.
    pub(crate) fn command(&'static self) -> Command {
        // clap's deferred builder is a plain function, which cannot know its check but by the command's name.
        Command::new(self.name).about(self.about).defer(|command| {
            match crate::checks::find(command.get_name()) {
                Some(check) => check.full_command(command),
                None => command,
            }
        })
    }

    /// Its own flags and the common ones. Where both want a letter, the check's wins: it is the plugin's.
    pub(crate) fn full_command(&self, command: Command) -> Command {
        let own = (self.augment)(command).about(self.about);
        let mut taken: Vec<char> = own
            .get_arguments()
            .filter_map(clap::Arg::get_short)
            .collect();
        taken.extend(
            own.get_arguments()
                .filter_map(clap::Arg::get_all_short_aliases)
                .flatten(),
        );
        let mut with_common = own;
        for argument in Common::augment_args(Command::new("common")).get_arguments() {
            let argument = argument.clone();
            let free = argument
                .get_short()
                .is_none_or(|short| !taken.contains(&short));
            with_common = with_common.arg(if free { argument } else { argument.short(None) });
        }
        if taken.contains(&'h') {
            with_common = with_common
                .disable_help_flag(true)
                .arg(help_without_letter());
        }
        with_common
    }

    /// The check that these arguments describe.
    pub(crate) fn parse(&self, matches: &ArgMatches) -> Result<Box<dyn Observe>, clap::Error> {
        (self.parse)(matches)
    }
}

fn help_without_letter() -> clap::Arg {
    clap::Arg::new("help")
        .long("help")
        .action(clap::ArgAction::Help)
        .help("Print help")
}

#[cfg(test)]
mod tests {
    use ce_record::Thresholds;

    use super::*;

    #[test]
    fn a_time_is_printed_in_seconds_with_its_limits_and_a_size_stays() {
        let limit = Thresholds::new("300000".parse().ok(), "@500000:600000".parse().ok());
        let time = in_seconds(Metric::new("time", 812u64, "us").limits(limit).min(0i64));
        assert_eq!(time.value, Some(Number::from(0.000_812)));
        assert_eq!(time.warn.unwrap().to_string(), "0.3");
        assert!(time.crit.unwrap().is_inverted());
        assert_eq!((&*time.unit, time.min), ("s", Some(Number::from(0i64))));
        let size = Metric::new("size", 5u64, "B");
        assert_eq!(in_seconds(size.clone()), size);
    }
}
