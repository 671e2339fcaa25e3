//! `CloudFormation`, SAM and what the CDK synthesizes: templates in JSON or YAML. Functions are resolved as far as the template and
//! the place that it is deployed to decide them; the rest is open, by its name.

use std::collections::BTreeMap;

use crate::declared::{
    Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Language, NotKnown, Setting,
};
use crate::document::{Document, NoText};
use crate::tree::{Member, Node, Piece, Unresolved, Value, joined};

/// Whether a tree is a template.
pub(crate) fn is_template(root: &Node) -> bool {
    let typed = |member: &Member| {
        member.key.starts_with("Fn::") || member.value.text_at(&["Type"]).is_some_and(|word| word.contains("::"))
    };
    root.get("Resources").is_some_and(|resources| resources.members().iter().any(typed))
}

/// The templates in a file of the Serverless Framework's: its `resources` are one, or a list of them.
fn inside(root: &Node) -> impl Iterator<Item = &Node> {
    let resources = root.get("resources").filter(|_| root.get("service").is_some());
    let one = resources.filter(|node| is_template(node) || node.get("extensions").is_some());
    let listed = resources.map_or(&[][..], Node::items).iter().filter(|node| is_template(node));
    one.into_iter().chain(listed)
}

pub(crate) fn has_template(root: &Node) -> bool {
    inside(root).next().is_some()
}

/// What the templates inside a file state. `None`: it has none.
pub(crate) fn read_inside(root: &Node, language: Language) -> Option<Declarations> {
    let read = |mut all: Declarations, template: &Node| {
        let Declarations { policies, settings, unrecognized, .. } = read(&with_variables(template), language);
        all.policies.extend(policies);
        all.settings.extend(settings);
        all.unrecognized.extend(unrecognized);
        // What changes resources that the framework makes itself.
        all.unrecognized.extend(template.get("extensions").map(|node| node.span));
        all
    };
    has_template(root).then(|| inside(root).fold(Declarations::default(), read))
}

/// The Serverless Framework fills in `${source:name}` before it deploys: the account and the region are known by name, the rest is open.
fn with_variables(node: &Node) -> Node {
    let value = match &node.value {
        Value::Text(pieces) => Value::Text(joined(
            pieces
                .iter()
                .flat_map(|piece| match piece {
                    Piece::Known(text) => filled(text),
                    open @ Piece::Unresolved(_) => vec![open.clone()],
                })
                .collect(),
        )),
        Value::Array(items) => Value::Array(items.iter().map(with_variables).collect()),
        Value::Object(members) => {
            let member = |member: &Member| Member { value: with_variables(&member.value), ..member.clone() };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => node.value.clone(),
    };
    Node { span: node.span, value }
}

fn filled(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        pieces.push(Piece::Known(before.to_owned()));
        pieces.push(match name {
            "aws:accountId" => Piece::Unresolved(Unresolved::Account),
            "aws:region" => Piece::Unresolved(Unresolved::Region),
            "aws:partition" => Piece::Unresolved(Unresolved::Partition),
            // A name without a source is one of CloudFormation's own, in Fn::Sub; a key of a request is a policy's.
            name if !name.contains([':', '(']) || name.contains('/') || name.starts_with("AWS::") => {
                Piece::Known(format!("${{{name}}}"))
            }
            name => other(format!("${{{name}}}")),
        });
        rest = after;
    }
    pieces.push(Piece::Known(rest.to_owned()));
    pieces
}

