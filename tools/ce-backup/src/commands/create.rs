//! `ce-backup create`: one snapshot, of trees, of standard input or of a command's output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ce_cli::Common;
use ce_record::{Cause, Finding, Metric, State};
use ce_vault::create::{self, Created, Options, Progress, What};
use ce_vault::{Exclude, Id, Repository, hex};
use clap::Args;

use super::Act;
use crate::fault::Fault;
use crate::place::{self, Place};
use crate::progress::{self, Reading, STOP};
use crate::settings::settings;
use crate::storage;

/// Make a snapshot
///
/// What cannot be read whole is named in the snapshot and in the record, and the exit code is 1.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup create /backup /etc /srv --exclude '*.tmp' --tag client=acme
  tar -C /srv -c . | ce-backup create /backup --stdin srv.tar
  ce-backup create /backup --exec shop.sql -- mariadb-dump --single-transaction shop")]
pub(crate) struct Create {
    /// The repository, then what to back up
    #[arg(value_name = "REPO PATH")]
    words: Vec<PathBuf>,

    /// Leave this out: a pattern for names, or for whole paths when it begins with a slash
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// Leave out what the lines of this file say; # begins a comment
    #[arg(long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,

    /// Leave out the content of folders that have a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,

    /// Stay on the file systems of the paths that are named
    #[arg(long, short = 'x')]
    one_file_system: bool,

    /// Attach this to the snapshot
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,

    /// Back up standard input under this name
    #[arg(long, value_name = "NAME", conflicts_with = "exec")]
    stdin: Option<String>,

    /// Back up what the command after -- writes, under this name; nothing is kept when it fails
    #[arg(long, value_name = "NAME")]
    exec: Option<String>,

    /// Parity to mend damage with, in percent; 0 for none
    #[arg(long, value_name = "PERCENT", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=100))]
    parity: u8,

    /// Of zstd, 1 to 19
    #[arg(long, value_name = "LEVEL", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    compression: i32,

    /// Store nothing, say what would be stored
    #[arg(long, short = 'n')]
    dry_run: bool,

    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,

    #[command(flatten)]
    place: Place,
}

impl Act for Create {
    const NAME: &'static str = "create";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        let (repo, paths) = self.place.split(&self.words)?;
        let exclude = self.exclude()?;
        let mut tags = settings().create.tags.clone();
        tags.extend(parse_tags(&self.tags)?);
        let repository = self.place.open(&repo)?;
        repository.writer()?;
        let mut exclude = exclude;
        if let Ok(own) = std::fs::canonicalize(storage::address(&repo)) {
            exclude.add_path(&own);
        }
        let cache = place::cache_path(&repository.config.id);
        let counted = Arc::new(Progress::default());
        let total = self.expected(&repository, &paths);
        progress::heed_signals();
        let shown = {
            let counted = counted.clone();
            progress::show(total, move || Reading {
                files: counted.items.load(Ordering::Relaxed),
                bytes: counted.bytes.load(Ordering::Relaxed),
            })
        };
        let options = Options {
            host: ce_cli::hostname(),
            program: format!("{} {}", crate::TOOL, env!("CARGO_PKG_VERSION")),
            tags,
            exclude,
            one_file_system: self.one_file_system || settings().create.one_file_system,
            parity: self.parity,
            level: self.compression,
            dry_run: self.dry_run,
            known: self.known(&repository)?,
            cache: Some(&cache),
            stop: &STOP,
            progress: &counted,
        };
        let links: Vec<String> = paths
            .iter()
            .filter(|path| path.is_symlink())
            .map(|path| path.display().to_string())
            .collect();
        let again = !self.dry_run && repository.announce_again(&options.host)?;
        let mut created = self.run(&repository, &paths, &options)?;
        for link in links.iter().filter(|link| !link.ends_with('/')) {
            created.alarms.push(format!(
                "'{link}' is a symbolic link, of which the link alone is kept: write '{link}/' for what it leads to"
            ));
        }
        if again {
            let alarm = "what this machine announced itself with was gone from the repository and is written anew";
            created.alarms.push(alarm.to_owned());
        }
        drop(shown);
        if let Some(id) = created.id {
            let writer = hex(&repository.writer()?.id());
            place::remember_heads(&repository.config.id, &[(writer, created.sequence, id)]);
        }
        Ok(vec![self.finding(&repo, &created)])
    }
}

