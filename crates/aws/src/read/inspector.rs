//! Amazon Inspector, read only.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_inspector2::types::{AutoEnable, CoverageFilterCriteria, CoverageStringComparison, CoverageStringFilter};
use jiff::Timestamp;
use scangap_model::AccountId;

use super::account::RegionReader;
use super::history::{Body, Capture};
use crate::answer::{NO_VALUE, answered, send, timestamp};
use crate::classify::CallError;
use crate::meter::Call;
use crate::page::Page;

/// Which coverage rows to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoverageFilter<'a> {
    /// The repositories' own rows.
    Repositories,
    /// Every image row.
    Images,
    /// Every image row of an account.
    ImagesOf(AccountId),
    /// The repositories' own rows of an account.
    RepositoriesOf(AccountId),
    /// The repositories' own rows of some accounts, [`CoverageFilter::ACCOUNTS_MAX`] at most.
    RepositoriesOfAny(&'a [AccountId]),
}

impl CoverageFilter<'_> {
    /// AWS: a filter takes ten values.
    pub const ACCOUNTS_MAX: usize = 10;
}

#[derive(Debug, Clone)]
pub struct CoveredResource {
    pub account: String,
    pub resource_id: String,
    pub status: Option<String>,
    pub reason: Option<String>,
    pub last_scanned_at: Option<Timestamp>,
    /// Tasks and pods that run the image. `None`: AWS does not say.
    pub in_use_count: Option<u64>,
    pub last_in_use_at: Option<Timestamp>,
}

/// Inspector's status of one account in the reader's region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountStatus {
    pub status: Option<String>,
    pub ecr_status: Option<String>,
    /// By scan type: `ecr`, `ec2`, ...
    pub scan_types: BTreeMap<String, String>,
}

/// AWS answers 200 even where it refuses single accounts.
#[derive(Debug, Clone)]
pub struct AccountStatuses {
    pub accounts: Vec<(AccountId, AccountStatus)>,
    /// Account, error code and message.
    pub failed: Vec<(AccountId, String, String)>,
}

