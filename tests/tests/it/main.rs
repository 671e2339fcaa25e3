//! Everything that is asked of the binary from outside, in one test program.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod aws_cli;
mod demo;
mod errors;
mod faults;
mod interrupt;
mod journey;
mod moto;
mod reach;
mod reports;
mod scope;
