//! Files that are complete or not there. A batch is written to temporary files beside its targets and synced; only when
//! all of it is on the disk do the files get their names, the manifest last.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tempfile::TempPath;

use crate::manifest::{ListedFile, MANIFEST_VERSION, Manifest};

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

/// Fills a file.
pub(crate) type Fill<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'a>;

/// Files that are written and have no name yet. Dropped, it leaves nothing behind.
#[derive(Debug, Default)]
pub struct Batch {
    pending: Mutex<Vec<(TempPath, Written)>>,
}

impl Batch {
    /// Writes a file to the disk, private to its owner, without its name.
    pub fn write(&self, path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FileError> {
        let pending = pending(path, fill).map_err(|source| FileError { path: path.to_owned(), source })?;
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(pending);
        Ok(())
    }

    /// Writes files with as many threads as there are cores. The first error ends it.
    pub(crate) fn write_in_parallel(&self, jobs: Vec<(PathBuf, Fill<'_>)>) -> Result<(), FileError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
        let queue = Mutex::new(jobs.into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || -> Result<(), FileError> {
            while let Some((path, fill)) = next() {
                if let Err(error) = self.write(&path, fill) {
                    while next().is_some() {}
                    return Err(error);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// What is waiting for its name.
    pub fn written(&self) -> Vec<Written> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, written)| written.clone()).collect()
    }

    /// Gives the files their names as `commit` does, and takes away what a former report in the folder had and this one has
    /// not: it would be handed over as if it were of this one.
    pub fn commit_in_place_of_former(self, directory: &Path) -> Result<Vec<Written>, FileError> {
        let keep = self.written().iter().map(|written| name(directory, &written.path)).collect();
        let former = crate::verify::left_over(directory, &keep);
        let written = self.commit()?;
        for path in former {
            fs_err::remove_file(&path).map_err(|source| FileError { path: path.clone(), source })?;
            // A folder goes with the last of its files; one that holds anything is not removed.
            for folder in path.ancestors().skip(1).take_while(|folder| *folder != directory) {
                if fs_err::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
        Ok(written)
    }

    /// Gives the files their names, in the order in which they were added. A manifest of before goes first: where a name cannot be given, files
    /// of two reports lie there without one, and not under one that calls the new ones changed.
    pub fn commit(self) -> Result<Vec<Written>, FileError> {
        let pending = self.pending.into_inner().unwrap_or_else(PoisonError::into_inner);
        let manifests =
            pending.iter().map(|(_, written)| &written.path).filter(|path| path.ends_with(crate::manifest::NAME));
        for path in manifests.filter(|path| path.exists()) {
            fs_err::remove_file(path).map_err(|source| FileError { path: path.clone(), source })?;
        }
        let mut done = Vec::with_capacity(pending.len());
        for (temporary, written) in pending {
            let failed = |source| FileError { path: written.path.clone(), source };
            temporary.persist(&written.path).map_err(|error| failed(error.error))?;
            done.push(written);
        }
        let mut folders: Vec<&Path> = done.iter().filter_map(|written| written.path.parent()).collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            // A rename is on the disk when its folder is. Not every file system can be asked for that.
            let _ = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(done)
    }
}

/// What files are called until they get their names; the number of their process follows.
const TEMPORARY: &str = ".scangap-";

/// No report takes so long.
const LEFTOVER_AFTER: std::time::Duration = std::time::Duration::from_hours(6);

/// Removes what a process that was killed left in a folder. Where the system does not tell which processes there are,
/// nothing is touched.
pub fn remove_leftovers(directory: &Path) {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return;
    }
    for entry in fs_err::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)?.split_once('-'));
        let process = process.and_then(|(process, _)| process.parse::<u32>().ok());
        let dead = process.is_some_and(|process| !processes.join(process.to_string()).exists());
        // A process of another machine or container that shares the folder is in no list here: it writes what is new.
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if dead && age.is_some_and(|age| age > LEFTOVER_AFTER) {
            // A leftover that cannot be removed does not stop the report.
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

fn pending(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<(TempPath, Written)> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{TEMPORARY}{}-", std::process::id());
    let temporary = tempfile::Builder::new().prefix(&prefix).tempfile_in(directory)?;
    // Hashed in blocks: the writers below speak in small pieces.
    let hashing = Hashing { inner: temporary, hash: Sha256::new(), bytes: 0 };
    let mut out = BufWriter::with_capacity(1 << 16, hashing);
    fill(&mut out)?;
    let hashing = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    hashing.inner.as_file().sync_all()?;
    let written = Written { path: path.to_owned(), bytes: hashing.bytes, sha256: hex(&hashing.hash.finalize()) };
    Ok((hashing.inner.into_temp_path(), written))
}

/// One file by itself.
pub fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, FileError> {
    let batch = Batch::default();
    batch.write(path, fill)?;
    let written = batch.commit()?.into_iter().next();
    written.ok_or_else(|| FileError { path: path.to_owned(), source: io::Error::other("nothing was written") })
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

/// Adds the manifest to a batch: every file of it with its size and hash. `others` are files that were not written here,
/// such as the snapshot.
pub fn manifest(
    batch: &Batch,
    directory: &Path,
    others: &[PathBuf],
    simulated: bool,
    tool_version: &str,
) -> Result<(), FileError> {
    let mut files = batch.written();
    for path in others {
        files.push(measure(path).map_err(|source| FileError { path: path.clone(), source })?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let line = |file: &Written| ListedFile {
        file: name(directory, &file.path),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
    };
    let manifest = Manifest {
        schema_version: MANIFEST_VERSION,
        tool_version: tool_version.to_owned(),
        simulated,
        files: files.iter().map(line).collect(),
    };
    batch.write(&directory.join(crate::manifest::NAME), |out| crate::json::write(&manifest, out))
}

/// A file's name below the folder, with slashes everywhere.
fn name(directory: &Path, path: &Path) -> String {
    let below = path.strip_prefix(directory).ok();
    let below = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
    below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
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

    #[test]
    fn a_batch_that_fails_changes_no_file_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("a"), directory.path().join("b"));
        for path in [&first, &second] {
            write_atomically(path, |out| out.write_all(b"old")).unwrap();
        }
        let batch = Batch::default();
        let fill = |path: &PathBuf| -> (PathBuf, Fill<'_>) {
            let fails = path.ends_with("b");
            let fill: Fill<'_> = Box::new(move |out| {
                out.write_all(b"new")?;
                if fails { Err(io::Error::other("disk full")) } else { Ok(()) }
            });
            (path.clone(), fill)
        };
        let failed = batch.write_in_parallel(vec![fill(&first), fill(&second)]).unwrap_err();
        assert_eq!(failed.path, second);
        drop(batch);
        for path in [&first, &second] {
            assert_eq!(fs_err::read(path).unwrap(), b"old");
        }
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 2);
    }
}
