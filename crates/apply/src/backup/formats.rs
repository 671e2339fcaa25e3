//! The files of a backup that are read back: its manifest, and the registry's scanning configuration as the aws CLI prints it.

use std::collections::BTreeMap;

use scangap_aws::read::ScanningConfiguration;
use scangap_model::ScanRule;
use serde::{Deserialize, Serialize};

/// Every file of a backup with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) what: String,
    pub(super) step: String,
    pub(super) account_id: String,
    pub(super) region: String,
    pub(super) saved_at: String,
    pub(super) files: BTreeMap<String, SavedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedFile {
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

/// What `aws ecr get-registry-scanning-configuration` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SavedScanning {
    pub(super) scanning_configuration: Configuration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Configuration {
    scan_type: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    scan_frequency: String,
    repository_filters: Vec<Filter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Filter {
    filter: String,
    filter_type: String,
}

impl SavedScanning {
    pub(super) fn of(scanning: &ScanningConfiguration) -> Self {
        let filter = |filter: &String| Filter { filter: filter.clone(), filter_type: "WILDCARD".to_owned() };
        let rule = |rule: &ScanRule| Rule {
            scan_frequency: rule.frequency.clone(),
            repository_filters: rule.filters.iter().map(filter).collect(),
        };
        let rules = scanning.rules.iter().map(rule).collect();
        Self { scanning_configuration: Configuration { scan_type: scanning.scan_type.clone(), rules } }
    }

    pub(super) fn configuration(self) -> ScanningConfiguration {
        let rule = |rule: Rule| ScanRule {
            frequency: rule.scan_frequency,
            filters: rule.repository_filters.into_iter().map(|filter| filter.filter).collect(),
        };
        let Configuration { scan_type, rules } = self.scanning_configuration;
        ScanningConfiguration { scan_type, rules: rules.into_iter().map(rule).collect() }
    }
}

/// A finding as AWS wrote it, of which the ARN alone is read back.
#[derive(Debug, Deserialize)]
pub(super) struct SavedFinding {
    #[serde(rename = "findingArn")]
    pub(super) finding_arn: String,
}
