//! The journal: what is about to be done and what came of it, a line each, on the disk before the next call is made. After
//! a crash it says how far each step is; a line that a crash cut off is as if it had not been written.

mod line;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use scangap_plan::hash::sha256;

pub use self::line::journal_schema;
pub(crate) use self::line::{JournalLine, REENABLED, ReportPlace};
use crate::progress::Progress;

pub const JOURNAL: &str = "journal.jsonl";
const LOCK_RETRIES: u32 = 20;
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("failed to write the journal `{path}`")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("`{0}` is not a journal of this plan")]
    OtherPlan(PathBuf),
    #[error("`{path}` is not a journal: line {line} cannot be read")]
    Damaged { path: PathBuf, line: usize, source: serde_json::Error },
    #[error("the journal `{path}` is of version {version}, and this program knows up to version {}", line::VERSION)]
    Version { path: PathBuf, version: u64 },
    #[error("another apply of this plan is running: it holds `{0}`")]
    Locked(PathBuf),
}

/// What a journal says of one step.
#[derive(Debug, Clone, Default)]
pub struct StepState {
    progress: Option<Progress>,
    /// The backup's folder, below the journal's, and the hash of its manifest.
    pub(crate) backup: Option<String>,
    pub(crate) manifest_sha256: Option<String>,
    /// Where Inspector's own report is.
    pub(crate) findings_report: Option<String>,
    /// When Disable was last called.
    pub(crate) called_at: Option<Timestamp>,
    /// Whether a Disable had no answer, and nothing shows any more whether it was done.
    pub(crate) unanswered: bool,
    pub(crate) not_refreshed: Vec<String>,
    pub(crate) findings_lost: Option<u64>,
    pub(crate) images_not_rescanned: Option<u64>,
}

impl StepState {
    pub(crate) fn progress(&self) -> Progress {
        self.progress.unwrap_or(Progress::Untouched)
    }
}

/// What a journal says.
#[derive(Debug, Clone, Default)]
pub struct JournalState {
    pub plan_sha256: Option<String>,
    steps: BTreeMap<String, StepState>,
    /// Where Inspector was to write reports.
    pub(crate) findings_reports: Option<ReportPlace>,
    pub lines: usize,
    /// When the last line was written.
    pub last_at: Option<Timestamp>,
}

impl JournalState {
    pub fn progress(&self, step: &str) -> Progress {
        self.steps.get(step).map_or(Progress::Untouched, StepState::progress)
    }

    pub(crate) fn step(&self, step: &str) -> StepState {
        self.steps.get(step).cloned().unwrap_or_default()
    }

    /// Steps that may have left a registry without scanning.
    pub fn open(&self) -> impl Iterator<Item = &String> {
        let is_open = |step: &StepState| step.progress().is_open();
        self.steps.iter().filter(move |(_, step)| is_open(step)).map(|(id, _)| id)
    }

    fn take(&mut self, line: JournalLine) {
        self.lines += 1;
        let at: Option<Timestamp> = line.at.as_deref().and_then(|at| at.parse().ok());
        self.last_at = at.or(self.last_at);
        if line.event == line::BEGIN {
            self.plan_sha256 = line.plan_sha256;
        }
        self.findings_reports = line.findings_reports.or(self.findings_reports.take());
        let Some(step) = line.step else { return };
        let step = self.steps.entry(step).or_default();
        let progress = Progress::from_word(&line.event);
        step.progress = progress.or(step.progress);
        if progress == Some(Progress::Disabling) {
            step.called_at = at;
        }
        replace(&mut step.backup, line.backup);
        replace(&mut step.manifest_sha256, line.manifest_sha256);
        replace(&mut step.findings_report, line.findings_report);
        // Each of these lines is written after a comparison with the backup: without a number, it could not be counted.
        if progress == Some(Progress::Done) || line.event == REENABLED {
            (step.findings_lost, step.images_not_rescanned) = (line.findings_lost, line.images_not_rescanned);
        }
        step.unanswered |= line.unanswered.unwrap_or_default();
        step.not_refreshed = line.not_refreshed.unwrap_or(std::mem::take(&mut step.not_refreshed));
    }
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

/// Reads a journal, and how many bytes of it are whole lines: the last one may be cut off.
fn parse(bytes: &[u8], path: &Path) -> Result<(JournalState, usize), JournalError> {
    let mut state = JournalState::default();
    let mut whole = 0;
    // Bytes, and not text: a line may be cut off inside a character.
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            break;
        }
        let damaged = |source| JournalError::Damaged { path: path.to_owned(), line: state.lines + 1, source };
        let line_read: JournalLine = serde_json::from_slice(line).map_err(damaged)?;
        if let Some(version) = line_read.version.filter(|version| *version > line::VERSION) {
            return Err(JournalError::Version { path: path.to_owned(), version });
        }
        state.take(line_read);
        whole += line.len();
    }
    Ok((state, whole))
}