pub(crate) fn read(root: &Node, language: Language) -> Declarations {
    let language = if language == Language::Yaml { Language::CloudFormationYaml } else { Language::CloudFormationJson };
    let resolver = Resolver { root };
    let mut declarations = Declarations::default();
    for Member { key, key_span, value: resource } in root.get("Resources").map_or(&[][..], Node::members) {
        let span = (key_span.0.min(resource.span.0), resource.span.1);
        let unknown = |attribute, why: String| DeclaredPolicy {
            attached_to: Attached::Repository,
            address: format!("Resources.{key}"),
            attribute,
            span,
            document: Err(NoText { why, span }),
            place: DeployedTo::default(),
            repository: None,
            language,
            module_source: None,
        };
        if key.starts_with("Fn::") {
            // Resources that are made when the template is deployed.
            if key == "Fn::Transform" || mentions(resource, "AWS::ECR::") {
                declarations.policies.push(unknown("RepositoryPolicyText", key.clone()));
            }
            continue;
        }
        let Some(kind) = resource.text_at(&["Type"]) else {
            // A resource that another file has.
            declarations.unrecognized.extend(matches!(resource.value, Value::Text(_)).then_some(span));
            continue;
        };
        // A template inside a text.
        let is_nested = ["AWS::CloudFormation::StackSet", "AWS::CloudFormation::Stack"].contains(&kind);
        if is_nested && mentions(resource, "AWS::ECR::") {
            declarations.unrecognized.push(span);
        }
        let Some(properties) = resource.get("Properties") else { continue };
        let transform = properties.get("Fn::Transform").map(|node| ("Fn::Transform", node));
        if let Some((function, _)) = call(properties).or(transform).filter(|_| kind.starts_with("AWS::ECR::")) {
            declarations.policies.push(unknown("Properties", format!("its Properties are {function}")));
            continue;
        }
        let property = |name: &str| properties.get(name).map(|node| resolver.resolved(node));
        let text_of = |name: &str| property(name).as_ref().and_then(Node::as_text).map(str::to_owned);
        let mut policy = |attached_to, attribute: &'static str, repository| {
            if let Some(node) = property(attribute).filter(|node| node.value != Value::Null) {
                declarations.policies.push(DeclaredPolicy {
                    attached_to,
                    address: format!("Resources.{key}"),
                    attribute,
                    span,
                    document: Document::of_node(&node),
                    place: DeployedTo::default(),
                    repository,
                    language: language.of_value(&node),
                    module_source: None,
                });
            }
        };
        match kind {
            "AWS::ECR::Repository" => policy(Attached::Repository, "RepositoryPolicyText", text_of("RepositoryName")),
            "AWS::ECR::RegistryPolicy" => policy(Attached::Registry, "PolicyText", None),
            "AWS::ECR::RepositoryCreationTemplate" => {
                let prefix = text_of("Prefix").unwrap_or_else(|| "?".to_owned());
                policy(Attached::Template { prefix }, "RepositoryPolicy", None);
            }
            "AWS::ECR::RegistryScanningConfiguration" => declarations.settings.push(DeclaredSetting {
                address: format!("Resources.{key}"),
                span,
                place: DeployedTo::default(),
                setting: Setting::ScanType(NotKnown::or_text(
                    property("ScanType").filter(|node| !is_no_value(node)).as_ref(),
                    "ScanType",
                )),
                module_source: None,
            }),
            _ => {}
        }
    }
    declarations
}

/// Whether a text stands anywhere in a tree.
fn mentions(node: &Node, text: &str) -> bool {
    node.as_text().is_some_and(|known| known.contains(text))
        || node.items().iter().any(|item| mentions(item, text))
        || node.members().iter().any(|member| mentions(&member.value, text))
}

struct Resolver<'t> {
    root: &'t Node,
}

