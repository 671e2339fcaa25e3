//! Files that are complete or not there: a temporary file beside the target, fsync, rename.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

#[derive(Debug, thiserror::Error)]
#[error("failed to write `{path}`")]
pub struct FileError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// A file that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub path: PathBuf,
    pub bytes: u64,
    pub sha256: String,
}

/// Counts and hashes what passes.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        self.bytes += u64::try_from(n).unwrap_or(0);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The file is private to its owner: a temporary file is created so, and the rename keeps it.
pub fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, FileError> {
    let attempt = || -> io::Result<(u64, String)> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new().prefix(".scangap-").tempfile_in(directory)?;
        let mut out = Hashing { inner: BufWriter::new(temporary), hash: Sha256::new(), bytes: 0 };
        fill(&mut out)?;
        out.flush()?;
        let temporary = out.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        Ok((out.bytes, hex(&out.hash.finalize())))
    };
    attempt()
        .map(|(bytes, sha256)| Written { path: path.to_owned(), bytes, sha256 })
        .map_err(|source| FileError { path: path.to_owned(), source })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A file that exists already, as the manifest lists it.
pub(crate) fn measure(path: &Path) -> io::Result<Written> {
    let mut file = fs_err::File::open(path)?;
    let mut out = Hashing { inner: io::sink(), hash: Sha256::new(), bytes: 0 };
    io::copy(&mut file, &mut out)?;
    Ok(Written { path: path.to_owned(), bytes: out.bytes, sha256: hex(&out.hash.finalize()) })
}

/// Lists every file with its size and hash. `others` are files that were not written here, such as the snapshot.
pub fn manifest(
    directory: &Path,
    written: &[Written],
    others: &[PathBuf],
    simulated: bool,
    tool_version: &str,
) -> Result<Written, FileError> {
    let mut files = written.to_vec();
    for path in others {
        files.push(measure(path).map_err(|source| FileError { path: path.clone(), source })?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let manifest = serde_json::json!({
        "schema_version": 1,
        "tool_version": tool_version,
        "simulated": simulated,
        "files": files
            .iter()
            .map(|file| serde_json::json!({"file": name(&file.path), "bytes": file.bytes, "sha256": file.sha256}))
            .collect::<Vec<_>>(),
    });
    write_atomically(&directory.join("manifest.json"), |out| crate::json::write(&manifest, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.csv");
        let old = write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        assert_eq!((old.bytes, old.sha256), {
            let again = measure(&path).unwrap();
            (again.bytes, again.sha256)
        });
        let failed = write_atomically(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs_err::read(&path).unwrap(), b"old");
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 1);
    }
}
