//! `plan.md`: the plan for a person who would rather do it by hand. Its text is in `templates/plan.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use askama::Template;
use jiff::Timestamp;
use scangap_assess::{ELIGIBLE_DAYS, LostImage};
use scangap_model::{AccountId, Observed, code_block, code_cell, code_span, count, sanitize};
use scangap_policy::deleted_principals;

use super::by_hand::chapter;
use super::commands::{IS_ACCOUNT, quoted};
use crate::file::plan_json;
use crate::groups::{AccountTally, CauseGroup, RefusalGroup, steps_by};
use crate::refusal::Refused;
use crate::step::{Plan, PolicyStep};

/// Images that are listed one by one in the runbook.
const LISTED: usize = 200;
/// Rows that are shown without folding them.
const UNFOLDED: usize = 50;
/// Steps that are named where something is said of some of them.
const NAMED: usize = 10;

#[derive(Template)]
#[template(path = "plan.md", escape = "none")]
struct Runbook<'a> {
    plan: &'a Plan,
    organization: String,
    hash: String,
    causes: Vec<CauseGroup<'a>>,
    accounts: BTreeMap<AccountId, AccountTally<'a>>,
    refusals: Vec<RefusalGroup<'a>>,
    /// Whether something is, or could be, re-synced.
    tells_of_resyncs: bool,
}

pub(crate) fn runbook(plan: &Plan) -> String {
    let runbook = Runbook {
        plan,
        organization: match &plan.organization_id {
            Observed::Known(id) => code_span(id),
            Observed::Absent => "none".to_owned(),
            Observed::Unknown(_) => "could not be read".to_owned(),
        },
        hash: plan_json(plan).plan_sha256.unwrap_or_default(),
        causes: plan.by_cause(),
        accounts: plan.by_account(),
        refusals: plan.by_reason(),
        tells_of_resyncs: !plan.resyncs.is_empty() || plan.refused.iter().any(|refused| refused.what == "resync"),
    };
    // INVARIANT: a template of texts alone fails only where writing to a string does.
    runbook.render().unwrap_or_default()
}

/// What is to be known of the steps of a group, a line each, with the steps that it holds for.
fn remarks(group: &CauseGroup<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let all = group.steps.len();
    for (diagnosis, steps) in steps_by(&group.steps, |step| vec![step.diagnosis]) {
        lines.push(format!("{}: {}", diagnosis.info().meaning, which(&steps, all)));
    }
    lines.push("verdict with the fix: allowed".to_owned());
    for (sentence, steps) in group.who_gets_through() {
        lines.push(format!("{}: {}", code_span(&sentence), which(&steps, all)));
    }
    for (writer, steps) in group.other_writers() {
        lines.push(format!("also written by {}: repair it there too: {}", code_span(writer), which(&steps, all)));
    }
    for (what, steps) in steps_by(&group.steps, |step| step.sources_not_looked_for.clone()) {
        lines.push(format!("whether another writes it too was not looked for in: {what}: {}", which(&steps, all)));
    }
    let gone = |step: &PolicyStep| deleted_principals(&step.before, None);
    let kept = |step: &PolicyStep| deleted_principals(&step.after, None);
    let left_out = |step: &PolicyStep| gone(step).into_iter().filter(|one| !kept(step).contains(one)).collect();
    for (one, steps) in steps_by(&group.steps, left_out) {
        lines.push(format!(
            "leaves out {}, {}: ECR would refuse to store it: {}",
            code_span(&one.what),
            one.why,
            which(&steps, all)
        ));
    }
    for (one, steps) in steps_by(&group.steps, kept) {
        let what = code_span(&one.what);
        lines.push(format!("**ECR will refuse `after.json`**: it names {what}, {}: {}", one.why, which(&steps, all)));
    }
    for (one, steps) in steps_by(&group.steps, gone) {
        lines.push(format!(
            "**`before.json` cannot be restored as it is**: ECR refuses a text that names {}. Take it out first: {}",
            code_span(&one.what),
            which(&steps, all)
        ));
    }
    lines
}

