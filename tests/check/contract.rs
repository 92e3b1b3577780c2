//! What holds for every check and command: exit codes, one sentence, nothing else on stdout.

use std::process::{Command, Stdio};
use std::time::Duration;

use ce_check::CHECKS;
use ce_tests::program::{Program, binary};
use ce_tests::wait;

#[test]
fn usage_errors_are_one_sentence_with_a_way_out_and_exit_3() {
    for (args, sentence) in [
        (
            &["disk", "--bogus"][..],
            "ce-check: unexpected argument '--bogus' found\n",
        ),
        (
            &["dsk"],
            "ce-check: unrecognized subcommand 'dsk'\nce-check: hint: a similar subcommand exists: 'disk'\n",
        ),
        (&["load", "-w", "1,2,3,4"], "has more than three ranges"),
        (
            &["load", "-w", "5", "-c", "3"],
            "ce-check: -w 5 can never warn",
        ),
        (&["procs", "-w", "1:2:3"], "column 4"),
        (&["disk", "-w", "10x"], "is not a unit"),
        (&["disk", "-r", "("], "is not a regular expression"),
        (
            &["run", "/no/such/file"],
            "ce-check: cannot read '/no/such/file': no such file or directory\n",
        ),
        (&["load", "--format", "xml"], "'xml' is not a format"),
        (&["load", "-t", "soon"], "is not a duration"),
        (&["load", "--root", "/no/such"], ""),
        (
            &[],
            "ce-check: nothing to do is named\nce-check: hint: --help names what there is\n",
        ),
    ] {
        let said = Program::check().args(args).run();
        assert_eq!(said.code, 3, "{args:?}: {said:?}");
        let all = format!("{}{}", said.stderr, said.stdout);
        assert!(all.contains(sentence), "{args:?}: {said:?}");
        assert!(said.stderr.lines().count() <= 2, "{args:?}: {said:?}");
        assert!(!all.contains("panicked"), "{args:?}: {said:?}");
    }
}

#[test]
fn help_and_version_exit_0_and_every_help_has_three_examples() {
    for check in CHECKS {
        let said = Program::check().args([check.name, "--help"]).run();
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{}", check.name);
        let examples = said.stdout.split("Examples:").nth(1).unwrap_or_default();
        assert!(
            examples.matches("ce-check ").count() >= 3,
            "{}: {}",
            check.name,
            said.stdout
        );
    }
    for args in [
        &["--help"][..],
        &["--version"],
        &["-h"],
        &["-V"],
        &["run", "--help"],
    ] {
        let said = Program::check().args(args).run();
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn every_flag_has_one_sentence_without_a_period() {
    let mut command = ce_check::command();
    command.build();
    for subcommand in command.get_subcommands() {
        for argument in subcommand
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
        {
            let help = argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let name = format!("{} {}", subcommand.get_name(), argument.get_id());
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}: '{help}'");
        }
    }
}

#[test]
fn signals_end_with_3_and_never_with_another_code() {
    for signal in [
        "TERM", "INT", "HUP", "QUIT", "ALRM", "USR1", "ABRT", "XCPU", "PWR",
    ] {
        let mut child = Command::new(binary("ce-check"))
            .args(["exec", "-t", "60", "--", "/bin/sleep", "61"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ce-check");
        let id = child.id();
        // Once the plugin runs, signals are taken care of.
        let sleeper = wait::until("plugin under way", Duration::from_secs(10), || child_of(id));
        let sent = Command::new("kill")
            .args([format!("-{signal}"), id.to_string()])
            .status()
            .expect("kill");
        assert!(sent.success());
        let status = child.wait().expect("ce-check ends");
        if matches!(signal, "ABRT" | "XCPU" | "PWR") {
            let _ = Command::new("kill")
                .args(["-KILL", &sleeper.to_string()])
                .status();
        }
        let sleeper = std::path::PathBuf::from(format!("/proc/{sleeper}/cmdline"));
        wait::until("plugin ended", Duration::from_secs(5), || {
            std::fs::read(&sleeper)
                .unwrap_or_default()
                .is_empty()
                .then_some(())
        });
        assert_eq!(status.code(), Some(3), "{signal}: {status}");
    }
}

/// A child of this process.
fn child_of(id: u32) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).ok()?;
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .find_map(|text| text.split_ascii_whitespace().next()?.parse().ok())
}

#[test]
fn output_that_nobody_reads_is_unknown() {
    let output = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!(
            "'{}' load >/dev/full; echo $?",
            binary("ce-check").display()
        ))
        .output()
        .expect("sh");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3\n", "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .starts_with("ce-check: cannot write to standard output")
    );
}

#[test]
fn quiet_says_nothing_and_the_exit_code_tells() {
    let said = Program::check()
        .args(["load", "--quiet", "-c", "@0:"])
        .run();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str(), said.code),
        ("", "", 2)
    );
}

#[test]
fn the_list_names_every_check_in_order() {
    let said = Program::check().arg("list").run();
    let names: Vec<&str> = said
        .stdout
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        names,
        CHECKS.iter().map(|check| check.name).collect::<Vec<_>>()
    );
    for name in [
        "clock",
        "conntrack",
        "cpu",
        "disk",
        "dns",
        "exec",
        "fds",
        "files",
        "http",
        "imap",
        "job",
        "load",
        "log",
        "mailq",
        "memory",
        "mounts",
        "net",
        "ping",
        "pop3",
        "pressure",
        "procs",
        "raid",
        "reboot",
        "smtp",
        "ssh",
        "swap",
        "tcp",
        "tls",
        "udp",
        "units",
        "uptime",
    ] {
        assert!(names.contains(&name), "{name} is missing");
    }
}
