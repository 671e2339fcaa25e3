#!/usr/bin/env bash
# Made by scangap from a snapshot. Read it first: it changes repository policies, and where the plan says so it turns ECR
# scanning off and on, which deletes history. `plan.sh --back` takes changes of policies back; what is deleted stays deleted.
#
# WRITE_ROLE_NAME names a role in each account that may make the calls of this script there; without it the caller's own
# credentials are used, and must be the account's. SCANGAP_CONFIRM and
# SCANGAP_ACCEPT_HISTORY_LOSS may hold the words that are asked for, for those who cannot type them. Needs the aws CLI and python3.
set -euo pipefail

fail() { printf 'plan.sh: %s\n' "$1" >&2; exit 1; }

prepare() {
  CDPATH='' cd -- "$(dirname -- "$0")"
  BACK=no
  case "${1:-}" in
    '') ;;
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
    ! env | grep -q '^AWS_ENDPOINT_URL' || fail "this plan is real: it is not for an endpoint of one's own (AWS_ENDPOINT_URL...)"
    export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true
  fi
  if [ "$STEPS" = 0 ]; then
    printf 'The plan has no steps.\n'
    exit 0
  fi
  local answer="${SCANGAP_CONFIRM:-}"
  if [ -z "$answer" ]; then
    [ -t 0 ] || fail "nobody to ask: set SCANGAP_CONFIRM to $CONFIRM_WHAT, $CONFIRM_WORD"
    printf 'Type %s to change %s policies and re-sync %s cells: ' "$CONFIRM_WHAT" "$POLICIES" "$RESYNCS"
    read -r answer
  fi
  [ "$answer" = "$CONFIRM_WORD" ] || fail "that is not $CONFIRM_WHAT, $CONFIRM_WORD: nothing was changed"
  [ "$RESYNCS" != 0 ] && [ "$BACK" = no ] || return 0
  printf '\033[1;31m%s\033[0m\n' "$WARNING" >&2
  answer="${SCANGAP_ACCEPT_HISTORY_LOSS:-}"
  if [ -z "$answer" ]; then
    [ -t 0 ] || fail "nobody to ask: set SCANGAP_ACCEPT_HISTORY_LOSS to the number of findings that will be lost, $FINDINGS_LOST"
    printf 'Type the number of findings that will be lost: '
    read -r answer
  fi
  [ "$answer" = "$FINDINGS_LOST" ] || fail "that is not $FINDINGS_LOST, the number of findings that will be lost: nothing was changed"
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
  [ "$(sha256sum <"$from" | cut -d' ' -f1)" = "$6" ] || fail "$from is not the plan's"
  [ "$(sha256sum <"$to" | cut -d' ' -f1)" = "$7" ] || fail "$to is not the plan's"
  if [ "$BACK" = yes ]; then
    local swap="$from"
    from="$to"
    to="$swap"
  fi
  printf '%s: account %s, %s, repository %s: ' "$1" "$2" "$3" "$4"
  in_account "$2" repair "$2" "$3" "$4" "$from" "$to"
}

# The registry's scanning configuration in an order of its own, as the plan hashed it.
scanning_form() { # file as the aws CLI gives it
  python3 -c '
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    configuration = json.load(file)["scanningConfiguration"]
rules = sorted(
    ({"frequency": rule["scanFrequency"], "filters": sorted(one["filter"] for one in rule["repositoryFilters"])}
     for rule in configuration.get("rules", [])),
    key=lambda rule: (rule["frequency"], rule["filters"]),
)
form = {"scan_type": configuration.get("scanType", "BASIC"), "rules": rules}
print(json.dumps(form, separators=(",", ":"), ensure_ascii=False), end="")
' "$1"
}

scanning() { # region, file to write
  call ecr get-registry-scanning-configuration --region "$1" --output json >"$2.partial" && mv "$2.partial" "$2"
}

put_back() { # region, file
  call ecr put-registry-scanning-configuration --region "$1" \
    --scan-type "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["scanningConfiguration"].get("scanType", "BASIC"))' "$2")" \
    --rules "$(python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["scanningConfiguration"].get("rules", [])))' "$2")" >/dev/null
}

ecr_status() { # region, account
  call inspector2 batch-get-account-status --region "$1" --account-ids "$2" \
    --query 'accounts[0].resourceState.ecr.status' --output text
}