impl Create {
    /// The newest snapshot that this machine remembers to have made.
    fn known(&self, repository: &Repository) -> Result<Option<(u64, Id)>, Fault> {
        let writer = hex(&repository.writer()?.id());
        let known = place::known_heads(&repository.config.id);
        let own = known.into_iter().find(|(other, _, _)| *other == writer);
        Ok(own.map(|(_, sequence, id)| (sequence, id)))
    }

    /// About how many bytes it will come to: what the last snapshot of the same paths had. Asked for on a terminal only.
    fn expected(&self, repository: &Repository, paths: &[PathBuf]) -> Option<u64> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let roots: Vec<String> = match self.stdin.as_ref().or(self.exec.as_ref()) {
            Some(name) => vec![name.clone()],
            None => paths
                .iter()
                .filter_map(|path| Some(absolute(path).ok()?.display().to_string()))
                .collect(),
        };
        let all = repository.snapshots().ok()?.into_iter().flatten();
        let same = all.filter_map(|(snapshot, received)| {
            let head = repository.head(&snapshot).ok()?;
            (head.roots == roots).then_some((received, head.figures.bytes))
        });
        same.max().map(|(_, bytes)| bytes)
    }

    fn exclude(&self) -> Result<Exclude, Fault> {
        let mut exclude = Exclude::default();
        let configured = &settings().create;
        exclude.caches = self.exclude_caches || configured.exclude_caches;
        let mut add = |pattern: &str| exclude.add(pattern).map_err(Fault::usage);
        for pattern in self.exclude.iter().chain(&configured.exclude) {
            add(pattern)?;
        }
        for file in self.exclude_from.iter().chain(&configured.exclude_from) {
            let text = ce_cli::read_bounded(file, 1 << 20)?;
            for line in text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                add(line)?;
            }
        }
        Ok(exclude)
    }

    fn run(
        &self,
        repository: &Repository,
        paths: &[PathBuf],
        options: &Options<'_>,
    ) -> Result<Created, Fault> {
        let streams = self.stdin.is_some() || self.exec.is_some();
        if streams && !paths.is_empty() {
            return Err(Fault::usage(
                "a stream and paths are two snapshots: make them one after the other",
            ));
        }
        if self.exec.is_none() && !self.command.is_empty() {
            return Err(Fault::with_hint(
                "a command is given and no name for its output",
                "add --exec NAME",
            ));
        }
        if let Some(name) = &self.stdin {
            let mut from = std::io::stdin().lock();
            let what = What::Stream {
                name: stream_name(name)?,
                from: &mut from,
                end: &mut || Ok(()),
            };
            return Ok(create::create(repository, what, options)?);
        }
        if let Some(name) = &self.exec {
            return self.exec(repository, stream_name(name)?, options);
        }
        if paths.is_empty() {
            return Err(Fault::with_hint(
                "nothing to back up is named",
                "give paths, --stdin NAME or --exec NAME -- CMD",
            ));
        }
        progress::raise_descriptors();
        let (mut there, mut gone) = (Vec::new(), Vec::new());
        for path in paths {
            // What stands before a final slash is a folder, be it by a link.
            let through = path.as_os_str().as_encoded_bytes().ends_with(b"/");
            let named = match through {
                true => std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
                false => path.clone(),
            };
            match absolute(&named) {
                Ok(path) => there.push(path),
                Err(fault) => gone.push((path, fault)),
            }
        }
        // One path of several that is gone is no reason to leave the others without a backup.
        if there.is_empty()
            && let Some((_, fault)) = gone.pop()
        {
            return Err(fault);
        }
        there.extend(
            gone.into_iter()
                .map(|(path, _)| std::path::absolute(path).unwrap_or(path.clone())),
        );
        Ok(create::create(repository, What::Paths(there), options)?)
    }

    fn exec(
        &self,
        repository: &Repository,
        name: String,
        options: &Options<'_>,
    ) -> Result<Created, Fault> {
        let Some((program, args)) = self.command.split_first() else {
            return Err(Fault::with_hint(
                "no command is given",
                "ce-backup create REPO --exec NAME -- CMD ARGS",
            ));
        };
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = Reaped::new(child.map_err(|error| {
            Fault::usage(format!(
                "cannot run '{}': {error}",
                Path::new(program).display()
            ))
        })?);
        let Some(mut from) = child.0.stdout.take() else {
            return Err(Fault::usage("the command has no output"));
        };
        let mut end = || match child.0.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the command ended with {status}")),
            Err(error) => Err(error.to_string()),
        };
        let from: &mut dyn Read = &mut from;
        Ok(create::create(
            repository,
            What::Stream {
                name,
                from,
                end: &mut end,
            },
            options,
        )?)
    }

    fn finding(&self, repo: &Path, created: &Created) -> Finding {
        let figures = &created.figures;
        let state = if figures.complete && created.alarms.is_empty() {
            State::Ok
        } else {
            State::Warning
        };
        let alarm = created.alarms.first().map(|alarm| format!("; {alarm}"));
        let what = match &created.id {
            Some(id) => format!("snapshot {}", &id.to_string()[..8]),
            None => "dry run".to_owned(),
        };
        let left_out = match created.omissions.len() {
            0 => String::new(),
            1 => ", 1 item not taken whole".to_owned(),
            count => format!(", {count} items not taken whole"),
        };
        let mut finding = Finding::new(
            state,
            format!(
                "{what}: {} files, {}, {} new, {} stored{left_out}{}",
                figures.files,
                bytes(figures.bytes),
                bytes(figures.new_bytes),
                bytes(figures.stored_bytes),
                alarm.unwrap_or_default()
            ),
        )
        .object(repo.display().to_string())
        .cause(Cause::CONTENT)
        .metric(Metric::new("files", figures.files, ""))
        .metric(Metric::new("bytes", figures.bytes, "B"))
        .metric(Metric::new("new_bytes", figures.new_bytes, "B"))
        .metric(Metric::new("stored_bytes", figures.stored_bytes, "B"))
        .metric(Metric::new("errors", figures.error_count, ""))
        .data("files", figures.files)
        .data("bytes", figures.bytes)
        .data("new_bytes", figures.new_bytes)
        .data("stored_bytes", figures.stored_bytes)
        .data("errors", figures.error_count)
        .data("complete", figures.complete)
        .data("duration_ms", figures.took_ms)
        .data("dry_run", self.dry_run);
        if let Some(id) = &created.id {
            finding = finding
                .data("id", id.to_string())
                .data("sequence", created.sequence);
        }
        for alarm in created.alarms.iter().skip(1) {
            finding = finding.detail(alarm.as_str());
        }
        for omission in &created.omissions {
            finding = finding.detail(format!("{}: {}", omission.path, omission.why));
        }
        finding
    }
}

