//! The JSON Schema of `audit.json`, from the column tables.

use serde_json::{Map, Value, json};

use crate::columns::{Table, TableName, Type, tables};

pub fn audit_schema() -> Value {
    let mut properties = Map::new();
    for (name, schema) in [
        ("schema_version", json!({"const": super::AUDIT_SCHEMA_VERSION})),
        (
            "simulated",
            json!({"type": "boolean", "description": "whether any answer came from a host that is not AWS's"}),
        ),
        ("complete", json!({"type": "boolean", "description": "whether everything in scope was learnt"})),
        ("interrupted", json!({"type": "boolean", "description": "whether the audit was interrupted"})),
        ("as_of", json!({"type": "string", "format": "date-time", "description": "the time that facts are judged at"})),
        (
            "facts_sha256",
            json!({"type": "string", "description": "the identity of the snapshot: the hash of its facts"}),
        ),
        ("organization", json!({"type": "object"})),
        ("scope", json!({"type": "object"})),
        ("summary", json!({"type": "object", "description": "counts"})),
    ] {
        properties.insert(name.to_owned(), schema);
    }
    let mut required: Vec<String> = properties.keys().cloned().collect();
    for table in tables() {
        // Only where there is an earlier audit to compare with, and where images were kept.
        if !matches!(table.name, TableName::Changes | TableName::Images) {
            required.push(table.name.word().to_owned());
        }
        properties.insert(table.name.word().to_owned(), json!({"type": "array", "items": row_schema(&table)}));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "scangap audit",
        "type": "object",
        "required": required,
        "properties": properties,
    })
}

/// A row of a table, as `repositories.jsonl` has it a line.
fn row_schema(table: &Table) -> Value {
    let column = |column: &crate::columns::ColumnInfo| {
        let kind = match column.kind {
            Type::Text | Type::Time => json!({"type": ["string", "null"]}),
            Type::Integer => json!({"type": ["integer", "string", "null"]}),
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