wait_for() { # region, account, account that toggles, status
  local now waited=0
  until now="$(in_account "$3" ecr_status "$1" "$2")" && [ "$now" = "$4" ]; do
    [ "$waited" -lt 300 ] || fail "ECR scanning of account $2 in $1 is $now, and not $4 after five minutes"
    sleep 2
    waited=$((waited + 2))
  done
}

# Scan types other than ECR that are on, and those that are neither on nor off.
other_scan_types() { # region, account
  call inspector2 batch-get-account-status --region "$1" --account-ids "$2" --output json | python3 -c '
import json, sys
states = json.load(sys.stdin)["accounts"][0]["resourceState"]
others = {name: state.get("status") for name, state in states.items() if name != "ecr"}
if any(status == "ENABLED" for status in others.values()):
    print("on")
elif all(status == "DISABLED" for status in others.values()):
    print("off")
else:
    print("changing")
'
}

toggle() { # disable or enable, region, account; 2: it was refused, and nothing was done
  local failed errors
  errors="$(mktemp)"
  # shellcheck disable=SC2016 # the backquotes are of the query
  if failed="$(call inspector2 "$1" --region "$2" --account-ids "$3" --resource-types ECR \
    --query 'not_null(failedAccounts, `[]`)[].errorCode' --output text 2>"$errors")"; then
    rm -f "$errors"
    case "$failed" in
      '' | ALREADY_ENABLED | DISABLE_IN_PROGRESS | ENABLE_IN_PROGRESS) return 0 ;;
      SUSPEND_IN_PROGRESS | INTERNAL_ERROR) printf 'plan.sh: %s: %s\n' "$1" "$failed" >&2; return 1 ;;
      *) printf 'plan.sh: Inspector refused to %s ECR scanning of account %s in %s: %s\n' "$1" "$3" "$2" "$failed" >&2; return 2 ;;
    esac
  fi
  cat "$errors" >&2
  if grep -Eq 'AccessDenied|Throttl|Validation|ExpiredToken|UnrecognizedClient' "$errors"; then
    rm -f "$errors"
    return 2
  fi
  rm -f "$errors"
  return 1
}

save() { # region, account, folder, whether everything goes: what will be gone, as the account that toggles sees it
  local type='"resourceType":[{"comparison":"EQUALS","value":"AWS_ECR_CONTAINER_IMAGE"}],'
  [ "$4" = no ] || type=''
  local all='{"awsAccountId":[{"comparison":"EQUALS","value":"'"$2"'"}],'"$type"'"findingStatus":[{"comparison":"EQUALS","value":"ACTIVE"},{"comparison":"EQUALS","value":"SUPPRESSED"},{"comparison":"EQUALS","value":"CLOSED"}]}'
  call inspector2 list-findings --region "$1" --filter-criteria "$all" --output json >"$3/findings.json"
  call inspector2 list-coverage --region "$1" --output json \
    --filter-criteria '{"accountId":[{"comparison":"EQUALS","value":"'"$2"'"}]}' >"$3/coverage.json"
}

save_own() { # region, folder: what the account itself has set
  call inspector2 list-filters --region "$1" --output json >"$2/filters.json"
  call inspector2 get-configuration --region "$1" --output json >"$2/configuration.json"
  scanning "$1" "$2/registry-scanning-configuration.json"
}

# From here on the cell is unscanned until it is enabled, whatever stops the script.
open_cell() { # account, region, account that toggles
  OPEN=("$@")
  trap 'printf "plan.sh: account %s in %s may be unscanned: run this script again, or, as account %s: aws inspector2 enable --region %s --account-ids %s --resource-types ECR\n" "${OPEN[0]}" "${OPEN[1]}" "${OPEN[2]}" "${OPEN[1]}" "${OPEN[0]}" >&2' EXIT
}

# The hash of the registry's policy in its one form, or none.
registry_policy() { # region
  local text
  if text="$(call ecr get-registry-policy --region "$1" --query policyText --output text 2>"$ERRORS")"; then
    policy_form <<<"$text" | sha256sum | cut -d' ' -f1
  elif grep -q RegistryPolicyNotFoundException "$ERRORS"; then
    printf 'none\n'
  else
    cat "$ERRORS" >&2
    return 1
  fi
}

