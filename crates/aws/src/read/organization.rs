//! AWS Organizations, read only.

use std::sync::Arc;

use aws_config::SdkConfig;
use scangap_model::AccountId;

use crate::answer::{answered, send};
use crate::classify::CallError;
use crate::meter::{Call, Watch};
use crate::page::Page;
use crate::port::{Port, Retries};

#[derive(Debug, Clone)]
pub struct OrganizationReader {
    client: aws_sdk_organizations::Client,
    port: Port,
}

#[derive(Debug, Clone)]
pub struct OrganizationSummary {
    pub id: String,
    pub management_account: String,
}

#[derive(Debug, Clone)]
pub struct AccountSummary {
    pub id: AccountId,
    pub name: Option<String>,
    /// `State`; the retired `Status` only where an endpoint does not know the former.
    pub state: Option<String>,
    /// `o-.../r-.../ou-.../<account>/`, without the account.
    pub path: Option<String>,
}

#[derive(Debug, Clone)]
pub struct OuSummary {
    pub id: String,
    pub name: String,
}

impl OrganizationReader {
    pub(crate) fn new(config: &SdkConfig, port: Port) -> Self {
        let config =
            aws_sdk_organizations::config::Builder::from(config).retry_classifier(Retries).interceptor(Watch).build();
        Self { client: aws_sdk_organizations::Client::from_conf(config), port }
    }

    /// `None`: the account is in no organization.
    pub async fn describe(&self, call: &Arc<Call>) -> Result<Option<OrganizationSummary>, CallError> {
        let output = match send!(self.port, call, self.client.describe_organization()) {
            Ok(output) => output,
            Err(error) if error.code == "AWSOrganizationsNotInUseException" => return Ok(None),
            Err(error) => return Err(error),
        };
        let organization = output
            .organization()
            .ok_or_else(|| call.malformed("NoOrganization", "the answer holds no organization"))?;
        Ok(Some(OrganizationSummary {
            id: organization.id().unwrap_or_default().to_owned(),
            management_account: organization.master_account_id().unwrap_or_default().to_owned(),
        }))
    }

    pub async fn accounts(&self, call: &Arc<Call>, token: Option<String>) -> Result<Page<AccountSummary>, CallError> {
        let output = send!(self.port, call, self.client.list_accounts().set_next_token(token.clone()))?;
        answered(call, output.accounts.is_some())?;
        Ok(Page::of(output.accounts().iter().map(summary), output.next_token()))
    }

    pub async fn accounts_of(
        &self,
        call: &Arc<Call>,
        parent: &str,
        token: Option<String>,
    ) -> Result<Page<AccountSummary>, CallError> {
        let output = send!(
            self.port,
            call,
            self.client.list_accounts_for_parent().parent_id(parent).set_next_token(token.clone())
        )?;
        answered(call, output.accounts.is_some())?;
        Ok(Page::of(output.accounts().iter().map(summary), output.next_token()))
    }

    pub async fn roots(&self, call: &Arc<Call>, token: Option<String>) -> Result<Page<OuSummary>, CallError> {
        let output = send!(self.port, call, self.client.list_roots().set_next_token(token.clone()))?;
        answered(call, output.roots.is_some())?;
        let roots = output.roots().iter().map(|root| {
            Some(OuSummary { id: root.id()?.to_owned(), name: root.name().unwrap_or_default().to_owned() })
        });
        Ok(Page::of(roots, output.next_token()))
    }

    pub async fn organizational_units(
        &self,
        call: &Arc<Call>,
        parent: &str,
        token: Option<String>,
    ) -> Result<Page<OuSummary>, CallError> {
        let output = send!(
            self.port,
            call,
            self.client.list_organizational_units_for_parent().parent_id(parent).set_next_token(token.clone())
        )?;
        answered(call, output.organizational_units.is_some())?;
        // A unit without a name cannot be told from another: paths and `--ou` need it.
        let units = output
            .organizational_units()
            .iter()
            .map(|ou| Some(OuSummary { id: ou.id()?.to_owned(), name: ou.name()?.to_owned() }));
        Ok(Page::of(units, output.next_token()))
    }

    /// The Inspector policy that governs an account. `None`: there is none.
    pub async fn inspector_policy(&self, call: &Arc<Call>, account: AccountId) -> Result<Option<String>, CallError> {
        let request = self
            .client
            .describe_effective_policy()
            .policy_type(aws_sdk_organizations::types::EffectivePolicyType::InspectorPolicy)
            .target_id(account.as_str());
        match send!(self.port, call, request.clone()) {
            Ok(output) => {
                answered(call, output.effective_policy.is_some())?;
                let content = output.effective_policy().and_then(|policy| policy.policy_content());
                Ok(content.filter(|content| !content.is_empty()).map(str::to_owned))
            }
            Err(error)
                if matches!(
                    error.code.as_str(),
                    "EffectivePolicyNotFoundException" | "AWSOrganizationsNotInUseException"
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Account ids of the delegated administrators for Inspector.
    pub async fn inspector_administrators(
        &self,
        call: &Arc<Call>,
        token: Option<String>,
    ) -> Result<Page<AccountId>, CallError> {
        let output = send!(
            self.port,
            call,
            self.client
                .list_delegated_administrators()
                .service_principal("inspector2.amazonaws.com")
                .set_next_token(token.clone())
        )?;
        answered(call, output.delegated_administrators.is_some())?;
        let administrators = output.delegated_administrators().iter().map(|admin| admin.id()?.parse().ok());
        Ok(Page::of(administrators, output.next_token()))
    }
}

fn summary(account: &aws_sdk_organizations::types::Account) -> Option<AccountSummary> {
    let id: AccountId = account.id()?.parse().ok()?;
    let status = account.status().map(|status| status.as_str().to_owned());
    let path = account.paths().first().map(|path| {
        // AWS appends the account id; aws:PrincipalOrgPaths has none.
        path.trim_end_matches('/').strip_suffix(&id.to_string()).unwrap_or(path).to_owned()
    });
    Some(AccountSummary {
        id,
        name: account.name().map(str::to_owned),
        state: account.state().map(|state| state.as_str().to_owned()).or(status),
        path,
    })
}
