//! Writes man pages, completions and schemas below a folder, from the same definitions that the programs run on.

mod completions;
mod man;
mod nagios;
mod schema;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        return complain("usage: generate FOLDER");
    };
    let written = files()
        .into_iter()
        .try_for_each(|(path, contents)| write(&Path::new(&folder).join(path), &contents));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

/// Every generated file: its path in the project and what is in it.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = man::pages();
    files.extend(completions::scripts());
    files.push(schema::of_backup());
    files.push(schema::of_check());
    files.push(nagios::commands());
    files
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, contents)
}

#[allow(clippy::print_stderr)]
fn complain(message: &str) -> ExitCode {
    eprintln!("generate: {message}");
    ExitCode::from(3)
}
