//! The registry that a call to ECR speaks of, and how a repository of it is described.

use scangap_model::{AccountId, Partition, RegionName, inspector_role_arn};
use serde_json::{Value, json};

use crate::truth::Standing;
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, Repository, World};

/// The registry a call speaks of.
pub(super) struct Place<'a> {
    pub(super) account: AccountId,
    pub(super) region: RegionName,
    pub(super) caller: &'a Caller,
    pub(super) request: &'a Incoming,
}

impl Place<'_> {
    pub(super) fn repository_arn(&self, name: &str) -> String {
        format!("arn:aws:ecr:{}:{}:repository/{name}", self.region, self.account)
    }

    pub(super) fn not_found(&self, name: &str) -> WireError {
        WireError::new(
            400,
            "RepositoryNotFoundException",
            format!("The repository with name '{name}' does not exist in the registry with id '{}'", self.account),
        )
    }

    /// The named repository, if it exists and its policy lets the caller do this.
    pub(super) fn check(&self, world: &mut World, name: &str) -> Result<(), WireError> {
        let exists = world
            .registry_ref(self.account, &self.region)
            .is_some_and(|registry| registry.repositories.contains_key(name));
        if !exists {
            return Err(self.not_found(name));
        }
        if world.auditor_standing(self.account, &self.region, name) == Standing::Denied {
            return Err(self.denied_by_policy(name));
        }
        Ok(())
    }

    /// AWS: what the caller has to be allowed besides, to set ENHANCED.
    pub(super) fn may_do_what_it_takes(&self) -> Result<(), WireError> {
        const DEPENDENT_ACTIONS: [&str; 6] = [
            "iam:CreateServiceLinkedRole",
            "inspector2:Disable",
            "inspector2:Enable",
            "inspector2:ListAccountPermissions",
            "inspector2:ListCoverage",
            "inspector2:ListFindings",
        ];
        for action in DEPENDENT_ACTIONS {
            let of_iam = action.starts_with("iam:");
            let resource = if of_iam { inspector_role_arn(Partition::Aws, self.account) } else { String::new() };
            if let Some(tail) = self.caller.permitted.refusal(action, &resource) {
                return Err(WireError::access_denied("AccessDeniedException", &self.caller.arn, action, &tail));
            }
        }
        Ok(())
    }

    pub(super) fn denied_by_policy(&self, name: &str) -> WireError {
        let tail =
            format!("on resource: {} with an explicit deny in a resource-based policy", self.repository_arn(name));
        WireError::access_denied("AccessDeniedException", &self.caller.arn, &self.request.permission(), &tail)
    }
}

pub(super) fn seconds(time: jiff::Timestamp) -> Value {
    json!(time.as_second())
}

pub(super) fn describe(place: &Place<'_>, name: &str, repository: &Repository) -> Value {
    json!({
        "repositoryArn": place.repository_arn(name),
        "registryId": place.account.to_string(),
        "repositoryName": name,
        "repositoryUri": format!("{}.dkr.ecr.{}.amazonaws.com/{name}", place.account, place.region),
        "createdAt": seconds(repository.created_at),
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": false},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    })
}
