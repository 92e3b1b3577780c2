//! Forget, prune, crash and repair.

use std::sync::atomic::Ordering;

use super::*;
use crate::error::Error;
use crate::prune::{self, Options, Pruned};

const HOUR: i64 = 3600;

impl Vault {
    fn prune(&self, grace: i64) -> Pruned {
        let options = Options {
            grace,
            unused: 50,
            parity: 2,
            dry_run: false,
            despite_gaps: false,
            without: &[],
            stop: &RUNNING,
        };
        prune::prune(&self.as_writer(), &options).expect("a prune")
    }

    fn forget_all_but_the_last(&self) {
        let last = self.latest().sequence;
        let all = self.closed().snapshots().expect("listed");
        let old: Vec<_> = all
            .into_iter()
            .flatten()
            .map(|(snapshot, _)| snapshot)
            .filter(|snapshot| snapshot.sequence < last)
            .collect();
        prune::forget(&self.as_writer(), &old).expect("forgotten");
    }
}

#[test]
fn what_nobody_needs_goes_after_its_grace_and_not_before() {
    let vault = Vault::new();
    vault.write("a", &noise(400_000, 1));
    vault.create();
    vault.write("a", &noise(400_000, 2));
    vault.create();
    vault.forget_all_but_the_last();
    assert_eq!(vault.problems(), Vec::<String>::new());
    let first = vault.prune(48 * HOUR);
    assert!(
        first.packs_condemned > 0 && first.packs_deleted == 0,
        "{first:?}"
    );
    vault.store.set_clock(47 * HOUR);
    assert_eq!(vault.prune(48 * HOUR).packs_deleted, 0);
    vault.store.set_clock(49 * HOUR);
    let last = vault.prune(48 * HOUR);
    assert!(last.packs_deleted == first.packs_condemned, "{last:?}");
    assert_eq!(vault.problems(), Vec::<String>::new());
    let (at, omissions) = vault.restore(&vault.latest());
    assert!(omissions.is_empty());
    assert_eq!(
        std::fs::read(at.join("a")).expect("restored"),
        noise(400_000, 2)
    );
    vault.create();
    assert_eq!(vault.problems(), Vec::<String>::new());
}

#[test]
fn a_condemned_pack_is_not_relied_on_again() {
    let vault = Vault::new();
    vault.write("a", &noise(400_000, 1));
    vault.create();
    vault.write("a", &noise(400_000, 2));
    vault.create();
    vault.forget_all_but_the_last();
    vault.prune(HOUR);
    // The old content comes back while its pack waits for the end: it is stored again.
    vault.write("a", &noise(400_000, 1));
    assert_eq!(vault.create().figures.new_bytes, 400_000);
    vault.store.set_clock(2 * HOUR);
    vault.prune(HOUR);
    assert_eq!(vault.problems(), Vec::<String>::new());
    let (at, _) = vault.restore(&vault.latest());
    assert_eq!(
        std::fs::read(at.join("a")).expect("restored"),
        noise(400_000, 1)
    );
}

#[test]
fn a_partly_unused_pack_is_written_anew_without_being_opened() {
    let vault = Vault::new();
    vault.write("a", &noise(9 << 20, 1));
    vault.write("b", &noise(3 << 20, 2));
    vault.create();
    std::fs::remove_file(vault.source().join("a")).expect("it was there");
    vault.create();
    vault.forget_all_but_the_last();
    let pruned = vault.prune(HOUR);
    assert!(pruned.packs_rewritten > 0, "{pruned:?}");
    assert_eq!(vault.prune(HOUR).packs_rewritten, 0, "once is enough");
    vault.store.set_clock(2 * HOUR);
    assert!(vault.prune(HOUR).bytes_deleted > 9 << 20);
    let stored: u64 = vault
        .store
        .list("packs")
        .expect("listed")
        .iter()
        .map(|listed| listed.size)
        .sum();
    assert!(stored < 6 << 20, "{stored}");
    assert_eq!(vault.problems(), Vec::<String>::new());
    let (at, omissions) = vault.restore(&vault.latest());
    assert!(omissions.is_empty());
    assert_eq!(
        std::fs::read(at.join("b")).expect("restored"),
        noise(3 << 20, 2)
    );
}

#[test]
fn prune_touches_nothing_when_a_snapshot_cannot_be_followed() {
    let vault = Vault::new();
    vault.write("a", &noise(400_000, 1));
    vault.create();
    let shard = vault.store.list("index").expect("listed").remove(0).name;
    vault.store.delete(&shard).expect("deleted");
    let options = Options {
        grace: 0,
        unused: 50,
        parity: 2,
        dry_run: false,
        despite_gaps: false,
        without: &[],
        stop: &RUNNING,
    };
    let failed = prune::prune(&vault.as_writer(), &options);
    assert!(matches!(failed, Err(Error::Missing { .. })), "{failed:?}");
    assert!(vault.store.list("condemned").expect("listed").is_empty());
}

