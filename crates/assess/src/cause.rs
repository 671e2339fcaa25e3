//! Causes: what many repositories share, so that four texts are four lines and not four hundred.
//!
//! A cause is known by what it is and not by where it was met: a statement counts with the account and the region of its policy as
//! parameters, and without its Sid. So it has the same id in every account and every audit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use scangap_model::{
    AccountId, Api, Asked, Cause, Diagnosis, Gap, GapKind, Observed, RegionName, RegistryFacts, RegistryOutcome,
    RepositoryFacts, Verdict,
};
use scangap_policy::{Responsible, canonical, canonical_statement};
use sha2::{Digest, Sha256};

use crate::coverage::{Coverage, ImageCoverage};
use crate::diagnose::{Layers, Selection};
use crate::tag_writer::TagWriter;

/// `C-` and ten hexadecimal digits of the SHA-256 of what the cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CauseId([u8; 5]);

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("C-")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Which policy a statement is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachedTo {
    Repository,
    Registry,
}

impl AttachedTo {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Repository => "repository policy",
            Self::Registry => "registry policy",
        }
    }
}

/// What a cause is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CauseKind {
    /// A statement that denies Inspector, or may.
    Statement {
        attached_to: AttachedTo,
        /// In canonical form, with `{account}` and `{region}` for those of its policy.
        statement: String,
    },
    /// A stored text that is not a policy.
    NoPolicy(AttachedTo),
    /// A word of AWS's that this version does not know.
    UnknownWord(String),
    /// A read that was refused or failed.
    Read {
        kind: GapKind,
        cause: Cause,
        /// `None`: a policy refuses, whichever read meets it.
        api: Option<Api>,
        /// The policy that AWS names.
        policy_arn: String,
        /// Where a service control policy refuses that AWS does not name.
        region: Option<RegionName>,
    },
    /// What the registry is set to, or the state of coverage.
    State(Diagnosis),
    /// The reason that Inspector gives for coverage that is limited; empty where it gives none.
    Limited(String),
    /// The account has no service-linked role of Inspector's.
    RoleAbsent,
}

/// What many repositories share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SharedCause {
    pub id: CauseId,
    pub kind: CauseKind,
    /// A statement's name where it was met first: `OfficeOnly (NotIpAddress aws:SourceIp)`. No part of what the cause is.
    pub label: String,
}

impl SharedCause {
    fn of(kind: CauseKind, label: String) -> Arc<Self> {
        Arc::new(Self { id: id(&kind), kind, label })
    }

    /// One of the statements of a policy that decide about Inspector.
    pub(crate) fn of_statement(
        attached_to: AttachedTo,
        text: &str,
        responsible: &Responsible,
        account: AccountId,
        region: &RegionName,
    ) -> Arc<Self> {
        // It was parsed before it was judged.
        let statement = canonical_statement(text).unwrap_or_else(|_| text.to_owned());
        let statement = with_parameter(&statement, account.as_ref(), "{account}");
        let statement = with_parameter(&statement, region.as_str(), "{region}");
        // A parameter is in another place of a sorted list than what it stands for.
        let statement = canonical(&statement).unwrap_or(statement);
        Self::of(CauseKind::Statement { attached_to, statement }, responsible.label())
    }

    pub(crate) fn of_gap(gap: &Gap) -> Arc<Self> {
        let by_policy = gap.is_refused_by_one_policy();
        // AWS names the resource of a resource-based policy, and that is another one each time.
        let policy_arn = match gap.account {
            _ if !by_policy || gap.cause == Cause::ResourcePolicy => String::new(),
            // A boundary that a template makes in every account has the account in its ARN.
            Some(account) if gap.cause == Cause::PermissionsBoundary => {
                with_parameter(&gap.policy_arn, account.as_ref(), "{account}")
            }
            Some(_) | None => gap.policy_arn.clone(),
        };
        let unnamed = by_policy && gap.cause != Cause::ResourcePolicy && policy_arn.is_empty();
        let kind = CauseKind::Read {
            kind: gap.kind,
            cause: gap.cause,
            api: (!by_policy).then_some(gap.api),
            policy_arn,
            region: gap.region.clone().filter(|_| unnamed),
        };
        Self::of(kind, String::new())
    }
}

