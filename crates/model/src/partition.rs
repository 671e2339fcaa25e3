//! Partitions and the regions of each, with what is enabled by default and where Inspector exists.

use std::fmt;
use std::str::FromStr;

/// The partitions that have Amazon Inspector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    Aws,
    AwsCn,
    AwsUsGov,
}

impl Partition {
    pub const ALL: &[Self] = &[Self::Aws, Self::AwsCn, Self::AwsUsGov];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// The region that global services are signed for, enabled by default everywhere.
    pub const fn home_region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::AwsCn => "cn-northwest-1",
            Self::AwsUsGov => "us-gov-west-1",
        }
    }

    pub fn of_region(region: &str) -> Self {
        if region.starts_with("cn-") {
            Self::AwsCn
        } else if region.starts_with("us-gov-") {
            Self::AwsUsGov
        } else {
            Self::Aws
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|partition| partition.as_str() == text)
            .ok_or_else(|| format!("partition `{text}`"))
    }
}

/// AWS: these partitions have ECR and no Inspector. The partition of a region in one of them.
pub fn partition_without_inspector(region: &str) -> Option<&'static str> {
    const WITHOUT: &[(&str, &str)] = &[
        ("eusc-", "aws-eusc"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
    ];
    WITHOUT.iter().find(|(prefix, _)| region.starts_with(prefix)).map(|(_, partition)| *partition)
}

/// What is known of a region without asking.
#[derive(Debug, Clone, Copy)]
pub struct RegionInfo {
    pub name: &'static str,
    pub partition: Partition,
    pub default_enabled: bool,
    /// Whether Amazon Inspector had an endpoint there when this was written. AWS is asked all the same.
    pub inspector: bool,
}

const fn region(name: &'static str, partition: Partition, default_enabled: bool, inspector: bool) -> RegionInfo {
    RegionInfo { name, partition, default_enabled, inspector }
}

/// AWS: botocore's endpoints, 2026-11; "Regions enabled by default" of the Account Management guide.
pub const REGIONS: &[RegionInfo] = &[
    region("af-south-1", Partition::Aws, false, true),
    region("ap-east-1", Partition::Aws, false, true),
    region("ap-east-2", Partition::Aws, false, true),
    region("ap-northeast-1", Partition::Aws, true, true),
    region("ap-northeast-2", Partition::Aws, true, true),
    region("ap-northeast-3", Partition::Aws, true, true),
    region("ap-south-1", Partition::Aws, true, true),
    region("ap-south-2", Partition::Aws, false, true),
    region("ap-southeast-1", Partition::Aws, true, true),
    region("ap-southeast-2", Partition::Aws, true, true),
    region("ap-southeast-3", Partition::Aws, false, true),
    region("ap-southeast-4", Partition::Aws, false, true),
    region("ap-southeast-5", Partition::Aws, false, true),
    region("ap-southeast-6", Partition::Aws, false, false),
    region("ap-southeast-7", Partition::Aws, false, true),
    region("ca-central-1", Partition::Aws, true, true),
    region("ca-west-1", Partition::Aws, false, true),
    region("eu-central-1", Partition::Aws, true, true),
    region("eu-central-2", Partition::Aws, false, true),
    region("eu-north-1", Partition::Aws, true, true),
    region("eu-south-1", Partition::Aws, false, true),
    region("eu-south-2", Partition::Aws, false, true),
    region("eu-west-1", Partition::Aws, true, true),
    region("eu-west-2", Partition::Aws, true, true),
    region("eu-west-3", Partition::Aws, true, true),
    region("il-central-1", Partition::Aws, false, true),
    region("me-central-1", Partition::Aws, false, true),
    region("me-south-1", Partition::Aws, false, true),
    region("mx-central-1", Partition::Aws, false, true),
    region("sa-east-1", Partition::Aws, true, true),
    region("us-east-1", Partition::Aws, true, true),
    region("us-east-2", Partition::Aws, true, true),
    region("us-west-1", Partition::Aws, true, true),
    region("us-west-2", Partition::Aws, true, true),
    region("cn-north-1", Partition::AwsCn, true, true),
    region("cn-northwest-1", Partition::AwsCn, true, true),
    region("us-gov-east-1", Partition::AwsUsGov, true, true),
    region("us-gov-west-1", Partition::AwsUsGov, true, true),
];

pub fn region_info(name: &str) -> Option<&'static RegionInfo> {
    REGIONS.iter().find(|region| region.name == name)
}

/// The known region nearest to a misspelt one under the caller's measure (1 = equal), for "did you mean".
pub fn nearest_region(wrong: &str, distance: impl Fn(&str, &str) -> f64) -> Option<&'static str> {
    REGIONS
        .iter()
        .map(|region| (distance(region.name, wrong), region.name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seventeen_regions_are_enabled_by_default_in_the_commercial_partition() {
        let enabled = REGIONS.iter().filter(|r| r.partition == Partition::Aws && r.default_enabled).count();
        assert_eq!(enabled, 17);
    }

    // Holds: 3 What was not read: partitions without Inspector are told from new regions
    #[test]
    fn partitions_without_inspector_are_known_by_their_regions() {
        assert_eq!(partition_without_inspector("eusc-de-east-1"), Some("aws-eusc"));
        assert_eq!(partition_without_inspector("us-iso-west-1"), Some("aws-iso"));
        assert_eq!(partition_without_inspector("us-isob-east-1"), Some("aws-iso-b"));
        assert!(REGIONS.iter().all(|region| partition_without_inspector(region.name).is_none()));
        assert_eq!(partition_without_inspector("eu-west-9"), None);
    }

    #[test]
    fn every_region_stands_in_the_partition_its_name_says() {
        for region in REGIONS {
            assert_eq!(Partition::of_region(region.name), region.partition, "{}", region.name);
            assert!(region.name.parse::<crate::RegionName>().is_ok());
        }
        for partition in Partition::ALL {
            assert!(region_info(partition.home_region()).is_some_and(|home| home.default_enabled));
        }
    }
}
