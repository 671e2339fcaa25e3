//! Owner packs: for each account, OU or value of a tag a small workbook and a Markdown page, with only the rows that are
//! its own and the exact change to make.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use scangap_model::{Asked, DIAGNOSES, Diagnosis, Observed, code_block, code_span, plain_name};
use sha2::{Digest, Sha256};

use crate::columns::next_step;
use crate::difference;
use crate::files::{Batch, FileError, Fill};
use crate::input::{Input, Material, RepositoryRow};
use crate::policies::PolicyKey;
use crate::terminal::count;
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
/// Whoever's tag was not read.
const UNKNOWN_OWNER: &str = "unknown-owner";
/// Whoever has no such tag.
const NO_OWNER: &str = "no-owner";

/// Rows that are held at once while packs are written.
const ROWS_AT_ONCE: usize = 20_000;

/// One who gets a pack.
struct Owner {
    label: String,
    /// The pack's file names begin with it.
    slug: String,
    rows: usize,
    first: usize,
    last: usize,
}

/// Writes the packs into a batch. Owners are taken a few at a time, so that memory is bounded by a pack's size.
pub(crate) fn write(material: &Material<'_>, split: &Split, directory: &Path, batch: &Batch) -> Result<(), FileError> {
    let folder = directory.join(FOLDER);
    let failed = |source| FileError { path: folder.clone(), source };
    fs_err::create_dir_all(&folder).map_err(failed)?;
    let (owners, of_row) = owners(&material.input, split).map_err(failed)?;
    let mut from = 0;
    while from < owners.len() {
        let mut to = from;
        let mut rows = 0;
        while let Some(owner) = owners.get(to).filter(|owner| to == from || rows + owner.rows <= ROWS_AT_ONCE) {
            rows += owner.rows;
            to += 1;
        }
        let some = owners.get(from..to).unwrap_or_default();
        let held = rows_of(&material.input, some, from, &of_row).map_err(failed)?;
        let mut jobs: Vec<(PathBuf, Fill<'_>)> = Vec::new();
        for (owner, rows) in some.iter().zip(&held) {
            let path = |suffix: &str| folder.join(format!("{}.{suffix}", owner.slug));
            jobs.push((path("xlsx"), Box::new(move |out| xlsx::write_owner(material, rows, out))));
            jobs.push((path("md"), Box::new(move |out| page(material, owner, rows, out))));
        }
        batch.write_in_parallel(jobs)?;
        from = to;
    }
    Ok(())
}

/// Every owner, in the order of their first rows, and whose each row is.
fn owners(input: &Input<'_>, split: &Split) -> io::Result<(Vec<Owner>, Vec<u32>)> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut known: BTreeMap<Label, u32> = BTreeMap::new();
    let mut of_row = Vec::new();
    for (at, row) in input.repositories().enumerate() {
        let label = label(&row?, split);
        let next = u32::try_from(owners.len()).unwrap_or(u32::MAX);
        let place = *known.entry(label.clone()).or_insert(next);
        if place == next {
            let slug = slug(&label);
            owners.push(Owner { label: label.text().to_owned(), slug, rows: 0, first: at, last: at });
        }
        if let Some(owner) = owners.get_mut(place as usize) {
            owner.rows += 1;
            owner.last = at;
        }
        of_row.push(place);
    }
    Ok((owners, of_row))
}

/// What an owner is called. A tag may hold any text, also one that stands for nobody: so the two are kept apart.
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
    match split {
        Split::Account => {
            let id = row.repository.account;
            match row.account.and_then(|account| account.name.known()) {
                Some(name) => Label::Named(format!("{id} {name}")),
                None => Label::Named(id.to_string()),
            }
        }
        Split::OrganizationalUnit => match row.account.map(|account| &account.ou_path) {
            Some(Observed::Known(path)) => Label::Named(path.clone()),
            Some(Observed::Absent) => Label::Nobody(NO_OWNER),
            Some(Observed::Unknown(_)) | None => Label::Nobody(UNKNOWN_OWNER),
        },
        Split::Tag(key) => match &row.repository.tags {
            Asked::Answered(Observed::Known(tags)) => {
                tags.get(key).cloned().map_or(Label::Nobody(NO_OWNER), Label::Named)
            }
            Asked::Answered(Observed::Absent) => Label::Nobody(NO_OWNER),
            Asked::NotNeeded | Asked::Answered(Observed::Unknown(_)) => Label::Nobody(UNKNOWN_OWNER),
        },
    }
}

