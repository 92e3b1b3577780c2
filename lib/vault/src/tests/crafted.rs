//! Snapshots that a server which lies may write: nothing is restored outside of the folder, no other snapshot suffers.

use std::os::unix::fs::symlink;

use super::*;
use crate::id::Id;
use crate::index::{self, Index};
use crate::key::{KeyKind, KeyObject, Signer};
use crate::pack::{self, Builder, Class, Sealer, Session};
use crate::snapshot::{self, Figures, Head};
use crate::tree::{Item, Kind, LeafBuilder, Metadata, NodeBuilder, Owner};

impl Vault {
    /// Commits a snapshot of exactly these items, with the writer's own keys.
    fn forge(&self, items: &[Item]) -> Snapshot {
        let repository = self.as_writer();
        let key = repository.writer().expect("its own");
        let (id, private) = ([9; 16], crate::seal::Key::new([8; 32]));
        let object = KeyObject::seal(
            KeyKind::Session,
            &id,
            &key.id(),
            &*private,
            &key.recipients,
            Signer::Writer(key),
        );
        repository.put_key(&object).expect("stored");
        let session = Session::new(id, private, &key.index_key());
        let mut leaf = LeafBuilder::default();
        items.iter().for_each(|item| leaf.push(item));
        let leaf = leaf.finish();
        let name = |bytes: &[u8]| Id(*blake3::keyed_hash(&key.id_key(), bytes).as_bytes());
        let mut node = NodeBuilder::default();
        node.push(&name(&leaf.skeleton), &name(&leaf.private), &items[0].path);
        let (skeleton, first) = node.finish();
        let mut builder = Builder::default();
        let chunks = [
            (Class::Skeleton, &leaf.skeleton),
            (Class::Private, &leaf.private),
            (Class::Skeleton, &skeleton),
            (Class::Private, &first),
        ];
        for (counter, (class, bytes)) in (0..).zip(chunks) {
            let members = vec![(name(bytes), bytes.len() as u32)];
            builder.push(Sealer::new(3).seal(&session, counter, class, bytes, members));
        }
        let pack = builder.finish(&id, &key.id(), &key.index_key(), 2);
        self.store
            .put(&pack::name(&pack.id), &pack.bytes)
            .expect("stored");
        let mut index = Index::default();
        index.add(pack.id, id, &pack.groups);
        for shard in index.encode(&key.id(), &key.index_key()) {
            self.store
                .put(&index::name(&shard), &shard)
                .expect("stored");
        }
        let head = Head {
            previous: None,
            time: "2036-01-01T00:00:00Z".into(),
            host: "web1".into(),
            program: "forged".into(),
            roots: vec!["/".into()],
            tags: BTreeMap::new(),
            nodes: vec![(name(&skeleton), name(&first))],
            errors: None,
            figures: Figures::default(),
        };
        let bytes = snapshot::encode(&head, 1, key);
        let name = snapshot::name(&key.id(), 1);
        self.store.put(&name, &bytes).expect("stored");
        Snapshot::decode(&name, &bytes).expect("as written")
    }
}

fn item(path: &str, kind: Kind) -> Item {
    let owner = Owner {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        ..Owner::default()
    };
    let metadata = Metadata {
        mode: 0o777,
        owner,
        mtime: (1, 0),
        xattrs: Vec::new(),
    };
    Item {
        path: path.into(),
        kind,
        metadata,
    }
}

fn file(path: &str) -> Item {
    item(
        path,
        Kind::File {
            extents: Vec::new(),
            torn: false,
        },
    )
}

#[test]
fn nothing_is_restored_outside_of_the_folder() {
    let outside = tempfile::tempdir().expect("a folder");
    let target = outside.path().to_str().expect("text").to_owned();
    std::fs::write(outside.path().join("kept"), "as it was").expect("a file");
    let up = format!("../../../../../../../..{target}/escaped");
    for items in [
        vec![file(&up)],
        vec![file(&format!("{target}/escaped"))],
        vec![file("a/../../escaped")],
        vec![file("")],
        vec![file(".")],
        vec![file("a\0b")],
        // Through a link that the snapshot itself makes.
        vec![
            item("link", Kind::Symlink(target.clone().into())),
            file("link/escaped"),
        ],
        vec![
            item("link", Kind::Symlink(target.clone().into())),
            item("link", Kind::Folder),
        ],
        vec![
            item("link", Kind::Symlink(target.clone().into())),
            item("link/d", Kind::Folder),
            file("link/d/escaped"),
        ],
        vec![
            item("link", Kind::Symlink(format!("{target}/kept").into())),
            file("link"),
        ],
        // A second name for something outside.
        vec![
            item("link", Kind::Symlink(target.clone().into())),
            item("hard", Kind::Hardlink(b"link/kept".to_vec())),
        ],
        vec![item(
            "hard",
            Kind::Hardlink(format!("..{target}/kept").into_bytes()),
        )],
        vec![item("hard", Kind::Hardlink(b"../kept".to_vec()))],
    ] {
        let vault = Vault::new();
        let snapshot = vault.forge(&items);
        let to = vault.folder.path().join("to");
        let before = std::fs::metadata(outside.path().join("kept")).expect("there");
        vault.restore_to(&snapshot, &to);
        let names: Vec<_> = std::fs::read_dir(outside.path())
            .expect("there")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names, ["kept"], "{items:?}");
        let after = std::fs::metadata(outside.path().join("kept")).expect("there");
        use std::os::unix::fs::MetadataExt;
        assert_eq!(
            (after.nlink(), after.mode(), after.mtime()),
            (before.nlink(), before.mode(), before.mtime()),
            "{items:?}"
        );
        assert!(!vault.folder.path().join("escaped").exists() && !to.join("../escaped").exists());
    }
}

