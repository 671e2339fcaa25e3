//! `run.json`: how the run went. Evidence, which differs between two runs over the same facts.

use scangap_model::Gap;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::input::{BucketUse, CallCount, Input, OneRun, RunEvidence};

const VERSION: u64 = 3;

/// How an audit went
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "run.json of a scangap audit")]
pub(super) struct RunJson {
    schema_version: u64,
    tool_version: String,
    /// with what is secret taken out
    command_line: String,
    simulated: bool,
    /// null: AWS's own
    endpoint: Option<String>,
    caller_arn: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    interrupted: bool,
    facts_sha256: String,
    /// the runs that gathered the facts: the first, and those that resumed it
    runs: Vec<OneRunJson>,
    /// over all runs; of one that was killed, as far as it had said
    calls: Vec<CallsJson>,
    /// the buckets of AWS's that were waited for longest, over all runs
    fullest_buckets: Vec<BucketJson>,
    /// every gap, with AWS's own message
    gap_evidence: Vec<GapJson>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneRunJson {
    started_at: Option<String>,
    /// null: it was killed
    finished_at: Option<String>,
    command_line: String,
    caller_arn: String,
    /// in order, but for the reports, of which this file is one; none of a run that was killed
    phases: Vec<PhaseJson>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PhaseJson {
    phase: String,
    took_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BucketJson {
    /// the account that pays for the calls, and the region
    place: String,
    api: String,
    /// all calls together waited so long for their turn
    waited_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallsJson {
    api: String,
    calls: u64,
    attempts: u64,
    throttled: u64,
    /// all calls together waited so long for their turn in AWS's buckets
    waited_ms: u64,
    /// all attempts together waited so long for their answers
    answered_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GapJson {
    api: String,
    account_id: Option<String>,
    region: Option<String>,
    resource: String,
    code: String,
    message: String,
    attempts: u32,
}

impl RunJson {
    pub(super) fn of(input: &Input<'_>, run: &RunEvidence) -> Self {
        let calls = |count: &CallCount| CallsJson {
            api: count.api.clone(),
            calls: count.calls,
            attempts: count.attempts,
            throttled: count.throttled,
            waited_ms: count.waited_ms,
            answered_ms: count.answered_ms,
        };
        let one_run = |run: &OneRun| OneRunJson {
            started_at: run.started_at.map(|time| time.to_string()),
            finished_at: run.finished_at.map(|time| time.to_string()),
            command_line: run.command_line.clone(),
            caller_arn: run.caller_arn.clone(),
            phases: run
                .phases
                .iter()
                .map(|(phase, took_ms)| PhaseJson { phase: phase.clone(), took_ms: *took_ms })
                .collect(),
        };
        let bucket = |wait: &BucketUse| BucketJson {
            place: wait.place.clone(),
            api: wait.api.clone(),
            waited_ms: wait.waited_ms,
        };
        let gap = |gap: &Gap| GapJson {
            api: gap.api.to_string(),
            account_id: gap.account.map(|id| id.to_string()),
            region: gap.region.as_ref().map(ToString::to_string),
            resource: gap.resource.clone(),
            code: gap.code.clone(),
            message: gap.message.clone(),
            attempts: gap.attempts,
        };
        Self {
            schema_version: VERSION,
            tool_version: input.tool_version.to_owned(),
            command_line: run.command_line.clone(),
            simulated: input.simulated,
            endpoint: run.endpoint.clone(),
            caller_arn: input.caller_arn.to_owned(),
            started_at: run.started_at.map(|time| time.to_string()),
            finished_at: run.finished_at.map(|time| time.to_string()),
            interrupted: input.interrupted,
            facts_sha256: input.facts_sha256.to_owned(),
            runs: run.runs.iter().map(one_run).collect(),
            calls: run.api_counts.iter().map(calls).collect(),
            fullest_buckets: run.bucket_waits.iter().map(bucket).collect(),
            gap_evidence: input.assessment.gaps.iter().map(gap).collect(),
        }
    }
}

/// The JSON Schema of `run.json`, made from the types that write it.
pub fn run_schema() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<RunJson>()
}
