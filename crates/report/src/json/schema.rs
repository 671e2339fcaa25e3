//! The JSON Schema of `audit.json`, from the types of its beginning and from the column tables.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::head::{AUDIT_SCHEMA_VERSION, Counts, Head};
use crate::columns::{Table, TableName, Type, tables};

/// What `audit.json` begins with, before its tables.
#[derive(JsonSchema)]
#[schemars(title = "scangap audit", description = "every fact and judgement of an audit")]
#[expect(dead_code, reason = "the two are written one after the other; the schema has them together")]
struct Beginning {
    #[schemars(flatten)]
    head: Head,
    summary: Counts,
}

/// Counts, tables and columns are added within a version: readers must bear more than they know.
fn bear_more(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let closes = |name: &str| matches!(name, "additionalProperties" | "unevaluatedProperties");
            members.retain(|name, value| !(closes(name) && *value == Value::Bool(false)));
            members.values_mut().for_each(bear_more);
        }
        Value::Array(items) => items.iter_mut().for_each(bear_more),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub fn audit_schema() -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Beginning>().to_value();
    bear_more(&mut schema);
    let Some(members) = schema.as_object_mut() else { return schema };
    let mut required = Vec::new();
    let mut properties = Map::new();
    for table in tables() {
        // Only where there are earlier audits to compare with, and where images were kept.
        if !matches!(table.name, TableName::Changes | TableName::Images | TableName::Trend) {
            required.push(table.name.word().to_owned());
        }
        properties.insert(table.name.word().to_owned(), json!({"type": "array", "items": row_schema(&table)}));
    }
    if let Some(all) = members.get_mut("required").and_then(Value::as_array_mut) {
        all.extend(required.into_iter().map(Value::String));
    }
    if let Some(all) = members.get_mut("properties").and_then(Value::as_object_mut) {
        all.insert("schema_version".to_owned(), json!({"const": AUDIT_SCHEMA_VERSION}));
        all.extend(properties);
    }
    schema
}

/// A row of a table, as `repositories.jsonl` has it a line.
fn row_schema(table: &Table) -> Value {
    let column = |column: &crate::columns::ColumnInfo| {
        let kind = match column.kind {
            Type::Text | Type::Time => json!({"type": ["string", "null"]}),
            Type::Integer => json!({"type": ["integer", "string", "null"]}),
            Type::Number => json!({"type": ["number", "null"]}),
            Type::Counts => {
                json!({"type": ["object", "string", "null"], "additionalProperties": {"type": "integer"}})
            }
            Type::List => json!({"type": ["array", "string", "null"], "items": {"type": "string"}}),
        };
        let mut schema = kind;
        if let Some(members) = schema.as_object_mut() {
            members.insert("title".to_owned(), json!(column.title));
            members.insert("description".to_owned(), json!(format!("{} ({})", column.meaning, column.source)));
        }
        (column.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = table.columns.iter().map(column).collect();
    let required: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    // Columns are added at the end; readers must bear more than they know.
    json!({"type": "object", "required": required, "properties": properties})
}
