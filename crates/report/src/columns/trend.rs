//! Columns of the trend: one audit of the organization, or of one organizational unit.

use scangap_model::{Api, Diagnosis};

use super::column::{Column, Kind, Type, column};
use crate::balance::Balance;
use crate::trend::TrendRow;
use crate::value::Value;

pub(crate) enum Trend {}

impl Kind for Trend {
    type Row<'a> = &'a TrendRow;
}

/// The repositories of one diagnosis. `covered` has columns of its own.
macro_rules! of_diagnosis {
    ($diagnosis:ident, $name:literal, $title:literal) => {
        column($name, $title, Type::Integer, 11, "repositories of this diagnosis that are known", "scangap", |row| {
            Value::count(row.diagnoses.get(&Diagnosis::$diagnosis).copied().unwrap_or(0))
        })
    };
}

#[rustfmt::skip]
pub(crate) const TREND: &[Column<Trend>] = &[
    column("audit", "Audit", Type::Time, 18, "the time of the audit", "scangap", |row| Value::Time(row.as_of)),
    column("of", "Of", Type::Text, 14, "organization: all of it; ou: the accounts that are directly in one organizational unit", "scangap",
        |row| Value::text(if row.ou.is_some() { "ou" } else { "organization" })),
    column("ou_path", "OU", Type::Text, 34, "the unit, from the root down; empty of the organization and directly under the root", Api::ListAccounts.permission(),
        |row| row.ou.as_ref().map_or(Value::Empty, |ou| Value::text(ou.as_str()))),
    column("complete", "Complete", Type::Text, 10, "whether everything in the scope of the audit was learnt", "scangap", |row| Value::yes_no(row.is_complete)),
    column("repositories", "Repositories", Type::Integer, 13, "repositories that are known, in lists that were read or from Inspector's coverage", Api::DescribeRepositories.permission(), |row| Value::count(row.known())),
    column("not_known", "Not known", Type::Integer, 11, "repositories that the audit nearest in time listed and this one does not know, in registries whose list it did not read: at least so many", "scangap",
        |row| Value::count(row.hidden)),
    column("to_scan", "To be scanned", Type::Integer, 13, "of both, those that Inspector is set to scan and that hold images, or may", "scangap", |row| Value::count(row.to_scan())),
    column("covered", "Covered", Type::Integer, 10, "covered repositories that are known", "scangap", |row| Value::count(row.covered())),
    column("covered_at_most", "Covered at most", Type::Integer, 11, "the same if all is covered that may be: what could not be read, unless something known of it (Inspector says ACCESS_DENIED) rules it out; equal where everything was learnt", "scangap", |row| Value::count(row.covered_at_most())),
    column("covered_percent", "Covered, %", Type::Number, 11, "covered of those to be scanned, at least; never rounded up", "scangap", |row| row.share().map_or(Value::Empty, |(least, _)| Value::tenths(least))),
    column("covered_percent_at_most", "Covered at most, %", Type::Number, 11, "the same at most: between the two is what is not known", "scangap", |row| row.share().map_or(Value::Empty, |(_, most)| Value::tenths(most))),
    column("needs_action", "Needs action", Type::Integer, 13, "repositories that need action", "scangap", |row| Value::count(row.to_act_on())),
    column("new", "New", Type::Integer, 9, "they need it, and did not at the audit before, or were not there; empty at the first audit", "scangap", |row| balance(row, |balance| balance.new)),
    column("not_known_before", "Not known before", Type::Integer, 11, "they need it, and what they were before could not be read", "scangap", |row| balance(row, |balance| balance.newly_known)),
    column("fixed", "Fixed", Type::Integer, 9, "they needed it, and are covered now or have nothing to scan", "scangap", |row| balance(row, |balance| balance.fixed)),
    column("carried", "Carried", Type::Integer, 9, "they needed it, and still do", "scangap", |row| balance(row, |balance| balance.carried)),
    column("not_known_any_more", "Not known any more", Type::Integer, 11, "they needed it, and are not visible or not readable now: that is not fixed", "scangap", |row| balance(row, |balance| balance.no_longer_known)),
    column("off_or_changing", "Off or changing", Type::Integer, 11, "they needed it, and do not for another reason: scanning is off now, or a change is under way", "scangap", |row| balance(row, |balance| balance.otherwise)),
    column("lost_scanning", "Lost scanning", Type::Integer, 10, "repositories whose coverage was active, and is not now", "scangap", |row| balance(row, |balance| balance.lost_scanning)),
    column("gained_scanning", "Gained scanning", Type::Integer, 10, "repositories whose coverage was not active, and is now", "scangap", |row| balance(row, |balance| balance.gained_scanning)),
    column("repaired", "Repaired", Type::Integer, 10, "repositories that needed action at any audit before, and that this one is the first to show covered, or with nothing to scan", "scangap", |row| Value::count(row.repaired)),
    column("repaired_after_days", "Repaired after, days", Type::Integer, 11, "the middle one of their times from the audit that first showed them to this one: the repair itself was earlier", "scangap", |row| row.repaired_after_days.map_or(Value::Empty, |(middle, _)| days(middle))),
    column("repaired_after_days_longest", "Longest, days", Type::Integer, 11, "the longest of these times", "scangap", |row| row.repaired_after_days.map_or(Value::Empty, |(_, longest)| days(longest))),
    column("first_seen_and_open", "First seen here, open", Type::Integer, 11, "repositories that this audit was the first to show as needing action, and that need it at the last one", "scangap", |row| Value::count(row.open_since)),
    of_diagnosis!(Blocked, "blocked", "Blocked"),
    of_diagnosis!(AtRisk, "at_risk", "At risk"),
    of_diagnosis!(Stale, "stale", "Stale"),
    of_diagnosis!(KeyDenied, "key_denied", "Key denied"),
    of_diagnosis!(Unseen, "unseen", "Unseen"),
    of_diagnosis!(Undecided, "undecided", "Undecided"),
    of_diagnosis!(Unreadable, "unreadable", "Unreadable"),
    of_diagnosis!(Limited, "limited", "Limited"),
    of_diagnosis!(NotSelected, "not_selected", "Not selected"),
    of_diagnosis!(BasicScanning, "basic_scanning", "Basic scanning"),
    of_diagnosis!(InspectorOff, "inspector_off", "Inspector off"),
    of_diagnosis!(Changing, "changing", "Changing"),
    of_diagnosis!(Empty, "empty", "Empty"),
];

fn balance<'a>(row: &TrendRow, number: fn(&Balance) -> usize) -> Value<'a> {
    row.balance.as_ref().map_or(Value::Empty, |balance| Value::count(number(balance)))
}

fn days<'a>(days: i64) -> Value<'a> {
    Value::Integer(u64::try_from(days).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use scangap_model::DIAGNOSES;

    use super::*;

    // Holds: 15 Trend: every diagnosis has a column
    #[test]
    fn every_diagnosis_has_a_column() {
        for info in DIAGNOSES {
            let row = TrendRow { diagnoses: [(info.diagnosis, 7)].into(), ..TrendRow::default() };
            let column = TREND.iter().find(|column| column.name == info.word);
            let of_row = &row;
            let value = column.map(|column| (column.value)(&of_row));
            assert_eq!(value, Some(Value::Integer(7)), "{}", info.word);
        }
    }
}
