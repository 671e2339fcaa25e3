//! Causes in words: what it is, where it was met, what repairs it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use scangap_assess::{AttachedTo, CauseKind, CauseTally, SharedCause, policy_evidence, registry_policy_evidence};
use scangap_model::{
    AccountId, Cause, Diagnosis, Observed, RegionName, RepositoryFacts, count, hint, hint_against_policy, sanitize,
    thousands,
};

use crate::columns::by_reason;
use crate::input::Input;
use crate::value::UNKNOWN;

/// A cause with what a row says of it.
#[derive(Debug, Clone)]
pub(crate) struct CauseRow<'a> {
    pub(crate) tally: &'a CauseTally,
    /// Counted by the diagnoses' words.
    pub(crate) diagnoses: BTreeMap<String, u64>,
    pub(crate) ous: Vec<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) written_by: Vec<String>,
    /// Of its statement, setting or permission; creation templates that would write it again are said beside it.
    repair: String,
    /// The first repository that it hits, one that has no other cause where there is one.
    pub(crate) example: Option<RepositoryFacts>,
    pub(crate) simulated: bool,
}

impl<'a> CauseRow<'a> {
    /// All causes of an audit, in their order.
    pub(crate) fn all(input: &Input<'a>) -> io::Result<Vec<Self>> {
        let causes = &input.assessment.causes;
        let examples = repositories(input, &causes.iter().filter_map(|tally| tally.example).collect())?;
        let example = |tally: &CauseTally| tally.example.and_then(|place| examples.get(&place).cloned());
        Ok(causes.iter().map(|tally| Self::of(input, tally, example(tally))).collect())
    }

    fn of(input: &Input<'a>, tally: &'a CauseTally, example: Option<RepositoryFacts>) -> Self {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            diagnoses: tally.diagnoses.iter().map(|(word, n)| (word.word().to_owned(), number(*n))).collect(),
            ous: ous(input, &tally.accounts),
            regions: tally.regions.iter().map(ToString::to_string).collect(),
            written_by: written_by(tally),
            repair: repair(input, tally, example.as_ref()),
            example,
            tally,
            simulated: input.simulated,
        }
    }

    pub(crate) fn sentence(&self) -> String {
        sentence(self.tally)
    }

    /// The one repair, with the account as a parameter.
    pub(crate) fn repair(&self) -> String {
        let again = if self.tally.templates.is_empty() {
            ""
        } else if self.tally.diagnoses.is_empty() {
            " of the creation template"
        } else {
            "; and in the creation templates, which would write it again"
        };
        format!("{}{again}", self.repair)
    }

    /// The same for a repository, with the templates that may write it again there, and no others.
    pub(crate) fn repair_at(&self, account: AccountId, region: &RegionName) -> String {
        let templates = self.templates_at(account, region);
        format!("{}{}", self.repair_of_policy(account), and_in_templates(&templates))
    }

    /// The repair of a repository's own policy.
    pub(crate) fn repair_of_policy(&self, account: AccountId) -> String {
        self.repair.replace("{account}", account.as_str())
    }

    /// The creation templates of one place that write what it is about.
    pub(crate) fn templates_at(&self, account: AccountId, region: &RegionName) -> Vec<String> {
        let here = self.tally.templates.iter().filter(|(of, at, _)| *of == account && at == region);
        here.map(|(_, _, prefix)| prefix.clone()).collect()
    }
}

/// What is to be repaired beside the policies.
pub(crate) fn and_in_templates(templates: &[String]) -> String {
    match templates {
        [] => String::new(),
        [one] => format!("; and in the creation template {one}, which would write it again"),
        all => format!("; and in the creation templates {}, which would write it again", all.join(", ")),
    }
}

/// Repositories that are read one by one; for more all are read once.
const ONE_BY_ONE: usize = 32;