/// Never changed: it would give every cause another id.
fn content(kind: &CauseKind) -> Vec<String> {
    let words: Vec<&str> = match kind {
        CauseKind::Statement { attached_to, statement } => vec!["statement", attached_to.label(), statement],
        CauseKind::NoPolicy(attached_to) => vec!["no policy", attached_to.label()],
        CauseKind::UnknownWord(word) => vec!["unknown word", word],
        CauseKind::Read { kind, cause, api, policy_arn, region } => vec![
            "read",
            kind.word(),
            cause.word(),
            api.map_or("", Api::permission),
            policy_arn,
            region.as_ref().map_or("", RegionName::as_str),
        ],
        CauseKind::State(diagnosis) => vec!["state", diagnosis.word()],
        CauseKind::Limited(reason) => vec!["limited", reason],
        CauseKind::RoleAbsent => vec!["role absent"],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn id(kind: &CauseKind) -> CauseId {
    let digest = Sha256::digest(content(kind).join("\0"));
    let mut first = [0; 5];
    first.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    CauseId(first)
}

/// Puts a parameter in the place of a word, where it is a whole word.
pub fn with_parameter(text: &str, word: &str, parameter: &str) -> String {
    let inside = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in text.match_indices(word) {
        let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at)).copied();
        let after = text.as_bytes().get(at + word.len()).copied();
        if inside(before) || inside(after) {
            continue;
        }
        out.push_str(text.get(rest..at).unwrap_or_default());
        out.push_str(parameter);
        rest = at + word.len();
    }
    out.push_str(text.get(rest..).unwrap_or_default());
    out
}

/// What decides that a repository needs something, where no statement of a policy does. `None`: it needs nothing.
pub(crate) fn beside_policies(
    diagnosis: Diagnosis,
    layers: &Layers<'_>,
    role_is_absent: bool,
    unread: &Unread<'_>,
) -> Option<Arc<SharedCause>> {
    let kind = match diagnosis {
        Diagnosis::Blocked
        | Diagnosis::AtRisk
        | Diagnosis::Undecided
        | Diagnosis::Covered
        | Diagnosis::Empty
        | Diagnosis::Changing => return None,
        Diagnosis::Stale | Diagnosis::Unseen | Diagnosis::Limited if role_is_absent => CauseKind::RoleAbsent,
        Diagnosis::Limited => CauseKind::Limited(limited(layers.coverage, layers.images)),
        Diagnosis::Unreadable => return Some(unreadable(layers, unread)),
        Diagnosis::Stale
        | Diagnosis::KeyDenied
        | Diagnosis::Unseen
        | Diagnosis::NotSelected
        | Diagnosis::BasicScanning
        | Diagnosis::InspectorOff => CauseKind::State(diagnosis),
    };
    Some(SharedCause::of(kind, String::new()))
}

/// Inspector's reason: its word for the repository, else the most frequent one of its images.
fn limited(coverage: &Coverage, images: &ImageCoverage) -> String {
    match (coverage, images) {
        (Coverage::Row { status, reason, .. }, _) if status != "ACTIVE" => reason.clone(),
        (_, ImageCoverage::Counted(images)) => {
            images.reasons.iter().max_by_key(|(_, number)| **number).map_or_else(String::new, |(word, _)| word.clone())
        }
        (_, ImageCoverage::Gap(_) | ImageCoverage::NotAsked) => String::new(),
    }
}

/// What is known of why a fact that decides is not known.
pub(crate) struct Unread<'a> {
    pub(crate) repository: &'a RepositoryFacts,
    pub(crate) registry: &'a RegistryFacts,
    /// Whether the registry's policy counts.
    pub(crate) registry_policy_counts: bool,
    /// Whether a stored text is not a policy: the repository's, the registry's.
    pub(crate) malformed: [bool; 2],
}

