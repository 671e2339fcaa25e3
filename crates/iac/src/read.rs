//! From a file to what it states: which form it has is told by its name and by what is in it.

use crate::declared::{Declarations, Language};
use crate::error::ReadProblem;
use crate::source::Source;
use crate::tree::Node;
use crate::{cdk, cloudformation, json, kubernetes, plain, pulumi, terraform, yaml};

/// The form of a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A part of a Terraform module: read together with the other files of its folder.
    Hcl,
    /// JSON or YAML, or, for a file that was asked about by name, whichever it is.
    Data,
}

/// `None`: no file that is looked into where a folder is searched.
pub fn form(name: &str) -> Option<Form> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        // Terraform passes over what editors leave beside a file.
        "tf" | "tofu" => (!name.starts_with('.')).then_some(Form::Hcl),
        "json" | "yaml" | "yml" | "template" => Some(Form::Data),
        _ => None,
    }
}

/// Words of which every file that matters here has one: the others are not parsed where a folder is searched.
pub fn may_matter(text: &str) -> bool {
    names_resources(text) || text.contains("policyText") || may_be_policy(text)
}

/// Whether a text names the types of resources that matter here.
fn names_resources(text: &str) -> bool {
    const MARKS: [&str; 13] = [
        "aws_ecr_",
        "awscc_ecr_",
        "terraform-aws-modules/ecr",
        "registry_scan_type",
        "aws_inspector2_enabler",
        "inspector2.aws.",
        "inspector2.services.k8s.aws",
        "AWS::ECR::",
        "aws:ecr/",
        "aws:inspector2/",
        "aws-native:ecr",
        "ecr.aws.",
        "ecr.services.k8s.aws",
    ];
    MARKS.iter().any(|mark| text.contains(mark))
}

/// Whether a text could be a policy that reaches ECR: it names a principal, and actions of ECR's or all but some.
fn may_be_policy(text: &str) -> bool {
    let has_principal = text.contains("\"Principal\"") || text.contains("\"NotPrincipal\"");
    has_principal
        && (text.contains("\"*\"") || text.contains("NotAction") || text.to_ascii_lowercase().contains("ecr:"))
}

/// What a file of data states. `asked`: it was named, and so is a policy even if it says nothing of ECR.
pub fn read_data(source: &Source, asked: bool) -> Result<Declarations, ReadProblem> {
    let text = source.text.as_str();
    let begins_json = text.trim_start().starts_with(['{', '[']);
    let (documents, language) = if begins_json {
        match json::parse(text) {
            Ok(root) => (vec![root], Language::Json),
            // Flow style is YAML too; what is no YAML either is broken JSON.
            Err(problem) if problem == ReadProblem::TooDeep => return Err(problem),
            Err(problem) => match yaml::parse(text) {
                Ok(documents) if documents.iter().any(is_yaml_of_interest) => (documents, Language::Yaml),
                _ => return Err(problem),
            },
        }
    } else {
        (yaml::parse(text)?, Language::Yaml)
    };
    let mut all = Declarations::default();
    let mut recognized = false;
    for root in &documents {
        if let Some(declarations) = read_document(root, text, language, asked) {
            recognized = true;
            all.is_plan |= declarations.is_plan;
            all.policies.extend(declarations.policies);
            all.settings.extend(declarations.settings);
            all.unrecognized.extend(declarations.unrecognized);
        }
    }
    if recognized {
        Ok(all)
    } else if asked {
        Err(ReadProblem::NotRecognized)
    } else {
        all.unrecognized.extend(names_resources(text).then_some((0, 0)));
        Ok(all)
    }
}

fn is_yaml_of_interest(root: &Node) -> bool {
    cloudformation::is_template(root) || cloudformation::has_template(root) || kubernetes::is_manifest(root)
}

/// `None`: nothing that deploys a policy.
fn read_document(root: &Node, text: &str, language: Language, asked: bool) -> Option<Declarations> {
    if terraform::is_plan_or_state(root) {
        Some(terraform::read_plan(root))
    } else if terraform::is_configuration(root) {
        Some(terraform::read_json_syntax(root))
    } else if cloudformation::is_template(root) {
        Some(cloudformation::read(root, language))
    } else if let Some(declarations) = cloudformation::read_inside(root, language) {
        Some(declarations)
    } else if cdk::is_tree(root) {
        Some(Declarations::default())
    } else if kubernetes::is_manifest(root) {
        Some(kubernetes::read(root, language))
    } else if pulumi::is_preview(root) {
        Some(pulumi::read(root))
    } else if plain::is_answer(root) {
        Some(plain::read_answer(root))
    } else if root.get("Statement").is_some() && language == Language::Json {
        let counts = asked || plain::is_resource_policy(root) && plain::is_of_ecr(root);
        counts.then(|| plain::read(root, text))
    } else {
        None
    }
}

/// What the files of a Terraform module state, with those that cannot be read, by their place among the files.
pub fn read_module(source: &Source) -> (Declarations, Vec<(usize, ReadProblem)>) {
    terraform::read_module(source)
}
