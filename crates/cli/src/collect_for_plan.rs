//! `plan --collect`: what re-syncs would destroy is read from AWS and stored beside the snapshot, as its child.

use scangap_aws::ConnectOptions;
use scangap_collect::{CollectOptions, PlanAnswers, PlanQuestions, collect_for_plan};
use scangap_model::{Observed, ResyncFacts, count as count_of};
use scangap_plan::Candidates;
use scangap_report::sanitize;
use scangap_snapshot::{LossesMeta, StoredLosses};

use crate::assessed::AssessedSnapshot;
use crate::error::CliError;
use crate::session::{self, Session};
use crate::{environment, terminal};

/// Counts the registries, and adds what was read to the snapshot.
pub(crate) fn count(
    judged: &AssessedSnapshot,
    candidates: Candidates,
    connect: &ConnectOptions,
    options: CollectOptions,
    quiet: u8,
) -> Result<(), CliError> {
    if quiet == 0 {
        terminal::note(&format!(
            "reading what re-syncs of {} would delete, and the tags of {}; nothing is changed",
            count_of(candidates.registries.len(), "registry"),
            count_of(candidates.tags_of.len(), "repository")
        ));
    }
    let counted_at = environment::now();
    let Session { connection, identity } = same_place(connect, &options, judged)?;
    let admin = judged.snapshot.facts.organization.inspector_admin.clone();
    let questions = PlanQuestions { registries: candidates.registries, tags_of: candidates.tags_of };
    let answers = session::interruptible(Some("interrupted: nothing of this count is kept"), |cancel| {
        collect_for_plan(connection, identity, options, questions, admin, counted_at, cancel)
    })?;
    let PlanAnswers { registries: facts, tags } = answers.map_err(CliError::Collect)?;
    let meta = LossesMeta {
        parent_facts_sha256: judged.facts_sha256().to_owned(),
        counted_at,
        simulated: judged.snapshot.meta.simulated,
        tool_version: environment::VERSION.to_owned(),
    };
    // What was counted before of other registries stays counted: each with its own time.
    let former = StoredLosses::latest(&judged.path, judged.facts_sha256()).map_err(CliError::Snapshot)?;
    let again = |old: &ResyncFacts| facts.iter().any(|new| new.account == old.account && new.region == old.region);
    let (former, mut all_tags) = former.map(|former| (former.registries, former.tags)).unwrap_or_default();
    let mut all: Vec<ResyncFacts> = former.into_iter().filter(|old| !again(old)).collect();
    all.extend(facts.iter().cloned());
    all.sort_by(|a, b| (a.account, &a.region).cmp(&(b.account, &b.region)));
    all_tags.extend(tags.clone());
    let path = StoredLosses::add(&judged.path, &meta, &all, &all_tags).map_err(CliError::Store)?;
    if quiet == 0 {
        for gap in facts.iter().flat_map(ResyncFacts::gaps).chain(tags.values().filter_map(Observed::gap)) {
            terminal::note(&sanitize(&format!("not read: {}: {}: {}", gap.api, gap.code, gap.hint())));
        }
        terminal::note(&format!("stored beside the snapshot: {}", path.display()));
    }
    Ok(())
}

/// Where the snapshot was made: the same kind of endpoint, and the same organization.
fn same_place(
    connect: &ConnectOptions,
    options: &CollectOptions,
    judged: &AssessedSnapshot,
) -> Result<Session, CliError> {
    let session = Session::open(connect)?;
    let (made_at, here) = (judged.snapshot.meta.simulated, session.connection.meter().met_foreign_host());
    if made_at != here {
        return Err(CliError::EndpointMismatch { what: "snapshot", simulated: made_at });
    }
    if let Observed::Known(expected) = &judged.snapshot.facts.organization.id {
        session.require_organization(expected, options.organization_role_arn.as_deref(), &options.assume)?;
    }
    Ok(session)
}
