//! Completions for bash, zsh and fish.

use std::path::PathBuf;

use clap_complete::{Shell, generate};

/// One script for each shell and program, named as its shell looks for it.
pub(crate) fn scripts() -> Vec<(PathBuf, Vec<u8>)> {
    let programs = [
        ("ce-backup", ce_backup::command()),
        ("ce-check", ce_check::command()),
    ];
    let mut scripts = Vec::new();
    for (program, mut command) in programs {
        for (shell, name) in [
            (Shell::Bash, program.to_owned()),
            (Shell::Zsh, format!("_{program}")),
            (Shell::Fish, format!("{program}.fish")),
        ] {
            let mut script = Vec::new();
            generate(shell, &mut command, program, &mut script);
            // clap_complete 4.6 takes the dash of the program's own name for a subcommand in the one half of the bash
            // script and not in the other, so that no flag would be completed.
            let (_, own) = program.split_once('-').unwrap_or(("", program));
            let script = String::from_utf8_lossy(&script)
                .replace(&format!("ce__subcmd__{own}"), &format!("ce__{own}"))
                .into_bytes();
            scripts.push((PathBuf::from(format!("completions/{shell}/{name}")), script));
        }
    }
    scripts
}
