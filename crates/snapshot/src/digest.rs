//! The identity of a snapshot: SHA-256 over its canonical facts, not over the file.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use crate::codec::hex;

/// Every table of facts, with its key's order. Evidence and assessments are left out.
const FACTS: &[(&str, &str)] = &[
    ("organization", "one"),
    ("accounts", "account_id"),
    ("account_regions", "account_id, region"),
    ("registries", "account_id, region"),
    ("repositories", "account_id, region, repository"),
    ("coverage", "account_id, region, repository, resource_id"),
    ("image_counts", "account_id, region, repository, status, reason"),
    ("images", "account_id, region, repository, digest"),
    ("policies", "sha256"),
    ("gaps", "gap_id"),
];

pub(crate) fn facts_sha256(connection: &Connection) -> rusqlite::Result<String> {
    sha256_of_tables(connection, FACTS)
}

/// Of tables, each with its key's order.
pub(crate) fn sha256_of_tables(connection: &Connection, tables: &[(&str, &str)]) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    for (table, order) in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {order}"))?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        // The hash names the tables as version 2 did: the same facts have the same hash.
        let name = if *table == "registries" { "cells" } else { table };
        hash.update(format!("table {name}\n"));
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (at, name) in names.iter().enumerate() {
                // Length-prefixed, so that no two different rows give the same bytes.
                match row.get_ref(at)? {
                    ValueRef::Null => hash.update(format!("{name} -\n")),
                    ValueRef::Integer(number) => hash.update(format!("{name} {number}\n")),
                    ValueRef::Real(number) => hash.update(format!("{name} {number}\n")),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        hash.update(format!("{name} {}:", bytes.len()));
                        hash.update(bytes);
                        hash.update(b"\n");
                    }
                }
            }
        }
    }
    Ok(hex(&hash.finalize()))
}
