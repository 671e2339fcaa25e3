//! `report.html`: the organization on one page. One file, no script, no request to anywhere, readable and printable as it
//! is. Every text is escaped by the template, and what could act on the order of characters is shown instead.

mod policies;

use std::collections::BTreeMap;
use std::io::{self, Write};

use askama::Template;
use scangap_model::{AccountId, CellOutcome, DIAGNOSES, Diagnosis, Observed, RegionName, Tone};
use sha2::{Digest, Sha256};

use self::policies::PolicyView;
use crate::input::{Input, RepositoryRow};
use crate::summary::{GapGroup, Summary};
use crate::terminal::{count, sanitize, thousands};
use crate::value::Value;

const STYLE: &str = include_str!("../templates/report.css");

/// Rows that the page shows; the rest are in the CSV, and the page says so.
const ACTIONS_MAX: usize = 5_000;
const ACCOUNTS_MAX: usize = 2_000;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    style_hash: String,
    simulated: bool,
    interrupted: bool,
    organization: String,
    as_of: String,
    completeness: String,
    figures: Vec<Figure>,
    reading: Vec<(&'static str, String)>,
    gaps: Vec<GapView>,
    regions: Vec<String>,
    heat: Vec<HeatRow>,
    map_note: String,
    actions: Vec<ActionRow>,
    action_note: String,
    policies: Vec<PolicyView>,
    policies_note: String,
    about: Vec<(&'static str, String)>,
}

struct Figure {
    tone: &'static str,
    count: String,
    title: &'static str,
    meaning: &'static str,
}

struct GapView {
    api: String,
    kind: String,
    gaps: String,
    accounts: String,
    hint: String,
}

struct HeatRow {
    account: String,
    name: String,
    fields: Vec<HeatField>,
    /// The regions without a repository of anybody's.
    others: HeatField,
}

struct HeatField {
    tone: &'static str,
    word: String,
    detail: String,
}

struct ActionRow {
    tone: &'static str,
    diagnosis: &'static str,
    account: String,
    name: String,
    region: String,
    repository: String,
    why: String,
    next_step: String,
    anchor: Option<String>,
}

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    let page = page(input);
    out.write_all(page.render().map_err(io::Error::other)?.as_bytes())
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "bad",
        Tone::Warning => "warning",
        Tone::Question => "question",
        Tone::Neutral => "neutral",
        Tone::Good => "good",
    }
}

/// Whether somebody has to look at it.
fn needs_action(diagnosis: Diagnosis) -> bool {
    diagnosis.info().fails_any || diagnosis == Diagnosis::Unreadable
}

fn page(input: &Input<'_>) -> Page {
    let summary = Summary::of(input);
    let mut rows: Vec<RepositoryRow<'_>> =
        input.repositories().filter(|row| needs_action(row.assessment.diagnosis)).collect();
    rows.sort_by_key(|row| row.assessment.diagnosis);
    let (policies, anchors) = policies::views(input, &rows);
    let shown = rows.iter().take(ACTIONS_MAX);
    let organization = match &input.facts.organization.id {
        Observed::Known(id) => format!("Organization {id}"),
        Observed::Absent => "An account in no organization".to_owned(),
        Observed::Unknown(_) => "An organization that could not be described".to_owned(),
    };
    let completeness = match (input.interrupted, summary.is_complete()) {
        (true, _) => "The audit was interrupted.".to_owned(),
        (false, true) => "Everything in scope was learnt.".to_owned(),
        (false, false) => format!("{} could not be learnt: see what was read.", count(summary.gaps, "fact")),
    };
    let (regions, heat, map_note) = heat(input);
    Page {
        style: STYLE,
        style_hash: base64(&Sha256::digest(STYLE.as_bytes())),
        simulated: input.simulated,
        interrupted: input.interrupted,
        organization,
        as_of: Value::Time(input.as_of).render(),
        completeness,
        figures: DIAGNOSES.iter().filter_map(|info| figure(&summary, info)).collect(),
        reading: reading(&summary),
        gaps: summary.gap_groups.iter().map(gap).collect(),
        regions,
        heat,
        map_note,
        actions: shown.map(|row| action(row, &anchors)).collect(),
        action_note: action_note(rows.len()),
        policies_note: policies::note(&policies, &anchors),
        policies,
        about: about(input),
    }
}

fn figure(summary: &Summary, info: &scangap_model::DiagnosisInfo) -> Option<Figure> {
    let number = summary.diagnoses.get(&info.diagnosis)?;
    Some(Figure { tone: tone(info.tone), count: thousands(*number), title: info.title, meaning: info.meaning })
}

fn reading(summary: &Summary) -> Vec<(&'static str, String)> {
    let cells = &summary.cells;
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
                    (summary.accounts_skipped, "skipped by state"),
                    (summary.accounts_unreadable, "not readable"),
                    (summary.accounts_not_reached, "not reached"),
                ])
            ),
        ),
        (
            "Cells (account x region)",
            format!(
                "{} of {} read{}",
                thousands(cells.read),
                thousands(cells.total()),
                not_read(&[
                    (cells.not_enabled, "not enabled"),
                    (cells.skipped, "skipped"),
                    (cells.unreadable, "not readable"),
                    (cells.not_reached, "not reached"),
                ])
            ),
        ),
        ("Repositories", thousands(summary.repositories)),
        ("Registry policies that deny Inspector a registry-level action", thousands(summary.registries_denying)),
        ("Creation templates that would block new repositories", thousands(summary.templates_denying)),
    ]
}

