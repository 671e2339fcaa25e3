//! `summary.json`: counts, facts only. `audit.json`: everything. `run.json`: how the run went.

pub(crate) mod audit;
mod head;
mod run;
mod schema;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

pub use run::run_schema;
pub use schema::audit_schema;

use self::head::{Counts, Head, SummaryJson};
use self::run::RunJson;
use crate::change::{CHANGE_KINDS, Change, Changes};
use crate::context::ReportContext;
use crate::input::{Input, RunEvidence};

pub(crate) fn write(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// The head and the counts in one object.
pub(crate) fn write_summary(material: &ReportContext<'_>, out: &mut dyn Write) -> io::Result<()> {
    let counts = Counts::of(&material.summary, &material.decided);
    write(&SummaryJson { head: Head::of(&material.input), counts }, out)
}

pub(crate) fn write_run(input: &Input<'_>, run: &RunEvidence, out: &mut dyn Write) -> io::Result<()> {
    write(&RunJson::of(input, run), out)
}

pub fn changes_json(changes: &Changes) -> Value {
    let counts: serde_json::Map<String, Value> = CHANGE_KINDS
        .iter()
        .map(|(kind, word, ..)| {
            let count = changes.rows.iter().filter(|change| change.kind == *kind).count();
            ((*word).to_owned(), json!(count))
        })
        .collect();
    let balance = &changes.balance;
    let row = |change: &Change| {
        json!({
            "change": change.kind.word(),
            "account_id": change.account.to_string(),
            "account_name": change.account_name,
            "region": change.region.as_str(),
            "repository": change.repository.as_str(),
            "repository_arn": change.repository_arn,
            "diagnosis_before": change.before.map(scangap_model::Diagnosis::word),
            "diagnosis": change.after.map(scangap_model::Diagnosis::word),
            "differences": change.differences.iter().map(|one| json!({
                "column": one.column, "before": one.before, "after": one.after,
            })).collect::<Vec<_>>(),
            "policy_difference": changes
                .policy_difference(change)
                .iter()
                .map(|line| format!("{} {}", line.sign, line.text))
                .collect::<Vec<_>>(),
            "note": change.note,
        })
    };
    json!({
        "schema_version": 1,
        "simulated": changes.simulated,
        "changed_after": changes.since.to_string(),
        "changed_by": changes.until.to_string(),
        "balance": {
            "covered_before": balance.covered.0,
            "covered": balance.covered.1,
            "listed_before": balance.listed.0,
            "listed": balance.listed.1,
            "needs_action_before": balance.to_act_on.0,
            "needs_action": balance.to_act_on.1,
            "new": balance.new,
            "fixed": balance.fixed,
            "carried": balance.carried,
            "no_longer_known": balance.no_longer_known,
            "newly_known": balance.newly_known,
            "off_not_selected_or_changing": balance.otherwise,
            "covered_no_longer_known": balance.covered_no_longer_known,
            "lost_scanning": balance.lost_scanning,
            "gained_scanning": balance.gained_scanning,
        },
        "counts": counts,
        "unchanged": changes.unchanged,
        "changes": changes.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
