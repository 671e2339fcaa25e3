//! What people decided: acceptances from the configuration, and decisions that they wrote into workbooks. What is accepted is marked
//! and stays in every report; what is past counts again, and is named.

use jiff::civil::Date;
use scangap_model::{
    AccountFacts, AccountId, Diagnosis, Gap, GapKind, Observed, RegionName, RepositoryFacts, sanitize,
};
pub use wildmatch::WildMatch as Pattern;

use crate::notes::{ACCEPT, CarriedNotes, NoteKey, RowNotes};

/// What may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    Diagnosis(Diagnosis),
    Gap(GapKind),
}

/// An acceptance of the configuration: what, where, why, by whom, until when.
#[derive(Debug, Clone)]
pub struct Acceptance {
    pub what: Accepts,
    /// The id of an account, or its name. `*` and `?` as in every pattern here.
    pub account: Pattern,
    /// The path of the organizational unit that the account is directly in.
    pub ou: Pattern,
    pub region: Pattern,
    /// A repository's name; of a gap the resource that was asked about.
    pub repository: Pattern,
    pub reason: String,
    pub by: String,
    /// The last day that it holds.
    pub until: Date,
    /// Where it stands, for people: `scangap.toml, acceptance 3`.
    pub source: String,
}

/// What people decided, all of it.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    pub acceptances: Vec<Acceptance>,
    pub notes: CarriedNotes,
}

/// Where a decision of a workbook stands.
pub(crate) const WORKBOOK: &str = "the workbook";

/// Whether a row is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Standing {
    #[default]
    Open,
    /// Until this day, by whom, why.
    Accepted(Signed),
    /// The day is past: it counts again.
    Expired(Signed),
}

/// Who signed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) until: Date,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) source: String,
}

impl Standing {
    fn of(signed: Signed, today: Date) -> Self {
        if signed.until < today { Self::Expired(signed) } else { Self::Accepted(signed) }
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Open => "no",
            Self::Accepted(_) => "yes",
            Self::Expired(_) => "expired",
        }
    }

    pub(crate) fn signed(&self) -> Option<&Signed> {
        match self {
            Self::Open => None,
            Self::Accepted(signed) | Self::Expired(signed) => Some(signed),
        }
    }
}

/// What a decision says of one row, beside the row's standing.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) standing: Standing,
    /// The configuration and the workbook say different things.
    pub(crate) disagreement: Option<String>,
    /// The workbook says `accept` without a day or a reason.
    pub(crate) is_half: bool,
    /// Places of the acceptances that match.
    pub(crate) matched: Vec<usize>,
}

impl Acceptance {
    fn signed(&self) -> Signed {
        Signed { until: self.until, by: self.by.clone(), reason: self.reason.clone(), source: self.source.clone() }
    }

    /// Whether it is about a repository that is not deployed yet.
    pub fn is_of(&self, account: Option<AccountId>, region: Option<&RegionName>, repository: Option<&str>) -> bool {
        self.is_of_place(account, None, region.map_or("", RegionName::as_str), repository.unwrap_or_default())
    }

    fn is_of_place(&self, account: Option<AccountId>, facts: Option<&AccountFacts>, region: &str, name: &str) -> bool {
        // What is not known matches no pattern but that of everything.
        let id = account.map(|account| account.to_string());
        // A pattern of digits is of ids: an account may be named as it likes.
        let is_of_ids = self.account.pattern().bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'?'));
        let of_account = matches(&self.account, id.as_deref())
            || !is_of_ids && matches(&self.account, facts.and_then(|facts| known(&facts.name)));
        of_account
            && matches(&self.ou, facts.and_then(|facts| known(&facts.ou_path)))
            && matches(&self.region, Some(region).filter(|region| !region.is_empty()))
            && matches(&self.repository, Some(name).filter(|name| !name.is_empty()))
    }
}

/// What is not known matches no pattern but that of everything.
fn matches(pattern: &Pattern, value: Option<&str>) -> bool {
    value.map_or_else(|| pattern.pattern() == "*", |value| pattern.matches(value))
}

fn known(fact: &Observed<String>) -> Option<&str> {
    fact.known().map(String::as_str)
}

