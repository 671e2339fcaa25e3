//! Whether an apply is wanted: by flags, or typed at a terminal.

use scangap_apply::ApplyError;
use scangap_plan::PlanDocument;

use crate::args::Apply;
use crate::error::CliError;
use crate::{consent, terminal};

/// What is typed to confirm: the organization, and where there is none the beginning of the plan's hash.
fn word(plan: &PlanDocument) -> String {
    plan.organization_id.clone().unwrap_or_else(|| plan.plan_sha256.chars().take(12).collect())
}

/// Whether the flags give all the consent that the plan needs. What they give wrongly is an error, before any call.
pub(super) fn given(command: &Apply, plan: &PlanDocument) -> Result<bool, CliError> {
    if let Some(given) = &command.confirm
        && *given != word(plan)
    {
        return Err(CliError::NotConfirmed { given: given.clone(), expected: word(plan) });
    }
    let lost = plan.findings_lost.unwrap_or(0);
    if let Some(given) = command.accept_history_loss
        && given != lost
    {
        return Err(CliError::OtherLoss { given, lost });
    }
    let accepted = plan.resyncs.is_empty() || command.accept_history_loss.is_some();
    Ok(command.confirm.is_some() && accepted)
}

pub(super) fn ask_for(command: &Apply, plan: &PlanDocument) -> Result<(), CliError> {
    if !terminal::stdin_is_terminal() {
        return Err(CliError::NobodyToAsk {
            confirm: command.confirm.is_none().then(|| word(plan)),
            lost: plan.findings_lost.filter(|_| !plan.resyncs.is_empty() && command.accept_history_loss.is_none()),
        });
    }
    if command.confirm.is_none() {
        let answer = ask(&format!("Type {} to change all this: ", word(plan)))?;
        if answer != word(plan) {
            return Err(CliError::NotConfirmed { given: answer, expected: word(plan) });
        }
    }
    if !plan.resyncs.is_empty() && command.accept_history_loss.is_none() {
        let lost = plan.findings_lost.unwrap_or(0);
        let answer = ask("Type the number of findings that will be lost: ")?;
        if answer != lost.to_string() {
            return Err(CliError::NotConfirmed { given: answer, expected: lost.to_string() });
        }
    }
    Ok(())
}

fn ask(question: &str) -> Result<String, CliError> {
    consent::ask(question)?.ok_or_else(|| CliError::NotApplicable(Box::new(ApplyError::Interrupted)))
}
