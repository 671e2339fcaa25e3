//! Amazon Inspector: what a re-sync would destroy and what it depends on. Read only.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_inspector2::types::{FilterCriteria, FindingStatus, Service, StringComparison, StringFilter, UsageType};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::Timestamp;
use scangap_model::{AccountId, Arn, NOT_STATED, RescanDurations, UnitPrice};
use serde_json::Value;

use super::account::RegionReader;
use crate::answer::{NO_VALUE, answered, send, timestamp};
use crate::classify::CallError;
use crate::meter::Call;
use crate::page::Page;

/// A finding: what is counted of it, and all of it as AWS wrote it.
#[derive(Debug, Clone)]
pub struct Finding {
    pub arn: String,
    pub severity: String,
    pub status: String,
    pub first_observed_at: Option<Timestamp>,
    /// The repository of the image, and the image; empty where the resource is none.
    pub repository: String,
    pub image_digest: String,
    /// As AWS wrote it, members included that no version of the SDK knows.
    pub raw: Value,
}

/// A suppression rule, as AWS wrote it.
#[derive(Debug, Clone)]
pub struct SuppressionRule {
    pub name: String,
    pub raw: Value,
}

/// Findings of an account, of every status: named one by one, since without a filter AWS lists what it does not document,
/// and exports active ones alone.
pub(crate) fn findings_criteria(account: AccountId, only_ecr: bool) -> FilterCriteria {
    let equals = |value: &str| StringFilter::builder().comparison(StringComparison::Equals).value(value).build().ok();
    let statuses = [FindingStatus::Active, FindingStatus::Suppressed, FindingStatus::Closed];
    let mut criteria = FilterCriteria::builder()
        .set_aws_account_id(equals(account.as_str()).map(|filter| vec![filter]))
        .set_finding_status(Some(statuses.iter().filter_map(|status| equals(status.as_str())).collect()));
    if only_ecr {
        criteria = criteria.set_resource_type(equals("AWS_ECR_CONTAINER_IMAGE").map(|filter| vec![filter]));
    }
    criteria.build()
}

/// The body of the last answer.
#[derive(Debug, Default)]
pub(super) struct Body(Mutex<Vec<u8>>);

#[derive(Debug)]
pub(super) struct Capture(pub(super) Arc<Body>);

impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "scangap::Capture"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let bytes = context.response().body().bytes().unwrap_or_default().to_vec();
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        Ok(())
    }
}

impl Body {
    /// Whether the answer has this member, by its JSON pointer. The SDK fills in what an answer leaves out.
    pub(super) fn holds(&self, pointer: &str) -> bool {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_slice::<Value>(&bytes).is_ok_and(|body| body.pointer(pointer).is_some())
    }

    /// The items of a list, as many as the SDK read of it: anything else is not what it seemed.
    fn items(&self, call: &Call, member: &str, expected: usize) -> Result<Vec<Value>, CallError> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let items = serde_json::from_slice::<Value>(&bytes)
            .ok()
            .and_then(|mut body| body.get_mut(member).map(Value::take))
            .and_then(|items| match items {
                Value::Array(items) => Some(items),
                _ => None,
            });
        items
            .filter(|items| items.len() == expected)
            .ok_or_else(|| call.malformed("BodyNotUnderstood", "the answer is not the list that the SDK read from it"))
    }
}

impl RegionReader {
    /// Findings of an account, of every status. AWS: 100 a page.
    pub async fn findings(
        &self,
        call: &Arc<Call>,
        account: AccountId,
        only_ecr: bool,
        token: Option<String>,
    ) -> Result<Page<Finding>, CallError> {
        let body = Arc::new(Body::default());
        let request =
            self.inspector().list_findings().max_results(100).filter_criteria(findings_criteria(account, only_ecr));
        let attempt = || async {
            let sent = request.clone().set_next_token(token.clone()).customize();
            let sent = sent.interceptor(Capture(Arc::clone(&body))).send();
            sent.await.map_err(|error| call.error(&error))
        };
        let output = self.port.ask(call, attempt).await?;
        answered(call, output.findings.is_some())?;
        let raw = body.items(call, "findings", output.findings().len())?;
        let findings = output.findings().iter().zip(raw).map(|(finding, raw)| {
            // The SDK fills in required members that the answer leaves out.
            let is_named = !matches!(finding.finding_arn(), "" | NO_VALUE);
            is_named.then(|| read(finding, raw))
        });
        Ok(Page::of(findings, output.next_token()))
    }

