//! A plan as `plan.json` has it.

use scangap_assess::{ELIGIBLE_DAYS, LostImage, RegistryLosses};
use scangap_model::{Api, Observed, Verdict};

use super::v2::{
    CostJson, FindingsByJson, GentlerJson, HelpsJson, LossesJson, LostImageJson, PlanJson, PreconditionsJson,
    RefusedJson, RepairCallJson, RepairJson, RepositoryPolicyJson, ResyncCallJson, ResyncJson, StepJson, StepKind,
    TotalsJson, UndecidedJson, WindowsJson, WriteRoleJson,
};
use crate::hash::{canonical_sha256, scanning, sha256};
use crate::refusal::Refused;
use crate::resync::ResyncStep;
use crate::step::{Plan, PolicyStep, Undecided};

/// Raised when a reader of the old form would misunderstand the new one. 2: the kind `resync_registry`. 3: `undo` and
/// `requested` instead of `way_back` and `wishes`.
pub const PLAN_SCHEMA_VERSION: u64 = 3;

/// Members as they are called now, and as versions 1 and 2 call them.
const RENAMED_IN_3: &[(&str, &str)] = &[("undo", "way_back"), ("requested", "wishes")];

const WRITE_ROLE: &str = "the write role";

/// The plan with its own hash.
pub fn plan_json(plan: &Plan) -> PlanJson {
    let mut json = body(plan);
    json.plan_sha256 = Some(hash_of(&json));
    json
}

/// SHA-256 over the same JSON without `plan_sha256`, in one line.
pub(super) fn hash_of(plan: &PlanJson) -> String {
    let without = PlanJson { plan_sha256: None, ..plan.clone() };
    // INVARIANT: a struct of texts, numbers and lists is always written.
    let text = serde_json::to_string(&without).unwrap_or_default();
    // In a text of JSON, only a member's name is followed by a bare quote and a colon.
    let renamed =
        |text: String, (now, then): &(&str, &str)| text.replace(&format!("\"{now}\":"), &format!("\"{then}\":"));
    sha256(&if plan.schema_version < 3 { RENAMED_IN_3.iter().fold(text, renamed) } else { text })
}

fn body(plan: &Plan) -> PlanJson {
    PlanJson {
        schema_version: PLAN_SCHEMA_VERSION,
        organization_id: match &plan.organization_id {
            Observed::Known(id) => Some(id.clone()),
            Observed::Absent => None,
            Observed::Unknown(_) => Some("unknown".to_owned()),
        },
        partition: plan.partition.as_str().to_owned(),
        facts_sha256: plan.facts_sha256.clone(),
        as_of: plan.as_of.to_string(),
        tool_version: plan.tool_version.clone(),
        planned_by: plan.planned_by.clone(),
        losses_sha256: plan.losses_sha256.clone(),
        warning: plan.warning(),
        previous_facts_sha256: plan.previous_facts_sha256.clone(),
        requested: plan.request.clone(),
        simulated: plan.simulated,
        complete: plan.complete,
        losses: TotalsJson {
            findings: plan.losses.findings,
            images: plan.losses.images,
            images_not_rescanned: plan.losses.images_not_rescanned,
            repositories: plan.losses.repositories,
        },
        steps: plan.policies.iter().map(repair).chain(plan.resyncs.iter().map(resync)).collect(),
        refused: plan.refused.iter().map(refused).collect(),
        undecided: plan.undecided.iter().map(undecided).collect(),
        plan_sha256: None,
    }
}

fn refused(refused: &Refused) -> RefusedJson {
    RefusedJson {
        what: refused.what.to_owned(),
        account_id: refused.account.to_string(),
        account_name: refused.account_name.clone(),
        region: refused.region.to_string(),
        repositories: refused.repositories.clone(),
        diagnosis: refused.diagnosis.word().to_owned(),
        code: refused.refusal.code().to_owned(),
        why: refused.refusal.sentence(),
        losses: refused.losses.as_ref().map(losses),
    }
}

fn undecided(undecided: &Undecided) -> UndecidedJson {
    UndecidedJson {
        account_id: undecided.account.to_string(),
        account_name: undecided.account_name.clone(),
        region: undecided.region.to_string(),
        repository: undecided.repository.to_string(),
        depends_on: undecided.depends_on.clone(),
    }
}

fn repair(step: &PolicyStep) -> StepJson {
    let folder = step.folder();
    // A policy that has another source is repaired there, or it comes back.
    let made_by = if step.sources.is_empty() {
        "apply, plan.sh, or its owner"
    } else {
        "its owner, at the source: also_written_by"
    };
    StepJson::Repair(Box::new(RepairJson {
        id: step.id.clone(),
        kind: StepKind::RepairPolicy,
        account_id: step.account.to_string(),
        account_name: step.account_name.clone(),
        region: step.region.to_string(),
        repository: step.repository.to_string(),
        repository_arn: step.repository_arn.clone(),
        diagnosis: step.diagnosis.word().to_owned(),
        responsible_statements: step.responsible_statements.clone(),
        causes: step.causes.iter().map(|cause| cause.id.to_string()).collect(),
        call: RepairCallJson {
            api: Api::SetRepositoryPolicy.to_string(),
            as_account: step.account.to_string(),
            as_role: WRITE_ROLE.to_owned(),
            registry_id: step.account.to_string(),
            repository_name: step.repository.to_string(),
        },
        before_canonical_sha256: canonical_sha256(&step.before),
        after_canonical_sha256: canonical_sha256(&step.after),
        before_sha256: sha256(&step.before),
        after_sha256: sha256(&step.after),
        before_file: format!("{folder}/before.json"),
        after_file: format!("{folder}/after.json"),
        policy_verdict_after: Verdict::Allowed.word().to_owned(),
        write_role: WriteRoleJson {
            name: step.write_role_name.clone(),
            verdict: step.write_access.verdict.word().to_owned(),
            statements: step.write_access.responsible_statements.clone(),
            depends_on: step.write_access.depends_on.clone(),
        },
        also_written_by: step.sources.clone(),
        sources_not_looked_for: step.sources_not_looked_for.iter().map(|what| (*what).to_owned()).collect(),
        made_by: made_by.to_owned(),
        undo: format!("{} with {folder}/before.json", Api::SetRepositoryPolicy),
    }))
}

