"""An organization in moto, made through boto3: accounts in OUs, repositories in regions, real policies.

Prints what it made as JSON: one object per repository, with the verdict that the policy's author knows.
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


def role(account):
    return f"arn:aws:iam::{account}:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"


def deny(account, exempt):
    condition = {"NotIpAddress": {"aws:SourceIp": "203.0.113.10/32"}}
    if exempt:
        condition["ArnNotEquals"] = {"aws:PrincipalArn": role(account)}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "OfficeOnly", "Effect": "Deny", "Principal": "*", "Action": "ecr:*", "Condition": condition}],
    }


def allow(account, _):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "ecr:BatchGetImage"}],
    }


organizations = client("organizations")
organizations.create_organization(FeatureSet="ALL")
root = organizations.list_roots()["Roots"][0]["Id"]
workloads = organizations.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]
payments = organizations.create_organizational_unit(ParentId=workloads, Name="Payments")["OrganizationalUnit"]["Id"]
accounts = []
for name, parent in [("alpha", workloads), ("beta", payments), ("gamma", root)]:
    made = organizations.create_account(Email=f"{name}@example.com", AccountName=name)
    account = made["CreateAccountStatus"]["AccountId"]
    if parent != root:
        organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=parent)
    accounts.append((name, account))

made = []
for name, account in accounts:
    session = client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", RoleSessionName="seed"
    )["Credentials"]
    for region in ["us-east-1", "eu-west-1"]:
        ecr = client("ecr", region, session)
        for repository, policy, verdict in [
            (f"{name}/blocked", deny(account, False), "denied"),
            (f"{name}/repaired", deny(account, True), "allowed"),
            (f"{name}/pull", allow(account, None), "allowed"),
            (f"{name}/plain", None, "allowed"),
        ]:
            ecr.create_repository(repositoryName=repository)
            if policy is not None:
                ecr.set_repository_policy(repositoryName=repository, policyText=json.dumps(policy, indent=1))
            made.append({"account": account, "region": region, "repository": repository, "verdict": verdict})
print(json.dumps(made))
