//! Under a real Nagios 4, started on a configuration of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ce_tests::program::{Program, binary, project};
use ce_tests::server::Server;
use ce_tests::wait;
use tempfile::TempDir;

struct Nagios {
    folder: TempDir,
    _server: Server,
}

/// Nagios with the project's command file, two active services and three passive ones.
fn start() -> Nagios {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for name in ["rw", "spool", "bin", "archives"] {
        fs::create_dir(at(name)).expect("a folder");
    }
    symlink(binary("ce-check"), at("bin/ce-check")).expect("a link");
    // The installed file names /usr/bin; here the program lies elsewhere.
    let commands = fs::read_to_string(project().join("packaging/nagios/ce.cfg")).expect("ce.cfg");
    fs::write(
        at("ce.cfg"),
        commands.replace(
            "/usr/bin/ce-check",
            &at("bin/ce-check").display().to_string(),
        ),
    )
    .expect("a file");
    fs::write(at("objects.cfg"), objects()).expect("a file");
    let user = user();
    let folder_name = folder.path().display();
    let main = format!(
        "log_file={folder_name}/nagios.log\ncfg_file={folder_name}/ce.cfg\ncfg_file={folder_name}/objects.cfg\n\
         status_file={folder_name}/status.dat\nobject_cache_file={folder_name}/objects.cache\n\
         precached_object_file={folder_name}/precached\nstate_retention_file={folder_name}/retention.dat\n\
         temp_file={folder_name}/temp\ntemp_path={folder_name}\nlock_file={folder_name}/nagios.pid\n\
         command_file={folder_name}/rw/nagios.cmd\ncheck_result_path={folder_name}/spool\n\
         log_archive_path={folder_name}/archives\nquery_socket={folder_name}/rw/nagios.qh\n\
         nagios_user={user}\nnagios_group={user}\ncheck_external_commands=1\naccept_passive_service_checks=1\n\
         accept_passive_host_checks=1\nexecute_service_checks=1\ninterval_length=1\nstatus_update_interval=1\n\
         check_result_reaper_frequency=1\nillegal_object_name_chars=`~!$%^&*|'\"<>?,()=\n\
         illegal_macro_output_chars=`~$&|'\"<>\ncheck_for_updates=0\nbare_update_check=1\n"
    );
    fs::write(at("nagios.cfg"), main).expect("a file");

    let verified = Command::new("/usr/sbin/nagios4")
        .arg("-v")
        .arg(at("nagios.cfg"))
        .output()
        .expect("nagios4");
    let report = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{report}");
    assert!(report.contains("Total Errors:   0"), "{report}");

    let mut command = Command::new("/usr/sbin/nagios4");
    command
        .arg(at("nagios.cfg"))
        .env("CE_STATE_DIR", at("state"))
        .env("CE_HOST", "web1");
    let server = Server::start(&mut command, &at("stdout.log"));
    Nagios {
        folder,
        _server: server,
    }
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn objects() -> String {
    let mut text = "\
define timeperiod {\n timeperiod_name 24x7\n alias always\n sunday 00:00-24:00\n monday 00:00-24:00\n \
tuesday 00:00-24:00\n wednesday 00:00-24:00\n thursday 00:00-24:00\n friday 00:00-24:00\n saturday 00:00-24:00\n}\n\
define command {\n command_name notify\n command_line /bin/true\n}\n\
define contact {\n contact_name c\n host_notification_period 24x7\n service_notification_period 24x7\n \
host_notification_commands notify\n service_notification_commands notify\n host_notification_options n\n \
service_notification_options n\n}\n\
define host {\n host_name web1\n address 127.0.0.1\n max_check_attempts 1\n check_period 24x7\n \
active_checks_enabled 0\n contacts c\n notification_period 24x7\n}\n"
        .to_owned();
    for (name, command) in [
        ("load", "ce_load!-w 9999 -c 9999"),
        ("root", "ce_disk!-w 100% -c 0% -p /"),
        ("bogus", "ce_disk!--bogus"),
    ] {
        let _ = write!(
            text,
            "define service {{\n host_name web1\n service_description {name}\n check_command {command}\n \
             max_check_attempts 1\n check_interval 1\n retry_interval 1\n check_period 24x7\n contacts c\n \
             notification_period 24x7\n}}\n"
        );
    }
    for name in ["disk /", "disk /dev/shm", "by spool"] {
        let _ = write!(
            text,
            "define service {{\n use ce-passive\n host_name web1\n service_description {name}\n contacts c\n \
             check_freshness 0\n notification_period 24x7\n}}\n"
        );
    }
    text
}

impl Nagios {
    /// A service's block of status.dat, once `ready` says so.
    fn service(&self, name: &str, ready: impl Fn(&Service) -> bool) -> Service {
        wait::until(
            &format!("service '{name}' in status.dat"),
            Duration::from_secs(30),
            || {
                let status = fs::read_to_string(self.folder.path().join("status.dat")).ok()?;
                let block = status.split("servicestatus {").skip(1).find(|block| {
                    block
                        .lines()
                        .any(|line| line.trim() == format!("service_description={name}"))
                })?;
                let field = |key: &str| {
                    let prefix = format!("{key}=");
                    block
                        .lines()
                        .find_map(|line| line.trim().strip_prefix(&prefix))
                        .unwrap_or_default()
                        .to_owned()
                };
                let service = Service {
                    checked: field("has_been_checked") == "1",
                    state: field("current_state"),
                    output: field("plugin_output"),
                    long: field("long_plugin_output"),
                    perfdata: field("performance_data"),
                };
                ready(&service).then_some(service)
            },
        )
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

#[derive(Debug)]
struct Service {
    checked: bool,
    state: String,
    output: String,
    long: String,
    perfdata: String,
}

#[test]
fn active_checks_reach_status_dat_and_passive_results_arrive_by_fifo_and_spool() {
    let nagios = start();

    let load = nagios.service("load", |service| service.checked);
    assert_eq!(load.state, "0", "{load:?}");
    assert!(load.output.starts_with("OK: load average "), "{load:?}");
    assert!(
        load.perfdata.starts_with("load1=") && load.perfdata.contains(" load15="),
        "{load:?}"
    );

    let root = nagios.service("root", |service| service.checked);
    assert_eq!(root.state, "1", "{root:?}");
    assert!(root.output.starts_with("WARNING: /: "), "{root:?}");
    let (metrics, faults) = ce_record::perfdata::parse(&root.perfdata);
    assert!(
        faults.is_empty() && metrics.iter().any(|metric| metric.name == "/_used"),
        "{root:?}"
    );

    let bogus = nagios.service("bogus", |service| service.checked);
    assert_eq!(bogus.state, "3", "{bogus:?}");
    assert!(
        format!("{}{}", bogus.output, bogus.long).contains("unexpected argument '--bogus'"),
        "{bogus:?}"
    );

    let fifo = nagios.path("rw/nagios.cmd");
    wait::until("command file", Duration::from_secs(20), || {
        fifo.exists().then_some(())
    });
    let records = Program::check()
        .args(["disk", "-p", "/", "-w", "100%", "-c", "100%"])
        .env("CE_HOST", "web1")
        .run();
    let sent = Program::check()
        .arg("submit")
        .arg("--nagios")
        .arg(&fifo)
        .stdin(records.stdout.clone())
        .run();
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(
        sent.record()["summary"],
        format!("web1/disk / sent to Nagios at '{}'", fifo.display())
    );
    let passive = nagios.service("disk /", |service| service.checked);
    assert_eq!(passive.state, "2", "{passive:?}");
    assert!(
        passive.output.starts_with("CRITICAL: /: ") && passive.perfdata.contains("/_used="),
        "{passive:?}"
    );

    let spool = nagios.path("spool");
    let sent = Program::check()
        .args(["submit", "--service", "by spool", "--nagios-spool"])
        .arg(&spool)
        .stdin(records.stdout)
        .run();
    assert_eq!(sent.code, 0, "{sent:?}");
    let passive = nagios.service("by spool", |service| service.checked);
    assert_eq!(
        (
            passive.state.as_str(),
            passive.output.starts_with("CRITICAL: /: ")
        ),
        ("2", true),
        "{passive:?}"
    );
    assert!(passive.perfdata.contains("/_used="), "{passive:?}");
}

#[test]
fn a_nagios_that_is_not_there_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("nagios.cmd");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success()
    );
    let records = Program::check().args(["load"]).run().stdout;
    for (path, words) in [
        (fifo.as_path(), "nobody reads it"),
        (Path::new("/no/such/fifo"), "it is not there"),
    ] {
        let said = Program::check()
            .arg("submit")
            .arg("--nagios")
            .arg(path)
            .stdin(records.clone())
            .run();
        assert_eq!(said.code, 2, "{said:?}");
        assert!(
            said.record()["summary"]
                .as_str()
                .is_some_and(|text| text.ends_with(words)),
            "{said:?}"
        );
        assert!(said.took < Duration::from_secs(5));
    }
}
