#!/usr/bin/env bash
# Made by scangap from a snapshot. Read it first: it changes repository policies, and where the plan says so it turns ECR
# scanning off and on, which deletes history. `plan.sh --repairs-only` leaves scanning alone; `plan.sh --back` takes changes of
# policies back; what is deleted stays deleted.
#
# WRITE_ROLE_NAME names a role in each account that may make the calls of this script there; without it the caller's own
# credentials are used, and must be the account's. SCANGAP_CONFIRM and
# SCANGAP_ACCEPT_HISTORY_LOSS may hold the words that are asked for, for those who cannot type them. SCANGAP_PATIENCE is how many
# seconds a status may take (600). Needs the aws CLI and python3.
set -euo pipefail
export AWS_PAGER=
PATIENCE="${SCANGAP_PATIENCE:-600}"
NOT_KNOWN=0

fail() { printf 'plan.sh: %s\n' "$1" >&2; exit 1; }

prepare() {
  CDPATH='' cd -- "$(dirname -- "$0")"
  BACK=no
  case "${1:-}" in
    '') ;;
    --repairs-only) RESYNCS=0 ;;
    --back) BACK=yes RESYNCS=0 ;;
    *) fail "it takes --repairs-only, --back, or nothing" ;;
  esac
  command -v python3 >/dev/null || fail "python3 is needed to compare policies"
  case "$PATIENCE" in
    '' | *[!0-9]* | 0) fail "SCANGAP_PATIENCE is a number of seconds, and not $PATIENCE" ;;
  esac
  # At AWS, to end sooner would leave a cell off.
  [ "$SIMULATED" = yes ] || [ "$PATIENCE" -ge 600 ] || PATIENCE=600
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
  if [ "$((POLICIES + RESYNCS))" = 0 ]; then
    printf 'There is nothing to do.\n'
    exit 0
  fi
  local answer="${SCANGAP_CONFIRM:-}"
  if [ -z "$answer" ]; then
    [ -t 0 ] || fail "nobody to ask: set SCANGAP_CONFIRM to $CONFIRM_WHAT, $CONFIRM_WORD"
    if [ "$BACK" = yes ]; then
      printf 'Type %s to take back %s policies: ' "$CONFIRM_WHAT" "$POLICIES"
    else
      printf 'Type %s to change %s policies and re-sync %s cells: ' "$CONFIRM_WHAT" "$POLICIES" "$RESYNCS"
    fi
    read -r answer
  fi
  [ "$answer" = "$CONFIRM_WORD" ] || fail "that is not $CONFIRM_WHAT, $CONFIRM_WORD: nothing was changed"
  [ "$RESYNCS" != 0 ] || return 0
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

put_back() { # region, file: in the order that AWS gave
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
    [ "$waited" -lt "$PATIENCE" ] || fail "ECR scanning of account $2 in $1 is ${now:-not known}, and not $4 after $PATIENCE seconds"
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
if any(status not in ("ENABLED", "DISABLED") for status in others.values()):
    print("changing")
else:
    print("on" if "ENABLED" in others.values() else "off")
'
}

# disable or enable, region, account; 2: it was refused, and nothing was done. A disable is sent once: the CLI would ask again
# where an answer is lost, and the refusal of a second call says nothing of the first.
toggle() {
  local failed errors
  errors="$(mktemp)"
  # shellcheck disable=SC2016 # the backquotes are of the query
  if failed="$([ "$1" = enable ] || export AWS_MAX_ATTEMPTS=1
    call inspector2 "$1" --region "$2" --account-ids "$3" --resource-types ECR \
    --query 'not_null(failedAccounts, `[]`)[].errorCode' --output text 2>"$errors")"; then
    rm -f "$errors"
    case "$1 $failed" in
      *' ' | 'disable DISABLE_IN_PROGRESS' | 'enable ENABLE_IN_PROGRESS' | 'enable ALREADY_ENABLED') return 0 ;;
      *' SUSPEND_IN_PROGRESS' | *' INTERNAL_ERROR') printf 'plan.sh: %s: %s\n' "$1" "$failed" >&2; return 1 ;;
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
open_cell() { # account, region, what brings it back
  OPEN=("$@")
  trap 'printf "plan.sh: account %s in %s may be unscanned, or without its scanning configuration: run this script again, or\n%s\n" "${OPEN[@]}" >&2' EXIT
}

