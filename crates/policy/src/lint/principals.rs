//! Names of principals that are not Inspector's role, though they look like it.

use scangap_model::INSPECTOR_ROLE_NAME;

use super::{Finding, LintContext};
use crate::element::Effect;
use crate::key::Kind;
use crate::principal::PrincipalType;
use crate::storable::is_unique_id;
use crate::tree::Statement;

const CLASSIC: &str = "AWSServiceRoleForAmazonInspector";
const RESOURCE: &str = "role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";

/// Every text that names an IAM principal, in a principal element or under aws:PrincipalArn.
pub(super) fn named(statement: &Statement) -> impl Iterator<Item = (&str, Place<'_>)> {
    let elements = statement
        .principals
        .items
        .iter()
        .filter(|principal| principal.kind == PrincipalType::Aws)
        .map(|principal| (&*principal.text, Place::Element));
    let conditions = statement
        .conditions
        .iter()
        .filter(|condition| condition.key.kind == Kind::PrincipalArn)
        .flat_map(|condition| condition.values.iter().map(move |value| (&**value, Place::Condition(condition))));
    elements.chain(conditions)
}

/// Where a principal is named.
pub(super) enum Place<'s> {
    Element,
    Condition(&'s crate::condition::Condition),
}

/// An ARN's service, account and resource.
pub(super) fn arn(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.splitn(6, ':');
    let (arn, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    (arn == "arn").then_some((service, account, resource))
}

fn finding(statement: &Statement, place: &Place<'_>, message: String) -> Finding {
    match place {
        Place::Element => Finding::of_principals(statement, message),
        Place::Condition(condition) => Finding::of_condition(statement, condition, message),
    }
}

fn each(scene: &LintContext<'_>, wrong: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for (text, place) in named(statement) {
            findings.extend(wrong(text).map(|message| finding(statement, &place, message)));
        }
    }
    findings
}

pub(super) fn root(scene: &LintContext<'_>) -> Vec<Finding> {
    let root = &scene.context.principal.root_arn;
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        let elements = named(statement).filter(|(_, place)| matches!(place, Place::Element));
        for (text, place) in
            elements.filter(|(text, _)| statement.effect == Effect::Deny && Some(*text) == root.as_deref())
        {
            findings.push(finding(statement, &place, format!("`{text}` is every principal of the account")));
        }
    }
    findings
}

pub(super) fn service_principal(scene: &LintContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        let named = statement.principals.items.iter().find(|principal| {
            principal.kind == PrincipalType::Service && principal.text.to_ascii_lowercase().starts_with("inspector")
        });
        if let Some(principal) = named {
            findings.push(Finding::of_principals(statement, format!("the service `{}` is named", principal.text)));
        }
    }
    findings
}

pub(super) fn classic_role(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |text| {
        let name = text.rsplit(['/', ':']).next().unwrap_or_default();
        (name == CLASSIC || text.contains("/inspector.amazonaws.com/"))
            .then(|| format!("`{text}` is the role of Inspector Classic"))
    })
}

pub(super) fn path_missing(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |text| {
        let (service, _, resource) = arn(text)?;
        let named = service == "iam"
            && resource.starts_with("role/")
            && resource.rsplit('/').next() == Some(INSPECTOR_ROLE_NAME);
        (named && resource != RESOURCE && !resource.contains(['*', '?']))
            .then(|| format!("`{text}` has not the role's path"))
    })
}

pub(super) fn another_partition(scene: &LintContext<'_>) -> Vec<Finding> {
    let own = scene.context.request.partition.as_str();
    each(scene, |text| {
        let partition = text.strip_prefix("arn:")?.split(':').next()?;
        let other = partition != own && !partition.contains(['*', '?', '$']) && arn(text).is_some();
        other.then(|| format!("`{text}` is of `{partition}`, the policy is of `{own}`"))
    })
}

pub(super) fn another_account(scene: &LintContext<'_>) -> Vec<Finding> {
    let own = scene.context.request.account.to_string();
    each(scene, |text| {
        let (service, account, resource) = arn(text)?;
        let other = service == "iam" && resource == RESOURCE && account.len() == own.len() && account != own;
        (other && account.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| format!("`{text}` is the role of account {account}, the policy is of account {own}"))
    })
}

pub(super) fn session_arn(scene: &LintContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for (text, place) in named(statement) {
            let session = arn(text)
                .is_some_and(|(service, _, resource)| service == "sts" && resource.starts_with("assumed-role/"));
            // A principal element may name a session that the customer controls; aws:PrincipalArn never has a session ARN.
            let meant = matches!(place, Place::Condition(_)) || text.contains("Inspector");
            if session && meant {
                findings.push(finding(statement, &place, format!("`{text}` is a session of a role")));
            }
        }
    }
    findings
}

/// What is neither everybody, nor an account, nor an ARN, nor a unique id.
pub(super) fn malformed(scene: &LintContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for principal in statement.principals.items.iter().filter(|principal| principal.kind == PrincipalType::Aws) {
            let text = &*principal.text;
            let account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
            let unique =
                text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            let named = arn(text).is_some_and(|(service, _, _)| matches!(service, "iam" | "sts"));
            if text != "*" && !account && !unique && !named {
                findings.push(Finding::of_principals(statement, format!("`{text}` names nobody")));
            }
        }
    }
    findings
}

pub(super) fn deleted(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |text| {
        (is_unique_id(text) && !scene.context.has_unique_id(text)).then(|| format!("`{text}` was deleted"))
    })
}

pub(super) fn partial_wildcard(scene: &LintContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for principal in &statement.principals.items {
            let partial = principal.text.contains(['*', '?']) && &*principal.text != "*";
            if partial && principal.kind == PrincipalType::Aws {
                findings.push(Finding::of_principals(statement, format!("`{}` matches nobody", principal.text)));
            }
        }
    }
    findings
}

pub(super) fn not_principal_without_account(scene: &LintContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        let excluded = &statement.principals;
        if !excluded.negated || statement.effect != Effect::Deny {
            continue;
        }
        let names = |wanted: &str| excluded.items.iter().any(|item| &*item.text == wanted);
        for item in &excluded.items {
            let Some((service, account, resource)) = arn(&item.text) else { continue };
            let is_role = service == "iam" && resource.starts_with("role/");
            let root = item.text.split(":role/").next().map(|start| format!("{start}:root"));
            if is_role && !names(account) && !root.is_some_and(|root| names(&root)) {
                let message = format!("`{}` is named, its account is not", item.text);
                findings.push(Finding::of_principals(statement, message));
            }
        }
    }
    findings
}