impl Decisions {
    pub fn is_empty(&self) -> bool {
        self.acceptances.is_empty() && self.notes.is_empty()
    }

    /// Of those that match, the one that holds longest.
    fn longest(&self, matched: &[usize]) -> Option<&Acceptance> {
        matched.iter().filter_map(|at| self.acceptances.get(*at)).max_by_key(|acceptance| acceptance.until)
    }

    fn matching(&self, is: impl Fn(&Acceptance) -> bool) -> Vec<usize> {
        self.acceptances.iter().enumerate().filter(|(_, one)| is(one)).map(|(at, _)| at).collect()
    }

    pub(crate) fn of_repository(
        &self,
        repository: &RepositoryFacts,
        account: Option<&AccountFacts>,
        diagnosis: Diagnosis,
        today: Date,
    ) -> Verdict {
        let matched = self.matching(|one| {
            one.what == Accepts::Diagnosis(diagnosis)
                && one.is_of_place(
                    Some(repository.account),
                    account,
                    repository.region.as_str(),
                    repository.name.as_str(),
                )
        });
        let of_file = self.longest(&matched).map(Acceptance::signed);
        let notes = self.notes.of(&note_key(repository)).filter(|notes| !notes.are_of_another(diagnosis));
        let decision = notes.map(|notes| notes.shown("decision").trim().to_lowercase()).unwrap_or_default();
        let of_workbook = notes.filter(|_| decision == ACCEPT).map(signed_in_workbook);
        let place = || {
            let name = sanitize(repository.name.as_str());
            format!("{} of {name} in {} {}", diagnosis.word(), repository.account, repository.region)
        };
        let mut verdict = Verdict { matched, ..Verdict::default() };
        match (of_file, of_workbook) {
            (None, None) => {}
            (Some(file), None) if decision.is_empty() => verdict.standing = Standing::of(file, today),
            // The workbook decided something else: nobody is taken at their word against another's.
            (Some(file), None) => {
                verdict.disagreement = Some(format!(
                    "{}: {} accepts it, the workbook says `{}`",
                    place(),
                    file.source,
                    sanitize(&decision)
                ));
            }
            (None, Some(None)) => verdict.is_half = true,
            (Some(file), Some(None)) => {
                verdict.is_half = true;
                verdict.standing = Standing::of(file, today);
            }
            (None, Some(Some(workbook))) => verdict.standing = Standing::of(workbook, today),
            (Some(file), Some(Some(workbook))) => {
                if file.until != workbook.until {
                    let (a, b) = (file.until, workbook.until);
                    verdict.disagreement = Some(format!(
                        "{}: {} says until {a}, the workbook until {b}; the earlier holds",
                        place(),
                        file.source
                    ));
                }
                let earlier = if workbook.until < file.until { workbook } else { file };
                verdict.standing = Standing::of(earlier, today);
            }
        }
        verdict
    }

    pub(crate) fn of_gap(&self, gap: &Gap, account: Option<&AccountFacts>, today: Date) -> Verdict {
        let region = gap.region.as_ref().map(RegionName::as_str).unwrap_or_default();
        let matched = self.matching(|one| {
            one.what == Accepts::Gap(gap.kind) && one.is_of_place(gap.account, account, region, &gap.resource)
        });
        let standing = self.longest(&matched).map(|one| Standing::of(one.signed(), today)).unwrap_or_default();
        Verdict { standing, matched, ..Verdict::default() }
    }
}

/// `None`: the day or the reason is missing.
fn signed_in_workbook(notes: &RowNotes) -> Option<Signed> {
    let reason = notes.shown("justification");
    let by = Some(notes.shown("reviewed_by")).filter(|by| !by.is_empty()).unwrap_or_else(|| notes.shown("owner"));
    let until = notes.date("expires")?;
    (!reason.trim().is_empty()).then(|| Signed { until, by, reason, source: WORKBOOK.to_owned() })
}

/// By what the notes on a repository are found.
pub(crate) fn note_key(repository: &RepositoryFacts) -> NoteKey {
    (repository.account.to_string(), repository.region.to_string(), sanitize(repository.name.as_str()))
}
