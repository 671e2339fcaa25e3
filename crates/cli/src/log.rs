//! The log of a run: calls, the limiter and the journal, on stderr with `-v` and into a file with `--log-file`. What is sent
//! and answered is in neither.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::args::Global;
use crate::environment;
use crate::error::CliError;
use crate::values::BadValue;

/// The version of a log file's lines, which its first line names.
const VERSION: u64 = 1;
const FILTER: &str = "SCANGAP_LOG";

/// Begins the log, where one is wanted.
pub(crate) fn begin(global: &Global) -> Result<(), CliError> {
    let named = environment::variable(FILTER).map(|filter| filter.to_string_lossy().into_owned());
    let level = match global.verbose {
        0 => None,
        1 => Some("scangap=info"),
        2 => Some("scangap=debug"),
        _ => Some("scangap=trace"),
    };
    let filter = |fallback: Option<&str>| named.as_deref().or(fallback).map(parse).transpose();
    // The variable alone logs on the screen; with a file, it filters what goes there.
    let on_screen = global.verbose > 0 || global.log_file.is_none();
    let screen = filter(level)?.filter(|_| on_screen).map(|filter| {
        let layer = fmt::layer().with_writer(io::stderr).with_ansi(false);
        layer.with_filter(filter.and(filter_fn(is_ours)))
    });
    let file = match &global.log_file {
        None => None,
        Some(path) => {
            let file = create(path).map_err(|source| CliError::LogFile { path: path.clone(), source })?;
            let layer = fmt::layer().json().flatten_event(true).with_writer(Mutex::new(file));
            let filter = filter(level.or(Some("scangap=debug")))?;
            filter.map(|filter| layer.with_filter(filter.and(filter_fn(is_ours))))
        }
    };
    if screen.is_some() || file.is_some() {
        // It is set once, before anything is logged.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(screen).with(file));
    }
    Ok(())
}

/// The SDK has a log of its own, which may show what is signed and sent.
fn is_ours(event: &tracing::Metadata<'_>) -> bool {
    event.target().starts_with("scangap")
}

fn parse(filter: &str) -> Result<EnvFilter, CliError> {
    EnvFilter::try_new(filter).map_err(|error| {
        let hint = format!("{FILTER} is a level for each part, such as scangap::call=debug: {error}");
        BadValue::new(filter, "a filter of log lines", hint).into()
    })
}

/// A file that only the user reads, with a first line that says what it is. One that is there is emptied, and was perhaps read by more.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // What is no plain file, such as a pipe, keeps its mode.
    #[cfg(unix)]
    if file.metadata()?.is_file() {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    writeln!(file, "{}", serde_json::json!({"log": "scangap", "version": VERSION, "program": environment::VERSION}))?;
    Ok(file)
}
