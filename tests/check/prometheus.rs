//! What promtool says of our metrics.

use std::path::Path;

use ce_tests::program::Program;

#[test]
fn promtool_accepts_the_metrics_of_this_machine_without_a_word() {
    let file = "[[check]]\ncheck = \"disk\"\n[[check]]\ncheck = \"load\"\npercpu = true\n[[check]]\ncheck = \"net\"\n\
                [[check]]\ncheck = \"memory\"\n[[check]]\ncheck = \"uptime\"\n\
                [[check]]\ncheck = \"exec\"\nargs = [\"--\", \"check_load\", \"-w\", \"99\", \"-c\", \"99\"]\n";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checks.toml");
    std::fs::write(&path, file).expect("a file");
    let said = Program::check()
        .arg("run")
        .arg(&path)
        .args(["--format", "openmetrics"])
        .run();
    assert!(
        said.stdout.contains("ce_state{") && said.stdout.ends_with("# EOF\n"),
        "{said:?}"
    );

    let judged = Program::at(Path::new("/usr/bin/promtool"))
        .args(["check", "metrics"])
        .stdin(said.stdout)
        .run();
    assert_eq!(
        (judged.code, judged.stderr.as_str(), judged.stdout.as_str()),
        (0, "", "")
    );

    let bad = Program::at(Path::new("/usr/bin/promtool"))
        .args(["check", "metrics"])
        .stdin("ce_x_total 1\n")
        .run();
    assert_ne!(bad.code, 0, "promtool takes everything: {bad:?}");
}
