//! One policy: looked at, written, looked at again.

use scangap_aws::read::PolicyAnswer;
use scangap_model::Api;
use serde_json::json;

use crate::context::Executor;
use crate::context::may_pass;
use crate::error::Stop;
use crate::events::ApplyEvent;
use crate::journal::Progress;
use crate::report::repair::{describe, report};
use crate::step_report::StepReport;
use scangap_plan::Repair;
use scangap_plan::hash::same_policy;

/// How the policy stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    AsPlanned,
    AlreadyRepaired,
    /// Somebody changed it, or it is gone.
    Other(String),
}

pub(crate) async fn standing(executor: &Executor<'_>, step: &Repair) -> Result<Standing, Stop> {
    let reader = executor.access.reader(step.account, &step.region);
    let answer = executor
        .patient(|| async {
            reader.repository_policy(&executor.access.call(Api::GetRepositoryPolicy), &step.repository).await
        })
        .await
        .map_err(|source| Stop::Call { step: step.id.clone(), what: "reading the policy".to_owned(), source })?;
    Ok(match answer {
        PolicyAnswer::Text(text) if same_policy(&text, &step.after) => Standing::AlreadyRepaired,
        PolicyAnswer::Text(text) if same_policy(&text, &step.before) => Standing::AsPlanned,
        PolicyAnswer::Text(_) => Standing::Other("its policy is not the one that the plan saw".to_owned()),
        PolicyAnswer::None => Standing::Other("it has no policy any more".to_owned()),
        PolicyAnswer::RepositoryGone => Standing::Other("it is gone".to_owned()),
    })
}

pub(crate) async fn run(executor: &Executor<'_>, step: &Repair) -> Result<StepReport, Stop> {
    let report = |result: &str| report(step, result);
    match standing(executor, step).await? {
        Standing::AlreadyRepaired => {
            executor.note(Progress::Done, &step.id, &[("result", json!("was repaired already"))]).await?;
            return Ok(report("was repaired already"));
        }
        Standing::Other(what) => return Err(Stop::Stale(vec![describe(step, &what)])),
        Standing::AsPlanned => {}
    }
    executor.tell(ApplyEvent::Begins { step: step.id.clone(), what: format!("policy of {}", step.repository) });
    let writer = executor.writer(&step.id, step.account, &step.region)?;
    let mut waits = executor.waits();
    loop {
        executor.note(Progress::Writing, &step.id, &[("call", json!("ecr:SetRepositoryPolicy"))]).await?;
        let call = executor.access.call(Api::SetRepositoryPolicy);
        let written = writer.set_repository_policy(&call, &step.repository, &step.after).await;
        // Whatever the answer was, what is there now counts.
        match (standing(executor, step).await?, written) {
            (Standing::AlreadyRepaired, _) => break,
            (Standing::Other(what), _) => return Err(Stop::Surprise { step: step.id.clone(), what }),
            (Standing::AsPlanned, written) => {
                let error = written.err().filter(|error| !may_pass(error) || waits.is_over());
                if let Some(source) = error {
                    return Err(Stop::Call {
                        step: step.id.clone(),
                        what: "ecr:SetRepositoryPolicy".to_owned(),
                        source,
                    });
                }
                if waits.is_over() {
                    let what = "its policy was written, and is not there".to_owned();
                    return Err(Stop::Surprise { step: step.id.clone(), what });
                }
                waits.wait().await;
            }
        }
    }
    executor.note(Progress::Done, &step.id, &[("result", json!("repaired"))]).await?;
    Ok(report("repaired"))
}
