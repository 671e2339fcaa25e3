//! Columns of the workbook's sheet of policies: a text once, in however many accounts it is.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use crate::policy_texts::PolicyTextRow;
use crate::value::{UNKNOWN, Value, id, plain};

pub(crate) enum PolicyTexts {}

impl Kind for PolicyTexts {
    type Row<'a> = PolicyTextRow<'a>;
}

#[rustfmt::skip]
pub(crate) const POLICY_TEXTS: &[Column<PolicyTexts>] = &[
    column("text_id", "Text", Type::Text, 14, "the id of the text, made of it and its repair: texts that differ in nothing but the account that they are of (a registry's also in the region) are one", "scangap",
        |row| plain(&row.text.id)),
    column("attached_to", "Attached to", Type::Text, 11, "repository, or registry: then it counts for every repository of the account in the region", "scangap",
        |row| Value::text(if row.text.first.key.registry.is_some() { "registry" } else { "repository" })),
    column("repositories", "Repositories", Type::Integer, 13, "how many repositories this text keeps from Inspector, or may, in all accounts", "scangap",
        |row| Value::count(row.text.repositories)),
    column("accounts", "Accounts", Type::Integer, 10, "in how many accounts; policies.csv has a row for each", "scangap",
        |row| Value::count(row.text.accounts)),
    column("diagnosis", "Worst diagnosis", Type::Text, 13, "the worst diagnosis among these repositories; empty where a registry's policy hits none", "scangap",
        |row| row.text.worst.map_or(Value::Empty, |worst| Value::text(worst.word()))),
    column("policy_verdict", "Policy verdict", Type::Text, 11, "the worst that is decided for Inspector's role where it counts", "scangap",
        |row| Value::text(row.text.verdict.word())),
    column("responsible_statements", "Responsible statements", Type::List, 36, "its statements that keep repositories from Inspector, or may, with their conditions", "scangap",
        |row| Value::list(&row.text.responsible_statements)),
    column("policy_text", "Policy as it is", Type::Text, 70, "the policy's text as AWS returned it; {account} and {region} stand for those of each policy where several accounts have it", Api::GetRepositoryPolicy.permission(),
        |row| row.evidence.as_ref().map_or(Value::text(UNKNOWN), |evidence| plain(&evidence.text))),
    column("repaired_text", "Policy repaired", Type::Text, 70, "the text with the smallest repair: Inspector's role is exempted, and nobody else; policies.csv has it for each account; empty where an exemption cannot repair it", "scangap",
        |row| match row.evidence.as_ref().map(|evidence| &evidence.repaired) {
            Some(Ok(text)) => plain(text),
            Some(Err(_)) => Value::Empty,
            None => Value::text(UNKNOWN),
        }),
    column("no_repair_because", "No repair because", Type::Text, 36, "why an exemption cannot repair it; empty where it can", "scangap",
        |row| match row.evidence.as_ref().map(|evidence| &evidence.repaired) {
            Some(Err(why)) => plain(why),
            Some(Ok(_)) | None => Value::Empty,
        }),
    column("example_account_id", "Example account", Type::Text, 14, "the first account that has it", Api::ListAccounts.permission(),
        |row| id(&row.text.first.key.account)),
    column("example_region", "Example region", Type::Text, 15, "the region of the first repository that it hits, or of the registry", Api::ListRegions.permission(),
        |row| match (&row.text.first.key.registry, &row.text.first.first) {
            (Some(region), _) => id(region),
            (None, Some(repository)) => id(&repository.region),
            (None, None) => Value::Empty,
        }),
    column("example_repository", "Example repository", Type::Text, 36, "that repository; empty where it hits none", Api::DescribeRepositories.permission(),
        |row| row.text.first.first.as_ref().map_or(Value::Empty, |repository| id(&repository.name))),
    column("example_sha256", "Example SHA-256", Type::Text, 20, "SHA-256 of the first account's text as AWS returned it", Api::GetRepositoryPolicy.permission(),
        |row| id(&row.text.first.key.hash)),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
];