#[test]
fn a_snapshot_that_another_key_signed_is_not_restored() {
    let vault = Vault::new();
    let genuine = vault.forge(&[file("a")]);
    let repository = vault.as_writer();
    let head = repository.head(&genuine).expect("its own");
    // Somebody with the index key, maintenance for one, makes a head and signs with what he has.
    let other = WriterKey::generate(repository.config.id.clone(), Vec::new());
    let own = repository.writer().expect("its own");
    let bytes = snapshot::encode_for(&head, 2, &own.id(), &own.index_key(), &other);
    let name = snapshot::name(&own.id(), 2);
    vault.store.put(&name, &bytes).expect("stored");
    let forged = Snapshot::decode(&name, &bytes).expect("it has the form");
    assert!(repository.head(&forged).is_err());
    let progress = restore::Progress::default();
    let options = restore::Options {
        to: &vault.folder.path().join("to"),
        paths: &[],
        existing: Existing::Refuse,
        verify: false,
        dry_run: false,
        stop: &RUNNING,
        progress: &progress,
    };
    assert!(restore::restore(&vault.as_organisation(), &forged, &options).is_err());
    assert!(
        vault
            .problems()
            .iter()
            .any(|problem| problem.contains("not signed"))
    );
}

#[test]
fn a_folder_that_is_restored_into_is_not_left_through_a_link_in_it() {
    let vault = Vault::new();
    let snapshot = vault.forge(&[item("d", Kind::Folder), file("d/new")]);
    let outside = tempfile::tempdir().expect("a folder");
    let to = vault.folder.path().join("to");
    std::fs::create_dir(&to).expect("a folder");
    symlink(outside.path(), to.join("d")).expect("a link");
    let progress = restore::Progress::default();
    let options = restore::Options {
        to: &to,
        paths: &[],
        existing: Existing::Replace,
        verify: false,
        dry_run: false,
        stop: &RUNNING,
        progress: &progress,
    };
    restore::restore(&vault.as_organisation(), &snapshot, &options).expect("it can be begun");
    assert_eq!(std::fs::read_dir(outside.path()).expect("there").count(), 0);
}

#[test]
fn a_snapshot_from_the_future_evicts_no_other() {
    use crate::retention::{Candidate, Policy};
    // The times are the storage's; the writer's own are not even asked for.
    let series: Vec<_> = (0..5)
        .map(|day| Candidate {
            received: day * 86_400,
            tags: Vec::new(),
            complete: true,
        })
        .collect();
    let reasons = Policy {
        daily: 3,
        ..Policy::default()
    }
    .choose(&series, 5 * 86_400);
    assert_eq!(
        reasons.iter().filter(|reasons| !reasons.is_empty()).count(),
        3
    );
}

#[test]
fn a_poisoned_index_of_one_writer_does_not_reach_another() {
    let vault = Vault::new();
    vault.write("a", &noise(200_000, 6));
    let other = vault.closed().join("web2").expect("it joins");
    vault.create();
    // The second writer claims the first one's packs as its own.
    let own = vault.as_writer();
    let index = own
        .index(&own.writer().expect("its own").id(), |_| {})
        .expect("an index");
    let mut stolen = Index::default();
    stolen.packs.clone_from(&index.packs);
    for shard in index.encode(&other.id(), &other.index_key()) {
        vault
            .store
            .put(&index::name(&shard), &shard)
            .expect("stored");
    }
    vault.write("b", &noise(100_000, 7));
    vault.create();
    let (at, omissions) = vault.restore(&vault.latest());
    assert!(omissions.is_empty());
    assert_eq!(
        std::fs::read(at.join("b")).expect("restored"),
        noise(100_000, 7)
    );
}
