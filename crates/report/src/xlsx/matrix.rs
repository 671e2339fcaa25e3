//! Each account in each region: how many of its repositories Inspector covers, coloured by a rule.

use rust_xlsxwriter::{
    Color, ConditionalFormat3ColorScale, ConditionalFormatText, ConditionalFormatTextRule, ConditionalFormatType,
    Format, Workbook, XlsxError,
};
use std::collections::BTreeMap;

use scangap_model::{AccountId, Diagnosis, RegionName, RegistryOutcome, Tone};

use super::style::{cell_text, column_title, lock, print_setup, tab, tint};
use crate::context::ReportContext;
use crate::input::Input;
use crate::listing;
use crate::matrix::{Matrix, matrix};

/// Accounts that are shown, those with most to do first when there are more.
const ACCOUNTS_MAX: usize = 5_000;
/// Excel's columns are many more; a reader's are not.
const REGIONS_MAX: usize = 100;

const WHAT: &str = "The share of an account's repositories in a region that are covered, of those that were read and have something to scan; else what is known of the region.";

pub(super) fn write(workbook: &mut Workbook, material: &ReportContext<'_>) -> Result<(), XlsxError> {
    let worksheet = workbook.add_worksheet();
    worksheet.set_name("Coverage matrix")?;
    let input = &material.input;
    let Matrix { regions, accounts, left_out } = matrix(input, ACCOUNTS_MAX);
    let n_regions = regions.len();
    let regions: Vec<_> = regions.into_iter().take(REGIONS_MAX).collect();
    let left_out = match left_out {
        0 => String::new(),
        number => format!(" {number} accounts with less to do are left out: registries.csv has all."),
    };
    let cut = match n_regions.saturating_sub(REGIONS_MAX) {
        0 => String::new(),
        number => format!(" {number} regions more have no column of their own: registries.csv has all."),
    };
    worksheet.write_string(0, 0, format!("{WHAT}{left_out}{cut}"))?;
    for (title, index) in ["Account", "Account name"].into_iter().zip(0u16..) {
        worksheet.write_string_with_format(2, index, title, &column_title())?;
    }
    worksheet.set_column_width(0, 14)?;
    worksheet.set_column_width(1, 24)?;
    for (region, index) in regions.iter().zip(2u16..) {
        worksheet.write_string_with_format(2, index, region.as_str(), &column_title())?;
        worksheet.set_column_width(index, 15)?;
    }
    let others = u16::try_from(regions.len() + 2).unwrap_or(u16::MAX);
    worksheet.write_string_with_format(2, others, "Other regions", &column_title())?;
    worksheet.set_column_width(others, 40)?;
    let percent = Format::new().set_num_format("0%");
    let mut at = 2;
    for account in accounts {
        at += 1;
        worksheet.write_string(at, 0, account.id.to_string())?;
        worksheet.write_string(at, 1, cell_text(&super::cover::observed(&account.name)))?;
        for (region, index) in regions.iter().zip(2u16..) {
            let key = (account.id, (*region).clone());
            let facts = input.facts.registry(&key);
            match input.assessment.by_registry.get(&key) {
                Some(counts) if !listing::is_listed(facts) => {
                    worksheet.write_string(at, index, listing::in_words(facts, counts.values().sum()))?
                }
                Some(counts) => match share(counts) {
                    Share::Of(share) => worksheet.write_number_with_format(at, index, share, &percent)?,
                    Share::Word(word) => worksheet.write_string(at, index, word)?,
                },
                None => {
                    worksheet.write_string(at, index, facts.map_or("not known", |registry| quiet(&registry.outcome)))?
                }
            };
        }
        worksheet.write_string(at, others, elsewhere(input, account.id, &regions))?;
    }
    let last = u16::try_from(regions.len() + 1).unwrap_or(2);
    if at > 2 && last > 1 {
        let fill = |tone| Color::RGB(super::style::colours(tone).1);
        let scale = ConditionalFormat3ColorScale::new()
            .set_minimum(ConditionalFormatType::Number, 0)
            .set_midpoint(ConditionalFormatType::Number, 0.5)
            .set_maximum(ConditionalFormatType::Number, 1)
            .set_minimum_color(fill(Tone::Bad))
            .set_midpoint_color(fill(Tone::Warning))
            .set_maximum_color(fill(Tone::Good));
        worksheet.add_conditional_format(3, 2, at, last, &scale)?;
        for open in ["not readable", "unreadable", "not reached", "not known", "list "] {
            let not = ConditionalFormatText::new()
                .set_rule(ConditionalFormatTextRule::BeginsWith(open.to_owned()))
                .set_format(tint(Tone::Question));
            worksheet.add_conditional_format(3, 2, at, last, &not)?;
        }
    }
    worksheet.set_freeze_panes(3, 2)?;
    worksheet.set_repeat_rows(2, 2)?;
    print_setup(worksheet, input);
    worksheet.set_tab_color(tab("Coverage matrix"));
    lock(worksheet);
    Ok(())
}

