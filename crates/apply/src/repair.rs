//! One policy: read, written, read again, as the protocol of a repair says.

use scangap_aws::read::PolicyAnswer;
use scangap_model::Api;
use scangap_plan::Repair;
use scangap_plan::hash::same_policy;

use crate::context::Executor;
use crate::error::ApplyError;
use crate::events::ApplyEvent;
use crate::journal::JournalLine;
use crate::progress::Progress;
use crate::protocol::repair::{PolicyNow, RepairAction, Written, next};
use crate::report::repair::{describe, report};
use crate::step_report::StepReport;

/// A policy as it is now, and what is wrong with it where it is neither as planned nor repaired.
pub(crate) async fn policy_now(executor: &Executor<'_>, step: &Repair) -> Result<(PolicyNow, String), ApplyError> {
    let reader = executor.access.reader(step.account, &step.region);
    let answer = executor
        .patient(|| async {
            reader.repository_policy(&executor.access.call(Api::GetRepositoryPolicy), &step.repository).await
        })
        .await
        .map_err(|source| ApplyError::Call { step: step.id.clone(), what: "reading the policy".to_owned(), source })?;
    let other = |what: &str| (PolicyNow::Other, what.to_owned());
    Ok(match answer {
        PolicyAnswer::Text(text) if same_policy(&text, &step.after) => (PolicyNow::AlreadyRepaired, String::new()),
        PolicyAnswer::Text(text) if same_policy(&text, &step.before) => (PolicyNow::AsPlanned, String::new()),
        PolicyAnswer::Text(_) => other("its policy is not the one that the plan saw"),
        PolicyAnswer::None => other("it has no policy any more"),
        PolicyAnswer::RepositoryGone => other("it is gone"),
    })
}

pub(crate) async fn run(executor: &Executor<'_>, step: &Repair) -> Result<StepReport, ApplyError> {
    let id = || step.id.clone();
    let mut backoff = executor.backoff();
    let mut written = Written::NotTried;
    let mut rested = false;
    let mut last = None;
    let was_writing = executor.state().progress(&step.id) == Progress::Writing;
    loop {
        let (policy, what) = policy_now(executor, step).await?;
        match next(policy, written, rested, &mut backoff, executor.now()) {
            RepairAction::Write => {
                let what = format!("policy of {} in {}", step.repository, step.place());
                executor.tell(ApplyEvent::Begins { step: id(), what });
            }
            RepairAction::WaitThenRead(pause) => {
                tokio::time::sleep(pause).await;
                rested = true;
                continue;
            }
            RepairAction::Done { written } => {
                let result = if written { "repaired" } else { "was repaired already" };
                let line = JournalLine { result: Some(result.to_owned()), ..JournalLine::default() };
                executor.reach(Progress::Done, &step.id, line)?;
                // An earlier run of this apply may have written it, and not come to say so.
                let by_others = !written && !was_writing;
                return Ok(StepReport { by_others, ..report(step, result) });
            }
            RepairAction::Stale => return Err(ApplyError::Stale(vec![describe(step, &what)])),
            RepairAction::Unexpected => return Err(ApplyError::UnexpectedState { step: id(), what }),
            RepairAction::Failed => {
                let what = Api::SetRepositoryPolicy.to_string();
                return Err(match last {
                    Some(source) => ApplyError::Call { step: id(), what, source },
                    None => ApplyError::UnexpectedState { step: id(), what },
                });
            }
            RepairAction::NotThere => {
                let what = "its policy was written, and is not there".to_owned();
                return Err(ApplyError::UnexpectedState { step: id(), what });
            }
        }
        let writer = executor.writer(&step.id, step.account, &step.region)?;
        let line = JournalLine { call: Some(Api::SetRepositoryPolicy.to_string()), ..JournalLine::default() };
        executor.reach(Progress::Writing, &step.id, line)?;
        let call = executor.access.call(Api::SetRepositoryPolicy);
        let answer = writer.set_repository_policy(&call, &step.repository, &step.after).await;
        written = match &answer {
            Ok(()) => Written::Accepted,
            Err(error) => Written::Failed { passing: error.may_pass() },
        };
        last = answer.err();
        rested = false;
    }
}
