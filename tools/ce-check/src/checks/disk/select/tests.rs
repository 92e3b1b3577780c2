//! What the options pick.

use super::*;

fn mount(point: &str, kind: &str, device: &str) -> Mount {
    Mount {
        device: device.to_owned(),
        subtree: "/".into(),
        point: point.into(),
        options: "rw".to_owned(),
        kind: kind.to_owned(),
        source: format!("/dev/{kind}{device}").into(),
        super_options: "rw".to_owned(),
    }
}

fn names(selection: &Selection, mounts: &[Mount], exact: bool) -> Result<Vec<String>, String> {
    let chosen = choose(selection, mounts, exact, Path::to_path_buf, |_| true)?;
    Ok(chosen
        .iter()
        .map(|one| one.name.display().to_string())
        .collect())
}

fn machine() -> Vec<Mount> {
    vec![
        mount("/proc", "proc", "0:1"),
        mount("/", "ext4", "8:1"),
        mount("/srv", "xfs", "8:2"),
        mount("/srv/www/files", "xfs", "8:2"),
        mount("/snap/core", "squashfs", "7:1"),
        mount("/sys/fs/cgroup", "tmpfs", "0:9"),
        mount("/var/lib/docker/x/merged", "overlay", "0:50"),
    ]
}

#[test]
fn without_paths_each_file_system_that_holds_data_is_judged_once() {
    let selection = Selection::from_steps(std::iter::empty());
    assert_eq!(names(&selection, &machine(), false).unwrap(), ["/", "/srv"]);
    assert_eq!(selection.rest, Limits::EMBEDDED);
}

#[test]
fn a_path_takes_the_thresholds_before_it_and_clear_forgets_them() {
    let percent = |percent: f64| Limit::Percent(percent);
    let path = |path: &str| Step::Target(Target::Path(path.into()));
    let selection = Selection::from_steps(
        [
            Step::Warn(percent(10.0)),
            path("/srv"),
            Step::Clear,
            Step::Crit(percent(5.0)),
            path("/"),
        ]
        .into_iter(),
    );
    let mounts = machine();
    let chosen = choose(&selection, &mounts, false, Path::to_path_buf, |_| true).unwrap();
    assert_eq!(
        (chosen[0].limits.warn, chosen[0].limits.crit),
        (Some(percent(10.0)), None)
    );
    assert_eq!(
        (chosen[1].limits.warn, chosen[1].limits.crit),
        (None, Some(percent(5.0)))
    );
}

#[test]
fn thresholds_before_the_first_clear_hold_for_what_no_path_names() {
    let limit = |percent: f64| Limit::Percent(percent);
    let path = |path: &str| Step::Target(Target::Path(path.into()));
    let steps = [
        Step::Warn(limit(10.0)),
        Step::Clear,
        Step::Warn(limit(20.0)),
        path("/"),
    ];
    let selection = Selection::from_steps(steps.into_iter());
    let mounts = machine();
    let chosen = choose(&selection, &mounts, false, Path::to_path_buf, |_| true).unwrap();
    let limits: Vec<_> = chosen
        .iter()
        .map(|one| (one.name.to_str().unwrap(), one.limits.warn))
        .collect();
    assert_eq!(
        limits,
        [("/srv", Some(limit(10.0))), ("/", Some(limit(20.0)))]
    );
}

#[test]
fn of_all_each_file_system_is_judged_once_and_room_of_the_kernel_too() {
    let mut mounts = machine();
    mounts.push(mount("/dev", "devtmpfs", "0:5"));
    mounts.push(mount("/opt", "xfs", "8:2"));
    let matching = |pattern: &str| Step::Target(Target::Matching(Regex::new(pattern).unwrap()));
    for (pattern, found) in [
        (
            "",
            "/ /snap/core /sys/fs/cgroup /var/lib/docker/x/merged /dev /opt",
        ),
        ("files", "/srv/www/files"),
    ] {
        let selection = Selection::from_steps([matching(pattern)].into_iter());
        assert_eq!(names(&selection, &mounts, false).unwrap().join(" "), found);
    }
    let selection = Selection::from_steps(std::iter::empty());
    assert_eq!(names(&selection, &mounts, false).unwrap(), ["/", "/opt"]);
}

#[test]
fn what_is_left_out_is_not_judged_when_it_is_named_either() {
    let selection = Selection::from_steps([Step::Target(Target::Path("/srv".into()))].into_iter());
    let mounts = machine();
    let keep = |mount: &Mount| mount.kind != "xfs";
    let chosen = choose(&selection, &mounts, false, Path::to_path_buf, keep).unwrap();
    assert_eq!(chosen, []);
}

#[test]
fn dropping_before_anything_is_picked_is_refused() {
    let path = || Step::Target(Target::Path("/srv".into()));
    let drop = || Step::Target(Target::NotMatching(Regex::new("x").unwrap()));
    assert!(
        Selection::from_steps([drop(), path()].into_iter())
            .validate()
            .is_err()
    );
    assert!(
        Selection::from_steps([path(), drop()].into_iter())
            .validate()
            .is_ok()
    );
    assert!(
        Selection::from_steps([drop()].into_iter())
            .validate()
            .is_ok()
    );
}

#[test]
fn a_path_is_a_mount_point_a_device_or_lies_below_one() {
    let select =
        |path: &str| Selection::from_steps([Step::Target(Target::Path(path.into()))].into_iter());
    for (path, exact, found) in [
        ("/srv", true, "/srv"),
        ("/dev/ext48:1", true, "/"),
        ("/srv/www", false, "/srv"),
        ("ext48:1", false, "ext48:1"),
    ] {
        assert_eq!(names(&select(path), &machine(), exact).unwrap(), [found]);
    }
    let mounts = machine();
    let chosen = choose(
        &select("/srv/www"),
        &mounts,
        true,
        Path::to_path_buf,
        |_| true,
    )
    .unwrap();
    assert_eq!(chosen[0].mount, None);
}

#[test]
fn expressions_pick_and_drop_and_one_that_picks_nothing_is_an_error() {
    let matching = |pattern: &str| Step::Target(Target::Matching(Regex::new(pattern).unwrap()));
    let dropping = |pattern: &str| Step::Target(Target::NotMatching(Regex::new(pattern).unwrap()));
    let selection = Selection::from_steps([matching("^/s"), dropping("www|snap|sys")].into_iter());
    assert_eq!(names(&selection, &machine(), false).unwrap(), ["/srv"]);
    let selection = Selection::from_steps([dropping("srv")].into_iter());
    assert_eq!(names(&selection, &machine(), false).unwrap(), ["/"]);
    let selection = Selection::from_steps([matching("nope")].into_iter());
    assert_eq!(
        names(&selection, &machine(), false).unwrap_err(),
        "no file system matches 'nope'"
    );
}
