//! Mounts: what fstab asks for is there, writable and answering.

use std::path::{Path, PathBuf};

use ce_record::{Cause, Finding, State};
use clap::Args;
use glob::Pattern;

use crate::check::{Check, Field, Group, Observe};
use crate::context::Context;
use crate::fault::Fault;
use crate::mounts::{self, Mount, unescape};
use crate::probe::{self, Silent};
use crate::root::Root;

pub(super) static CHECK: Check = Check::new::<Mounts>(
    "mounts",
    Group::Machine,
    "Mounts that are missing, read-only or silent",
)
.data(&[
    Field {
        name: "type",
        kind: "string",
        about: "type of the file system that is mounted",
    },
    Field {
        name: "device",
        kind: "string",
        about: "what is mounted",
    },
    Field {
        name: "expected",
        kind: "string",
        about: "what fstab wants mounted",
    },
]);

/// Mounts that are missing, read-only or silent
///
/// Judged are all entries of /etc/fstab but those with noauto, what -p names, network mounts that may hang, and disks
/// that the kernel has made read-only. A missing mount with nofail is a WARNING, any other CRITICAL.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check mounts
  ce-check mounts -p /srv -p /var/lib/mysql --missing critical
  ce-check mounts -x '/mnt/*' --read-only-ok /usr")]
pub(super) struct Mounts {
    /// This must be a mount point, whatever fstab says
    #[arg(short, long, value_name = "DIR")]
    path: Vec<PathBuf>,

    /// Leave out mount points that match this pattern
    #[arg(short = 'x', long, value_name = "PATTERN")]
    exclude: Vec<Pattern>,

    /// Judge only what -p names
    #[arg(long, requires = "path")]
    only: bool,

    /// Take no offence at a read-only mount that matches this pattern
    #[arg(long, value_name = "PATTERN")]
    read_only_ok: Vec<Pattern>,

    /// What it means that a mount is missing [default: critical, with nofail warning]
    #[arg(long, value_name = "STATE")]
    missing: Option<State>,

    /// What it means that a mount is read-only and should not be
    #[arg(long, value_name = "STATE", default_value = "critical")]
    read_only: State,

    #[command(flatten)]
    root: Root,
}

/// An entry of fstab(5).
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    spec: String,
    point: PathBuf,
    options: String,
}

impl Entry {
    fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|word| word == option)
    }
}

/// One mount point: what is wanted there and what is there.
#[derive(Debug, Default)]
struct Facts {
    point: PathBuf,
    wanted: Option<Entry>,
    named: bool,
    mount: Option<Mount>,
    silent: Option<Silent>,
    errors: u64,
}

/// Types that nobody can write to.
const IMAGES: &[&str] = &["cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf"];

impl Observe for Mounts {
    fn observe(&self, context: &Context) -> Result<Vec<Finding>, Fault> {
        let mounted = mounts::read(&self.root)?;
        let fstab = self.root.read_if_there("/etc/fstab")?.unwrap_or_default();
        let wanted = parse(&fstab).map_err(|fault| self.root.malformed("/etc/fstab", fault))?;
        let mut facts = self.choose(wanted, &mounted);
        self.ask(&mut facts, context);
        let mut findings: Vec<Finding> = facts.iter().map(|facts| self.judge(facts)).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        if findings.is_empty() {
            findings.push(Finding::new(
                State::Ok,
                "no mount is expected in fstab, and none can hang",
            ));
        }
        Ok(findings)
    }
}

/// Lines of six words, of which the last two may be missing; `#` begins a comment line.
fn parse(fstab: &str) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(fstab.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [spec, point, kind, rest @ ..] = &words[..] else {
            return Err(format!("line {number} has no device, mount point and type"));
        };
        let entry = Entry {
            spec: unescape(spec).to_string_lossy().into_owned(),
            point: unescape(point).into(),
            options: rest.first().copied().unwrap_or("defaults").to_owned(),
        };
        if *kind != "swap" && entry.point.is_absolute() && !entry.has("noauto") {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn at<'a>(mounted: &'a [Mount], point: &Path) -> Option<&'a Mount> {
    let slashless = |path: &Path| path.components().collect::<PathBuf>();
    mounted
        .iter()
        .rfind(|mount| mount.point == slashless(point))
}

impl Mounts {
    fn choose(&self, wanted: Vec<Entry>, mounted: &[Mount]) -> Vec<Facts> {
        let mut facts: Vec<Facts> = Vec::new();
        for point in &self.path {
            facts.push(Facts {
                point: point.clone(),
                wanted: wanted.iter().find(|entry| entry.point == *point).cloned(),
                named: true,
                mount: at(mounted, point).cloned(),
                ..Facts::default()
            });
        }
        if self.only {
            return facts;
        }
        let excluded = |point: &Path| {
            self.exclude
                .iter()
                .any(|pattern| pattern.matches_path(point))
        };
        for entry in wanted {
            if !excluded(&entry.point) && !facts.iter().any(|known| known.point == entry.point) {
                facts.push(Facts {
                    point: entry.point.clone(),
                    mount: at(mounted, &entry.point).cloned(),
                    wanted: Some(entry),
                    ..Facts::default()
                });
            }
        }
        for mount in mounted {
            let suspect = mount.is_remote() || turned_read_only(mount);
            let known = facts.iter().any(|known| known.point == mount.point);
            if suspect && !known && !excluded(&mount.point) && !mount.is_pseudo() {
                facts.push(Facts {
                    point: mount.point.clone(),
                    mount: Some(mount.clone()),
                    ..Facts::default()
                });
            }
        }
        facts
    }

