//! The runbook's chapter of a re-sync by hand: a block of commands for each stage of the table. What is pasted whole must not
//! run ahead of Inspector.

use std::fmt::Write;

use scangap_model::{code_block, code_span, sanitize};
use serde_json::{Value, json};

use super::commands::{IS_ACCOUNT, as_account, quoted};
use crate::resync::ResyncStep;
use crate::stages::{STAGES, Stage};

pub(crate) fn chapter(step: &ResyncStep) -> String {
    let mut chapter = String::new();
    let text = &mut chapter;
    let commands = step.commands();
    let (account, from) = (step.account, step.toggled_from);
    block(
        text,
        "In the folder of this file, and in each terminal first (the changes look whether they have the credentials of the account that they are for):",
        &format!("export AWS_PAGER=\n{IS_ACCOUNT}"),
    );
    block(
        text,
        "**If you stop anywhere after the disable**, the account is not scanned there. To re-enable it, as often as needed, one line for each of two accounts:",
        &commands.reenable_commands(),
    );
    for (at, info) in STAGES.iter().enumerate() {
        let number = at + 1;
        let heading = |account| match info.then {
            "" => format!("{number}. As account {account}, {}", info.by_hand),
            then => format!("{number}. As account {account}, {} {then}", info.by_hand),
        };
        match info.stage {
            Stage::Check => check(step, &format!("{number}. {}", info.by_hand), text),
            Stage::BackUp => back_up(step, &format!("{number}. {}", info.by_hand), text),
            Stage::Trial => block(text, &heading(from), &commands.enable()),
            Stage::Disable => block(text, &heading(from), &commands.disable()),
            Stage::WaitForDisabled => block(text, &heading(from), &commands.wait_for("DISABLED")),
            Stage::Enable => block(text, &heading(from), &commands.enable_until_it_is_on()),
            Stage::Restore => {
                let read = format!("aws ecr get-registry-scanning-configuration --region {}", step.region);
                block(text, &heading(account), &format!("{read}\n{}", commands.put_back()));
            }
        }
    }
    let registry = step.registry_policy.as_ref().map(|policy| ("The registry's policy".to_owned(), policy));
    let own = step.policies.iter().filter_map(|(repository, policy)| {
        Some((format!("The policy of {}", code_span(repository)), policy.as_ref()?))
    });
    for (whose, policy) in registry.into_iter().chain(own) {
        let _ = writeln!(text, "{whose}, as it was judged:\n\n{}", code_block("json", policy));
    }
    chapter
}

fn block(text: &mut String, heading: &str, lines: &str) {
    let _ = writeln!(text, "{heading}\n\n{}", code_block("sh", lines));
}

