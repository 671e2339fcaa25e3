//! From the gaps of an audit to what to grant: one advice for all that one remedy closes, worst first.

use std::collections::{BTreeMap, BTreeSet};

use scangap_model::{AccountId, Cause, Gap, GapKind, Phase, Reader, RegionName, grantee, hint_against_policy};

/// One remedy, and the gaps that it closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub kind: GapKind,
    pub cause: Cause,
    /// The policy that denies, where AWS names it.
    pub policy: String,
    /// The IAM actions to allow.
    pub permissions: BTreeSet<&'static str>,
    pub gaps: usize,
    /// Gaps that hide a whole account.
    pub accounts_unread: usize,
    pub accounts: BTreeSet<AccountId>,
    pub regions: BTreeSet<RegionName>,
    pub hint: String,
}

/// What hides most comes first: whole accounts, then by the number of gaps.
pub fn advice<'g>(gaps: impl Iterator<Item = &'g Gap>) -> Vec<Advice> {
    let mut all: BTreeMap<(GapKind, Cause, String, String), Advice> = BTreeMap::new();
    for gap in gaps {
        let by_policy = gap.is_refused_by_one_policy();
        // What an identity policy lacks is granted in one change of it.
        let is_grant =
            gap.kind == GapKind::AccessDenied && matches!(gap.cause, Cause::IdentityPolicy | Cause::NotStated);
        let is_role = gap.permission_needed() == Some("sts:AssumeRole");
        // AWS names the resource of a resource-based policy, and that is another one each time.
        let policy =
            if by_policy && gap.cause != Cause::ResourcePolicy { gap.policy_arn.clone() } else { String::new() };
        let hint = if by_policy {
            hint_against_policy(gap.cause)
        } else if is_grant && !is_role {
            let print = match gap.api.info().reader {
                Reader::Organization => "scangap permissions --for caller, or --for organization-role",
                Reader::Account if gap.api.info().phase == Phase::Plan => "scangap permissions plan",
                Reader::Caller | Reader::Account => "scangap permissions",
                Reader::Writer => "scangap permissions apply",
                Reader::Publisher => "scangap permissions publish",
            };
            format!("allow these actions to {}: `{print}` prints all that it needs", grantee(gap.api))
        } else {
            gap.hint()
        };
        let one = all.entry((gap.kind, gap.cause, policy.clone(), hint.clone())).or_insert_with(|| Advice {
            kind: gap.kind,
            cause: gap.cause,
            policy,
            permissions: BTreeSet::new(),
            gaps: 0,
            accounts_unread: 0,
            accounts: BTreeSet::new(),
            regions: BTreeSet::new(),
            hint,
        });
        one.gaps += 1;
        one.accounts_unread += usize::from(is_role);
        one.permissions.extend(gap.permission_needed());
        one.accounts.extend(gap.account);
        one.regions.extend(gap.region.clone());
    }
    let mut all: Vec<Advice> = all.into_values().collect();
    all.sort_by_key(|one| (std::cmp::Reverse(one.accounts_unread), std::cmp::Reverse(one.gaps)));
    all
}
