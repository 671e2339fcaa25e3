#!/bin/sh
# c7n-org on a simulated organization: every ECR repository of every account and region with its policy. It has no question for whether
# Inspector gets in; to read the policies is the nearest. For `cargo xtask bench collect`, which sets the AWS_* variables.
# C7N_ORG names the program: `pip install c7n-org`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
program=${C7N_ORG:-c7n-org}
# Its own listing of the organization asks for tags of accounts, which the simulator does not have: this is the same file.
"$(dirname "$(command -v "$program")")/python" - >"$folder/accounts.yml" <<'LISTING'
import boto3
print("accounts:")
organizations = boto3.client("organizations")
own = boto3.client("sts").get_caller_identity()["Account"]
for page in organizations.get_paginator("list_accounts").paginate():
    for account in page["Accounts"]:
        if account["Id"] != own:
            role = f"arn:aws:iam::{account['Id']}:role/OrganizationAccountAccessRole"
            print(f"  - account_id: '{account['Id']}'\n    name: '{account['Id']}'\n    role: {role}")
LISTING
cat >"$folder/policies.yml" <<'POLICIES'
policies:
  - name: repositories-with-their-policies
    resource: aws.ecr
    filters:
      - type: cross-account
POLICIES
: "${REGIONS:?names the regions}"
regions=$(echo "$REGIONS" | sed 's/[^ ]*/-r &/g')
# shellcheck disable=SC2086
"$program" run -c "$folder/accounts.yml" -u "$folder/policies.yml" -s "$folder/out" --cache-period 0 $regions \
    >"$folder/log" 2>&1 || {
    tail -n 20 "$folder/log" >&2
    exit 1
}
