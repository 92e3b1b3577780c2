//! What every store must do, whatever it is kept on: for the tests of all of them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "these are tests, for tests in other crates too"
)]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::Store;

/// Threads that use a store at once.
const THREADS: usize = 8;
/// More than one page of what a listing of S3 has at most.
const MANY: usize = 1200;
/// Larger than any pack.
const BIG: usize = 40 << 20;

/// All of it, in an empty store, which is empty afterwards.
///
/// # Panics
/// The store does something else.
pub fn conforms(store: &dyn Store) {
    objects(store);
    names(store);
    sizes(store);
    pages(store);
    writers(store);
    race(store);
    store.sweep(0).expect("swept");
}

/// Objects are stored, replaced, read in part, listed and deleted.
pub fn objects(store: &dyn Store) {
    for name in ["packs/aa/x", "config"] {
        assert_eq!(
            store.get(name).map_err(|error| error.kind()),
            Err(ErrorKind::NotFound)
        );
        let part = store.get_range(name, 0, 1).map_err(|error| error.kind());
        assert_eq!(part, Err(ErrorKind::NotFound));
    }
    assert_eq!(store.list("packs").expect("an empty listing"), []);
    store.put("packs/aa/x", b"hello").expect("stored");
    store.put("packs/bb/y", b"").expect("stored");
    assert_eq!(store.get("packs/aa/x").expect("there"), b"hello");
    assert_eq!(store.get("packs/bb/y").expect("there"), b"");
    assert_eq!(store.get_range("packs/aa/x", 1, 3).expect("there"), b"ell");
    assert_eq!(store.get_range("packs/aa/x", 3, 30).expect("there"), b"lo");
    assert_eq!(store.get_range("packs/aa/x", 5, 3).expect("there"), b"");
    assert_eq!(store.get_range("packs/aa/x", 30, 3).expect("there"), b"");
    assert_eq!(store.get_range("packs/aa/x", 1, 0).expect("there"), b"");
    assert_eq!(store.get_range("packs/bb/y", 0, 3).expect("there"), b"");
    store.put("packs/aa/x", b"replaced").expect("stored");
    assert!(!store.put_new("packs/aa/x", b"no").expect("answered"));
    assert!(store.put_new("snapshots/1", b"new").expect("answered"));
    assert_eq!(store.get("packs/aa/x").expect("there"), b"replaced");
    let listed = store.list("packs").expect("listed").into_iter();
    let listed: Vec<_> = listed.map(|item| (item.name, item.size)).collect();
    let expected = [("packs/aa/x".to_owned(), 8), ("packs/bb/y".to_owned(), 0)];
    assert_eq!(listed, expected);
    let received = store.list("snapshots").expect("listed")[0].received;
    assert!((store.now().expect("a clock") - received).abs() < 5);
    for name in ["packs/aa/x", "packs/bb/y", "snapshots/1", "snapshots/1"] {
        store.delete(name).expect("deleted, or gone already");
        assert!(store.get(name).is_err());
    }
}

/// Names of every shape that a repository has stay apart and come back.
pub fn names(store: &dyn Store) {
    let digest = "0123456789abcdef".repeat(4);
    let mut names = BTreeSet::from([
        "config".to_owned(),
        "config.copy".to_owned(),
        format!("keys/{digest}"),
        format!("keys/{digest}-writer"),
        format!("keys/{digest}-index"),
        format!("index/{digest}"),
        format!("snapshots/{digest}/00000001"),
        format!("packs/01/{digest}"),
        "packs/01/a.b_c-d~e".to_owned(),
    ]);
    // It begins as the folder does and is not in it.
    names.insert("packs2/x".to_owned());
    for name in &names {
        store.put(name, name.as_bytes()).expect("stored");
    }
    for name in &names {
        assert_eq!(store.get(name).expect("there"), name.as_bytes());
    }
    let listed: Vec<_> = store
        .list("packs")
        .expect("listed")
        .into_iter()
        .map(|item| item.name)
        .collect();
    let expected: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("packs/"))
        .cloned()
        .collect();
    assert_eq!(listed, expected);
    for name in &names {
        store.delete(name).expect("deleted");
    }
}

/// Bytes that do not compress and tell where they are.
#[must_use]
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let words = (0..len.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len).collect()
}

/// What is small and what is big comes back whole and in part.
pub fn sizes(store: &dyn Store) {
    for len in [1, 65_536, (1 << 20) + 1, BIG] {
        let bytes = noise(len);
        let name = format!("packs/ff/{len}");
        store.put(&name, &bytes).expect("stored");
        assert!(
            store.get(&name).expect("there") == bytes,
            "{len} bytes came back as others"
        );
        for (offset, want) in [(0, len), (len / 2, len), (len - 1, 1), (len / 3, 4096)] {
            let got = store.get_range(&name, offset as u64, want).expect("there");
            let end = len.min(offset + want);
            assert!(
                got == bytes[offset..end],
                "{want} of {len} bytes from {offset}"
            );
        }
        assert_eq!(store.list("packs").expect("listed")[0].size, len as u64);
        store.delete(&name).expect("deleted");
    }
}

/// So many objects are listed, each once, in order.
pub fn pages(store: &dyn Store) {
    let names: Vec<String> = (0..MANY)
        .map(|number| format!("index/{:08x}", number * 7919))
        .collect();
    each(&names, |name| {
        store.put(name, name.as_bytes()).expect("stored");
    });
    let mut expected = names.clone();
    expected.sort();
    let listed: Vec<_> = store
        .list("index")
        .expect("listed")
        .into_iter()
        .map(|item| item.name)
        .collect();
    assert!(listed == expected, "{} of {MANY} are listed", listed.len());
    each(&names, |name| {
        store.delete(name).expect("deleted");
    });
    assert_eq!(store.list("index").expect("listed"), []);
}

/// Many writers at once, of different objects and of the same.
pub fn writers(store: &dyn Store) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..4 {
                    let own = format!("packs/{thread:02x}/{number}");
                    let bytes = noise(100_000 + thread * 100 + number);
                    store.put(&own, &bytes).expect("stored");
                    store
                        .put("config", &vec![b'a' + thread as u8; 10_000])
                        .expect("stored");
                    assert!(store.get(&own).expect("there") == bytes);
                }
            });
        }
    });
    let one = store.get("config").expect("there");
    assert!(
        one.len() == 10_000 && one.iter().all(|byte| *byte == one[0]),
        "one writer's bytes, whole"
    );
    for item in store.list("packs").expect("listed") {
        store.delete(&item.name).expect("deleted");
    }
    store.delete("config").expect("deleted");
}

/// Of those who store under a new name at the same moment exactly one does.
pub fn race(store: &dyn Store) {
    for round in 0..5 {
        let name = format!("snapshots/{round}");
        let barrier = std::sync::Barrier::new(THREADS);
        let won: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (name, barrier) = (&name, &barrier);
                    scope.spawn(move || {
                        let bytes = format!("thread {thread}").into_bytes();
                        barrier.wait();
                        store
                            .put_new(name, &bytes)
                            .expect("answered")
                            .then_some(bytes)
                    })
                })
                .collect();
            let joined = running
                .into_iter()
                .map(|thread| thread.join().expect("a thread"));
            joined.flatten().collect()
        });
        assert_eq!(won.len(), 1, "so many stored '{name}' anew");
        assert_eq!(store.get(&name).expect("there"), won[0]);
        store.delete(&name).expect("deleted");
    }
}

/// Does it for all of them, by several threads.
fn each(names: &[String], action: impl Fn(&str) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    action(name);
                }
            });
        }
    });
}
