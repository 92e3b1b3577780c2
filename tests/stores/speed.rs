//! How fast SftpStore is on a fast link and on a far one. Only where it is asked for:
//! `CE_SPEED=1 cargo test --release -p ce-tests --test stores -- speed --nocapture`, as root.
#![allow(clippy::print_stderr, reason = "figures are what this is for")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use ce_tests::program::project;
use ce_tests::server::Server;
use ce_tests::wait;
use ce_vault::store::{Sftp, SftpStore, Store};

use crate::sftp::noise;
use crate::sshd::Sshd;

#[test]
fn on_a_fast_and_on_a_far_link() {
    if std::env::var_os("CE_SPEED").is_none() {
        return;
    }
    let sshd = Sshd::start("");
    for connections in [1, 4] {
        let mut options = sshd.client();
        options.remote.connections = connections;
        measure("loopback", options);
    }
    let _far = Far::new(25, 200);
    let settings = format!("ListenAddress {}", Far::ADDRESS);
    let sshd = Sshd::start_by(&settings, &["ip", "netns", "exec", Far::NAME]);
    let known = fs::read_to_string(sshd.at("known_hosts")).expect("a file");
    fs::write(
        sshd.at("known_hosts"),
        known.replace("127.0.0.1", Far::ADDRESS),
    )
    .expect("a file");
    for connections in [1, 2, 4] {
        let mut options = sshd.client();
        Far::ADDRESS.clone_into(&mut options.host);
        options.remote.connections = connections;
        measure("200 Mbit/s, 25 ms each way", options);
    }
}

fn measure(link: &str, options: Sftp) {
    for number in 0..256 {
        let folder = format!("{}/many/{number:02x}", options.path);
        fs::create_dir_all(&folder).expect("a folder");
        for object in 0..20 {
            fs::write(format!("{folder}/{object}"), "x").expect("a file");
        }
    }
    let store = SftpStore::new(options);
    let connections = store.connections();
    let object = noise(8 << 20);
    store.now().expect("it works");
    let timed = |what: &str, work: &(dyn Fn(&str) + Sync)| {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..connections {
                scope.spawn(move || {
                    for number in (thread..8).step_by(connections) {
                        work(&format!("packs/{number}"));
                    }
                });
            }
        });
        let took = begun.elapsed().as_secs_f64();
        let rate = 64.0 * 1.048_576 * 8.0 / took;
        eprintln!(
            "{link}, {connections} connections: {what} 64 MiB in {took:.2} s, {rate:.0} Mbit/s"
        );
    };
    timed("connected and wrote", &|name| {
        store.put(name, &object).expect("stored");
    });
    timed("wrote", &|name| store.put(name, &object).expect("stored"));
    timed("read", &|name| {
        assert!(store.get(name).expect("there") == object);
    });
    let begun = Instant::now();
    let listed = store.list("many").expect("listed").len();
    eprintln!(
        "{link}: {listed} objects in 256 folders are listed in {:.2?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    for number in 0..10 {
        store.put(&format!("small/{number}"), b"x").expect("stored");
    }
    let put = begun.elapsed() / 10;
    let begun = Instant::now();
    for number in 0..10 {
        store.get(&format!("small/{number}")).expect("there");
    }
    eprintln!(
        "{link}: a small object is written in {put:.1?}, read in {:.1?}",
        begun.elapsed() / 10
    );
}

/// Another network behind a link that is slow to answer.
struct Far {
    _link: Server,
}

impl Far {
    const NAME: &str = "ce-sftp-far";
    const ADDRESS: &str = "10.213.7.2";

    fn new(delay_ms: u32, mbit: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ip = |words: &[&str]| Command::new("ip").args(words).status();
        assert!(ip(&["netns", "add", Self::NAME]).expect("ip").success());
        let mut command = Command::new(project().join("tests/bench/link"));
        command.args([Self::NAME, &delay_ms.to_string(), &mbit.to_string()]);
        let log = folder.path().join("log");
        let link = Server::start(&mut command, &log);
        wait::until("link", Duration::from_secs(10), || {
            fs::read_to_string(&log)
                .ok()
                .filter(|said| said.contains("up"))
        });
        Far { _link: link }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", Self::NAME])
            .status();
    }
}
