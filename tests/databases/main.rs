//! ce-backup dump and restore-db against real servers of their own, on temporary folders and sockets.

mod mysql;
mod night;
mod postgres;
mod sqlite;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use ce_tests::program::{Program, Said};
use serde_json::Value;

/// ce-backup with these words.
fn backup(words: &[&str]) -> Program {
    Program::new("ce-backup").args(words)
}

/// The record of one database.
fn record_of(said: &Said, object: &str) -> Value {
    let records = said.records();
    let found = records.iter().find(|record| record["object"] == object);
    assert!(found.is_some(), "no record of '{object}': {said:?}");
    found.cloned().unwrap_or_default()
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// What zstd makes of a file: not our own reading of it.
fn zstdcat(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    zstd::stream::read::Decoder::new(fs::File::open(path).expect("a dump"))
        .and_then(|mut from| from.read_to_end(&mut text))
        .expect("zstd reads it");
    text
}

/// The frames of a file, without the one that zstd skips.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("a dump");
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while rest.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let length = zstd::zstd_safe::find_frame_compressed_size(rest).expect("a frame");
        let (frame, more) = rest.split_at(length);
        frames.push(frame.to_vec());
        rest = more;
    }
    frames
}

/// Arguments and environments of all processes that hold this text, by the names of their files.
fn seen_in_processes(secret: &str) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        for part in ["cmdline", "environ"] {
            let path = entry.path().join(part);
            let text = fs::read(&path).unwrap_or_default();
            if String::from_utf8_lossy(&text).contains(secret) {
                seen.push(path);
            }
        }
    }
    seen
}

/// Programs that this process has started, and those that they have, by name.
fn below(id: u32) -> Vec<String> {
    let listed = Command::new("ps")
        .args(["-o", "comm=", "--ppid", &id.to_string()])
        .output()
        .expect("ps");
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
