//! Finds common mistakes in policies: repairs without effect, conditions with another meaning than intended, access that is too
//! wide. Each rule has a code, an explanation and a place; a new rule is one more line in the table.

mod conditions;
mod exemptions;
mod exposure;
mod form;
mod principals;

use std::collections::BTreeSet;

use scangap_model::AccountId;

use crate::action::{Action, INSPECTOR_ACTIONS, REPOSITORY_ACTIONS};
use crate::context::Context;
use crate::evaluate::{action_matches, applies};
use crate::json::Position;
use crate::outcome::Kleene;
use crate::tree::{PolicyDocument, Statement};

/// Where a policy is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    Repository,
    Registry,
}

/// What a rule looks at.
pub(crate) struct LintContext<'a> {
    document: &'a PolicyDocument,
    kind: PolicyKind,
    context: &'a Context<'a>,
    /// The accounts of the organization, where they are known.
    members: Option<&'a BTreeSet<AccountId>>,
}

/// What a rule found.
pub(crate) struct Finding {
    statement: usize,
    /// In the text.
    span: (usize, usize),
    /// `Condition.StringEquals.aws:PrincipalArn`; empty for the statement itself.
    element: String,
    message: String,
}

/// One kind of mistake.
#[derive(Clone, Copy)]
pub struct LintRule {
    pub code: &'static str,
    /// What is wrong, and what to write instead.
    pub explanation: &'static str,
    check: fn(&LintContext<'_>) -> Vec<Finding>,
}

impl std::fmt::Debug for LintRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)
    }
}

const fn rule(code: &'static str, check: fn(&LintContext<'_>) -> Vec<Finding>, explanation: &'static str) -> LintRule {
    LintRule { code, explanation, check }
}

/// Every rule, in the order in which they are reported.
#[rustfmt::skip]
pub const LINT_RULES: &[LintRule] = &[
    rule("allow-repairs-nothing", exemptions::allow_for_inspector,
        "Inspector's role is allowed by its own identity policy already, and an explicit Deny wins over every Allow: an Allow here changes nothing. Exempt the role in the statement that denies it."),
    rule("exemption-in-another-statement", exemptions::in_another_statement,
        "Every Deny counts by itself: a statement that spares Inspector's role does not lift the Deny of another one. Put the exemption into the statement that denies."),
    rule("service-principal", principals::service_principal,
        "Inspector calls ECR as an IAM role, not as the service principal inspector2.amazonaws.com: naming the service neither blocks nor exempts it."),
    rule("classic-inspector-role", principals::classic_role,
        "AWSServiceRoleForAmazonInspector is the role of Amazon Inspector Classic. Scanning is done by AWSServiceRoleForAmazonInspector2."),
    rule("role-of-another-partition", principals::another_partition,
        "The ARN names another partition than the policy's: nobody there calls here."),
    rule("role-path-missing", principals::path_missing,
        "aws:PrincipalArn and Principal hold the role's ARN with its path: role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2."),
    rule("role-of-another-account", principals::another_account,
        "Each account has a service-linked role of its own, and only the one of the repository's account scans the repository."),
    rule("session-arn", principals::session_arn,
        "aws:PrincipalArn holds the role's ARN and never a session's, and the name of Inspector's session is random: a session can be neither listed nor matched."),
    rule("root-principal", principals::root,
        "An account's root ARN as principal means every principal of the account, Inspector's role included, and not its root user alone."),
    rule("deleted-principal", principals::deleted,
        "A unique id is that of a role or user that was deleted: a new one of the same name has another id and is not meant. ECR refuses to store the text again."),
    rule("malformed-principal", principals::malformed,
        "A principal is \"*\", an account of 12 digits, an ARN of iam or sts, or a unique id: this names nobody, and AWS may refuse it."),
    rule("partial-wildcard-principal", principals::partial_wildcard,
        "Principal takes no wildcard inside an ARN: it is compared as text and matches nobody. ArnLike on aws:PrincipalArn reads wildcards."),
    rule("not-principal-without-account", principals::not_principal_without_account,
        "NotPrincipal is checked for the account and for the role: naming a role without its account may still deny the role. Use Principal \"*\" with ArnNotEquals on aws:PrincipalArn."),
    rule("wildcard-under-string-equals", conditions::wildcard_as_text,
        "StringEquals and its kin compare wildcards as text: only the very same text is equal. StringLike and ArnLike read them as wildcards."),
    rule("service-flag-exempts-nothing", conditions::service_flag,
        "aws:PrincipalIsAWSService and aws:ViaAWSService are false and aws:PrincipalServiceName is absent when a service-linked role calls: these guards spare AWS services, and not Inspector. Exempt the role by aws:PrincipalArn."),
    rule("for-all-values-vacuous", conditions::vacuous,
        "ForAllValues is true when the key is missing from the request, so this Allow holds for requests without it. Add Null with false for the key."),
    rule("never-matches", conditions::never_matches,
        "No request fulfils these conditions together: the statement does nothing."),
    rule("private-source-ip", conditions::private_source_ip,
        "aws:SourceIp is a public address, or absent when a VPC endpoint is used: it is never a private one. Those are told by aws:VpcSourceIp, where the request comes through an endpoint."),
    rule("address-as-text", conditions::address_as_text,
        "A string operator compares an address as text, and a range never equals one. Addresses are compared with IpAddress and NotIpAddress."),
    rule("arn-operator-without-arn", conditions::no_arn,
        "ArnLike and its kin compare the six parts of an ARN: a value that is no ARN matches none, and under a negated operator spares nobody."),
    rule("malformed-value", conditions::malformed,
        "The value is not of the kind that the operator compares. What AWS makes of it is not documented."),
    rule("variable-in-old-version", form::variable_as_text,
        "Policy variables are plain text unless the document says \"Version\": \"2012-10-17\"."),
    rule("duplicate-sid", form::duplicate_sid,
        "Two statements share a Sid. ECR stores that; what names a statement by its Sid cannot tell them apart."),
    rule("action-of-another-service", form::foreign_action,
        "The action belongs to another service: in a policy of ECR's it does nothing, and ECR refuses to store it."),
    rule("unknown-action", form::unknown_action,
        "No such action is known: it may be misspelt, or newer than this release. ECR refuses to store one that it does not know."),
    rule("action-refused-in-repository-policy", form::refused_in_repository,
        "The action is asked of no repository, such as ecr:GetAuthorizationToken: in a repository policy it does nothing, and ECR refuses to store it."),
    rule("dead-resource", form::dead_resource,
        "The Resource matches no repository of this registry: the statement does nothing. Repositories are arn:aws:ecr:REGION:ACCOUNT:repository/NAME."),
    rule("registry-policy-without-resource", form::registry_without_resource,
        "A registry policy's statements need a Resource."),
    rule("public-access", exposure::public,
        "Everybody in every AWS account may do this: Principal \"*\" without a condition."),
    rule("access-outside-organization", exposure::outside,
        "An account that is not of the organization may do this."),
    rule("access-from-another-account", exposure::another_account,
        "Another account may do this, and nothing in the statement says that it is of the organization: add StringEquals on aws:PrincipalOrgID."),
];

