//! Whether a policy lets Inspector in, for texts that the snapshot does not have: a repaired policy, above all.

use std::collections::HashMap;
use std::sync::Arc;

use scangap_assess::verdict_with_policy;
use scangap_model::{AccountId, RecordError, RegionName, RepositoryFacts, RepositoryRecord, Verdict};
use scangap_report::Input;
use scangap_simorg::{Judge, Question, Standing};

/// What is known of each repository.
type Known = HashMap<(AccountId, RegionName, String), (RepositoryFacts, Standing)>;

/// Judges by scangap's own evaluator and all facts of the snapshot. If that verdict is depends or unknown, the coverage in the
/// snapshot decides.
pub(crate) fn judge(original: &Input<'_>) -> Result<Judge, RecordError> {
    let mut known = Known::new();
    for record in original.repositories.records(0..original.repositories.count()?) {
        let record = record?;
        let standing = observed(&record);
        let facts = record.facts;
        known.insert((facts.account, facts.region.clone(), facts.name.to_string()), (facts, standing));
    }
    let (facts, as_of) = (original.facts.clone(), original.as_of);
    Ok(Judge(Arc::new(move |question: &Question<'_>| {
        let key = (question.account, question.region.clone(), question.repository.to_owned());
        let (repository, observed) = known.get(&key)?;
        Some(match verdict_with_policy(&facts, repository, question.policy, as_of) {
            Verdict::Allowed => Standing::Allowed,
            Verdict::Denied => Standing::Denied,
            Verdict::Depends | Verdict::Unknown => *observed,
        })
    })))
}

/// What coverage says of the repository or one of its images.
fn observed(record: &RepositoryRecord) -> Standing {
    let own = record.coverage.as_ref().and_then(|row| row.reason.known());
    let is_denied = own.is_some_and(|reason| reason == "ACCESS_DENIED") || record.images.any_with("ACCESS_DENIED");
    if is_denied { Standing::Denied } else { Standing::Allowed }
}
