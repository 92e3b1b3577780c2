//! Called by a plugin's name, beside the plugin itself (Debian's monitoring-plugins 2.3.3).

use std::os::unix::fs::symlink;
use std::path::Path;

use ce_tests::program::{Program, Said, binary};

const PLUGINS: &str = "/usr/lib/nagios/plugins";

/// The same arguments to ours and theirs.
fn both(name: &str, args: &[&str]) -> (Said, Said) {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join(name);
    symlink(binary("ce-check"), &link).expect("a link");
    let ours = Program::at(&link).state(folder.path()).args(args).run();
    let theirs = Program::at(&Path::new(PLUGINS).join(name)).args(args).run();
    (ours, theirs)
}

/// Labels of the perfdata on the first line.
fn labels(said: &Said) -> Vec<String> {
    let line = said.stdout.lines().next().unwrap_or_default();
    let items = line
        .split_once('|')
        .map(|(_, items)| items)
        .unwrap_or_default();
    ce_record::perfdata::parse(items)
        .0
        .iter()
        .map(|metric| metric.name.to_string())
        .collect()
}

/// Of each item of the perfdata its label and the upper ends of its two limits.
fn limits(said: &Said) -> Vec<(String, [Option<f64>; 2])> {
    let line = said.stdout.lines().next().unwrap_or_default();
    let items = line.split_once('|').map_or("", |(_, items)| items);
    ce_record::perfdata::parse(items)
        .0
        .iter()
        .map(|metric| {
            let ends = [metric.warn, metric.crit].map(|range| range.map(|range| range.end()));
            (metric.name.to_string(), ends)
        })
        .collect()
}

fn first_words(said: &Said) -> String {
    said.stdout
        .split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches(':')
        .to_owned()
}

#[test]
fn codes_first_words_and_labels_are_the_plugins() {
    for (name, args) in [
        (
            "check_load",
            &["-w", "900,900,900", "-c", "999,999,999"][..],
        ),
        ("check_load", &["-w", "900", "-c", "999"]),
        ("check_load", &["-r", "-w", "900", "-c", "999"]),
        ("check_disk", &["-w", "1%", "-c", "0%", "-p", "/"]),
        ("check_disk", &["-w", "100%", "-c", "0%", "-p", "/"]),
        ("check_disk", &["-w", "100%", "-c", "100%", "-p", "/"]),
        (
            "check_disk",
            &["-w", "10", "-c", "5", "-u", "kB", "-p", "/"],
        ),
        ("check_disk", &["-w", "1%", "-c", "0%", "-p", "/usr"]),
        (
            "check_disk",
            &["-w", "1%", "-c", "0%", "-p", "/no/such/path"],
        ),
        (
            "check_disk",
            &["-w", "1%", "-c", "0%", "-W", "100%", "-K", "0%", "-p", "/"],
        ),
        (
            "check_disk",
            &[
                "-w", "1%", "-c", "0%", "-C", "-w", "100%", "-c", "0%", "-p", "/",
            ],
        ),
        ("check_disk", &["-w", "1%", "-c", "0%", "-p", "src"]),
        ("check_disk", &["-w", "1%", "-c", "0%", "-p", "tmpfs"]),
        ("check_disk", &["-w", "1%", "-c", "0%", "/"]),
        ("check_disk", &["-w", "100%", "-c", "0%", "/"]),
        (
            "check_disk",
            &["-w", "1%", "-c", "0%", "-p", "/", "-x", "/"],
        ),
        (
            "check_disk",
            &["-w", "1%", "-c", "0%", "-N", "proc", "-p", "/"],
        ),
        (
            "check_disk",
            &["-w", "1%", "-c", "0%", "-i", "/dev", "-p", "/"],
        ),
        (
            "check_disk",
            &["--warn=1%", "--cr", "0%", "--path=/", "-l", "-l"],
        ),
        ("check_load", &["-w", "0", "-w", "900", "-c", "999"]),
        (
            "check_procs",
            &["--traditional-filter", "-w", "0", "-w", "100000"],
        ),
        ("check_swap", &["-w", "10%", "-c", "5%", "-n", "ok"]),
        ("check_procs", &["-w", "1:", "-c", "1:"]),
        ("check_procs", &["-w", ":0", "-c", ":100000"]),
        ("check_procs", &["-c", "1:", "-C", "no-such-command"]),
        ("check_users", &["-w", "500", "-c", "900"]),
    ] {
        if ce_check::CHECKS
            .iter()
            .all(|check| check.plugins.iter().all(|plugin| plugin.name != name))
        {
            continue;
        }
        let (ours, theirs) = both(name, args);
        assert_eq!(
            ours.code, theirs.code,
            "{name} {args:?}\n{ours:?}\n{theirs:?}"
        );
        // Of all file systems the plugin also lists those that hold no data.
        if theirs.stdout.contains('|') && !args.contains(&"-C") {
            let (ours, theirs) = (labels(&ours), labels(&theirs));
            let missing: Vec<&String> = theirs
                .iter()
                .filter(|label| !ours.contains(label))
                .collect();
            assert!(
                missing.is_empty(),
                "{name} {args:?}: {missing:?} of {theirs:?} not in {ours:?}"
            );
        }
        if theirs.code <= 2 && theirs.stdout.contains('|') {
            assert_eq!(first_words(&ours), first_words(&theirs), "{name} {args:?}");
        }
    }
}

