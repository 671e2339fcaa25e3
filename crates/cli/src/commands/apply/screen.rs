//! What an apply says before it begins, after a look, and at its end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use scangap_apply::{ApplyError, Outcome};
use scangap_model::{Tone, account_label, count, sanitize};
use scangap_plan::{PlanDocument, shell_word};

use crate::args::Global;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{applying, open_applies, terminal};

/// How many rows of one kind the screen shows.
const SHOWN: usize = 20;

pub(super) fn introduce(plan: &PlanDocument, global: &Global) {
    if global.quiet > 0 {
        return;
    }
    if plan.simulated {
        terminal::note(&terminal::paint("SIMULATED: a plan of an organization that does not exist.", Tone::Warning));
    }
    terminal::note(&format!(
        "plan {}: {} to change, {} to re-sync",
        plan.plan_sha256.chars().take(12).collect::<String>(),
        count(plan.repairs.len(), "policy"),
        count(plan.resyncs.len(), "registry")
    ));
    terminal::note(&steps(plan));
    if let Some(warning) = &plan.warning {
        terminal::note(&terminal::paint(&sanitize(warning), Tone::Bad));
    }
}

/// What would be done, step by step, or where that is too much for a screen account by account.
fn steps(plan: &PlanDocument) -> String {
    let mut lines = Vec::new();
    if plan.repairs.len() <= SHOWN {
        lines.extend(
            plan.repairs
                .iter()
                .map(|step| format!("  change   {}  {}  {}", step.id, step.place(), sanitize(&step.repository))),
        );
    } else {
        let mut accounts: BTreeMap<_, usize> = BTreeMap::new();
        for step in &plan.repairs {
            *accounts.entry((step.account, step.account_name.as_deref())).or_default() += 1;
        }
        lines.extend(accounts.iter().take(SHOWN).map(|((id, name), policies)| {
            format!("  change   {}  {}", account_label(*id, *name), count(*policies, "policy"))
        }));
        lines.extend(more(accounts.len(), "account"));
    }
    lines.extend(plan.resyncs.iter().take(SHOWN).map(|step| {
        let deleted = count(usize::try_from(step.findings).unwrap_or(usize::MAX), "finding");
        format!("  re-sync  {}  {}  deletes {deleted}", step.id, step.place())
    }));
    lines.extend(more(plan.resyncs.len(), "registry"));
    lines.join("\n")
}

fn more(number: usize, noun: &str) -> Option<String> {
    let rest = number.checked_sub(SHOWN).filter(|rest| *rest > 0)?;
    Some(format!("           and {} more (plan.md)", count(rest, noun)))
}

/// Says what a look at everything that the plan would change came to.
pub(super) fn dry_run(plan: &PlanDocument, looked: Outcome) -> Result<Exit, CliError> {
    if let Some(stop) = looked.stopped {
        return Err(CliError::NotApplicable(Box::new(stop)));
    }
    let counted =
        if plan.resyncs.is_empty() { "" } else { "; what would be lost is counted again before anything is deleted" };
    let refused = cannot_be_made(&looked.refused);
    let (repaired, all) = match looked.repaired_by_others {
        0 => (String::new(), "the policies and registries are"),
        1 => ("1 policy is repaired already; ".to_owned(), "all else is"),
        number => (format!("{} are repaired already; ", count(number, "policy")), "all else is"),
    };
    terminal::out(&format!(
        "Dry run: {repaired}{all} as the plan saw {}, and nothing was changed{counted}.{refused}\n",
        if repaired.is_empty() { "them" } else { "it" }
    ));
    Ok(if looked.refused.is_empty() { Exit::Finished } else { Exit::Incomplete })
}

/// Summarizes the steps that cannot be applied, as far as the dry run shows. Each step was already reported by itself.
fn cannot_be_made(refused: &[ApplyError]) -> String {
    let kept_out = refused.iter().filter(|stop| stop.step().is_some()).count();
    let mut text = String::new();
    if let accounts @ 1.. = refused.len() - kept_out {
        let them = if accounts == 1 { "it" } else { "them" };
        let accounts = count(accounts, "account");
        let _ = write!(text, " Steps in {accounts} cannot be made: no role opens {them}.");
    }
    if kept_out > 0 {
        let steps = count(kept_out, "step");
        let _ = write!(text, " {steps} cannot be made: the policies as they are keep the write role out.");
    }
    text
}

/// What to do next. Where a registry may be off, the commands that are listed then come before everything else.
fn next(outcome: &Outcome, folder: &Path) -> String {
    if !outcome.left_disabled.is_empty() {
        return String::new();
    }
    // The world has moved on from this plan: it would be refused again.
    if matches!(outcome.stopped, Some(ApplyError::Stale(_))) {
        return "Next     scangap audit, then scangap plan: this plan is of a world that is gone\n".to_owned();
    }
    if outcome.left > 0 && outcome.begun {
        let folder = sanitize(&shell_word(&folder.to_string_lossy()));
        return format!("Next     scangap apply {folder} --resume --write-role-name ROLE\n");
    }
    if outcome.left > 0 || outcome.stopped.is_some() {
        return String::new();
    }
    "Next     scangap audit --previous SNAPSHOT, with the snapshot that the plan was made from\n".to_owned()
}

/// The closing report, and how it ended.
pub(super) fn close(plan: &PlanDocument, outcome: Outcome, folder: &Path, global: &Global) -> Result<Exit, CliError> {
    let written = applying::write_report(plan, &outcome, folder);
    let by_others = outcome.steps.iter().filter(|step| step.finished && step.by_others).count();
    if global.quiet < 2 && written.is_ok() {
        terminal::out(&format!(
            "Applied: {} done, {} not done{}{}\nReport   {}: applied.md  applied.json  journal.jsonl\n",
            outcome.done() - by_others,
            outcome.left,
            if by_others > 0 { format!(", {by_others} repaired by others before") } else { String::new() },
            if plan.simulated { " (SIMULATED)" } else { "" },
            folder.display()
        ));
        terminal::out(&next(&outcome, folder));
    }
    let unfinished = outcome.steps.iter().any(|step| step.finished && !step.not_refreshed.is_empty());
    open_applies::warn_of_unrecorded(&outcome.left_disabled);
    // The error that stopped the apply is the one returned: the failed report may have the same cause.
    let written = match (written, &outcome.stopped) {
        (Err(error), Some(stop)) if !matches!(stop, ApplyError::OnlyReenabled) => {
            terminal::note(&terminal::paint(&sanitize(&format!("error: {error}")), Tone::Bad));
            Ok(())
        }
        (written, _) => written,
    };
    written?;
    match outcome.stopped {
        // Every command, this one included, lists these registries with the commands that re-enable them.
        Some(stop) if !outcome.left_disabled.is_empty() => Err(CliError::LeftDisabled(Box::new(stop))),
        Some(ApplyError::Interrupted) => Ok(Exit::Interrupted),
        Some(ApplyError::OnlyReenabled) => {
            terminal::out("Nothing is open: every registry of the plan is on, with its scanning configuration.\n");
            Ok(Exit::Finished)
        }
        Some(stop) if !outcome.begun => Err(CliError::NotApplicable(Box::new(stop))),
        Some(stop) => Err(CliError::Apply(Box::new(stop))),
        None if unfinished => Ok(Exit::Incomplete),
        None => Ok(Exit::Finished),
    }
}
