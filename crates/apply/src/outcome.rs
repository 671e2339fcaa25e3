//! How an apply ended, step by step.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_aws::Identity;
use scangap_model::{AccountId, RegionName};
use scangap_plan::{PlanDocument, Resync};

use crate::error::ApplyError;
use crate::journal::JournalState;
use crate::progress::Progress;
use crate::report::{repair, resync};
use crate::step_report::StepReport;

/// How an apply ended.
#[derive(Debug)]
pub struct Outcome {
    pub caller_arn: String,
    pub began_at: Timestamp,
    pub ended_at: Timestamp,
    pub steps: Vec<StepReport>,
    /// Policies that others had repaired before: nothing is done about them.
    pub repaired_by_others: usize,
    /// Steps that were begun and failed, and why.
    pub(crate) failed: BTreeMap<String, String>,
    /// Steps that did not come to their end.
    pub left: usize,
    /// Whether anything may have been changed, by this run or an earlier one.
    pub begun: bool,
    pub stopped: Option<ApplyError>,
    /// Why accounts could not be opened: their steps were not made.
    pub refused: Vec<ApplyError>,
    pub left_disabled: Vec<LeftDisabled>,
}

/// A registry that could not be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftDisabled {
    pub step: String,
    pub account: AccountId,
    pub region: RegionName,
    /// Commands that bring it back, a line each.
    pub reenable: String,
}

impl LeftDisabled {
    fn of(step: &Resync) -> Self {
        Self {
            step: step.id.clone(),
            account: step.account,
            region: step.region.clone(),
            reenable: step.reenable_commands(),
        }
    }
}

impl Outcome {
    pub(crate) fn new(identity: &Identity, began_at: Timestamp) -> Self {
        Self {
            caller_arn: identity.arn.clone(),
            began_at,
            ended_at: began_at,
            steps: Vec::new(),
            repaired_by_others: 0,
            failed: BTreeMap::new(),
            left: 0,
            begun: false,
            stopped: None,
            refused: Vec::new(),
            left_disabled: Vec::new(),
        }
    }

    /// Steps that came to their end.
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| step.finished).count()
    }

    /// What was done before this run belongs to the report too. What is open, the journal says. `readable`: whether later
    /// commands can read it; where they cannot, nothing is known to be back.
    pub(crate) fn end(
        &mut self,
        plan: &PlanDocument,
        state: &JournalState,
        readable: bool,
        stopped: Option<ApplyError>,
        now: Timestamp,
    ) {
        let here = |id: &str| self.steps.iter().any(|step| step.id == id);
        let done = |id: &str| state.progress(id) == Progress::Done && !here(id);
        let repairs = plan.repairs.iter().filter(|step| done(&step.id)).map(repair::done_before);
        let resyncs = plan
            .resyncs
            .iter()
            .filter(|step| done(&step.id))
            .map(|step| resync::done_before(step, &state.step(&step.id)));
        let why = |id: &str| self.failed.get(id).map(String::as_str);
        let repairs_left = plan.repairs.iter().filter(|step| !here(&step.id)).filter_map(|step| {
            let (why, is_writing) = (why(&step.id), state.progress(&step.id) == Progress::Writing);
            (why.is_some() || is_writing).then(|| repair::not_finished(step, is_writing, why))
        });
        let resyncs_left = plan
            .resyncs
            .iter()
            .filter(|step| !here(&step.id))
            .filter_map(|step| resync::not_finished(step, &state.step(&step.id), why(&step.id)));
        let before: Vec<StepReport> = repairs.chain(resyncs).chain(repairs_left).chain(resyncs_left).collect();
        self.steps.extend(before);
        self.steps.sort_by(|a, b| a.id.cmp(&b.id));
        self.left = plan.steps() - self.done();
        self.begun = !readable || state.lines > 0;
        let open = |step: &&Resync| !readable || state.progress(&step.id).is_open();
        self.left_disabled = plan.resyncs.iter().filter(open).map(LeftDisabled::of).collect();
        self.stopped = stopped;
        self.ended_at = now;
    }
}
