//! How long a repository can have been stale, by an earlier audit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_assess::Assessment;
use scangap_model::{Diagnosis, RecordError, Repositories, Verdict};

/// Since when a repository that is stale now can be, by its ARN: its policy was last seen to deny at the earlier audit, or it
/// was stale then already.
pub fn stale_since(
    earlier: &Assessment,
    repositories: &dyn Repositories,
    as_of: Timestamp,
) -> Result<BTreeMap<String, Timestamp>, RecordError> {
    let mut known = BTreeMap::new();
    for joined in earlier.join(repositories, 0..earlier.repositories.len()) {
        let (record, assessment) = joined?;
        let stale = assessment.policy.verdict == Verdict::Allowed && assessment.diagnosis == Diagnosis::Stale;
        if stale || assessment.policy.verdict == Verdict::Denied {
            known.insert(record.facts.arn, as_of);
        }
    }
    Ok(known)
}
