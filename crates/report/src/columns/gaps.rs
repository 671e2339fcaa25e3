//! Columns of a gap's row: what was asked and could not be learnt.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use super::repositories::signed;
use crate::input::GapRow;
use crate::value::{Value, observed, plain, text_of};

pub(crate) enum Gaps {}

impl Kind for Gaps {
    type Row<'a> = GapRow<'a>;
}

#[rustfmt::skip]
pub(crate) const GAPS: &[Column<Gaps>] = &[
    column("account_id", "Account", Type::Text, 14, "the account whose facts are missing; empty for the organization", "scangap",
        |row| row.gap.account.as_ref().map_or(Value::Empty, text_of)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |row| row.account.map_or(Value::Empty, |account| observed(&account.name, plain))),
    column("region", "Region", Type::Text, 15, "the region; empty for global APIs", "scangap",
        |row| row.gap.region.as_ref().map_or(Value::Empty, text_of)),
    column("api", "API", Type::Text, 44, "the operation that was called", "scangap", |row| text_of(&row.gap.api)),
    column("resource", "Resource", Type::Text, 36, "the repository, role or other resource asked about; empty for the whole registry", "scangap",
        |row| if row.gap.resource.is_empty() { Value::Empty } else { Value::text(row.gap.resource.clone()) }),
    column("kind", "Kind", Type::Text, 18, "the class of the failure: access_denied, throttled, timeout, malformed_answer and others", "scangap",
        |row| Value::text(row.gap.kind.word())),
    column("code", "Error code", Type::Text, 30, "AWS's error code, or ours where no answer came", "the operation's answer",
        |row| Value::text(row.gap.code.clone())),
    column("cause", "Denied by", Type::Text, 24, "the type of policy that AWS named for an access denial", "the operation's answer",
        |row| Value::text(row.gap.cause.word())),
    column("permission_needed", "Permission needed", Type::Text, 40, "the IAM action to allow, where a permission would help", "scangap",
        |row| row.gap.permission_needed().map_or(Value::Empty, Value::text)),
    column("hint", "Hint", Type::Text, 60, "one action that helps", "scangap", |row| Value::text(row.gap.hint())),
    column("accepted", "Accepted", Type::Text, 10, "whether someone has signed for this gap: yes, no, or expired where the day is past", "scangap", |row| Value::text(row.standing.word())),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
    column("denied_by_policy", "Denying policy", Type::Text, 44, "the ARN of the policy that denies, where AWS names it", "the operation's answer",
        |row| if row.gap.policy_arn.is_empty() { Value::Empty } else { plain(&row.gap.policy_arn) }),
    column("accepted_until", "Accepted until", Type::Text, 13, "the last day that the acceptance holds", "scangap", |row| signed(&row.standing, |signed| signed.until.to_string())),
    column("accepted_by", "Accepted by", Type::Text, 18, "who signed for it", "scangap", |row| signed(&row.standing, |signed| signed.by.clone())),
    column("accepted_because", "Accepted because", Type::Text, 36, "why, as they wrote it", "scangap", |row| signed(&row.standing, |signed| signed.reason.clone())),
];
