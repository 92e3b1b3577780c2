//! What each key can and cannot.

use super::*;
use crate::browse::Browser;
use crate::error::Error;

const SECRET: &[u8] =
    b"the quick brown fox of this client jumps over nothing at all, many times over";

#[test]
fn the_storage_learns_neither_content_nor_names() {
    let vault = Vault::new();
    vault.write("client-acme-passwords.txt", &SECRET.repeat(50));
    vault.create();
    for folder in ["packs", "index", "snapshots", "keys", "writers"] {
        for listed in vault.store.list(folder).expect("listed") {
            let bytes = vault.store.get(&listed.name).expect("there");
            for known in [&SECRET[..24], b"client-acme", b"source"] {
                assert!(
                    !bytes.windows(known.len()).any(|window| window == known),
                    "{}",
                    listed.name
                );
            }
        }
    }
}

#[test]
fn equal_content_is_not_equal_in_two_organisations_stores() {
    let (one, other) = (Vault::new(), Vault::new());
    for vault in [&one, &other] {
        vault.write("same", &noise(200_000, 9));
        vault.create();
    }
    let names = |vault: &Vault| {
        vault
            .store
            .list("packs")
            .expect("listed")
            .into_iter()
            .map(|listed| listed.name)
    };
    assert!(names(&one).all(|name| names(&other).all(|another| another != name)));
}

#[test]
fn the_writer_cannot_read_what_it_wrote() {
    let vault = Vault::new();
    vault.write("a", SECRET);
    vault.create();
    let repository = vault.as_writer();
    assert!(matches!(
        Browser::new(&repository, &vault.latest()),
        Err(Error::NeedsIdentity)
    ));
    // Not even by the keys that it has, tried on every group.
    let key = repository.writer().expect("its own");
    for listed in vault.store.list("packs").expect("listed") {
        let bytes = vault.store.get(&listed.name).expect("there");
        let id = crate::pack::id_of(&listed.name).expect("a pack");
        let (header, groups) =
            crate::pack::read(&id, &bytes, &key.index_key()).expect("it sees the directory");
        for group in groups
            .iter()
            .filter(|group| group.class == crate::pack::Class::Private)
        {
            for guess in [
                key.id_key(),
                key.index_key(),
                key.chunker_secret(),
                key.cache_key(),
            ] {
                let session = crate::pack::Session::new(header.session, guess, &key.index_key());
                let sealed = bytes[group.offset as usize..][..group.stored as usize].to_vec();
                assert!(group.open(&session, sealed).is_none());
            }
        }
    }
}

#[test]
fn rotation_moves_no_data_and_shuts_the_old_key_out() {
    let vault = Vault::new();
    vault.write("a", SECRET);
    vault.create();
    let packs = |vault: &Vault| vault.store.list("packs").expect("listed");
    let before = packs(&vault);
    let new = Identity::generate(Role::Organisation);
    let old_session = vault.store.list("keys").expect("listed");
    let mut repository = vault.as_organisation();
    repository
        .rekey(vec![new.recipient()], Vec::new())
        .expect("resealed");
    assert_eq!(packs(&vault), before);
    let denied = vault.closed().with_identity(vault.identity());
    assert!(matches!(denied, Err(Error::WrongIdentity { .. })));
    for listed in old_session {
        let bytes = vault.store.get(&listed.name).expect("there");
        let object = crate::key::KeyObject::decode(&listed.name, &bytes).expect("whole");
        assert!(
            object.open(&vault.identity()).is_none() && object.open(&new).is_some(),
            "{}",
            listed.name
        );
    }
    let reader = vault.closed().with_identity(new).expect("the new key");
    let mut names = 0;
    let browser = Browser::new(&reader, &vault.latest()).expect("it reads");
    browser
        .items(&[], |_, _| {
            names += 1;
            Ok(())
        })
        .expect("all of it");
    assert!(names > 0);
    // The writer goes on, for one of its own recipients signed the change.
    vault.write("b", SECRET);
    vault.create();
}

#[test]
fn recipients_that_nobody_signed_are_refused_by_the_writer() {
    let vault = Vault::new();
    let attacker = Identity::generate(Role::Organisation);
    let place = Path::new("memory");
    let other = Arc::new(MemoryStore::default());
    Repository::init(other.clone(), vec![attacker.recipient()], place).expect("an empty store");
    let forged = other.get("config").expect("there");
    let text = String::from_utf8_lossy(&forged).into_owned();
    assert!(text.contains("ceorg1"));
    // The attacker's recipients under this repository's id.
    let config = crate::Config {
        recipients: vec![attacker.recipient()],
        generation: 1,
        ..vault.closed().config
    };
    let bytes = crate::repository::encode_config(&config, Some(&attacker));
    vault.store.put("config", &bytes).expect("stored");
    let key = WriterKey::from_json(&vault.writer).expect("as written");
    let refused = vault.closed().with_writer(key, Path::new("writer.key"));
    assert!(matches!(refused, Err(Error::Refused(_))));
}

#[test]
fn the_maintenance_key_sees_structure_and_no_content() {
    let vault = Vault::new();
    vault.write("a", SECRET);
    vault.create();
    let maintain = Identity::generate(Role::Maintain);
    let mut repository = vault.as_organisation();
    let recipients = repository.config.recipients.clone();
    repository
        .rekey(recipients, vec![maintain.recipient()])
        .expect("resealed");
    let repository = vault
        .closed()
        .with_identity(maintain)
        .expect("it is let in");
    let options = check::Options {
        read: Some((1, 1)),
        known: &[],
        stop: &RUNNING,
    };
    let report = check::check(&repository, &options).expect("the store answers");
    assert!(
        report.structure && !report.contents && report.problems.is_empty(),
        "{report:?}"
    );
    assert!(matches!(
        Browser::new(&repository, &vault.latest()),
        Err(Error::NeedsIdentity)
    ));
    assert!(repository.id_key(&vault.latest().writer).is_none());
}

#[test]
fn a_second_writer_neither_reads_nor_trusts_the_first() {
    let vault = Vault::new();
    vault.write("a", &noise(200_000, 5));
    vault.create();
    let first = vault.latest();
    let key = vault.closed().join("web2").expect("it joins");
    let second = vault
        .closed()
        .with_writer(key, Path::new("other.key"))
        .expect("its own key");
    assert!(second.index_key(&first.writer).is_none() && second.id_key(&first.writer).is_none());
    // The same content is stored again: no chunk of another writer ever stands in for one of its own.
    let progress = create::Progress::default();
    let options = create::Options {
        host: "web2".into(),
        program: "test".into(),
        tags: BTreeMap::new(),
        exclude: Exclude::default(),
        one_file_system: false,
        parity: 2,
        level: 1,
        dry_run: false,
        known: None,
        cache: None,
        stop: &RUNNING,
        progress: &progress,
    };
    let created =
        create::create(&second, What::Paths(vec![vault.source()]), &options).expect("a snapshot");
    assert_eq!(created.figures.new_bytes, 200_000);
    assert_eq!(vault.problems(), Vec::<String>::new());
}