/// Which steps: their number, and the first of them where it is not all.
fn which(steps: &[&str], all: usize) -> String {
    let number = count(steps.len(), "step");
    if steps.len() == all {
        return number;
    }
    let named = steps.iter().take(NAMED).map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    let more = if steps.len() > NAMED { ", ..." } else { "" };
    format!("{number} ({named}{more})")
}

/// The step that the others are shown by.
fn first<'a>(group: &CauseGroup<'a>) -> &'a str {
    group.steps.first().map_or("", |step| step.id.as_str())
}

/// The change of the group's first policy.
fn example(group: &CauseGroup<'_>) -> String {
    group.steps.first().map(|step| code_block("diff", &step.readable_difference())).unwrap_or_default()
}

/// What each shell is told first.
fn functions() -> String {
    code_block("sh", &format!("export AWS_PAGER=\n{IS_ACCOUNT}\n{FUNCTIONS}"))
}

/// Of a step's folder, account, region and repository. Texts are compared without spaces and brackets: ECR gives back what it stored in a
/// form of its own.
const FUNCTIONS: &str = r#"look() { is_account "$2" "$3" && aws ecr get-repository-policy --registry-id "$2" --region "$3" --repository-name "$4" --query policyText --output text; }
store() { aws ecr set-repository-policy --registry-id "$2" --region "$3" --repository-name "$4" --policy-text "file://policies/$1/$5.json"; }
left() { echo "NOT DONE: $4 ($2 $3): $5" >&2; false; }
plain() { tr -d ' \t\r\n[]'; }
is_still() { now=$(look "$@") || { left "$@" "its policy could not be read"; return; }; [ "$(printf %s "$now" | plain)" = "$(plain < "policies/$1/$5.json")" ] || left "$1" "$2" "$3" "$4" "its policy is not $5.json any more"; }
change() { is_still "$@" before && store "$@" after; }
undo() { is_still "$@" after && store "$@" before; }"#;

/// A line for each step of a group, below the account that it is for.
fn lines(group: &CauseGroup<'_>) -> String {
    let mut text = String::new();
    let mut account = None;
    for step in &group.steps {
        if account.replace(step.account) != Some(step.account) {
            // Without the account's name: some shells read a comment that is pasted as a command.
            let _ = writeln!(text, "# as account {}", step.account);
        }
        let name = quoted(&sanitize(step.repository.as_str()));
        let _ = writeln!(text, "change {} {} {} {name}", step.folder_name(), step.account, step.region);
    }
    code_block("sh", &text)
}

/// Where something is not planned, a registry a line.
fn places(group: &RefusalGroup<'_>) -> Vec<String> {
    let of_one_registry = |a: &&Refused, b: &&Refused| (a.account, &a.region) == (b.account, &b.region);
    let line = |registry: &[&Refused]| {
        let one = registry.first()?;
        let names: Vec<String> = registry.iter().flat_map(|one| one.repositories.iter().cloned()).collect();
        Some(format!("{} {} {}: {}", one.account, name(one.account_name.as_deref()), one.region, codes(&names)))
    };
    group.refused.chunk_by(of_one_registry).filter_map(line).collect()
}

fn seconds(time: &Timestamp) -> String {
    format!("{time:.0}")
}

fn cents(amount: f64) -> String {
    format!("{amount:.2}")
}

fn name(account_name: Option<&str>) -> String {
    account_name.map(code_span).unwrap_or_default()
}

fn codes(texts: &[String]) -> String {
    texts.iter().map(|text| code_span(text)).collect::<Vec<_>>().join(", ")
}

fn pushed(image: &LostImage) -> String {
    image.pushed_at.map_or("not in ECR any more".to_owned(), |time| format!("pushed {time:.0}"))
}