# The hash of a policy in its one form, or none.
policy_hash() { # file for errors, the error that says that there is none, command of ecr...
  local errors="$1" none="$2" text
  shift 2
  if text="$(call ecr "$@" --query policyText --output text 2>"$errors")"; then
    policy_form <<<"$text" | hash_of
  elif grep -q "$none" "$errors"; then
    printf 'none\n'
  else
    cat "$errors" >&2
    return 1
  fi
}

# Whether an Inspector policy of the organization governs the account.
governed() { # file for errors
  local text
  if text="$(call organizations describe-effective-policy --policy-type INSPECTOR_POLICY \
    --query EffectivePolicy.PolicyContent --output text 2>"$1")"; then
    case "$text" in '' | None) printf 'no\n' ;; *) printf 'yes\n' ;; esac
  elif grep -Eq 'EffectivePolicyNotFoundException|AWSOrganizationsNotInUseException' "$1"; then
    printf 'no\n'
  else
    cat "$1" >&2
    return 1
  fi
}

permissions() { # region
  call inspector2 list-account-permissions --region "$1" --service ECR --query 'permissions[].operation' --output text
}

# What was saved, held against the plan: not more is lost than it says, and there is still something to help.
within_the_plan() { # folder, findings lost, images that were scanned, when that was counted, repositories that are stale
  python3 -c '
import datetime, json, sys
folder, findings, images, counted, stale = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], set(sys.argv[5:])
def load(name):
    with open(f"{folder}/{name}", encoding="utf-8") as file:
        return json.load(file)
def end(why):
    sys.exit(f"plan.sh: {why}")
again = "count again with scangap plan --collect"
age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(counted.replace("Z", "+00:00"))
if age > datetime.timedelta(days=1):
    end(f"what would be lost was counted at {counted}, and images leave the window of Inspector every day: {again}")
now = len(load("findings.json")["findings"])
if now > findings:
    end(f"there are {now} findings now, and the plan says {findings}: {again}")
rows = load("coverage.json")["coveredResources"]
scanned = sum(row["resourceType"] == "AWS_ECR_CONTAINER_IMAGE" and row.get("scanStatus", {}).get("statusCode") == "ACTIVE" for row in rows)
if scanned > images:
    end(f"{scanned} images are scanned now, and the plan says {images}: {again}")
def repository(row):
    return row["resourceId"].partition(":repository/")[2].partition("/sha256:")[0]
denied = {repository(row) for row in rows if row.get("scanStatus", {}).get("reason") == "ACCESS_DENIED"}
if not denied & stale:
    end("no repository of the plan says ACCESS_DENIED any more: it refreshed by itself, and nothing is turned off")
' "$@"
}

# A disable that nobody answered for may come through yet: a quarter of an hour after it was called it is not waited for any
# more. A status that cannot be read says nothing. Comes back when the cell is not ENABLED, or then.
see_whether_it_comes_through() { # region, account, account that toggles, file that was written before the call
  local now
  while true; do
    now="$(in_account "$3" ecr_status "$1" "$2")" || now=unknown
    case "$now" in
      ENABLED | unknown) ! long_ago "$4" || return 0 ;;
      *) return 0 ;;
    esac
    sleep 5
  done
}

long_ago() { # file
  python3 -c 'import os, sys, time; sys.exit(time.time() - os.path.getmtime(sys.argv[1]) < 900)' "$1"
}

