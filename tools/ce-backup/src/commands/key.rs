//! `ce-backup key`: the organisation's key pair, and who may open a repository.

mod new;
mod sheet;

use std::process::ExitCode;

use clap::Subcommand;

use super::With;

#[derive(Subcommand, Debug)]
pub(crate) enum Key {
    /// Make an organisation's key pair
    New(With<new::New>),
    /// Print a key as a sheet of paper to keep
    Sheet(With<sheet::Sheet>),
}

impl Key {
    pub fn run(&self) -> ExitCode {
        match self {
            Key::New(command) => command.run(),
            Key::Sheet(command) => command.run(),
        }
    }
}