/// A mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    pub code: &'static str,
    pub explanation: &'static str,
    /// What it is about here.
    pub message: String,
    pub statement: usize,
    pub sid: Option<String>,
    /// `Statement[0].Condition.StringEquals.aws:PrincipalArn`.
    pub path: String,
    pub span: (usize, usize),
    pub position: Position,
}

/// What is wrong with a policy, by rule and place. `text` is what the document was parsed from.
pub fn lint(
    text: &str,
    document: &PolicyDocument,
    kind: PolicyKind,
    context: &Context<'_>,
    members: Option<&BTreeSet<AccountId>>,
) -> Vec<Lint> {
    let scene = LintContext { document, kind, context, members };
    LINT_RULES
        .iter()
        .flat_map(|rule| (rule.check)(&scene).into_iter().map(move |finding| (rule, finding)))
        .map(|(rule, finding)| {
            let dot = if finding.element.is_empty() { "" } else { "." };
            Lint {
                code: rule.code,
                explanation: rule.explanation,
                message: finding.message,
                statement: finding.statement,
                sid: document.statements.get(finding.statement).and_then(|statement| statement.sid.clone()),
                path: format!("Statement[{}]{dot}{}", finding.statement, finding.element),
                span: finding.span,
                position: Position::at(text, finding.span.0),
            }
        })
        .collect()
}

impl LintContext<'_> {
    /// The actions that a policy of this kind can touch.
    fn actions(&self) -> &'static [Action] {
        match self.kind {
            PolicyKind::Repository => REPOSITORY_ACTIONS,
            PolicyKind::Registry => INSPECTOR_ACTIONS,
        }
    }

    /// Whether the statement applies, or may apply, to Inspector's role in one of them.
    fn reaches_inspector(&self, statement: &Statement) -> bool {
        self.actions().iter().any(|&action| {
            action_matches(statement, action) != Kleene::No
                && applies(statement, self.context, action.class()).over(self.context.cases) != Kleene::No
        })
    }
}

impl Finding {
    fn of_statement(statement: &Statement, message: impl Into<String>) -> Self {
        Self { statement: statement.index, span: statement.span, element: String::new(), message: message.into() }
    }

    fn of_principals(statement: &Statement, message: impl Into<String>) -> Self {
        let element = if statement.principals.negated { "NotPrincipal" } else { "Principal" };
        Self {
            statement: statement.index,
            span: statement.principals.span,
            element: element.to_owned(),
            message: message.into(),
        }
    }

    fn of_condition(
        statement: &Statement,
        condition: &crate::condition::Condition,
        message: impl Into<String>,
    ) -> Self {
        Self {
            statement: statement.index,
            span: condition.span,
            element: format!("Condition.{}.{}", condition.operator_text, condition.key.text),
            message: message.into(),
        }
    }
}
