//! What an audit is asked to do.

use std::path::PathBuf;

use jiff::Timestamp;
use scangap_aws::ConnectOptions;
use scangap_collect::CollectOptions;
use scangap_report::{Decisions, ReportOptions};
use scangap_snapshot::Recipients;

use crate::args::Past;
use crate::fail_on::FailOn;
use crate::resumption::Resumption;

/// Everything that an audit was asked for.
pub(crate) struct Job {
    /// Said before the first call.
    pub(crate) introduction: String,
    pub(crate) connect: ConnectOptions,
    pub(crate) collect: CollectOptions,
    pub(crate) as_of: Timestamp,
    pub(crate) fail_on: FailOn,
    pub(crate) out: Option<PathBuf>,
    /// An audit to go on with, in place of a new one.
    pub(crate) resume: Option<Resumption>,
    pub(crate) reports: ReportOptions,
    /// Whom the finished snapshot is encrypted to; none: it is not.
    pub(crate) recipients: Recipients,
    /// Earlier audits to compare with.
    pub(crate) past: Past,
    pub(crate) decisions: Decisions,
    /// When things happened, for the evidence.
    pub(crate) clock: fn() -> Timestamp,
    /// What the endpoint is called in the evidence, where its address says nothing.
    pub(crate) endpoint_name: Option<&'static str>,
    pub(crate) quiet: u8,
    pub(crate) progress: bool,
    /// Whether to say in the end what each API took.
    pub(crate) table: bool,
}