/// What the first layer says that a diagnosis of `unreadable` ends at, in the order of `diagnose`.
fn unreadable(layers: &Layers<'_>, unread: &Unread<'_>) -> Arc<SharedCause> {
    let Unread { repository, registry, registry_policy_counts, malformed } = unread;
    // What was not asked was not asked because of it.
    let outcome = || match &registry.outcome {
        RegistryOutcome::Unreadable(gap) => SharedCause::of_gap(gap),
        _ => SharedCause::of(CauseKind::State(Diagnosis::Unreadable), String::new()),
    };
    for (word, passes) in [(layers.ecr_status, "ENABLED"), (layers.scan_type, "ENHANCED")] {
        match word {
            Asked::Answered(Observed::Known(word)) if word == passes => {}
            Asked::Answered(Observed::Known(word)) => {
                return SharedCause::of(CauseKind::UnknownWord(word.clone()), String::new());
            }
            Asked::Answered(Observed::Unknown(gap)) => return SharedCause::of_gap(gap),
            Asked::Answered(Observed::Absent) | Asked::NotNeeded => return outcome(),
        }
    }
    if layers.selection == Selection::Unknown {
        return repository.scan_frequency.gap().map_or_else(outcome, SharedCause::of_gap);
    }
    if layers.verdict == Verdict::Unknown {
        let [own, of_registry] = *malformed;
        let registry_gap = registry.registry_policy.gap().filter(|_| *registry_policy_counts);
        return match (repository.policy.gap(), registry_gap) {
            _ if own => SharedCause::of(CauseKind::NoPolicy(AttachedTo::Repository), String::new()),
            (Some(gap), _) | (None, Some(gap)) => SharedCause::of_gap(gap),
            (None, None) if of_registry && *registry_policy_counts => {
                SharedCause::of(CauseKind::NoPolicy(AttachedTo::Registry), String::new())
            }
            (None, None) => outcome(),
        };
    }
    match (layers.coverage, layers.images) {
        (Coverage::Gap(gap), _) | (Coverage::Row { .. }, ImageCoverage::Gap(gap)) => SharedCause::of_gap(gap),
        // No row, or none of an image: whether there is one decides.
        _ => repository.has_active_image.gap().map_or_else(outcome, SharedCause::of_gap),
    }
}

/// Where a cause was met.
#[derive(Debug, Clone)]
pub struct CauseTally {
    pub cause: Arc<SharedCause>,
    pub diagnoses: BTreeMap<Diagnosis, usize>,
    /// Repositories that have no other cause: what its repair settles by itself.
    pub alone: usize,
    pub accounts: BTreeSet<AccountId>,
    pub regions: BTreeSet<RegionName>,
    /// Registries whose list of repositories it kept from being read.
    pub registries_not_read: usize,
    /// Creation templates that write it into the policies of new repositories.
    pub templates: BTreeSet<(AccountId, RegionName, String)>,
    /// What owns repositories with it, where tags were read.
    pub tag_writers: BTreeSet<(AccountId, TagWriter)>,
    /// The place of the first repository among all, of the first that has no other cause where there is one.
    pub example: Option<usize>,
}

impl CauseTally {
    fn of(cause: &Arc<SharedCause>) -> Self {
        Self {
            cause: Arc::clone(cause),
            diagnoses: BTreeMap::new(),
            alone: 0,
            accounts: BTreeSet::new(),
            regions: BTreeSet::new(),
            registries_not_read: 0,
            templates: BTreeSet::new(),
            tag_writers: BTreeSet::new(),
            example: None,
        }
    }

    pub fn repositories(&self) -> usize {
        self.diagnoses.values().sum()
    }

    /// The worst diagnosis that it leads to. `None`: it hits no repository that is known.
    pub fn worst(&self) -> Option<Diagnosis> {
        self.diagnoses.keys().next().copied()
    }

    fn at(&mut self, account: AccountId, region: &RegionName) {
        self.accounts.insert(account);
        if !self.regions.contains(region) {
            self.regions.insert(region.clone());
        }
    }

    fn merge(&mut self, later: Self) {
        for (diagnosis, number) in later.diagnoses {
            *self.diagnoses.entry(diagnosis).or_default() += number;
        }
        if self.example.is_none() || self.alone == 0 && later.alone > 0 {
            self.example = later.example.or(self.example);
        }
        self.alone += later.alone;
        self.accounts.extend(later.accounts);
        self.regions.extend(later.regions);
        self.registries_not_read += later.registries_not_read;
        self.templates.extend(later.templates);
        self.tag_writers.extend(later.tag_writers);
    }
}

