//! The ten ECR actions of Inspector's service-linked role.

use std::fmt;

/// AWS: `AmazonInspector2ServiceRolePolicy`, statement `PackageVulnerabilityScanning`; unchanged from v1 (2021-11) to
/// v26 (2026-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    BatchGetImage,
    BatchGetRepositoryScanningConfiguration,
    DescribeImages,
    DescribeRepositories,
    GetDownloadUrlForLayer,
    ListImages,
    DescribeRegistry,
    GetAuthorizationToken,
    GetRegistryScanningConfiguration,
    PutRegistryScanningConfiguration,
}

/// The six that are authorized against the repository, so that a repository policy can touch them.
///
/// AWS: "Actions, resources, and condition keys for Amazon Elastic Container Registry".
pub const REPOSITORY_ACTIONS: &[Action] = &[
    Action::BatchGetImage,
    Action::BatchGetRepositoryScanningConfiguration,
    Action::DescribeImages,
    Action::DescribeRepositories,
    Action::GetDownloadUrlForLayer,
    Action::ListImages,
];

/// The six, then the four that only a registry policy can touch.
pub const ALL_ACTIONS: &[Action] = &[
    Action::BatchGetImage,
    Action::BatchGetRepositoryScanningConfiguration,
    Action::DescribeImages,
    Action::DescribeRepositories,
    Action::GetDownloadUrlForLayer,
    Action::ListImages,
    Action::DescribeRegistry,
    Action::GetAuthorizationToken,
    Action::GetRegistryScanningConfiguration,
    Action::PutRegistryScanningConfiguration,
];

impl Action {
    pub const fn name(self) -> &'static str {
        match self {
            Self::BatchGetImage => "ecr:BatchGetImage",
            Self::BatchGetRepositoryScanningConfiguration => "ecr:BatchGetRepositoryScanningConfiguration",
            Self::DescribeImages => "ecr:DescribeImages",
            Self::DescribeRepositories => "ecr:DescribeRepositories",
            Self::GetDownloadUrlForLayer => "ecr:GetDownloadUrlForLayer",
            Self::ListImages => "ecr:ListImages",
            Self::DescribeRegistry => "ecr:DescribeRegistry",
            Self::GetAuthorizationToken => "ecr:GetAuthorizationToken",
            Self::GetRegistryScanningConfiguration => "ecr:GetRegistryScanningConfiguration",
            Self::PutRegistryScanningConfiguration => "ecr:PutRegistryScanningConfiguration",
        }
    }

    /// Whether the action names a repository as its resource.
    pub fn is_on_repository(self) -> bool {
        REPOSITORY_ACTIONS.contains(&self)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
