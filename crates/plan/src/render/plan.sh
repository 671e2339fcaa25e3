#!/usr/bin/env bash
# Made by scangap from a snapshot. Read it first: it changes repository policies. `plan.sh --back` undoes that. It leaves ECR scanning
# alone: for each re-sync of the plan it prints the command that does it.
#
# WRITE_ROLE_NAME names a role in each account that may make the calls of this script there; without it the caller's own
# credentials are used, and must be the account's. SCANGAP_CONFIRM may hold the words that are asked for, where there is no
# terminal. Needs the aws CLI and python3.
set -euo pipefail
export AWS_PAGER=

fail() { printf 'plan.sh: %s\n' "$1" >&2; exit 1; }

prepare() {
  CDPATH='' cd -- "$(dirname -- "$0")"
  BACK=no
  case "${1:-}" in
    # It does nothing else, and is told so by scripts of before.
    '' | --repairs-only) ;;
    --back) BACK=yes ;;
    *) fail "it takes --back, or nothing" ;;
  esac
  command -v python3 >/dev/null || fail "python3 is needed to compare policies"
  # Version 1 of the CLI knows AWS_DEFAULT_REGION alone, and calls STS in one place for the world unless told.
  export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-${AWS_REGION:-$HOME_REGION}}"
  export AWS_STS_REGIONAL_ENDPOINTS=regional
  ENDPOINT=()
  if [ "$SIMULATED" = yes ]; then
    # The organization does not exist. Its endpoint is said with each call, so that no setting leads to AWS.
    case "${AWS_ENDPOINT_URL:-}" in
      http://127.0.0.1:* | http://localhost:* | 'http://[::1]:'*) ENDPOINT=(--endpoint-url "$AWS_ENDPOINT_URL") ;;
      *) fail "this plan is simulated: it is not for AWS. AWS_ENDPOINT_URL must name the simulation on this machine" ;;
    esac
  else
    local ones_own="${!AWS_ENDPOINT_URL*}"
    [ -z "$ones_own" ] || fail "this plan is real: it is not for an endpoint of one's own ($ones_own)"
    export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true
  fi
  if [ "$POLICIES" = 0 ]; then
    printf 'There is no policy to change.\n'
    return 0
  fi
  local answer="${SCANGAP_CONFIRM:-}"
  if [ -z "$answer" ]; then
    [ -t 0 ] || fail "no terminal to ask at: set SCANGAP_CONFIRM to $CONFIRM_WHAT, $CONFIRM_WORD"
    if [ "$BACK" = yes ]; then
      printf 'Type %s to undo the change of %s policies: ' "$CONFIRM_WHAT" "$POLICIES"
    else
      printf 'Type %s to change %s policies: ' "$CONFIRM_WHAT" "$POLICIES"
    fi
    read -r answer
  fi
  [ "$answer" = "$CONFIRM_WORD" ] || fail "that is not $CONFIRM_WHAT, $CONFIRM_WORD: nothing was changed"
}

call() { aws ${ENDPOINT[@]+"${ENDPOINT[@]}"} "$@"; }

# A policy in one form for all texts that mean it: ECR gives back what it stored in a form of its own.
policy_form() { # the text on standard input
  python3 -c '
import json, sys
def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
def form(value):
    if isinstance(value, dict):
        return {name: form(member) for name, member in value.items()}
    if isinstance(value, list):
        items = sorted((form(item) for item in value), key=text)
        return items[0] if len(items) == 1 else items
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return value
sys.stdout.write(text(form(json.load(sys.stdin))))
'
}

hash_of() { # the bytes on standard input
  python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

same_policy() { # text, file
  local now meant
  now="$(policy_form <<<"$1")" && meant="$(policy_form <"$2")" && [ -n "$now" ] && [ "$now" = "$meant" ]
}

# Runs a command as the write role of an account.
in_account() {
  local account="$1" keys; shift
  if [ -n "${WRITE_ROLE_NAME:-}" ]; then
    keys="$(call sts assume-role --role-arn "arn:$PARTITION:iam::$account:role/$WRITE_ROLE_NAME" \
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
  caller="$(call sts get-caller-identity --query Account --output text)"
  [ "$caller" = "$account" ] || fail "the credentials are of account $caller, and the step is for $account"
  "$@"
}

repair() { # account, region, repository, file with the policy that must be there, file with the one to put there
  local place=(--registry-id "$1" --region "$2" --repository-name "$3") now
  now="$(call ecr get-repository-policy "${place[@]}" --query policyText --output text)" \
    || fail "the policy of $3 could not be read, so nothing was changed: it may deny this caller too"
  if same_policy "$now" "$5"; then
    printf 'already done\n'
    return
  fi
  same_policy "$now" "$4" || fail "the policy of $3 is not the one that the plan saw: the plan is stale, make a new one"
  call ecr set-repository-policy "${place[@]}" --policy-text "file://$5" >/dev/null
  now="$(call ecr get-repository-policy "${place[@]}" --query policyText --output text)" \
    || fail "the policy of $3 was written, and could not be read again to compare"
  same_policy "$now" "$5" || fail "the policy of $3 was written, and is not what was written"
  printf 'done\n'
}

step() { # id, account, region, repository, folder, sha256 of before.json, sha256 of after.json
  local from="$5/before.json" to="$5/after.json"
  [ "$(hash_of <"$from")" = "$6" ] || fail "$from is not the plan's"
  [ "$(hash_of <"$to")" = "$7" ] || fail "$to is not the plan's"
  if [ "$BACK" = yes ]; then
    local swap="$from"
    from="$to"
    to="$swap"
  fi
  printf '%s: account %s, %s, repository %s: ' "$1" "$2" "$3" "$4"
  in_account "$2" repair "$2" "$3" "$4" "$from" "$to"
}

# A re-sync disables and enables ECR scanning, and its history is lost: scangap does it, with a journal and a backup.
resync() { # id, account, region, findings that it deletes
  [ "$BACK" = no ] || return 0
  printf '%s: account %s, %s: not done here, it deletes %s findings. To do it: scangap apply %q --write-role-name ROLE\n' "$@" "$PWD"
}
