"""What a careful engineer writes with boto3: the same calls as scangap, 32 threads, one session per account.

It keeps nothing and writes nothing: only the calls are compared.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, THREADS = sys.argv[1], int(sys.argv[2])
CONFIG = Config(retries={"max_attempts": 5, "mode": "standard"}, max_pool_connections=THREADS)
ROLE = "OrganizationAccountAccessRole"
LOCK = threading.Lock()
READS = ["organizations:List*", "organizations:Describe*", "account:*", "ecr:Get*", "ecr:Describe*", "ecr:BatchGet*", "ecr:List*",
         "inspector2:List*", "inspector2:BatchGet*", "inspector2:Get*", "inspector2:Describe*"]
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": READS, "Resource": "*"}]})


def client(session, service, region):
    # Making a client is not thread-safe in boto3.
    with LOCK:
        return session.client(service, region_name=region, endpoint_url=ENDPOINT, config=CONFIG)


def pages(call, key, token_in, token_out, **arguments):
    rows, token = [], None
    while True:
        answer = call(**arguments, **({token_in: token} if token else {}))
        rows += answer.get(key, [])
        token = answer.get(token_out)
        if not token:
            return rows


base = boto3.Session()
identity = client(base, "sts", "us-east-1").get_caller_identity()
own = identity["Account"]
organizations = client(base, "organizations", "us-east-1")
organizations.describe_organization()
accounts = pages(organizations.list_accounts, "Accounts", "NextToken", "NextToken")
parents = set()
for account in accounts:
    ids = [part for part in account["Paths"][0].split("/") if part][:-1]
    parents |= {parent for parent, child in zip(ids, ids[1:]) if child.startswith("ou-")}
for parent in sorted(parents):
    pages(organizations.list_organizational_units_for_parent, "OrganizationalUnits", "NextToken", "NextToken", ParentId=parent)
admins = pages(organizations.list_delegated_administrators, "DelegatedAdministrators", "NextToken", "NextToken",
               ServicePrincipal="inspector2.amazonaws.com")
admin = admins[0]["Id"]
sts = client(base, "sts", "us-east-1")


def open_account(account):
    if account == own:
        session = base
    else:
        keys = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{ROLE}", RoleSessionName="reference", Policy=POLICY)["Credentials"]
        session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    regions = pages(client(session, "account", "us-east-1").list_regions, "Regions", "NextToken", "NextToken", MaxResults=50)
    return account, session, [r["RegionName"] for r in regions if r["RegionOptStatus"].startswith("ENABLED")]


def coverage(session, region, ids):
    inspector = client(session, "inspector2", region)
    statuses = {}
    for at in range(0, len(ids), 100):
        for row in inspector.batch_get_account_status(accountIds=ids[at:at + 100])["accounts"]:
            statuses[row["accountId"]] = row["resourceState"]["ecr"]["status"]

    def equals(value):
        return [{"comparison": "EQUALS", "value": value}]

    rows = pages(inspector.list_coverage, "coveredResources", "nextToken", "nextToken", maxResults=200,
                 filterCriteria={"resourceType": equals("AWS_ECR_REPOSITORY")})
    images = pages(inspector.list_coverage, "coveredResources", "nextToken", "nextToken", maxResults=200,
                   filterCriteria={"resourceType": equals("AWS_ECR_CONTAINER_IMAGE")})
    inspector.describe_organization_configuration()
    covered = {row["resourceId"].split("/sha256:")[0] for row in images}
    return region, statuses, covered | {row["resourceId"] for row in rows if row["scanStatus"]["statusCode"] != "ACTIVE"}


def quietly(call, **arguments):
    try:
        return call(**arguments)
    except ClientError as error:
        if not error.response["Error"]["Code"].endswith("PolicyNotFoundException"):
            raise
        return None


def read_registry(registry):
    account, session, region = registry
    ecr = client(session, "ecr", region)
    repositories = pages(ecr.describe_repositories, "repositories", "nextToken", "nextToken", maxResults=1000)
    if not repositories:
        return
    names = [repository["repositoryName"] for repository in repositories]
    quietly(ecr.get_registry_policy)
    ecr.get_account_setting(name="REGISTRY_POLICY_SCOPE")
    scan_type = ecr.get_registry_scanning_configuration()["scanningConfiguration"]["scanType"]
    pages(ecr.describe_repository_creation_templates, "repositoryCreationTemplates", "nextToken", "nextToken")
    for name in names:
        quietly(ecr.get_repository_policy, repositoryName=name)
    frequencies = {}
    for at in range(0, len(names), 25):
        batch = ecr.batch_get_repository_scanning_configuration(repositoryNames=names[at:at + 25])
        frequencies |= {row["repositoryName"]: row["scanFrequency"] for row in batch["scanningConfigurations"]}
    statuses, covered = views[region]
    if statuses.get(account) != "DISABLED":
        client(session, "inspector2", region).get_configuration()
    if statuses.get(account) == "ENABLED" and scan_type == "ENHANCED":
        for repository in repositories:
            if repository["repositoryArn"] not in covered and frequencies.get(repository["repositoryName"]) != "MANUAL":
                ecr.describe_images(repositoryName=repository["repositoryName"], maxResults=1000)


with ThreadPoolExecutor(THREADS) as pool:
    ids = [account["Id"] for account in accounts]
    opened = list(pool.map(open_account, ids))
    admin_session, admin_regions = next((session, regions) for account, session, regions in opened if account == admin)
    views = {region: (statuses, covered) for region, statuses, covered in
             pool.map(lambda region: coverage(admin_session, region, ids), admin_regions)}
    list(pool.map(read_registry, [(account, session, region) for account, session, regions in opened for region in regions]))
