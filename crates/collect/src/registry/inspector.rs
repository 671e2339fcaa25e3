//! Reads Inspector's state of a registry: from the administrator if it sees the account, else from the account itself.

use std::sync::Arc;

use scangap_aws::CallError;
use scangap_aws::read::{AccountStatus, AccountStatuses, CoverageFilter};
use scangap_model::{
    AccountId, Api, Asked, CoverageRow, CoverageSource, Gap, GapKind, Observed, RegionName, RegistryFacts,
    RescanDurations,
};

use super::{Covered, Registry};
use crate::admin::{AdminView, RegionView};
use crate::coverage::{Asking, Tallies};
use crate::slots::Slot;

pub(super) struct InspectorAnswers {
    status: Asked<String>,
    ecr_status: Asked<String>,
    source: Asked<CoverageSource>,
    rows: Vec<CoverageRow>,
    image_source: Asked<CoverageSource>,
    images: Tallies,
    rescan_durations: Asked<Box<RescanDurations>>,
    auto_enable: Asked<bool>,
}

pub(super) async fn read(
    registry: &Registry<'_>,
    view: &AdminView,
    something: bool,
    slot: &mut Slot,
    idle: impl Future<Output = ()>,
) -> InspectorAnswers {
    let asked = || async { own_answer(registry).await.map(drop) };
    if !Box::pin(registry.context.inspector.exists(registry.region, asked)).await {
        // ECR without Inspector is a fact, not a failure.
        let absent = || Observed::Absent.into();
        return InspectorAnswers { status: absent(), ecr_status: absent(), ..InspectorAnswers::none() };
    }
    let administrators = slot.set_aside_once(idle, view.of(registry.region, registry.account)).await;
    Box::pin(read_beside(registry, view, administrators, something)).await
}

/// What the administrator says of an account without a call more. `None`: something is to be asked elsewhere.
pub(super) fn told(seen: &RegionView, account: AccountId, region: &RegionName) -> Option<InspectorAnswers> {
    let (status, ecr_status) = statuses(account, region, &*seen.status_of(account)?);
    if seen.gap_of(account).is_some() {
        return None;
    }
    let images = seen.images_of(account)?;
    let source = || Observed::Known(CoverageSource::DelegatedAdministrator).into();
    Some(InspectorAnswers {
        status: status.into(),
        ecr_status: ecr_status.into(),
        source: source(),
        rows: seen.coverage.get(&account).cloned().unwrap_or_default(),
        image_source: source(),
        images,
        rescan_durations: Asked::NotNeeded,
        auto_enable: seen.auto_enable.clone(),
    })
}

/// With what the administrator sees, if it sees anything.
async fn read_beside(
    registry: &Registry<'_>,
    view: &AdminView,
    administrators: Option<Arc<RegionView>>,
    something: bool,
) -> InspectorAnswers {
    if let Some(mut answers) = administrators.as_ref().and_then(|view| told(view, registry.account, registry.region)) {
        let off = matches!(&answers.ecr_status, Asked::Answered(status) if is_off(status));
        answers.rescan_durations = rescan_durations(registry, something, off).await;
        return answers;
    }
    let seen =
        administrators.clone().filter(|seen| seen.sees(registry.account) || seen.administrator == registry.account);
    let (status, ecr_status) = match seen.as_ref().and_then(|seen| seen.status_of(registry.account)) {
        Some(status) => statuses(registry.account, registry.region, &status),
        None => own_status(registry).await,
    };
    let off = is_off(&ecr_status);
    let mut answers =
        InspectorAnswers { status: status.into(), ecr_status: ecr_status.into(), ..InspectorAnswers::none() };
    let own = Asking {
        calls: &registry.calls,
        reader: &registry.reader,
        asked_in: registry.account,
        region: registry.region,
    };
    // The administrator's own registry: its list is the account's own, and asking again would say the same.
    let is_administrator = seen.as_ref().is_some_and(|seen| seen.administrator == registry.account);
    let of_administrator =
        || seen.as_ref().and_then(|seen| seen.coverage.get(&registry.account)).cloned().unwrap_or_default();
    match seen.as_ref().map(|seen| seen.gap_of(registry.account)) {
        Some(None) => {
            answers.source = Observed::Known(CoverageSource::DelegatedAdministrator).into();
            answers.rows = of_administrator();
        }
        Some(Some(gap)) if is_administrator => {
            answers.source = Observed::unknown(gap).into();
            answers.rows = of_administrator();
        }
        // The administrator's list is incomplete or missing: reads the account's own list, unless there is nothing to read.
        Some(Some(_)) | None if !something => {}
        Some(Some(_)) | None => {
            let asked = own.repositories(CoverageFilter::RepositoriesOf(registry.account)).await;
            let malformed = asked.malformed.contains(&registry.account).then(|| own.malformed("a row cannot be read"));
            answers.source = source(asked.gap.or(malformed), off);
            answers.rows = if answers.source.gap().is_some() { of_administrator() } else { asked.rows };
        }
    }
    // If BatchGetAccountStatus gave no account, the administrator's setting for new member accounts is still known.
    let told = seen.as_ref().or_else(|| administrators.as_ref().filter(|view| view.sees_nobody()));
    answers.auto_enable = match (told, view.refusal()) {
        (Some(seen), _) => seen.auto_enable.clone(),
        (None, Some(gap)) => Observed::unknown(gap.clone()).into(),
        (None, None) => Asked::NotNeeded,
    };
    answers.rescan_durations = rescan_durations(registry, something, off).await;
    match seen.as_ref().and_then(|seen| seen.images_of(registry.account)) {
        Some(images) => {
            answers.image_source = Observed::Known(CoverageSource::DelegatedAdministrator).into();
            answers.images = images;
        }
        None if !something => {}
        None => {
            let (images, gap) = own.images_of(registry.account, registry.context.options.keep_images).await;
            answers.image_source = source(gap, off);
            answers.images = images;
        }
    }
    answers
}

