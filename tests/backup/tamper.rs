//! Whoever holds the storage can read nothing in it and change nothing unseen.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use ce_vault::check::{self, Options, Report};
use ce_vault::store::{MemoryStore, Store};
use ce_vault::{Identity, Repository, WriterKey};

use crate::tree;
use crate::vault::{PASSPHRASE, Vault, detail};

/// Objects by name.
type Objects = BTreeMap<String, Vec<u8>>;

/// A line that is in files and nowhere in what is stored.
const KNOWN: &str =
    "the quick brown fox jumps over the lazy dog, and nobody else is to know of it\n";
/// A part of names, of tags, of links.
const NAME: &str = "unmistakable";

/// A repository with two days of a small tree, and its objects.
struct Victim {
    vault: Vault,
    source: PathBuf,
    objects: Objects,
    /// The same after the first day.
    earlier: Objects,
    identity: Identity,
    writer: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        let vault = Vault::new();
        let source = vault.path(&format!("{NAME}-source"));
        fs::create_dir_all(source.join(format!("{NAME}-folder"))).expect("folders");
        for number in 0..20 {
            let path = source.join(format!("{NAME}-{number}"));
            fs::write(path, format!("{number}: {KNOWN}").repeat(50)).expect("written");
        }
        fs::write(source.join("large"), tree::noise(1, 150_000)).expect("written");
        symlink(format!("{NAME}-target"), source.join("link")).expect("a link");
        let path = source.join("attributes");
        fs::write(&path, "").expect("written");
        rustix::fs::setxattr(
            &path,
            "user.note",
            KNOWN.as_bytes(),
            rustix::fs::XattrFlags::empty(),
        )
        .expect("set");
        let create = vault.program().arg("create").arg(&vault.repo).arg(&source);
        let said = create.args(["--tag", &format!("client={NAME}")]).run();
        assert_eq!(said.code, 0, "{said:?}");
        let earlier = read(&vault);
        fs::write(source.join("second day"), tree::noise(2, 90_000)).expect("written");
        vault.must_create(&[&source]);
        fs::write(source.join("third day"), tree::noise(3, 5000)).expect("written");
        vault.must_create(&[&source]);
        let text = fs::read_to_string(vault.identity()).expect("read");
        let identity = Identity::unwrap(&text, PASSPHRASE.as_bytes(), &vault.identity())
            .expect("the right passphrase");
        let keys = fs::read_dir(vault.path("state/backup")).expect("listed");
        let key = keys
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.extension().is_some_and(|end| end == "key"));
        let writer = fs::read(key.expect("a writer's key")).expect("read");
        Victim {
            objects: read(&vault),
            vault,
            source,
            earlier,
            identity,
            writer,
        }
    }

    /// The first object of each type, and all packs: of contents, of names, of structure.
    fn samples(&self) -> Vec<String> {
        let mut samples: BTreeMap<&str, &String> = BTreeMap::new();
        let (packs, others): (Vec<_>, Vec<_>) = self
            .objects
            .keys()
            .partition(|name| name.starts_with("packs/"));
        for name in others {
            let kind = name.split('/').next().unwrap_or(name);
            // A writer's key and a session's.
            let kind = if name.ends_with("-writer") {
                "keys-writer"
            } else {
                kind
            };
            samples.entry(kind).or_insert(name);
        }
        samples.into_values().chain(packs).cloned().collect()
    }

    /// Reads all, with the organisation's key or as the writing machine, after something was done to the objects.
    fn check(&self, objects: &Objects, with_identity: bool) -> Found {
        let store = MemoryStore::default();
        for (name, bytes) in objects {
            store.put(name, bytes).expect("memory takes all");
        }
        let opened =
            Repository::open(Arc::new(store), &PathBuf::from("victim")).and_then(|repository| {
                let key = WriterKey::from_json(&self.writer).expect("its own key");
                let repository = repository.with_writer(key, &PathBuf::from("victim.key"))?;
                if with_identity {
                    repository.with_identity(self.identity.clone())
                } else {
                    Ok(repository)
                }
            });
        let options = Options {
            read: Some((1, 1)),
            known: &[],
            stop: &AtomicBool::new(false),
        };
        Found(opened.and_then(|repository| check::check(&repository, &options)))
    }
}

fn read(vault: &Vault) -> Objects {
    let names = vault.objects().into_iter();
    names
        .map(|name| {
            (
                name.clone(),
                fs::read(vault.repo.join(&name)).expect("read"),
            )
        })
        .collect()
}

struct Found(ce_vault::Result<Report>);

impl Found {
    fn text(&self) -> String {
        match &self.0 {
            Ok(report) => report.problems.join("\n"),
            Err(error) => error.to_string(),
        }
    }

    fn affected(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |report| &report.affected)
    }
}

