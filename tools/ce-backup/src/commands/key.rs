//! `ce-backup key`: the organisation's key pair, and who may open a repository.

mod change;
mod new;
mod role;
mod sheet;

use std::process::ExitCode;

use clap::Subcommand;

use super::With;

#[derive(Subcommand, Debug)]
pub(crate) enum Key {
    /// Let another organisation key open a repository
    Add(With<change::Add>),
    /// Make an organisation's key pair
    New(With<new::New>),
    /// Shut an organisation key out
    Remove(With<change::Remove>),
    /// Make a key for the maintenance host
    Role(With<role::RoleKey>),
    /// Replace an organisation key by a new one
    Rotate(With<change::Rotate>),
    /// Print a key as a sheet of paper to keep
    Sheet(With<sheet::Sheet>),
}

impl Key {
    pub fn run(&self) -> ExitCode {
        match self {
            Key::Add(command) => command.run(),
            Key::New(command) => command.run(),
            Key::Remove(command) => command.run(),
            Key::Role(command) => command.run(),
            Key::Rotate(command) => command.run(),
            Key::Sheet(command) => command.run(),
        }
    }
}