/// Unverified at AWS: with Inspector off the list may be refused instead of empty. The status decides.
fn source(gap: Option<Gap>, off: bool) -> Asked<CoverageSource> {
    match gap {
        Some(gap) if !(off && gap.kind == GapKind::AccessDenied) => Observed::unknown(gap).into(),
        Some(_) | None => Observed::Known(CoverageSource::Account).into(),
    }
}

impl InspectorAnswers {
    /// Puts the answers into a registry's facts. What is covered remains.
    pub(super) fn into_facts(self, facts: &mut RegistryFacts) -> Covered {
        facts.inspector_status = self.status;
        facts.inspector_ecr_status = self.ecr_status;
        facts.coverage = self.source;
        facts.image_coverage = self.image_source;
        facts.rescan_durations = self.rescan_durations;
        facts.auto_enable = self.auto_enable;
        Covered { rows: self.rows, images: self.images }
    }

    fn none() -> Self {
        Self {
            status: Asked::NotNeeded,
            ecr_status: Asked::NotNeeded,
            source: Asked::NotNeeded,
            rows: Vec::new(),
            image_source: Asked::NotNeeded,
            images: Tallies::new(),
            rescan_durations: Asked::NotNeeded,
            auto_enable: Asked::NotNeeded,
        }
    }
}

/// A missing status is a gap: AWS did not answer that Inspector is off.
pub(super) fn status_word(account: AccountId, region: &RegionName, word: Option<String>) -> Observed<String> {
    word.map_or_else(|| Observed::unknown(not_in_the_answer(account, region)), Observed::Known)
}

fn not_in_the_answer(account: AccountId, region: &RegionName) -> Gap {
    let why = "the answer holds no status for the account that was asked about";
    CallError::malformed(Api::BatchGetAccountStatus, "AccountNotInAnswer", why).at(Some(account), Some(region), "")
}

fn statuses(account: AccountId, region: &RegionName, status: &AccountStatus) -> (Observed<String>, Observed<String>) {
    let word = |word: &Option<String>| status_word(account, region, word.clone());
    (word(&status.status), word(&status.ecr_status))
}

fn is_off(ecr_status: &Observed<String>) -> bool {
    ecr_status.known().is_some_and(|word| word == "DISABLED")
}

/// If scanning is off, the durations are not needed, and AWS does not document whether it returns them.
async fn rescan_durations(registry: &Registry<'_>, something: bool, off: bool) -> Asked<Box<RescanDurations>> {
    if !something || off {
        return Asked::NotNeeded;
    }
    let api = Api::GetConfiguration;
    let asked = registry.calls.call(api, |call| async move { registry.reader.rescan_durations(&call).await });
    let durations = match asked.await {
        Ok(Some(durations)) => Observed::Known(Box::new(durations)),
        Ok(None) => {
            let why = "the answer holds no re-scan durations";
            Observed::unknown(registry.gap(CallError::malformed(api, "NoRescanDurations", why), ""))
        }
        Err(error) => Observed::unknown(registry.gap(error, "")),
    };
    durations.into()
}

async fn own_answer(registry: &Registry<'_>) -> Result<AccountStatuses, CallError> {
    let own = [registry.account];
    let asked = registry.calls.call(Api::BatchGetAccountStatus, |call| {
        let own = &own;
        async move { registry.reader.account_statuses(&call, own).await }
    });
    asked.await
}

async fn own_status(registry: &Registry<'_>) -> (Observed<String>, Observed<String>) {
    let gap = match own_answer(registry).await {
        Ok(answer) => match answer.accounts.into_iter().find(|(id, _)| *id == registry.account) {
            Some((_, status)) => {
                return statuses(registry.account, registry.region, &status);
            }
            None => match answer.failed.into_iter().find(|(id, _, _)| *id == registry.account) {
                Some((_, code, message)) => {
                    let mut error = CallError::malformed(Api::BatchGetAccountStatus, &code, message);
                    error.kind = if code == "ACCESS_DENIED" { GapKind::AccessDenied } else { GapKind::Refused };
                    registry.gap(error, "")
                }
                None => not_in_the_answer(registry.account, registry.region),
            },
        },
        Err(error) => registry.gap(error, ""),
    };
    (Observed::unknown(gap.clone()), Observed::unknown(gap))
}