/// Positions to change: all of a small object, some of a large one.
fn positions(len: usize) -> Vec<usize> {
    let drill = std::env::var_os("CE_DRILL").is_some();
    let step = match (len < 2048, drill) {
        (true, true) => 1,
        (true, false) => len.div_ceil(200),
        (false, _) => len.div_ceil(64),
    };
    let mut positions: Vec<usize> = (0..len).step_by(step.max(1)).collect();
    positions.extend([1, 4, 8, len / 2, len.saturating_sub(2), len - 1]);
    positions.retain(|at| *at < len);
    positions
}

/// Runs all on every core; what each had to complain about.
fn in_parallel<T: Send>(work: Vec<T>, judge: impl Fn(T) -> Option<String> + Sync) -> Vec<String> {
    let (work, complaints) = (Mutex::new(work), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(item) = work.lock().expect("no panic").pop() else {
                        return;
                    };
                    if let Some(complaint) = judge(item) {
                        complaints.lock().expect("no panic").push(complaint);
                    }
                }
            });
        }
    });
    complaints.into_inner().expect("no panic")
}

#[test]
fn every_changed_byte_is_found_and_its_object_named() {
    let victim = Victim::new();
    for with_identity in [false, true] {
        assert_eq!(victim.check(&victim.objects, with_identity).text(), "");
    }
    let mut work = Vec::new();
    for name in victim.samples() {
        for at in positions(victim.objects[&name].len()) {
            work.push((name.clone(), at));
        }
    }
    let complaints = in_parallel(work, |(name, at)| {
        let mut objects = victim.objects.clone();
        objects.get_mut(&name).expect("it is there")[at] ^= 1 << (at % 8);
        [false, true].into_iter().find_map(|with_identity| {
            let found = victim.check(&objects, with_identity);
            let named = found.text().contains(&format!("'{name}'"));
            let affected =
                !with_identity || !name.starts_with("packs/") || !found.affected().is_empty();
            (!named || !affected).then(|| {
                format!(
                    "byte {at} of {name}, identity {with_identity}: '{}', {:?}",
                    found.text(),
                    found.affected()
                )
            })
        })
    });
    assert!(
        complaints.is_empty(),
        "{} unseen: {:#?}",
        complaints.len(),
        &complaints[..complaints.len().min(10)]
    );
}

#[test]
fn every_cut_lost_exchanged_or_replayed_object_is_found() {
    let victim = Victim::new();
    let mut work: Vec<(String, Objects)> = Vec::new();
    let mut tamper = |what: String, change: &dyn Fn(&mut Objects)| {
        let mut objects = victim.objects.clone();
        change(&mut objects);
        assert!(objects != victim.objects, "{what} changes nothing");
        work.push((what, objects));
    };
    let kind = |name: &str| name.split('/').next().unwrap_or(name).to_owned();
    for name in victim.samples() {
        let len = victim.objects[&name].len();
        for cut in [0, 1, 7, 16, len / 3, len - 1] {
            tamper(format!("{name} cut to {cut}"), &|objects| {
                objects.get_mut(&name).expect("it is there").truncate(cut);
            });
        }
        tamper(format!("{name} longer"), &|objects| {
            objects.get_mut(&name).expect("it is there").push(0);
        });
        let others = victim.objects.iter().filter(|(other, bytes)| {
            kind(other) == kind(&name) && **bytes != victim.objects[&name]
        });
        for (other, bytes) in others {
            tamper(format!("{name} is {other}"), &|objects| {
                objects.insert(name.clone(), bytes.clone());
            });
        }
    }
    for name in victim.objects.keys() {
        // The newest snapshot is the end of a chain, whose copy may not be there yet.
        let newest = victim
            .objects
            .keys()
            .rfind(|name| name.starts_with("copies/snapshots/"));
        if Some(name) != newest {
            tamper(format!("{name} lost"), &|objects| {
                objects.remove(name);
            });
        }
    }
    let complaints = in_parallel(work, |(what, objects)| {
        [false, true].into_iter().find_map(|with_identity| {
            let found = victim.check(&objects, with_identity);
            let name = what.split(' ').next().unwrap_or_default();
            // Nobody knows what the name of a lost part of the index was; what it named is missing.
            let named = if name.starts_with("index/") && what.ends_with(" lost") {
                !found.text().is_empty()
            } else {
                found.text().contains(&format!("'{name}'"))
            };
            (!named).then(|| format!("{what}, identity {with_identity}: '{}'", found.text()))
        })
    });
    assert!(
        complaints.is_empty(),
        "{} unseen: {complaints:#?}",
        complaints.len()
    );
}

/// The program says it with exit code 2, to everybody who asks.
#[test]
fn check_ends_with_2_and_names_what_is_wrong() {
    let victim = Victim::new();
    for name in victim.samples() {
        let path = victim.vault.repo.join(&name);
        let good = &victim.objects[&name];
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 0x10;
        fs::write(&path, &bad).expect("written");
        for (code, records) in [
            victim.vault.check(&["--read-data"]),
            victim.vault.check_all(),
        ] {
            let lines =
                detail(&records[0]).join("\n") + records[0]["summary"].as_str().unwrap_or_default();
            assert!(
                code == 2 && lines.contains(&format!("'{name}'")),
                "{name}: {code} {lines}"
            );
        }
        fs::write(&path, good).expect("written");
    }
    assert_eq!(victim.vault.check_all().0, 0);
}