/// What a registry without a repository says.
fn quiet(outcome: &RegistryOutcome) -> &'static str {
    match outcome {
        RegistryOutcome::Read => "no repository",
        RegistryOutcome::NotEnabled => "not enabled",
        RegistryOutcome::Skipped { .. } => "skipped",
        RegistryOutcome::Unreadable(_) => "not readable",
        RegistryOutcome::NotReached => "not reached",
    }
}

/// What a field says of the repositories in it.
enum Share {
    Of(f64),
    Word(&'static str),
}

/// The share of those that are to be scanned, as the summary has it. Repositories that could not be read, or are not to be, say nothing about
/// coverage.
fn share(counts: &BTreeMap<Diagnosis, usize>) -> Share {
    let number = |diagnosis| counts.get(&diagnosis).copied().unwrap_or(0);
    let all: usize = counts.values().sum();
    let (unreadable, empty) = (number(Diagnosis::Unreadable), number(Diagnosis::Empty));
    let off: usize =
        [Diagnosis::InspectorOff, Diagnosis::BasicScanning, Diagnosis::NotSelected].into_iter().map(number).sum();
    match all - unreadable - empty - off {
        // The registry itself was read: its repositories are unreadable.
        0 if unreadable > 0 => Share::Word("unreadable"),
        0 if off > 0 => Share::Word("not to be scanned"),
        0 => Share::Word("empty"),
        said => Share::Of(number(Diagnosis::Covered) as f64 / said as f64),
    }
}

/// The regions without a column, by what is known of them.
fn elsewhere(input: &Input<'_>, account: AccountId, shown: &[&RegionName]) -> String {
    let mut words: BTreeMap<&'static str, usize> = BTreeMap::new();
    for registry in input.registries_of(account).filter(|registry| shown.binary_search(&&registry.region).is_err()) {
        *words.entry(quiet(&registry.outcome)).or_default() += 1;
    }
    words.iter().map(|(word, number)| format!("{number} {word}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_no_share() {
        let of = |counts: &[(Diagnosis, usize)]| match share(&counts.iter().copied().collect()) {
            Share::Of(share) => format!("{share}"),
            Share::Word(word) => word.to_owned(),
        };
        assert_eq!(of(&[(Diagnosis::Unreadable, 2)]), "unreadable");
        assert_eq!(of(&[(Diagnosis::InspectorOff, 2), (Diagnosis::Empty, 1)]), "not to be scanned");
        assert_eq!(of(&[(Diagnosis::Empty, 1)]), "empty");
        assert_eq!(of(&[(Diagnosis::Covered, 1), (Diagnosis::Unreadable, 9)]), "1");
        assert_eq!(of(&[(Diagnosis::Covered, 1), (Diagnosis::InspectorOff, 1)]), "1");
        assert_eq!(of(&[(Diagnosis::Blocked, 1)]), "0");
    }
}
