//! Token buckets, one per operation, account and region.

use std::collections::HashMap;
use std::time::Instant;

use scangap_model::AccountId;

use crate::scenario::LimitSpec;

#[derive(Debug)]
pub(crate) struct Throttle {
    limits: Vec<LimitSpec>,
    buckets: HashMap<(String, Option<AccountId>, String), (f64, Instant)>,
}

impl Throttle {
    pub(crate) fn new(limits: Vec<LimitSpec>) -> Self {
        Self { limits, buckets: HashMap::new() }
    }

    /// Whether the call is within its limit; it takes a token if so.
    pub(crate) fn admits(&mut self, operation: &str, account: Option<AccountId>, region: &str) -> bool {
        let Some(limit) = self.limits.iter().find(|limit| covers(&limit.operation, operation)) else { return true };
        let now = Instant::now();
        let key = (operation.to_owned(), account, region.to_owned());
        let (tokens, last) = self.buckets.entry(key).or_insert((limit.burst, now));
        *tokens = (*tokens + now.duration_since(*last).as_secs_f64() * limit.per_second).min(limit.burst);
        *last = now;
        let admitted = *tokens >= 1.0;
        if admitted {
            *tokens -= 1.0;
        }
        admitted
    }
}

/// `ecr:*` covers every operation of ECR.
pub(crate) fn covers(pattern: &str, operation: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => operation.starts_with(prefix),
        None => pattern == operation,
    }
}
