//! What is lost or damaged in the storage: what is told of it, what is mended, and that the next backup goes on.

use super::*;
use crate::prune::{self, Options};
use crate::repair;

fn two_snapshots() -> (Vault, Snapshot, Snapshot) {
    let vault = Vault::new();
    vault.write("a", &noise(300_000, 1));
    vault.create();
    let first = vault.latest();
    vault.write("b", &noise(200_000, 2));
    vault.create();
    let second = vault.latest();
    (vault, first, second)
}

fn names(vault: &Vault, folder: &str) -> Vec<String> {
    let listed = vault.store.list(folder).expect("listed");
    listed.into_iter().map(|listed| listed.name).collect()
}

fn is_whole(vault: &Vault, snapshot: &Snapshot) {
    let (restored, omissions) = vault.restore(snapshot);
    assert!(omissions.is_empty(), "{omissions:?}");
    assert!(restored.join("a").exists());
}

#[test]
fn a_flipped_bit_or_a_lost_object_is_read_from_its_copy_and_mended() {
    let (vault, first, second) = two_snapshots();
    for folder in ["keys", "writers", "snapshots"] {
        for name in names(&vault, folder) {
            for copy in [false, true] {
                for lose in [false, true] {
                    let target = match copy {
                        true => crate::repository::copy_of(&name),
                        false => name.clone(),
                    };
                    match lose {
                        true => vault.store.delete(&target).expect("deleted"),
                        false => vault.flip(&target),
                    }
                    if !(lose && copy) {
                        let told = vault.problems().join("; ");
                        assert!(told.contains(&target), "{target}: {told}");
                    }
                    is_whole(&vault, &first);
                    is_whole(&vault, &second);
                    let repaired =
                        repair::repair(&vault.as_writer(), false, &RUNNING).expect("mended");
                    assert_eq!(repaired.objects_mended, [target]);
                    assert_eq!(vault.problems(), Vec::<String>::new());
                }
            }
        }
    }
}

#[test]
fn a_session_whose_key_is_gone_is_told_and_not_relied_on() {
    let (vault, _, _) = two_snapshots();
    for name in names(&vault, "keys")
        .iter()
        .filter(|name| !name.contains('-'))
    {
        vault.remove(name);
    }
    let options = check::Options {
        read: None,
        known: &[],
        stop: &RUNNING,
    };
    let report = check::check(&vault.as_writer(), &options).expect("the store answers");
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.contains("'keys/")),
        "{report:?}"
    );
    let created = vault.create();
    assert!(
        created.alarms[0].contains("the keys of"),
        "{:?}",
        created.alarms
    );
    assert!(created.figures.new_bytes > 400_000);
    is_whole(&vault, &vault.latest());
    let repaired = repair::repair(&vault.as_writer(), false, &RUNNING).expect("looked at");
    assert_eq!(repaired.packs_lost.len(), 4);
    assert_eq!(vault.create().alarms, Vec::<String>::new());
    is_whole(&vault, &vault.latest());
}

#[test]
fn packs_that_are_gone_are_told_and_stored_anew() {
    let (vault, _, _) = two_snapshots();
    for name in names(&vault, "packs") {
        vault.store.delete(&name).expect("deleted");
    }
    let created = vault.create();
    assert!(
        created.alarms[0].contains("packs are gone"),
        "{:?}",
        created.alarms
    );
    is_whole(&vault, &vault.latest());
}

#[test]
fn what_a_writer_announced_itself_with_is_written_anew() {
    let (vault, _, second) = two_snapshots();
    let writer = crate::hex(&second.writer);
    for name in [format!("keys/{writer}-writer"), format!("writers/{writer}")] {
        vault.remove(&name);
        let lost = vault.as_organisation().head(&second).map(drop);
        assert!(
            matches!(lost, Err(crate::Error::Missing { .. })),
            "{lost:?}"
        );
        assert!(vault.as_writer().announce_again("web1").expect("written"));
        assert!(!vault.as_writer().announce_again("web1").expect("there"));
        is_whole(&vault, &second);
    }
}

#[test]
fn a_removed_snapshot_leaves_a_gap_for_ever() {
    let (vault, _, second) = two_snapshots();
    vault.remove(&second.name());
    let known = Some((second.sequence, second.id));
    let created = vault.create_after(true, known).expect("a snapshot");
    assert_eq!(created.sequence, 3);
    assert!(
        created.alarms[0].contains("are gone"),
        "{:?}",
        created.alarms
    );
    vault.create();
    let told = vault.problems().join("; ");
    assert!(told.contains("snapshot 2 of writer"), "{told}");
    let options = Options {
        grace: 0,
        unused: 50,
        parity: 2,
        despite_gaps: false,
        without: &[],
        dry_run: false,
        stop: &RUNNING,
    };
    let refused = prune::prune(&vault.as_writer(), &options).expect_err("it may be put back");
    assert!(refused.to_string().contains("--despite-gaps"), "{refused}");
    prune::prune(
        &vault.as_writer(),
        &Options {
            despite_gaps: true,
            without: &[],
            ..options
        },
    )
    .expect("pruned");
}

#[test]
fn a_damaged_newest_snapshot_stops_no_backup() {
    let (vault, first, second) = two_snapshots();
    let name = second.name();
    vault.flip(&name);
    vault.flip(&crate::repository::copy_of(&name));
    let created = vault.create();
    assert_eq!(created.sequence, 3);
    assert!(
        created.alarms[0].contains("damaged"),
        "{:?}",
        created.alarms
    );
    is_whole(&vault, &first);
    is_whole(&vault, &vault.latest());
    let repaired = repair::repair(&vault.as_writer(), false, &RUNNING).expect("looked at");
    assert_eq!(repaired.objects_lost, [name]);
}

#[test]
fn a_forgotten_snapshot_that_comes_back_is_none_and_is_told() {
    let (vault, first, _) = two_snapshots();
    let bytes = vault.store.get(&first.name()).expect("there");
    prune::forget(&vault.as_writer(), std::slice::from_ref(&first)).expect("forgotten");
    vault.store.put(&first.name(), &bytes).expect("stored");
    assert_eq!(vault.closed().snapshots().expect("listed").len(), 1);
    let told = vault.problems().join("; ");
    assert!(told.contains("was forgotten and is here again"), "{told}");
}
