//! HCL itself: the files of one folder together, as Terraform reads them.

use hcl_edit::Span as _;
use hcl_edit::structure::{Block, Body};

use crate::declared::{Declarations, Language};
use crate::error::ReadProblem;
use crate::source::Source;
use crate::terraform::attributes::{self, Resource};
use crate::terraform::providers::Providers;
use crate::terraform::scope::Scope;
use crate::terraform::value::{Evaluator, range};
use crate::tree::{Value, is_too_deep};

/// What a module states, with the files that cannot be read, by their place among the source's.
pub(crate) fn read(source: &Source) -> (Declarations, Vec<(usize, ReadProblem)>) {
    let mut bodies = Vec::new();
    let mut problems = Vec::new();
    for (at, (_, (start, end))) in source.files().enumerate() {
        let text = source.text.get(start..end).unwrap_or_default();
        match parsed(text) {
            Ok(body) => bodies.push((body, start)),
            Err(problem) => problems.push((at, problem)),
        }
    }
    (of_bodies(source, &bodies), problems)
}

fn parsed(text: &str) -> Result<Body, ReadProblem> {
    if is_too_deep(text) {
        return Err(ReadProblem::TooDeep);
    }
    hcl_edit::parser::parse_body(text).map_err(|error| {
        ReadProblem::syntax("HCL", error.message().lines().collect::<Vec<_>>().join("; "), error.location().offset())
    })
}

fn of_bodies(source: &Source, bodies: &[(Body, usize)]) -> Declarations {
    let scope = Scope::of(source, bodies);
    let providers = Providers::of(&scope, bodies);
    let mut declarations = Declarations::default();
    for (body, base) in bodies {
        let others = body.blocks().filter(|block| deploys_otherwise(block, source, *base));
        declarations.unrecognized.extend(others.map(|block| range(block.span(), (*base, *base), *base)));
        for block in body.get_blocks("resource") {
            let labels: Vec<&str> = block.labels.iter().map(hcl_edit::structure::BlockLabel::as_str).collect();
            let [kind, name] = labels.as_slice() else { continue };
            if !attributes::is_of_interest(kind) {
                continue;
            }
            let alias = scope.provider(block, *base);
            let mut evaluator = Evaluator::new(&scope, alias);
            let span = range(block.span(), (*base, *base), *base);
            let tree = evaluator.attributes(&block.body, *base);
            if matches!(tree.get("count").map(|count| &count.value), Some(Value::Number(number)) if number == "0") {
                continue;
            }
            let mut place = providers.place(alias);
            if let Some(region) = tree.text_at(&["region"]).and_then(|name| name.parse().ok()) {
                place.region = Some(region);
            }
            let policy = attributes::policy_attribute(kind).and_then(|name| block.body.get_attribute(name));
            let expression = policy.and_then(|one| one.value.span());
            let expression = expression.and_then(|span| source.text.get(base + span.start..base + span.end));
            let one = Resource {
                kind,
                address: format!("{kind}.{name}"),
                span,
                attributes: &tree,
                before: None,
                destroyed: None,
                place,
                language: language(expression.unwrap_or_default()),
                module_source: None,
            };
            attributes::add(&mut declarations, one, None);
        }
    }
    declarations
}

/// Whether a block deploys policies or settings of ECR's in a form that is not read here: a template, another provider's resource, or a
/// module's argument.
fn deploys_otherwise(block: &Block, source: &Source, base: usize) -> bool {
    let text = block.span().and_then(|span| source.text.get(base + span.start..base + span.end)).unwrap_or_default();
    let kind = block.labels.first().map_or("", hcl_edit::structure::BlockLabel::as_str);
    match block.ident.as_str() {
        "resource" => {
            kind.starts_with("awscc_ecr_") || kind.starts_with("aws_cloudformation_") && text.contains("AWS::ECR::")
        }
        "module" => MODULE_ARGUMENTS.iter().any(|name| block.body.get_attribute(name).is_some()),
        _ => false,
    }
}

/// What modules for ECR take, as they are used most.
const MODULE_ARGUMENTS: [&str; 6] = [
    "repository_policy",
    "repository_policy_statements",
    "registry_policy",
    "registry_scan_type",
    "manage_registry_scanning_configuration",
    "repository_creation_template",
];

/// The language that a policy's expression is written in.
fn language(expression: &str) -> Language {
    let expression = expression.trim();
    let is_reference = expression.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-[]\"".contains(&byte));
    if is_reference && expression.starts_with("data.aws_iam_policy_document.") && expression.ends_with("json") {
        Language::HclDocument
    } else if expression.starts_with(['<', '"']) {
        Language::HclText
    } else {
        Language::Hcl
    }
}
