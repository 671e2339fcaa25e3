//! `report.html`: the organization on one page. One file, no request to anywhere. It reads and prints as it is; the script
//! adds sorting, filters, a panel for each repository and addresses that can be shared. Every text is escaped by the
//! template or set as text by the script, and what could act on the order of characters is shown instead.

mod action;
mod changes;
mod data;
mod heat;
mod place;
mod policies;
mod tone;
mod trend;
mod view;

use std::io::{self, Write};

use askama::Template;
use base64::prelude::{BASE64_STANDARD, Engine};
use scangap_model::{AccountId, DIAGNOSES, Diagnosis, DiagnosisInfo, Observed, count, sanitize, thousands};
use sha2::{Digest, Sha256};

use self::action::Actions;
pub(crate) use self::place::shell_word;
pub(crate) use self::tone::tone;
use self::view::{CauseView, ChangesPage, Figure, GapView, Page, Segment};
use crate::causes::{CauseRow, denied_by, met_in};
use crate::change::Changes;
use crate::columns::{AppliedRow, AppliedView, PlanView};
use crate::context::ReportContext;
use crate::decision_counts::DecisionCounts;
use crate::input::Input;
use crate::sign_off;
use crate::summary::{GapGroup, Summary, images_in_words};
use crate::trend::Trend;
use crate::value::utc;

pub(crate) const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

pub(crate) fn write(
    material: &ReportContext<'_>,
    plan: Option<&PlanView>,
    applied: Option<&AppliedView>,
    out: &mut dyn Write,
) -> io::Result<()> {
    page(material, plan, applied)?.render_into(&mut Text(out)).map_err(io::Error::other)
}

/// The page of a comparison alone.
pub(crate) fn write_changes(input: &Input<'_>, changes: &Changes, out: &mut dyn Write) -> io::Result<()> {
    let page = ChangesPage {
        style: STYLE,
        style_hash: hash(STYLE),
        simulated: input.simulated,
        organization: organization(input),
        changes: changes::view(changes),
    };
    page.render_into(&mut Text(out)).map_err(io::Error::other)
}

/// The template writes text, files take bytes.
pub(crate) struct Text<'w>(pub(crate) &'w mut dyn Write);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write_all(text.as_bytes()).map_err(|_| std::fmt::Error)
    }
}

pub(crate) fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
}

fn page(material: &ReportContext<'_>, plan: Option<&PlanView>, applied: Option<&AppliedView>) -> io::Result<Page> {
    let (input, summary) = (&material.input, &material.summary);
    let shown = policies::shown(material);
    let Actions { rows, places, note } = action::actions(material, &shown)?;
    let completeness = match (input.interrupted, summary.is_complete()) {
        (true, _) => "The audit was interrupted.".to_owned(),
        (false, true) => "Everything in scope was learnt.".to_owned(),
        (false, false) => String::new(),
    };
    Ok(Page {
        style: STYLE,
        style_hash: hash(STYLE),
        script: SCRIPT,
        script_hash: hash(SCRIPT),
        simulated: input.simulated,
        interrupted: input.interrupted,
        shard: input.shard.map(|shard| shard.to_string()),
        organization: organization(input),
        as_of: utc(input.as_of),
        completeness,
        share: share(summary),
        covered: summary.covered_in_words(),
        not_read: summary.not_read_in_words(),
        since: input.changes.map(|changes| (utc(changes.since), changes.balance.in_words())),
        over_time: input.trend.and_then(Trend::in_words),
        trend: input.trend.map(trend::view),
        decided: material.decided.in_words().iter().map(|line| sanitize(line)).collect(),
        apart: summary.unlisted_in_words(),
        bar: bar(summary),
        figures: DIAGNOSES.iter().filter_map(|info| figure(summary, &material.decided, info)).collect(),
        reading: reading(summary),
        gaps: summary.gap_causes.iter().map(gap).collect(),
        denied_by: denied_by(input),
        causes: material.causes.iter().take(CAUSES_MAX).map(cause).collect(),
        causes_note: causes_note(material.causes.len()),
        heat: heat::heat(input),
        data: data::packed(material)?,
        held_note: held_note(material),
        actions: rows,
        action_note: note,
        changes: input.changes.map(changes::view),
        plan: plan.map(escaped),
        applied: applied.map(|applied| applied.rows.iter().map(escaped_row).collect()),
        policies: policies::views(material, &shown, &places),
        policies_note: policies::note(material),
        about: about(input),
        sign_off: sign_off::rows(material),
        to_fill: sign_off::TO_FILL,
        controls: sign_off::CONTROLS,
    })
}