/// Everything that `apply` compares before it changes something.
fn check(step: &ResyncStep, heading: &str, text: &mut String) {
    let (region, account, from) = (&step.region, step.account, step.toggled_from);
    let first: Vec<String> = step.needs_first.iter().map(|step| format!("`{step}`")).collect();
    let first = match first.as_slice() {
        [] => String::new(),
        first => {
            format!(" First do {}: without, images that are scanned today are not scanned again.", first.join(", "))
        }
    };
    let others = if step.losses.only_scan_type {
        "it is the only scan type that is on"
    } else {
        "another scan type is ENABLED too (else everything of Inspector there would go)"
    };
    block(
        text,
        &format!(
            "{heading}{first} As account {from}: `ecr` is ENABLED; {others}; no status ends in ING; `DISABLE_SCANNING` and `ENABLE_SCANNING` are there; at least one of the repositories above still says ACCESS_DENIED."
        ),
        &format!(
            "aws inspector2 batch-get-account-status --region {region} --account-ids {account}\naws inspector2 list-account-permissions --region {region} --service ECR\naws inspector2 list-coverage --region {region} --filter-criteria {}",
            quoted(
                &json!({"accountId": [equals(account.as_str())], "scanStatusReason": [equals("ACCESS_DENIED")]})
                    .to_string()
            )
        ),
    );
    let rules: Vec<String> = step
        .before
        .rules
        .iter()
        .map(|rule| {
            let filters: Vec<String> = rule.filters.iter().map(|filter| code_span(filter)).collect();
            format!("{} for {}", code_span(&rule.frequency), filters.join(", "))
        })
        .collect();
    let registry = if step.registry_policy.is_some() {
        "the registry's policy is the one below"
    } else {
        "the registry has no policy"
    };
    let policies: Vec<String> = step
        .policies
        .iter()
        .map(|(repository, policy)| {
            let has = if policy.is_some() { "has the policy below" } else { "has no policy" };
            format!("{} {has}", code_span(repository))
        })
        .collect();
    let mut looks = format!(
        "aws ecr get-registry-scanning-configuration --region {region}\naws organizations describe-effective-policy --policy-type INSPECTOR_POLICY\naws ecr get-registry-policy --region {region}"
    );
    for (repository, _) in &step.policies {
        let _ = write!(
            looks,
            "\naws ecr get-repository-policy --region {region} --repository-name {}",
            quoted(&sanitize(repository))
        );
    }
    block(
        text,
        &format!(
            "   As account {account}: the scan type is {}, with the rules {}; no policy of the organization is found; {registry}; {}.",
            code_span(&step.before.scan_type),
            if rules.is_empty() { "none".to_owned() } else { rules.join("; ") },
            policies.join("; ")
        ),
        &looks,
    );
}

fn back_up(step: &ResyncStep, heading: &str, text: &mut String) {
    let (region, account, from) = (&step.region, step.account, step.toggled_from);
    let saved = format!("backup/by-hand-{}", step.id);
    let mut findings = json!({
        "awsAccountId": [equals(account.as_str())],
        "findingStatus": [equals("ACTIVE"), equals("SUPPRESSED"), equals("CLOSED")],
    });
    if let (false, Some(members)) = (step.losses.only_scan_type, findings.as_object_mut()) {
        members.insert("resourceType".to_owned(), json!([equals("AWS_ECR_CONTAINER_IMAGE")]));
    }
    block(
        text,
        &format!(
            "{heading} As account {from}: there are not more than {} findings and {} images whose scan is ACTIVE. (Counted at {:.0}: where that is more than a day ago, count again with `plan --collect`. A folder that is there from before is not written over: before the disable it may be removed.)",
            step.losses.findings, step.losses.images, step.counted_at
        ),
        &format!(
            "{} && umask 077 && mkdir -p backup && mkdir {saved} && aws inspector2 list-findings --region {region} --filter-criteria {} > {saved}/findings.json && aws inspector2 list-coverage --region {region} --filter-criteria {} > {saved}/coverage.json && python3 -c 'import json, sys; at = sys.argv[1]; rows = json.load(open(at + \"/coverage.json\"))[\"coveredResources\"]; print(len(json.load(open(at + \"/findings.json\"))[\"findings\"]), \"findings saved,\", sum(row[\"resourceType\"] == \"AWS_ECR_CONTAINER_IMAGE\" and row.get(\"scanStatus\", {{}}).get(\"statusCode\") == \"ACTIVE\" for row in rows), \"images are scanned\")' {saved}",
            as_account(from, region),
            quoted(&findings.to_string()),
            quoted(&json!({"accountId": [equals(account.as_str())]}).to_string())
        ),
    );
    block(
        text,
        &format!("   As account {account}:"),
        &format!(
            "{} && aws inspector2 list-filters --region {region} > {saved}/filters.json && aws inspector2 get-configuration --region {region} > {saved}/configuration.json && aws ecr get-registry-scanning-configuration --region {region} > {saved}/registry-scanning-configuration.json && echo saved",
            as_account(account, region)
        ),
    );
}

fn equals(value: &str) -> Value {
    json!({"comparison": "EQUALS", "value": value})
}
