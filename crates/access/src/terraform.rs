//! A Terraform and `OpenTofu` module, for the AWS provider 5 and later.

use std::fmt::Write as _;

use scangap_model::hcl_string;

use crate::document::VERSION;
use crate::grant::{Grant, PARTITION, Statement};
use crate::made::{Made, made};
use crate::terms::{Principal, Terms};

pub fn module(grants: &[Grant], terms: &Terms) -> String {
    let all: Vec<(Made<'_>, &Grant)> = grants.iter().map(|grant| (made(grant.grantee, terms), grant)).collect();
    let mut out = String::from(
        "# Of one account: apply it in each, with a provider for it, or deploy the CloudFormation template as a StackSet.\nterraform {\n  required_providers {\n    aws = {\n      source  = \"hashicorp/aws\"\n      version = \">= 5.0\"\n    }\n  }\n}\n\ndata \"aws_partition\" \"current\" {}\n",
    );
    if all.iter().any(|(made, _)| made.is_role) && terms.principal.is_none() {
        out.push_str(
            "\nvariable \"trusted_principal\" {\n  description = \"ARN of the role or user that starts scangap, or of the root of its account\"\n  type        = string\n}\n",
        );
    }
    for (made, grant) in &all {
        resource(&mut out, *made, grant, terms);
    }
    out
}

fn resource(out: &mut String, made: Made<'_>, grant: &Grant, terms: &Terms) {
    let label = made.label;
    let name = hcl_string(made.name);
    let description = hcl_string(made.description);
    if !made.is_role {
        let _ = writeln!(out, "\nresource \"aws_iam_policy\" \"{label}\" {{");
        let _ = writeln!(out, "  name        = {name}\n  description = {description}\n  policy = jsonencode({{");
        policy(out, grant);
        let _ =
            writeln!(out, "  }})\n}}\n\noutput \"{label}_policy_arn\" {{\n  value = aws_iam_policy.{label}.arn\n}}");
        return;
    }
    let _ = writeln!(out, "\nresource \"aws_iam_role\" \"{label}\" {{");
    let _ = writeln!(out, "  name        = {name}\n  path        = {}", hcl_string(&made.whole_path()));
    let _ = writeln!(out, "  description = {description}\n  assume_role_policy = jsonencode({{");
    let _ = writeln!(out, "    Version = \"{VERSION}\"\n    Statement = [{{\n      Effect    = \"Allow\"");
    let principal = match &terms.principal {
        None => "var.trusted_principal".to_owned(),
        Some(principal @ Principal::Account(_)) => text(&principal.arn(PARTITION)),
        Some(Principal::Arn(arn)) => hcl_string(arn),
    };
    let _ = writeln!(out, "      Principal = {{ AWS = {principal} }}\n      Action    = \"sts:AssumeRole\"");
    let keys: Vec<String> =
        terms.conditions().map(|(key, value)| format!("\"{key}\" = {}", hcl_string(value))).collect();
    if !keys.is_empty() {
        let _ = writeln!(out, "      Condition = {{ StringEquals = {{ {} }} }}", keys.join(", "));
    }
    let _ = writeln!(out, "    }}]\n  }})\n}}\n\nresource \"aws_iam_role_policy\" \"{label}\" {{");
    let _ = writeln!(out, "  name = \"scangap\"\n  role = aws_iam_role.{label}.id\n  policy = jsonencode({{");
    policy(out, grant);
    let _ = writeln!(out, "  }})\n}}\n\noutput \"{label}_role_arn\" {{\n  value = aws_iam_role.{label}.arn\n}}");
}

fn policy(out: &mut String, grant: &Grant) {
    let _ = writeln!(out, "    Version = \"{VERSION}\"\n    Statement = [");
    for Statement { sid, actions, resources, organization } in &grant.statements {
        let _ = writeln!(out, "      {{\n        Sid    = \"{sid}\"\n        Effect = \"Allow\"\n        Action = [");
        for action in actions {
            let _ = writeln!(out, "          \"{action}\",");
        }
        let _ = writeln!(out, "        ]\n        Resource = [");
        for resource in resources {
            let _ = writeln!(out, "          {},", text(resource));
        }
        out.push_str("        ]\n");
        if let Some(id) = organization {
            let _ = writeln!(
                out,
                "        Condition = {{ StringEquals = {{ \"aws:ResourceOrgID\" = {} }} }}",
                hcl_string(id)
            );
        }
        out.push_str("      },\n");
    }
    out.push_str("    ]\n");
}

/// A string in which the partition is that of the deployment.
fn text(value: &str) -> String {
    hcl_string(value).replace(PARTITION, "${data.aws_partition.current.partition}")
}