impl RegionReader {
    /// AWS: 100 accounts at most; none means the caller's own.
    pub async fn account_statuses(
        &self,
        call: &Arc<Call>,
        accounts: &[AccountId],
    ) -> Result<AccountStatuses, CallError> {
        let ids = (!accounts.is_empty()).then(|| accounts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let output = send!(self.port, call, self.inspector().batch_get_account_status().set_account_ids(ids.clone()))?;
        let word = |state: Option<&aws_sdk_inspector2::types::State>| // The SDK fills in a required member that the answer leaves out.
            state.map(|state| state.status().as_str().to_owned()).filter(|word| word != NO_VALUE);
        let accounts = output
            .accounts()
            .iter()
            .filter_map(|account| {
                let status = AccountStatus {
                    status: word(account.state()),
                    ecr_status: word(account.resource_state().and_then(|resources| resources.ecr())),
                    scan_types: account.resource_state().into_iter().flat_map(scan_types).collect(),
                };
                Some((account.account_id().parse().ok()?, status))
            })
            .collect();
        let failed = output
            .failed_accounts()
            .iter()
            .filter_map(|failed| {
                Some((
                    failed.account_id().parse().ok()?,
                    failed.error_code().as_str().to_owned(),
                    failed.error_message().to_owned(),
                ))
            })
            .collect();
        Ok(AccountStatuses { accounts, failed })
    }

    pub async fn coverage(
        &self,
        call: &Arc<Call>,
        filter: CoverageFilter<'_>,
        token: Option<String>,
    ) -> Result<Page<CoveredResource>, CallError> {
        let equals = |value: &str| {
            CoverageStringFilter::builder().comparison(CoverageStringComparison::Equals).value(value).build().ok()
        };
        let mut criteria = CoverageFilterCriteria::builder();
        match filter {
            CoverageFilter::Repositories => {
                criteria = criteria.set_resource_type(equals("AWS_ECR_REPOSITORY").map(|f| vec![f]));
            }
            CoverageFilter::Images => {
                criteria = criteria.set_resource_type(equals("AWS_ECR_CONTAINER_IMAGE").map(|f| vec![f]));
            }
            CoverageFilter::RepositoriesOf(account) => {
                criteria = criteria
                    .set_resource_type(equals("AWS_ECR_REPOSITORY").map(|f| vec![f]))
                    .set_account_id(equals(account.as_str()).map(|f| vec![f]));
            }
            CoverageFilter::RepositoriesOfAny(accounts) => {
                criteria = criteria
                    .set_resource_type(equals("AWS_ECR_REPOSITORY").map(|f| vec![f]))
                    .set_account_id(Some(accounts.iter().filter_map(|account| equals(account.as_str())).collect()));
            }
            CoverageFilter::ImagesOf(account) => {
                criteria = criteria
                    .set_resource_type(equals("AWS_ECR_CONTAINER_IMAGE").map(|f| vec![f]))
                    .set_account_id(equals(account.as_str()).map(|f| vec![f]));
            }
        }
        let output = send!(
            self.port,
            call,
            self.inspector()
                .list_coverage()
                .max_results(200)
                .filter_criteria(criteria.clone().build())
                .set_next_token(token.clone())
        )?;
        answered(call, output.covered_resources.is_some())?;
        let rows = output.covered_resources().iter().map(|resource| {
            // The SDK fills in required members that the answer leaves out.
            let word = |word: &str| Some(word.to_owned()).filter(|word| word != NO_VALUE && !word.is_empty());
            let image = resource.resource_metadata().and_then(|metadata| metadata.ecr_image());
            Some(CoveredResource {
                account: resource.account_id().to_owned(),
                resource_id: resource.resource_id().to_owned(),
                status: resource.scan_status().and_then(|status| word(status.status_code().as_str())),
                reason: resource.scan_status().and_then(|status| word(status.reason().as_str())),
                last_scanned_at: resource.last_scanned_at().and_then(timestamp),
                in_use_count: image.and_then(|image| u64::try_from(image.in_use_count()?).ok()),
                last_in_use_at: image.and_then(|image| image.last_in_use_at()).and_then(timestamp),
            })
        });
        Ok(Page::of(rows, output.next_token()))
    }

    /// Whether ECR scanning is turned on for accounts that join the organization. AWS tells its administrator alone.
    pub async fn auto_enable(&self, call: &Arc<Call>) -> Result<bool, CallError> {
        let body = Arc::new(Body::default());
        let attempt = || async {
            let sent = self.inspector().describe_organization_configuration().customize();
            let sent = sent.interceptor(Capture(Arc::clone(&body))).send();
            sent.await.map_err(|error| call.error(&error))
        };
        let output = self.port.ask(call, attempt).await?;
        answered(call, body.holds("/autoEnable/ecr"))?;
        Ok(output.auto_enable().is_some_and(AutoEnable::ecr))
    }

    /// The delegated administrator as Inspector knows it. `None`: there is none.
    pub async fn delegated_administrator(&self, call: &Arc<Call>) -> Result<Option<AccountId>, CallError> {
        let output = match send!(self.port, call, self.inspector().get_delegated_admin_account()) {
            Ok(output) => output,
            Err(error) if error.code == "ResourceNotFoundException" => return Ok(None),
            Err(error) => return Err(error),
        };
        match output.delegated_admin().and_then(|admin| admin.account_id()).and_then(|id| id.parse().ok()) {
            Some(admin) => Ok(Some(admin)),
            None => Err(call.malformed("EmptyAnswer", "the answer names no administrator")),
        }
    }
}

fn scan_types(resources: &aws_sdk_inspector2::types::ResourceState) -> Vec<(String, String)> {
    [
        ("ecr", resources.ecr()),
        ("ec2", resources.ec2()),
        ("lambda", resources.lambda()),
        ("lambda_code", resources.lambda_code()),
        ("code_repository", resources.code_repository()),
        ("ami", resources.ami()),
    ]
    .into_iter()
    .filter_map(|(name, state)| Some((name.to_owned(), state?.status().as_str().to_owned())))
    .filter(|(_, status)| status != NO_VALUE)
    .collect()
}
