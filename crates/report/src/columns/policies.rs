//! Columns of a policy's row: a text that keeps Inspector out, or may, beside its repair.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use crate::policies::PolicyRow;
use crate::value::{UNKNOWN, Value, id, observed, plain};

pub(crate) enum Policies {}

impl Kind for Policies {
    type Row<'a> = PolicyRow<'a>;
}

#[rustfmt::skip]
pub(crate) const POLICIES: &[Column<Policies>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(),
        |row| id(&row.group.key.account)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |row| row.account.map_or(Value::text(UNKNOWN), |account| observed(&account.name, plain))),
    column("policy_sha256", "Policy SHA-256", Type::Text, 20, "SHA-256 of the policy's text as AWS returned it", Api::GetRepositoryPolicy.permission(),
        |row| id(&row.group.key.hash)),
    column("repositories", "Repositories", Type::Integer, 12, "how many repositories this text keeps from Inspector, or may: of the account, or of the registry", "scangap",
        |row| Value::count(row.group.repositories)),
    column("example_region", "Region", Type::Text, 15, "the region of the first of them, or of the registry", Api::ListRegions.permission(),
        |row| match (&row.group.key.registry, &row.group.first) {
            (Some(region), _) => id(region),
            (None, Some(repository)) => id(&repository.region),
            (None, None) => Value::Empty,
        }),
    column("example_repository", "Repository", Type::Text, 36, "the first of them; empty where there is none", Api::DescribeRepositories.permission(),
        |row| row.group.first.as_ref().map_or(Value::Empty, |repository| id(&repository.name))),
    column("policy_verdict", "Policy verdict", Type::Text, 14, "the worst that is decided for Inspector's role where it counts", "scangap",
        |row| Value::text(row.group.verdict.word())),
    column("responsible_statements", "Responsible statements", Type::List, 44, "its statements that keep repositories from Inspector, or may, with their conditions, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| Value::list(&row.group.responsible_statements)),
    column("policy_text", "Policy as it is", Type::Text, 70, "the policy's text as AWS returned it", Api::GetRepositoryPolicy.permission(),
        |row| row.evidence.as_ref().map_or(Value::text(UNKNOWN), |evidence| plain(&evidence.text))),
    column("repaired_text", "Policy repaired", Type::Text, 70, "the text with the smallest repair: Inspector's role of the account is exempted, and nobody else; empty where an exemption cannot repair it", "scangap",
        |row| match row.evidence.as_ref().map(|evidence| &evidence.repaired) {
            Some(Ok(text)) => plain(text),
            Some(Err(_)) => Value::Empty,
            None => Value::text(UNKNOWN),
        }),
    column("no_repair_because", "No repair because", Type::Text, 44, "why an exemption cannot repair it; empty where it can", "scangap",
        |row| match row.evidence.as_ref().map(|evidence| &evidence.repaired) {
            Some(Err(why)) => plain(why),
            Some(Ok(_)) | None => Value::Empty,
        }),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
    column("attached_to", "Attached to", Type::Text, 14, "repository, or registry: then it counts for every repository of the account in the region", "scangap",
        |row| Value::text(if row.group.key.registry.is_some() { "registry" } else { "repository" })),
];
