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
    Add(With<change::Add>),
    New(With<new::New>),
    Remove(With<change::Remove>),
    Role(With<role::RoleKey>),
    Rotate(With<change::Rotate>),
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
