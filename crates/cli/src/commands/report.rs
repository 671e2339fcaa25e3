//! `scangap report`: the reports again, from the snapshot alone.

use std::path::Path;

use scangap_apply::{ClosedStep, ClosingReport, Lost};
use scangap_plan::{PlanReadError, PlanSummary, PlanSummaryRow, plan_summary};
use scangap_report::{AppliedRow, AppliedView, PlanRow, PlanView, ReportOptions, Split};
use scangap_snapshot::Recipients;

use crate::args::{Global, Report};
use crate::assessed::AssessedSnapshot;
use crate::earlier::{Earlier, decisions};
use crate::error::CliError;
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::file_in::file_in;
use crate::store::{self, HandOver};
use crate::values::BadValue;

pub(super) fn run(command: &Report, global: &Global) -> Result<Exit, CliError> {
    let judged = AssessedSnapshot::open_checked(&command.snapshot)?;
    let earlier = Earlier::read(&judged, &command.past, decisions(&command.past)?)?;
    let directory = match (&command.out, judged.path.parent()) {
        (Some(directory), _) => directory.clone(),
        (None, Some(parent)) if !parent.as_os_str().is_empty() => parent.to_owned(),
        (None, _) => ".".into(),
    };
    fs_err::create_dir_all(&directory).map_err(|source| CliError::Folder { path: directory.clone(), source })?;
    let options = ReportOptions {
        split: command.split_by.as_deref().map(|text| split(text, &judged.snapshot.meta.tag_keys)).transpose()?,
        plan: command.plan.as_deref().map(|path| planned(path, judged.facts_sha256())).transpose()?,
        applied: command.applied.as_deref().map(|path| applied(path, &judged)).transpose()?,
        ..command.form.options()
    };
    let recipients = Recipients::default();
    let to = HandOver {
        directory: &directory,
        options: &options,
        quiet: global.quiet,
        interrupted: false,
        recipients: &recipients,
    };
    store::hand_over(&judged, &earlier, &FailOn::default(), &to)
}

/// A plan, if it is whole and of this snapshot.
fn planned(path: &Path, facts_sha256: &str) -> Result<PlanView, CliError> {
    let path = &file_in(path, "plan.json");
    let text = fs_err::read_to_string(path).map_err(|source| CliError::PlanFile { path: path.to_owned(), source })?;
    let unusable = |source| CliError::NotThePlan { path: path.to_owned(), source };
    let plan: PlanSummary = plan_summary(&text).map_err(unusable)?;
    if plan.facts_sha256 != facts_sha256 {
        return Err(unusable(PlanReadError::OtherSnapshot));
    }
    let row = |row: PlanSummaryRow| PlanRow {
        what: row.what,
        account_id: row.account_id,
        region: row.region,
        repositories: row.repositories,
        decision: row.decision,
        why: row.why,
        findings_lost: row.findings,
        images_lost: row.images,
        images_not_rescanned: row.images_not_rescanned,
    };
    Ok(PlanView { warning: plan.warning, rows: plan.rows.into_iter().map(row).collect() })
}

/// What was applied, if it was in this organization.
fn applied(path: &Path, judged: &AssessedSnapshot) -> Result<AppliedView, CliError> {
    let path = &file_in(path, "applied.json");
    let text = fs_err::read_to_string(path).map_err(|source| CliError::PlanFile { path: path.to_owned(), source })?;
    let unreadable = |source| CliError::NotApplied { path: path.to_owned(), source };
    let summary = ClosingReport::parse(&text).map_err(unreadable)?;
    let here = judged.snapshot.facts.organization.id.known().map(ToString::to_string);
    if summary.simulated != judged.snapshot.meta.simulated || summary.organization_id != here {
        return Err(CliError::OtherApplied(path.to_owned()));
    }
    let row = |step: ClosedStep| {
        let number = |of: Option<Lost>, pick: fn(Lost) -> u64| match (step.predicted, of) {
            (None, _) => String::new(),
            (Some(_), Some(lost)) => pick(lost).to_string(),
            (Some(_), None) => "not counted".to_owned(),
        };
        AppliedRow {
            findings_predicted: number(step.predicted, |lost| lost.findings),
            findings_lost: number(step.lost, |lost| lost.findings),
            images_predicted: number(step.predicted, |lost| lost.images_not_rescanned),
            images_lost: number(step.lost, |lost| lost.images_not_rescanned),
            step: step.id,
            what: if step.kind.starts_with("resync") { "re-sync" } else { "repair" }.to_owned(),
            account_id: step.account_id,
            region: step.region,
            repositories: step.what,
            result: step.result,
            by: summary.by.clone(),
            ended_at: summary.ended_at.clone(),
            saved: step.saved.join("; "),
            before_sha256: step.before_sha256,
            after_sha256: step.after_sha256,
            plan_sha256: summary.plan_sha256.clone(),
        }
    };
    Ok(AppliedView { rows: summary.steps.into_iter().map(row).collect(), text })
}

/// `account`, `ou` or `tag:KEY`. A tag key that the audit did not read is an error: no repository would have an owner.
fn split(text: &str, tag_keys: &[String]) -> Result<Split, CliError> {
    let wrong = |hint: String| BadValue::new(text, "what owners can be told apart by here", hint).into();
    match (text, text.strip_prefix("tag:")) {
        ("account", _) => Ok(Split::Account),
        ("ou", _) => Ok(Split::OrganizationalUnit),
        (_, Some(key)) if tag_keys.iter().any(|known| known == key) => Ok(Split::Tag(key.to_owned())),
        (_, Some(key)) if !key.is_empty() => {
            Err(wrong(format!("the audit did not read this tag: audit with --tags '{key}'")))
        }
        _ => Err(wrong("--split-by takes account, ou or tag:KEY".to_owned())),
    }
}
