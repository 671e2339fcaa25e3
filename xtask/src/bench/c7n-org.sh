#!/bin/sh
# c7n-org on a simulated organization: every ECR repository of every account and region with its policy. It has no question for whether
# Inspector gets in; to read the policies is the nearest. For `cargo xtask bench collect --against`, which sets the AWS_* variables.
# C7N_ORG names the program: `pip install c7n-org`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
program=${C7N_ORG:-c7n-org}
"$program" aws-accounts --active -f "$folder/accounts.yml" >"$folder/log" 2>&1
cat >"$folder/policies.yml" <<'POLICIES'
policies:
  - name: repositories-with-their-policies
    resource: aws.ecr
    filters:
      - type: cross-account
POLICIES
regions=$(echo "$REGIONS" | sed 's/[^ ]*/-r &/g')
# shellcheck disable=SC2086
"$program" run -c "$folder/accounts.yml" -u "$folder/policies.yml" -s "$folder/out" --cache-period 0 $regions \
    >>"$folder/log" 2>&1 || {
    tail -n 20 "$folder/log" >&2
    exit 1
}
