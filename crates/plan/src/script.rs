//! `plan.sh`: the plan as aws CLI commands that a person can read first, with the guards that `apply` would have. It asks
//! before it begins, looks before each change whether the policy is still the one that the plan saw, and stops where it is
//! not.

use std::fmt::Write;

use crate::files::folder;
use crate::json::{plan_json, sha256};
use crate::step::Plan;

const HEAD: &str = r#"#!/usr/bin/env bash
# Made by scangap from a snapshot. Read it first: it changes repository policies.
#
# WRITE_ROLE_NAME names a role in each account that may call ecr:GetRepositoryPolicy and ecr:SetRepositoryPolicy; without
# it the caller's own credentials are used, and must be the account's. SCANGAP_CONFIRM may hold the organization's id, for
# those who cannot type it.
set -euo pipefail
cd "$(dirname "$0")"

fail() { printf 'plan.sh: %s\n' "$1" >&2; exit 1; }

confirm() {
  local answer="${SCANGAP_CONFIRM:-}"
  if [ -z "$answer" ]; then
    [ -t 0 ] || fail "nobody to ask: set SCANGAP_CONFIRM to the id of the organization, $ORGANIZATION"
    printf 'Type the id of the organization to change %s policies in it: ' "$STEPS"
    read -r answer
  fi
  [ "$answer" = "$ORGANIZATION" ] || fail "that is not the organization of this plan, $ORGANIZATION: nothing was changed"
}

# Runs a command as the write role of an account.
in_account() {
  local account="$1" keys; shift
  if [ -n "${WRITE_ROLE_NAME:-}" ]; then
    keys="$(aws sts assume-role --role-arn "arn:$PARTITION:iam::$account:role/$WRITE_ROLE_NAME" \
      --role-session-name scangap-plan --query '[Credentials.AccessKeyId,Credentials.SecretAccessKey,Credentials.SessionToken]' \
      --output text)" || fail "the role $WRITE_ROLE_NAME could not be assumed in account $account"
    # shellcheck disable=SC2086 # three words, none with a space
    set -- $keys -- "$@"
    AWS_ACCESS_KEY_ID="$1" AWS_SECRET_ACCESS_KEY="$2" AWS_SESSION_TOKEN="$3" checked "$account" "${@:5}"
  else
    checked "$account" "$@"
  fi
}

# The account is looked up before anything is asked of it: a profile may point elsewhere.
checked() {
  local account="$1" caller; shift
  caller="$(aws sts get-caller-identity --query Account --output text)"
  [ "$caller" = "$account" ] || fail "the credentials are of account $caller, and the step is for $account"
  "$@"
}

policy_is() { # region, repository, file
  aws ecr get-repository-policy --registry-id "$ACCOUNT" --region "$1" --repository-name "$2" --query policyText --output text \
    | cmp -s - <(cat "$3"; echo)
}

repair() { # region, repository, folder
  if policy_is "$1" "$2" "$3/after.json"; then
    printf 'already done\n'
  elif policy_is "$1" "$2" "$3/before.json"; then
    aws ecr set-repository-policy --registry-id "$ACCOUNT" --region "$1" --repository-name "$2" \
      --policy-text "file://$3/after.json" >/dev/null
    policy_is "$1" "$2" "$3/after.json" || fail "the policy of $2 is not what was written"
    printf 'done\n'
  else
    fail "the policy of $2 is not the one that the plan saw: the plan is stale, make a new one"
  fi
}

step() { # id, account, region, repository, folder, sha256 of after.json
  local ACCOUNT="$2"
  [ "$(sha256sum <"$5/after.json" | cut -d' ' -f1)" = "$6" ] || fail "$5/after.json is not the plan's"
  printf '%s: account %s, %s, repository %s: ' "$1" "$2" "$3" "$4"
  in_account "$2" repair "$3" "$4" "$5"
}
"#;

pub(crate) fn script(plan: &Plan) -> String {
    let mut text = HEAD.to_owned();
    let organization = plan.organization_id.as_deref().unwrap_or("none");
    let hash = plan_json(plan).get("plan_sha256").and_then(|hash| hash.as_str().map(str::to_owned)).unwrap_or_default();
    let _ = writeln!(text, "\n# Plan {hash}, from the snapshot with facts {}", plan.facts_sha256);
    let _ = writeln!(text, "ORGANIZATION={}", quoted(organization));
    let _ = writeln!(text, "PARTITION={}", quoted(plan.partition.as_str()));
    let _ = writeln!(text, "STEPS={}", plan.policies.len());
    if plan.simulated {
        text.push_str(
            "\n# SIMULATED: the plan is of an organization that does not exist.\n[ -n \"${AWS_ENDPOINT_URL:-}\" ] || fail \"this plan is simulated: it is not for AWS\"\n",
        );
    } else {
        text.push_str(
            "\n[ -z \"${AWS_ENDPOINT_URL:-}\" ] || fail \"this plan is real: it is not for a simulated endpoint\"\n",
        );
    }
    if plan.policies.is_empty() {
        text.push_str("\nprintf 'The plan has no steps.\\n'\nexit 0\n");
        return text;
    }
    if let Some(first) = plan.policies.first() {
        // Version 1 of the CLI knows AWS_DEFAULT_REGION alone, and calls STS in one place for the world unless told.
        let _ = writeln!(
            text,
            "\nexport AWS_DEFAULT_REGION=\"${{AWS_DEFAULT_REGION:-${{AWS_REGION:-{}}}}}\"",
            first.region
        );
        text.push_str("export AWS_STS_REGIONAL_ENDPOINTS=regional\n");
    }
    text.push_str("\nconfirm\n");
    for step in &plan.policies {
        let words = [
            step.id.clone(),
            step.account.to_string(),
            step.region.to_string(),
            step.repository.to_string(),
            folder(step),
            sha256(&step.after),
        ];
        let _ = writeln!(text, "step {}", words.map(|word| quoted(&word)).join(" "));
    }
    text
}

/// A word of the shell in which nothing acts.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