    /// Asks every remote mount at once, and the kernel for the errors that it counted on ext4.
    fn ask(&self, facts: &mut [Facts], context: &Context) {
        let live = self.root.is_live();
        let asked: Vec<_> = facts
            .iter()
            .map(|facts| {
                let mount = facts.mount.as_ref()?;
                (live && mount.is_remote()).then(|| probe::ask(&mount.point, context))
            })
            .collect();
        for (facts, asked) in facts.iter_mut().zip(asked) {
            facts.silent = asked.and_then(|asked| asked.answer(context.deadline).err());
            facts.errors = facts
                .mount
                .as_ref()
                .and_then(|mount| self.errors(mount))
                .unwrap_or_default();
        }
    }

    fn errors(&self, mount: &Mount) -> Option<u64> {
        let link = self.root.link(format!("/sys/dev/block/{}", mount.device));
        let device = std::fs::read_link(link).ok()?;
        let name = device.file_name()?.to_str()?;
        let count = format!("/sys/fs/{}/{name}/errors_count", mount.kind);
        self.root.read_if_there(count).ok()??.trim().parse().ok()
    }

    fn judge(&self, facts: &Facts) -> Finding {
        let (state, cause, summary) = self.verdict(facts);
        let mut finding = Finding::new(state, summary)
            .object(facts.point.display().to_string())
            .cause(cause);
        if let Some(mount) = &facts.mount {
            finding = finding
                .data("type", mount.kind.as_str())
                .data("device", mount.source.to_string_lossy());
        }
        if let Some(wanted) = &facts.wanted {
            finding = finding.data("expected", wanted.spec.as_str());
        }
        finding
    }

    fn verdict(&self, facts: &Facts) -> (State, Cause, String) {
        let Some(mount) = &facts.mount else {
            let optional = facts
                .wanted
                .as_ref()
                .is_some_and(|wanted| wanted.has("nofail"))
                && !facts.named;
            let fallback = if optional {
                State::Warning
            } else {
                State::Critical
            };
            let what = match &facts.wanted {
                Some(wanted) => format!(
                    "not mounted, though fstab wants '{}' there: mount {}",
                    wanted.spec,
                    facts.point.display()
                ),
                None => "not mounted, and not in fstab".to_owned(),
            };
            return (self.missing.unwrap_or(fallback), Cause::CONTENT, what);
        };
        if let Some(silent) = &facts.silent {
            let cause = match silent {
                Silent::Refused(_) => Cause::SYSTEM,
                _ => Cause::TIMEOUT,
            };
            let source = mount.source.to_string_lossy();
            return (State::Critical, cause, format!("{silent} ('{source}')"));
        }
        let expects_read_only = facts.wanted.as_ref().is_some_and(|wanted| wanted.has("ro"))
            || self
                .read_only_ok
                .iter()
                .any(|pattern| pattern.matches_path(&facts.point))
            || IMAGES.contains(&mount.kind.as_str())
            || (facts.wanted.is_none() && !turned_read_only(mount));
        if mount.is_read_only() && !expects_read_only {
            let why = if facts.errors > 0 {
                format!(
                    " after {} file system errors: see dmesg, then fsck",
                    facts.errors
                )
            } else if turned_read_only(mount) {
                ": most likely the kernel did that after an error, see dmesg".to_owned()
            } else {
                ", though fstab says otherwise".to_owned()
            };
            return (self.read_only, Cause::SYSTEM, format!("read-only{why}"));
        }
        if facts.errors > 0 {
            let what = format!(
                "{} file system errors since the last fsck: see dmesg, then fsck",
                facts.errors
            );
            return (State::Warning, Cause::SYSTEM, what);
        }
        let mode = if mount.is_read_only() {
            "read-only, as it should be"
        } else {
            "mounted, writable"
        };
        (State::Ok, Cause::CONTENT, mode.to_owned())
    }
}

/// Somebody who wants a read-only mount says so for the mount; the kernel, after an error, for the file system alone.
fn turned_read_only(mount: &Mount) -> bool {
    let has = |options: &str, wanted: &str| options.split(',').any(|option| option == wanted);
    has(&mount.options, "rw")
        && has(&mount.super_options, "ro")
        && !IMAGES.contains(&mount.kind.as_str())
        && !mount.is_pseudo()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};
    use proptest::prelude::*;

    const FSTAB: &str = "# a comment