/// A child that, with all that it started, does not outlive this program's interest in it.
struct Reaped(Child, ce_cli::Group);

impl Reaped {
    fn new(child: Child) -> Self {
        let group = ce_cli::Group::of(&child);
        Reaped(child, group)
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.1.kill();
            let _ = self.0.wait();
        }
    }
}

pub(crate) fn bytes(count: u64) -> String {
    ce_record::quantity::bytes(count)
}

fn stream_name(name: &str) -> Result<String, Fault> {
    let name = name.trim_start_matches('/');
    let fine = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= 255;
    if name.split('/').all(fine) {
        Ok(name.to_owned())
    } else {
        Err(Fault::usage(format!(
            "'{name}' is not a name that a file can have"
        )))
    }
}

/// The absolute path, without looking whether its last part is a link.
fn absolute(path: &Path) -> Result<PathBuf, Fault> {
    let failed = |error| Fault::usage(format!("cannot back up '{}': {error}", path.display()));
    std::fs::symlink_metadata(path).map_err(failed)?;
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            Ok(std::fs::canonicalize(parent).map_err(failed)?.join(name))
        }
        _ => std::fs::canonicalize(path).map_err(failed),
    }
}

fn parse_tags(words: &[String]) -> Result<BTreeMap<String, String>, Fault> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Fault::usage(format!(
                "'{word}' is not a tag: it has the form KEY=VALUE"
            ))),
        })
        .collect()
}
