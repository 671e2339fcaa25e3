//! How the run went. Two runs over the same facts differ here and nowhere else.

use std::io;

use rust_xlsxwriter::Workbook;

use super::sheet::Sheet;
use crate::columns::{EVIDENCE, EvidenceRow};
use crate::input::{Input, RunEvidence};
use crate::value::utc;

pub(super) fn write(workbook: &mut Workbook, input: &Input<'_>, run: &RunEvidence) -> io::Result<()> {
    let rows = rows(input, run);
    let sheet = Sheet { wrapped: None, ..Sheet::new("Evidence", EVIDENCE, rows.len()) };
    sheet.write(workbook, input, rows.into_iter().map(Ok))
}

fn rows(input: &Input<'_>, run: &RunEvidence) -> Vec<EvidenceRow> {
    let of_run =
        |name: &str, value: String| EvidenceRow { what: "run", name: name.to_owned(), value, ..EvidenceRow::default() };
    let time = |time: Option<jiff::Timestamp>| time.map_or_else(|| "not known".to_owned(), utc);
    let mut rows = vec![
        of_run("tool", format!("scangap {}", input.tool_version)),
        of_run("command line", run.command_line.clone()),
        of_run("caller", input.caller_arn.to_owned()),
        of_run("endpoint", run.endpoint.clone().unwrap_or_else(|| "AWS".to_owned())),
        of_run("started", time(run.started_at)),
        of_run("finished", time(run.finished_at)),
        of_run("facts SHA-256", input.facts_sha256.to_owned()),
    ];
    for later in run.runs.iter().skip(1) {
        rows.push(of_run("resumed by", later.command_line.clone()));
        rows.push(of_run("resumed at", time(later.started_at)));
        rows.push(of_run("until", later.finished_at.map_or_else(|| "it was killed".to_owned(), utc)));
    }
    rows.extend(run.api_counts.iter().map(|count| EvidenceRow {
        what: "call",
        name: count.api.clone(),
        calls: Some(count.calls),
        attempts: Some(count.attempts),
        throttled: Some(count.throttled),
        ..EvidenceRow::default()
    }));
    rows.extend(input.assessment.gaps.iter().map(|gap| {
        let account = gap.account.map(|id| id.to_string());
        let place = [
            account.as_deref(),
            gap.region.as_ref().map(scangap_model::RegionName::as_str),
            Some(gap.resource.as_str()),
        ];
        EvidenceRow {
            what: "gap",
            name: format!("{} {}", gap.api, gap.code),
            value: place.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
            attempts: Some(u64::from(gap.attempts)),
            message: gap.message.clone(),
            ..EvidenceRow::default()
        }
    }));
    rows
}