/// A plan's texts, in which nothing acts on the order of characters.
fn escaped(plan: &PlanView) -> PlanView {
    let mut plan = plan.clone();
    for row in &mut plan.rows {
        row.repositories = row.repositories.iter().map(|name| sanitize(name)).collect();
        row.why = sanitize(&row.why);
    }
    plan
}

fn escaped_row(row: &AppliedRow) -> AppliedRow {
    AppliedRow {
        repositories: sanitize(&row.repositories),
        result: sanitize(&row.result),
        saved: sanitize(&row.saved),
        by: sanitize(&row.by),
        ..row.clone()
    }
}

fn organization(input: &Input<'_>) -> String {
    match &input.facts.organization.id {
        Observed::Known(id) => format!("Organization {id}"),
        Observed::Absent => "An account in no organization".to_owned(),
        Observed::Unknown(_) => "An organization that could not be described".to_owned(),
    }
}

fn figure(summary: &Summary, decided: &DecisionCounts, info: &DiagnosisInfo) -> Option<Figure> {
    let elsewhere = summary.elsewhere(info.diagnosis);
    let number = summary.listed.get(&info.diagnosis).copied();
    let number = number.or_else(|| elsewhere.is_some().then_some(0))?;
    Some(Figure {
        tone: tone(info.tone),
        word: info.word,
        count: thousands(number),
        title: info.title,
        meaning: summary.meaning(info),
        elsewhere: elsewhere.unwrap_or_default(),
        accepted: match decided.accepted.get(&info.diagnosis) {
            Some(accepted) => format!("accepted: {}", thousands(*accepted)),
            None => String::new(),
        },
    })
}

/// The one number that a reader takes away: of how many that were read how many are covered.
fn share(summary: &Summary) -> String {
    let covered = summary.listed.get(&Diagnosis::Covered).copied().unwrap_or(0);
    if summary.n_listed() == 0 && summary.repositories > 0 {
        return "No repository is in a list that was read".to_owned();
    }
    if summary.repositories == 0 {
        return if summary.is_complete() {
            "There are no repositories."
        } else {
            "No repositories were found; not everything could be read."
        }
        .to_owned();
    }
    let images = summary.covered_images().map_or_else(String::new, |images| format!(", {images}"));
    let (number, verb) = (summary.n_listed(), if summary.n_listed() == 1 { "is" } else { "are" });
    format!("{} of {} {verb} covered{images}", thousands(covered), count(number, "repository"))
}

fn bar(summary: &Summary) -> Vec<Segment> {
    let all = summary.n_listed().max(1);
    let mut before = 0;
    let mut segments = Vec::new();
    // Covered first: the bar fills from the left.
    for info in DIAGNOSES.iter().rev() {
        let Some(&number) = summary.listed.get(&info.diagnosis) else { continue };
        let (start, end) = (before * 1000 / all, (before + number) * 1000 / all);
        before += number;
        segments.push(Segment {
            tone: tone(info.tone),
            start,
            length: (end - start).max(1),
            title: format!("{} {}", info.title, thousands(number)),
        });
    }
    segments
}

/// Causes that the page shows; the rest are in causes.csv, and the page says so.
const CAUSES_MAX: usize = 100;

