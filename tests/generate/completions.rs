//! Completions for bash, zsh and fish.

use std::path::PathBuf;

use clap_complete::{Shell, generate};

/// One script for each shell, named as its shell looks for it.
pub(crate) fn scripts() -> Vec<(PathBuf, Vec<u8>)> {
    [
        (Shell::Bash, "ce-check"),
        (Shell::Zsh, "_ce-check"),
        (Shell::Fish, "ce-check.fish"),
    ]
    .into_iter()
    .map(|(shell, name)| {
        let mut script = Vec::new();
        generate(shell, &mut ce_check::command(), "ce-check", &mut script);
        (PathBuf::from(format!("completions/{shell}/{name}")), script)
    })
    .collect()
}
