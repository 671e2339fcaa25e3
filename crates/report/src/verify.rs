//! Whether what was handed over is still what was handed over: every file of a folder against its manifest.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::files::measure;

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is not a manifest")]
    NotAManifest { path: PathBuf, source: serde_json::Error },
    #[error("`{path}` is of version {found}, which this program does not know")]
    Newer { path: PathBuf, found: u64 },
}

/// How a file stands to its line in the manifest.
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

#[derive(Deserialize)]
struct Manifest {
    schema_version: u64,
    files: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    file: String,
    bytes: u64,
    sha256: String,
}

/// Every file that the manifest lists, then those beside it that it does not.
pub fn verify(directory: &Path) -> Result<Vec<(String, FileState)>, VerifyError> {
    let path = directory.join("manifest.json");
    let read = |path: &Path, source| VerifyError::Read { path: path.to_owned(), source };
    let text = fs_err::read(&path).map_err(|source| read(&path, source))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|source| VerifyError::NotAManifest { path: path.clone(), source })?;
    if manifest.schema_version != 1 {
        return Err(VerifyError::Newer { path, found: manifest.schema_version });
    }
    let mut states = Vec::new();
    for line in &manifest.files {
        // A manifest names files of its own folder; a path that leads elsewhere names none.
        let plain = Path::new(&line.file).file_name().is_some_and(|name| name == line.file.as_str());
        let state = if plain { compare(&directory.join(&line.file), line)? } else { FileState::Missing };
        states.push((line.file.clone(), state));
    }
    let mut others: Vec<String> = fs_err::read_dir(directory)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|source| read(directory, source))?
        .into_iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "manifest.json" && manifest.files.iter().all(|line| line.file != *name))
        .collect();
    others.sort();
    states.extend(others.into_iter().map(|name| (name, FileState::NotListed)));
    Ok(states)
}

fn compare(path: &Path, line: &Line) -> Result<FileState, VerifyError> {
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
    use crate::files::{manifest, write_atomically};

    #[test]
    fn every_way_that_a_file_can_differ_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let written: Vec<_> = ["a", "b", "c"]
            .iter()
            .map(|name| write_atomically(&file(name), |out| out.write_all(name.as_bytes())).unwrap())
            .collect();
        manifest(folder.path(), &written, &[], true, "0").unwrap();
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
        write(r#"{"schema_version":1,"files":[{"file":"../../etc/passwd","bytes":1,"sha256":"x"}]}"#);
        assert_eq!(verify(folder.path()).unwrap()[0].1, FileState::Missing);
        write(r#"{"schema_version":2,"files":[]}"#);
        assert!(matches!(verify(folder.path()), Err(VerifyError::Newer { found: 2, .. })));
        write("{}");
        assert!(matches!(verify(folder.path()), Err(VerifyError::NotAManifest { .. })));
        assert!(matches!(verify(&folder.path().join("no")), Err(VerifyError::Read { .. })));
    }
}
