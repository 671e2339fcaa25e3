//! Rules about statements that allow access beyond one organization.

use scangap_model::AccountId;

use super::principals::arn;
use super::{Finding, LintContext};
use crate::condition::Comparison;
use crate::element::Effect;
use crate::key::Kind;
use crate::principal::{Principal, PrincipalType};
use crate::tree::Statement;

fn allowing<'s>(scene: &'s LintContext<'_>) -> impl Iterator<Item = &'s Statement> {
    scene.document.statements.iter().filter(|statement| statement.effect == Effect::Allow)
}

pub(super) fn public(scene: &LintContext<'_>) -> Vec<Finding> {
    let everybody = |statement: &&Statement| {
        let named = |principal: &Principal| principal.kind == PrincipalType::Aws && &*principal.text == "*";
        statement.principals.items.iter().any(named) && statement.conditions.is_empty()
    };
    allowing(scene).filter(everybody).map(|statement| Finding::of_principals(statement, "open to everybody")).collect()
}

/// The accounts that a statement names, other than its own.
fn other_accounts(scene: &LintContext<'_>, statement: &Statement) -> Vec<AccountId> {
    let account = |text: &str| match arn(text) {
        Some((_, account, _)) => account.parse().ok(),
        None => text.parse().ok(),
    };
    let named = statement.principals.items.iter().filter(|principal| principal.kind == PrincipalType::Aws);
    let mut accounts: Vec<AccountId> = named
        .filter_map(|principal| account(&principal.text))
        .filter(|account| *account != scene.context.request.account)
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

pub(super) fn outside(scene: &LintContext<'_>) -> Vec<Finding> {
    let Some(members) = scene.members else { return Vec::new() };
    let strangers = |statement: &Statement| {
        let accounts = other_accounts(scene, statement).into_iter().filter(|account| !members.contains(account));
        accounts.map(|account| Finding::of_principals(statement, format!("account {account}"))).collect::<Vec<_>>()
    };
    allowing(scene).flat_map(strangers).collect()
}

pub(super) fn another_account(scene: &LintContext<'_>) -> Vec<Finding> {
    if scene.members.is_some() {
        return Vec::new();
    }
    // A condition on the organization says that the account is of it.
    let confined = |statement: &Statement| {
        statement.conditions.iter().any(|condition| {
            matches!(condition.key.kind, Kind::PrincipalOrgId | Kind::PrincipalOrgPaths)
                && !condition.operator.negated
                && !condition.operator.if_exists
                && condition.operator.comparison != Comparison::Null
                && !condition.values.iter().any(|value| &**value == "*")
        })
    };
    let named = |statement: &Statement| {
        let accounts = other_accounts(scene, statement).into_iter();
        accounts.map(|account| Finding::of_principals(statement, format!("account {account}"))).collect::<Vec<_>>()
    };
    allowing(scene).filter(|statement| !confined(statement)).flat_map(named).collect()
}
