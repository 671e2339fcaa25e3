//! Owner packs: for each account, OU or tag value a small workbook and a Markdown page, with only the owner's rows and the
//! exact change to make. Facts that could not be read are listed first, so that an owner can tell "nothing to do" from
//! "not read".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use scangap_assess::{CauseId, CauseKind, SharedCause};
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Asked, DIAGNOSES, Diagnosis, Observed, RegistryOutcome, code_block,
    code_span, count, plain_name,
};
use sha2::{Digest, Sha256};

use crate::causes::named;
use crate::columns::next_step;
use crate::context::ReportContext;
use crate::difference;
use crate::files::{Batch, FileError, Fill};
use crate::input::{Input, RepositoryRow};
use crate::policies::PolicyKey;
use crate::xlsx;

/// What makes rows belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    Account,
    OrganizationalUnit,
    /// The value of the tag with this key.
    Tag(String),
}

/// Below the folder of the reports.
const FOLDER: &str = "owners";
/// The label of rows whose owner could not be read.
const UNKNOWN_OWNER: &str = "unknown-owner";
/// The label of rows without an owner, such as repositories without the tag.
const NO_OWNER: &str = "no-owner";

/// The label of accounts directly under the organization's root.
const ROOT: &str = "organization-root";

/// Rows that are held at once while packs are written. An owner with more is read again for each file.
const ROWS_AT_ONCE: usize = 20_000;

/// One who gets a pack.
struct Owner {
    label: String,
    /// The pack's file names begin with it.
    slug: String,
    rows: usize,
    first: usize,
    last: usize,
    /// The accounts that are all theirs; none where tags tell owners apart.
    accounts: BTreeSet<AccountId>,
}

/// An owner's rows, in memory or on their way.
struct Rows<'m> {
    input: Input<'m>,
    held: Option<Vec<RepositoryRow<'m>>>,
    owner: u32,
    first: usize,
    last: usize,
    of_row: &'m [u32],
}

impl<'m> Rows<'m> {
    fn iter(&self) -> Box<dyn Iterator<Item = io::Result<RepositoryRow<'m>>> + '_> {
        if let Some(held) = &self.held {
            return Box::new(held.iter().cloned().map(Ok));
        }
        let places = self.first..self.last + 1;
        let owners = self.of_row.get(places.clone()).unwrap_or_default();
        let rows = self.input.repositories_at(places).zip(owners);
        // Every owner receives the read errors.
        Box::new(rows.filter(|(row, owner)| row.is_err() || **owner == self.owner).map(|(row, _)| row))
    }
}

