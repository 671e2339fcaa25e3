//! The ten ECR actions of Inspector's service-linked role.

use std::fmt;

use crate::template::Template;

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
        ActionSet::ON_REPOSITORY.contains(self)
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }

    fn lower(self) -> &'static str {
        match self {
            Self::BatchGetImage => "ecr:batchgetimage",
            Self::BatchGetRepositoryScanningConfiguration => "ecr:batchgetrepositoryscanningconfiguration",
            Self::DescribeImages => "ecr:describeimages",
            Self::DescribeRepositories => "ecr:describerepositories",
            Self::GetDownloadUrlForLayer => "ecr:getdownloadurlforlayer",
            Self::ListImages => "ecr:listimages",
            Self::DescribeRegistry => "ecr:describeregistry",
            Self::GetAuthorizationToken => "ecr:getauthorizationtoken",
            Self::GetRegistryScanningConfiguration => "ecr:getregistryscanningconfiguration",
            Self::PutRegistryScanningConfiguration => "ecr:putregistryscanningconfiguration",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the ten actions, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ActionSet(u16);

impl ActionSet {
    pub(crate) const ALL: Self = Self(0b11_1111_1111);
    pub(crate) const ON_REPOSITORY: Self = Self(0b00_0011_1111);

    /// AWS: service prefix and action name compare without case; `*` and `?` stand for any run and any one character.
    pub(crate) fn of(patterns: &[Box<str>]) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            let pattern = Template::new(&pattern.to_ascii_lowercase(), true, false);
            let named = ALL_ACTIONS.iter().filter(|action| pattern.matches(action.lower(), |_| ""));
            set = named.fold(set, |set, action| Self(set.0 | action.bit()));
        }
        set
    }

    pub(crate) fn complement(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn contains(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_are_the_first_of_the_ten() {
        let on_repository = ALL_ACTIONS.iter().filter(|action| ActionSet::ON_REPOSITORY.contains(**action));
        assert!(on_repository.eq(REPOSITORY_ACTIONS));
        for action in ALL_ACTIONS {
            assert_eq!(action.lower(), action.to_string().to_ascii_lowercase());
            assert_eq!(action.is_on_repository(), REPOSITORY_ACTIONS.contains(action));
        }
        assert_eq!(ActionSet::of(&["*".into()]), ActionSet::ALL);
        assert!(ActionSet::ALL.complement().is_empty());
    }
}
