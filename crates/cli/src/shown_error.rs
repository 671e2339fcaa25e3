//! Errors as they are printed: the fact, its causes, the hint, the code; or the same as JSON.

use std::error::Error;
use std::process::ExitCode;

use clap::error::ContextKind;
use scangap_aws::ConnectError;
use scangap_model::{escape_control_characters, sanitize};
use serde_json::json;

use crate::args::ErrorFormat;
use crate::codes::{self, ErrorCode};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;
use crate::values::BadValue;

/// Every cause, from the outside in.
fn causes(error: &CliError) -> Vec<String> {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(source) = cause {
        causes.push(source.to_string());
        cause = source.source();
    }
    causes.extend(error.evidence().map(|gap| format!("{}: {}: {}", gap.api, gap.code, gap.message)));
    causes
}

/// Prints the error and gives its exit code.
pub(crate) fn render(error: &CliError, format: ErrorFormat) -> ExitCode {
    let shown = ShownError::of(error);
    shown.print(format);
    shown.exit.into()
}

/// The call, account and region that the error is about.
fn place(error: &CliError) -> Place {
    if let Some(gap) = error.evidence() {
        let region = gap.region.as_ref().map(ToString::to_string);
        let account = gap.account.map(|account| account.to_string());
        return Place { api: Some(gap.api.to_string()), account, region };
    }
    match error {
        CliError::Apply(error)
        | CliError::NotApplicable(error)
        | CliError::NotSaved(error)
        | CliError::LeftDisabled(error) => {
            let (account, region) = error.place();
            let api = error.call().map(|error| error.api.to_string());
            let (account, region) = (account.map(|id| id.to_string()), region.map(ToString::to_string));
            Place { api, account, region }
        }
        CliError::Organization(error) | CliError::Connect(ConnectError::Identity(error)) => {
            Place { api: Some(error.api.to_string()), ..Place::default() }
        }
        _ => Place::default(),
    }
}

/// What an error is about, as far as it is about one call, account or region.
#[derive(Debug, Default)]
struct Place {
    api: Option<String>,
    account: Option<String>,
    region: Option<String>,
}

/// An error as it is printed.
pub(crate) struct ShownError {
    code: ErrorCode,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    place: Place,
    exit: Exit,
}

impl ShownError {
    pub(crate) fn of(error: &CliError) -> Self {
        Self {
            code: codes::of(error),
            message: error.to_string(),
            causes: causes(error),
            hint: error.hint(),
            place: place(error),
            exit: error.exit(),
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}", in_lines(&self.message));
        for cause in &self.causes {
            text.push_str("\n  caused by: ");
            text.push_str(&in_lines(cause));
        }
        if let Some(hint) = &self.hint {
            text.push_str("\n  hint: ");
            text.push_str(&in_lines(hint));
        }
        text.push_str("\n  code: ");
        text.push_str(self.code.word());
        text
    }

    fn print(&self, format: ErrorFormat) {
        match format {
            ErrorFormat::Human => terminal::note(&self.text()),
            ErrorFormat::Json => {
                let error = json!({
                    "version": 1,
                    "code": self.code.word(),
                    "message": self.message,
                    "causes": self.causes,
                    "hint": self.hint,
                    "api": self.place.api,
                    "account": self.place.account,
                    "region": self.place.region,
                    "exit_code": self.exit.code(),
                });
                terminal::note(&escape_control_characters(&json!({ "error": error }).to_string()));
            }
        }
    }
}

/// What was meant for standard output was lost.
pub(crate) fn output_lost(why: &str, format: ErrorFormat) {
    let shown = ShownError {
        code: ErrorCode::OutputWrite,
        message: "failed to write to standard output".to_owned(),
        causes: vec![why.to_owned()],
        hint: None,
        place: Place::default(),
        exit: Exit::Unexpected,
    };
    shown.print(format);
}

/// A text with its lines, so that a marker under a place stays under it. Foreign text begins no line of its own: every line
/// but the first is set in further than any of ours.
fn in_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(sanitize).filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n      ")
}

/// clap's own errors. Its exit code 2 means something else here.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Finished.into();
    }
    // Nothing was parsed: the format is looked for in the words themselves.
    let words: Vec<_> = std::env::args_os().collect();
    let json = words.iter().any(|word| word == "--error-format=json")
        || words.windows(2).any(|pair| pair == ["--error-format", "json"]);
    let shown = of_value(error).unwrap_or_else(|| of_usage(error));
    match (json, shown.code) {
        (true, _) => shown.print(ErrorFormat::Json),
        (false, ErrorCode::ArgumentValue) => shown.print(ErrorFormat::Human),
        (false, _) => {
            let _ = error.print();
            terminal::note(&format!("  code: {}", shown.code.word()));
        }
    }
    Exit::Usage.into()
}

/// A value that one of our own parsers does not take, with the argument that it was given for.
fn of_value(error: &clap::Error) -> Option<ShownError> {
    let wrong: &BadValue = error.source()?.downcast_ref()?;
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let argument = argument.split_whitespace().next().unwrap_or_default();
    Some(ShownError {
        code: ErrorCode::ArgumentValue,
        message: format!("{argument}: {wrong}"),
        causes: Vec::new(),
        hint: Some(wrong.hint.clone()),
        place: Place::default(),
        exit: Exit::Usage,
    })
}

/// What clap says itself.
fn of_usage(error: &clap::Error) -> ShownError {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    ShownError {
        code: ErrorCode::ArgumentUsage,
        message: lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        causes: Vec::new(),
        hint: Some(lines.collect::<Vec<_>>().join("; ")).filter(|hint| !hint.is_empty()),
        place: Place::default(),
        exit: Exit::Usage,
    }
}