#[test]
fn the_limits_in_the_perfdata_are_the_plugins() {
    for (name, args) in [
        ("check_disk", &["-w", "10%", "-c", "5%", "-p", "/"][..]),
        ("check_disk", &["-w", "1000", "-c", "500", "-f", "/"]),
        ("check_file_age", &["-f", "/etc/hostname"]),
        (
            "check_file_age",
            &[
                "-w",
                "5",
                "-c",
                "9",
                "-W",
                "1",
                "-C",
                "1",
                "-f",
                "/etc/hostname",
            ],
        ),
        ("check_load", &["-w", "15,10,5", "-c", "30,25,20"]),
        ("check_procs", &["-w", "500", "-c", "1:900"]),
    ] {
        let (ours, theirs) = both(name, args);
        let ours = limits(&ours);
        for (label, wanted) in limits(&theirs) {
            // The plugins write 0 for a limit that nobody gave.
            let given = wanted != [Some(0.0); 2];
            let own = ours.iter().find(|own| own.0 == label).map(|own| own.1);
            assert!(
                !given || own == Some(wanted),
                "{name} {args:?} {label}: {own:?}, not {wanted:?}"
            );
        }
    }
}

#[test]
fn wrong_usage_is_a_plugins_line_on_stdout_with_code_3() {
    for (name, args) in [
        ("check_load", &["--bogus"][..]),
        ("check_load", &[]),
        ("check_load", &["-w", "15,10,5"]),
        ("check_disk", &["-h"]),
        ("check_disk", &["-V"]),
    ] {
        let (ours, theirs) = both(name, args);
        assert_eq!(
            (ours.code, theirs.code),
            (3, 3),
            "{name} {args:?}\n{ours:?}\n{theirs:?}"
        );
        assert!(
            !ours.stdout.is_empty() && ours.stderr.is_empty(),
            "{ours:?}"
        );
    }
    for flag in ["-h", "-V", "--help", "--version"] {
        let (ours, theirs) = both("check_log", &[flag]);
        assert_eq!((ours.code, theirs.code), (0, 0), "{flag}: {ours:?}");
    }
    let (ours, _) = both("check_load", &["--bogus"]);
    assert!(ours.stdout.starts_with("LOAD UNKNOWN - "), "{ours:?}");
}

#[test]
fn a_name_that_no_check_stands_in_for_is_ce_check_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("check_nothing");
    symlink(binary("ce-check"), &link).expect("a link");
    let said = Program::at(&link).arg("--version").run();
    assert_eq!(
        (said.code, said.stdout.starts_with("ce-check ")),
        (0, true),
        "{said:?}"
    );
}
