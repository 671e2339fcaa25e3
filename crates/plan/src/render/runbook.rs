//! `plan.md`: the plan for a person who would rather do it by hand.

use std::fmt::Write;

use scangap_assess::ELIGIBLE_DAYS;
use scangap_model::{Observed, code_block, code_span, sanitize};
use scangap_policy::deleted_principals;

use super::by_hand;
use super::commands::quoted;
use crate::file::plan_json;
use crate::resync::ResyncStep;
use crate::step::{Plan, PolicyStep};

pub(crate) fn runbook(plan: &Plan) -> String {
    let mut text = String::from("# Plan: let Amazon Inspector in\n\n");
    if plan.simulated {
        text.push_str("**SIMULATED: the plan is of an organization that does not exist, and is refused at AWS.**\n\n");
    }
    if !plan.complete {
        text.push_str("**Some facts could not be learnt: what they hide is not in this plan.**\n\n");
    }
    let hash = plan_json(plan).plan_sha256.unwrap_or_default();
    let _ = writeln!(
        text,
        "- organization: {}",
        match &plan.organization_id {
            Observed::Known(id) => code_span(id),
            Observed::Absent => "none".to_owned(),
            Observed::Unknown(_) => "could not be read".to_owned(),
        }
    );
    let _ = writeln!(text, "- judged as of: {:.0}", plan.as_of);
    let _ = writeln!(text, "- snapshot: facts `{}`", plan.facts_sha256);
    let _ = writeln!(text, "- plan: `{hash}`\n\n{}\n", plan.summary());
    if let Some(warning) = plan.warning() {
        let _ = writeln!(text, "**{warning}**\n");
    }
    if let Some(nothing) = plan.nothing() {
        let _ = writeln!(text, "{nothing}\n");
    }
    if !plan.policies.is_empty() {
        text.push_str(HOW);
        for step in &plan.policies {
            policy(step, &mut text);
        }
    }
    if !plan.resyncs.is_empty() || plan.refused.iter().any(|refused| refused.what == "resync") {
        text.push_str(RESYNC);
    }
    for step in &plan.resyncs {
        resync(step, &mut text);
    }
    if !plan.refused.is_empty() {
        text.push_str("## Not planned\n\n");
        for refused in &plan.refused {
            let names: Vec<String> = refused.repositories.iter().map(|name| code_span(name)).collect();
            let _ = writeln!(
                text,
                "- {} in {} {}, {}: {}",
                if refused.what == "resync" { "re-sync" } else { "repair" },
                refused.account,
                refused.region,
                names.join(", "),
                code_span(&refused.refusal.sentence())
            );
        }
        text.push('\n');
    }
    if !plan.undecided.is_empty() {
        text.push_str("## For a person to decide\n\n");
        for one in &plan.undecided {
            let keys: Vec<String> = one.depends_on.iter().map(|key| code_span(key)).collect();
            let name = code_span(one.repository.as_str());
            let _ = writeln!(text, "- {} {} {name}: depends on {}", one.account, one.region, keys.join(", "));
        }
    }
    text
}

const HOW: &str = "## Policies to change

Each step adds one condition to the statements that deny: Inspector's role of that account is exempted, and nobody else. Each
can be undone with the file `before.json` in its folder. `plan.sh` makes all of them with the aws CLI, after asking, and
`plan.sh --back` undoes them; it leaves ECR scanning alone. Where a policy is written by Terraform or CloudFormation, change it
there (`policy.tf` is the same as Terraform), or it comes back.

Who makes a change must get through the policy as it is: one that denies everybody but the office denies the write role too,
from anywhere else. ECR refuses a policy that would keep its author from changing it again, unless told `--force`. Commands are to
be run in the folder of this file.

";

const RESYNC: &str = "## Stale repositories

The policy lets Inspector in, and coverage still says ACCESS_DENIED. What may help, the gentlest first:

1. Wait. Nothing that AWS publishes promises that the status refreshes, and nothing says that it does not.
2. Push a new digest to the repository. It starts a scan, where one that is there already does not; that it refreshes the status is likely, and not documented.
3. Take the repository out of the registry's scan filters and put it back: only where its filters select it alone, as each registry
   below says. Not documented either, nor what becomes of its findings.
4. Turn ECR scanning off and on for the account in the region, never for a registry under \"Not planned\". **This deletes every ECR
   finding there, suppressed ones and their dates too, and images that were pushed longer ago than Inspector's window lose
   coverage until they are pushed again.** scangap plans it only where what is lost was counted (`plan --collect`).

";

