//! Compares every file of a report folder with its manifest.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::files::measure;
use crate::manifest::{ListedFile, MANIFEST_VERSION, Manifest, VersionOfManifest};

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is not a manifest")]
    NotAManifest { path: PathBuf, source: serde_json::Error },
    #[error(
        "`{path}` is of version {found}, and this program knows up to version {MANIFEST_VERSION}: use a newer scangap"
    )]
    Newer { path: PathBuf, found: u64 },
    #[error("`{path}` is of version {found}, which this program does not read any more")]
    Older { path: PathBuf, found: u64 },
}

/// How a file compares with its line in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    Same,
    Missing,
    Changed,
    /// In the folder, and in no line.
    NotListed,
}

impl FileState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "ok",
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::NotListed => "not listed",
        }
    }
}

/// Files of a former report that the manifest lists and that are unchanged, except those in `keep`. Files that a user changed
/// or added are never returned.
pub(crate) fn left_over(directory: &Path, keep: &BTreeSet<String>) -> Vec<PathBuf> {
    let text = fs_err::read(directory.join(crate::manifest::NAME)).ok();
    let manifest: Option<Manifest> = text.and_then(|text| serde_json::from_slice(&text).ok());
    let lines = manifest
        .filter(|manifest| manifest.schema_version == MANIFEST_VERSION)
        .into_iter()
        .flat_map(|manifest| manifest.files);
    lines
        .filter(|line| !keep.contains(&line.file) && Path::new(&line.file).extension().is_none_or(|kind| kind != "db"))
        .filter(|line| Path::new(&line.file).components().all(|part| matches!(part, Component::Normal(_))))
        .filter(|line| matches!(compare(&directory.join(&line.file), line), Ok(FileState::Same)))
        .map(|line| directory.join(&line.file))
        .collect()
}

/// Every file that the manifest lists, then those beside it that it does not.
pub fn verify(directory: &Path) -> Result<Vec<(String, FileState)>, VerifyError> {
    let path = directory.join(crate::manifest::NAME);
    let read = |path: &Path, source| VerifyError::Read { path: path.to_owned(), source };
    let text = fs_err::read(&path).map_err(|source| read(&path, source))?;
    let unreadable = |source| VerifyError::NotAManifest { path: path.clone(), source };
    let VersionOfManifest { schema_version } = serde_json::from_slice(&text).map_err(unreadable)?;
    match schema_version.cmp(&MANIFEST_VERSION) {
        Ordering::Greater => return Err(VerifyError::Newer { path, found: schema_version }),
        Ordering::Less => return Err(VerifyError::Older { path, found: schema_version }),
        Ordering::Equal => {}
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
    let mut states = Vec::new();
    for line in &manifest.files {
        // A manifest names files of its own folder and below; a path that leads elsewhere names none.
        let below = Path::new(&line.file).components().all(|part| matches!(part, Component::Normal(_)));
        let state = if below { compare(&directory.join(&line.file), line)? } else { FileState::Missing };
        states.push((line.file.clone(), state));
    }
    let listed: BTreeSet<&str> = manifest.files.iter().map(|line| line.file.as_str()).collect();
    let mut others = Vec::new();
    files_below(directory, "", &mut others).map_err(|source| read(directory, source))?;
    others.retain(|name| name != crate::manifest::NAME && !listed.contains(name.as_str()));
    others.sort();
    states.extend(others.into_iter().map(|name| (name, FileState::NotListed)));
    Ok(states)
}

/// Every file below a folder, by its name from there.
fn files_below(directory: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files_below(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

fn compare(path: &Path, line: &ListedFile) -> Result<FileState, VerifyError> {
    match measure(path) {
        Ok(found) if found.bytes == line.bytes && found.sha256 == line.sha256 => Ok(FileState::Same),
        Ok(_) => Ok(FileState::Changed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FileState::Missing),
        Err(source) => Err(VerifyError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Batch, manifest};

    #[test]
    fn every_way_that_a_file_can_differ_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let batch = Batch::default();
        for name in ["a", "b", "c"] {
            batch.write(&file(name), |out| out.write_all(name.as_bytes())).unwrap();
        }
        manifest(&batch, folder.path(), &[], true, "0").unwrap();
        batch.commit().unwrap();
        fs_err::write(file("b"), "x").unwrap();
        fs_err::remove_file(file("c")).unwrap();
        fs_err::write(file("d"), "d").unwrap();
        let states = verify(folder.path()).unwrap();
        let words: Vec<String> = states.iter().map(|(name, state)| format!("{name} {}", state.word())).collect();
        assert_eq!(words, ["a ok", "b changed", "c missing", "d not listed"]);
    }

    #[test]
    fn a_manifest_cannot_point_elsewhere_or_be_of_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| fs_err::write(folder.path().join("manifest.json"), text).unwrap();
        write(
            r#"{"schema_version":1,"tool_version":"0","simulated":true,"files":[{"file":"../../etc/passwd","bytes":1,"sha256":"x"}]}"#,
        );
        assert_eq!(verify(folder.path()).unwrap()[0].1, FileState::Missing);
        write(r#"{"schema_version":2,"files":[]}"#);
        assert!(matches!(verify(folder.path()), Err(VerifyError::Newer { found: 2, .. })));
        write(r#"{"schema_version":0,"files":[]}"#);
        assert!(matches!(verify(folder.path()), Err(VerifyError::Older { found: 0, .. })));
        write(r#"{"schema_version":1,"tool_version":"0","simulated":true,"files":[],"signature":"x"}"#);
        assert!(
            matches!(verify(folder.path()), Err(VerifyError::NotAManifest { .. })),
            "what is not known is not passed over"
        );
        write("{}");
        assert!(matches!(verify(folder.path()), Err(VerifyError::NotAManifest { .. })));
        assert!(matches!(verify(&folder.path().join("no")), Err(VerifyError::Read { .. })));
    }
}
