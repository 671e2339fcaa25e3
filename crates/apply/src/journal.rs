//! The journal: what is about to be done and what came of it, a line each, on the disk before the next call is made. After
//! a crash it says how far each step is; a line that a crash cut off is as if it had not been written.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use scangap_plan::hash::sha256;

pub const JOURNAL: &str = "journal.jsonl";
/// The detail that says when a disable was last called.
const CALLED_AT: &str = "called_at";
/// The detail of a cell whose disable nobody answered for, and that nothing tells of any more.
pub(crate) const UNANSWERED: &str = "unanswered";
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("failed to write the journal `{path}`")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("`{0}` is not a journal of this plan")]
    OtherPlan(PathBuf),
    #[error("`{path}` is not a journal: line {line} cannot be read")]
    Damaged { path: PathBuf, line: usize },
    #[error("another apply of this plan is running: it holds `{0}`")]
    Locked(PathBuf),
}

/// How far a step is. Each follows from the one before; after a crash the last that was written counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    Untouched,
    /// A policy may have been written.
    Writing,
    /// What would be lost is saved.
    BackedUp,
    /// An enable may have been called where scanning is on, to hear whether it may be: its scanning configuration may be another.
    Trying,
    /// A disable may have been called, and may have come through.
    Disabling,
    /// Inspector accepted the disable: it comes through, sooner or later.
    Accepted,
    Disabled,
    /// An enable may have been called.
    Enabling,
    Enabled,
    /// The scanning configuration is as it was.
    Restored,
    Done,
}

const WORDS: &[(Progress, &str)] = &[
    (Progress::Writing, "writing"),
    (Progress::BackedUp, "backed_up"),
    (Progress::Trying, "trying"),
    (Progress::Disabling, "disabling"),
    (Progress::Accepted, "accepted"),
    (Progress::Disabled, "disabled"),
    (Progress::Enabling, "enabling"),
    (Progress::Enabled, "enabled"),
    (Progress::Restored, "restored"),
    (Progress::Done, "done"),
];

impl Progress {
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(progress, _)| *progress == self).map_or("untouched", |(_, word)| word)
    }

    /// Whether the cell may be without scanning, or without its scanning configuration, because of us.
    pub fn is_open(self) -> bool {
        (Self::Trying..Self::Restored).contains(&self)
    }
}

/// What a journal says.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub plan_sha256: Option<String>,
    pub steps: BTreeMap<String, Progress>,
    /// What was written about a step besides its progress: the backup's folder, ...
    pub details: BTreeMap<String, Map<String, Value>>,
    /// Where Inspector was to write reports.
    pub findings_reports: Option<Value>,
    pub lines: usize,
    /// When the last line was written.
    pub last_at: Option<Timestamp>,
}

impl Told {
    pub fn progress(&self, step: &str) -> Progress {
        self.steps.get(step).copied().unwrap_or(Progress::Untouched)
    }

    pub fn detail(&self, step: &str, name: &str) -> Option<String> {
        self.details.get(step)?.get(name)?.as_str().map(str::to_owned)
    }

    pub fn texts(&self, step: &str, name: &str) -> Vec<String> {
        let list = || self.details.get(step)?.get(name)?.as_array();
        list().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    pub fn number(&self, step: &str, name: &str) -> Option<u64> {
        self.details.get(step)?.get(name)?.as_u64()
    }

    pub fn is_so(&self, step: &str, name: &str) -> bool {
        self.details.get(step).and_then(|details| details.get(name)?.as_bool()).unwrap_or(false)
    }

    /// When a step's disable was last called, as far as it is known.
    pub fn called_at(&self, step: &str) -> Option<Timestamp> {
        self.detail(step, CALLED_AT)?.parse().ok()
    }

    /// Steps that may have left a cell without scanning.
    pub fn open(&self) -> impl Iterator<Item = &String> {
        self.steps.iter().filter(|(_, progress)| progress.is_open()).map(|(step, _)| step)
    }
}

/// Reads a journal, and how many bytes of it are whole lines: the last one may be cut off.
fn told(bytes: &[u8], path: &Path) -> Result<(Told, usize), JournalError> {
    let mut told = Told::default();
    let mut whole = 0;
    // Bytes, and not text: a line may be cut off inside a character.
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            break;
        }
        told.lines += 1;
        let damaged = || JournalError::Damaged { path: path.to_owned(), line: told.lines };
        let value: Value = serde_json::from_slice(line).map_err(|_| damaged())?;
        let event = value.get("event").and_then(Value::as_str).ok_or_else(damaged)?.to_owned();
        if event == "begin" {
            told.plan_sha256 = value.get("plan_sha256").and_then(Value::as_str).map(str::to_owned);
        }
        told.last_at = value.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok()).or(told.last_at);
        if let Some(reports) = value.get("findings_reports").filter(|reports| !reports.is_null()) {
            told.findings_reports = Some(reports.clone());
        }
        if let Some(step) = value.get("step").and_then(Value::as_str) {
            if let Some((progress, _)) = WORDS.iter().find(|(_, word)| *word == event) {
                told.steps.insert(step.to_owned(), *progress);
            }
            if let Value::Object(members) = &value {
                let details = told.details.entry(step.to_owned()).or_default();
                details.extend(members.clone());
                if let (true, Some(at)) = (event == Progress::Disabling.word(), value.get("at")) {
                    details.insert(CALLED_AT.to_owned(), at.clone());
                }
            }
        }
        whole += line.len();
    }
    Ok((told, whole))
}

