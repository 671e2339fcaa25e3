//! What a file would deploy, as far as it decides whether Inspector can scan.

use scangap_model::{AccountId, RegionName};

use crate::document::{Document, NoText};
use crate::source::Span;
use crate::tree::{Node, Piece, Value};

/// Everything that a file states.
#[derive(Debug, Default)]
pub struct Declarations {
    /// What a plan will do. A state says what is, and a file of any other form what is written.
    pub is_plan: bool,
    /// Where it names resources of ECR's in a form that is none of those that are read.
    pub unrecognized: Vec<Span>,
    pub policies: Vec<DeclaredPolicy>,
    pub settings: Vec<DeclaredSetting>,
}

/// A policy that a file deploys.
#[derive(Debug)]
pub struct DeclaredPolicy {
    pub attached_to: Attached,
    /// `module.team.aws_ecr_repository_policy.app["api"]`; empty for a file that is the policy.
    pub address: String,
    /// `policy`, `RepositoryPolicyText`.
    pub attribute: &'static str,
    /// Of the resource, in its file.
    pub span: Span,
    pub document: Result<Document, NoText>,
    pub place: DeployedTo,
    /// The repository's name, where it is known.
    pub repository: Option<String>,
    pub language: Language,
    /// Of a plan's resource that is in a module: where the module's files are, as its caller names it.
    pub module_source: Option<String>,
}

/// What a policy is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attached {
    Repository,
    Registry,
    /// Every new repository whose name has the prefix.
    Template {
        prefix: String,
    },
}

/// Where a file is deployed, as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployedTo {
    pub account: Option<AccountId>,
    pub region: Option<RegionName>,
}

/// The language that a repair is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Json,
    Yaml,
    CloudFormationJson,
    CloudFormationYaml,
    /// `jsonencode`.
    Hcl,
    /// JSON in a heredoc or a string of HCL.
    HclText,
    /// `data "aws_iam_policy_document"`. In a plan: taken from such a document in a way that the plan does not say.
    HclDocument,
}

impl Language {
    /// Of a policy that is this value: a string has JSON in it, whatever is around it.
    pub(crate) fn of_value(self, node: &Node) -> Self {
        if matches!(node.value, Value::Text(_)) { Self::Json } else { self }
    }
}

/// A setting that changes what policies mean, or whether anything is scanned.
#[derive(Debug)]
pub struct DeclaredSetting {
    pub address: String,
    pub span: Span,
    pub place: DeployedTo,
    pub setting: Setting,
    /// As that of a policy.
    pub module_source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// The registry's scan type: `BASIC`, `ENHANCED`, or a word that is not known here.
    ScanType(Result<String, NotKnown>),
    /// The scanning configuration is destroyed, which leaves `BASIC`.
    ScanningConfigurationDestroyed(Destroyed),
    /// Where a registry policy counts: `V1` or `V2`. `None`: not known yet.
    RegistryPolicyScope(Option<String>),
    /// An enabler of Inspector's: the scan types that it has on. What it does not name is turned off where it was on before.
    Enabler {
        types: Result<Vec<String>, NotKnown>,
        had_ecr: bool,
    },
    EnablerDestroyed {
        had_ecr: bool,
        how: Destroyed,
    },
}

/// What is not known yet of a setting, as its author names it: `var.scan_type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotKnown(pub String);

impl NotKnown {
    /// A text, or what is not known of it.
    pub(crate) fn or_text(node: Option<&Node>, name: &str) -> Result<String, Self> {
        let Some(node) = node.filter(|node| node.value != Value::Null) else {
            return Err(Self(format!("{name}, which the file does not say")));
        };
        let text = node.as_text().filter(|text| !text.contains("${"));
        text.map(str::to_owned)
            .ok_or_else(|| Self(open_name(node).unwrap_or_else(|| node.as_text().unwrap_or(name).to_owned())))
    }

    /// The texts of a list, or what is not known of them.
    pub(crate) fn or_texts(node: Option<&Node>, name: &str) -> Result<Vec<String>, Self> {
        match node.map(|node| (&node.value, node)) {
            Some((Value::Array(items), _)) => {
                let all: Vec<_> = items.iter().map(|item| Self::or_text(Some(item), name)).collect();
                let known: Vec<String> = all.iter().filter_map(|one| one.clone().ok()).collect();
                // What else there is makes no difference where ECR is among them.
                if known.iter().any(|one| one == "ECR") { Ok(known) } else { all.into_iter().collect() }
            }
            Some((_, node)) => Self::or_text(Some(node), name).map(|one| vec![one]),
            None => Self::or_text(None, name).map(|one| vec![one]),
        }
    }
}

fn open_name(node: &Node) -> Option<String> {
    let Value::Text(pieces) = &node.value else { return None };
    pieces.iter().find_map(|piece| match piece {
        Piece::Unresolved(open) => Some(open.name().to_owned()),
        Piece::Known(_) => None,
    })
}

/// How a resource goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destroyed {
    ForGood,
    /// It is made again afterwards.
    AndMadeAgain,
    /// Its successor is made first, and what the old one's end does stays.
    AfterItsSuccessor,
}