UUID=1 / ext4 errors=remount-ro 0 1
/dev/sdb1 /srv\\040data xfs defaults
server:/x /mnt/x nfs ro,nofail 0 0
/dev/sdc1 none swap sw 0 0
/dev/sdd1 /usb vfat noauto,user 0 0
";

    fn judged(
        args: &[&str],
        mountinfo: &str,
        errors: Option<&str>,
    ) -> Vec<(String, State, String)> {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("etc/fstab", FSTAB);
        write("proc/self/mountinfo", mountinfo);
        if let Some(errors) = errors {
            write("sys/fs/ext4/vda1/errors_count", errors);
            std::fs::create_dir_all(folder.path().join("sys/dev/block")).unwrap();
            std::os::unix::fs::symlink(
                "../../devices/vda1",
                folder.path().join("sys/dev/block/8:1"),
            )
            .unwrap();
        }
        let matches = Mounts::augment_args(Command::new("mounts"))
            .get_matches_from(["mounts"].iter().chain(args));
        let mut mounts = Mounts::from_arg_matches(&matches).unwrap();
        mounts.root = Root::new(folder.path());
        let mounted = mounts::read(&mounts.root).unwrap();
        let mut facts = mounts.choose(parse(FSTAB).unwrap(), &mounted);
        for facts in &mut facts {
            facts.errors = facts
                .mount
                .as_ref()
                .and_then(|mount| mounts.errors(mount))
                .unwrap_or(0);
        }
        facts
            .iter()
            .map(|facts| mounts.judge(facts))
            .map(|finding| (finding.object.unwrap(), finding.state, finding.summary))
            .collect()
    }

    const ROOT: &str = "1 0 8:1 / / rw - ext4 /dev/vda1 rw,errors=remount-ro\n";
    const DATA: &str = "2 1 8:2 / /srv\\040data rw - xfs /dev/sdb1 rw\n";
    const NFS: &str = "3 1 0:9 / /mnt/x ro - nfs4 server:/x rw\n";

    #[test]
    fn what_fstab_asks_for_is_there_and_writable_or_told() {
        let all = [ROOT, DATA, NFS].concat();
        assert!(
            judged(&[], &all, Some("0\n"))
                .iter()
                .all(|(_, state, _)| *state == State::Ok)
        );
        let some = judged(&[], ROOT, None);
        assert_eq!(some[1].1, State::Critical);
        assert_eq!(
            some[1].2,
            "not mounted, though fstab wants '/dev/sdb1' there: mount /srv data"
        );
        assert_eq!(some[2].1, State::Warning, "nofail");
        assert_eq!(some.len(), 3, "swap and noauto are not asked for");
    }

    #[test]
    fn a_file_system_that_the_kernel_made_read_only_is_critical_with_its_errors() {
        let broken = ROOT.replace("rw,errors", "ro,errors");
        let found = judged(&[], &broken, Some("3"));
        assert_eq!(
            (found[0].1, found[0].2.as_str()),
            (
                State::Critical,
                "read-only after 3 file system errors: see dmesg, then fsck"
            )
        );
        let found = judged(&["--read-only", "warning"], &broken, None);
        assert_eq!(found[0].1, State::Warning);
        assert_eq!(
            judged(&["--read-only-ok", "/"], &broken, None)[0].1,
            State::Ok
        );
        assert_eq!(
            judged(&[], ROOT, Some("2"))[0].1,
            State::Warning,
            "errors, still writable"
        );
        let by_hand = ROOT.replace("/ rw", "/ ro");
        assert_eq!(
            judged(&[], &by_hand, None)[0].2,
            "read-only, though fstab says otherwise"
        );
        let stranger = [ROOT, "9 1 8:9 / /extra rw - ext4 /dev/sde1 ro\n"].concat();
        assert_eq!(judged(&[], &stranger, None)[3].1, State::Critical);
    }

    #[test]
    fn a_named_mount_point_must_be_one_and_excluded_ones_are_not_judged() {
        let found = judged(&["-p", "/backup", "--only"], ROOT, None);
        assert_eq!(
            found,
            [(
                "/backup".to_owned(),
                State::Critical,
                "not mounted, and not in fstab".to_owned()
            )]
        );
        assert_eq!(
            judged(&["-x", "/mnt/*", "-x", "/srv*"], ROOT, None).len(),
            1
        );
    }

    #[test]
    fn a_silent_server_is_named() {
        let mount = mounts::parse(NFS.trim()).unwrap();
        let facts = Facts {
            point: "/mnt/x".into(),
            mount: Some(mount),
            silent: Some(Silent::StillHung),
            ..Facts::default()
        };
        let matches = Mounts::augment_args(Command::new("mounts")).get_matches_from(["mounts"]);
        let finding = Mounts::from_arg_matches(&matches).unwrap().judge(&facts);
        assert_eq!(
            (finding.state, finding.cause),
            (State::Critical, Some(Cause::TIMEOUT))
        );
        assert!(finding.summary.ends_with("('server:/x')"));
    }

    #[test]
    fn a_line_without_its_words_is_refused() {
        assert_eq!(
            parse("/dev/sda1 /"),
            Err("line 1 has no device, mount point and type".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_fstab_breaks_the_parser(text in ".{0,200}(\n.{0,80}){0,4}") {
            let _ = parse(&text);
        }
    }
}
