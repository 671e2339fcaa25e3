//! `scangap explain --batch`: one JSON object a line in, one a line out, in order, in parallel, for gates in CI.

mod line;

use std::io::{BufRead, BufReader, Read, Write};

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_model::escape_control_characters;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::line::{Line, judge};
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;

/// What is read ahead and decided at once: enough for every core, little enough to keep memory flat.
const READ_AHEAD: usize = 4 << 20;

/// Returns the exit code of the worst line: an invalid line first, then denied, then depends or unknown.
pub(super) fn run(exit_zero: bool) -> Result<Exit, CliError> {
    let now = environment::now();
    let mut input = BufReader::with_capacity(READ_AHEAD, std::io::stdin().lock());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut worst = Exit::Finished;
    loop {
        let lines = lines(&mut input).map_err(|source| CliError::PolicyFile { path: "-".into(), source })?;
        if lines.is_empty() {
            return Ok(if exit_zero { Exit::Finished } else { worst });
        }
        let answers: Vec<(Exit, String)> = lines
            .par_iter()
            .map(|line| {
                let answer = answer(line, now);
                (exit(&answer), escape_control_characters(&answer.to_string()))
            })
            .collect();
        worst = answers.iter().map(|(exit, _)| *exit).chain([worst]).max_by_key(|exit| rank(*exit)).unwrap_or(worst);
        let written = answers.iter().try_for_each(|(_, answer)| writeln!(out, "{answer}")).and_then(|()| out.flush());
        if let Err(error) = written {
            // A reader that goes away ends quietly, with the worst that was decided; anything else is told at the end.
            terminal::not_written(&error);
            return Ok(if exit_zero { Exit::Finished } else { worst });
        }
    }
}

fn exit(answer: &Value) -> Exit {
    match answer.get("verdict").and_then(Value::as_str) {
        Some("allowed") => Exit::Finished,
        Some("denied") => Exit::Reached,
        Some(_) => Exit::UndecidedReached,
        None => Exit::Data,
    }
}

fn rank(exit: Exit) -> u8 {
    match exit {
        Exit::Finished => 0,
        Exit::UndecidedReached => 1,
        Exit::Reached => 2,
        _ => 3,
    }
}

/// Reads the next line and all lines that are already buffered, so that line-by-line input is answered line by line.
fn lines<R: Read>(input: &mut BufReader<R>) -> std::io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        lines.push(line);
        if !input.buffer().contains(&b'\n') {
            return Ok(lines);
        }
    }
}

/// A bad line is answered with its error, and does not stop the rest.
fn answer(line: &[u8], now: Timestamp) -> Value {
    let id = id(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return failed(&id, &format!("the line is not UTF-8: {error}")),
    };
    let answered = serde_json::from_str::<Line<'_>>(text)
        .map_err(|error| error.to_string())
        .and_then(|parsed| judge(&parsed, now));
    match answered {
        Ok(mut answer) => {
            if let Some(members) = answer.as_object_mut() {
                members.shift_insert(0, "id".to_owned(), id);
            }
            answer
        }
        Err(error) => failed(&id, &error),
    }
}

/// The line's id, whatever else is wrong with it.
fn id(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Id<'l> {
        #[serde(borrow)]
        id: Option<&'l RawValue>,
    }
    let raw = serde_json::from_slice::<Id<'_>>(line).ok().and_then(|parsed| parsed.id);
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Value::Null)
}

fn failed(id: &Value, error: &str) -> Value {
    json!({"id": id, "verdict": null, "actions": {}, "lints": [], "fixed_policy": null, "left_out": [], "still_refused": [], "no_repair": null, "error": error})
}
