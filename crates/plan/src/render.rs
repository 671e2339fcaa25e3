//! A plan as a folder: what a person reads, what a shell runs, what Terraform takes, and each policy before and after.

mod by_hand;
pub(crate) mod commands;
mod runbook;
mod script;
mod terraform;

pub use commands::quoted as shell_word;
use scangap_assess::RegistryLosses;

use crate::file::{plan_json, plan_schema};
use crate::step::Plan;

/// A file below the plan's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFile {
    /// With slashes, and made of plain characters.
    pub path: String,
    pub text: String,
}

/// Every file of a plan.
pub fn files(plan: &Plan) -> Vec<PlanFile> {
    let file = |path: &str, text: String| PlanFile { path: path.to_owned(), text };
    let mut files = vec![
        file("plan.json", pretty(&plan_json(plan))),
        file("plan.md", runbook::runbook(plan)),
        file("plan.sh", script::script(plan)),
        file("resync.csv", resync_csv(plan)),
        file("plan.schema.json", pretty(&plan_schema())),
    ];
    for step in &plan.policies {
        let folder = step.folder();
        // Exactly the bytes that AWS gave and would get: no line is added at the end.
        files.push(file(&format!("{folder}/before.json"), step.before.clone()));
        files.push(file(&format!("{folder}/after.json"), step.after.clone()));
        files.push(file(&format!("{folder}/change.diff"), step.difference()));
    }
    files.extend(terraform::modules(&plan.policies));
    files
}

/// As JSON in lines. INVARIANT: structs of texts, numbers and lists are always written.
fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

const RESYNC_COLUMNS: &str = "account_id,region,stale_repositories,repositories,decision,code,why,findings_lost,suppressed_findings_lost,oldest_first_observed,images_scanned_now,images_not_rescanned,images_helped,repositories_fine,only_scan_type,rescan_cost,price_source,warning\r\n";

/// Registries with stale repositories: what a re-sync would destroy, and why it is refused where it is. RFC 4180.
fn resync_csv(plan: &Plan) -> String {
    let mut rows = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .has_headers(false)
        .from_writer(RESYNC_COLUMNS.as_bytes().to_vec());
    for step in &plan.resyncs {
        let start = [
            step.account.as_str(),
            step.region.as_str(),
            &step.repositories.len().to_string(),
            &json_list(&step.repositories),
            "planned",
            "",
            "",
        ];
        row(&mut rows, start, Some(&step.losses));
    }
    for refused in plan.refused.iter().filter(|refused| refused.what == "resync") {
        let start = [
            refused.account.as_str(),
            refused.region.as_str(),
            &refused.repositories.len().to_string(),
            &json_list(&refused.repositories),
            "refused",
            refused.refusal.code(),
            &refused.refusal.sentence(),
        ];
        row(&mut rows, start, refused.losses.as_ref());
    }
    rows.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn json_list(names: &[String]) -> String {
    serde_json::Value::from(names.to_vec()).to_string()
}

fn row(rows: &mut csv::Writer<Vec<u8>>, start: [&str; 7], losses: Option<&RegistryLosses>) {
    let mut fields: Vec<String> = start.map(str::to_owned).to_vec();
    match losses {
        None => {
            fields.extend(std::iter::repeat_n("not counted".to_owned(), 10));
            fields.push(String::new());
        }
        Some(losses) => fields.extend([
            losses.findings.to_string(),
            losses.suppressed.to_string(),
            losses.oldest_first_observed.map_or_else(|| "none".to_owned(), |time| format!("{time:.0}")),
            losses.images.to_string(),
            losses.not_rescanned.len().to_string(),
            losses.helps_within_fixed_window.to_string(),
            losses.repositories.to_string(),
            if losses.only_scan_type { "yes" } else { "no" }.to_owned(),
            format!("{:.2} {}", losses.rescan_cost.amount, losses.rescan_cost.currency),
            losses.rescan_cost.price_source.clone(),
            if start.contains(&"planned") { "what is listed here is deleted for good" } else { "" }.to_owned(),
        ]),
    }
    // INVARIANT: memory can be written, and every row has the columns of the header.
    let _ = rows.write_record(&fields);
}
