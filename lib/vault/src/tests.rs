//! The whole of it over a store in memory: what attackers, crashes and other runs may do.

mod copied;
mod crafted;
mod loss;
mod prune;
mod roles;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::check;
use crate::create::{self, Created, What};
use crate::restore::{self, Existing};
use crate::store::{MemoryStore, Store};
use crate::{Exclude, Identity, Repository, Result, Role, Snapshot, WriterKey};

static RUNNING: AtomicBool = AtomicBool::new(false);

/// A repository in memory, with an organisation's key and one writer.
struct Vault {
    store: Arc<MemoryStore>,
    secret: zeroize::Zeroizing<String>,
    writer: zeroize::Zeroizing<Vec<u8>>,
    folder: tempfile::TempDir,
}

impl Vault {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let identity = Identity::generate(Role::Organisation);
        let repository = Repository::init(
            store.clone(),
            vec![identity.recipient()],
            Path::new("memory"),
        )
        .expect("an empty store");
        let writer = repository
            .join("web1")
            .expect("the store takes it")
            .to_json();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("source")).expect("a folder");
        Vault {
            store,
            secret: identity.wrap(b"pass"),
            writer,
            folder,
        }
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.source().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in the source")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    fn identity(&self) -> Identity {
        Identity::unwrap(&self.secret, b"pass", Path::new("org.key"))
            .expect("the passphrase is right")
    }

    fn closed(&self) -> Repository {
        Repository::open(self.store.clone(), Path::new("memory")).expect("it is there")
    }

    /// As the server has it.
    fn as_writer(&self) -> Repository {
        let key = WriterKey::from_json(&self.writer).expect("as written");
        self.closed()
            .with_writer(key, Path::new("writer.key"))
            .expect("its own key")
    }

    /// As the organisation has it.
    fn as_organisation(&self) -> Repository {
        self.closed()
            .with_identity(self.identity())
            .expect("its own key")
    }

    fn create(&self) -> Created {
        self.try_create(true).expect("a snapshot")
    }

    fn try_create(&self, cached: bool) -> Result<Created> {
        self.create_after(cached, None)
    }

    fn create_after(&self, cached: bool, known: Option<(u64, crate::Id)>) -> Result<Created> {
        let cache = self.folder.path().join("cache");
        let progress = create::Progress::default();
        let options = create::Options {
            host: "web1".into(),
            program: "test".into(),
            tags: BTreeMap::new(),
            exclude: Exclude::default(),
            one_file_system: false,
            parity: 2,
            level: 1,
            dry_run: false,
            known,
            cache: cached.then_some(&cache),
            stop: &RUNNING,
            progress: &progress,
        };
        create::create(
            &self.as_writer(),
            What::Paths(vec![self.source()]),
            &options,
        )
    }

    fn latest(&self) -> Snapshot {
        let all = self.closed().snapshots().expect("listed");
        let all = all.into_iter().flatten().map(|snapshot| snapshot.0);
        all.max_by_key(|snapshot| snapshot.sequence)
            .expect("there is one")
    }

    /// Restores into a new folder; where the source's files are then, and what was omitted.
    fn restore(&self, snapshot: &Snapshot) -> (PathBuf, Vec<crate::Omission>) {
        let to = tempfile::tempdir_in(self.folder.path())
            .expect("a folder")
            .keep()
            .join("to");
        let omissions = self.restore_to(snapshot, &to);
        let below = self.source();
        (
            to.join(below.strip_prefix("/").expect("it is absolute")),
            omissions,
        )
    }

    fn restore_to(&self, snapshot: &Snapshot, to: &Path) -> Vec<crate::Omission> {
        let progress = restore::Progress::default();
        let options = restore::Options {
            to,
            paths: &[],
            existing: Existing::Refuse,
            verify: true,
            dry_run: false,
            stop: &RUNNING,
            progress: &progress,
        };
        restore::restore(&self.as_organisation(), snapshot, &options).expect("it can be begun")
    }

    /// As somebody who removes an object and its copy.
    fn remove(&self, name: &str) {
        for name in [name, &crate::repository::copy_of(name)] {
            self.store.delete(name).expect("deleted");
        }
    }

    fn flip(&self, name: &str) {
        let mut bytes = self.store.get(name).expect("there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.store.put(name, &bytes).expect("stored");
    }

    /// What a check with the organisation's key finds.
    fn problems(&self) -> Vec<String> {
        let options = check::Options {
            read: Some((1, 1)),
            known: &[],
            stop: &RUNNING,
        };
        check::check(&self.as_organisation(), &options)
            .expect("the store answers")
            .problems
    }
}

fn noise(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new_keyed(&[seed; 32])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

#[test]
fn what_is_unchanged_is_stored_once_and_all_of_it_comes_back() {
    let vault = Vault::new();
    vault.write("a/one", &noise(100, 1));
    vault.write("a/two", &noise(300_000, 2));
    vault.write("three", b"");
    let first = vault.create();
    assert_eq!(
        (first.figures.files, first.figures.bytes, first.sequence),
        (3, 300_100, 1)
    );
    let objects = vault.store.list("packs").expect("listed").len();
    let second = vault.create();
    assert_eq!((second.figures.new_bytes, second.sequence), (0, 2));
    // The folders above may have changed meanwhile: others write to /tmp.
    assert!(vault.store.list("packs").expect("listed").len() <= objects + 1);
    let (at, omissions) = vault.restore(&vault.latest());
    assert!(omissions.is_empty(), "{omissions:?}");
    assert_eq!(
        std::fs::read(at.join("a/two")).expect("restored"),
        noise(300_000, 2)
    );
    assert_eq!(vault.problems(), Vec::<String>::new());
}

#[test]
fn without_a_cache_everything_is_read_and_nothing_is_stored_again() {
    let vault = Vault::new();
    for number in 0..200 {
        vault.write(&format!("small/{number}"), &noise(number * 37, 3));
    }
    vault.write("large", &noise(3 << 20, 4));
    vault.create();
    let again = vault.try_create(false).expect("a snapshot");
    assert_eq!(again.figures.new_bytes, 0);
}

#[test]
fn a_hard_link_comes_back_without_its_first_name() {
    let vault = Vault::new();
    vault.write("a/first", &noise(5000, 1));
    vault.write("b/other", b"x");
    for name in ["b/second", "b/third"] {
        std::fs::hard_link(vault.source().join("a/first"), vault.source().join(name))
            .expect("a link");
    }
    vault.create();
    let to = vault.folder.path().join("to");
    let below = vault
        .source()
        .strip_prefix("/")
        .expect("it is absolute")
        .to_owned();
    let wanted = [below.join("b").into_os_string().into_encoded_bytes()];
    let progress = restore::Progress::default();
    let options = restore::Options {
        to: &to,
        paths: &wanted,
        existing: Existing::Refuse,
        verify: true,
        dry_run: false,
        stop: &RUNNING,
        progress: &progress,
    };
    let omissions = restore::restore(&vault.as_organisation(), &vault.latest(), &options)
        .expect("it can be begun");
    assert!(omissions.is_empty(), "{omissions:?}");
    let inode = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        let path = to.join(&below).join(name);
        assert_eq!(std::fs::read(&path).expect("restored"), noise(5000, 1));
        path.metadata().expect("there").ino()
    };
    assert_eq!(inode("b/second"), inode("b/third"));
    assert!(!to.join(&below).join("a").exists());
}
