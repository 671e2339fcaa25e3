//! Hashes by which a plan names what it saw, so that what AWS has later can be compared with it.

use scangap_model::ScanRule;
use scangap_policy::canonical;
use sha2::{Digest, Sha256};

use crate::file::v2::{ScanRuleJson, ScanningJson};

pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Of a policy in the one form of all texts that mean it; of the text itself where it is no policy.
pub fn canonical_sha256(policy: &str) -> String {
    sha256(&canonical(policy).unwrap_or_else(|_| policy.to_owned()))
}

/// Whether a policy as it is now is the one that was meant, however ECR writes it.
pub fn same_policy(now: &str, meant: &str) -> bool {
    canonical_sha256(now) == canonical_sha256(meant)
}

/// The configuration of a registry as its hash is made of: rules and filters in an order of our own.
pub(crate) fn scanning(scan_type: &str, rules: &[ScanRule]) -> ScanningJson {
    let rule = |rule: &ScanRule| ScanRuleJson { frequency: rule.frequency.clone(), filters: rule.filters.clone() };
    ScanningJson { scan_type: scan_type.to_owned(), rules: rules.iter().map(rule).collect() }
}

/// The hash of a scanning configuration as plans name it.
pub fn scanning_sha256(scan_type: &str, sorted_rules: &[ScanRule]) -> String {
    // INVARIANT: a struct of texts is always written.
    sha256(&serde_json::to_string(&scanning(scan_type, sorted_rules)).unwrap_or_default())
}
