//! `scangap explain`: one policy, offline.

mod ask;
mod batch;
mod json;
pub(super) mod request;
mod snapshot;
mod text;

use std::path::Path;

use scangap_assess::{PolicyAnswer, PolicyQuestion, PolicyRepair};
use scangap_model::{Tone, Verdict};
use scangap_policy::PolicyKind;
use scangap_report::{sanitize, write_atomically};

use crate::args::{Explain, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;

pub(super) fn run(command: &Explain) -> Result<Exit, CliError> {
    if command.batch {
        return batch::run(command.exit_zero);
    }
    let mut written = false;
    let explained = explained(command, &mut written);
    if let Some(path) = command.write.as_ref().filter(|_| !written) {
        set_aside(path, command);
    }
    explained
}

/// Renames a file that an earlier run left at the path of --write, so that it cannot be stored as this run's repair.
/// Nothing is lost: it gets another name. A policy that is to be written over itself stays.
fn set_aside(path: &Path, command: &Explain) {
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    let is_asked_about = command.policy.iter().chain(&command.registry_policy).any(|asked| real(asked) == real(path));
    if is_asked_about || !path.is_file() {
        return;
    }
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    let old = Path::new(&old);
    let what = match fs_err::rename(path, old) {
        Ok(()) => format!("{} is not the answer to this, and is {} now", path.display(), old.display()),
        Err(error) => format!("warning: {} is not the answer to this: {error}", path.display()),
    };
    terminal::note(&what);
}

fn explained(command: &Explain, written: &mut bool) -> Result<Exit, CliError> {
    let (question, simulated) = match &command.snapshot {
        Some(path) => snapshot::question(command, path)?,
        None => (ask::question(command)?, false),
    };
    if simulated && matches!(command.output, Output::Text) {
        terminal::note(&terminal::paint(terminal::SIMULATED, Tone::Warning));
    }
    let answer = question.answer();
    let needed = command.fix && matches!(answer.verdict, Verdict::Denied | Verdict::Depends);
    let repair = needed.then(|| question.repair());
    match command.output {
        Output::Json => {
            let mut answer = json::explained(&question, &answer, repair.as_ref());
            if simulated && let Some(members) = answer.as_object_mut() {
                members.insert("simulated".to_owned(), true.into());
            }
            terminal::json(&answer);
        }
        Output::Text => {
            terminal::out(&text::explained(&question, &answer));
            if let Some(Ok(repair)) = &repair {
                terminal::out(&text::diff(question.own_label(), question.own_text(), &repair.text));
            }
        }
    }
    if let Some(Ok(repair)) = &repair {
        for one in &repair.left_out {
            let what = sanitize(&one.what);
            terminal::note(&format!("the repair leaves out {what}, {}: ECR would refuse to store it", one.why));
        }
        for one in &repair.kept {
            let what = sanitize(&one.what);
            terminal::note(&format!("ECR will refuse to store the repair, or may: it names {what}, {}", one.why));
        }
    }
    match &repair {
        Some(Err(why)) => terminal::note(&format!("no repair: {why}")),
        Some(Ok(PolicyRepair { remains: Some(remains), .. })) => terminal::note(&format!("with this repair {remains}")),
        Some(Ok(_)) | None => {}
    }
    if let Some(path) = &command.write {
        let text = match &repair {
            Some(Ok(repair)) => Some(repair.text.as_str()),
            // Nothing to repair: the file contains the policy unchanged, for tools that read it from there.
            None if answer.verdict == Verdict::Allowed => written_as_it_is(&question, command),
            Some(Err(_)) | None => None,
        };
        if let Some(text) = text {
            write_atomically(path, |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
            *written = true;
            let of = question.own_label();
            let what =
                if repair.is_some() { format!("repaired {of}") } else { format!("{of}, with nothing to repair,") };
            terminal::note(&format!("the {what} is in {}", path.display()));
        }
    }
    Ok(exit(&answer))
}

/// The policy that was asked about. Of a repository without one nothing is written: another policy must not be taken for its own.
fn written_as_it_is<'q>(question: &'q PolicyQuestion, command: &Explain) -> Option<&'q str> {
    let own = question.policies.first();
    if command.snapshot.is_some() && own.is_none_or(|policy| policy.kind != PolicyKind::Repository) {
        terminal::note("the repository has no policy of its own, and nothing is to be repaired: nothing is written");
        return None;
    }
    own.map(|policy| policy.text.as_str())
}

fn exit(answer: &PolicyAnswer) -> Exit {
    match answer.verdict {
        Verdict::Allowed => Exit::Finished,
        Verdict::Denied => Exit::Reached,
        Verdict::Depends | Verdict::Unknown => Exit::UndecidedReached,
    }
}
