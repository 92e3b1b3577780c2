//! A repository with its keys in a temporary folder, and ce-backup told to use them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ce_tests::program::{Program, Said, binary};
use serde_json::Value;
use tempfile::TempDir;

/// That all was restored that the backup had; a warning may tell what it had not taken whole.
pub fn assert_restored(said: &Said) {
    let record = said.record();
    let torn = record["summary"]
        .as_str()
        .is_some_and(|text| text.contains("had not taken whole"));
    let errors = record["data"]["errors"].as_u64();
    assert_eq!((said.code, errors), (i32::from(torn), Some(0)), "{said:?}");
    assert_eq!(said.stderr, "", "{said:?}");
}

/// What the organisation's key is wrapped with.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// A repository, an organisation's key and a machine that writes.
pub struct Vault {
    folder: TempDir,
    pub repo: PathBuf,
    pub recipient: String,
}

impl Vault {
    /// A new repository below the system's temporary folder.
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// A new repository on the file system of this folder.
    pub fn below(place: &Path) -> Self {
        let vault = Self::without_repository(place);
        let said = vault
            .program()
            .arg("init")
            .arg(&vault.repo)
            .args(["--recipient", &vault.recipient])
            .run();
        assert_eq!(said.code, 0, "{said:?}");
        vault
    }

    /// Keys only.
    pub fn without_repository(place: &Path) -> Self {
        let folder = tempfile::tempdir_in(place).expect("a folder");
        let repo = folder.path().join("repo");
        let mut vault = Vault {
            folder,
            repo,
            recipient: String::new(),
        };
        let passphrase = vault.passphrase();
        fs::write(&passphrase, PASSPHRASE).expect("written");
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).expect("its mode");
        vault.recipient = vault.new_key(&vault.identity());
        vault
    }

    /// Makes a key pair; the recipient.
    pub fn new_key(&self, path: &Path) -> String {
        let said = self
            .program()
            .args(["key", "new", "--out"])
            .arg(path)
            .arg("--passphrase-file")
            .arg(self.passphrase())
            .run();
        assert_eq!(said.code, 0, "{said:?}");
        said.record()["data"]["recipient"]
            .as_str()
            .expect("a recipient")
            .to_owned()
    }

    /// A folder for whatever a test needs.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn identity(&self) -> PathBuf {
        self.path("org.key")
    }

    pub fn passphrase(&self) -> PathBuf {
        self.path("passphrase")
    }

    /// ce-backup with this machine's state; records are JSON.
    pub fn program(&self) -> Program {
        self.wrapped(&[] as &[&str])
    }

    /// The same, run by another program: `strace`, `setpriv`, `faketime`.
    pub fn wrapped<A: AsRef<OsStr>>(&self, by: &[A]) -> Program {
        let own = binary("ce-backup");
        let program = match by.split_first() {
            Some((first, rest)) => Program::at(Path::new(first)).args(rest).arg(own),
            None => Program::at(&own),
        };
        program.state(self.folder.path())
    }

    /// Makes a snapshot of these paths.
    pub fn create<P: AsRef<OsStr>>(&self, paths: &[P]) -> Said {
        self.program()
            .arg("create")
            .arg(&self.repo)
            .args(paths)
            .run()
    }

    /// Makes a snapshot that must be whole; its id.
    pub fn must_create<P: AsRef<OsStr>>(&self, paths: &[P]) -> String {
        let said = self.create(paths);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
        id_of(&said)
    }

    /// Arguments that name the organisation's key.
    pub fn with_identity(&self, program: Program) -> Program {
        program
            .arg("--identity")
            .arg(self.identity())
            .arg("--passphrase-file")
            .arg(self.passphrase())
    }

    /// Restores into this folder.
    pub fn restore(&self, snapshot: &str, to: &Path) -> Said {
        let program = self.program().arg("restore").arg(&self.repo);
        self.with_identity(program.args([snapshot, "--to"]).arg(to))
            .run()
    }

    /// Restores what must be whole; the folder that stands for `source`.
    pub fn must_restore(&self, snapshot: &str, source: &Path) -> PathBuf {
        let to = tempfile::tempdir_in(self.folder.path())
            .expect("a folder")
            .keep();
        let said = self.restore(snapshot, &to);
        assert_restored(&said);
        to.join(source.strip_prefix("/").expect("an absolute path"))
    }

    /// Checks with this machine's key; arguments may ask for more.
    pub fn check(&self, args: &[&str]) -> (i32, Vec<Value>) {
        let said = self.program().arg("check").arg(&self.repo).args(args).run();
        (said.code, said.records())
    }

    /// Checks all that the organisation's key can see.
    pub fn check_all(&self) -> (i32, Vec<Value>) {
        let program = self.program().arg("check").arg(&self.repo);
        let said = self.with_identity(program.arg("--read-data")).run();
        (said.code, said.records())
    }

    /// All objects of the repository, by name.
    pub fn objects(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.repo.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("it can be listed") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("its type").is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path();
                    let name = path.strip_prefix(&self.repo).expect("below it");
                    names.push(name.display().to_string());
                }
            }
        }
        names.sort();
        names
    }
}

/// The snapshot that a create made.
pub fn id_of(said: &Said) -> String {
    let record = said.record();
    let id = record["data"]["id"].as_str();
    assert!(id.is_some(), "no snapshot: {said:?}");
    id.unwrap_or_default().to_owned()
}

/// What the first record says line by line.
pub fn detail(record: &Value) -> Vec<String> {
    record["detail"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str().map(str::to_owned))
        .collect()
}
