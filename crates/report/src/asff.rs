//! Findings in the AWS Security Finding Format, one a line, for `BatchImportFindings` of Security Hub.
//!
//! AWS takes a finding only from the account that it is about, so each names its own account and region as the product.

use std::io::{self, Write};

use scangap_model::sanitize;
use serde_json::{Value as Json, json};

use crate::changes::CompareError;
use crate::closed;
use crate::compliance::{self, Finding, Severity, Status};
use crate::input::Input;

/// The only version there is.
const SCHEMA_VERSION: &str = "2018-10-08";
const TYPES: [&str; 1] = ["Software and Configuration Checks/AWS Security Best Practices"];
/// AWS: characters of a title, a description and a recommendation.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 1024;
const RECOMMENDATION_MAX: usize = 512;

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    compliance::write(input, out, finding)
}

/// Calls `each` with the finding of an earlier audit that this one closes: its id, and its line.
pub(crate) fn closed(
    earlier: &Input<'_>,
    now: &Input<'_>,
    each: &mut dyn FnMut(String, String),
) -> Result<(), CompareError> {
    closed::visit(earlier, now, |found| each(id(found), finding(now, found).to_string()))
}

/// The same at every audit: Security Hub brings the finding that it has up to date.
fn id(finding: &Finding<'_>) -> String {
    format!("scangap/{}/{}", finding.code_of_finding(), finding.resource_uid)
}

/// AWS: a check that could not be made has a status of its own, which is no pass.
const fn status(status: Status) -> &'static str {
    match status {
        Status::Pass => "PASSED",
        Status::Fail => "FAILED",
        Status::Unknown => "WARNING",
        Status::NotApplicable => "NOT_AVAILABLE",
    }
}

/// There is no word for what is not known: it is to be looked at.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Unknown | Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
    }
}

const fn workflow(finding: &Finding<'_>) -> &'static str {
    match finding.judged.0 {
        _ if finding.accepted => "SUPPRESSED",
        _ if finding.closed => "RESOLVED",
        Status::Pass => "RESOLVED",
        Status::Fail | Status::Unknown | Status::NotApplicable => "NEW",
    }
}

fn finding(input: &Input<'_>, finding: &Finding<'_>) -> Json {
    let partition = input.facts.organization.partition;
    let region = finding.region.unwrap_or_else(|| partition.home_region());
    let account = finding.account;
    let time = input.as_of.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let simulated = if input.simulated { "SIMULATED: " } else { "" };
    let details = std::iter::once(&finding.meaning).chain(&finding.details);
    let details: Vec<String> = details.filter(|text| !text.is_empty()).map(|text| sanitize(text)).collect();
    let title = format!("{simulated}{} is {}", sanitize(&finding.resource_name), finding.title);
    let resource = match finding.resource_type {
        "AwsEcrRepository" => {
            json!({"Type": "AwsEcrRepository", "Id": finding.resource_uid, "Partition": partition.as_str(), "Region": region})
        }
        other => {
            json!({"Type": other, "Id": format!("AWS::::Account:{account}"), "Partition": partition.as_str(), "Region": region})
        }
    };
    json!({
        "SchemaVersion": SCHEMA_VERSION,
        "Id": id(finding),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "GeneratorId": "scangap/inspector-can-scan-ecr-repository",
        "AwsAccountId": account.as_str(),
        "Types": TYPES,
        "CreatedAt": time,
        "UpdatedAt": time,
        "Severity": {"Label": severity(finding.judged.1)},
        // AWS: where those who send a finding bring its severity and types up to date.
        "FindingProviderFields": {"Severity": {"Label": severity(finding.judged.1)}, "Types": TYPES},
        "Title": cut(&title, TITLE_MAX),
        "Description": cut(&details.join("; "), DESCRIPTION_MAX),
        "Remediation": {"Recommendation": {
            "Text": cut(&sanitize(&finding.next_step), RECOMMENDATION_MAX),
            "Url": "https://docs.aws.amazon.com/inspector/latest/user/scanning-ecr.html",
        }},
        "ProductFields": {
            "scangap/diagnosis": if finding.closed { "closed" } else { finding.code },
            "scangap/facts_sha256": input.facts_sha256,
            "scangap/simulated": input.simulated.to_string(),
        },
        "Resources": [resource],
        "Compliance": {"Status": status(finding.judged.0)},
        "Workflow": {"Status": workflow(finding)},
        "RecordState": if finding.closed { "ARCHIVED" } else { "ACTIVE" },
    })
}

/// No more than AWS takes; no text is empty there.
fn cut(text: &str, most: usize) -> String {
    match text.chars().count() {
        0 => "none".to_owned(),
        length if length <= most => text.to_owned(),
        _ => text.chars().take(most - 1).chain(['…']).collect(),
    }
}
