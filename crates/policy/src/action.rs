//! ECR's actions: the ten of Inspector's service-linked role, and all the others.

use std::fmt;
use std::sync::LazyLock;

use crate::template::Template;

/// What is known of a request by its action alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// Whether it names a repository as its resource.
    pub(crate) on_repository: bool,
    /// Whether it carries what none of the ten does: tags that are to be set, or the name of a setting.
    pub(crate) carries_more: bool,
}

impl Class {
    pub(crate) const REPOSITORY: Self = Self { on_repository: true, carries_more: false };
    pub(crate) const REGISTRY: Self = Self { on_repository: false, carries_more: false };
}

macro_rules! actions {
    ($($name:ident: $class:ident $(, $more:ident)?;)*) => {
        /// An action of ECR's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($name,)*
        }

        /// Every action of ECR's that is known here, Inspector's ten first. New ones come.
        pub const ECR_ACTIONS: &[Action] = &[$(Action::$name),*];

        impl Action {
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("ecr:", stringify!($name)),)*
                }
            }

            pub(crate) const fn class(self) -> Class {
                match self {
                    $(Self::$name => actions!(@class $class $($more)?),)*
                }
            }
        }
    };
    (@class Repository) => { Class::REPOSITORY };
    (@class Registry) => { Class::REGISTRY };
    (@class Repository more) => { Class { on_repository: true, carries_more: true } };
    (@class Registry more) => { Class { on_repository: false, carries_more: true } };
}

// AWS: "Actions, resources, and condition keys for Amazon Elastic Container Registry", 2026-11. Inspector's ten are those of
// `AmazonInspector2ServiceRolePolicy`, statement `PackageVulnerabilityScanning`; unchanged from v1 (2021-11) to v26 (2026-02).
actions! {
    BatchGetImage: Repository;
    BatchGetRepositoryScanningConfiguration: Repository;
    DescribeImages: Repository;
    DescribeRepositories: Repository;
    GetDownloadUrlForLayer: Repository;
    ListImages: Repository;
    DescribeRegistry: Registry;
    GetAuthorizationToken: Registry;
    GetRegistryScanningConfiguration: Registry;
    PutRegistryScanningConfiguration: Registry;
    BatchCheckLayerAvailability: Repository;
    BatchDeleteImage: Repository;
    BatchImportUpstreamImage: Repository;
    CompleteLayerUpload: Repository;
    CreatePullThroughCacheRule: Registry;
    CreateRepository: Repository, more;
    CreateRepositoryCreationTemplate: Registry;
    DeleteLifecyclePolicy: Repository;
    DeletePullThroughCacheRule: Registry;
    DeleteRegistryPolicy: Registry;
    DeleteRepository: Repository;
    DeleteRepositoryCreationTemplate: Registry;
    DeleteRepositoryPolicy: Repository;
    DeleteSigningConfiguration: Registry;
    DeregisterPullTimeUpdateExclusion: Registry;
    DescribeImageReplicationStatus: Repository;
    DescribeImageScanFindings: Repository;
    DescribeImageSigningStatus: Repository;
    DescribePullThroughCacheRules: Registry;
    DescribeRepositoryCreationTemplates: Registry;
    GetAccountSetting: Registry, more;
    GetImageCopyStatus: Repository;
    GetLifecyclePolicy: Repository;
    GetLifecyclePolicyPreview: Repository;
    GetRegistryPolicy: Registry;
    GetRepositoryPolicy: Repository;
    GetSigningConfiguration: Registry;
    InitiateLayerUpload: Repository;
    ListImageReferrers: Repository;
    ListPullTimeUpdateExclusions: Registry;
    ListTagsForResource: Repository;
    PutAccountSetting: Registry, more;
    PutImage: Repository;
    PutImageScanningConfiguration: Repository;
    PutImageTagMutability: Repository;
    PutLifecyclePolicy: Repository;
    PutRegistryPolicy: Registry;
    PutReplicationConfiguration: Registry;
    PutSigningConfiguration: Registry;
    RegisterPullTimeUpdateExclusion: Registry;
    ReplicateImage: Repository;
    SetRepositoryPolicy: Repository;
    StartImageScan: Repository;
    StartLifecyclePolicyPreview: Repository;
    TagResource: Repository, more;
    UntagResource: Repository, more;
    UpdateImageStorageClass: Repository;
    UpdatePullThroughCacheRule: Registry;
    UpdateRepositoryCreationTemplate: Registry;
    UploadLayerPart: Repository;
    ValidatePullThroughCacheRule: Registry;
}

