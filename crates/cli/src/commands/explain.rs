//! `scangap explain`: one policy, offline.

mod ask;
mod batch;
mod excerpt;
mod json;
mod question;
mod snapshot;
mod text;

use scangap_model::Verdict;
use scangap_report::write_atomically;

use self::question::Answer;
use crate::args::{Explain, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;

pub(super) fn run(command: &Explain) -> Result<Exit, CliError> {
    if command.batch {
        return batch::run();
    }
    let question = match &command.snapshot {
        Some(path) => snapshot::question(command, path)?,
        None => ask::question(command)?,
    };
    let answer = question.answer();
    let repaired = if command.fix && matches!(answer.verdict, Verdict::Denied | Verdict::Depends) {
        Some(question.repair().map_err(CliError::NoRepair)?)
    } else {
        None
    };
    match command.output {
        Output::Json => terminal::out(&format!("{:#}\n", json::explained(&question, &answer, repaired.as_deref()))),
        Output::Text => {
            terminal::out(&text::explained(&question, &answer));
            if let Some(repaired) = &repaired {
                terminal::out(&text::diff(question.own_text(), repaired));
            }
        }
    }
    if let (Some(repaired), Some(path)) = (&repaired, &command.write) {
        write_atomically(path, |out| out.write_all(repaired.as_bytes())).map_err(CliError::Report)?;
        terminal::note(&format!("the repaired policy is in {}", path.display()));
    }
    Ok(exit(&answer))
}

fn exit(answer: &Answer) -> Exit {
    match answer.verdict {
        Verdict::Allowed => Exit::Finished,
        Verdict::Denied => Exit::Reached,
        Verdict::Depends | Verdict::Unknown => Exit::UndecidedReached,
    }
}
