//! `plan.md`: the plan for a person who would rather do it by hand. Its text is in `templates/plan.md`.

use askama::Template;
use jiff::Timestamp;
use scangap_assess::{ELIGIBLE_DAYS, LostImage};
use scangap_model::{Observed, code_block, code_span, sanitize};
use scangap_policy::{Unstorable, deleted_principals};

use super::by_hand::chapter;
use super::commands::quoted;
use crate::file::plan_json;
use crate::step::{Plan, PolicyStep};

/// Images that are listed one by one in the runbook.
const LISTED: usize = 200;

#[derive(Template)]
#[template(path = "plan.md", escape = "none")]
struct Runbook<'a> {
    plan: &'a Plan,
    organization: String,
    hash: String,
    policies: Vec<PolicyView<'a>>,
    /// Whether something is, or could be, re-synced.
    tells_of_resyncs: bool,
}

pub(crate) fn runbook(plan: &Plan) -> String {
    let runbook = Runbook {
        plan,
        organization: match &plan.organization_id {
            Observed::Known(id) => code_span(id),
            Observed::Absent => "none".to_owned(),
            Observed::Unknown(_) => "could not be read".to_owned(),
        },
        hash: plan_json(plan).plan_sha256.unwrap_or_default(),
        policies: plan.policies.iter().map(PolicyView::of).collect(),
        tells_of_resyncs: !plan.resyncs.is_empty() || plan.refused.iter().any(|refused| refused.what == "resync"),
    };
    // INVARIANT: a template of texts alone fails only where writing to a string does.
    runbook.render().unwrap_or_default()
}

/// A policy, and the principals of its two texts that ECR would refuse.
struct PolicyView<'a> {
    step: &'a PolicyStep,
    gone: Vec<Unstorable>,
    kept: Vec<Unstorable>,
}

impl<'a> PolicyView<'a> {
    fn of(step: &'a PolicyStep) -> Self {
        Self { step, gone: deleted_principals(&step.before, None), kept: deleted_principals(&step.after, None) }
    }

    fn left_out(&self) -> impl Iterator<Item = &Unstorable> {
        self.gone.iter().filter(|one| !self.kept.contains(one))
    }

    fn gone_in_words(&self) -> String {
        self.gone.iter().map(|one| code_span(&one.what)).collect::<Vec<_>>().join(", ")
    }

    fn place(&self) -> String {
        let name = quoted(&sanitize(self.step.repository.as_str()));
        format!("--registry-id {} --region {} --repository-name {name}", self.step.account, self.step.region)
    }

    fn get(&self) -> String {
        format!("aws ecr get-repository-policy {} --query policyText --output text", self.place())
    }

    fn put(&self, file: &str) -> String {
        let folder = self.step.folder();
        format!("aws ecr set-repository-policy {} --policy-text file://{folder}/{file}.json", self.place())
    }
}

fn seconds(time: &Timestamp) -> String {
    format!("{time:.0}")
}

fn cents(amount: f64) -> String {
    format!("{amount:.2}")
}

fn name(account_name: Option<&str>) -> String {
    account_name.map(code_span).unwrap_or_default()
}

fn codes(texts: &[String]) -> String {
    texts.iter().map(|text| code_span(text)).collect::<Vec<_>>().join(", ")
}

fn pushed(image: &LostImage) -> String {
    image.pushed_at.map_or("not in ECR any more".to_owned(), |time| format!("pushed {time:.0}"))
}
