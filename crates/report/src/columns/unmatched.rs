//! The columns of the sheet that keeps an auditor's notes on repositories that are gone.

use super::column::{Column, Kind, Type, column};
use crate::notes::{NoteKey, RowNotes};
use crate::value::plain;

pub(crate) enum Unmatched {}

impl Kind for Unmatched {
    type Row<'a> = (&'a NoteKey, &'a RowNotes);
}

#[rustfmt::skip]
pub(crate) const UNMATCHED: &[Column<Unmatched>] = &[
    column("account_id", "Account", Type::Text, 14, "the account of the repository that the notes are of", "scangap", |((account, _, _), _)| plain(account)),
    column("region", "Region", Type::Text, 15, "the region of the repository", "scangap", |((_, region, _), _)| plain(region)),
    column("repository", "Repository", Type::Text, 36, "its name; it needs no action now, or is not in this audit", "scangap", |((_, _, name), _)| plain(name)),
    column("diagnosis", "Diagnosis", Type::Text, 15, "its diagnosis when the notes were written", "scangap", |(_, notes)| plain(&notes.diagnosis)),
];