# Written down with the credentials at hand: from here on it may be off.
called_off() { # region, account, folder, what brings it back
  : >"$3/disabling" || fail "$3/disabling could not be written, so nothing was turned off"
  if ! sync "$3"; then
    rm -f "$3/disabling"
    fail "$3 could not be written, so nothing was turned off"
  fi
  open_cell "$2" "$1" "$4"
  toggle disable "$1" "$2"
}

# Asks until it is on: one refusal is no reason to leave it off.
turn_on() { # region, account, account that toggles
  local now waited=0
  until now="$(in_account "$3" ecr_status "$1" "$2")" && [ "$now" = ENABLED ]; do
    if [ "$now" = DISABLED ]; then
      (in_account "$3" toggle enable "$1" "$2") || true
    fi
    [ "$waited" -lt "$PATIENCE" ] || fail "ECR scanning of account $2 in $1 is ${now:-not known}, and not ENABLED after $PATIENCE seconds"
    sleep 2
    waited=$((waited + 2))
  done
}

as_it_was() { # region, account, folder, sha256 of the scanning configuration
  in_account "$2" scanning "$1" "$3/registry-scanning-configuration.after.json" \
    || fail "the scanning configuration of account $2 in $1 could not be read"
  [ "$(scanning_form "$3/registry-scanning-configuration.after.json" | hash_of)" = "$4" ]
}

# AWS does not say what an enable writes.
put_back_where_it_differs() { # region, account, folder, sha256 of the scanning configuration
  as_it_was "$@" && return
  in_account "$2" put_back "$1" "$3/registry-scanning-configuration.json"
  as_it_was "$@" || fail "the scanning configuration of account $2 in $1 was put back, and is not what was put"
}

