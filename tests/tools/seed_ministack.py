"""Repositories in two accounts of ministack, made through boto3, with Inspector's ECR scanning switched on in one.

ministack has an organization without making one. Prints what it made as JSON.
"""

import json
import sys

import boto3

endpoint = sys.argv[1]


def client(service, region="us-east-1", credentials=None):
    keys = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": None}
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "OfficeOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "ecr:*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.10/32"}},
        }
    ],
}

own = client("sts").get_caller_identity()["Account"]
organizations = client("organizations")
created = organizations.create_account(Email="alpha@example.com", AccountName="alpha")["CreateAccountStatus"]
account = created["AccountId"]
session = client("sts").assume_role(
    RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", RoleSessionName="seed"
)["Credentials"]

made = []
for name, where, credentials in [("own", own, None), ("alpha", account, session)]:
    ecr = client("ecr", "eu-west-1", credentials)
    for repository, policy, verdict in [(f"{name}/blocked", POLICY, "denied"), (f"{name}/plain", None, "allowed")]:
        ecr.create_repository(repositoryName=repository)
        if policy is not None:
            ecr.set_repository_policy(repositoryName=repository, policyText=json.dumps(policy))
        made.append({"account": where, "region": "eu-west-1", "repository": repository, "verdict": verdict})
print(json.dumps(made))