fn gap(group: &GapGroup) -> GapView {
    GapView {
        api: group.api.to_string(),
        kind: group.kind.word().replace('_', " "),
        gaps: thousands(group.gaps),
        accounts: thousands(group.accounts),
        hint: sanitize(&group.hint),
    }
}

/// How many repositories an account has in a region, and the worst diagnosis among them.
type Field = (usize, Diagnosis);

fn heat(input: &Input<'_>) -> (Vec<String>, Vec<HeatRow>, String) {
    let mut fields: BTreeMap<(AccountId, RegionName), Field> = BTreeMap::new();
    for row in input.repositories() {
        let key = (row.repository.account, row.repository.region.clone());
        let field = fields.entry(key).or_insert((0, row.assessment.diagnosis));
        field.0 += 1;
        field.1 = field.1.min(row.assessment.diagnosis);
    }
    let mut regions: Vec<&RegionName> = fields.keys().map(|(_, region)| region).collect();
    regions.sort_unstable();
    regions.dedup();
    let mut accounts: Vec<_> = input.facts.accounts.values().collect();
    // Those with something to do first, when there is not room for all.
    let worst = |id: AccountId| {
        let of_account = regions.iter().filter_map(|region| fields.get(&(id, (*region).clone())));
        of_account.map(|field| field.1).min()
    };
    let note = if accounts.len() > ACCOUNTS_MAX {
        accounts.sort_by_key(|account| (worst(account.id).is_none(), worst(account.id), account.id));
        format!(
            "{} accounts are shown, worst first; the rest of {} are in cells.csv.",
            thousands(ACCOUNTS_MAX),
            thousands(accounts.len())
        )
    } else {
        String::new()
    };
    let rows = accounts.into_iter().take(ACCOUNTS_MAX).map(|account| HeatRow {
        account: account.id.to_string(),
        name: account.name.known().map_or_else(|| "not known".to_owned(), |name| sanitize(name)),
        fields: regions
            .iter()
            .map(|region| {
                let key = (account.id, (*region).clone());
                heat_field(fields.get(&key), input.facts.cells.get(&key).map(|cell| &cell.outcome))
            })
            .collect(),
        others: others(input, account.id, &regions),
    });
    (regions.iter().map(ToString::to_string).collect(), rows.collect(), note)
}

fn heat_field(field: Option<&Field>, outcome: Option<&CellOutcome>) -> HeatField {
    if let Some((number, diagnosis)) = field {
        let info = diagnosis.info();
        return HeatField { tone: tone(info.tone), word: info.title.to_owned(), detail: count(*number, "repository") };
    }
    let (tone, word) = outcome.map_or(("question", "not known"), quiet);
    HeatField { tone, word: word.to_owned(), detail: String::new() }
}

/// What a cell without a repository says.
fn quiet(outcome: &CellOutcome) -> (&'static str, &'static str) {
    match outcome {
        CellOutcome::Read => ("", "no repository"),
        CellOutcome::NotEnabled => ("", "not enabled"),
        CellOutcome::Skipped { .. } => ("", "skipped"),
        CellOutcome::Unreadable(_) => ("question", "not readable"),
        CellOutcome::NotReached => ("question", "not reached"),
    }
}

fn others(input: &Input<'_>, account: AccountId, shown: &[&RegionName]) -> HeatField {
    let mut words: BTreeMap<(&'static str, &'static str), usize> = BTreeMap::new();
    for ((id, region), cell) in &input.facts.cells {
        if *id == account && shown.binary_search(&region).is_err() {
            *words.entry(quiet(&cell.outcome)).or_default() += 1;
        }
    }
    let open = words.keys().any(|(tone, _)| !tone.is_empty());
    let parts: Vec<String> = words.iter().map(|((_, word), number)| format!("{number} {word}")).collect();
    HeatField { tone: if open { "question" } else { "" }, word: String::new(), detail: parts.join(", ") }
}

fn action(row: &RepositoryRow<'_>, anchors: &policies::Anchors) -> ActionRow {
    let info = row.assessment.diagnosis.info();
    let statements = row.assessment.responsible_statements.iter().map(|statement| sanitize(statement));
    let keys = row.assessment.depends_on.iter().map(|key| format!("depends on {}", sanitize(key)));
    let why: Vec<String> = statements.chain(keys).collect();
    ActionRow {
        tone: tone(info.tone),
        diagnosis: info.title,
        account: row.repository.account.to_string(),
        name: row.account.and_then(|account| account.name.known()).map_or_else(String::new, |name| sanitize(name)),
        region: row.repository.region.to_string(),
        repository: sanitize(row.repository.name.as_str()),
        why: if why.is_empty() { info.meaning.to_owned() } else { why.join("; ") },
        next_step: sanitize(&crate::columns::next_step(row)),
        anchor: anchors.of(row),
    }
}

fn action_note(number: usize) -> String {
    match number {
        0 => "No repository that was read needs action.".to_owned(),
        number if number > ACTIONS_MAX => format!(
            "{} repositories need action. The worst {} are shown; all of them are in repositories.csv.",
            thousands(number),
            thousands(ACTIONS_MAX)
        ),
        1 => "One repository needs action.".to_owned(),
        number => format!("{} need action.", count(number, "repository")),
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
        ("Facts SHA-256", input.facts_sha256.to_owned()),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| DIGITS.get((bits & 63) as usize).map_or('=', |digit| char::from(*digit));
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend([digit(bits >> 18), digit(bits >> 12)]);
        out.push(if chunk.len() > 1 { digit(bits >> 6) } else { '=' });
        out.push(if chunk.len() > 2 { digit(bits) } else { '=' });
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn hashes_are_written_as_a_browser_reads_them() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("scangap\u{fb}", "c2NhbmdhcMO7")]
        {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
