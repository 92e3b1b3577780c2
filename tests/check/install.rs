//! `make install`: everything in its place, and working from there.

use std::path::Path;
use std::process::Command;

use ce_check::CHECKS;
use ce_tests::program::{Program, binary, project};

#[test]
fn everything_is_put_in_place_and_works_from_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let built = binary("ce-check");
    let built = built.parent().expect("a folder").display().to_string();
    // What the tests run on is already built: nothing is built again here.
    let made = Command::new("make")
        .current_dir(project())
        .args(["-o", "build", "install", "PREFIX=/usr"])
        .arg(format!("DESTDIR={}", folder.path().display()))
        .arg(format!("release={built}"))
        .output()
        .expect("make");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let at = |path: &str| folder.path().join(path);
    for path in [
        "usr/bin/ce-check",
        "usr/share/man/man1/ce-check.1",
        "usr/share/man/man1/ce-check-run.1",
        "usr/share/bash-completion/completions/ce-check",
        "usr/share/zsh/vendor-completions/_ce-check",
        "usr/share/fish/vendor_completions.d/ce-check.fish",
        "usr/share/ce/schema/record.schema.json",
        "usr/share/ce/schema/ce-check.schema.json",
        "usr/share/doc/ce/examples/machine.toml",
        "usr/share/munin/plugins/ce_",
        "etc/nagios-plugins/config/ce.cfg",
    ] {
        assert!(at(path).is_file(), "{path} is missing");
    }
    for check in CHECKS {
        assert!(
            at(&format!("usr/share/man/man1/ce-check-{}.1", check.name)).is_file(),
            "{}",
            check.name
        );
    }

    let program = at("usr/bin/ce-check");
    let said = Program::at(&program)
        .state(folder.path())
        .args(["load", "--format", "text"])
        .run();
    assert!(said.stdout.contains("load average"), "{said:?}");
    completes(&at("usr/share/bash-completion/completions/ce-check"));
}

/// bash offers the checks and a check's flags.
fn completes(script: &Path) {
    let offered = |words: &str, index: usize| {
        let script = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD={index}; _ce__check ce-check \"${{COMP_WORDS[{index}]}}\" \
             \"${{COMP_WORDS[{}]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            index - 1
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .output()
            .expect("bash");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(offered("ce-check di", 1).lines().any(|word| word == "disk"));
    assert!(
        offered("ce-check disk --exact", 2)
            .lines()
            .any(|word| word == "--exact-match")
    );
}
