//! ARNs, split into their six parts once.

use std::fmt;
use std::str::FromStr;

use crate::{AccountId, Partition, RegionName, RepositoryName};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ARN")]
pub struct ArnError(pub String);

/// An ARN by its parts. The resource part may itself hold colons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let mut parts = text.splitn(6, ':');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("arn"), Some(partition), Some(service), Some(region), Some(account), Some(resource)) => Ok(Self {
                partition: partition.to_owned(),
                service: service.to_owned(),
                region: region.to_owned(),
                account: account.to_owned(),
                resource: resource.to_owned(),
            }),
            _ => Err(ArnError(text.to_owned())),
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:{}:{}:{}:{}", self.partition, self.service, self.region, self.account, self.resource)
    }
}

impl Arn {
    /// The repository an ECR repository or image ARN names, and the image digest where there is one.
    ///
    /// AWS: Inspector `CoveredResource.resourceId` is `...:repository/<name>` or `...:repository/<name>/sha256:<hex>`.
    pub fn ecr_repository(&self) -> Option<(RepositoryName, Option<String>)> {
        let path = self.resource.strip_prefix("repository/").filter(|_| self.service == "ecr")?;
        let (name, digest) = match path.rsplit_once('/') {
            Some((name, digest)) if digest.starts_with("sha256:") => (name, Some(digest.to_owned())),
            _ => (path, None),
        };
        Some((name.parse().ok()?, digest))
    }
}

/// The name of the service-linked role that Inspector calls ECR with: the same in every partition.
pub const INSPECTOR_ROLE_NAME: &str = "AWSServiceRoleForAmazonInspector2";

/// The service-linked role that Inspector calls ECR with.
///
/// AWS: "Using service-linked roles for Amazon Inspector".
pub fn inspector_role_arn(partition: Partition, account: AccountId) -> String {
    format!("arn:{partition}:iam::{account}:role/aws-service-role/inspector2.amazonaws.com/{INSPECTOR_ROLE_NAME}")
}

pub fn repository_arn(partition: Partition, region: &RegionName, account: AccountId, name: &RepositoryName) -> String {
    format!("arn:{partition}:ecr:{region}:{account}:repository/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository_of(text: &str) -> Option<(String, Option<String>)> {
        text.parse::<Arn>().unwrap().ecr_repository().map(|(name, digest)| (name.to_string(), digest))
    }

    #[test]
    fn repositories_and_images_are_told_apart() {
        let base = "arn:aws:ecr:eu-west-1:111122223333:repository/team/app";
        assert_eq!(repository_of(base), Some(("team/app".into(), None)));
        assert_eq!(repository_of(&format!("{base}/sha256:ab")), Some(("team/app".into(), Some("sha256:ab".into()))));
        assert_eq!(repository_of("arn:aws:ec2:eu-west-1:111122223333:instance/i-1"), None);
    }

    #[test]
    fn arns_round_trip_with_colons_in_the_resource() {
        let text = "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:name:1";
        assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        assert!("arn:aws:ecr".parse::<Arn>().is_err());
    }
}