impl Resolver<'_> {
    /// The value with its functions resolved.
    fn resolved(&self, node: &Node) -> Node {
        if let Some((function, argument)) = call(node) {
            return self.called(node, function, argument);
        }
        let value = match &node.value {
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.resolved(item)).filter(|item| !is_no_value(item)).collect())
            }
            Value::Object(members) => {
                let member = |member: &Member| Member { value: self.resolved(&member.value), ..member.clone() };
                Value::Object(members.iter().map(member).filter(|member| !is_no_value(&member.value)).collect())
            }
            // What CloudFormation looks up when it deploys.
            Value::Text(_) if node.as_text().is_some_and(|text| text.contains("{{resolve:")) => {
                Value::Text(vec![other(node.as_text().unwrap_or_default().to_owned())])
            }
            other => other.clone(),
        };
        Node { span: node.span, value }
    }

    fn called(&self, node: &Node, function: &str, argument: &Node) -> Node {
        let text = |pieces: Vec<Piece>| Node { span: node.span, value: Value::Text(joined(pieces)) };
        match function {
            "Ref" => match argument.as_text() {
                Some(name) => text(vec![self.reference(name)]),
                None => Node::open(node.span, "Ref"),
            },
            "Fn::GetAtt" => text(vec![self.attribute(&joined_name(argument))]),
            "Fn::Sub" => self.substituted(argument).map_or_else(|| Node::open(node.span, "Fn::Sub"), text),
            "Fn::Join" => self.joined(argument).map_or_else(|| Node::open(node.span, "Fn::Join"), text),
            "Fn::ToJsonString" => self.resolved(argument),
            name => Node::open(node.span, format!("{name} {}", joined_name(argument)).trim_end().to_owned()),
        }
    }

    /// `Role.Arn`.
    fn attribute(&self, name: &str) -> Piece {
        let said = format!("Fn::GetAtt {name}");
        let resource = name.strip_suffix(".Arn");
        let kind = resource.and_then(|resource| self.root.text_at(&["Resources", resource, "Type"]));
        match kind {
            Some("AWS::IAM::Role" | "AWS::IAM::User") => Piece::Unresolved(Unresolved::MadeRole(said)),
            _ => other(said),
        }
    }

    fn reference(&self, name: &str) -> Piece {
        match name {
            "AWS::AccountId" => Piece::Unresolved(Unresolved::Account),
            "AWS::Region" => Piece::Unresolved(Unresolved::Region),
            "AWS::Partition" => Piece::Unresolved(Unresolved::Partition),
            "AWS::NoValue" => other(NO_VALUE.to_owned()),
            "AWS::URLSuffix" => Piece::Unresolved(Unresolved::UrlSuffix),
            // The only value that a parameter may have is its value; that of a parameter of SSM's is a name.
            _ if self
                .root
                .text_at(&["Parameters", name, "Type"])
                .is_some_and(|kind| kind.starts_with("AWS::SSM::")) =>
            {
                other(format!("Ref {name}"))
            }
            _ => match self.root.at(&["Parameters", name, "AllowedValues"]).map(Node::items) {
                Some([only]) if only.as_text().is_some() => Piece::Known(only.as_text().unwrap_or_default().to_owned()),
                _ => other(format!("Ref {name}")),
            },
        }
    }

    /// `Fn::Sub`: a string with `${Name}`, alone or with a map of more names.
    fn substituted(&self, argument: &Node) -> Option<Vec<Piece>> {
        let (template, names) = match &argument.value {
            Value::Array(items) => {
                let [template, names] = items.as_slice() else { return None };
                (template.as_text()?, Some(names))
            }
            _ => (argument.as_text()?, None),
        };
        let variables: BTreeMap<&str, Node> = names
            .map_or(&[][..], Node::members)
            .iter()
            .map(|member| (member.key.as_str(), self.resolved(&member.value)))
            .collect();
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            pieces.push(Piece::Known(before.to_owned()));
            let (name, after) = after.split_once('}')?;
            match name.strip_prefix('!') {
                // `${!Name}` is `${Name}` as text: policy variables are written so.
                Some(literal) => pieces.push(Piece::Known(format!("${{{literal}}}"))),
                None => match variables.get(name).map(|node| &node.value) {
                    Some(Value::Text(known)) => pieces.extend(known.iter().cloned()),
                    Some(_) => pieces.push(other(format!("Fn::Sub {name}"))),
                    None if name.contains('.') => pieces.push(self.attribute(name)),
                    None => pieces.push(self.reference(name.trim())),
                },
            }
            rest = after;
        }
        pieces.push(Piece::Known(rest.to_owned()));
        Some(pieces)
    }

    fn joined(&self, argument: &Node) -> Option<Vec<Piece>> {
        let [delimiter, items] = argument.items() else { return None };
        let delimiter = delimiter.as_text()?;
        let items = self.resolved(items);
        let Value::Array(items) = &items.value else { return None };
        let mut pieces = Vec::new();
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                pieces.push(Piece::Known(delimiter.to_owned()));
            }
            match &item.value {
                Value::Text(more) => pieces.extend(more.iter().cloned()),
                Value::Number(number) => pieces.push(Piece::Known(number.clone())),
                Value::Bool(one) => pieces.push(Piece::Known(one.to_string())),
                _ => return None,
            }
        }
        Some(pieces)
    }
}

const NO_VALUE: &str = "AWS::NoValue";

fn is_no_value(node: &Node) -> bool {
    matches!(&node.value, Value::Text(pieces) if *pieces == [other(NO_VALUE.to_owned())])
}

fn other(name: String) -> Piece {
    Piece::Unresolved(Unresolved::Other(name))
}

/// A function and its argument: an object of one member with a function's name.
fn call(node: &Node) -> Option<(&str, &Node)> {
    let [member] = node.members() else { return None };
    let is_function = member.key == "Ref"
        || member.key.starts_with("Fn::")
        || member.key == "Condition" && member.value.as_text().is_some();
    is_function.then_some((member.key.as_str(), &member.value))
}

/// What a function is asked for, in a word.
fn joined_name(argument: &Node) -> String {
    match argument.as_text() {
        Some(name) => name.to_owned(),
        None => argument.items().iter().filter_map(Node::as_text).collect::<Vec<_>>().join("."),
    }
}
