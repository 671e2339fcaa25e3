//! The `scangap` binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    scangap::main()
}
