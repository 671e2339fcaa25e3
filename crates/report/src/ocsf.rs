//! OCSF 1.5 Compliance Findings (class 2003), one a line, so that results land in Security Lake where those of other
//! tools do. What is not known is Unknown there, never Pass.

use std::io::{self, Write};

use scangap_model::{Diagnosis, Observed};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use crate::columns::{REPOSITORIES, next_step};
use crate::input::{Input, RepositoryRow};
use crate::parallel::write_in_order;
use crate::value::Value;

/// The version of the schema that findings are written by.
const SCHEMA_VERSION: &str = "1.5.0";

/// OCSF: `compliance.status_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Unknown,
    Pass,
    Fail,
    /// There is nothing that could pass or fail.
    NotApplicable,
}

impl Status {
    const fn id(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Pass => 1,
            Self::Fail => 3,
            Self::NotApplicable => 99,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Pass => "Pass",
            Self::Fail => "Fail",
            Self::NotApplicable => "Not applicable",
        }
    }
}

/// OCSF: `severity_id` and its caption.
type Severity = (u8, &'static str);

const UNKNOWN: Severity = (0, "Unknown");
const INFORMATIONAL: Severity = (1, "Informational");
const LOW: Severity = (2, "Low");
const MEDIUM: Severity = (3, "Medium");
const HIGH: Severity = (4, "High");

const fn judged(diagnosis: Diagnosis) -> (Status, Severity) {
    match diagnosis {
        Diagnosis::Blocked | Diagnosis::Stale | Diagnosis::KeyDenied => (Status::Fail, HIGH),
        Diagnosis::AtRisk | Diagnosis::Unseen | Diagnosis::Limited => (Status::Fail, MEDIUM),
        // Not scanned because somebody said so: a failure of the control, though perhaps an accepted one.
        Diagnosis::NotSelected | Diagnosis::BasicScanning | Diagnosis::InspectorOff => (Status::Fail, LOW),
        Diagnosis::Undecided | Diagnosis::Unreadable | Diagnosis::Changing => (Status::Unknown, UNKNOWN),
        Diagnosis::Empty => (Status::NotApplicable, INFORMATIONAL),
        Diagnosis::Covered => (Status::Pass, INFORMATIONAL),
    }
}

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_in_order(input.assessment.repositories.len(), out, |places, buffer| {
        input.visit_repositories(places, |row| {
            serde_json::to_writer(&mut *buffer, &finding(input, row))?;
            buffer.push(b'\n');
            Ok(())
        })
    })
}

fn finding(input: &Input<'_>, row: &RepositoryRow<'_>) -> Json {
    let info = row.assessment.diagnosis.info();
    let (status, (severity_id, severity)) = judged(row.assessment.diagnosis);
    let repository = &row.repository;
    let partition = input.facts.organization.partition.to_string();
    let mut account = json!({"uid": repository.account.to_string(), "type_id": 10, "type": "AWS Account"});
    if let (Some(name), Some(members)) = (row.account.and_then(|account| account.name.known()), account.as_object_mut())
    {
        members.insert("name".to_owned(), json!(name));
    }
    let mut cloud = json!({
        "provider": "AWS",
        "cloud_partition": partition,
        "region": repository.region.as_str(),
        "account": account,
    });
    if let (Observed::Known(id), Some(members)) = (&input.facts.organization.id, cloud.as_object_mut()) {
        members.insert("org".to_owned(), json!({"uid": id.to_string()}));
    }
    let simulated = if input.simulated { "SIMULATED: " } else { "" };
    let time = input.as_of.as_millisecond();
    let details = row.assessment.policy.responsible_statements.iter().cloned();
    let details = details.chain(row.assessment.policy.depends_on.iter().map(|key| format!("depends on {key}")));
    let details: Vec<String> = std::iter::once(info.meaning.to_owned()).chain(details).collect();
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
        "status_id": 1,
        "status": "New",
        "time": time,
        "message": format!("{simulated}{} is {}: {}", repository.name, info.title, info.meaning),
        "metadata": {
            "version": SCHEMA_VERSION,
            "profiles": ["cloud"],
            "uid": event_uid(input, &repository.arn),
            "product": {"name": "scangap", "vendor_name": "scangap", "version": input.tool_version},
        },
        "finding_info": {
            // The same for the same repository at every audit.
            "uid": format!("scangap/{}", repository.arn),
            "title": "Amazon Inspector can scan the ECR repository",
            "desc": "Whether Amazon Inspector can scan the images of an Amazon ECR repository, and if not, why.",
            "types": ["Software and Configuration Checks"],
            "created_time": time,
        },
        "compliance": {
            "control": "inspector-can-scan-ecr-repository",
            "standards": ["scangap"],
            "status_id": status.id(),
            "status": status.word(),
            "status_code": info.word,
            "status_details": details,
        },
        "cloud": cloud,
        "resources": [{
            "uid": repository.arn,
            "name": repository.name.as_str(),
            "type": "AwsEcrRepository",
            "region": repository.region.as_str(),
            "cloud_partition": partition,
            "owner": {"account": account},
            "data": data(row),
        }],
        "remediation": {
            "desc": next_step(row),
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

/// The row by its columns' names.
fn data(row: &RepositoryRow<'_>) -> Map<String, Json> {
    let value = |value: Value<'_>| match value {
        Value::Text(text) => Json::String(text.into_owned()),
        Value::Integer(number) => Json::from(number),
        time @ Value::Time(_) => Json::String(time.render().into_owned()),
        Value::List(items) => Json::from(items.into_owned()),
        Value::Empty => Json::Null,
    };
    REPOSITORIES.iter().map(|column| (column.name.to_owned(), value((column.value)(row)))).collect()
}

#[cfg(test)]
mod tests {
    use scangap_model::DIAGNOSES;

    use super::*;

    #[test]
    fn what_is_not_known_never_passes() {
        for info in DIAGNOSES {
            let passes = judged(info.diagnosis).0 == Status::Pass;
            assert_eq!(passes, info.diagnosis == Diagnosis::Covered, "{}", info.word);
        }
        for unknown in [Diagnosis::Unreadable, Diagnosis::Undecided] {
            assert_eq!(judged(unknown).0, Status::Unknown);
        }
    }
}
