//! Where Inspector writes a copy of its own of what is deleted.

use std::collections::BTreeSet;

use scangap_aws::write::ReportDestination;
use scangap_model::{Allowance, Api, Arn, Partition, RegionName, permissions};
use scangap_plan::PlanDocument;

use crate::journal::ReportPlace;

const REGION: &str = "{region}";

/// Where reports go. AWS: bucket and key must be in the region of the findings, so `{region}` in either is replaced by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsReports {
    /// As it was given, for a resume.
    place: String,
    bucket: String,
    prefix: Option<String>,
    kms_key_arn: String,
}

/// Why reports cannot be written there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindingsReportsError {
    #[error("`{0}` is not s3://BUCKET or s3://BUCKET/PREFIX")]
    NotS3(String),
    #[error("`{0}` is not the ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID")]
    NotAKey(String),
    #[error("findings of {region} are written to a bucket and with a key of {region}, and the key is of {of}")]
    OtherRegion { region: RegionName, of: String },
}

impl FindingsReports {
    pub fn parse(place: &str, kms_key_arn: &str) -> Result<Self, FindingsReportsError> {
        let not_s3 = || FindingsReportsError::NotS3(place.to_owned());
        let rest = place.strip_prefix("s3://").ok_or_else(not_s3)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // AWS: 3 to 63 of these. The placeholder counts as long as the shortest name of one.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let shown = bucket.replace(REGION, "region-1");
        if !(3..=63).contains(&shown.len()) || !shown.bytes().all(plain) {
            return Err(not_s3());
        }
        let prefix = prefix.trim_matches('/');
        let reports = Self {
            place: place.to_owned(),
            bucket: bucket.to_owned(),
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            kms_key_arn: kms_key_arn.to_owned(),
        };
        let key: Option<Arn> = kms_key_arn.parse().ok();
        key.filter(|arn| arn.service == "kms" && arn.resource.starts_with("key/"))
            .ok_or_else(|| FindingsReportsError::NotAKey(kms_key_arn.to_owned()))?;
        Ok(reports)
    }

    /// For the journal, from which a resume reads it.
    pub(crate) fn journaled(&self) -> ReportPlace {
        ReportPlace { to: self.place.clone(), key: self.kms_key_arn.clone() }
    }

    pub(crate) fn from_journal(place: &ReportPlace) -> Option<Self> {
        Self::parse(&place.to, &place.key).ok()
    }

    pub(crate) fn of(&self, region: &RegionName) -> Result<ReportDestination, FindingsReportsError> {
        let filled = |text: &str| text.replace(REGION, region.as_str());
        let kms_key_arn = filled(&self.kms_key_arn);
        let of = kms_key_arn.parse::<Arn>().map(|arn| arn.region).unwrap_or_default();
        if of != region.as_str() {
            return Err(FindingsReportsError::OtherRegion { region: region.clone(), of });
        }
        Ok(ReportDestination { bucket: filled(&self.bucket), prefix: self.prefix.as_deref().map(filled), kms_key_arn })
    }

    /// What it takes. AWS names the rights to the bucket that an export needs, and does not say whether they are tried.
    pub(crate) fn allowances<'a>(
        &self,
        partition: Partition,
        regions: impl IntoIterator<Item = &'a RegionName>,
    ) -> [Allowance; 2] {
        let buckets: BTreeSet<String> = regions
            .into_iter()
            .map(|region| format!("arn:{partition}:s3:::{}", self.bucket.replace(REGION, region.as_str())))
            .collect();
        let objects = buckets.iter().map(|bucket| format!("{bucket}/*"));
        let inspector = permissions(&[Api::CreateFindingsReport, Api::GetFindingsReportStatus, Api::ListFindings]);
        [
            Allowance { actions: inspector, resources: Vec::new() },
            Allowance {
                actions: Api::CreateFindingsReport.dependent_actions().to_vec(),
                resources: objects.chain(buckets.iter().cloned()).collect(),
            },
        ]
    }

    /// Whether every registry of a plan has a place for its report.
    pub(crate) fn fit(&self, plan: &PlanDocument) -> Result<(), FindingsReportsError> {
        let mut unfit = plan.resyncs.iter().filter_map(|step| self.of(&step.region).err());
        unfit.next().map_or(Ok(()), Err)
    }
}