/// What the journal of a plan's folder says. `None`: there is none.
pub fn read_journal(path: &Path) -> Result<Option<Told>, JournalError> {
    if !path.exists() {
        return Ok(None);
    }
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    let bytes = fs_err::read(path).map_err(io)?;
    Ok(Some(told(&bytes, path)?.0))
}

/// A name for a journal, by where it is and whose: two applies of one plan in two folders are two, and so are two plans that
/// one after the other lay in one folder.
pub fn journal_name(place: &str, plan_sha256: &str) -> String {
    sha256(&format!("{plan_sha256} {place}"))
}

/// A journal that nobody writes for as long as this is held.
#[derive(Debug)]
pub struct Still(#[expect(dead_code, reason = "held, not read")] std::fs::File);

/// Keeps everybody from writing a journal. `None`: somebody is.
pub fn hold_still(path: &Path) -> std::io::Result<Option<Still>> {
    let file = std::fs::OpenOptions::new().read(true).open(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(Still(file))),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// An open journal. While it is open, nobody else writes it.
#[derive(Debug)]
pub(crate) struct Journal {
    file: std::fs::File,
    path: PathBuf,
    clock: fn() -> Timestamp,
    lines: usize,
    /// Bytes of whole lines.
    length: u64,
}

impl Journal {
    /// Opens the journal of a folder, or begins it. A line that was cut off is cut away.
    pub(crate) fn open(
        folder: &Path,
        plan_sha256: &str,
        clock: fn() -> Timestamp,
    ) -> Result<(Self, Told), JournalError> {
        let path = folder.join(JOURNAL);
        let io = |source| JournalError::Io { path: path.clone(), source };
        let mut options = std::fs::OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(io)?;
        // Whoever only looks holds it for a moment.
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::WouldBlock) if tries == LOOKS => return Err(JournalError::Locked(path)),
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(LOOK),
                Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
            }
            tries += 1;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (told, whole) = told(&bytes, &path)?;
        if told.plan_sha256.as_ref().is_some_and(|hash| hash != plan_sha256) {
            return Err(JournalError::OtherPlan(path));
        }
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        file.sync_all().map_err(io)?;
        // A name is on the disk when its folder is.
        let _ = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
        Ok((Self { file, path: path.clone(), clock, lines: told.lines, length: whole as u64 }, told))
    }

    /// Writes a line. When this returns, it is on the disk.
    pub(crate) fn write(
        &mut self,
        event: &str,
        step: Option<&str>,
        more: &[(&str, Value)],
    ) -> Result<(), JournalError> {
        let mut line = Map::new();
        line.insert("line".to_owned(), json!(self.lines + 1));
        line.insert("at".to_owned(), json!((self.clock)().to_string()));
        line.insert("event".to_owned(), json!(event));
        if let Some(step) = step {
            line.insert("step".to_owned(), json!(step));
        }
        line.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let text = format!("{}\n", Value::Object(line));
        if let Err(source) = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()) {
            // Half a line must not run into the next one.
            let _ = self.file.set_len(self.length);
            return Err(io(source));
        }
        self.lines += 1;
        self.length += text.len() as u64;
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
        let (mut journal, told) = Journal::open(folder.path(), "abc", clock).unwrap();
        assert_eq!(told.lines, 0);
        assert!(matches!(Journal::open(folder.path(), "abc", clock), Err(JournalError::Locked(_))));
        assert!(hold_still(&folder.path().join(JOURNAL)).unwrap().is_none());
        journal.write("begin", None, &[("plan_sha256", json!("abc"))]).unwrap();
        journal.write("disabling", Some("resync-0001"), &[]).unwrap();
        drop(journal);
        let still = hold_still(&folder.path().join(JOURNAL)).unwrap();
        assert!(matches!(Journal::open(folder.path(), "abc", clock), Err(JournalError::Locked(_))));
        drop(still);
        let path = folder.path().join(JOURNAL);
        let whole = fs_err::read_to_string(&path).unwrap();
        // Cut anywhere in a third line: what was there before holds.
        let third = "{\"line\":3,\"event\":\"disabled\",\"step\":\"resync-0001\",\"why\":\"…\"}\n";
        for cut in 0..third.len() {
            let torn = [whole.as_bytes(), third.as_bytes().get(..cut).unwrap()].concat();
            fs_err::write(&path, torn).unwrap();
            let (_, told) = Journal::open(folder.path(), "abc", clock).unwrap();
            assert_eq!(told.progress("resync-0001"), Progress::Disabling, "cut at {cut}");
            assert_eq!(fs_err::read_to_string(&path).unwrap(), whole);
        }
        fs_err::write(&path, format!("{whole}{third}")).unwrap();
        assert_eq!(read_journal(&path).unwrap().unwrap().progress("resync-0001"), Progress::Disabled);
        assert!(matches!(Journal::open(folder.path(), "other", clock), Err(JournalError::OtherPlan(_))));
        fs_err::write(&path, "nonsense\n").unwrap();
        assert!(matches!(read_journal(&path), Err(JournalError::Damaged { line: 1, .. })));
    }

    #[test]
    fn a_cell_is_open_from_the_first_disable_until_its_configuration_is_back() {
        let open: Vec<&str> = WORDS.iter().filter(|(progress, _)| progress.is_open()).map(|(_, word)| *word).collect();
        assert_eq!(open, ["trying", "disabling", "accepted", "disabled", "enabling", "enabled"]);
    }
}
