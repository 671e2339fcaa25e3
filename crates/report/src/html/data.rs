//! The data that the page's script draws from: every repository with every column, packed.
//!
//! A column holds each of its values once, and a row says which; the whole is JSON, compressed, in base64. None of those
//! characters can end the element that it stands in.

use std::io::{self, Write};

use base64::prelude::BASE64_STANDARD;
use base64::write::EncoderWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use indexmap::IndexSet;
use scangap_assess::PolicyEvidence;
use scangap_model::{DIAGNOSES, sanitize};
use serde_json::json;

use super::policies::{lines, repair};
use super::tone;
use crate::columns::REPOSITORIES;
use crate::input::{Material, RepositoryRow};
use crate::value::Value;

/// Repositories that a page holds. Beyond it only those that need action are in the page, and it says so.
pub(super) const ROWS_MAX: usize = 60_000;
/// Characters of policies that a page holds, each text with its repair.
const POLICY_CHARS_MAX: usize = 24_000_000;

/// What the reader can narrow the table by.
pub(super) const FACETS: &[&str] = &["diagnosis", "account_id", "ou_path", "region"];
/// The columns that are shown until the reader chooses others.
pub(super) const SHOWN: &[&str] = &[
    "diagnosis",
    "account_name",
    "account_id",
    "region",
    "repository",
    "policy_verdict",
    "coverage_status",
    "coverage_reason",
];

/// One column, packed.
#[derive(Default)]
struct Packed {
    /// JSON texts, each once.
    values: IndexSet<String>,
    /// The place of each row's value.
    rows: Vec<u32>,
}

impl Packed {
    fn push(&mut self, value: &Value<'_>) {
        let text = match value {
            Value::Text(text) => json!(sanitize(text)),
            Value::Integer(number) => json!(number),
            Value::Time(_) => json!(value.render()),
            Value::List(items) => json!(items.iter().map(|item| sanitize(item)).collect::<Vec<_>>()),
            Value::Empty => json!(null),
        };
        let (place, _) = self.values.insert_full(text.to_string());
        self.rows.push(u32::try_from(place).unwrap_or(u32::MAX));
    }
}

/// How many repositories the page holds.
pub(super) fn held(material: &Material<'_>) -> (usize, bool) {
    let all = material.summary.repositories;
    if all <= ROWS_MAX {
        return (all, true);
    }
    let needing =
        material.input.assessment.repositories.iter().filter(|one| super::needs_action(one.diagnosis)).count();
    (needing.min(ROWS_MAX), false)
}

pub(super) fn packed(material: &Material<'_>) -> io::Result<String> {
    let all = held(material).1;
    let mut columns: Vec<Packed> = REPOSITORIES.iter().map(|_| Packed::default()).collect();
    let rows = material.input.repositories_where(|one| all || super::needs_action(one.diagnosis)).take(ROWS_MAX);
    for row in rows {
        let row: RepositoryRow<'_> = row?;
        for (packed, column) in columns.iter_mut().zip(REPOSITORIES) {
            packed.push(&(column.value)(&row));
        }
    }
    let mut text = Vec::new();
    {
        let mut out = GzEncoder::new(EncoderWriter::new(&mut text, &BASE64_STANDARD), Compression::new(6));
        write(material, &columns, &mut out)?;
        out.finish()?.finish()?;
    }
    String::from_utf8(text).map_err(io::Error::other)
}

fn write(material: &Material<'_>, columns: &[Packed], out: &mut dyn Write) -> io::Result<()> {
    let diagnoses: Vec<_> =
        DIAGNOSES.iter().map(|info| json!([info.word, info.title, tone(info.tone), info.meaning])).collect();
    write!(
        out,
        r#"{{"diagnoses":{},"facets":{},"shown":{},"columns":["#,
        json!(diagnoses),
        json!(FACETS),
        json!(SHOWN)
    )?;
    for (at, (packed, column)) in columns.iter().zip(REPOSITORIES).enumerate() {
        let head = (json!(column.name), json!(column.title), json!(column.meaning));
        let comma = if at == 0 { "" } else { "," };
        write!(out, r#"{comma}{{"name":{},"title":{},"meaning":{},"values":["#, head.0, head.1, head.2)?;
        joined(out, packed.values.iter())?;
        out.write_all(br#"],"rows":["#)?;
        joined(out, packed.rows.iter())?;
        out.write_all(b"]}")?;
    }
    out.write_all(br#"],"policies":{"#)?;
    let mut room = POLICY_CHARS_MAX;
    let mut comma = "";
    for row in material.policies() {
        let Some(evidence) = &row.evidence else { continue };
        let chars = evidence.text.len() + evidence.repaired.as_ref().map_or(0, String::len);
        if chars > room {
            continue;
        }
        room -= chars;
        let key = json!(format!("{} {}", row.group.key.0, row.group.key.1));
        write!(out, "{comma}{key}:{}", policy(evidence))?;
        comma = ",";
    }
    out.write_all(b"}}")
}

fn policy(evidence: &PolicyEvidence) -> serde_json::Value {
    let lines: Vec<_> = lines(evidence).into_iter().map(|line| json!([line.text, line.marked])).collect();
    match &evidence.repaired {
        Ok(after) => {
            let changes = repair(evidence, after).into_iter();
            json!({"lines": lines, "repair": changes.map(|change| json!([change.sign, change.text])).collect::<Vec<_>>()})
        }
        Err(why) => json!({"lines": lines, "no_repair": sanitize(why)}),
    }
}

fn joined<T: std::fmt::Display>(out: &mut dyn Write, items: impl Iterator<Item = T>) -> io::Result<()> {
    for (at, item) in items.enumerate() {
        write!(out, "{}{item}", if at == 0 { "" } else { "," })?;
    }
    Ok(())
}
