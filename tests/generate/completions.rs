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
        // clap_complete 4.6 takes the dash of the program's own name for a subcommand in the one half of the bash
        // script and not in the other, so that no flag would be completed.
        let script = String::from_utf8_lossy(&script)
            .replace("ce__subcmd__check", "ce__check")
            .into_bytes();
        (PathBuf::from(format!("completions/{shell}/{name}")), script)
    })
    .collect()
}
