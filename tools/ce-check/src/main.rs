//! `ce-check`: see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    ce_check::main(std::env::args_os().collect())
}
