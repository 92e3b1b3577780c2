//! Under a real munin-run.

use std::os::unix::fs::symlink;
use std::process::Command;

use ce_tests::program::{binary, project};

#[test]
fn munin_run_takes_the_graphs_and_the_values_of_the_wildcard_plugin() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = folder.path().join("plugins");
    let settings = folder.path().join("plugin-conf.d");
    std::fs::create_dir_all(&services).expect("a folder");
    std::fs::create_dir_all(&settings).expect("a folder");
    symlink(
        project().join("packaging/munin/ce_"),
        services.join("ce_disk"),
    )
    .expect("a link");
    let user = if is_root() { "user root\n" } else { "" };
    let program = binary("ce-check");
    std::fs::write(
        settings.join("ce"),
        format!(
            "[ce_*]\n{user}env.CE_CHECK {}\nenv.flags -w 15% -c 5%\n",
            program.display()
        ),
    )
    .expect("a file");
    let config = folder.path().join("munin-node.conf");
    std::fs::write(
        &config,
        format!(
            "user root\ngroup root\nlog_file {}\n",
            folder.path().join("log").display()
        ),
    )
    .expect("a file");

    let run = |argument: &[&str]| {
        let output = Command::new("/usr/sbin/munin-run")
            .args(["--config"])
            .arg(&config)
            .arg("--servicedir")
            .arg(&services)
            .arg("--sconfdir")
            .arg(&settings)
            .arg("ce_disk")
            .args(argument)
            .output()
            .expect("munin-run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    };
    let graphs = run(&["config"]);
    assert!(
        graphs.contains("multigraph ce_disk_used\ngraph_title disk: used\n"),
        "{graphs}"
    );
    assert!(graphs.contains("graph_args --base 1024 -l 0\n"), "{graphs}");
    let values = run(&[]);
    let fields = |text: &str, word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert_eq!(
        fields(&values, ".value "),
        fields(&graphs, ".label "),
        "{graphs}\n{values}"
    );
    assert_eq!(run(&["autoconf"]), "yes\n");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