#[test]
fn a_repository_that_was_set_back_is_found_by_who_saw_it_later() {
    let victim = Victim::new();
    assert_eq!(victim.vault.check_all().0, 0);
    for name in victim.objects.keys() {
        let path = victim.vault.repo.join(name);
        match victim.earlier.get(name) {
            Some(bytes) => fs::write(&path, bytes).expect("written"),
            None => fs::remove_file(&path).expect("removed"),
        }
    }
    let (code, records) = victim.vault.check(&[]);
    assert_eq!(code, 2, "{records:?}");
    assert!(
        detail(&records[0]).join("\n").contains("was here"),
        "{records:?}"
    );
}

#[test]
fn neither_content_nor_names_are_stored_as_they_are() {
    let victim = Victim::new();
    let secrets = [
        KNOWN.as_bytes()[..24].to_vec(),
        NAME.as_bytes().to_vec(),
        b"second day".to_vec(),
        b"testhost".to_vec(),
    ];
    for (name, bytes) in &victim.objects {
        for secret in &secrets {
            // A writer's object says which machine it is.
            let allowed =
                name.trim_start_matches("copies/").starts_with("writers/") && secret == b"testhost";
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(
                allowed || !found,
                "'{}' is in {name}",
                String::from_utf8_lossy(secret)
            );
            assert!(!name.contains(NAME));
        }
    }
    // The machine itself keeps digests only.
    for folder in ["state", "cache"] {
        let said = std::process::Command::new("grep")
            .args(["-rla", NAME])
            .arg(victim.vault.path(folder))
            .output();
        assert_eq!(
            String::from_utf8_lossy(&said.expect("grep").stdout),
            "",
            "in {folder}"
        );
    }
}

#[test]
fn a_second_recipient_restores_too_and_nobody_else() {
    let vault = Vault::without_repository(&std::env::temp_dir());
    let (second, third) = (vault.path("second.key"), vault.path("third.key"));
    let recipient = vault.new_key(&second);
    vault.new_key(&third);
    let init = vault.program().arg("init").arg(&vault.repo);
    let said = init
        .args(["--recipient", &vault.recipient, "--recipient", &recipient])
        .run();
    assert_eq!(said.code, 0, "{said:?}");
    let source = vault.path("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("file"), tree::noise(1, 200_000)).expect("written");
    vault.must_create(&[&source]);
    for (number, identity) in [vault.identity(), second, third].into_iter().enumerate() {
        let to = vault.path(&format!("restored{number}"));
        let restore = vault
            .program()
            .arg("restore")
            .arg(&vault.repo)
            .arg("latest")
            .arg("--to")
            .arg(&to);
        let said = restore
            .arg("--identity")
            .arg(identity)
            .arg("--passphrase-file")
            .arg(vault.passphrase())
            .run();
        if number == 2 {
            assert_eq!(said.code, 3, "{said:?}");
            assert!(
                said.stderr.contains("does not open this repository"),
                "{said:?}"
            );
            assert!(!to.exists());
        } else {
            assert_eq!(said.code, 0, "{said:?}");
            tree::assert_same(
                &source,
                &to.join(source.strip_prefix("/").expect("absolute")),
            );
        }
    }
}

/// What is damaged is not restored as if it were whole; what is not damaged is.
#[test]
fn a_restore_from_damage_names_what_it_lacks_and_brings_the_rest() {
    let victim = Victim::new();
    let pack = victim
        .objects
        .iter()
        .filter(|(name, _)| name.starts_with("packs/"))
        .max_by_key(|(_, bytes)| bytes.len());
    let (pack, bytes) = pack.expect("a pack");
    let mut bad = bytes.clone();
    // More than parity mends.
    let middle = bad.len() / 2;
    bad[middle..middle + bytes.len() / 4].fill(0x55);
    fs::write(victim.vault.repo.join(pack), bad).expect("written");
    let to = victim.vault.path("restored");
    let said = victim.vault.restore("latest", &to);
    assert!(matches!(said.code, 1 | 2), "{said:?}");
    let lines = detail(&said.record()).join("\n");
    let below = to.join(victim.source.strip_prefix("/").expect("absolute"));
    for entry in fs::read_dir(&victim.source).expect("listed") {
        let entry = entry.expect("an entry");
        let named = lines.contains(&entry.path().display().to_string());
        if entry.file_type().expect("its type").is_file() && !named {
            let there = fs::read(below.join(entry.file_name())).ok();
            assert_eq!(
                there,
                fs::read(entry.path()).ok(),
                "{}",
                entry.path().display()
            );
        }
    }
    assert!(
        lines.contains(&victim.source.display().to_string()),
        "{lines}"
    );
}
