//! The column of the sheet that keeps an auditor's notes on repositories that are gone.

use super::column::{Column, Kind, Type, column};
use crate::value::plain;

pub(crate) enum Unmatched {}

impl Kind for Unmatched {
    type Row<'a> = &'a String;
}

#[rustfmt::skip]
pub(crate) const UNMATCHED: &[Column<Unmatched>] = &[
    column("repository_arn", "Repository ARN", Type::Text, 70, "the repository that the notes are of; it is not in this audit", "scangap", |arn| plain(arn)),
];
