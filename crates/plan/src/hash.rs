//! Hashes by which a plan names what it saw, so that what AWS has later can be compared with it.

use scangap_model::ScanRule;
use scangap_policy::canonical;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
pub(crate) fn scanning_json(scan_type: &str, rules: &[ScanRule]) -> Value {
    let rule = |rule: &ScanRule| json!({"frequency": rule.frequency, "filters": rule.filters});
    json!({"scan_type": scan_type, "rules": rules.iter().map(rule).collect::<Vec<_>>()})
}

/// The hash of a scanning configuration as plans name it.
pub fn scanning_sha256(scan_type: &str, sorted_rules: &[ScanRule]) -> String {
    sha256(&scanning_json(scan_type, sorted_rules).to_string())
}
