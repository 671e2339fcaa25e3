//! The only crate that accesses the terminal, the environment and the process exit. It calls all other crates.

mod applying;
pub mod args;
mod assessed;
mod audit;
mod closing;
mod codes;
mod collect_for_plan;
mod commands;
mod completion;
mod config;
mod configuration;
mod consent;
mod earlier;
mod environment;
mod error;
mod excerpt;
mod exit;
mod fail_on;
mod file_in;
mod folder;
mod gate_rules;
mod help;
mod job;
mod log;
mod open_applies;
mod open_files;
mod progress;
mod resumption;
mod runs;
mod session;
mod settings;
mod shown_error;
mod signals;
mod store;
mod terminal;
mod values;

pub use codes::{CodeInfo, ERROR_CODES, ErrorCode};
pub use exit::{EXIT_CODES, Exit};

use std::process::ExitCode;

use configuration::NotParsed;

/// Parses the command line, runs the command and renders whatever it ends in.
pub fn main() -> ExitCode {
    completion::answer();
    let (arguments, note) = match configuration::arguments(&help::command()) {
        Err(NotParsed::Usage(_)) if std::env::args_os().nth(1).is_none() => {
            terminal::note(help::first_steps().trim_end());
            return Exit::Usage.into();
        }
        Ok(arguments) => arguments,
        Err(NotParsed::Usage(error)) => return shown_error::usage(&error),
        Err(NotParsed::Configuration(error, format)) => {
            return shown_error::render(&error::CliError::Config(error), format);
        }
        Err(NotParsed::Variable(error, format)) => return shown_error::render(&error.into(), format),
    };
    environment::without_empty_addresses();
    open_files::raise();
    terminal::set_color(arguments.global.color);
    if let Some(path) = &arguments.global.age_identity {
        scangap_snapshot::open_with(path.clone());
    }
    if let Some(note) = note.filter(|_| arguments.global.quiet < 2) {
        terminal::note(&scangap_model::sanitize(&note));
    }
    let format = arguments.global.error_format;
    let outcome = log::begin(&arguments.global).and_then(|()| commands::run(&arguments));
    let lost = terminal::lost();
    if let Some(why) = lost {
        shown_error::output_lost(why, format);
    }
    let code = match outcome {
        Ok(_) if lost.is_some() => Exit::Unexpected.into(),
        Ok(exit) => exit.into(),
        Err(error) => shown_error::render(&error, format),
    };
    // A registry that an apply left without scanning outranks the exit code of the command.
    if open_applies::warn() { Exit::ScanningOff.into() } else { code }
}
