//! `manifest.json`: every file of a folder with its size and hash, as it is written and as it is read back.

use serde::{Deserialize, Serialize};

/// What it is called in its folder.
pub(crate) const NAME: &str = "manifest.json";

pub(crate) const MANIFEST_VERSION: u64 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) schema_version: u64,
    pub(crate) tool_version: String,
    pub(crate) simulated: bool,
    pub(crate) files: Vec<ListedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListedFile {
    /// Below the folder, with slashes everywhere.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A manifest of any version.
#[derive(Debug, Deserialize)]
pub(crate) struct VersionOfManifest {
    pub(crate) schema_version: u64,
}
