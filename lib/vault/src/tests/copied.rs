//! A second place for a repository.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::copy::{Copied, Options, copy};
use crate::error::Error;
use crate::repository::copy_of;
use crate::store::Listed;

fn copied(vault: &Vault, to: &Arc<dyn Store>) -> Result<Copied> {
    let options = Options {
        dry_run: false,
        stop: &RUNNING,
        bytes: &AtomicU64::new(0),
    };
    copy(&vault.closed(), to, Path::new("second"), &options)
}

/// A store that takes so many objects and no more.
struct FailsAfter {
    store: Arc<MemoryStore>,
    left: AtomicU64,
}

impl FailsAfter {
    fn new(store: Arc<MemoryStore>, left: u64) -> Self {
        FailsAfter {
            store,
            left: left.into(),
        }
    }

    fn spend(&self) -> io::Result<()> {
        let left = |left: u64| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl Store for FailsAfter {
    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        self.store.get(name)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.store.get_range(name, offset, len)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.spend()?;
        self.store.put(name, bytes)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        self.spend()?;
        self.store.put_new(name, bytes)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        self.store.list(folder)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.store.delete(name)
    }

    fn now(&self) -> io::Result<i64> {
        self.store.now()
    }
}

/// The same vault, seen at another place.
fn at(vault: Vault, store: &Arc<MemoryStore>) -> Vault {
    Vault {
        store: store.clone(),
        ..vault
    }
}

fn places() -> (Vault, Arc<MemoryStore>, Arc<dyn Store>) {
    let vault = Vault::new();
    vault.write("a", &noise(400_000, 1));
    vault.create();
    let second = Arc::new(MemoryStore::default());
    (vault, second.clone(), second)
}

#[test]
fn what_is_there_is_not_copied_again_and_all_comes_back_from_the_second_place() {
    let (vault, store, to) = places();
    let first = copied(&vault, &to).expect("copied");
    assert!(first.made && first.problems.is_empty() && first.snapshots == 1);
    assert_eq!(copied(&vault, &to).expect("copied").objects, 0);
    vault.write("b", &noise(300_000, 2));
    vault.create();
    let next = copied(&vault, &to).expect("copied");
    assert_eq!((next.snapshots, next.made), (1, false));
    assert!(next.bytes < first.bytes, "{next:?}");
    let latest = vault.latest();
    let second = at(vault, &store);
    assert_eq!(second.problems(), Vec::<String>::new());
    let (restored, omissions) = second.restore(&latest);
    assert!(omissions.is_empty() && restored.join("b").exists());
    // It can be written to, too.
    second.write("c", b"more");
    second.create();
    assert_eq!(second.problems(), Vec::<String>::new());
}

#[test]
fn wherever_it_ends_the_second_place_is_whole_and_the_next_copy_goes_on() {
    let (vault, _, _) = places();
    vault.write("b", &noise(300_000, 2));
    vault.create();
    let all = MemoryStore::default();
    let counted: Arc<dyn Store> = Arc::new(all);
    let objects = copied(&vault, &counted).expect("copied").objects;
    let latest = vault.latest();
    let mut vault = vault;
    for limit in 0..objects {
        let store = Arc::new(MemoryStore::default());
        let failing: Arc<dyn Store> = Arc::new(FailsAfter::new(store.clone(), limit));
        assert!(copied(&vault, &failing).is_err(), "{limit}");
        let source = vault.store.clone();
        let there = Repository::open(store.clone(), Path::new("second"));
        if there.is_ok() {
            vault = at(vault, &store);
            for snapshot in vault
                .closed()
                .snapshots()
                .expect("listed")
                .into_iter()
                .flatten()
            {
                let (_, omissions) = vault.restore(&snapshot.0);
                assert!(omissions.is_empty(), "{limit}: {omissions:?}");
            }
            vault = at(vault, &source);
        }
        let to: Arc<dyn Store> = store.clone();
        copied(&vault, &to).expect("copied");
        vault = at(vault, &store);
        assert_eq!(vault.problems(), Vec::<String>::new(), "{limit}");
        let (_, omissions) = vault.restore(&latest);
        assert!(omissions.is_empty());
        vault = at(vault, &source);
    }
}

#[test]
fn damage_is_not_copied_and_a_forgotten_snapshot_stays_where_it_is() {
    let (vault, store, to) = places();
    vault.write("b", &noise(300_000, 2));
    vault.create();
    copied(&vault, &to).expect("copied");
    let first = vault
        .closed()
        .snapshots()
        .expect("listed")
        .remove(0)
        .expect("whole")
        .0;
    crate::prune::forget(&vault.as_writer(), &[first]).expect("forgotten");
    let pruning = crate::prune::Options {
        grace: 0,
        unused: 20,
        parity: 2,
        despite_gaps: false,
        without: &[],
        dry_run: false,
        stop: &RUNNING,
    };
    for _ in 0..2 {
        crate::prune::prune(&vault.as_writer(), &pruning).expect("pruned");
    }
    vault.write("c", &noise(200_000, 3));
    vault.create();
    let key = vault.store.list("keys").expect("listed").remove(0).name;
    for name in [key.clone(), copy_of(&key)] {
        vault.flip(&name);
        to.delete(&name).expect("deleted");
    }
    let done = copied(&vault, &to).expect("copied");
    assert_eq!(done.problems.len(), 2, "{done:?}");
    assert!(to.get(&key).is_err());
    for name in [key.clone(), copy_of(&key)] {
        vault.flip(&name);
    }
    assert_eq!(
        copied(&vault, &to).expect("copied").problems,
        Vec::<String>::new()
    );
    let second = at(vault, &store);
    assert_eq!(second.closed().snapshots().expect("listed").len(), 3);
    assert_eq!(second.problems(), Vec::<String>::new());
}

#[test]
fn another_repository_and_another_backup_of_the_same_number_are_left_alone() {
    let (vault, store, to) = places();
    copied(&vault, &to).expect("copied");
    let (other, ..) = places();
    assert!(matches!(copied(&other, &to), Err(Error::Refused(_))));
    let source = vault.store.clone();
    vault.write("b", b"here");
    vault.create();
    let vault = at(vault, &store);
    vault.write("b", b"there");
    vault.create();
    let there = store.get(&vault.latest().name()).expect("there");
    let vault = at(vault, &source);
    let done = copied(&vault, &to).expect("copied");
    assert!(
        done.problems
            .iter()
            .any(|problem| problem.contains("another there")),
        "{done:?}"
    );
    assert_eq!(store.get(&vault.latest().name()).expect("there"), there);
}