    /// The reader's own account's suppression rules.
    pub async fn suppression_rules(
        &self,
        call: &Arc<Call>,
        token: Option<String>,
    ) -> Result<Page<SuppressionRule>, CallError> {
        let body = Arc::new(Body::default());
        let attempt = || async {
            let sent = self.inspector().list_filters().max_results(100).set_next_token(token.clone()).customize();
            let sent = sent.interceptor(Capture(Arc::clone(&body))).send();
            sent.await.map_err(|error| call.error(&error))
        };
        let output = self.port.ask(call, attempt).await?;
        let raw = body.items(call, "filters", output.filters().len())?;
        let named = output.filters().iter().zip(raw);
        let rules = named.map(|(filter, raw)| Some(SuppressionRule { name: filter.name().to_owned(), raw }));
        Ok(Page::of(rules, output.next_token()))
    }

    /// `None`: the answer has none.
    pub async fn rescan_durations(&self, call: &Arc<Call>) -> Result<Option<RescanDurations>, CallError> {
        let output = send!(self.port, call, self.inspector().get_configuration())?;
        let state = output.ecr_configuration().and_then(|ecr| ecr.rescan_duration_state());
        let word = |word: Option<&str>| word.unwrap_or(NOT_STATED).to_owned();
        // How long after a push is what everything hangs on; what counts from a pull may be left out.
        let state = state.filter(|state| state.rescan_duration().is_some());
        Ok(state.map(|state| RescanDurations {
            push: word(state.rescan_duration().map(aws_sdk_inspector2::types::EcrRescanDuration::as_str)),
            pull: word(
                state.pull_date_rescan_duration().map(aws_sdk_inspector2::types::EcrPullDateRescanDuration::as_str),
            ),
            pull_mode: word(
                state.pull_date_rescan_mode().map(aws_sdk_inspector2::types::EcrPullDateRescanMode::as_str),
            ),
        }))
    }

    /// What Inspector lets the reader's own account do about ECR: `ENABLE_SCANNING`, `DISABLE_SCANNING`, ...
    pub async fn permissions(&self, call: &Arc<Call>, token: Option<String>) -> Result<Page<String>, CallError> {
        let output = send!(
            self.port,
            call,
            self.inspector().list_account_permissions().service(Service::Ecr).set_next_token(token.clone())
        )?;
        let ecr = output.permissions().iter().filter(|permission| *permission.service() == Service::Ecr);
        let operations = ecr.map(|permission| Some(permission.operation().as_str().to_owned()));
        Ok(Page::of(operations, output.next_token()))
    }

    /// What an account paid for one initial scan of an image, of the last 30 days. `None`: it had none.
    pub async fn initial_scan_price(
        &self,
        call: &Arc<Call>,
        account: AccountId,
    ) -> Result<Option<UnitPrice>, CallError> {
        let output = send!(self.port, call, self.inspector().list_usage_totals().account_ids(account.as_str()))?;
        answered(call, output.totals.is_some())?;
        let usage = output.totals().iter().flat_map(aws_sdk_inspector2::types::UsageTotal::usage);
        let initial =
            usage.filter(|usage| usage.r#type() == Some(&UsageType::EcrInitialScan)).find(|usage| usage.total() > 0.0);
        Ok(initial.map(|usage| UnitPrice {
            amount: usage.estimated_monthly_cost() / usage.total(),
            currency: usage.currency().map_or("USD", |currency| currency.as_str()).to_owned(),
        }))
    }
}

fn read(finding: &aws_sdk_inspector2::types::Finding, raw: Value) -> Finding {
    let image = finding.resources().iter().find_map(|resource| {
        let arn: Arn = resource.id().parse().ok()?;
        arn.ecr_repository()
    });
    let (repository, digest) = image.map_or((String::new(), None), |(name, digest)| (name.to_string(), digest));
    Finding {
        arn: finding.finding_arn().to_owned(),
        severity: finding.severity().as_str().to_owned(),
        status: finding.status().as_str().to_owned(),
        first_observed_at: timestamp(finding.first_observed_at()),
        repository,
        image_digest: digest.unwrap_or_default(),
        raw,
    }
}
