//! Amazon ECR, read only.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use scangap_model::{AccountId, RepositoryName, ScanRule};

use super::account::RegionReader;
use crate::answer::{NO_VALUE, answered, send, timestamp};
use crate::classify::CallError;
use crate::meter::Call;
use crate::page::Page;

#[derive(Debug, Clone)]
pub struct RepositoryAnswer {
    pub name: RepositoryName,
    pub arn: String,
    pub created_at: Option<Timestamp>,
}

/// A policy, or one of the two ways of having none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyAnswer {
    Text(String),
    None,
    /// The repository vanished since it was listed.
    RepositoryGone,
}

#[derive(Debug, Clone)]
pub struct ScanFrequencies {
    /// By repository name.
    pub found: BTreeMap<String, String>,
    pub gone: Vec<String>,
    /// Refused for another reason than being gone: name and code.
    pub failed: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanningConfiguration {
    /// BASIC, ENHANCED or a word not known here.
    pub scan_type: String,
    /// In AWS's order.
    pub rules: Vec<ScanRule>,
}

impl ScanningConfiguration {
    /// The rules in an order of our own: AWS's may differ between two answers.
    pub fn sorted_rules(&self) -> Vec<ScanRule> {
        let mut rules = self.rules.clone();
        for rule in &mut rules {
            rule.filters.sort();
        }
        rules.sort();
        rules
    }
}

#[derive(Debug, Clone)]
pub struct TemplateSummary {
    pub prefix: String,
    pub policy: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ImageSummary {
    pub digest: String,
    /// ACTIVE unless AWS says otherwise.
    pub status: String,
    pub pushed_at: Option<Timestamp>,
    /// Whether it is a multi-architecture index: a list of images, and none itself.
    pub is_index: bool,
}

impl RegionReader {
    pub async fn repositories(
        &self,
        call: &Arc<Call>,
        token: Option<String>,
    ) -> Result<Page<RepositoryAnswer>, CallError> {
        let output =
            send!(self.port, call, self.ecr().describe_repositories().max_results(1000).set_next_token(token.clone()))?;
        answered(call, output.repositories.is_some())?;
        Ok(Page::of(output.repositories().iter().map(repository), output.next_token()))
    }

