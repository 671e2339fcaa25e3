//! Inspector's own copy of the findings in S3, where somebody asks for it: besides the backup, never instead of it.

use std::collections::BTreeSet;

use scangap_aws::CallError;
use scangap_aws::write::ReportDestination;
use scangap_model::{Allowance, Api, Arn, GapKind, Partition, RegionName};
use serde_json::{Value, json};

use super::document::{PlanDocument, Resync};
use super::run::Executor;
use super::stop::Stop;

const REGION: &str = "{region}";

/// Where reports go. AWS: bucket and key must be in the region of the findings, so that `{region}` in either stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsReports {
    /// As it was given, for whoever resumes.
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
        // AWS: 3 to 63 of these. What stands for the region is as long as the shortest name of one.
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

    /// For the journal, from which whoever resumes reads it.
    pub(super) fn journaled(&self) -> Value {
        json!({"to": self.place, "key": self.kms_key_arn})
    }

    pub(super) fn from_journal(value: &Value) -> Option<Self> {
        let text = |name| value.get(name).and_then(Value::as_str);
        Self::parse(text("to")?, text("key")?).ok()
    }

    fn of(&self, region: &RegionName) -> Result<ReportDestination, FindingsReportsError> {
        let filled = |text: &str| text.replace(REGION, region.as_str());
        let kms_key_arn = filled(&self.kms_key_arn);
        let of = kms_key_arn.parse::<Arn>().map(|arn| arn.region).unwrap_or_default();
        if of != region.as_str() {
            return Err(FindingsReportsError::OtherRegion { region: region.clone(), of });
        }
        Ok(ReportDestination { bucket: filled(&self.bucket), prefix: self.prefix.as_deref().map(filled), kms_key_arn })
    }

    /// What it takes. AWS names the rights to the bucket for whoever exports, and does not say whether they are tried.
    pub(super) fn allowances<'a>(
        &self,
        partition: Partition,
        regions: impl IntoIterator<Item = &'a RegionName>,
    ) -> [Allowance; 2] {
        let buckets: BTreeSet<String> = regions
            .into_iter()
            .map(|region| format!("arn:{partition}:s3:::{}", self.bucket.replace(REGION, region.as_str())))
            .collect();
        let objects = buckets.iter().map(|bucket| format!("{bucket}/*"));
        let inspector =
            ["inspector2:CreateFindingsReport", "inspector2:GetFindingsReportStatus", "inspector2:ListFindings"];
        [
            Allowance { actions: inspector.into(), resources: Vec::new() },
            Allowance {
                actions: vec!["s3:GetBucketLocation", "s3:PutObject"],
                resources: objects.chain(buckets.iter().cloned()).collect(),
            },
        ]
    }

    /// Whether every cell of a plan has a place for its report.
    pub(super) fn fit(&self, plan: &PlanDocument) -> Result<(), Stop> {
        let mut unfit = plan.resyncs.iter().filter_map(|step| self.of(&step.region).err());
        unfit.next().map_or(Ok(()), |why| Err(Stop::FindingsReports(why)))
    }
}

/// Has Inspector write a cell's findings, and waits until it has. AWS writes one report at a time.
pub(super) async fn write(executor: &Executor<'_>, step: &Resync, to: &FindingsReports) -> Result<(), Stop> {
    let failed = |why: String| Stop::Backup { step: step.id.clone(), why: format!("Inspector's report: {why}") };
    let of_call = |error: CallError| failed(error.to_string());
    let destination = to.of(&step.region).map_err(Stop::FindingsReports)?;
    let writer = executor.writer(&step.id, step.toggled_from, &step.region)?;
    let place = format!("s3://{}/{}", destination.bucket, destination.prefix.as_deref().unwrap_or_default());
    let line = [("call", json!("inspector2:CreateFindingsReport")), ("to", json!(place))];
    executor.line("reporting", &step.id, &line).await?;
    let mut waits = executor.waits();
    let id = loop {
        let call = executor.access.call(Api::CreateFindingsReport);
        match writer.create_findings_report(&call, step.account, !step.only_scan_type, &destination).await {
            Ok(id) => break id,
            // Certainly not begun. Anything else may have been, and a second one would stand in its way.
            Err(error) if error.kind == GapKind::Throttled && !waits.is_over() => waits.wait().await,
            Err(error) => return Err(of_call(error)),
        }
    };
    loop {
        let read =
            || async { writer.findings_report_status(&executor.access.call(Api::GetFindingsReportStatus), &id).await };
        let report = executor.patient(read).await.map_err(of_call)?;
        match report.status.as_str() {
            "SUCCEEDED" => break,
            "IN_PROGRESS" if executor.cancel.is_cancelled() => return Err(Stop::Interrupted),
            "IN_PROGRESS" if !waits.is_over() => waits.wait().await,
            "IN_PROGRESS" => return Err(failed(format!("{id} is still in progress; --wait is how long it may take"))),
            other => return Err(failed(format!("{id} is {other}: {} {}", report.code, report.message))),
        }
    }
    let report = format!("{place}: report {id}");
    executor.line("reported", &step.id, &[("findings_report", json!(report))]).await
}
