//! Printing: stdout is data, stderr is everything else. A reader that goes away ends quietly.

use std::io::Write;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use scangap_model::{Tone, escape_control_characters};
use serde::Serialize;

use crate::args::ColorChoice;

/// What is said of everything that comes from a simulation.
pub(crate) const SIMULATED: &str = "SIMULATED: nothing here is evidence about a real organization.";

pub(crate) fn set_color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Why a result did not reach standard output: the first reason.
static NOT_WRITTEN: OnceLock<String> = OnceLock::new();

/// A closed pipe is not an error of ours; a full disk is.
pub(crate) fn not_written(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::BrokenPipe {
        let _ = NOT_WRITTEN.set(error.to_string());
    }
}

/// Why results were lost, if any were.
pub(crate) fn lost() -> Option<&'static str> {
    NOT_WRITTEN.get().map(String::as_str)
}

/// Results.
pub(crate) fn out(text: &str) {
    let mut stdout = anstream::stdout();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        not_written(&error);
    }
}

/// Results for machines: every byte as it is.
pub(crate) fn raw(text: &str) {
    let mut stdout = std::io::stdout();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        not_written(&error);
    }
}

/// One JSON document, that acts on no terminal.
pub(crate) fn json(value: &impl Serialize) {
    // INVARIANT: what scangap prints is made of texts, numbers and lists.
    raw(&escape_control_characters(&format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())));
}

/// Everything that is not a result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Color never carries the meaning alone: the word is always printed.
pub(crate) fn paint(text: &str, tone: Tone) -> String {
    let style = match tone {
        Tone::Bad => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
        Tone::Warning => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        Tone::Question => Style::new().fg_color(Some(AnsiColor::Magenta.into())),
        Tone::Neutral => Style::new(),
        Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
    };
    format!("{style}{text}{style:#}")
}

pub(crate) fn stdin_is_terminal() -> bool {
    use std::io::IsTerminal;
    std::io::stdin().is_terminal()
}

pub(crate) fn stderr_is_terminal() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal()
}