/// The repositories at these places.
fn repositories(input: &Input<'_>, places: &BTreeSet<usize>) -> io::Result<BTreeMap<usize, RepositoryFacts>> {
    let ranges: Vec<std::ops::Range<usize>> = if places.len() <= ONE_BY_ONE {
        places.iter().map(|place| *place..place + 1).collect()
    } else {
        std::iter::once(0..input.assessment.repositories.len()).collect()
    };
    let mut known = BTreeMap::new();
    for range in ranges {
        for (place, row) in range.clone().zip(input.repositories_at(range)) {
            let row = row?;
            if places.contains(&place) {
                known.insert(place, row.repository);
            }
        }
    }
    Ok(known)
}

/// The OUs that the accounts are directly in.
fn ous(input: &Input<'_>, accounts: &BTreeSet<AccountId>) -> Vec<String> {
    let path = |account| match input.facts.accounts.get(account).map(|account| &account.ou_path) {
        Some(Observed::Known(path)) if path.is_empty() => "(directly under the root)".to_owned(),
        Some(Observed::Known(path)) => path.clone(),
        Some(Observed::Absent | Observed::Unknown(_)) | None => UNKNOWN.to_owned(),
    };
    let paths: BTreeSet<String> = accounts.iter().map(path).collect();
    paths.into_iter().collect()
}

/// What would write it again: creation templates into new repositories, stacks and Terraform at their next deployment.
fn written_by(tally: &CauseTally) -> Vec<String> {
    let templates = tally
        .templates
        .iter()
        .map(|(account, region, prefix)| format!("creation template {prefix} ({account} {region})"));
    let tools = tally.tag_writers.iter().map(|(account, writer)| sanitize(&format!("{writer} ({account})")));
    templates.chain(tools).collect()
}

/// What it is, in one sentence without its end.
pub(crate) fn sentence(tally: &CauseTally) -> String {
    named(&tally.cause, &tally.diagnoses)
}

/// The same of some of the repositories that have it, with the name that it has there.
pub(crate) fn named(cause: &SharedCause, met: &BTreeMap<Diagnosis, usize>) -> String {
    let SharedCause { kind, label, .. } = cause;
    match kind {
        CauseKind::Statement { attached_to, .. } => {
            let may = met.contains_key(&Diagnosis::Undecided);
            let denies = met.keys().any(|diagnosis| *diagnosis != Diagnosis::Undecided);
            let verb = match (denies, may) {
                (false, false) => "would keep Inspector out of new repositories, or may",
                (true, false) => "denies Inspector",
                (false, true) => "may deny Inspector",
                (true, true) => "denies Inspector in some repositories, and may in others",
            };
            // Only creation templates have it: there is no repository yet.
            let of = if met.is_empty() { "creation template" } else { attached_to.label() };
            format!("{of} {} {verb}", sanitize(label))
        }
        CauseKind::NoPolicy(attached_to) => format!("the text stored as {} is not a policy", attached_to.label()),
        CauseKind::UnknownWord(word) => format!("AWS answers `{}`, which this version does not know", sanitize(word)),
        CauseKind::Read { api: Some(api), kind, .. } => format!("{api} fails: {}", words(kind.word())),
        CauseKind::Read { api: None, cause: Cause::ResourcePolicy, .. } => {
            "the repository or registry policy refuses the auditor".to_owned()
        }
        CauseKind::Read { api: None, cause, policy_arn, region, .. } => {
            let which = match (policy_arn.as_str(), region) {
                ("", Some(region)) => format!(" that AWS does not name, in {region},"),
                ("", None) => " that AWS does not name".to_owned(),
                (arn, _) => format!(" {}", sanitize(arn)),
            };
            format!("a {}{which} refuses the auditor", words(cause.word()))
        }
        CauseKind::State(diagnosis) => diagnosis.info().meaning.to_owned(),
        CauseKind::Limited(reason) if reason.is_empty() => "Inspector scans no image, and gives no reason".to_owned(),
        CauseKind::Limited(reason) => format!("Inspector's coverage is limited: {}", sanitize(reason)),
        CauseKind::RoleAbsent => "the account has no service-linked role of Inspector's".to_owned(),
    }
}

fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// What repairs it, with the account as a parameter.
fn repair(input: &Input<'_>, tally: &CauseTally, example: Option<&RepositoryFacts>) -> String {
    match &tally.cause.kind {
        CauseKind::Statement { attached_to, .. } => of_statement(input, tally, *attached_to, example),
        CauseKind::NoPolicy(_) => {
            "read the stored text in policies.csv, and set one that is a policy, or delete it".to_owned()
        }
        CauseKind::UnknownWord(_) => "look for a newer version of scangap".to_owned(),
        CauseKind::Read { api: Some(api), kind, cause, .. } => hint(*kind, *cause, *api),
        CauseKind::Read { api: None, cause, .. } => hint_against_policy(*cause),
        CauseKind::State(diagnosis) => diagnosis.info().next_step.to_owned(),
        CauseKind::Limited(reason) => by_reason(reason).into_owned(),
        CauseKind::RoleAbsent => {
            "in each account: aws iam create-service-linked-role --aws-service-name inspector2.amazonaws.com".to_owned()
        }
    }
}

fn of_statement(
    input: &Input<'_>,
    tally: &CauseTally,
    attached_to: AttachedTo,
    example: Option<&RepositoryFacts>,
) -> String {
    let role = format!(
        "arn:{}:iam::{{account}}:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2",
        input.facts.organization.partition
    );
    let exempt = format!("exempt {role} from the statement");
    if tally.diagnoses.keys().all(|diagnosis| *diagnosis == Diagnosis::Undecided) && !tally.diagnoses.is_empty() {
        return "a person decides: see depends_on in repositories.csv".to_owned();
    }
    let Some(example) = example else { return exempt };
    let evidence = match attached_to {
        AttachedTo::Repository => policy_evidence(input.facts, example, input.as_of),
        AttachedTo::Registry => {
            registry_policy_evidence(input.facts, example.account, &example.region, Some(example), input.as_of)
        }
    };
    match evidence.map(|evidence| evidence.repaired) {
        Some(Err(why)) if tally.alone > 0 => format!("an exemption does not repair it: {}", sanitize(&why)),
        // Another statement of its policy may be why.
        Some(Err(_)) => format!("{exempt}; where more is to be done, policies.csv says so"),
        Some(Ok(_)) | None => exempt,
    }
}

/// How many repositories are denied, and by how many statements. `None`: none is.
pub(crate) fn denied_by(input: &Input<'_>) -> Option<String> {
    let denied = |diagnosis: &Diagnosis| matches!(diagnosis, Diagnosis::Blocked | Diagnosis::AtRisk);
    let repositories: usize =
        input.assessment.counts().iter().filter(|(diagnosis, _)| denied(diagnosis)).map(|(_, number)| number).sum();
    let statements = input.assessment.causes.iter().filter(|tally| tally.diagnoses.keys().any(denied)).count();
    let verb = if repositories == 1 { "is" } else { "are" };
    (repositories > 0)
        .then(|| format!("{} {verb} denied by {}", count(repositories, "repository"), count(statements, "statement")))
}

/// `245 repositories in 110 accounts`, or what else it keeps from being known.
pub(crate) fn met_in(tally: &CauseTally) -> String {
    let mut parts = Vec::new();
    if tally.repositories() > 0 {
        parts.push(count(tally.repositories(), "repository"));
    }
    if tally.registries_not_read > 0 {
        parts.push(format!("{} not read", count(tally.registries_not_read, "registry")));
    }
    if !tally.templates.is_empty() {
        parts.push(count(tally.templates.len(), "creation template"));
    }
    format!("{} in {}{}", parts.join(", "), count(tally.accounts.len(), "account"), only_region(&tally.regions))
}

/// Where all of it is in one region, its name.
fn only_region(regions: &BTreeSet<RegionName>) -> String {
    match (regions.len(), regions.first()) {
        (1, Some(region)) => format!(", {region}"),
        (number, _) => format!(", {} regions", thousands(number)),
    }
}
