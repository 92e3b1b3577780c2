//! What looks into snapshots: diff names each change and nothing else; a dry run foretells what happens.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::vault::Vault;

/// The changes that diff names, as letter and path below `tree`.
fn changes(vault: &Vault, tree: &Path, earlier: &str, later: &str) -> BTreeSet<(String, String)> {
    let program = vault.program().arg("diff").arg(&vault.repo);
    let said = vault.with_identity(program.args([earlier, later])).run();
    assert_eq!(said.code, 0, "{said:?}");
    let lines = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .filter(|line| line["change"].is_string())
        .map(|line| {
            let path = line["path"].as_str().expect("a path");
            let below = path.strip_prefix(&format!("{}/", tree.display()));
            (
                line["change"].as_str().unwrap_or_default().to_owned(),
                below.unwrap_or(path).to_owned(),
            )
        })
        .collect()
}

#[test]
fn diff_names_what_changed_and_nothing_else() {
    let vault = Vault::new();
    let tree = vault.path("tree");
    // Enough for many leaves, so that most of them are the same in both.
    for number in 0..4000 {
        let folder = tree.join(format!("d{:02}", number % 40));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("f{number:04}")), format!("{number}")).expect("written");
    }
    let before = vault.must_create(&[&tree]);
    assert!(changes(&vault, &tree, &before, &before).is_empty());
    fs::write(tree.join("d03/f0003"), "another content").expect("written");
    fs::remove_file(tree.join("d17/f0017")).expect("removed");
    fs::write(tree.join("d17/new"), "new").expect("written");
    fs::set_permissions(tree.join("d39/f3999"), fs::Permissions::from_mode(0o600)).expect("mode");
    fs::remove_dir_all(tree.join("d20")).expect("removed");
    symlink("d03", tree.join("d20")).expect("a link");
    let after = vault.must_create(&[&tree]);
    let mut expected: BTreeSet<(String, String)> = [
        ("content", "d03/f0003"),
        ("removed", "d17/f0017"),
        ("added", "d17/new"),
        ("metadata", "d39/f3999"),
        ("content", "d20"),
    ]
    .map(|(change, path)| (change.to_owned(), path.to_owned()))
    .into();
    expected.extend(
        (0..4000)
            .filter(|number| number % 40 == 20)
            .map(|number| ("removed".to_owned(), format!("d20/f{number:04}"))),
    );
    assert_eq!(changes(&vault, &tree, &before, &after), expected);
    let backwards = changes(&vault, &tree, &after, &before);
    assert_eq!(backwards.len(), expected.len());
    assert!(backwards.contains(&("added".to_owned(), "d17/f0017".to_owned())));
}

#[test]
fn a_dry_run_in_place_foretells_what_happens() {
    let vault = Vault::new();
    let tree = vault.path("tree");
    fs::create_dir_all(tree.join("folder")).expect("a folder");
    fs::write(tree.join("folder/file"), "1").expect("written");
    fs::write(tree.join("file"), "2").expect("written");
    vault.must_create(&[&tree]);
    fs::remove_dir_all(tree.join("folder")).expect("removed");
    symlink("/tmp", tree.join("folder")).expect("a link");
    fs::remove_file(tree.join("file")).expect("removed");
    fs::create_dir(tree.join("file")).expect("a folder");
    let restore = |args: &[&str]| {
        let program = vault.program().arg("restore").arg(&vault.repo);
        let program = program.args(["latest", "--to", "/", "--in-place"]);
        let said = vault.with_identity(program).args(args).arg(&tree).run();
        (said.code, said.record()["detail"].clone())
    };
    let foretold = restore(&["--dry-run"]);
    assert!(tree.join("folder").is_symlink());
    assert_eq!(foretold, restore(&[]));
    assert_eq!(foretold.0, 1);
    assert_eq!(
        fs::read_to_string(tree.join("folder/file")).expect("restored"),
        "1"
    );
}
