//! Owner packs: for each account, OU or tag value a page, a small workbook, a mail, and a folder with what repairs each cause, with
//! only the owner's rows. Facts that could not be read are listed first, so that an owner can tell "nothing to do" from "not
//! read". An index says who gets what.

mod condition;
mod index;
mod mail;
mod owner;
mod page;
mod repair_files;
mod to_do;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use scangap_model::{AccountId, AccountOutcome, Api, RegionName, RegistryOutcome, count, sanitize};

use self::index::IndexRow;
pub use self::owner::Split;
use self::owner::{Owner, owners};
use self::to_do::ToDo;
use crate::context::ReportContext;
use crate::files::{Batch, FileError, Fill};
use crate::input::{Input, RepositoryRow};
use crate::{parallel, xlsx};

/// Below the folder of the reports.
const FOLDER: &str = "owners";
/// Below it: what repairs each owner's causes.
const REPAIRS: &str = "repairs";

/// Rows that are held at once while packs are written. An owner with more is read again for each file.
const ROWS_AT_ONCE: usize = 20_000;

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
    let mut index = Vec::new();
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
        let not_read: Vec<Vec<String>> = some.iter().map(|owner| not_read(material, owner)).collect();
        let to_do: io::Result<Vec<ToDo>> = parallel::map(&rows, |rows| ToDo::of(material, rows.iter()));
        let to_do = to_do.map_err(failed)?;
        let mut jobs: Vec<(PathBuf, Fill<'_>)> = Vec::new();
        for (((owner, rows), to_do), not_read) in some.iter().zip(&rows).zip(&to_do).zip(&not_read) {
            index.push(IndexRow::of(owner, to_do, gaps(material, owner).max(not_read.len())));
            let path = |suffix: &str| folder.join(format!("{}.{suffix}", owner.slug));
            let workbook = move |out: &mut dyn Write| xlsx::write_owner(material, owner.rows, &|| rows.iter(), out);
            jobs.push((path("xlsx"), Box::new(workbook)));
            jobs.push((path("html"), Box::new(move |out| page::write(material, owner, to_do, not_read, out))));
            if owner.is_somebody {
                let mail =
                    move |out: &mut dyn Write| out.write_all(mail::text(material, owner, to_do, not_read).as_bytes());
                jobs.push((path("mail.txt"), Box::new(mail)));
            }
            // In a folder of their own: an owner may be called as another's file is.
            let own_folder = folder.join(REPAIRS).join(&owner.slug);
            for task in &to_do.tasks {
                let of_task = own_folder.join(&task.name);
                let files = repair_files::files(task, material.input.simulated);
                if !files.is_empty() {
                    fs_err::create_dir_all(&of_task).map_err(failed)?;
                }
                for file in files {
                    let write = move |out: &mut dyn Write| out.write_all(file.text.as_bytes());
                    jobs.push((of_task.join(file.name), Box::new(write)));
                }
            }
        }
        batch.write_in_parallel(jobs)?;
        from = to;
    }
    index.sort_by_key(IndexRow::order);
    batch.write_in_parallel(vec![
        (folder.join("index.html"), Box::new(|out| index::page(material, &index, out))),
        (folder.join("index.csv"), Box::new(|out| index::table(&index, out))),
    ])
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

/// Gaps that may hide something of an owner: all of the audit's where tags tell owners apart, because nobody knows whose they are.
fn gaps(material: &ReportContext<'_>, owner: &Owner) -> usize {
    if owner.accounts.is_empty() {
        return material.summary.gaps;
    }
    let of_owner = |account: AccountId| owner.accounts.contains(&account);
    material.input.assessment.gaps.iter().filter(|gap| gap.account.is_some_and(of_owner)).count()
}

/// Accounts that are named one by one.
const ACCOUNTS_NAMED: usize = 5;

/// The accounts, or the first of them.
fn of_accounts(accounts: &BTreeSet<AccountId>) -> String {
    let named: Vec<&str> = accounts.iter().take(ACCOUNTS_NAMED).map(AccountId::as_str).collect();
    let more = accounts.len().saturating_sub(ACCOUNTS_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {}", count(more, "other account")) };
    format!("account {}{more}", named.join(", "))
}

/// Accounts, regions and facts of an owner that could not be read.
fn not_read(material: &ReportContext<'_>, owner: &Owner) -> Vec<String> {
    let input = &material.input;
    let mut lines = Vec::new();
    let mut regions: BTreeMap<RegionName, BTreeSet<AccountId>> = BTreeMap::new();
    if owner.accounts.is_empty() && !material.summary.is_complete() {
        let what = material.summary.not_read_in_words();
        let what = what.unwrap_or_else(|| "what was not reached".to_owned());
        lines.push(format!("in the whole audit {what}: whose they are is not known"));
    }
    for account in &owner.accounts {
        match input.facts.accounts.get(account).map(|account| &account.outcome) {
            Some(AccountOutcome::Unreadable(gap)) => {
                lines.push(format!("account {account}, all of it: {} {}", gap.api, sanitize(&gap.code)));
                continue;
            }
            Some(AccountOutcome::NotReached) => {
                lines.push(format!("account {account}, all of it: the audit was interrupted"));
                continue;
            }
            Some(AccountOutcome::Skipped { reason }) => {
                lines.push(format!("account {account}, all of it: {}", sanitize(reason)));
                continue;
            }
            Some(AccountOutcome::Read { .. }) | None => {}
        }
        let unread = input.registries_of(*account).filter(|registry| {
            matches!(registry.outcome, RegistryOutcome::Unreadable(_) | RegistryOutcome::NotReached)
        });
        for registry in unread {
            regions.entry(registry.region.clone()).or_default().insert(*account);
        }
    }
    for (region, accounts) in regions {
        lines.push(format!("the registries in {region}: {}", of_accounts(&accounts)));
    }
    let mut reads: BTreeMap<(Api, &str), (usize, BTreeSet<AccountId>)> = BTreeMap::new();
    for gap in &input.assessment.gaps {
        if let Some(account) = gap.account.filter(|account| owner.accounts.contains(account)) {
            let (number, accounts) = reads.entry((gap.api, &gap.code)).or_default();
            *number += 1;
            accounts.insert(account);
        }
    }
    for ((api, code), (number, accounts)) in reads {
        lines.push(format!("{api}: {}, {}: {}", sanitize(code), count(number, "time"), of_accounts(&accounts)));
    }
    lines
}
