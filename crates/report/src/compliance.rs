//! Each repository, account and registry as a finding: whether Amazon Inspector can scan it. What other formats call it is with them.

use std::io::{self, Write};

use scangap_model::{AccountId, AccountOutcome, Diagnosis, Gap, RegionName, RegistryOutcome, Verdict};
use serde_json::{Map, Value as Json};

use crate::columns::{REPOSITORIES, next_step};
use crate::input::{Input, RepositoryRow};
use crate::parallel::write_in_order;
use crate::value::Value;

/// What a control came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Unknown,
    Pass,
    Fail,
    /// There is nothing that could pass or fail.
    NotApplicable,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Unknown,
    Informational,
    Low,
    Medium,
    High,
}

const fn judged(diagnosis: Diagnosis) -> (Status, Severity) {
    match diagnosis {
        Diagnosis::Blocked | Diagnosis::Stale | Diagnosis::KeyDenied => (Status::Fail, Severity::High),
        Diagnosis::AtRisk | Diagnosis::Unseen | Diagnosis::Limited => (Status::Fail, Severity::Medium),
        // Not scanned because of a configuration choice: the control fails, though the risk may be accepted.
        Diagnosis::NotSelected | Diagnosis::BasicScanning | Diagnosis::InspectorOff => (Status::Fail, Severity::Low),
        Diagnosis::Undecided | Diagnosis::Unreadable | Diagnosis::Changing => (Status::Unknown, Severity::Unknown),
        Diagnosis::Empty => (Status::NotApplicable, Severity::Informational),
        Diagnosis::Covered => (Status::Pass, Severity::Informational),
    }
}

/// Writes one line for each, in the form that `line` gives it.
pub(crate) fn write(
    input: &Input<'_>,
    out: &mut dyn Write,
    line: impl Fn(&Input<'_>, &Finding<'_>) -> Json + Sync,
) -> io::Result<()> {
    // Accounts and regions that were not read are findings too: a count of repositories alone would miss them.
    for place in places(input) {
        serde_json::to_writer(&mut *out, &line(input, &place))?;
        out.write_all(b"\n")?;
    }
    write_in_order(input.assessment.repositories.len(), out, |places, buffer| {
        input.visit_repositories(places, |row| {
            serde_json::to_writer(&mut *buffer, &line(input, &finding(row)))?;
            buffer.push(b'\n');
            Ok(())
        })
    })
}

/// What a finding is about, and what it says.
pub(crate) struct Finding<'f> {
    /// The same for the same resource at every audit.
    pub(crate) resource_uid: String,
    pub(crate) resource_name: String,
    pub(crate) resource_type: &'static str,
    pub(crate) account: AccountId,
    pub(crate) account_name: Option<&'f str>,
    pub(crate) region: Option<&'f str>,
    pub(crate) judged: (Status, Severity),
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    pub(crate) meaning: String,
    pub(crate) details: Vec<String>,
    pub(crate) next_step: String,
    pub(crate) data: Option<Map<String, Json>>,
    /// Accepted: the finding is suppressed.
    pub(crate) accepted: bool,
    /// Over: it is sent a last time.
    pub(crate) closed: bool,
}

impl Finding<'_> {
    /// What tells findings of one resource apart: a repository has one, whatever its diagnosis is.
    pub(crate) fn code_of_finding(&self) -> &'static str {
        if self.data.is_some() { "repository" } else { self.code }
    }
}

pub(crate) fn finding<'r>(row: &'r RepositoryRow<'_>) -> Finding<'r> {
    let info = row.assessment.diagnosis.info();
    let policy = &row.assessment.policy;
    let keys = policy.depends_on.iter().map(|key| format!("depends on {key}"));
    Finding {
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
        closed: false,
    }
}

/// Accounts and regions that could not be read, and registries that deny Inspector what it asks of them.
pub(crate) fn places<'f>(input: &Input<'f>) -> Vec<Finding<'f>> {
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
                judged: (Status::Unknown, Severity::Unknown),
                code,
                title,
                meaning,
                details: Vec::new(),
                next_step,
                data: None,
                accepted: false,
                closed: false,
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
            let (why, help, accepted) = match &row.registry.outcome {
                RegistryOutcome::Unreadable(gap) => (unread(gap), gap.hint(), is_accepted(gap)),
                RegistryOutcome::NotReached => {
                    ("the audit was interrupted".to_owned(), "audit again".to_owned(), false)
                }
                // A list that broke off shows some of the repositories, and not the others.
                RegistryOutcome::Read => match row.registry.repositories.gap() {
                    Some(gap) => (unread(gap), gap.hint(), is_accepted(gap)),
                    None => (String::new(), String::new(), false),
                },
                RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. } => (String::new(), String::new(), false),
            };
            if !why.is_empty() {
                let finding = place(account, region, "region_unreadable", "a region that could not be read", why, help);
                found.push(Finding { accepted, ..finding });
            }
        }
        if row.assessment.registry_verdict == Some(Verdict::Denied) {
            let denied: Vec<String> = row.assessment.registry_denied_actions.iter().map(ToString::to_string).collect();
            let meaning = format!("the registry's policy denies Inspector {}", denied.join(", "));
            let help = "repair the registry's policy: exempt Inspector's role from the denying statement".to_owned();
            let finding = place(account, region, "registry_denies", "a registry that denies Inspector", meaning, help);
            found.push(Finding { judged: (Status::Fail, Severity::High), ..finding });
        }
    }
    found
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
