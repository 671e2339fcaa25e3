//! Before anything is turned off: whether everything is as it was planned.

use scangap_aws::CallError;
use scangap_aws::read::PolicyAnswer;
use scangap_model::Api;
use scangap_plan::hash::{canonical_sha256, scanning_sha256};
use scangap_plan::{Resync, inspector_policy_governs};

use crate::context::Executor;
use crate::coverage::coverage;
use crate::error::ApplyError;
use crate::pages::whole;

pub(crate) const ENABLED: &str = "ENABLED";

/// What differs from what the plan saw, in words. Empty: nothing.
pub(crate) async fn stale(executor: &Executor<'_>, step: &Resync) -> Result<Vec<String>, ApplyError> {
    let access = &executor.access;
    let own = access.reader(step.account, &step.region);
    let from = access.reader(step.toggled_from, &step.region);
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source: CallError| ApplyError::Call { step: step.id.clone(), what, source }
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
    let surprise = |what| ApplyError::UnexpectedState { step: step.id.clone(), what };
    whole(Api::ListAccountPermissions, page, take).await.map_err(surprise)?;
    for needed in ["DISABLE_SCANNING", "ENABLE_SCANNING"] {
        if !permitted.iter().any(|has| has == needed) {
            differences.push(format!("Inspector does not let account {} {needed} any more", step.toggled_from));
        }
    }
    if differences.is_empty() && !coverage(executor, step).await?.is_denied() {
        differences.push("no repository of it says ACCESS_DENIED any more: it refreshed by itself".to_owned());
    }
    Ok(differences)
}