fn cause(row: &CauseRow<'_>) -> CauseView {
    CauseView {
        id: row.tally.cause.id.to_string(),
        tone: row.tally.worst().map_or("question", |diagnosis| tone(diagnosis.info().tone)),
        met: met_in(row.tally),
        ous: first_few(&row.ous),
        sentence: row.sentence(),
        repair: sanitize(&row.repair()),
        written_by: first_few(&row.written_by),
    }
}

/// Names that a field of the page shows.
const NAMES_MAX: usize = 5;

fn first_few(names: &[String]) -> Vec<String> {
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = (more > 0).then(|| format!("and {} more", thousands(more)));
    names.iter().take(NAMES_MAX).map(|name| sanitize(name)).chain(more).collect()
}

fn causes_note(all: usize) -> String {
    match all {
        0 => "No repository that was read needs anything.".to_owned(),
        all if all > CAUSES_MAX => {
            format!("The worst {CAUSES_MAX} of {} are shown; all of them are in causes.csv.", count(all, "cause"))
        }
        all => format!("{}, the worst first. A repository may have several.", count(all, "cause")),
    }
}

fn held_note(material: &ReportContext<'_>) -> String {
    let held = data::PageData::of(material);
    if held.left_out == 0 {
        return String::new();
    }
    format!(
        "This page holds {} of {}, the worst diagnoses first. {} are not in this table: all of them are in repositories.csv.",
        thousands(held.rows),
        count(material.summary.repositories, "repository"),
        thousands(held.left_out)
    )
}

fn reading(summary: &Summary) -> Vec<(&'static str, String)> {
    let registries = &summary.registries;
    let not_read = |parts: &[(usize, &str)]| {
        let parts: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{} {word}", thousands(*number)))
            .collect();
        if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) }
    };
    vec![
        (
            "Accounts",
            format!(
                "{} of {} read{}",
                thousands(summary.accounts_read),
                thousands(summary.accounts),
                not_read(&[
                    (summary.accounts_partly, "partly"),
                    (summary.accounts_skipped, "skipped by state"),
                    (summary.accounts_unreadable, "not readable"),
                    (summary.accounts_not_reached, "not reached"),
                ])
            ),
        ),
        (
            "Registries (account x region)",
            format!(
                "{} of {} read{}",
                thousands(registries.read),
                thousands(registries.total()),
                not_read(&[
                    (registries.not_enabled, "not enabled"),
                    (registries.skipped, "skipped"),
                    (registries.unreadable, "not readable"),
                    (registries.not_reached, "not reached"),
                ])
            ),
        ),
        ("Repositories in registries whose list was read", thousands(summary.n_listed())),
        ("Repositories in others", summary.unlisted_in_words().unwrap_or_else(|| "none is known".to_owned())),
        ("Images in Inspector's coverage", images_in_words(&summary.images)),
        ("Registry policies that deny Inspector a registry-level action", thousands(summary.registries_denying)),
        ("Creation templates that would block new repositories", thousands(summary.templates_denying)),
    ]
}

fn gap(group: &GapGroup) -> GapView {
    GapView {
        api: group.reads(),
        kind: group.kind.word().replace('_', " "),
        gaps: thousands(group.gaps),
        place: group.place(),
        hint: sanitize(&group.hint),
    }
}

fn about(input: &Input<'_>) -> Vec<(&'static str, String)> {
    let organization = &input.facts.organization;
    let shown = |fact: &Observed<AccountId>| match fact {
        Observed::Known(id) => id.to_string(),
        Observed::Absent => "none".to_owned(),
        Observed::Unknown(_) => "unknown".to_owned(),
    };
    vec![
        ("Partition", organization.partition.to_string()),
        ("Management account", shown(&organization.management_account)),
        ("Inspector administrator", shown(&organization.inspector_admin)),
        ("Audited by", sanitize(input.caller_arn)),
        ("Tool", format!("scangap {}", input.tool_version)),
        (
            "When it was read",
            "in run.json and in the sheet Evidence of audit.xlsx: this page holds facts alone".to_owned(),
        ),
        ("Facts SHA-256", input.facts_sha256.to_owned()),
    ]
}