resync() { # id, account, region, account that toggles, findings lost, sha256 of the scanning configuration, and of the registry's policy, whether ECR is the only scan type
  [ "$BACK" = no ] || return 0
  local folder="backup/plan-sh-$2-$3" now status
  printf '%s: account %s, %s: ' "$1" "$2" "$3"
  if [ -e "$folder/done" ]; then
    printf 'already done\n'
    return
  fi
  if [ ! -e "$folder/disabling" ]; then
    umask 077
    mkdir -p "$folder"
    status="$(in_account "$4" ecr_status "$3" "$2")"
    [ "$status" = ENABLED ] || fail "ECR scanning of account $2 in $3 is $status, and not ENABLED: the plan is stale, make a new one"
    in_account "$2" save_own "$3" "$folder"
    [ "$(scanning_form "$folder/registry-scanning-configuration.json" | sha256sum | cut -d' ' -f1)" = "$6" ] \
      || fail "the scanning configuration of account $2 in $3 is not the one that the plan saw: the plan is stale, make a new one"
    ERRORS="$folder/errors"
    now="$(in_account "$2" registry_policy "$3")" || fail "the registry policy of account $2 in $3 could not be read"
    [ "$now" = "$7" ] || fail "the registry policy of account $2 in $3 is not the one that the plan saw: the plan is stale, make a new one"
    now="$(in_account "$4" other_scan_types "$3" "$2")"
    if [ "$8" = no ] && [ "$now" != on ]; then
      fail "ECR is the only scan type of account $2 in $3 now, or another one is changing: disabling it would delete everything"
    fi
    in_account "$4" save "$3" "$2" "$folder" "$8"
    now="$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["findings"]))' "$folder/findings.json")"
    [ "$now" -le "$5" ] || fail "there are $now findings now, and the plan says $5: count again with scangap plan --collect"
    # Asked for where it is on, an enable changes nothing; who may not turn it on again hears it before it is off.
    in_account "$4" toggle enable "$3" "$2" \
      || fail "ECR scanning of account $2 in $3 stays on: nothing shows that account $4 could turn it on again"
    wait_for "$3" "$2" "$4" ENABLED
    : >"$folder/disabling"
    sync "$folder"
    open_cell "$2" "$3" "$4"
    local came=0
    in_account "$4" toggle disable "$3" "$2" || came=$?
    if [ "$came" = 2 ]; then
      rm -f "$folder/disabling"
      trap - EXIT
      fail "scanning of account $2 in $3 was not disabled, and nothing was changed there"
    fi
    [ "$came" = 0 ] || fail "nobody knows what came of the disable: run this script again"
  else
    open_cell "$2" "$3" "$4"
    status="$(in_account "$4" ecr_status "$3" "$2")"
    # It may have been enabled by hand since, or the disable never came through. Neither is a reason to disable again.
    if [ "$status" = ENABLED ] && [ ! -e "$folder/enabling" ]; then
      : >"$folder/enabling"
      printf 'is on, and was perhaps never off: if it is still stale, make a new plan; '
    fi
  fi
  if [ ! -e "$folder/enabling" ]; then
    wait_for "$3" "$2" "$4" DISABLED
    : >"$folder/enabling"
  fi
  status="$(in_account "$4" ecr_status "$3" "$2")"
  [ "$status" != DISABLED ] || in_account "$4" toggle enable "$3" "$2" || fail "ECR scanning could not be enabled"
  wait_for "$3" "$2" "$4" ENABLED
  in_account "$2" scanning "$3" "$folder/registry-scanning-configuration.after.json"
  if [ "$(scanning_form "$folder/registry-scanning-configuration.after.json" | sha256sum | cut -d' ' -f1)" != "$6" ]; then
    in_account "$2" put_back "$3" "$folder/registry-scanning-configuration.json"
    in_account "$2" scanning "$3" "$folder/registry-scanning-configuration.after.json"
    [ "$(scanning_form "$folder/registry-scanning-configuration.after.json" | sha256sum | cut -d' ' -f1)" = "$6" ] \
      || fail "the scanning configuration of account $2 in $3 was put back, and is not what was put"
  fi
  trap - EXIT
  : >"$folder/done"
  printf 'done\n'
}
