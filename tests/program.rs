//! Running an installed-like program and looking at all that it says.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The folder of the project.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the project")
        .to_owned()
}

/// A built program, beside the test that runs.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("target/TRIPLE/PROFILE/deps/test");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "'{}' is not built: run make test, or cargo build first",
        path.display()
    );
    path
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    /// 0 to 3; a signal is -1.
    pub code: i32,
    pub took: Duration,
}

impl Said {
    /// The records on stdout.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("'{line}' is no JSON: {error}"))
            })
            .collect()
    }

    /// The only record on stdout.
    #[must_use]
    pub fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{self:?}");
        records.remove(0)
    }
}

/// A program about to be run, with state folders of its own.
#[derive(Debug)]
pub struct Program {
    command: Command,
    stdin: Vec<u8>,
    /// Kept until the program has ended.
    _home: Option<TempDir>,
}

impl Program {
    /// A program of this project; its state is kept in a fresh folder.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let program = Self::at(&binary(name)).state(home.path());
        Self {
            _home: Some(home),
            ..program
        }
    }

    /// ce-check.
    #[must_use]
    pub fn check() -> Self {
        Self::new("ce-check")
    }

    /// Any program by its path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let mut command = Command::new(path);
        command
            .env("CE_HOST", "testhost")
            .env_remove("NO_COLOR")
            .env("LC_ALL", "C");
        Self {
            command,
            stdin: Vec::new(),
            _home: None,
        }
    }

    /// With its state, cache, spool and configuration below this folder.
    #[must_use]
    pub fn state(mut self, folder: &Path) -> Self {
        for (name, part) in [
            ("CE_STATE_DIR", "state"),
            ("CE_CACHE_DIR", "cache"),
            ("CE_SPOOL_DIR", "spool"),
            ("CE_CONFIG_DIR", "config"),
        ] {
            self.command.env(name, folder.join(part));
        }
        self
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Starts it without waiting.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn spawn(mut self) -> std::process::Child {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command))
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn run(mut self) -> Said {
        let started = Instant::now();
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let text = std::mem::take(&mut self.stdin);
        let writer = std::thread::spawn(move || {
            // A program that does not read is no fault of the test.
            let _ = stdin.write_all(&text);
        });
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().expect("its output can be read");
        let took = started.elapsed();
        let _ = writer.join();
        Said {
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            code: status.code().unwrap_or(-1),
            took,
        }
    }
}
