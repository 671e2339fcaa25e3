//! OCSF 1.5 Compliance Findings (class 2003), one a line, so that results land in Security Lake where those of other
//! tools do. What is not known is Unknown there, never Pass.

use std::io::{self, Write};

use scangap_model::{AccountId, AccountOutcome, Diagnosis, Gap, RegionName, RegistryOutcome, Verdict};
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
        // Not scanned because of a configuration choice: the control fails, though the risk may be accepted.
        Diagnosis::NotSelected | Diagnosis::BasicScanning | Diagnosis::InspectorOff => (Status::Fail, LOW),
        Diagnosis::Undecided | Diagnosis::Unreadable | Diagnosis::Changing => (Status::Unknown, UNKNOWN),
        Diagnosis::Empty => (Status::NotApplicable, INFORMATIONAL),
        Diagnosis::Covered => (Status::Pass, INFORMATIONAL),
    }
}

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    // Accounts and regions that were not read are findings too: a count of repositories alone would miss them.
    for place in places(input) {
        serde_json::to_writer(&mut *out, &event(input, &place))?;
        out.write_all(b"\n")?;
    }
    write_in_order(input.assessment.repositories.len(), out, |places, buffer| {
        input.visit_repositories(places, |row| {
            serde_json::to_writer(&mut *buffer, &finding(input, row))?;
            buffer.push(b'\n');
            Ok(())
        })
    })
}

/// What a finding is about, and what it says.
struct Finding<'f> {
    /// The same for the same resource at every audit.
    resource_uid: String,
    resource_name: String,
    resource_type: &'static str,
    account: AccountId,
    account_name: Option<&'f str>,
    region: Option<&'f str>,
    judged: (Status, Severity),
    code: &'static str,
    title: &'static str,
    meaning: String,
    details: Vec<String>,
    next_step: String,
    data: Option<Map<String, Json>>,
    /// Accepted: the finding is suppressed.
    accepted: bool,
}

fn finding(input: &Input<'_>, row: &RepositoryRow<'_>) -> Json {
    let info = row.assessment.diagnosis.info();
    let policy = &row.assessment.policy;
    let keys = policy.depends_on.iter().map(|key| format!("depends on {key}"));
    event(
        input,
        &Finding {
            resource_uid: row.repository.arn.clone(),
            resource_name: row.repository.name.to_string(),
            resource_type: "AwsEcrRepository",
            account: row.repository.account,
            account_name: row.account.and_then(|account| account.name.known()).map(String::as_str),
            region: Some(row.repository.region.as_str()),
            judged: judged(row.assessment.diagnosis),
            code: info.word,
            title: info.title,
            meaning: info.meaning.to_owned(),
            details: policy.responsible_statements.iter().cloned().chain(keys).collect(),
            next_step: next_step(row).into_owned(),
            data: Some(data(row)),
            accepted: row.standing.is_accepted(),
        },
    )
}

/// Accounts and regions that could not be read, and registries that deny Inspector what it asks of them.
fn places<'f>(input: &Input<'f>) -> Vec<Finding<'f>> {
    let partition = input.facts.organization.partition;
    let place =
        |account: AccountId, region: Option<&'f RegionName>, code, title, meaning: String, next_step: String| {
            let facts = input.facts.accounts.get(&account);
            let region = region.map(RegionName::as_str);
            Finding {
                resource_uid: format!("arn:{partition}:ecr:{}:{account}:registry", region.unwrap_or_default()),
                resource_name: region.map_or_else(|| account.to_string(), |region| format!("{account} {region}")),
                resource_type: "AwsAccount",
                account,
                account_name: facts.and_then(|account| account.name.known()).map(String::as_str),
                region,
                judged: (Status::Unknown, UNKNOWN),
                code,
                title,
                meaning,
                details: Vec::new(),
                next_step,
                data: None,
                accepted: false,
            }
        };
    let unread = |gap: &Gap| format!("{} {}", gap.api, gap.code);
    let is_accepted = |gap: &Gap| input.decided_of_gap(gap).standing.is_accepted();
    let mut found = Vec::new();
    for account in input.facts.accounts.values() {
        let (why, help) = match &account.outcome {
            AccountOutcome::Unreadable(gap) => (unread(gap), gap.hint()),
            AccountOutcome::NotReached => ("the audit was interrupted".to_owned(), "audit again".to_owned()),
            AccountOutcome::Read { .. } | AccountOutcome::Skipped { .. } => continue,
        };
        let accepted = matches!(&account.outcome, AccountOutcome::Unreadable(gap) if is_accepted(gap));
        let finding = place(account.id, None, "account_unreadable", "an account that could not be read", why, help);
        found.push(Finding { accepted, ..finding });
    }
    for row in input.registries() {
        let of_account = row.account.map(|account| &account.outcome);
        let (account, region) = (row.registry.account, Some(&row.registry.region));
        if matches!(of_account, Some(AccountOutcome::Read { .. }) | None) {
            let (why, help) = match &row.registry.outcome {
                RegistryOutcome::Unreadable(gap) => (unread(gap), gap.hint()),
                RegistryOutcome::NotReached => ("the audit was interrupted".to_owned(), "audit again".to_owned()),
                RegistryOutcome::Read | RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. } => {
                    (String::new(), String::new())
                }
            };
            if !why.is_empty() {
                let accepted = matches!(&row.registry.outcome, RegistryOutcome::Unreadable(gap) if is_accepted(gap));
                let finding = place(account, region, "region_unreadable", "a region that could not be read", why, help);
                found.push(Finding { accepted, ..finding });
            }
        }
        if row.assessment.registry_verdict == Some(Verdict::Denied) {
            let denied: Vec<String> = row.assessment.registry_denied_actions.iter().map(ToString::to_string).collect();
            let meaning = format!("the registry's policy denies Inspector {}", denied.join(", "));
            let help = "repair the registry's policy: exempt Inspector's role from the denying statement".to_owned();
            let finding = place(account, region, "registry_denies", "a registry that denies Inspector", meaning, help);
            found.push(Finding { judged: (Status::Fail, HIGH), ..finding });
        }
    }
    found
}

fn event(input: &Input<'_>, finding: &Finding<'_>) -> Json {
    let (status, (severity_id, severity)) = finding.judged;
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
            "status_id": status.id(),
            "status": status.word(),
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

/// The row by its columns' names.
fn data(row: &RepositoryRow<'_>) -> Map<String, Json> {
    let value = |value: Value<'_>| match value {
        Value::Text(text) => Json::String(text.into_owned()),
        Value::Integer(number) => Json::from(number),
        time @ (Value::Tenths(_) | Value::Time(_)) => Json::String(time.render().into_owned()),
        Value::List(items) => Json::from(items.into_owned()),
        Value::Counts(counts) => serde_json::json!(counts),
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
