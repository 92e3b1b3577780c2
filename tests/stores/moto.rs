//! moto, which is S3 as far as it goes: it checks signatures and session tokens, and forgets everything with the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ce_net::aws::{Credentials, Provider, Source};
use ce_tests::program::{Program, binary};
use ce_tests::server::{Server, free_port};
use ce_tests::wait;
use ce_vault::store::Remote;
use ce_vault::store::s3::S3;
use serde_json::Value;
use zeroize::Zeroizing;

/// A server with the buckets `plain`, `second`, `parts` and `locked`.
pub struct Moto {
    port: u16,
    answer: Value,
    _server: Server,
    _folder: tempfile::TempDir,
}

/// Python with moto, in an environment of its own beside the programs; made once.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let program = binary("ce-backup");
        let folder = program
            .parent()
            .expect("a program lies in a folder")
            .join("moto");
        let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
        if !ready.exists() {
            let made = Program::at(Path::new("python3"))
                .args(["-m", "venv", "--clear"])
                .arg(&folder)
                .run();
            assert_eq!(made.code, 0, "{}", made.stderr);
            let installed = Program::at(&python)
                .args(["-m", "pip", "install", "--quiet", "moto[server]>=5,<6"])
                .run();
            assert_eq!(installed.code, 0, "{}", installed.stderr);
            File::create(&ready).expect("the environment's folder takes a file");
        }
        python
    })
}

impl Moto {
    /// One for all tests that run at the same time, ended with the last of them.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Moto>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let moto = Arc::new(Self::start());
            *shared = Arc::downgrade(&moto);
            moto
        })
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, ready) = (free_port(), folder.path().join("ready"));
        let log = folder.path().join("log");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/stores/serve_moto.py");
        let mut command = Command::new(python());
        command.arg(script).arg(port.to_string()).arg(&ready);
        let server = Server::start(&mut command, &log).listening(port);
        let answer = wait::until("moto", Duration::from_secs(60), || {
            std::fs::read(&ready).ok()
        });
        Moto {
            port,
            answer: serde_json::from_slice(&answer).expect("JSON"),
            _server: server,
            _folder: folder,
        }
    }

    fn credentials(&self, who: &str) -> Credentials {
        let text = |at: usize| self.answer[who][at].as_str().map(str::to_owned);
        Credentials {
            access_key: text(0).expect("an access key"),
            secret_key: Zeroizing::new(text(1).expect("a secret key")),
            session_token: text(2).map(Zeroizing::new),
            expires: None,
        }
    }

    /// A bucket as its user sees it.
    pub fn bucket(&self, bucket: &str) -> S3 {
        self.bucket_as(bucket, self.credentials("user"))
    }

    /// A bucket as somebody with temporary credentials sees it.
    pub fn bucket_of_session(&self, bucket: &str) -> S3 {
        self.bucket_as(bucket, self.credentials("session"))
    }

    /// A bucket as seen by somebody whose keys are like the user's, but for what `change` does.
    pub fn bucket_but(&self, bucket: &str, change: impl FnOnce(&mut Credentials)) -> S3 {
        let mut credentials = self.credentials("session");
        change(&mut credentials);
        self.bucket_as(bucket, credentials)
    }

    fn bucket_as(&self, bucket: &str, credentials: Credentials) -> S3 {
        S3 {
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: "us-east-1".to_owned(),
            bucket: bucket.to_owned(),
            prefix: String::new(),
            addressing: None,
            credentials: Arc::new(Provider::new(Source::Given(credentials))),
            object_lock: None,
            storage_class: None,
            remote: Remote::default(),
        }
    }
}
