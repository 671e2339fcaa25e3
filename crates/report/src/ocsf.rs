//! OCSF 1.5 Compliance Findings (class 2003), one a line, so that results land in Security Lake where those of other
//! tools do. What is not known is Unknown there, never Pass.

use std::io::{self, Write};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::compliance::{self, Finding, Severity, Status};
use crate::input::Input;

/// The version of the schema that findings are written by.
const SCHEMA_VERSION: &str = "1.5.0";

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    compliance::write(input, out, event)
}

/// OCSF: `compliance.status_id` and its caption.
const fn status(status: Status) -> (u8, &'static str) {
    match status {
        Status::Unknown => (0, "Unknown"),
        Status::Pass => (1, "Pass"),
        Status::Fail => (3, "Fail"),
        Status::NotApplicable => (99, "Not applicable"),
    }
}

/// OCSF: `severity_id` and its caption.
const fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Unknown => (0, "Unknown"),
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
    }
}

fn event(input: &Input<'_>, finding: &Finding<'_>) -> Json {
    let (status_id, status) = status(finding.judged.0);
    let (severity_id, severity) = severity(finding.judged.1);
    let partition = input.facts.organization.partition.to_string();
    let with = |mut value: Json, name: &str, member: Option<Json>| {
        if let (Some(member), Some(members)) = (member, value.as_object_mut()) {
            members.insert(name.to_owned(), member);
        }
        value
    };
    let account = json!({"uid": finding.account.as_str(), "type_id": 10, "type": "AWS Account"});
    let account = with(account, "name", finding.account_name.map(|name| json!(name)));
    let cloud = json!({"provider": "AWS", "cloud_partition": partition, "account": account});
    let cloud = with(cloud, "region", finding.region.map(|region| json!(region)));
    let organization = input.facts.organization.id.known().map(|id| json!({"uid": id.to_string()}));
    let cloud = with(cloud, "org", organization);
    let resource = json!({
        "uid": finding.resource_uid,
        "name": finding.resource_name,
        "type": finding.resource_type,
        "cloud_partition": partition,
        "owner": {"account": account},
    });
    let resource = with(resource, "region", finding.region.map(|region| json!(region)));
    let resource = with(resource, "data", finding.data.clone().map(Json::Object));
    let simulated = if input.simulated { "SIMULATED: " } else { "" };
    let time = input.as_of.as_millisecond();
    let details: Vec<&String> = std::iter::once(&finding.meaning).chain(&finding.details).collect();
    json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200_301,
        "type_name": "Compliance Finding: Create",
        "severity_id": severity_id,
        "severity": severity,
        "status_id": if finding.accepted { 3 } else { 1 },
        "status": if finding.accepted { "Suppressed" } else { "New" },
        "time": time,
        "message": format!("{simulated}{} is {}: {}", finding.resource_name, finding.title, finding.meaning),
        "metadata": {
            "version": SCHEMA_VERSION,
            "profiles": ["cloud"],
            "uid": event_uid(input, &format!("{} {}", finding.code, finding.resource_uid)),
            "product": {"name": "scangap", "vendor_name": "scangap", "version": input.tool_version},
        },
        "finding_info": {
            "uid": match finding.data {
                Some(_) => format!("scangap/{}", finding.resource_uid),
                None => format!("scangap/{}/{}", finding.code, finding.resource_uid),
            },
            "title": "Amazon Inspector can scan the ECR repository",
            "desc": "Whether Amazon Inspector can scan the images of an Amazon ECR repository, and if not, why.",
            "types": ["Software and Configuration Checks"],
            "created_time": time,
        },
        "compliance": {
            "control": "inspector-can-scan-ecr-repository",
            "standards": ["scangap"],
            "status_id": status_id,
            "status": status,
            "status_code": finding.code,
            "status_details": details,
        },
        "cloud": cloud,
        "resources": [resource],
        "remediation": {
            "desc": finding.next_step,
            "references": ["https://docs.aws.amazon.com/inspector/latest/user/scanning-ecr.html"],
        },
        "unmapped": {"facts_sha256": input.facts_sha256, "simulated": input.simulated},
    })
}

/// Another for every audit, and the same when its reports are written again.
fn event_uid(input: &Input<'_>, arn: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{}\n{arn}", input.facts_sha256, input.as_of));
    digest.iter().take(16).fold(String::new(), |uid, byte| format!("{uid}{byte:02x}"))
}
