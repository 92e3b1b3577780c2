//! `ce-check run`: past broken, panicking and hanging checks.

use std::net::TcpListener;
use std::time::Duration;

use ce_tests::program::{Program, Said};

use crate::schema::assert_valid;

fn run(file: &str, args: &[&str]) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checks.toml");
    std::fs::write(&path, file).expect("a file");
    Program::check().arg("run").arg(&path).args(args).run()
}

#[test]
fn a_broken_check_is_unknown_by_name_and_the_rest_runs() {
    let said = run(
        "[[check]]\ncheck = \"load\"\nwarning = \"99999\"\n\n[[check]]\ncheck = \"disk\"\nwarnin = \"5%\"\nobject = \"root\"\n\n\
         [[check]]\ncheck = \"procs\"\nwarning = \"1:2:3\"\n",
        &[],
    );
    assert_valid(&said);
    assert_eq!(said.code, 3, "{said:?}");
    let of = |check: &str| {
        let records = said.records();
        records
            .into_iter()
            .find(|record| record["check"] == check)
            .unwrap_or_else(|| panic!("no {check}: {said:?}"))
    };
    assert_eq!(of("load")["state"], "ok");
    assert_eq!(
        (&of("disk")["state"], &of("disk")["object"]),
        (&"unknown".into(), &"root".into())
    );
    assert!(
        of("disk")["summary"]
            .as_str()
            .is_some_and(|text| text.contains("line 5: disk: unexpected argument '--warnin'"))
    );
    assert_eq!(of("disk")["cause"], "config");
    assert!(
        of("procs")["summary"]
            .as_str()
            .is_some_and(|text| text.contains("column"))
    );
    assert_eq!(of("run")["metrics"][1]["value"], 2);
}

#[test]
fn a_server_that_never_answers_does_not_delay_the_others() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = silent.local_addr().expect("an address").port();
    let mut file = "[defaults]\ntimeout = \"1s\"\n".to_owned();
    for n in 0..40 {
        file.push_str(&format!(
            "[[check]]\ncheck = \"http\"\nhostname = \"127.0.0.1\"\nport = {port}\nobject = \"silent {n}\"\n"
        ));
    }
    file.push_str("[[check]]\ncheck = \"load\"\n");
    let said = run(&file, &["-j", "4"]);
    let records = said.records();
    let load_at = records
        .iter()
        .position(|record| record["check"] == "load")
        .expect("load");
    assert!(load_at <= 4, "load came {load_at}th");
    assert_eq!(
        records
            .iter()
            .filter(|record| record["cause"] == "timeout")
            .count(),
        40,
        "{said:?}"
    );
    assert_eq!(said.code, 2);
    assert!(said.took < Duration::from_secs(14), "{:?}", said.took);
}

#[test]
fn a_file_that_cannot_be_read_ends_with_one_sentence() {
    for (file, sentence) in [
        ("[[check]\n", "checks.toml, line 1: "),
        ("[[checks]]\ncheck = \"load\"\n", "unknown key 'checks'"),
        ("", "names no check to run"),
        ("[defaults]\ntimeout = \"soon\"\n", "is not a duration"),
        ("check = 3\n", "checks.toml, line 1: "),
    ] {
        let said = run(file, &[]);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (3, ""),
            "{file}: {said:?}"
        );
        assert!(
            said.stderr.contains(sentence) && said.stderr.lines().count() <= 2,
            "{file}: {said:?}"
        );
    }
}

#[test]
fn only_picks_checks_and_render_makes_one_line_of_them() {
    let file = "[[check]]\ncheck = \"load\"\n[[check]]\ncheck = \"disk\"\npath = \"/\"\n";
    let said = run(file, &["--only", "disk"]);
    assert_eq!(
        said.records()
            .iter()
            .filter(|record| record["check"] == "load")
            .count(),
        0
    );
    let rendered = Program::check()
        .args(["render", "--worst"])
        .stdin(run(file, &[]).stdout)
        .run();
    assert_eq!(
        (rendered.code, rendered.stdout.lines().count()),
        (0, 1),
        "{rendered:?}"
    );
    assert!(
        rendered.stdout.starts_with("OK: 3 ok: disk /: "),
        "{rendered:?}"
    );
}

#[test]
fn render_leaves_out_what_is_fine_passes_bad_lines_by_and_calls_an_empty_stream_unknown() {
    let critical = Program::check().args(["load", "-c", "@0:"]).run();
    let fine = Program::check().args(["load"]).run();
    let both = format!("{}{}", fine.stdout, critical.stdout);
    let said = Program::check()
        .args(["render", "--only-problems", "--format", "json"])
        .stdin(both.clone())
        .run();
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (2, critical.stdout.as_str())
    );
    let said = Program::check()
        .args(["render", "--format", "json"])
        .stdin(format!("{}garbage\n", fine.stdout))
        .run();
    assert_eq!((said.code, said.records().len()), (3, 2));
    assert!(
        said.stderr.starts_with("ce-check: line 2 is not a record"),
        "{said:?}"
    );
    let said = Program::check()
        .args(["render", "--only-problems", "--format", "nagios"])
        .stdin(fine.stdout.clone())
        .run();
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "OK: nothing wrong in 1 record\n")
    );
    let later = "{\"v\":2,\"new\":true}\n";
    let said = Program::check()
        .args(["render", "--format", "json"])
        .stdin(format!("{later}{}", fine.stdout))
        .run();
    assert_eq!(
        (said.code, said.stdout),
        (0, format!("{later}{}", fine.stdout))
    );
    let said = Program::check().args(["render"]).run();
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (3, "ce-check: there is no record on standard input\n")
    );
}

#[test]
fn checks_that_cannot_be_understood_are_told_from_each_other_and_the_run_says_so() {
    let broken = "[[check]]\ncheck = \"http\"\nhostname = \"a\"\nbogus = 1\n";
    let said = run(&format!("{broken}{broken}"), &[]);
    let records = said.records();
    let of = |at: usize| {
        format!(
            "{} {} {}",
            records[at]["host"], records[at]["object"], records[at]["state"]
        )
    };
    assert_eq!(
        [of(0), of(1)],
        [r#""a" "line 1" "unknown""#, r#""a" "line 5" "unknown""#]
    );
    assert_eq!((said.code, &records[2]["state"]), (3, &"unknown".into()));
}

#[test]
fn a_pipe_that_nobody_writes_to_is_given_up_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    for args in [["run", "-t"], ["uptime", "-t"]] {
        let program = Program::check();
        let said = match args[0] {
            "run" => program.args(args).args(["1"]).arg(&pipe).run(),
            _ => program.args(args).args(["1", "--config"]).arg(&pipe).run(),
        };
        assert_eq!(said.code, 3, "{said:?}");
        assert!(
            said.took < std::time::Duration::from_millis(1500),
            "{said:?}"
        );
    }
}
