//! `scangap schema`: what machines can rely on, as JSON.

use scangap_model::DIAGNOSES;
use scangap_policy::{CONDITION_KEYS, LINT_RULES};
use scangap_report::{audit_schema, run_schema, tables};
use serde_json::{Value, json};

use crate::args::{Schema, SchemaKind};
use crate::exit::EXIT_CODES;
use crate::terminal;

pub(super) fn run(command: &Schema) {
    let value = match command.what {
        SchemaKind::Columns => columns(),
        SchemaKind::ExitCodes => EXIT_CODES.iter().map(|(_, code, meaning)| json!({"code": code, "meaning": meaning})).collect(),
        SchemaKind::Diagnoses => DIAGNOSES
            .iter()
            .map(|info| json!({"diagnosis": info.word, "meaning": info.meaning, "next_step": info.next_step, "in_fail_on_any": info.fails_any}))
            .collect(),
        SchemaKind::Audit => audit_schema(),
        SchemaKind::Gate => scangap_iac::gate_schema(),
        SchemaKind::Plan => scangap_plan::plan_schema().to_value(),
        SchemaKind::Run => run_schema().to_value(),
        SchemaKind::Applied => scangap_apply::applied_schema().to_value(),
        SchemaKind::Journal => scangap_apply::journal_schema().to_value(),
        SchemaKind::Lints => LINT_RULES.iter().map(|rule| json!({"code": rule.code, "explanation": rule.explanation})).collect(),
        SchemaKind::ConditionKeys => {
            CONDITION_KEYS.iter().map(|row| json!({"key": row.name, "for_inspector": row.for_inspector})).collect()
        }
    };
    terminal::json(&value);
}

fn columns() -> Value {
    let table = |table: scangap_report::Table| {
        let columns: Vec<Value> = table
            .columns
            .iter()
            .map(|column| json!({"name": column.name, "title": column.title, "type": column.kind.word(), "meaning": column.meaning, "source": column.source}))
            .collect();
        (table.file.to_owned(), Value::from(columns))
    };
    tables().into_iter().map(table).collect::<serde_json::Map<_, _>>().into()
}