#[test]
fn packs_of_a_run_that_died_are_taken_over_by_the_next() {
    let vault = Vault::new();
    vault.write("a", &noise(20 << 20, 1));
    vault.create();
    let packs = vault.store.list("packs").expect("listed").len();
    // As after a kill between the last pack and the index: what the journal says is put back by hand.
    let cache = vault.folder.path().join("cache");
    let repository = vault.as_writer();
    let key = repository.writer().expect("its own").index_key();
    let mut journal = Vec::new();
    for listed in vault.store.list("packs").expect("listed") {
        let id = crate::pack::id_of(&listed.name).expect("a pack");
        let bytes = vault.store.get(&listed.name).expect("there");
        let (_, groups) = crate::pack::read(&id, &bytes, &key).expect("whole");
        journal.extend(create::journal_record(&crate::pack::Pack {
            id,
            bytes: Vec::new(),
            groups,
        }));
    }
    for folder in ["index", "snapshots", "copies/snapshots"] {
        for listed in vault.store.list(folder).expect("listed") {
            vault.store.delete(&listed.name).expect("deleted");
        }
    }
    std::fs::remove_dir_all(&cache).expect("it was there");
    std::fs::create_dir(&cache).expect("a folder");
    std::fs::write(cache.join("journal-00"), &journal[..journal.len() - 3])
        .expect("a journal that was cut");
    let created = vault.create();
    let stored: usize = vault.store.list("packs").expect("listed").len();
    assert!(stored <= packs + 2, "{stored} packs after {packs}");
    assert!(
        created.figures.new_bytes < 18 << 20,
        "{:?}",
        created.figures
    );
    assert_eq!(vault.problems(), Vec::<String>::new());
    assert!(!cache.join("journal-00").exists());
}

#[test]
fn eight_backups_a_prune_and_a_restore_at_once_harm_each_other_in_nothing() {
    let vault = Vault::new();
    vault.write("shared", &noise(600_000, 1));
    vault.create();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let vault = &vault;
                scope.spawn(move || {
                    for round in 0..4 {
                        vault.write(
                            &format!("own-{number}"),
                            &noise(100_000, number * 16 + round),
                        );
                        let created = vault.try_create(number % 2 == 0).expect("a snapshot");
                        assert!(created.id.is_some());
                    }
                })
            })
            .collect();
        let (vault, done) = (&vault, &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let now = vault.store.now().expect("a clock");
                vault.store.set_clock(now + 10);
                let options = Options {
                    grace: 1000,
                    unused: 50,
                    parity: 2,
                    dry_run: false,
                    despite_gaps: false,
                    without: &[],
                    stop: &RUNNING,
                };
                prune::prune(&vault.as_writer(), &options).expect("a prune");
            }
        });
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let (_, omissions) = vault.restore(&vault.latest());
                assert!(omissions.is_empty(), "{omissions:?}");
            }
        });
        for writer in writers {
            writer.join().expect("no failure");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(vault.latest().sequence, 33);
    assert_eq!(vault.problems(), Vec::<String>::new());
}

#[test]
fn a_damaged_index_is_made_again_from_the_packs() {
    let vault = Vault::new();
    vault.write("a", &noise(400_000, 1));
    vault.create();
    for listed in vault.store.list("index").expect("listed") {
        vault.store.put(&listed.name, b"nonsense").expect("stored");
    }
    vault.store.delete("config").expect("deleted");
    assert_eq!(vault.problems().len(), 4, "{:?}", vault.problems());
    let repaired = crate::repair::repair(&vault.as_writer(), false, &RUNNING).expect("a repair");
    assert!(
        repaired.config_restored && repaired.shards_written == 1,
        "{repaired:?}"
    );
    assert_eq!(vault.problems(), Vec::<String>::new());
}

#[test]
fn a_removed_snapshot_is_missed_and_a_forgotten_one_is_not() {
    let vault = Vault::new();
    vault.write("a", b"1");
    for _ in 0..3 {
        vault.create();
    }
    vault.forget_all_but_the_last();
    assert_eq!(vault.problems(), Vec::<String>::new());
    vault.create();
    vault.create();
    let name = crate::snapshot::name(&vault.latest().writer, 4);
    vault.store.delete(&name).expect("deleted");
    assert!(
        vault.problems()[0].ends_with("is missing in the repository; its copy is whole"),
        "{:?}",
        vault.problems()
    );
    vault.remove(&name);
    assert!(
        vault
            .problems()
            .iter()
            .any(|problem| problem.contains("snapshot 4 of writer")),
        "{:?}",
        vault.problems()
    );
    // The newest cannot be missed by the chain, but by who saw it.
    let newest = vault.latest();
    vault.remove(&newest.name());
    let known = [(crate::hex(&newest.writer), newest.sequence, newest.id)];
    let options = check::Options {
        read: None,
        known: &known,
        stop: &RUNNING,
    };
    let report = check::check(&vault.as_organisation(), &options).expect("the store answers");
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.contains("was here")),
        "{report:?}"
    );
}