/// Causes as they are met, in the order of the facts.
#[derive(Debug, Default)]
pub(crate) struct Causes(BTreeMap<CauseId, CauseTally>);

impl Causes {
    fn tally(&mut self, cause: &Arc<SharedCause>) -> &mut CauseTally {
        self.0.entry(cause.id).or_insert_with(|| CauseTally::of(cause))
    }

    /// The same cause, kept once.
    pub(crate) fn shared(&mut self, cause: &Arc<SharedCause>) -> Arc<SharedCause> {
        Arc::clone(&self.tally(cause).cause)
    }

    pub(crate) fn met(
        &mut self,
        causes: &[Arc<SharedCause>],
        diagnosis: Diagnosis,
        repository: &RepositoryFacts,
        at: usize,
    ) {
        for cause in causes {
            let tally = self.tally(cause);
            tally.at(repository.account, &repository.region);
            *tally.diagnoses.entry(diagnosis).or_default() += 1;
            let is_first_alone = causes.len() == 1 && tally.alone == 0;
            tally.alone += usize::from(causes.len() == 1);
            if is_first_alone || tally.example.is_none() {
                tally.example = Some(at);
            }
            let is_of_repository =
                matches!(cause.kind, CauseKind::Statement { attached_to: AttachedTo::Repository, .. });
            if is_of_repository
                && let Asked::Answered(tags) = &repository.tags
                && let Some(tags) = tags.known()
            {
                tally.tag_writers.extend(TagWriter::all(tags).map(|writer| (repository.account, writer)));
            }
        }
    }

    /// A registry whose list of repositories was not read to its end.
    pub(crate) fn not_read(&mut self, registry: &RegistryFacts, gap: &Gap) {
        let tally = self.tally(&SharedCause::of_gap(gap));
        tally.at(registry.account, &registry.region);
        tally.registries_not_read += 1;
    }

    /// A creation template whose policy has these statements.
    pub(crate) fn written_by(&mut self, causes: &[Arc<SharedCause>], registry: &RegistryFacts, prefix: &str) {
        for cause in causes {
            let tally = self.tally(cause);
            tally.at(registry.account, &registry.region);
            tally.templates.insert((registry.account, registry.region.clone(), prefix.to_owned()));
        }
    }

