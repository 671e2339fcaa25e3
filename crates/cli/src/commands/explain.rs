//! `scangap explain`: one policy, offline.

mod ask;
mod batch;
mod excerpt;
mod json;
mod question;
mod request;
mod snapshot;
mod text;

use scangap_model::Verdict;
use scangap_report::write_atomically;

use self::question::{Answer, Repair};
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
    let needed = command.fix && matches!(answer.verdict, Verdict::Denied | Verdict::Depends);
    let repair = needed.then(|| question.repair());
    match command.output {
        Output::Json => {
            let answer = json::explained(&question, &answer, repair.as_ref());
            terminal::json(&answer);
        }
        Output::Text => {
            terminal::out(&text::explained(&question, &answer));
            if let Some(Ok(repair)) = &repair {
                terminal::out(&text::diff(question.own_text(), &repair.text));
            }
        }
    }
    match &repair {
        Some(Err(why)) => terminal::note(&format!("no repair: {why}")),
        Some(Ok(Repair { remains: Some(remains), .. })) => terminal::note(&format!("with this repair {remains}")),
        Some(Ok(_)) | None => {}
    }
    if let Some(path) = &command.write {
        let text = match &repair {
            Some(Ok(repair)) => Some(repair.text.as_str()),
            // Nothing to repair: the file is the policy as it is, for whoever takes it from there.
            None if answer.verdict == Verdict::Allowed => Some(question.own_text()),
            Some(Err(_)) | None => None,
        };
        if let Some(text) = text {
            write_atomically(path, |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
            let what = if repair.is_some() { "repaired policy" } else { "policy, with nothing to repair," };
            terminal::note(&format!("the {what} is in {}", path.display()));
        }
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
