//! Inspector's word on a cell: the administrator's where it sees the account, else the account's own.

use scangap_model::{Api, Asked, CoverageRow, CoverageSource, GapKind, Observed, region_info};

use super::Cell;
use crate::admin::{self, AdminView};

pub(super) struct InspectorAnswers {
    pub(super) status: Asked<String>,
    pub(super) ecr_status: Asked<String>,
    pub(super) source: Asked<CoverageSource>,
    pub(super) rows: Vec<CoverageRow>,
}

pub(super) async fn read(cell: &Cell<'_>, view: &AdminView, something: bool) -> InspectorAnswers {
    if region_info(cell.region.as_str()).is_some_and(|info| !info.inspector) {
        // ECR without Inspector is a fact, not a failure.
        let absent = || Observed::Absent.into();
        return InspectorAnswers { status: absent(), ecr_status: absent(), source: Asked::NotNeeded, rows: Vec::new() };
    }
    let seen = view.of(cell.region).await.filter(|seen| seen.sees(cell.account) || seen.administrator == cell.account);
    let (status, ecr_status) = match seen.as_ref().and_then(|seen| seen.statuses.get(&cell.account)) {
        Some(status) => (Observed::from_answer(status.status.clone()), known_or_gap(cell, status.ecr_status.clone())),
        None => own_status(cell).await,
    };
    let mut answers = InspectorAnswers {
        status: status.into(),
        ecr_status: ecr_status.clone().into(),
        source: Asked::NotNeeded,
        rows: Vec::new(),
    };
    match seen {
        Some(seen) if seen.coverage_gap.is_none() => {
            answers.source = Observed::Known(CoverageSource::DelegatedAdministrator).into();
            answers.rows = seen.coverage.get(&cell.account).cloned().unwrap_or_default();
        }
        // The administrator's own cell: its list is the account's own, and asking again would say the same.
        Some(seen) if seen.administrator == cell.account => {
            answers.source = seen
                .coverage_gap
                .clone()
                .map_or(Observed::Known(CoverageSource::DelegatedAdministrator), Observed::unknown)
                .into();
            answers.rows = seen.coverage.get(&cell.account).cloned().unwrap_or_default();
        }
        // The administrator's list broke off, or there is none: the account itself, where there is something to ask for.
        Some(_) | None if !something => {}
        seen => {
            let (rows, gap) = admin::coverage(&cell.place, &cell.reader, cell.account, cell.region).await;
            answers.rows = rows;
            let off = ecr_status.known().is_some_and(|word| word == "DISABLED");
            answers.source = match gap {
                None => Observed::Known(CoverageSource::Account).into(),
                // Unverified at AWS: with Inspector off the list may be refused instead of empty. The status decides.
                Some(gap) if off && gap.kind == GapKind::AccessDenied => {
                    Observed::Known(CoverageSource::Account).into()
                }
                Some(gap) => {
                    if let Some(seen) = seen {
                        answers.rows = seen.coverage.get(&cell.account).cloned().unwrap_or_default();
                    }
                    Observed::unknown(gap).into()
                }
            };
        }
    }
    answers
}

fn known_or_gap(cell: &Cell<'_>, word: Option<String>) -> Observed<String> {
    word.map_or_else(|| Observed::unknown(not_in_the_answer(cell)), Observed::Known)
}

fn not_in_the_answer(cell: &Cell<'_>) -> scangap_model::Gap {
    let error = scangap_aws::CallError::malformed(
        Api::BatchGetAccountStatus,
        "AccountNotInAnswer",
        "the answer holds no status for the account that was asked about",
    );
    cell.gap(error, "")
}

async fn own_status(cell: &Cell<'_>) -> (Observed<String>, Observed<String>) {
    let own = [cell.account];
    let asked = cell
        .place
        .call(Api::BatchGetAccountStatus, |call| {
            let own = &own;
            async move { cell.reader.account_statuses(&call, own).await }
        })
        .await;
    let gap = match asked {
        Ok(answer) => match answer.accounts.into_iter().find(|(id, _)| *id == cell.account) {
            Some((_, status)) => {
                return (Observed::from_answer(status.status), known_or_gap(cell, status.ecr_status));
            }
            None => match answer.failed.into_iter().find(|(id, _, _)| *id == cell.account) {
                Some((_, code, message)) => {
                    let mut error = scangap_aws::CallError::malformed(Api::BatchGetAccountStatus, &code, message);
                    error.kind = if code == "ACCESS_DENIED" { GapKind::AccessDenied } else { GapKind::Refused };
                    cell.gap(error, "")
                }
                None => not_in_the_answer(cell),
            },
        },
        Err(error) => cell.gap(error, ""),
    };
    (Observed::unknown(gap.clone()), Observed::unknown(gap))
}