    /// One repository by name. `None`: there is none.
    pub async fn repository(&self, call: &Arc<Call>, name: &str) -> Result<Option<RepositoryAnswer>, CallError> {
        match send!(self.port, call, self.ecr().describe_repositories().repository_names(name)) {
            // AWS has an error for a repository that is none: an answer without it is no answer.
            Ok(output) => match output.repositories().first().and_then(repository) {
                Some(found) => Ok(Some(found)),
                None => Err(call.malformed("EmptyAnswer", "the answer does not hold the repository")),
            },
            Err(error) if error.code == "RepositoryNotFoundException" => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn repository_policy(&self, call: &Arc<Call>, name: &str) -> Result<PolicyAnswer, CallError> {
        match send!(self.port, call, self.ecr().get_repository_policy().repository_name(name)) {
            // An empty text is no policy.
            Ok(output) => match output.policy_text() {
                Some(text) if text.trim().is_empty() => Ok(PolicyAnswer::None),
                Some(text) => Ok(PolicyAnswer::Text(text.to_owned())),
                None => Err(call.malformed("NoPolicyText", "the answer holds no policy")),
            },
            Err(error) if error.code == "RepositoryPolicyNotFoundException" => Ok(PolicyAnswer::None),
            Err(error) if error.code == "RepositoryNotFoundException" => Ok(PolicyAnswer::RepositoryGone),
            Err(error) => Err(error),
        }
    }

    /// AWS: 25 names at most.
    pub async fn scan_frequencies(&self, call: &Arc<Call>, names: &[String]) -> Result<ScanFrequencies, CallError> {
        let output = send!(
            self.port,
            call,
            self.ecr().batch_get_repository_scanning_configuration().set_repository_names(Some(names.to_vec()))
        )?;
        let found = output
            .scanning_configurations()
            .iter()
            .filter_map(|found| {
                Some((found.repository_name()?.to_owned(), found.scan_frequency()?.as_str().to_owned()))
            })
            .collect();
        let (mut gone, mut failed) = (Vec::new(), Vec::new());
        for failure in output.failures() {
            let name = failure.repository_name().unwrap_or_default().to_owned();
            let code = failure.failure_code().map(aws_sdk_ecr::types::ScanningConfigurationFailureCode::as_str);
            match code {
                Some("REPOSITORY_NOT_FOUND") => gone.push(name),
                code => failed.push((name, code.unwrap_or("NoFailureCode").to_owned())),
            }
        }
        Ok(ScanFrequencies { found, gone, failed })
    }

    pub async fn registry_policy(&self, call: &Arc<Call>) -> Result<Option<String>, CallError> {
        match send!(self.port, call, self.ecr().get_registry_policy()) {
            Ok(output) => output
                .policy_text()
                .map(|text| Some(text.to_owned()).filter(|text| !text.trim().is_empty()))
                .ok_or_else(|| call.malformed("NoPolicyText", "the answer holds no policy")),
            Err(error) if error.code == "RegistryPolicyNotFoundException" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The registry policy's scope: V1 or V2. `None`: no value is set.
    pub async fn registry_policy_scope(&self, call: &Arc<Call>) -> Result<Option<String>, CallError> {
        let output = send!(self.port, call, self.ecr().get_account_setting().name("REGISTRY_POLICY_SCOPE"))?;
        answered(call, output.name().is_some() || output.value().is_some())?;
        Ok(output.value().map(str::to_owned))
    }

    pub async fn scanning_configuration(&self, call: &Arc<Call>) -> Result<ScanningConfiguration, CallError> {
        let output = send!(self.port, call, self.ecr().get_registry_scanning_configuration())?;
        let configuration = output
            .scanning_configuration()
            .ok_or_else(|| call.malformed("NoConfiguration", "the answer holds no configuration"))?;
        // AWS answers BASIC where nobody set anything: an answer without a scan type is none.
        let scan_type = configuration
            .scan_type()
            .ok_or_else(|| call.malformed("NoScanType", "the configuration holds no scan type"))?
            .as_str()
            .to_owned();
        let rules: Vec<ScanRule> = configuration
            .rules()
            .iter()
            .map(|rule| ScanRule {
                frequency: rule.scan_frequency().as_str().to_owned(),
                filters: rule.repository_filters().iter().map(|filter| filter.filter().to_owned()).collect(),
            })
            .collect();
        if rules.iter().any(|rule| rule.frequency == NO_VALUE) {
            return Err(call.malformed("NoScanFrequency", "a rule of the configuration holds no scan frequency"));
        }
        Ok(ScanningConfiguration { scan_type, rules })
    }

    pub async fn creation_templates(
        &self,
        call: &Arc<Call>,
        token: Option<String>,
    ) -> Result<Page<TemplateSummary>, CallError> {
        let output =
            send!(self.port, call, self.ecr().describe_repository_creation_templates().set_next_token(token.clone()))?;
        answered(call, output.repository_creation_templates.is_some())?;
        let templates = output.repository_creation_templates().iter().map(|template| {
            Some(TemplateSummary {
                prefix: template.prefix()?.to_owned(),
                policy: template.repository_policy().filter(|text| !text.trim().is_empty()).map(str::to_owned),
            })
        });
        Ok(Page::of(templates, output.next_token()))
    }

    pub async fn tags(&self, call: &Arc<Call>, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let output = send!(self.port, call, self.ecr().list_tags_for_resource().resource_arn(arn))?;
        answered(call, output.tags.is_some())?;
        Ok(output.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    pub async fn images(
        &self,
        call: &Arc<Call>,
        name: &str,
        token: Option<String>,
    ) -> Result<Page<ImageSummary>, CallError> {
        let output = send!(
            self.port,
            call,
            self.ecr().describe_images().repository_name(name).max_results(1000).set_next_token(token.clone())
        )?;
        answered(call, output.image_details.is_some())?;
        let images = output.image_details().iter().map(|image| {
            Some(ImageSummary {
                digest: image.image_digest()?.to_owned(),
                status: image.image_status().map_or("ACTIVE", |status| status.as_str()).to_owned(),
                pushed_at: image.image_pushed_at().and_then(timestamp),
                is_index: image.image_manifest_media_type().is_some_and(is_index),
            })
        });
        Ok(Page::of(images, output.next_token()))
    }

    pub fn account(&self) -> AccountId {
        self.account
    }
}

/// OCI's image index, and Docker's manifest list before it.
fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

fn repository(repository: &aws_sdk_ecr::types::Repository) -> Option<RepositoryAnswer> {
    Some(RepositoryAnswer {
        name: repository.repository_name()?.parse().ok()?,
        arn: repository.repository_arn().unwrap_or_default().to_owned(),
        created_at: repository.created_at().and_then(timestamp),
    })
}
