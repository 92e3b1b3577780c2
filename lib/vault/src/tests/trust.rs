//! What storage may put in the place of what is true of a repository, and that it is told.

use super::*;
use crate::error::Error;
use crate::frame::{self, Kind};
use crate::id::hex;
use crate::key::{KeyKind, KeyObject, Signer};
use crate::repository::{Config, copy_of, encode_config};

/// Puts a config in the place of both copies.
fn plant(vault: &Vault, config: &Config, signer: Option<&Identity>) {
    let bytes = encode_config(config, signer);
    for name in ["config", "config.copy"] {
        vault.store.put(name, &bytes).expect("written");
    }
}

fn writer_opens(vault: &Vault) -> Result<Repository> {
    let key = WriterKey::from_json(&vault.writer).expect("as written");
    Repository::open(vault.store.clone(), Path::new("memory"))?.with_writer(key, Path::new("key"))
}

#[test]
fn a_first_config_says_nothing_but_whom_it_is_for() {
    let vault = Vault::new();
    let maintainer = Identity::generate(Role::Maintain).recipient();
    let config = vault.closed().config;
    for planted in [
        Config {
            maintainers: vec![maintainer],
            ..config.clone()
        },
        Config {
            accepted: vec!["forgotten/00".into()],
            ..config
        },
    ] {
        plant(&vault, &planted, None);
        let opened = Repository::open(vault.store.clone(), Path::new("memory"));
        assert!(matches!(opened, Err(Error::Damaged { .. })));
    }
}

#[test]
fn a_config_that_nobody_known_changed_is_refused_by_the_writer() {
    let vault = Vault::new();
    let mut organisation = vault.as_organisation();
    let recipients = organisation.config.recipients.clone();
    let other = Identity::generate(Role::Organisation);
    let both = [recipients.clone(), vec![other.recipient()]].concat();
    organisation.rekey(both, Vec::new()).expect("changed");
    let true_config = organisation.config.clone();
    assert!(writer_opens(&vault).is_ok());
    let key = writer_opens(&vault).expect("opened");
    let known = key.writer().expect("its key").to_json();
    let stranger = Identity::generate(Role::Organisation);
    for (generation, signer) in [(1, &stranger), (2, &stranger)] {
        let planted = Config {
            generation,
            accepted: vec!["forgotten/00".into()],
            ..true_config.clone()
        };
        plant(&vault, &planted, Some(signer));
        let key = WriterKey::from_json(&known).expect("as written");
        let opened = vault.closed().with_writer(key, Path::new("key"));
        assert!(matches!(opened, Err(Error::Refused(_))), "{generation}");
        assert!(vault.closed().follows(0, &recipients).is_err());
    }
    // Nor is an older one taken back, whoever signed it.
    let older = Config {
        generation: 0,
        recipients: recipients.clone(),
        ..true_config
    };
    plant(&vault, &older, None);
    let key = WriterKey::from_json(&known).expect("as written");
    assert!(vault.closed().with_writer(key, Path::new("key")).is_err());
}

#[test]
fn keys_that_nobody_opens_are_told_without_any_secret_and_keep_no_key_in() {
    let vault = Vault::new();
    vault.write("a", b"content");
    vault.create();
    let good = vault.problems();
    assert_eq!(good, Vec::<String>::new());
    let keys = vault.store.list("keys").expect("listed");
    for listed in &keys {
        let before = vault.store.get(&listed.name).expect("there");
        let object = KeyObject::decode(&listed.name, &before).expect("a key");
        // The same key for the same recipients, sealed by somebody who has no business here.
        let stranger = WriterKey::generate("r".into(), Vec::new());
        let writer = crate::id::from_hex(&object.writer).expect("an id");
        let id = crate::id::from_hex(&object.id).expect("an id");
        let recipients = vault.closed().config.recipients;
        let signer = Signer::Writer(&stranger);
        let forged = KeyObject::seal(object.kind, &id, &writer, &[7; 64], &recipients, signer);
        for name in [listed.name.clone(), copy_of(&listed.name)] {
            vault.store.put(&name, &forged.encode()).expect("written");
        }
        let told = crate::check::check(
            &vault.as_writer(),
            &crate::check::Options {
                read: None,
                known: &[],
                stop: &RUNNING,
            },
        )
        .expect("checked")
        .problems
        .join("; ");
        assert!(
            told.contains(&listed.name) && told.contains("signed"),
            "{told}"
        );
        for name in [listed.name.clone(), copy_of(&listed.name)] {
            vault.store.put(&name, &before).expect("written");
        }
    }
    // One that opens for nobody, and one that is none: the change of recipients goes on without them.
    let writer = vault.as_writer();
    let key = writer.writer().expect("its key");
    let nobody = Identity::generate(Role::Organisation).recipient();
    let planted = KeyObject::seal(
        KeyKind::Session,
        &[9; 16],
        &key.id(),
        &[1; 32],
        &[nobody],
        Signer::Writer(key),
    );
    writer.put_key(&planted).expect("written");
    let none = format!("keys/{}", hex(&[8; 16]));
    vault
        .store
        .put(&none, &frame::wrap(Kind::Key, b"{}"))
        .expect("written");
    let new = Identity::generate(Role::Organisation);
    let rekeyed = vault
        .as_organisation()
        .rekey(vec![new.recipient()], Vec::new())
        .expect("changed");
    assert_eq!(rekeyed.problems.len(), 2, "{:?}", rekeyed.problems);
    assert_eq!(rekeyed.resealed, keys.len());
    let opened = vault.closed().with_identity(new).expect("it opens");
    for listed in &keys {
        let bytes = vault.store.get(&listed.name).expect("there");
        let object = KeyObject::decode(&listed.name, &bytes).expect("a key");
        assert!(object.open(&vault.identity()).is_none());
        assert!(object.open(opened.identity().expect("new")).is_some());
    }
}

#[test]
fn what_is_lost_for_good_can_be_given_up() {
    let vault = Vault::new();
    for number in 0..5 {
        vault.write("a", &[number; 100]);
        vault.create();
    }
    let snapshots: Vec<String> = vault
        .store
        .list("snapshots")
        .expect("listed")
        .into_iter()
        .map(|listed| listed.name)
        .collect();
    for name in [snapshots[1].clone(), copy_of(&snapshots[1])] {
        vault.store.delete(&name).expect("deleted");
    }
    for name in [snapshots[4].clone(), copy_of(&snapshots[4])] {
        vault.flip(&name);
    }
    assert!(vault.problems().len() >= 2);
    let given_up = crate::lost::give_up(&vault.as_organisation(), false).expect("given up");
    assert_eq!(given_up.len(), 2, "{given_up:?}");
    assert_eq!(vault.problems(), Vec::<String>::new());
    vault.write("a", b"the next one");
    let next = vault.create();
    assert_eq!(next.sequence, 6);
    assert_eq!(next.alarms, Vec::<String>::new());
    assert_eq!(vault.problems(), Vec::<String>::new());
    let options = crate::prune::Options {
        grace: 0,
        unused: 20,
        parity: 2,
        despite_gaps: false,
        without: &[],
        dry_run: false,
        stop: &RUNNING,
    };
    crate::prune::prune(&vault.as_organisation(), &options).expect("pruned");
    assert_eq!(vault.problems(), Vec::<String>::new());
}
