//! Who gets what: a page and a table of all owners.

use std::cmp::Reverse;
use std::io::{self, Write};

use askama::Template;
use scangap_model::{count, sanitize, thousands};

use super::owner::Owner;
use super::to_do::ToDo;
use crate::context::ReportContext;
use crate::csv::safe;
use crate::html::{STYLE, Text, hash};
use crate::value::{UNKNOWN, Value, utc};

/// An owner, as the index has them.
#[derive(Debug)]
pub(super) struct IndexRow {
    label: String,
    slug: String,
    repositories: usize,
    to_act_on: usize,
    causes: usize,
    worst: Option<&'static str>,
    due: String,
    not_read: usize,
    has_folder: bool,
    /// Nobody answers for what has no owner.
    has_mail: bool,
}

impl IndexRow {
    pub(super) fn of(owner: &Owner, to_do: &ToDo, not_read: usize) -> Self {
        let worst = to_do.of_action_list().filter_map(|task| task.diagnoses.keys().next()).min();
        Self {
            has_mail: owner.is_somebody,
            label: owner.label.clone(),
            slug: owner.slug.clone(),
            repositories: owner.rows,
            to_act_on: to_do.to_act_on(),
            causes: to_do.causes(),
            worst: worst.map(|diagnosis| diagnosis.info().title),
            due: to_do.due().map(|due| due.to_string()).unwrap_or_default(),
            not_read,
            has_folder: to_do.tasks.iter().any(super::repair_files::has_changes),
        }
    }
}

impl IndexRow {
    /// A number of what was looked at; of what was not there is none.
    fn known(&self, number: usize) -> String {
        if self.repositories == 0 && self.not_read > 0 { UNKNOWN.to_owned() } else { number.to_string() }
    }

    /// Those with most to do first, then those of whom least is known.
    pub(super) fn order(&self) -> (Reverse<usize>, Reverse<usize>, String) {
        (Reverse(self.to_act_on), Reverse(self.not_read), self.slug.clone())
    }
}

#[derive(Template)]
#[template(path = "owners_index.html")]
struct Index<'a> {
    style: &'static str,
    style_hash: String,
    simulated: bool,
    heading: String,
    as_of: String,
    rows: &'a [IndexRow],
}

impl Index<'_> {
    fn name(row: &IndexRow) -> String {
        sanitize(&row.label)
    }
}

/// `index.html`. Those with most to do come first.
pub(super) fn page(material: &ReportContext<'_>, rows: &[IndexRow], out: &mut dyn Write) -> io::Result<()> {
    let input = &material.input;
    let asked = rows.iter().filter(|row| row.to_act_on > 0).count();
    let index = Index {
        style: STYLE,
        style_hash: hash(STYLE),
        simulated: input.simulated,
        heading: format!("{} of {} have repositories that need action", thousands(asked), count(rows.len(), "owner")),
        as_of: utc(input.as_of),
        rows,
    };
    index.render_into(&mut Text(out)).map_err(io::Error::other)
}

const COLUMNS: [&str; 11] =
    ["owner", "repositories", "to_act_on", "causes", "worst", "due", "not_read", "page", "workbook", "mail", "folder"];

/// `index.csv`: the same table, for the program that sends the mails.
pub(super) fn table(rows: &[IndexRow], out: &mut dyn Write) -> io::Result<()> {
    let mut table = ::csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    table.write_record(COLUMNS).map_err(io::Error::other)?;
    for row in rows {
        let slug = &row.slug;
        let fields = [
            row.label.clone(),
            row.known(row.repositories),
            row.known(row.to_act_on),
            row.causes.to_string(),
            row.worst.unwrap_or_default().to_owned(),
            row.due.clone(),
            row.not_read.to_string(),
            format!("{slug}.html"),
            format!("{slug}.xlsx"),
            if row.has_mail { format!("{slug}.mail.txt") } else { String::new() },
            if row.has_folder { format!("repairs/{slug}/") } else { String::new() },
        ];
        let values: Vec<Value<'_>> = fields.iter().map(|field| Value::text(field.as_str())).collect();
        table.write_record(values.iter().map(|value| safe(value).into_owned())).map_err(io::Error::other)?;
    }
    table.flush()
}
