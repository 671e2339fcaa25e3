//! What the page shows, as the templates take it.

use askama::Template;

use super::action::ActionView;
use super::changes::ChangesView;
use super::heat::Heat;
use super::policies::PolicyView;
use super::trend::TrendView;
use crate::columns::{AppliedRow, PlanView};
use crate::sign_off::Control;

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    pub(super) style: &'static str,
    pub(super) style_hash: String,
    pub(super) script: &'static str,
    pub(super) script_hash: String,
    pub(super) simulated: bool,
    pub(super) interrupted: bool,
    pub(super) shard: Option<String>,
    pub(super) organization: String,
    pub(super) as_of: String,
    pub(super) completeness: String,
    pub(super) share: String,
    pub(super) covered: Option<String>,
    pub(super) not_read: Option<String>,
    /// The time of the earlier audit, and what changed since.
    pub(super) since: Option<(String, String)>,
    /// Coverage over all audits, in a line.
    pub(super) over_time: Option<String>,
    pub(super) trend: Option<TrendView>,
    /// What people decided, in lines.
    pub(super) decided: Vec<String>,
    /// What the share leaves out.
    pub(super) apart: Option<String>,
    pub(super) bar: Vec<Segment>,
    pub(super) figures: Vec<Figure>,
    pub(super) reading: Vec<(&'static str, String)>,
    pub(super) gaps: Vec<GapView>,
    pub(super) denied_by: Option<String>,
    pub(super) causes: Vec<CauseView>,
    pub(super) causes_note: String,
    pub(super) heat: Heat,
    pub(super) data: String,
    pub(super) held_note: String,
    pub(super) actions: Vec<ActionView>,
    pub(super) action_note: String,
    pub(super) changes: Option<ChangesView>,
    pub(super) plan: Option<PlanView>,
    pub(super) applied: Option<Vec<AppliedRow>>,
    pub(super) policies: Vec<PolicyView>,
    pub(super) policies_note: String,
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) sign_off: Vec<(&'static str, String)>,
    pub(super) to_fill: &'static [&'static str],
    pub(super) controls: &'static [Control],
}

pub(super) struct Figure {
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
    pub(super) count: String,
    pub(super) title: &'static str,
    pub(super) meaning: String,
    pub(super) elsewhere: String,
    pub(super) accepted: String,
}

/// A part of the bar of all repositories, in thousandths of its length.
pub(super) struct Segment {
    pub(super) tone: &'static str,
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) title: String,
}

pub(super) struct CauseView {
    pub(super) id: String,
    pub(super) tone: &'static str,
    pub(super) met: String,
    pub(super) ous: Vec<String>,
    pub(super) sentence: String,
    pub(super) repair: String,
    pub(super) written_by: Vec<String>,
}

pub(super) struct GapView {
    pub(super) api: String,
    pub(super) kind: String,
    pub(super) gaps: String,
    pub(super) place: String,
    pub(super) hint: String,
}

#[derive(Template)]
#[template(path = "changes.html")]
pub(super) struct ChangesPage {
    pub(super) style: &'static str,
    pub(super) style_hash: String,
    pub(super) simulated: bool,
    pub(super) organization: String,
    pub(super) changes: ChangesView,
}
