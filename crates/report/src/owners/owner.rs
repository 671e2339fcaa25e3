//! Who owns what: accounts, OUs or the values of a tag, each with a name for its files that no other has.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use scangap_model::{AccountFacts, AccountId, Asked, Observed, plain_name};
use sha2::{Digest, Sha256};

use crate::input::{Input, RepositoryRow};

/// What makes rows belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    Account,
    OrganizationalUnit,
    /// The value of the tag with this key.
    Tag(String),
}

/// The label of rows whose owner could not be read.
const UNKNOWN_OWNER: &str = "unknown-owner";
/// The label of rows without an owner, such as repositories without the tag.
const NO_OWNER: &str = "no-owner";

/// The name of the files that are of no owner.
const INDEX: &str = "index";

/// The label of accounts directly under the organization's root.
const ROOT: &str = "organization-root";

/// One who gets a pack.
pub(super) struct Owner {
    pub(super) label: String,
    /// The pack's file names begin with it.
    pub(super) slug: String,
    /// A tag, an account or an OU names them.
    pub(super) is_somebody: bool,
    pub(super) rows: usize,
    pub(super) first: usize,
    pub(super) last: usize,
    /// The accounts that are all theirs; none where tags tell owners apart.
    pub(super) accounts: BTreeSet<AccountId>,
}

/// Every owner, in the order of their first rows, those without rows last; and whose each row is.
pub(super) fn owners(input: &Input<'_>, split: &Split) -> io::Result<(Vec<Owner>, Vec<u32>)> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut known: BTreeMap<Label, u32> = BTreeMap::new();
    let mut of_row = Vec::new();
    let mut place_of = |owners: &mut Vec<Owner>, label: Label, at: usize| {
        let next = u32::try_from(owners.len()).unwrap_or(u32::MAX);
        let slug = slug(&label);
        let text = label.text().to_owned();
        let is_somebody = !matches!(label, Label::Nobody(NO_OWNER | UNKNOWN_OWNER));
        let place = *known.entry(label).or_insert(next);
        if place == next {
            let accounts = BTreeSet::new();
            owners.push(Owner { label: text, slug, is_somebody, rows: 0, first: at, last: at, accounts });
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
    if plain == *text && !looks_hashed(&plain) && ![NO_OWNER, UNKNOWN_OWNER, ROOT, INDEX, ""].contains(&plain.as_str())
    {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_no_two_owners_share_one() {
        let slug = |text: &str| slug(&Label::Named(text.to_owned()));
        assert_eq!(slug("payments"), "payments");
        assert_ne!(slug("Payments"), slug("payments"));
        for hostile in
            ["../../etc/passwd", "a/b", "日本", "", ".", "..", "con:", "unknown-owner", "index", "x\u{202e}y", "-rf"]
        {
            let slug = slug(hostile);
            assert!(
                !slug.is_empty() && slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
                "{hostile}: {slug}"
            );
            assert!(!slug.starts_with(['.', '-']) && slug != UNKNOWN_OWNER && slug != INDEX, "{hostile}: {slug}");
        }
        assert_eq!(super::slug(&Label::Nobody(UNKNOWN_OWNER)), "unknown-owner");
    }
}
