//! The verdict on one file system.

use clap::{Args, Command, FromArgMatches};

use super::*;

/// 1000 blocks of 1 KiB of which 100 are kept for root, so many of the rest free; 100 inodes, so many free.
fn facts(available: u64, inodes_free: u64, limits: Limits) -> Facts {
    Facts {
        name: "/srv".to_owned(),
        kind: "ext4".to_owned(),
        device: "/dev/sda1".to_owned(),
        space: Ok(Space {
            block_bytes: 1024,
            blocks: 1000,
            free: available + 100,
            available,
            inodes: 100,
            inodes_free,
        }),
        limits,
        judged: true,
    }
}

fn disk() -> Disk {
    let matches = Disk::augment_args(Command::new("disk")).get_matches_from(["disk"]);
    Disk::from_arg_matches(&matches).unwrap()
}

fn limits(warn: &str, crit: &str) -> Limits {
    Limits {
        warn: Some(warn.parse().unwrap()),
        crit: Some(crit.parse().unwrap()),
        ..Limits::default()
    }
}

#[test]
fn free_space_is_judged_by_what_everybody_can_use() {
    for (warn, crit, available, state) in [
        ("10%", "5%", 91, State::Ok),
        ("10%", "5%", 90, State::Warning),
        ("10%", "5%", 45, State::Critical),
        ("0%", "0%", 1, State::Ok),
        ("0%", "0%", 0, State::Critical),
        ("50K", "20K", 51, State::Ok),
        ("50K", "20K", 50, State::Warning),
        ("50K", "20K", 20, State::Critical),
    ] {
        let finding = disk().judge(&facts(available, 100, limits(warn, crit)));
        assert_eq!(
            finding.state, state,
            "-w {warn} -c {crit} with {available} KiB free"
        );
    }
}

#[test]
fn inodes_are_judged_beside_space_and_come_first_when_they_run_out() {
    let limits = Limits {
        inode_warn: Some(10.0),
        inode_crit: Some(5.0),
        ..limits("10%", "5%")
    };
    for (inodes_free, state) in [(11, State::Ok), (10, State::Warning), (5, State::Critical)] {
        let finding = disk().judge(&facts(500, inodes_free, limits));
        assert_eq!(finding.state, state, "{inodes_free} inodes free");
        assert_eq!(
            finding
                .summary
                .starts_with(&format!("{inodes_free}% of inodes free")),
            state != State::Ok
        );
    }
    let mut without = facts(500, 0, limits);
    if let Ok(space) = &mut without.space {
        space.inodes = 0;
    }
    assert_eq!(disk().judge(&without).state, State::Ok);
}

#[test]
fn metrics_carry_the_limits_as_what_may_be_used() {
    let finding = disk().judge(&facts(450, 100, limits("10%", "5%")));
    let used = &finding.metrics[0];
    assert_eq!(
        (&*used.name, used.value),
        ("used", Some(Number::Int(450 * 1024)))
    );
    assert_eq!(
        used.warn.unwrap().to_string(),
        (900 * 1024 * 9 / 10).to_string()
    );
    assert_eq!(used.max, Some(Number::Int(1000 * 1024)));
    assert_eq!(finding.metrics[1].value, Some(Number::Int(50)));
}

#[test]
fn as_the_plugin_limits_are_shares_of_the_whole_in_whole_units() {
    // What check_disk 2.3.3 said of an ext4 of 66053021 blocks with 50265139 free, 8033590 of them for everybody.
    let facts = |warn: &str, crit: &str| Facts {
        space: Ok(Space {
            block_bytes: 4096,
            blocks: 66_053_021,
            free: 50_265_139,
            available: 8_033_590,
            inodes: 16_777_216,
            inodes_free: 14_818_610,
        }),
        ..facts(0, 0, limits(warn, crit))
    };
    let used = |args: &[&str], warn: &str, crit: &str| {
        let all = [&["disk", "--just-as-plugin"], args].concat();
        let matches = Disk::augment_args(Command::new("disk")).get_matches_from(all);
        let finding = Disk::from_arg_matches(&matches)
            .unwrap()
            .judge(&facts(warn, crit));
        let metric = &finding.metrics[0];
        let range = |range: Option<Range>| range.unwrap().to_string();
        let number = |number: Option<Number>| number.unwrap().to_string();
        [
            number(metric.value),
            range(metric.warn),
            range(metric.crit),
            number(metric.max),
        ]
        .join(";")
    };
    for (args, warn, crit, said) in [
        (
            &[][..],
            "10%",
            "5%",
            "64666730496;243497277849;257024904396;270552530944",
        ),
        (
            &["-u", "kB"],
            "10%",
            "5%",
            "64667164672;243497856614;257025515315;270553174016",
        ),
        (
            &["-u", "GB"],
            "10%",
            "5%",
            "64424509440;242558278041;256033737932;269509197824",
        ),
        (
            &[],
            "1000",
            "500",
            "64666730496;269503954944;270028242944;270552530944",
        ),
        (&["-u", "TB"], "10%", "5%", "0;0;0;0"),
    ] {
        assert_eq!(used(args, warn, crit), said, "{args:?} -w {warn} -c {crit}");
    }
}

#[test]
fn one_that_gives_no_answer_is_critical_and_one_that_is_only_asked_is_not_judged() {
    for (silent, cause) in [
        (Silent::Hung, Cause::TIMEOUT),
        (Silent::StillHung, Cause::TIMEOUT),
        (
            Silent::Refused(std::io::ErrorKind::NotFound.into()),
            Cause::SYSTEM,
        ),
    ] {
        let finding = disk().judge(&Facts {
            space: Err(silent),
            ..facts(0, 0, Limits::EMBEDDED)
        });
        assert_eq!(
            (finding.state, finding.cause),
            (State::Critical, Some(cause))
        );
    }
    let finding = disk().judge(&Facts {
        judged: false,
        ..facts(0, 0, Limits::EMBEDDED)
    });
    assert_eq!(finding.state, State::Ok);
}

#[test]
fn recorded_answers_are_found_by_their_mount_point() {
    let table = "/\t4096 10 5 4 3 2\n/srv data\t1024 1 1 1 0 0\n";
    assert_eq!(
        recorded_space(table, Path::new("/srv data"))
            .unwrap()
            .block_bytes,
        1024
    );
    assert!(recorded_space(table, Path::new("/none")).is_err());
}
