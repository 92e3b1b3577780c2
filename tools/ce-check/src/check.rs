//! What a check is: a name, flags, documented metrics and data, and something that observes.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use ce_cli::Common;
use ce_record::{Finding, Metric, Record};
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

    /// Does something else than observing, without records on stdout: `job --run`.
    fn instead(&self, _: &Common, _: &Context) -> Option<Result<ExitCode, Fault>> {
        None
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
    /// A JSON Schema type: `string`, `integer`, `number`, `boolean`, `array` or `object`; or `path`, which is a string or,
    /// where it is not UTF-8, an object.
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
    /// Its perfdata for this metric, the name being its label; `None` where it has none.
    pub perfdata: fn(&Record, &Metric) -> Option<Metric>,
    /// Where it differs from the plugin, each with the reason: for the man page.
    pub deviations: &'static [&'static str],
}

type Parse = fn(&mut ArgMatches) -> Result<Box<dyn Observe>, clap::Error>;

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
    /// Whether other programs' metrics pass through it, so that no list can name them.
    pub foreign_metrics: bool,
    /// The plugins that it stands in for.
    pub plugins: &'static [Plugin],
    augment: fn(Command) -> Command,
    parse: Parse,
    rewrite: fn(Vec<OsString>) -> Vec<OsString>,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
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
            foreign_metrics: false,
            plugins: &[],
            augment: A::augment_args,
            parse: |matches| {
                A::from_arg_matches_mut(matches).map(|args| Box::new(args) as Box<dyn Observe>)
            },
            rewrite: as_given,
        }
    }

    /// With these metrics.
    pub const fn metrics(mut self, metrics: &'static [MetricDoc]) -> Self {
        self.metrics = metrics;
        self
    }

    /// With metrics that other programs name.
    pub const fn foreign_metrics(mut self) -> Self {
        self.foreign_metrics = true;
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
        let taken = |letter: char| {
            own.get_arguments().any(|argument| {
                argument.get_short() == Some(letter)
                    || argument
                        .get_all_short_aliases()
                        .is_some_and(|letters| letters.contains(&letter))
            })
        };
        let conflicts: Vec<&str> = [('v', "verbose"), ('q', "quiet"), ('t', "timeout")]
            .into_iter()
            .filter_map(|(letter, name)| taken(letter).then_some(name))
            .collect();
        let help_taken = taken('h');
        let mut command = with_common(own);
        for name in conflicts {
            command = command.mut_arg(name, |argument| argument.short(None));
        }
        if help_taken {
            command = command.disable_help_flag(true).arg(help_without_letter());
        }
        command
    }

    /// The check that these arguments describe.
    pub(crate) fn parse(&self, matches: &mut ArgMatches) -> Result<Box<dyn Observe>, clap::Error> {
        (self.parse)(matches)
    }
}

/// The common flags too. Their own description, which clap would put in its place, stays out.
pub(crate) fn with_common(own: Command) -> Command {
    let about = own.get_about().cloned().unwrap_or_default();
    let long = own.get_long_about().cloned().unwrap_or(about.clone());
    Common::augment_args(own).about(about).long_about(long)
}

fn help_without_letter() -> clap::Arg {
    clap::Arg::new("help")
        .long("help")
        .action(clap::ArgAction::Help)
        .help("Print help")
}