fn resync(step: &ResyncStep, text: &mut String) {
    let losses = &step.losses;
    let _ = writeln!(
        text,
        "### {}: account {} {}, region {}\n\nStale since {:.0}: {}.\n",
        step.id,
        step.account,
        step.account_name.as_deref().map(code_span).unwrap_or_default(),
        step.region,
        step.stale_since,
        step.repositories.iter().map(|name| code_span(name)).collect::<Vec<_>>().join(", ")
    );
    let _ = writeln!(
        text,
        "Images that it can help: {} pushed within {ELIGIBLE_DAYS} days, {} within the configured duration.\n",
        losses.helps_within_fixed_window, losses.helps_within_configured_window
    );
    let _ = writeln!(text, "What goes, counted at {:.0}:\n", step.counted_at);
    let _ = writeln!(text, "| what | how many |\n|---|---|");
    let _ = writeln!(text, "| findings, of every status | {} |", losses.findings);
    for ((severity, status), count) in &losses.findings_by {
        let _ = writeln!(text, "| - {} {} | {count} |", code_span(severity), code_span(status));
    }
    if let Some(oldest) = losses.oldest_first_observed {
        let _ = writeln!(text, "| the oldest was first observed | {oldest:.0} |");
    }
    let _ = writeln!(text, "| images that are scanned now | {} |", losses.images);
    let _ = writeln!(
        text,
        "| of them pushed more than {ELIGIBLE_DAYS} days ago (AWS's window at activation) | {} |",
        losses.beyond_fixed_window
    );
    let _ = writeln!(
        text,
        "| of them beyond the configured duration, {} | {} |",
        code_span(losses.configured_window.as_deref().unwrap_or("none stated")),
        losses.beyond_configured_window
    );
    let _ = writeln!(
        text,
        "| images that lose coverage: by the window that loses more, and those that Inspector is not let in to | {} |",
        losses.not_rescanned.len()
    );
    let _ = writeln!(text, "| repositories that were fine | {} |", losses.repositories);
    if losses.only_scan_type {
        let _ = writeln!(
            text,
            "| ECR is the only scan type: Inspector is deactivated there, and its suppression rules go | {} |",
            losses.suppression_rules.len()
        );
        for name in &losses.suppression_rules {
            let _ = writeln!(text, "| - suppression rule | {} |", code_span(name));
        }
    }
    let cost = &losses.rescan_cost;
    let _ = writeln!(
        text,
        "| estimated cost of scanning {} images anew | {:.2} {} ({}) |\n",
        cost.images,
        cost.amount,
        code_span(&cost.currency),
        code_span(&cost.price_source)
    );
    if !losses.not_rescanned.is_empty() {
        text.push_str("Images that lose coverage:\n\n");
        for image in losses.not_rescanned.iter().take(LISTED) {
            let pushed = image.pushed_at.map_or("not in ECR any more".to_owned(), |time| format!("pushed {time:.0}"));
            let why = image.why.words();
            let _ = writeln!(text, "- {} {}: {pushed}; {why}", code_span(&image.repository), code_span(&image.digest));
        }
        if losses.not_rescanned.len() > LISTED {
            let _ = writeln!(text, "- and {} more, all in plan.json", losses.not_rescanned.len() - LISTED);
        }
        text.push('\n');
    }
    for (repository, known) in step.filter_toggle() {
        let _ =
            writeln!(text, "Whether the scan filters can do it (3. above) for {}: {known}.\n", code_span(&repository));
    }
    text.push_str("#### By hand\n\n");
    by_hand::chapter(step, text);
}

/// Images that are listed one by one in the runbook.
const LISTED: usize = 200;

fn policy(step: &PolicyStep, text: &mut String) {
    let _ = writeln!(
        text,
        "### {}: {}\n\nAccount {} {}, region {}. {}.\n",
        step.id,
        code_span(step.repository.as_str()),
        step.account,
        step.account_name.as_deref().map(code_span).unwrap_or_default(),
        step.region,
        step.diagnosis.info().meaning
    );
    for statement in &step.responsible_statements {
        let _ = writeln!(text, "- responsible: {}", code_span(statement));
    }
    text.push_str("- verdict with the fix: allowed\n");
    let _ = writeln!(text, "- {}", code_span(&step.who_gets_through()));
    for source in &step.sources {
        let _ = writeln!(text, "- also written by {}: repair it there too", code_span(source));
    }
    let (gone, kept) = (deleted_principals(&step.before, None), deleted_principals(&step.after, None));
    for one in gone.iter().filter(|one| !kept.contains(one)) {
        let what = code_span(&one.what);
        let _ = writeln!(text, "- leaves out {what}, {}: ECR would refuse to store it", one.why);
    }
    for one in &kept {
        let what = code_span(&one.what);
        let _ = writeln!(text, "- **ECR will refuse `after.json`**: it names {what}, {}", one.why);
    }
    let _ = writeln!(text, "- files: `{}`\n", step.folder());
    text.push_str(&code_block("diff", &step.difference()));
    let place = format!(
        "--registry-id {} --region {} --repository-name {}",
        step.account,
        step.region,
        quoted(&sanitize(step.repository.as_str()))
    );
    let put = |file: &str| {
        format!("aws ecr set-repository-policy {place} --policy-text file://{}/{file}.json", step.folder())
    };
    let _ = writeln!(
        text,
        "\nBy hand, as account {}. First check that the policy still equals `before.json`.\n",
        step.account
    );
    text.push_str(&code_block(
        "sh",
        &format!("aws ecr get-repository-policy {place} --query policyText --output text"),
    ));
    text.push_str("\nChange it:\n\n");
    text.push_str(&code_block("sh", &put("after")));
    if !gone.is_empty() {
        let ids: Vec<String> = gone.iter().map(|one| code_span(&one.what)).collect();
        let _ = writeln!(
            text,
            "\n**`before.json` cannot be restored as it is**: ECR refuses a text that names {}. Take it out first.",
            ids.join(", ")
        );
    }
    text.push_str("\nTo undo:\n\n");
    text.push_str(&code_block("sh", &put("before")));
    text.push('\n');
}