/// The actions of Inspector's role: the six on a repository, then the four that only a registry policy can touch.
pub const INSPECTOR_ACTIONS: &[Action] = ECR_ACTIONS.split_at(10).0;

/// The six that are authorized against the repository, so that a repository policy can touch them.
pub const REPOSITORY_ACTIONS: &[Action] = ECR_ACTIONS.split_at(6).0;

/// AWS: service prefix and action name compare without case.
static IN_LOWERCASE: LazyLock<Vec<String>> =
    LazyLock::new(|| ECR_ACTIONS.iter().map(|action| action.name().to_ascii_lowercase()).collect());

impl Action {
    /// From its name, with or without the service's prefix.
    pub fn from_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let name = lower.strip_prefix("ecr:").unwrap_or(&lower);
        let at = IN_LOWERCASE.iter().position(|known| known.strip_prefix("ecr:") == Some(name))?;
        ECR_ACTIONS.get(at).copied()
    }

    /// Whether the action names a repository as its resource.
    pub fn is_on_repository(self) -> bool {
        self.class().on_repository
    }

    /// AWS: what a registry policy is enforced for under scope V1 too.
    pub fn is_enforced_under_v1(self) -> bool {
        matches!(self, Self::ReplicateImage | Self::BatchImportUpstreamImage | Self::CreateRepository)
    }

    fn bit(self) -> u64 {
        1 << self as u64
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of ECR's actions, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ActionSet(u64);

impl ActionSet {
    pub(crate) const ALL: Self = Self((1 << ECR_ACTIONS.len()) - 1);
    /// Inspector's that are on a repository, and those that are not.
    pub(crate) const INSPECTOR_ON_REPOSITORY: Self = Self((1 << 6) - 1);
    pub(crate) const INSPECTOR_ON_REGISTRY: Self = Self((1 << 10) - (1 << 6));

    /// AWS: `*` and `?` stand for any run and any one character.
    pub(crate) fn of(patterns: &[Box<str>]) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            let pattern = pattern.to_ascii_lowercase();
            set.0 |= if pattern == "*" || pattern == "ecr:*" {
                Self::ALL.0
            } else if pattern.contains(['*', '?']) {
                let pattern = Template::new(&pattern, true, false);
                Self::where_name(|name| pattern.matches(name, |_| ""))
            } else {
                Self::where_name(|name| name == pattern)
            };
        }
        set
    }

    fn where_name(matches: impl Fn(&str) -> bool) -> u64 {
        let named = ECR_ACTIONS.iter().zip(&*IN_LOWERCASE).filter(|(_, name)| matches(name));
        named.fold(0, |set, (action, _)| set | action.bit())
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
    fn the_six_are_the_first_of_the_ten_and_the_ten_of_all() {
        for (at, action) in ECR_ACTIONS.iter().enumerate() {
            assert_eq!(*action as usize, at);
            assert_eq!(Action::from_name(action.name()), Some(*action));
            assert_eq!(Action::from_name(&action.name().replace("ecr:", "").to_uppercase()), Some(*action));
        }
        for action in INSPECTOR_ACTIONS {
            assert_eq!(action.is_on_repository(), REPOSITORY_ACTIONS.contains(action));
            assert_eq!(ActionSet::INSPECTOR_ON_REPOSITORY.contains(*action), action.is_on_repository());
            assert_eq!(ActionSet::INSPECTOR_ON_REGISTRY.contains(*action), !action.is_on_repository());
            assert!(!action.class().carries_more);
        }
        assert_eq!(Action::from_name("ecr:GetRole"), None);
        assert_eq!(ActionSet::of(&["*".into()]), ActionSet::ALL);
        assert!(ActionSet::ALL.complement().is_empty());
        let puts = ActionSet::of(&["ECR:Put*".into(), "ecr:setrepositorypolicy".into(), "s3:*".into()]);
        assert!(puts.contains(Action::PutImage) && puts.contains(Action::SetRepositoryPolicy));
        assert!(!puts.contains(Action::GetRepositoryPolicy));
    }
}
