//! The only room with a door to the terminal, the environment and the exit. Everything else is called from here.

mod apply_hints;
pub mod args;
mod assessed;
mod audit;
mod collect_for_plan;
mod commands;
mod environment;
mod error;
mod exit;
mod open_applies;
mod progress;
mod signals;
mod store;
mod terminal;

pub use exit::{EXIT_CODES, Exit};

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, runs the command and renders whatever it ends in.
pub fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return error::usage(&error),
    };
    environment::without_empty_addresses();
    terminal::set_color(arguments.global.color);
    let outcome = commands::run(&arguments);
    let lost = terminal::lost();
    if let Some(why) = lost {
        terminal::note(&format!("error: failed to write to standard output\n  caused by: {why}"));
    }
    let code = match outcome {
        Ok(_) if lost.is_some() => Exit::Unexpected.into(),
        Ok(exit) => exit.into(),
        Err(error) => error.render(),
    };
    // Whatever else was done: a registry that an apply left without scanning outranks it.
    if open_applies::warn() { Exit::ScanningOff.into() } else { code }
}
