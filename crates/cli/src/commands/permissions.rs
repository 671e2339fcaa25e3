//! `scangap permissions`: what AWS has to allow, from the API table.

use scangap_access::{
    FindingsBucket, Grant, GrantDocument, Grantee, Principal, Terms, TrustDocument, grants, module, template,
};
use scangap_model::{Partition, Phase};
use serde::Serialize;

use crate::args::{Permissions, PermissionsFormat};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;
use crate::values::BadValue;

pub(super) fn run(command: &Permissions) -> Result<Exit, CliError> {
    let phase = Phase::from(command.purpose);
    let partition: Partition = command.partition.parse().map_err(|_| {
        BadValue::new(&command.partition, "a partition with Amazon Inspector", "aws, aws-cn, aws-us-gov")
    })?;
    let terms = terms(command)?;
    if command.format == PermissionsFormat::Json {
        one_partition(command, partition)?;
    }
    let by_default = match phase {
        Phase::Audit | Phase::Plan => Grantee::Audit,
        Phase::Apply => Grantee::Write,
        Phase::Publish => Grantee::Publish,
    };
    let grantee = command.grantee.map_or(by_default, Grantee::from);
    if (grantee == Grantee::Publish) != (phase == Phase::Publish) && grantee != Grantee::Caller {
        let hint = "findings take a role of their own, and it needs nothing else: `scangap permissions publish`";
        return Err(BadValue::new("--for", "whose permissions are asked for", hint).into());
    }
    if grantee == Grantee::Write && phase != Phase::Apply {
        return Err(BadValue::new(
            "write-role",
            "a role of an audit or a plan",
            "only `scangap permissions apply` writes",
        )
        .into());
    }
    if command.trust {
        return trust(command, grantee, &terms, partition);
    }
    // A template or module for an apply makes both roles.
    let with_audit_role =
        command.grantee.is_none() && phase == Phase::Apply && command.format != PermissionsFormat::Json;
    let grantees = [Grantee::Audit].into_iter().filter(|_| with_audit_role).chain([grantee]);
    let all: Vec<Grant> = grantees.map(|grantee| grants(grantee, phase, &terms)).collect();
    match command.format {
        PermissionsFormat::Json => {
            for grant in &all {
                print(&GrantDocument::of(grant, partition));
            }
        }
        PermissionsFormat::CloudFormation => terminal::raw(&template(&all, &terms)),
        PermissionsFormat::Terraform => terminal::raw(&module(&all, &terms)),
    }
    if command.format == PermissionsFormat::Json && command.grantee.is_none() && phase == Phase::Apply {
        terminal::note(
            "This is the policy of the write role; `scangap permissions plan` has that of the audit role, which an apply reads with.",
        );
    }
    if command.findings_report.is_some() && grantee == Grantee::Write {
        terminal::note(
            "The bucket and the KMS key need policies of their own, for inspector2.amazonaws.com: docs/apply.md",
        );
    }
    Ok(Exit::Finished)
}

fn trust(command: &Permissions, grantee: Grantee, terms: &Terms, partition: Partition) -> Result<Exit, CliError> {
    if grantee == Grantee::Caller {
        return Err(BadValue::new("caller", "a role", "it starts scangap; roles have trust policies").into());
    }
    if command.format != PermissionsFormat::Json {
        return Err(
            BadValue::new("--trust", "a part of a template or module", "they have the trust policies in them").into()
        );
    }
    if let Some(principal) = &terms.principal {
        print(&TrustDocument::of(principal, terms, partition));
    }
    Ok(Exit::Finished)
}

/// An ARN of another partition than the document's is none of its principals.
fn one_partition(command: &Permissions, partition: Partition) -> Result<(), CliError> {
    let of_principal = match &command.principal {
        Some(Principal::Arn(arn)) => Some(arn),
        Some(Principal::Account(_)) | None => None,
    };
    for arn in of_principal.into_iter().chain(&command.organization_role_arn) {
        if !arn.starts_with(&format!("arn:{partition}:")) {
            let hint = format!("the documents are of partition {partition}: say another with --partition");
            return Err(BadValue::new(arn, "an ARN of the partition", hint).into());
        }
    }
    Ok(())
}

fn print(document: &impl Serialize) {
    terminal::raw(&(serde_json::to_string_pretty(document).unwrap_or_default() + "\n"));
}

fn terms(command: &Permissions) -> Result<Terms, CliError> {
    let bucket = |place: &String| {
        let wrong =
            || BadValue::new(place, "a place in S3", "write it as s3://BUCKET/PREFIX, with {region} where it differs");
        let rest = place.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let shown = bucket.replace("{region}", "region-1");
        let of_prefix = |c: char| c.is_ascii_alphanumeric() || "!-_.()/".contains(c);
        let prefix = prefix.trim_matches('/');
        // AWS: 3 to 63 characters.
        let fits = (3..=63).contains(&shown.len()) && shown.chars().all(plain);
        if !fits || !prefix.replace("{region}", "").chars().all(of_prefix) {
            return Err(wrong());
        }
        Ok(FindingsBucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    };
    Ok(Terms {
        role_names: command.role_name.clone(),
        inspector_admin_role_name: command.inspector_admin_role_name.clone(),
        write_role_name: command.write_role_name.clone(),
        publish_role_name: command.publish_role_name.clone(),
        organization_role_arn: command.organization_role_arn.clone(),
        principal: command.principal.clone(),
        organization: command.org.as_ref().map(ToString::to_string),
        external_id: command.external_id.clone(),
        findings_bucket: command.findings_report.as_ref().map(bucket).transpose()?,
    })
}
