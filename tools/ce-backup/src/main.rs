//! `ce-backup`: see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    ce_backup::main(std::env::args_os().collect())
}