fn resync(step: &ResyncStep) -> StepJson {
    let before = scanning(&step.before.scan_type, &step.before.rules);
    let policy_of = |(repository, text): &(String, Option<String>)| RepositoryPolicyJson {
        repository: repository.clone(),
        policy_canonical_sha256: text.as_deref().map(canonical_sha256),
    };
    let toggle = |api: Api| ResyncCallJson {
        api: api.to_string(),
        as_account: step.toggled_from.to_string(),
        as_role: WRITE_ROLE.to_owned(),
        region: step.region.to_string(),
        account_ids: Some(vec![step.account.to_string()]),
        resource_types: Some(vec!["ECR".to_owned()]),
        only_if: None,
    };
    let put = ResyncCallJson {
        api: Api::PutRegistryScanningConfiguration.to_string(),
        as_account: step.account.to_string(),
        account_ids: None,
        resource_types: None,
        only_if: Some("enabling did not put it back".to_owned()),
        ..toggle(Api::Enable)
    };
    // Where scanning is on the first Enable changes nothing, and shows whether it may be called.
    let calls = vec![toggle(Api::Enable), toggle(Api::Disable), toggle(Api::Enable), put];
    StepJson::Resync(Box::new(ResyncJson {
        id: step.id.clone(),
        kind: StepKind::ResyncRegistry,
        account_id: step.account.to_string(),
        account_name: step.account_name.clone(),
        region: step.region.to_string(),
        repositories: step.repositories.clone(),
        repository_policies: step.policies.iter().map(policy_of).collect(),
        not_let_in: step.not_let_in.clone(),
        diagnosis: "stale".to_owned(),
        needs_first: step.needs_first.clone(),
        stale_since: step.stale_since.to_string(),
        toggled_from: step.toggled_from.to_string(),
        losses: losses(&step.losses),
        losses_counted_at: step.counted_at.to_string(),
        calls,
        preconditions: PreconditionsJson {
            organization_policy: "none governs the account".to_owned(),
            permissions: vec!["DISABLE_SCANNING".to_owned(), "ENABLE_SCANNING".to_owned()],
            registry_policy: "lets Inspector put the scanning configuration back".to_owned(),
            change_under_way: "none".to_owned(),
        },
        gentler_first: gentler(step),
        before_sha256: crate::hash::scanning_sha256(&step.before.scan_type, &step.before.rules),
        before,
        registry_policy_sha256: step.registry_policy.as_deref().map(canonical_sha256),
        undo: "none for what is deleted; scanning is turned on again with inspector2:Enable, and the registry's scanning configuration is put back".to_owned(),
    }))
}

/// What may help without a re-sync, and what is known of it.
fn gentler(step: &ResyncStep) -> Vec<GentlerJson> {
    let of_any = [
        ("wait", "nothing that AWS publishes promises that the status refreshes, and nothing says that it does not"),
        (
            "push a new digest to the repository",
            "a push of a new digest starts a scan; that it refreshes the status is likely, and not documented",
        ),
    ];
    let toggled = step.filter_toggle().into_iter().map(|(repository, known)| GentlerJson {
        what: format!("take {repository} out of the registry's scan filters and put it back"),
        known,
    });
    let of_any =
        of_any.iter().map(|(what, known)| GentlerJson { what: (*what).to_owned(), known: (*known).to_owned() });
    of_any.chain(toggled).collect()
}

fn losses(losses: &RegistryLosses) -> LossesJson {
    let by = |((severity, status), count): (&(String, String), &u64)| FindingsByJson {
        severity: severity.clone(),
        status: status.clone(),
        count: *count,
    };
    let image = |image: &LostImage| LostImageJson {
        repository: image.repository.clone(),
        digest: image.digest.clone(),
        pushed_at: image.pushed_at.map(|time| time.to_string()),
        why: image.why.words().to_owned(),
    };
    LossesJson {
        findings: losses.findings,
        findings_by: losses.findings_by.iter().map(by).collect(),
        suppressed: losses.suppressed,
        oldest_first_observed: losses.oldest_first_observed.map(|time| time.to_string()),
        images: losses.images,
        images_not_rescanned: losses.not_rescanned.len() as u64,
        not_rescanned: losses.not_rescanned.iter().map(image).collect(),
        windows: WindowsJson {
            fixed_days: ELIGIBLE_DAYS.unsigned_abs(),
            beyond_fixed: losses.beyond_fixed_window,
            configured: losses.configured_window.clone(),
            beyond_configured: losses.beyond_configured_window,
        },
        helps: HelpsJson {
            images_within_fixed_window: losses.helps_within_fixed_window,
            images_within_configured_window: losses.helps_within_configured_window,
        },
        repositories: losses.repositories,
        only_scan_type: losses.only_scan_type,
        suppression_rules: losses.suppression_rules.clone(),
        rescan_cost: CostJson {
            images: losses.rescan_cost.images,
            amount: format!("{:.2}", losses.rescan_cost.amount),
            currency: losses.rescan_cost.currency.clone(),
            price_source: losses.rescan_cost.price_source.clone(),
        },
    }
}
