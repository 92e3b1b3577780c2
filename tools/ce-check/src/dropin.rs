//! Standing in for a plugin of the monitoring-plugins when called by its name.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::check::{Check, Plugin};

/// The plugin that this program was called as.
pub(crate) fn find(called_as: Option<&OsString>) -> Option<(&'static Check, &'static Plugin)> {
    let _ = called_as;
    None
}

pub(crate) fn main(
    _check: &'static Check,
    _plugin: &'static Plugin,
    _args: Vec<OsString>,
) -> ExitCode {
    ExitCode::SUCCESS
}
