//! A template for a stack, or a `StackSet` over the accounts of an organization.

use std::fmt::Write as _;

use crate::document::VERSION;
use crate::grant::{Grant, Grantee, PARTITION, Statement};
use crate::made::{Made, made};
use crate::terms::{Principal, Terms};

/// How a template is deployed: into every account, or into one.
fn how(grants: &[Grant], terms: &Terms) -> String {
    let parameter = if terms.principal.is_none() && grants.iter().any(|grant| grant.grantee != Grantee::Caller) {
        " \\\n#     --parameters ParameterKey=TrustedPrincipal,ParameterValue=ARN"
    } else {
        ""
    };
    let overrides = if parameter.is_empty() { "" } else { " --parameter-overrides TrustedPrincipal=ARN" };
    let one = |place: &str, name: &str| {
        format!(
            "# In {place}:\n#   aws cloudformation deploy --stack-name {name} --template-file scangap.yaml --capabilities CAPABILITY_NAMED_IAM{overrides}\n"
        )
    };
    match grants.first().map(|grant| grant.grantee) {
        Some(Grantee::Organization) => {
            one("the management account, or in one that is delegated for Organizations", "scangap-organization")
        }
        Some(Grantee::Caller) => one("the account where scangap starts; then attach the policy to what starts it", "scangap-caller"),
        Some(Grantee::Audit | Grantee::Write | Grantee::Publish) | None => format!(
            "# Into every account: a StackSet with service-managed permissions, for the root of the organization or some of its OUs, from the management
# account (or with --call-as DELEGATED_ADMIN). It leaves the management account out: where that is audited too, create a stack there.
#   aws cloudformation create-stack-set --stack-set-name scangap --template-body file://scangap.yaml --capabilities CAPABILITY_NAMED_IAM \\
#     --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false{parameter}
#   aws cloudformation create-stack-instances --stack-set-name scangap --regions REGION --deployment-targets OrganizationalUnitIds=ROOT_OR_OU
{}",
            one("one account", "scangap")
        ),
    }
}

pub fn template(grants: &[Grant], terms: &Terms) -> String {
    let all: Vec<(Made<'_>, &Grant)> = grants.iter().map(|grant| (made(grant.grantee, terms), grant)).collect();
    let has_roles = all.iter().any(|(made, _)| made.is_role);
    let mut out = how(grants, terms);
    out.push_str("AWSTemplateFormatVersion: \"2010-09-09\"\n");
    let descriptions: Vec<&str> = all.iter().map(|(made, _)| made.description).collect();
    let _ = writeln!(out, "Description: {}", quoted(&descriptions.join(" ")));
    if has_roles && terms.principal.is_none() {
        out.push_str(
            "\nParameters:\n  TrustedPrincipal:\n    Type: String\n    Description: ARN of the role or user that starts scangap, or of the root of its account\n    AllowedPattern: ^arn:[a-z-]+:iam::[0-9]{12}:(root|(role|user)/.+)$\n",
        );
    }
    out.push_str("\nResources:\n");
    for (made, grant) in &all {
        resource(&mut out, *made, grant, terms);
    }
    out.push_str("\nOutputs:\n");
    for (made, _) in &all {
        let value =
            if made.is_role { format!("!GetAtt {}.Arn", made.logical) } else { format!("!Ref {}", made.logical) };
        let _ = writeln!(out, "  {}Arn:\n    Value: {value}", made.logical);
    }
    out
}

fn resource(out: &mut String, made: Made<'_>, grant: &Grant, terms: &Terms) {
    let _ = writeln!(out, "  {}:", made.logical);
    if !made.is_role {
        let _ = writeln!(out, "    Type: AWS::IAM::ManagedPolicy\n    Properties:");
        let _ = writeln!(out, "      ManagedPolicyName: {}", quoted(made.name));
        let _ = writeln!(out, "      Description: {}", quoted(made.description));
        out.push_str("      PolicyDocument:\n");
        policy(out, grant, "        ");
        return;
    }
    let _ = writeln!(out, "    Type: AWS::IAM::Role\n    Properties:");
    let _ = writeln!(out, "      RoleName: {}", quoted(made.name));
    let _ = writeln!(out, "      Path: {}", quoted(&made.whole_path()));
    let _ = writeln!(out, "      Description: {}", quoted(made.description));
    let _ = writeln!(out, "      AssumeRolePolicyDocument:\n        Version: \"{VERSION}\"\n        Statement:");
    let principal = match &terms.principal {
        None => "!Ref TrustedPrincipal".to_owned(),
        Some(Principal::Account(account)) => format!("!Sub arn:${{AWS::Partition}}:iam::{account}:root"),
        Some(Principal::Arn(arn)) => quoted(arn),
    };
    let _ = writeln!(out, "          - Effect: Allow\n            Principal:\n              AWS: {principal}");
    out.push_str("            Action: sts:AssumeRole\n");
    let keys: Vec<(&str, &str)> = terms.conditions().collect();
    if !keys.is_empty() {
        out.push_str("            Condition:\n              StringEquals:\n");
        for (key, value) in keys {
            let _ = writeln!(out, "                {key}: {}", quoted(value));
        }
    }
    let _ = writeln!(out, "      Policies:\n        - PolicyName: scangap\n          PolicyDocument:");
    policy(out, grant, "            ");
}

fn policy(out: &mut String, grant: &Grant, indent: &str) {
    let _ = writeln!(out, "{indent}Version: \"{VERSION}\"\n{indent}Statement:");
    for Statement { sid, actions, resources, organization } in &grant.statements {
        let _ = writeln!(out, "{indent}  - Sid: {sid}\n{indent}    Effect: Allow\n{indent}    Action:");
        for action in actions {
            let _ = writeln!(out, "{indent}      - {action}");
        }
        let _ = writeln!(out, "{indent}    Resource:");
        for resource in resources {
            let _ = writeln!(out, "{indent}      - {}", in_any_partition(resource));
        }
        if let Some(id) = organization {
            let _ = writeln!(
                out,
                "{indent}    Condition:\n{indent}      StringEquals:\n{indent}        aws:ResourceOrgID: {}",
                quoted(id)
            );
        }
    }
}

fn in_any_partition(resource: &str) -> String {
    if resource.contains(PARTITION) {
        format!("!Sub {}", quoted(&resource.replace(PARTITION, "${AWS::Partition}")))
    } else {
        quoted(resource)
    }
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
