//! A policy and a trust policy as JSON, in the order that people write them.

use scangap_model::Partition;
use serde::Serialize;

use crate::grant::{Grant, PARTITION, Statement};
use crate::terms::{Principal, Terms};

pub(crate) const VERSION: &str = "2012-10-17";

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GrantDocument {
    version: &'static str,
    statement: Vec<Allow>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Allow {
    sid: &'static str,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

/// Who may assume a role.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrustDocument {
    version: &'static str,
    statement: Vec<Trusted>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trusted {
    sid: &'static str,
    effect: &'static str,
    principal: AwsPrincipal,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Debug, Clone, Serialize)]
struct AwsPrincipal {
    #[serde(rename = "AWS")]
    aws: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    string_equals: Keys,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Keys {
    #[serde(rename = "aws:PrincipalOrgID", skip_serializing_if = "Option::is_none")]
    principal_organization: Option<String>,
    #[serde(rename = "aws:ResourceOrgID", skip_serializing_if = "Option::is_none")]
    resource_organization: Option<String>,
    #[serde(rename = "sts:ExternalId", skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

impl GrantDocument {
    pub fn of(grant: &Grant, partition: Partition) -> Self {
        let allow = |statement: &Statement| Allow {
            sid: statement.sid,
            effect: "Allow",
            action: statement.actions.clone(),
            resource: statement.resources.iter().map(|one| one.replace(PARTITION, partition.as_str())).collect(),
            condition: statement
                .organization
                .clone()
                .map(|id| Condition { string_equals: Keys { resource_organization: Some(id), ..Keys::default() } }),
        };
        Self { version: VERSION, statement: grant.statements.iter().map(allow).collect() }
    }
}

impl TrustDocument {
    pub fn of(principal: &Principal, terms: &Terms, partition: Partition) -> Self {
        let keys = Keys {
            principal_organization: terms.organization.clone(),
            external_id: terms.external_id.as_ref().map(|id| id.reveal().to_owned()),
            ..Keys::default()
        };
        let is_bare = keys.principal_organization.is_none() && keys.external_id.is_none();
        let trusted = Trusted {
            sid: "AssumeRole",
            effect: "Allow",
            principal: AwsPrincipal { aws: principal.arn(partition.as_str()) },
            action: "sts:AssumeRole",
            condition: (!is_bare).then_some(Condition { string_equals: keys }),
        };
        Self { version: VERSION, statement: vec![trusted] }
    }
}

impl Principal {
    pub(crate) fn arn(&self, partition: &str) -> String {
        match self {
            Self::Account(account) => format!("arn:{partition}:iam::{account}:root"),
            Self::Arn(arn) => arn.clone(),
        }
    }
}
