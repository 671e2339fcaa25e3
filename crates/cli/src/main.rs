//! The `scangap` binary: parse, run, exit.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator gives memory back in parts of the system's pages of two megabytes, and each page is cleared whole when it is used
    // again: that took about 14 us of a call's 166 (docs/evidence/2026-11-29-collect.md).
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    scangap::main()
}