/// Writes the packs into a batch. Owners are taken a few at a time, so that memory is bounded.
pub(crate) fn write(
    material: &ReportContext<'_>,
    split: &Split,
    directory: &Path,
    batch: &Batch,
) -> Result<(), FileError> {
    let folder = directory.join(FOLDER);
    let failed = |source| FileError { path: folder.clone(), source };
    fs_err::create_dir_all(&folder).map_err(failed)?;
    let (owners, of_row) = owners(&material.input, split).map_err(failed)?;
    let mut from = 0;
    while from < owners.len() {
        let mut to = from;
        let mut n_rows = 0;
        while let Some(owner) = owners.get(to).filter(|owner| to == from || n_rows + owner.rows <= ROWS_AT_ONCE) {
            n_rows += owner.rows;
            to += 1;
        }
        let some = owners.get(from..to).unwrap_or_default();
        let rows = rows_of(&material.input, some, from, &of_row, n_rows <= ROWS_AT_ONCE).map_err(failed)?;
        let mut jobs: Vec<(PathBuf, Fill<'_>)> = Vec::new();
        for (owner, rows) in some.iter().zip(&rows) {
            let path = |suffix: &str| folder.join(format!("{}.{suffix}", owner.slug));
            let workbook = move |out: &mut dyn Write| xlsx::write_owner(material, owner.rows, &|| rows.iter(), out);
            jobs.push((path("xlsx"), Box::new(workbook)));
            jobs.push((path("md"), Box::new(move |out| page(material, owner, rows, out))));
        }
        batch.write_in_parallel(jobs)?;
        from = to;
    }
    Ok(())
}

/// Every owner, in the order of their first rows, those without rows last; and whose each row is.
fn owners(input: &Input<'_>, split: &Split) -> io::Result<(Vec<Owner>, Vec<u32>)> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut known: BTreeMap<Label, u32> = BTreeMap::new();
    let mut of_row = Vec::new();
    let mut place_of = |owners: &mut Vec<Owner>, label: Label, at: usize| {
        let next = u32::try_from(owners.len()).unwrap_or(u32::MAX);
        let slug = slug(&label);
        let text = label.text().to_owned();
        let place = *known.entry(label).or_insert(next);
        if place == next {
            owners.push(Owner { label: text, slug, rows: 0, first: at, last: at, accounts: BTreeSet::new() });
        }
        place
    };
    for (at, row) in input.repositories().enumerate() {
        let place = place_of(&mut owners, label(&row?, split), at);
        if let Some(owner) = owners.get_mut(place as usize) {
            owner.rows += 1;
            owner.last = at;
        }
        of_row.push(place);
    }
    // An account of which nothing was seen has an owner all the same.
    for (id, account) in &input.facts.accounts {
        if let Some(label) = label_of_account(*id, Some(account), split) {
            let place = place_of(&mut owners, label, 0);
            if let Some(owner) = owners.get_mut(place as usize) {
                owner.accounts.insert(*id);
            }
        }
    }
    Ok((owners, of_row))
}

/// The label of an owner. A tag value may equal one of the fixed labels, such as `no-owner`: the variants keep them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Named(String),
    Nobody(&'static str),
}

impl Label {
    fn text(&self) -> &str {
        match self {
            Self::Named(text) => text,
            Self::Nobody(text) => text,
        }
    }
}

fn label(row: &RepositoryRow<'_>, split: &Split) -> Label {
    if let Some(label) = label_of_account(row.repository.account, row.account, split) {
        return label;
    }
    let (Split::Tag(key), Asked::Answered(tags)) = (split, &row.repository.tags) else {
        return Label::Nobody(UNKNOWN_OWNER);
    };
    match tags {
        Observed::Known(tags) => tags.get(key).cloned().map_or(Label::Nobody(NO_OWNER), Label::Named),
        Observed::Absent => Label::Nobody(NO_OWNER),
        Observed::Unknown(_) => Label::Nobody(UNKNOWN_OWNER),
    }
}

/// Where the whole account has one owner.
fn label_of_account(id: AccountId, account: Option<&AccountFacts>, split: &Split) -> Option<Label> {
    match split {
        Split::Account => Some(Label::Named(match account.and_then(|account| account.name.known()) {
            Some(name) => format!("{id} {name}"),
            None => id.to_string(),
        })),
        Split::OrganizationalUnit => Some(match account.map(|account| &account.ou_path) {
            Some(Observed::Known(path)) if path.is_empty() => Label::Nobody(ROOT),
            Some(Observed::Known(path)) => Label::Named(path.clone()),
            Some(Observed::Absent) => Label::Nobody(NO_OWNER),
            Some(Observed::Unknown(_)) | None => Label::Nobody(UNKNOWN_OWNER),
        }),
        Split::Tag(_) => None,
    }
}

/// A file name for any text: where something had to be left out, a hash keeps two texts apart.
fn slug(label: &Label) -> String {
    let text = match label {
        Label::Nobody(text) => return (*text).to_owned(),
        Label::Named(text) => text,
    };
    let plain = plain_name(text);
    // A text that looks as if it had a hash could be chosen to be another owner's file.
    if plain == *text && !looks_hashed(&plain) && ![NO_OWNER, UNKNOWN_OWNER, ROOT, ""].contains(&plain.as_str()) {
        return plain;
    }
    let hash =
        Sha256::digest(text.as_bytes()).iter().take(4).fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    if plain.is_empty() { hash } else { format!("{plain}-{hash}") }
}

/// Whether a name ends as those with a hash do.
fn looks_hashed(name: &str) -> bool {
    let end = name.rsplit_once('-').map_or(name, |(_, end)| end);
    end.len() == 8 && end.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The rows of some owners that follow each other.
fn rows_of<'m>(
    input: &Input<'m>,
    owners: &[Owner],
    first_owner: usize,
    of_row: &'m [u32],
    hold: bool,
) -> io::Result<Vec<Rows<'m>>> {
    let mut all: Vec<Rows<'m>> = owners
        .iter()
        .zip(first_owner..)
        .map(|(owner, at)| Rows {
            input: *input,
            held: (hold || owner.rows == 0).then(Vec::new),
            owner: u32::try_from(at).unwrap_or(u32::MAX),
            first: owner.first,
            last: owner.last,
            of_row,
        })
        .collect();
    if !hold {
        return Ok(all);
    }
    let with_rows = || owners.iter().filter(|owner| owner.rows > 0);
    let from = with_rows().map(|owner| owner.first).min().unwrap_or(0);
    let to = with_rows().map(|owner| owner.last + 1).max().unwrap_or(0);
    for (row, owner) in input.repositories_at(from..to).zip(of_row.get(from..to).unwrap_or_default()) {
        let row = row?;
        let place = (*owner as usize).checked_sub(first_owner);
        if let Some(held) = place.and_then(|at| all.get_mut(at)).and_then(|rows| rows.held.as_mut()) {
            held.push(row);
        }
    }
    Ok(all)
}