# A repository and the hash of its policy in its one form each; none: it has no policy.
resync() { # id, account, region, account that toggles, findings lost, images scanned, when that was counted, sha256 of the scanning configuration, and of the registry's policy, whether ECR is the only scan type, what brings it back, repositories with their policies...
  [ "$RESYNCS" != 0 ] || return 0
  local id="$1" account="$2" region="$3" from="$4" lost="$5" images="$6" counted="$7" before="$8" registry="$9"
  local only="${10}" back="${11}"
  shift 11
  local folder="backup/plan-sh-$account-$region" cell="account $account in $region" now needed status stale=()
  local moved="the plan is stale, make a new one"
  printf '%s: account %s, %s: ' "$id" "$account" "$region"
  if [ -e "$folder/done" ] || [ -e "$folder/not-known" ]; then
    now="$(in_account "$from" ecr_status "$region" "$account")"
    [ "$now" = ENABLED ] || fail "it was done, and ECR scanning of $cell is $now now. To turn it on:
$back"
    if [ -e "$folder/done" ]; then
      printf 'already done\n'
    else
      NOT_KNOWN=1
      printf 'it is on, and nobody knows whether it was off: if it is still stale, make a new plan\n'
    fi
    return
  fi
  # The trial of an enable was stopped: what was saved before it is put back before anything is saved again.
  if [ -e "$folder/trying" ]; then
    open_cell "$account" "$region" "$back"
    put_back_where_it_differs "$region" "$account" "$folder" "$before"
    rm -f "$folder/trying"
    trap - EXIT
  fi
  if [ ! -e "$folder/disabling" ]; then
    umask 077
    mkdir -p "$folder"
    status="$(in_account "$from" ecr_status "$region" "$account")"
    [ "$status" = ENABLED ] || fail "ECR scanning of $cell is $status, and not ENABLED: $moved. If it is to be on:
$back"
    in_account "$account" save_own "$region" "$folder"
    [ "$(scanning_form "$folder/registry-scanning-configuration.json" | hash_of)" = "$before" ] \
      || fail "the scanning configuration of $cell is not the one that the plan saw: $moved"
    now="$(in_account "$account" policy_hash "$folder/errors" RegistryPolicyNotFoundException \
      get-registry-policy --region "$region")" || fail "the registry policy of $cell could not be read"
    [ "$now" = "$registry" ] || fail "the registry policy of $cell is not the one that the plan saw: $moved"
    while [ "$#" -gt 0 ]; do
      now="$(in_account "$account" policy_hash "$folder/errors" RepositoryPolicyNotFoundException \
        get-repository-policy --region "$region" --repository-name "$1")" || fail "the policy of $1 could not be read"
      [ "$now" = "$2" ] || fail "the policy of $1 is not the one that lets Inspector in: $moved"
      stale+=("$1")
      shift 2
    done
    now="$(in_account "$account" governed "$folder/errors")" || fail "the Inspector policy of $cell could not be read"
    [ "$now" = no ] || fail "an Inspector policy of the organization governs $cell now: $moved"
    now="$(in_account "$from" permissions "$region")"
    for needed in DISABLE_SCANNING ENABLE_SCANNING; do
      grep -qw "$needed" <<<"$now" || fail "Inspector does not let account $from call $needed of $cell any more: $moved"
    done
    now="$(in_account "$from" other_scan_types "$region" "$account")"
    [ "$now" != changing ] || fail "another scan type of $cell is changing: wait, and run this script again"
    if [ "$only" = no ] && [ "$now" != on ]; then
      fail "ECR is the only scan type of $cell now: disabling it would delete everything"
    fi
    in_account "$from" save "$region" "$account" "$folder" "$only"
    within_the_plan "$folder" "$lost" "$images" "$counted" "${stale[@]}" || exit 1
    # Asked for where it is on, an enable changes nothing; who may not turn it on again hears it before it is off. What it writes
    # all the same is put back, whatever it said.
    : >"$folder/trying"
    sync "$folder"
    open_cell "$account" "$region" "$back"
    local came=0
    in_account "$from" toggle enable "$region" "$account" || came=$?
    [ "$came" != 0 ] || wait_for "$region" "$account" "$from" ENABLED
    put_back_where_it_differs "$region" "$account" "$folder" "$before"
    rm -f "$folder/trying"
    trap - EXIT
    [ "$came" = 0 ] || fail "ECR scanning of $cell stays on: nothing shows that account $from could turn it on again"
    came=0
    in_account "$from" called_off "$region" "$account" "$folder" "$back" || came=$?
    if [ "$came" = 2 ]; then
      rm -f "$folder/disabling"
      trap - EXIT
      fail "scanning of $cell was not disabled, and nothing was changed there"
    fi
    [ "$came" = 0 ] || fail "nobody knows what came of the disable: run this script again"
  else
    open_cell "$account" "$region" "$back"
    if [ ! -e "$folder/enabling" ]; then
      printf 'waits to see whether the disable came through; '
      see_whether_it_comes_through "$region" "$account" "$from" "$folder/disabling"
      status="$(in_account "$from" ecr_status "$region" "$account")"
      if [ "$status" = ENABLED ]; then
        long_ago "$folder/disabling" || fail "the status changes: run this script again"
        # Enabled by hand since, or never off: neither is a reason to disable again. Inspector says where it is being turned off.
        in_account "$from" toggle enable "$region" "$account" || fail "it is not known to be on: run this script again"
        wait_for "$region" "$account" "$from" ENABLED
        put_back_where_it_differs "$region" "$account" "$folder" "$before"
        trap - EXIT
        : >"$folder/not-known"
        NOT_KNOWN=1
        printf 'it is on, and nobody knows whether it was off: if it is still stale, make a new plan\n'
        return
      fi
    fi
  fi
  if [ ! -e "$folder/enabling" ]; then
    wait_for "$region" "$account" "$from" DISABLED
    : >"$folder/enabling"
  fi
  turn_on "$region" "$account" "$from"
  put_back_where_it_differs "$region" "$account" "$folder" "$before"
  trap - EXIT
  : >"$folder/done"
  printf 'done\n'
}

# 3, as apply: something is not known.
finish() {
  [ "$NOT_KNOWN" = 0 ] || exit 3
}
