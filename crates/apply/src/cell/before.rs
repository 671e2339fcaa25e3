//! Before anything is turned off: whether everything is as it was planned, and whether it may be turned on again.

use scangap_aws::CallError;
use scangap_aws::read::PolicyAnswer;
use scangap_model::Api;
use serde_json::json;

use super::{Cell, ENABLED, ON_ALREADY};
use crate::context::Executor;
use crate::context::may_pass;
use crate::error::Stop;
use crate::events::ApplyEvent;
use crate::journal::Progress;
use crate::pages::pages;
use crate::report::resync::describe;
use scangap_plan::Resync;
use scangap_plan::hash::{canonical_sha256, scanning_sha256};
use scangap_plan::inspector_policy_governs;

/// What differs from what the plan saw, in words. Empty: nothing.
pub(crate) async fn stale(executor: &Executor<'_>, step: &Resync) -> Result<Vec<String>, Stop> {
    let access = &executor.access;
    let own = access.reader(step.account, &step.region);
    let from = access.reader(step.toggled_from, &step.region);
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source: CallError| Stop::Call { step: step.id.clone(), what, source }
    };
    let mut differences = Vec::new();
    let statuses = executor
        .patient(|| async { from.account_statuses(&access.call(Api::BatchGetAccountStatus), &[step.account]).await })
        .await
        .map_err(failed("reading the status"))?;
    let types = statuses.accounts.into_iter().find(|(account, _)| *account == step.account).map(|(_, status)| status);
    let types = types.map(|status| status.scan_types).unwrap_or_default();
    let ecr = types.get("ecr").map_or("not known", String::as_str);
    if ecr != ENABLED {
        differences.push(format!("ECR scanning is {ecr}, and not {ENABLED}"));
    }
    if let Some((name, status)) = types.iter().find(|(name, status)| *name != "ecr" && status.ends_with("ING")) {
        differences.push(format!("another change is under way: {name} is {status}"));
    }
    let others = types.iter().any(|(name, status)| name != "ecr" && status == ENABLED);
    if !others && !step.only_scan_type {
        differences.push("ECR is the only scan type now, and was not: disabling it would delete everything".to_owned());
    }
    let scanning = executor
        .patient(|| async { own.scanning_configuration(&access.call(Api::GetRegistryScanningConfiguration)).await })
        .await
        .map_err(failed("reading the scanning configuration"))?;
    if scanning_sha256(&scanning.scan_type, &scanning.sorted_rules()) != step.scanning_sha256 {
        differences.push("its scanning configuration is not the one that the plan saw".to_owned());
    }
    let policy = executor
        .patient(|| async { own.registry_policy(&access.call(Api::GetRegistryPolicy)).await })
        .await
        .map_err(failed("reading the registry's policy"))?;
    if policy.as_deref().map(canonical_sha256) != step.registry_policy_sha256 {
        differences.push("its registry policy is not the one that was judged".to_owned());
    }
    for (repository, planned) in &step.policies {
        let policy = executor
            .patient(|| async { own.repository_policy(&access.call(Api::GetRepositoryPolicy), repository).await })
            .await
            .map_err(failed("reading a repository's policy"))?;
        let now = match policy {
            PolicyAnswer::Text(text) => Some(canonical_sha256(&text)),
            PolicyAnswer::None => None,
            PolicyAnswer::RepositoryGone => {
                differences.push(format!("repository {repository} is gone"));
                continue;
            }
        };
        if now != *planned {
            differences.push(format!("the policy of {repository} is not the one that lets Inspector in"));
        }
    }
    let governed = executor
        .patient(|| async {
            access.organization.inspector_policy(&access.call(Api::DescribeEffectivePolicy), step.account).await
        })
        .await
        .map_err(failed("reading the organization's Inspector policy"))?;
    if governed.is_some_and(|policy| inspector_policy_governs(&policy, &step.region)) {
        differences.push("an Inspector policy of the organization governs it now".to_owned());
    }
    let mut permitted: Vec<String> = Vec::new();
    let page = |token: Option<String>| {
        let from = &from;
        let read = move || {
            let token = token.clone();
            async move { from.permissions(&access.call(Api::ListAccountPermissions), token).await }
        };
        executor.patient(read)
    };
    let take = |more: Vec<String>| {
        permitted.extend(more);
        Ok(())
    };
    let surprise = |what| Stop::Surprise { step: step.id.clone(), what };
    pages(Api::ListAccountPermissions, page, take).await.map_err(surprise)?;
    for needed in ["DISABLE_SCANNING", "ENABLE_SCANNING"] {
        if !permitted.iter().any(|has| has == needed) {
            differences.push(format!("Inspector does not let account {} {needed} any more", step.toggled_from));
        }
    }
    if differences.is_empty() && Cell::new(executor, step)?.coverage().await?.denied.is_empty() {
        differences.push("no repository of it says ACCESS_DENIED any more: it refreshed by itself".to_owned());
    }
    Ok(differences)
}

/// Before anything is turned off.
pub(crate) async fn prove(executor: &Executor<'_>, step: &Resync) -> Result<(), Stop> {
    let mut cell = Cell::new(executor, step)?;
    let proven = cell.prove().await.map_err(|why| match why {
        Stop::Stale(_) | Stop::Interrupted | Stop::Journal(_) => why,
        why => {
            let (account, region) = (step.account, step.region.clone());
            Stop::NotProven { step: step.id.clone(), account, region, source: Box::new(why) }
        }
    });
    // Whatever came of it, also where nobody knows.
    if cell.progress == Progress::Trying {
        cell.as_before_the_trial().await?;
    }
    proven?;
    executor.tell(ApplyEvent::Proven { step: step.id.clone() });
    Ok(())
}

impl Cell<'_> {
    /// AWS has no dry run of Enable. Asked for where scanning is on, it changes nothing: it is refused as `ALREADY_ENABLED`, or
    /// accepted; and whoever may not, or whose organization does not let, hears it now and not with the cell turned off.
    async fn prove(&mut self) -> Result<(), Stop> {
        let writer = self.executor.writer(&self.step.id, self.step.toggled_from, &self.step.region)?;
        let mut waits = self.executor.waits();
        loop {
            if self.executor.cancel.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            let status = self.read_status().await?;
            if status != ENABLED {
                let what = format!("ECR scanning is {status}, and not {ENABLED}");
                return Err(Stop::Stale(vec![describe(self.step, &what)]));
            }
            self.note(Progress::Trying, &[("call", json!("inspector2:Enable"))]).await?;
            let call = self.executor.access.call(Api::Enable);
            match writer.enable(&call, self.step.account, &self.executor.token(&self.step.id)).await {
                Ok(None) => return self.wait_for(ENABLED).await,
                Ok(Some(refusal)) if ON_ALREADY.contains(&refusal.code.as_str()) => {
                    return self.wait_for(ENABLED).await;
                }
                Ok(Some(refusal)) => return Err(self.refused("inspector2:Enable", refusal.code, refusal.message)),
                Err(error) if may_pass(&error) && !waits.is_over() => waits.wait().await,
                Err(error) => return Err(self.failed("inspector2:Enable")(error)),
            }
        }
    }

    /// AWS does not say what an enable writes: a scanning configuration that is another after the trial is put back at once.
    pub(crate) async fn as_before_the_trial(&mut self) -> Result<(), Stop> {
        if !self.is_restored().await? {
            self.restore().await?;
        }
        self.note(Progress::BackedUp, &[("because", json!("its scanning configuration is as it was"))]).await
    }
}