    pub(crate) fn merge(&mut self, later: Self) {
        for (id, tally) in later.0 {
            match self.0.entry(id) {
                std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().merge(tally),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(tally);
                }
            }
        }
    }

    /// The worst first, and of those the one with most repositories.
    pub(crate) fn sorted(self) -> Vec<CauseTally> {
        let mut causes: Vec<CauseTally> = self.0.into_values().collect();
        causes.sort_by_key(|tally| {
            let worst = tally.worst();
            (
                worst.is_none(),
                worst,
                std::cmp::Reverse((tally.repositories(), tally.registries_not_read)),
                tally.cause.id,
            )
        });
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str, account: &str, region: &str) -> Arc<SharedCause> {
        let responsible =
            Responsible { document: 0, index: 0, sid: None, reason: "no condition".to_owned(), residual: None };
        let (account, region) = (account.parse().unwrap(), region.parse().unwrap());
        SharedCause::of_statement(AttachedTo::Repository, text, &responsible, account, &region)
    }

    // Holds: 15 Causes: a statement is one cause in every account and region, however it is written and named
    #[test]
    fn a_statement_is_one_cause_wherever_it_stands() {
        let one = statement(
            r#"{"Sid":"Office","Effect":"Deny","Principal":"*","Action":["ecr:*"],"Condition":{"StringNotEquals":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/ci-eu-west-1","arn:aws:iam::150000000000:role/central"]}}}"#,
            "111111111111",
            "eu-west-1",
        );
        let two = statement(
            r#"{"Effect":"Deny", "Sid":"Other", "Action":"ecr:*", "Principal":"*", "Condition":{"StringNotEquals":{"aws:PrincipalArn":["arn:aws:iam::222222222222:role/ci-us-east-1","arn:aws:iam::150000000000:role/central"]}}}"#,
            "222222222222",
            "us-east-1",
        );
        assert_eq!(one.id, two.id);
        let CauseKind::Statement { statement: text, .. } = &one.kind else { panic!("a statement") };
        assert!(text.contains("arn:aws:iam::{account}:role/ci-{region}"), "{text}");
        // Of another account, it is another statement.
        let foreign = statement(
            r#"{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/ci-us-east-1"}}}"#,
            "222222222222",
            "us-east-1",
        );
        assert_ne!(one.id, foreign.id);
    }

    // Holds: 15 Causes: the id of a cause is the same in every audit and every version
    #[test]
    fn the_id_of_a_cause_is_of_what_it_is() {
        let ids = [
            CauseKind::State(Diagnosis::InspectorOff),
            CauseKind::RoleAbsent,
            CauseKind::NoPolicy(AttachedTo::Repository),
            CauseKind::Limited("UNSUPPORTED_OS".to_owned()),
            CauseKind::Statement { attached_to: AttachedTo::Registry, statement: "{}".to_owned() },
        ]
        .map(|kind| id(&kind).to_string());
        assert_eq!(ids, ["C-022518d6bc", "C-9ae6db5c02", "C-ffdcaae92a", "C-29254efa01", "C-a134c2e3c5"]);
    }

    #[test]
    fn a_parameter_stands_for_whole_words() {
        assert_eq!(
            with_parameter("eu-west-1 eu-west-1a eu-west-10 x.eu-west-1.y", "eu-west-1", "R"),
            "R eu-west-1a eu-west-10 x.R.y"
        );
        assert_eq!(with_parameter("1111111111110:111111111111", "111111111111", "A"), "1111111111110:A");
    }

    fn gap(api: Api, cause: Cause, policy_arn: &str, region: &str) -> Gap {
        Gap {
            api,
            account: None,
            region: Some(region.parse().unwrap()),
            resource: "app".to_owned(),
            kind: GapKind::AccessDenied,
            code: "AccessDeniedException".to_owned(),
            cause,
            policy_arn: policy_arn.to_owned(),
            message: String::new(),
            attempts: 1,
        }
    }

    /// What each layer says, `gap` for one that is not known; the operation whose gap is the cause, or what else it is.
    fn why(ecr: &str, scan_type: &str, selection: Selection, policies: [&str; 2], coverage: [&str; 2]) -> String {
        let of = |api: Api| gap(api, Cause::NotStated, "", "eu-west-1");
        let word = |text: &str, api: Api| match text {
            "gap" => Asked::Answered(Observed::unknown(of(api))),
            "not needed" => Asked::NotNeeded,
            text => Asked::Answered(Observed::Known(text.to_owned())),
        };
        let (account, region) = ("111111111111".parse().unwrap(), "eu-west-1".parse::<RegionName>().unwrap());
        let outcome = RegistryOutcome::Unreadable(Box::new(of(Api::DescribeRepositories)));
        let mut registry = RegistryFacts::unasked(account, region.clone(), outcome);
        let [own, of_registry] = policies;
        let repository = RepositoryFacts {
            account,
            region,
            name: "app".parse().unwrap(),
            arn: String::new(),
            listed: true,
            created_at: Observed::Absent,
            policy: if own == "gap" { Observed::unknown(of(Api::GetRepositoryPolicy)) } else { Observed::Absent },
            scan_frequency: Observed::unknown(of(Api::BatchGetRepositoryScanningConfiguration)),
            has_active_image: Observed::unknown(of(Api::DescribeImages)).into(),
            tags: Asked::NotNeeded,
        };
        if of_registry == "gap" {
            registry.registry_policy = Observed::unknown(of(Api::GetRegistryPolicy)).into();
        }
        let [own_coverage, images] = coverage;
        let unread = Unread {
            repository: &repository,
            registry: &registry,
            registry_policy_counts: of_registry != "v1",
            malformed: [own == "malformed", of_registry == "malformed"],
        };
        let layers = Layers {
            ecr_status: &word(ecr, Api::BatchGetAccountStatus),
            scan_type: &word(scan_type, Api::GetRegistryScanningConfiguration),
            selection,
            verdict: if policies == ["read", "read"] { Verdict::Allowed } else { Verdict::Unknown },
            coverage: &match own_coverage {
                "gap" => Coverage::Gap(Box::new(of(Api::ListCoverage))),
                "row" => Coverage::Row { status: "ACTIVE".into(), reason: String::new(), last_scanned_at: None },
                _ => Coverage::NoRow,
            },
            images: &match images {
                "gap" => ImageCoverage::Gap(Box::new(of(Api::ListCoverage))),
                _ => ImageCoverage::NotAsked,
            },
            has_active_image: &repository.has_active_image,
        };
        match &unreadable(&layers, &unread).kind {
            CauseKind::Read { api: Some(api), .. } => api.to_string(),
            kind => format!("{kind:?}"),
        }
    }

    // Holds: 15 Causes: the cause of what is unreadable is what the first layer says that the diagnosis ends at
    #[test]
    fn what_is_unreadable_has_the_cause_of_its_first_layer() {
        let read = ["read", "read"];
        let (on, enhanced, selected) = ("ENABLED", "ENHANCED", Selection::Selected);
        for (why, expected) in [
            (why("gap", "gap", Selection::Unknown, ["gap", "gap"], ["gap", "gap"]), "inspector2:BatchGetAccountStatus"),
            (why("PAUSED", "gap", selected, read, ["gap", ""]), r#"UnknownWord("PAUSED")"#),
            (why("not needed", "not needed", selected, read, ["gap", ""]), "ecr:DescribeRepositories"),
            (why(on, "gap", Selection::Unknown, read, ["gap", ""]), "ecr:GetRegistryScanningConfiguration"),
            (
                why(on, enhanced, Selection::Unknown, ["gap", "gap"], ["gap", ""]),
                "ecr:BatchGetRepositoryScanningConfiguration",
            ),
            (why(on, enhanced, selected, ["gap", "gap"], ["gap", ""]), "ecr:GetRepositoryPolicy"),
            (why(on, enhanced, selected, ["malformed", "gap"], ["gap", ""]), "NoPolicy(Repository)"),
            (why(on, enhanced, selected, ["read", "gap"], ["gap", ""]), "ecr:GetRegistryPolicy"),
            (why(on, enhanced, selected, ["read", "malformed"], ["gap", ""]), "NoPolicy(Registry)"),
            (why(on, enhanced, selected, read, ["gap", "gap"]), "inspector2:ListCoverage"),
            (why(on, enhanced, selected, read, ["row", "gap"]), "inspector2:ListCoverage"),
            (why(on, enhanced, selected, read, ["none", "gap"]), "ecr:DescribeImages"),
        ] {
            assert_eq!(why, expected);
        }
    }

    // Holds: 15 Causes: reads that one policy refuses have one cause, whichever read met it
    #[test]
    fn what_one_policy_refuses_is_one_cause() {
        let id = |gap: Gap| SharedCause::of_gap(&gap).id;
        let (list, policy) = (Api::DescribeRepositories, Api::GetRepositoryPolicy);
        let scp = "arn:aws:organizations::111111111111:policy/o-a/service_control_policy/p-1";
        let by_scp = Cause::ServiceControlPolicy;
        assert_eq!(id(gap(list, by_scp, scp, "eu-west-1")), id(gap(policy, by_scp, scp, "us-east-1")));
        assert_ne!(id(gap(list, by_scp, scp, "eu-west-1")), id(gap(list, by_scp, "arn:other", "eu-west-1")));
        assert_eq!(id(gap(list, by_scp, "", "eu-west-1")), id(gap(policy, by_scp, "", "eu-west-1")));
        assert_ne!(
            id(gap(list, by_scp, "", "eu-west-1")),
            id(gap(list, by_scp, "", "us-east-1")),
            "which one is not known"
        );
        let own = Cause::ResourcePolicy;
        assert_eq!(id(gap(list, own, "arn:one", "eu-west-1")), id(gap(policy, own, "arn:two", "us-east-1")));
        let missing = Cause::NotStated;
        assert_eq!(id(gap(list, missing, "", "eu-west-1")), id(gap(list, missing, "", "us-east-1")));
        assert_ne!(id(gap(list, missing, "", "eu-west-1")), id(gap(policy, missing, "", "eu-west-1")));
    }
}
