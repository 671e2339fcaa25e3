//! The fault list: what goes wrong, for which calls, how often.

use scangap_model::AccountId;

use crate::scenario::FaultSpec;
use crate::throttle::covers;

#[derive(Debug)]
pub(crate) struct Faults(Vec<(FaultSpec, u64)>);

impl Faults {
    pub(crate) fn new(specs: Vec<FaultSpec>) -> Self {
        Self(specs.into_iter().map(|spec| (spec, 0)).collect())
    }

    pub(crate) fn add(&mut self, spec: FaultSpec) {
        self.0.push((spec, 0));
    }

    /// The fault that hits this call, if any. Every matching fault counts the call.
    pub(crate) fn hit(
        &mut self,
        operation: &str,
        account: Option<AccountId>,
        region: &str,
        resource: &str,
    ) -> Option<FaultSpec> {
        let account = account.map(|id| id.to_string()).unwrap_or_default();
        let mut hit = None;
        for (spec, seen) in &mut self.0 {
            let wanted = |want: &Option<String>, have: &str| want.as_ref().is_none_or(|want| want == have);
            let matching = spec.operation.as_ref().is_none_or(|pattern| covers(pattern, operation))
                && wanted(&spec.account, &account)
                && wanted(&spec.region, region)
                && wanted(&spec.resource, resource);
            if !matching {
                continue;
            }
            let ordinal = *seen;
            *seen += 1;
            if hit.is_none() && ordinal >= spec.skip && spec.count.is_none_or(|count| ordinal < spec.skip + count) {
                hit = Some(spec.clone());
            }
        }
        hit
    }
}