/// What the journal of a plan's folder says. `None`: there is none.
pub fn read_journal(path: &Path) -> Result<Option<JournalState>, JournalError> {
    if !path.exists() {
        return Ok(None);
    }
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    let bytes = fs_err::read(path).map_err(io)?;
    Ok(Some(parse(&bytes, path)?.0))
}

/// A name for a journal, by where it is and whose: two applies of one plan in two folders are two, and so are two plans that
/// one after the other were in one folder.
pub(crate) fn journal_name(place: &str, plan_sha256: &str) -> String {
    sha256(&format!("{plan_sha256} {place}"))
}

/// Keeps every apply from writing a journal for as long as it is held.
#[derive(Debug)]
pub(crate) struct JournalReadLock(#[expect(dead_code, reason = "held, not read")] std::fs::File);

/// Locks a journal for reading. `None`: an apply is writing it.
pub(crate) fn lock_shared(path: &Path) -> std::io::Result<Option<JournalReadLock>> {
    let file = std::fs::OpenOptions::new().read(true).open(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(JournalReadLock(file))),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// A journal with what it says. While it is open for writing, no other process writes it.
#[derive(Debug)]
pub(crate) struct Journal {
    /// `None`: nothing is changed, or it cannot be written and registries are re-enabled all the same.
    file: Option<std::fs::File>,
    path: PathBuf,
    clock: fn() -> Timestamp,
    state: JournalState,
    /// Bytes of whole lines.
    length: u64,
}

impl Journal {
    /// Opens the journal of a folder, or begins it. A line that was cut off is cut away.
    pub(crate) fn open(folder: &Path, plan_sha256: &str, clock: fn() -> Timestamp) -> Result<Self, JournalError> {
        let path = folder.join(JOURNAL);
        let io = |source| JournalError::Io { path: path.clone(), source };
        let mut options = std::fs::OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(io)?;
        // Readers hold the shared lock only briefly.
        let mut retries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::WouldBlock) if retries == LOCK_RETRIES => {
                    return Err(JournalError::Locked(path));
                }
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY_DELAY),
                Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
            }
            retries += 1;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (state, whole) = parse(&bytes, &path)?;
        if state.plan_sha256.as_ref().is_some_and(|hash| hash != plan_sha256) {
            return Err(JournalError::OtherPlan(path));
        }
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        file.sync_all().map_err(io)?;
        // A name is on the disk when its folder is.
        let _ = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
        Ok(Self { file: Some(file), path: path.clone(), clock, state, length: whole as u64 })
    }

    /// A journal that is not written: what is done says so elsewhere.
    pub(crate) fn read_only(folder: &Path, state: JournalState, clock: fn() -> Timestamp) -> Self {
        Self { file: None, path: folder.join(JOURNAL), clock, state, length: 0 }
    }

    pub(crate) fn state(&self) -> &JournalState {
        &self.state
    }

    /// Whether the file is what was written: a later command reads it, and this process does not read it again.
    pub(crate) fn is_intact(&self) -> bool {
        self.file.is_none() || fs_err::metadata(&self.path).is_ok_and(|file| file.len() == self.length)
    }

    /// Writes a line. When this returns, it is on the disk.
    pub(crate) fn write(&mut self, line: JournalLine) -> Result<(), JournalError> {
        let step = line.step.as_deref().unwrap_or_default();
        tracing::info!(target: "scangap::journal", line = self.state.lines + 1, step, event = line.event);
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = JournalLine { line: self.state.lines + 1, at: Some((self.clock)().to_string()), ..line };
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let text = format!("{}\n", serde_json::to_string(&line).map_err(|error| io(error.into()))?);
        if let Err(source) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            // Half a line must not run into the next one.
            let _ = file.set_len(self.length);
            return Err(io(source));
        }
        self.length += text.len() as u64;
        self.state.take(line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    // Holds: 8 The executor: a journal torn inside a character is read
    #[test]
    fn the_last_whole_line_counts_and_a_cut_one_is_cut_away() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "abc", clock).unwrap();
        assert_eq!(journal.state().lines, 0);
        assert!(matches!(Journal::open(folder.path(), "abc", clock), Err(JournalError::Locked(_))));
        assert!(lock_shared(&folder.path().join(JOURNAL)).unwrap().is_none());
        journal.write(JournalLine { plan_sha256: Some("abc".to_owned()), ..JournalLine::begin("begin") }).unwrap();
        journal.write(JournalLine::of("resync-0001", "disabling")).unwrap();
        assert!(journal.is_intact());
        drop(journal);
        let lock = lock_shared(&folder.path().join(JOURNAL)).unwrap();
        assert!(matches!(Journal::open(folder.path(), "abc", clock), Err(JournalError::Locked(_))));
        drop(lock);
        let path = folder.path().join(JOURNAL);
        let whole = fs_err::read_to_string(&path).unwrap();
        // Cut anywhere in a third line: what was there before holds.
        let third = "{\"line\":3,\"event\":\"disabled\",\"step\":\"resync-0001\",\"because\":\"…\"}\n";
        for cut in 0..third.len() {
            let torn = [whole.as_bytes(), third.as_bytes().get(..cut).unwrap()].concat();
            fs_err::write(&path, torn).unwrap();
            let journal = Journal::open(folder.path(), "abc", clock).unwrap();
            assert_eq!(journal.state().progress("resync-0001"), Progress::Disabling, "cut at {cut}");
            assert_eq!(fs_err::read_to_string(&path).unwrap(), whole);
        }
        fs_err::write(&path, format!("{whole}{third}")).unwrap();
        assert_eq!(read_journal(&path).unwrap().unwrap().progress("resync-0001"), Progress::Disabled);
        assert!(matches!(Journal::open(folder.path(), "other", clock), Err(JournalError::OtherPlan(_))));
        fs_err::write(&path, "nonsense\n").unwrap();
        assert!(matches!(read_journal(&path), Err(JournalError::Damaged { line: 1, .. })));
    }

    // Holds: 13 Typed files: a journal of a newer version is told apart, and a member that nobody knows is named
    #[test]
    fn a_journal_of_another_version_and_an_unknown_member_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JOURNAL);
        fs_err::write(&path, "{\"line\":1,\"event\":\"begin\",\"version\":3}\n").unwrap();
        assert!(matches!(read_journal(&path), Err(JournalError::Version { version: 3, .. })));
        fs_err::write(&path, "{\"line\":1,\"event\":\"begin\",\"colour\":2}\n").unwrap();
        let Err(JournalError::Damaged { line: 1, source, .. }) = read_journal(&path) else { panic!("it was read") };
        assert!(source.to_string().contains("unknown field `colour`"), "{source}");
    }

    #[test]
    fn a_journal_knows_that_its_file_was_changed_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "abc", clock).unwrap();
        fs_err::write(folder.path().join(JOURNAL), "nonsense, and longer than what was written\n").unwrap();
        journal.write(JournalLine::of("resync-0001", "done")).unwrap();
        assert!(!journal.is_intact());
    }
}