/// A file name for any text: what is not plain is left out, and then a hash keeps two texts apart.
fn slug(label: &Label) -> String {
    let text = match label {
        Label::Nobody(text) => return (*text).to_owned(),
        Label::Named(text) => text,
    };
    let plain = plain_name(text);
    if plain == *text && ![NO_OWNER, UNKNOWN_OWNER, ""].contains(&plain.as_str()) {
        return plain;
    }
    let hash =
        Sha256::digest(text.as_bytes()).iter().take(4).fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    if plain.is_empty() { hash } else { format!("{plain}-{hash}") }
}

/// The rows of some owners that follow each other.
fn rows_of<'a>(
    input: &Input<'a>,
    owners: &[Owner],
    first_owner: usize,
    of_row: &[u32],
) -> io::Result<Vec<Vec<RepositoryRow<'a>>>> {
    let mut held: Vec<Vec<RepositoryRow<'a>>> = owners.iter().map(|_| Vec::new()).collect();
    let from = owners.iter().map(|owner| owner.first).min().unwrap_or(0);
    let to = owners.iter().map(|owner| owner.last + 1).max().unwrap_or(0);
    for (row, owner) in input.repositories_at(from..to).zip(of_row.get(from..to).unwrap_or_default()) {
        let row = row?;
        if let Some(rows) = (*owner as usize).checked_sub(first_owner).and_then(|at| held.get_mut(at)) {
            rows.push(row);
        }
    }
    Ok(held)
}

fn page(material: &Material<'_>, owner: &Owner, rows: &[RepositoryRow<'_>], out: &mut dyn Write) -> io::Result<()> {
    let input = &material.input;
    let mut text = format!("# Amazon Inspector coverage: {}\n\n", code_span(&owner.label));
    if input.simulated {
        text.push_str("**SIMULATED: nothing here is evidence about a real organization.**\n\n");
    }
    let mut counts: BTreeMap<Diagnosis, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.assessment.diagnosis).or_default() += 1;
    }
    let _ = writeln!(text, "{}, as of {}.\n", count(rows.len(), "repository"), crate::value::utc(input.as_of));
    text.push_str("| diagnosis | repositories | what it means |\n|---|---|---|\n");
    for info in DIAGNOSES {
        if let Some(number) = counts.get(&info.diagnosis) {
            let _ = writeln!(text, "| {} | {number} | {} |", info.title, info.meaning);
        }
    }
    let _ = writeln!(text, "\nEvery row, with every column, is in `{}.xlsx` beside this page.\n", owner.slug);
    text.push_str("## What to do\n\n");
    let needing: Vec<&RepositoryRow<'_>> = rows
        .iter()
        .filter(|row| row.assessment.diagnosis.info().fails_any || row.assessment.diagnosis == Diagnosis::Unreadable)
        .collect();
    if needing.is_empty() {
        text.push_str("No repository of yours that was read needs action.\n");
    }
    let mut shown: BTreeMap<PolicyKey, String> = BTreeMap::new();
    for row in needing {
        repository(material, row, &mut shown, &mut text);
    }
    out.write_all(text.as_bytes())
}

fn repository(
    material: &Material<'_>,
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
    let Some(hash) = facts.policy.known() else { return };
    let key = (facts.account, hash.clone());
    if let Some(first) = shown.get(&key) {
        let _ = writeln!(text, "The change is the one of {first}: the policies are the same.\n");
    } else if let Some(group) = material.policies.iter().find(|group| group.key == key)
        && let Some(evidence) = group.evidence(&material.input)
    {
        match &evidence.repaired {
            Ok(after) => {
                let lines: Vec<String> = difference::lines(&evidence.text, after)
                    .iter()
                    .map(|line| format!("{} {}", line.sign, line.text))
                    .collect();
                text.push_str("The change: it exempts Inspector's role of the account, and nobody else.\n\n");
                text.push_str(&code_block("diff", &lines.join("\n")));
                text.push('\n');
                shown.insert(key, name);
            }
            Err(why) => {
                let _ = writeln!(text, "No repair by an exemption: {}\n", code_span(why));
                return;
            }
        }
    } else {
        return;
    }
    text.push_str(&code_block("sh", &crate::html::Place::of(facts).commands()));
    text.push('\n');
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
