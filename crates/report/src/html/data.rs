//! The data that the page's script draws from: every repository with every column, packed.
//!
//! A column holds each of its values once, and a row says which; the whole is JSON, compressed, in base64. None of those
//! characters can end the element around it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::prelude::BASE64_STANDARD;
use base64::write::EncoderWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use indexmap::IndexSet;
use scangap_assess::PolicyEvidence;
use scangap_model::{DIAGNOSES, Diagnosis, sanitize};
use serde_json::json;

use super::policies::{lines, repair};
use super::tone::tone;
use crate::columns::REPOSITORIES;
use crate::context::ReportContext;
use crate::input::RepositoryRow;
use crate::links::console_host;
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
    "ou_path",
    "responsible_statements",
    "next_step",
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
            Value::Tenths(_) | Value::Time(_) => json!(value.render()),
            Value::List(items) => json!(items.iter().map(|item| sanitize(item)).collect::<Vec<_>>()),
            Value::Counts(counts) => json!(counts),
            Value::Empty => json!(null),
        };
        let (place, _) = self.values.insert_full(text.to_string());
        self.rows.push(u32::try_from(place).unwrap_or(u32::MAX));
    }
}

/// What the page holds: all there is, or the worst as far as there is room.
pub(super) struct PageData {
    /// How many of each diagnosis, in the order of the rows.
    room: BTreeMap<Diagnosis, usize>,
    /// The words of the diagnoses of which none is missing.
    whole: Vec<&'static str>,
    pub(super) rows: usize,
    pub(super) left_out: usize,
}

impl PageData {
    pub(super) fn of(material: &ReportContext<'_>) -> Self {
        let mut held = Self { room: BTreeMap::new(), whole: Vec::new(), rows: 0, left_out: 0 };
        // Diagnoses are in order of how much they ask for.
        for (diagnosis, &number) in &material.summary.diagnoses {
            let taken = number.min(ROWS_MAX - held.rows);
            held.room.insert(*diagnosis, taken);
            held.rows += taken;
            held.left_out += number - taken;
            held.whole.extend((taken == number).then_some(diagnosis.word()));
        }
        held
    }
}

pub(super) fn packed(material: &ReportContext<'_>) -> io::Result<String> {
    let mut columns: Vec<Packed> = REPOSITORIES.iter().map(|_| Packed::default()).collect();
    let mut room = PageData::of(material).room;
    for row in material.input.repositories() {
        let row: RepositoryRow<'_> = row?;
        let Some(left) = room.get_mut(&row.assessment.diagnosis).filter(|left| **left > 0) else { continue };
        *left -= 1;
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

fn write(material: &ReportContext<'_>, columns: &[Packed], out: &mut dyn Write) -> io::Result<()> {
    let diagnoses: Vec<_> =
        DIAGNOSES.iter().map(|info| json!([info.word, info.title, tone(info.tone), info.meaning])).collect();
    let held = PageData::of(material);
    // What is simulated is in nobody's console.
    let partition = material.input.facts.organization.partition;
    let console = console_host(partition).filter(|_| !material.input.simulated);
    let console = console.map(|host| format!("https://{{region}}.{host}/ecr/repositories/private"));
    write!(
        out,
        r#"{{"diagnoses":{},"console":{},"facets":{},"shown":{},"all":{},"whole":{},"columns":["#,
        json!(diagnoses),
        json!(console),
        json!(FACETS),
        json!(SHOWN),
        held.left_out == 0,
        json!(held.whole)
    )?;
    for (at, (packed, column)) in columns.iter().zip(REPOSITORIES).enumerate() {
        let (name, title, meaning) = (json!(column.name), json!(column.title), json!(column.meaning));
        let comma = if at == 0 { "" } else { "," };
        write!(out, r#"{comma}{{"name":{name},"title":{title},"meaning":{meaning},"values":["#)?;
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
        let place = row.group.key.registry.as_ref().map_or_else(String::new, |region| format!("{region} "));
        let key = json!(format!("{} {place}{}", row.group.key.account, row.group.key.hash));
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
