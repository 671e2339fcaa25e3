//! What every stage of an apply works with: access, the journal, the backups, the clock.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use scangap_aws::CallError;
use scangap_aws::write::RegionWriter;
use scangap_model::{AccountId, RegionName};
use scangap_plan::PlanDocument;
use scangap_plan::hash::sha256;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::backoff::Backoff;
use crate::error::ApplyError;
use crate::events::{ApplyEvent, Listener};
use crate::journal::{Journal, JournalLine, JournalState};
use crate::options::ApplyOptions;
use crate::progress::Progress;
use crate::protocol::{Moment, Timeouts};

/// A backup that is older is made again right before the Disable.
const BACKUP_LASTS: Duration = Duration::from_mins(10);
/// At AWS a status has this long to change, however short `--wait` is: to exit before would leave a registry disabled.
const STATUS_TIMEOUT: Duration = Duration::from_mins(10);
/// How long a change may take to show in a status.
const SETTLE_TIME: Duration = Duration::from_mins(1);

/// An apply while it runs.
pub(crate) struct Executor<'a> {
    pub(crate) access: Access,
    pub(crate) cancel: CancellationToken,
    pub(crate) plan: &'a PlanDocument,
    pub(crate) options: &'a ApplyOptions,
    pub(crate) journal: &'a Mutex<Journal>,
    backups: Mutex<BTreeMap<String, Backup>>,
    /// AWS writes one report at a time.
    pub(crate) reporting: tokio::sync::Mutex<()>,
    listener: Listener<'a>,
    began: Instant,
}

/// A backup of this run.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: String,
    pub(crate) made: Instant,
    pub(crate) made_at: Timestamp,
    pub(crate) findings: u64,
}

impl Backup {
    /// By the monotonic clock and by the wall clock, which goes on while a machine sleeps: what was found meanwhile is in no
    /// backup.
    pub(crate) fn is_young(&self, now: Timestamp) -> bool {
        self.made.elapsed() < BACKUP_LASTS && now.duration_since(self.made_at).unsigned_abs() < BACKUP_LASTS
    }
}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("plan", &self.plan.plan_sha256).finish_non_exhaustive()
    }
}

impl<'a> Executor<'a> {
    pub(crate) fn new(
        access: Access,
        plan: &'a PlanDocument,
        options: &'a ApplyOptions,
        journal: &'a Mutex<Journal>,
        listener: Listener<'a>,
        cancel: CancellationToken,
    ) -> Self {
        let (backups, reporting) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { access, cancel, plan, options, journal, backups, reporting, listener, began: Instant::now() }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> JournalState {
        self.journal().state().clone()
    }

    pub(crate) fn progress(&self, step: &str) -> Progress {
        self.journal().state().progress(step)
    }

    /// Writes a line that says how far a step is.
    pub(crate) fn reach(&self, progress: Progress, step: &str, details: JournalLine) -> Result<(), ApplyError> {
        let line = JournalLine::of(step, progress.word());
        self.write(line.with(details))
    }

    pub(crate) fn write(&self, line: JournalLine) -> Result<(), ApplyError> {
        Ok(self.journal().write(line)?)
    }

    pub(crate) fn tell(&self, event: ApplyEvent) {
        (self.listener)(event);
    }

    pub(crate) fn keep_backup(&self, step: &str, backup: Backup) {
        self.backups.lock().unwrap_or_else(PoisonError::into_inner).insert(step.to_owned(), backup);
    }

    pub(crate) fn backup(&self, step: &str) -> Option<Backup> {
        self.backups.lock().unwrap_or_else(PoisonError::into_inner).get(step).cloned()
    }

    /// Findings in the backup of this run.
    pub(crate) fn findings_saved(&self, step: &str) -> u64 {
        self.backup(step).map_or(0, |backup| backup.findings)
    }

    /// Of this run, or of an earlier one.
    pub(crate) fn backup_folder(&self, step: &str) -> Option<PathBuf> {
        let journaled = || Some(self.options.folder.join(self.state().step(step).backup?));
        self.backup(step).map(|backup| backup.folder).or_else(journaled)
    }

    pub(crate) fn writer(
        &self,
        step: &str,
        account: AccountId,
        region: &RegionName,
    ) -> Result<RegionWriter, ApplyError> {
        let none = || ApplyError::UnexpectedState {
            step: step.to_owned(),
            what: format!("there is no write role of account {account}"),
        };
        self.access.writer(account, region).ok_or_else(none)
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { elapsed: self.began.elapsed(), wall: (self.options.clock)(), interrupted: self.cancel.is_cancelled() }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        // A simulation takes what it is told to take.
        let wait = self.options.wait;
        let status = if self.plan.simulated { wait } else { wait.max(STATUS_TIMEOUT) };
        Timeouts { status, coverage: wait, settle: (status / 4).min(SETTLE_TIME) }
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.began.elapsed(), self.timeouts().status)
    }

    pub(crate) fn is_over(&self, backoff: &Backoff) -> bool {
        backoff.is_over(self.began.elapsed())
    }

    pub(crate) async fn pause(&self, backoff: &mut Backoff) {
        tokio::time::sleep(backoff.next_pause(self.began.elapsed())).await;
    }

    /// Reads until there is an answer, an error that stays, or the timeout is over.
    pub(crate) async fn patient<T, R>(&self, mut read: impl FnMut() -> R) -> Result<T, CallError>
    where
        R: Future<Output = Result<T, CallError>>,
    {
        let mut backoff = self.backoff();
        loop {
            match read().await {
                Err(error) if error.may_pass() && !self.is_over(&backoff) => self.pause(&mut backoff).await,
                ended => return ended,
            }
        }
    }

    /// A token for one call of Enable: another call is another request, and never answered from the memory of an earlier one.
    pub(crate) fn token(&self, step: &str) -> String {
        let lines = self.journal().state().lines;
        sha256(&format!("{} {step} {lines} {}", self.plan.plan_sha256, (self.options.clock)()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 6 Operating it: a backup's age is wall time, too
    #[test]
    fn a_backup_is_old_after_the_machine_slept() {
        let made_at: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let backup =
            Backup { folder: PathBuf::new(), manifest: String::new(), made: Instant::now(), made_at, findings: 0 };
        assert!(backup.is_young(made_at));
        assert!(!backup.is_young("2026-11-23T09:11:00Z".parse().unwrap()), "it slept");
        assert!(!backup.is_young("2026-11-23T08:00:00Z".parse().unwrap()), "the clock was set back");
    }
}