fn page(material: &ReportContext<'_>, owner: &Owner, rows: &Rows<'_>, out: &mut dyn Write) -> io::Result<()> {
    let input = &material.input;
    let mut text = format!("# Amazon Inspector coverage: {}\n\n", code_span(&owner.label));
    if input.simulated {
        text.push_str("**SIMULATED: nothing here is evidence about a real organization.**\n\n");
    }
    let mut counts: BTreeMap<Diagnosis, usize> = BTreeMap::new();
    let mut causes: BTreeMap<CauseId, (&SharedCause, BTreeMap<Diagnosis, usize>)> = BTreeMap::new();
    for row in rows.iter() {
        let assessment = row?.assessment;
        *counts.entry(assessment.diagnosis).or_default() += 1;
        for cause in assessment.causes() {
            let (_, diagnoses) = causes.entry(cause.id).or_insert((cause, BTreeMap::new()));
            *diagnoses.entry(assessment.diagnosis).or_default() += 1;
        }
    }
    let _ = writeln!(text, "{}, as of {}.\n", count(owner.rows, "repository"), crate::value::utc(input.as_of));
    let not_read = not_read(material, owner);
    if !not_read.is_empty() {
        text.push_str("## What could not be read\n\n");
        for line in &not_read {
            let _ = writeln!(text, "- {line}");
        }
        text.push_str("\nThis page cannot show what these gaps hide.\n\n");
    }
    if owner.rows > 0 {
        text.push_str("| diagnosis | repositories | what it means | what to do |\n|---|---|---|---|\n");
        for info in DIAGNOSES {
            if let Some(number) = counts.get(&info.diagnosis) {
                let _ = writeln!(text, "| {} | {number} | {} | {} |", info.title, info.meaning, info.next_step);
            }
        }
        let _ = writeln!(text, "\nEvery row, with every column, is in `{}.xlsx` beside this page.\n", owner.slug);
    }
    if !causes.is_empty() {
        text.push_str("## Causes\n\n");
    }
    for row in &material.causes {
        let Some((cause, diagnoses)) = causes.get(&row.tally.cause.id) else { continue };
        let number = count(diagnoses.values().sum(), "repository");
        let _ = write!(text, "- **{}**, {number}: {}.", cause.id, code_span(&named(cause, diagnoses)));
        // What repairs a statement is below, in the text of each policy.
        if !matches!(cause.kind, CauseKind::Statement { .. }) {
            let _ = write!(text, " What to do: {}", code_span(&row.repair));
        }
        text.push('\n');
    }
    if !causes.is_empty() {
        text.push('\n');
    }
    text.push_str("## What to do\n\n");
    let asks = |diagnosis: &Diagnosis| diagnosis.info().next_step != "none" && *diagnosis != Diagnosis::Changing;
    if !counts.keys().any(asks) {
        text.push_str(if not_read.is_empty() {
            "Nothing: every repository of yours is covered, or has nothing to scan.\n"
        } else {
            "No problems found in what was read.\n"
        });
    }
    out.write_all(text.as_bytes())?;
    let mut shown: BTreeMap<PolicyKey, String> = BTreeMap::new();
    for row in rows.iter() {
        let row = row?;
        if asks(&row.assessment.diagnosis) {
            let mut text = String::new();
            repository(material, &row, &mut shown, &mut text);
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}

/// Accounts, regions and facts of an owner that could not be read.
fn not_read(material: &ReportContext<'_>, owner: &Owner) -> Vec<String> {
    let input = &material.input;
    let mut lines = Vec::new();
    if owner.accounts.is_empty() && !material.summary.is_complete() {
        lines.push(format!("{} of the whole audit: whose they are is not known", count(material.summary.gaps, "gap")));
    }
    for account in &owner.accounts {
        match input.facts.accounts.get(account).map(|account| &account.outcome) {
            Some(AccountOutcome::Unreadable(gap)) => {
                lines.push(format!("account {account}, all of it: {} {}", gap.api, code_span(&gap.code)));
                continue;
            }
            Some(AccountOutcome::NotReached) => {
                lines.push(format!("account {account}, all of it: the audit was interrupted"));
                continue;
            }
            Some(AccountOutcome::Skipped { reason }) => {
                lines.push(format!("account {account}, all of it: {}", code_span(reason)));
                continue;
            }
            Some(AccountOutcome::Read { .. }) | None => {}
        }
        let unread = input.registries_of(*account).filter(|registry| {
            matches!(registry.outcome, RegistryOutcome::Unreadable(_) | RegistryOutcome::NotReached)
        });
        for registry in unread {
            lines.push(format!("account {account} in {}", registry.region));
        }
        let gaps = input.assessment.gaps.iter().filter(|gap| gap.account == Some(*account)).count();
        if gaps > 0 {
            lines.push(format!("account {account}: {} (gaps.csv)", count(gaps, "gap")));
        }
    }
    lines
}

fn repository(
    material: &ReportContext<'_>,
    row: &RepositoryRow<'_>,
    shown: &mut BTreeMap<PolicyKey, String>,
    text: &mut String,
) {
    let info = row.assessment.diagnosis.info();
    let facts = &row.repository;
    let name = code_span(facts.name.as_str());
    let _ =
        writeln!(text, "### {name}\n\n{} in {} in {}: {}.\n", info.title, facts.account, facts.region, info.meaning);
    for statement in &row.assessment.policy.responsible_statements {
        let _ = writeln!(text, "- responsible: {}", code_span(statement));
    }
    for key in &row.assessment.policy.depends_on {
        let _ = writeln!(text, "- depends on {}", code_span(key));
    }
    let _ = writeln!(text, "- what to do: {}\n", code_span(&next_step(row)));
    let mut change = |key: Option<PolicyKey>, whose: &str| -> bool {
        let Some(key) = key else { return false };
        if let Some(first) = shown.get(&key) {
            let _ = writeln!(text, "The change of {whose} is the one of {first}: the policies are the same.\n");
            return true;
        }
        let group = material.policy_place(&key).and_then(|at| material.policies.get(at));
        let Some(evidence) = group.and_then(|group| group.evidence(&material.input)) else { return false };
        match &evidence.repaired {
            Ok(after) => {
                let lines: Vec<String> = difference::lines(&evidence.text, after)
                    .iter()
                    .map(|line| format!("{} {}", line.sign, line.text))
                    .collect();
                let _ = writeln!(
                    text,
                    "The change of {whose}: it exempts Inspector's role of the account, and nobody else.\n"
                );
                text.push_str(&code_block("diff", &lines.join("\n")));
                text.push('\n');
                shown.insert(key, name.clone());
                true
            }
            Err(why) => {
                let _ = writeln!(text, "No repair of {whose} by an exemption: {}\n", code_span(why));
                false
            }
        }
    };
    change(PolicyKey::registry(row), "the registry's policy, which is not yours alone");
    if change(PolicyKey::own(row), "the policy") {
        text.push_str(&code_block("sh", &crate::html::Place::of(facts).commands()));
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_no_two_owners_share_one() {
        let slug = |text: &str| slug(&Label::Named(text.to_owned()));
        assert_eq!(slug("payments"), "payments");
        assert_ne!(slug("Payments"), slug("payments"));
        for hostile in ["../../etc/passwd", "a/b", "日本", "", ".", "..", "con:", "unknown-owner", "x\u{202e}y", "-rf"]
        {
            let slug = slug(hostile);
            assert!(
                !slug.is_empty() && slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
                "{hostile}: {slug}"
            );
            assert!(!slug.starts_with(['.', '-']) && slug != UNKNOWN_OWNER, "{hostile}: {slug}");
        }
        assert_eq!(super::slug(&Label::Nobody(UNKNOWN_OWNER)), "unknown-owner");
    }
}
