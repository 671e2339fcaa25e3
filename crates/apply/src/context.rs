//! What every stage of an apply works with: access, the journal, the backups, the clock.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use scangap_aws::CallError;
use scangap_aws::write::RegionWriter;
use scangap_model::{AccountId, GapKind, RegionName};
use scangap_plan::PlanDocument;
use scangap_plan::hash::sha256;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::backoff::Waits;
use crate::error::Stop;
use crate::events::{ApplyEvent, Listener};
use crate::journal::{JOURNAL, Journal, Progress, Told, read_journal};
use crate::options::ApplyOptions;

/// A backup that is older is made again right before the disable.
const BACKUP_LASTS: Duration = Duration::from_mins(10);
/// At AWS a status has this long to come true, whatever the patience with coverage: to go before would leave a cell off.
const STATUS_MAY_TAKE: Duration = Duration::from_mins(10);
/// How long a change may take to show in a status.
const SETTLING: Duration = Duration::from_mins(1);
/// A disable that was called longer ago than this has come through, or never will.
pub(crate) const LONG_AGO: SignedDuration = SignedDuration::from_mins(15);

pub(crate) struct Executor<'a> {
    pub(crate) access: Access,
    pub(crate) cancel: CancellationToken,
    pub(crate) plan: &'a PlanDocument,
    pub(crate) options: &'a ApplyOptions,
    /// `None`: nothing is changed, or it cannot be written and a cell is brought back all the same.
    pub(crate) journal: Option<&'a Mutex<Journal>>,
    pub(crate) backups: std::sync::Mutex<BTreeMap<String, Backup>>,
    /// Held by whoever has Inspector write a report.
    pub(crate) reporting: Mutex<()>,
    pub(crate) listener: Listener<'a>,
}

/// A backup of this run.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: String,
    pub(crate) made: Instant,
    pub(crate) made_at: Timestamp,
}

impl Backup {
    /// By the clock that nothing sets and by the wall, which a machine that slept goes by: what was found meanwhile is in
    /// no backup.
    pub(crate) fn is_young(&self, now: Timestamp) -> bool {
        self.made.elapsed() < BACKUP_LASTS && now.duration_since(self.made_at).unsigned_abs() < BACKUP_LASTS
    }
}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("plan", &self.plan.plan_sha256).finish_non_exhaustive()
    }
}

impl Executor<'_> {
    /// What the journal says now.
    pub(crate) fn told_now(&self) -> Result<Told, Stop> {
        Ok(read_journal(&self.options.folder.join(JOURNAL))?.unwrap_or_default())
    }

    /// Whether it was long ago that a step's disable was called.
    pub(crate) fn is_long_ago(&self, step: &str) -> bool {
        let at = || self.told_now().ok()?.called_at(step);
        at().is_some_and(|at| (self.options.clock)().duration_since(at) >= LONG_AGO)
    }

    pub(crate) fn progress(&self, step: &str) -> Result<Progress, Stop> {
        Ok(self.told_now()?.progress(step))
    }

    pub(crate) async fn note(&self, progress: Progress, step: &str, more: &[(&str, Value)]) -> Result<(), Stop> {
        self.write(progress.word(), Some(step), more).await
    }

    pub(crate) async fn line(&self, event: &str, step: &str, more: &[(&str, Value)]) -> Result<(), Stop> {
        self.write(event, Some(step), more).await
    }

    pub(crate) async fn write(&self, event: &str, step: Option<&str>, more: &[(&str, Value)]) -> Result<(), Stop> {
        match self.journal {
            Some(journal) => Ok(journal.lock().await.write(event, step, more)?),
            None => Ok(()),
        }
    }

    pub(crate) fn tell(&self, event: ApplyEvent) {
        (self.listener)(event);
    }

    pub(crate) fn backup_folder(&self, step: &str) -> Option<PathBuf> {
        let backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let journaled = || self.told_now().ok()?.detail(step, "backup").map(|name| self.options.folder.join(name));
        backups.get(step).map(|backup| backup.folder.clone()).or_else(journaled)
    }

    pub(crate) fn writer(&self, step: &str, account: AccountId, region: &RegionName) -> Result<RegionWriter, Stop> {
        let none =
            || Stop::Surprise { step: step.to_owned(), what: format!("there is no write role of account {account}") };
        self.access.writer(account, region).ok_or_else(none)
    }

    /// How long a status may take. A simulation takes what it is told to take.
    fn patience(&self) -> Duration {
        if self.plan.simulated { self.options.wait } else { self.options.wait.max(STATUS_MAY_TAKE) }
    }

    pub(crate) fn waits(&self) -> Waits {
        Waits::until(Instant::now(), self.patience())
    }

    pub(crate) fn waits_for_coverage(&self) -> Waits {
        Waits::until(Instant::now(), self.options.wait)
    }

    pub(crate) fn settling(&self) -> Waits {
        Waits::until(Instant::now(), (self.patience() / 4).min(SETTLING))
    }

    /// Reads until there is an answer, an error that stays, or no patience left.
    pub(crate) async fn patient<T, R>(&self, mut read: impl FnMut() -> R) -> Result<T, CallError>
    where
        R: Future<Output = Result<T, CallError>>,
    {
        let mut waits = self.waits();
        loop {
            match read().await {
                Err(error) if may_pass(&error) && !waits.is_over() => waits.wait().await,
                ended => return ended,
            }
        }
    }

    /// A token for one attempt to enable a cell. It is asked for only where the cell is disabled, so that another attempt is
    /// another request, and never answered from the memory of an earlier one.
    pub(crate) fn token(&self, step: &str) -> String {
        let lines = self.told_now().map(|told| told.lines).unwrap_or_default();
        sha256(&format!("{} {step} {lines} {}", self.plan.plan_sha256, (self.options.clock)()))
    }
}

/// Whether an error may be another one next time.
pub(crate) fn may_pass(error: &CallError) -> bool {
    matches!(
        error.kind,
        GapKind::Throttled | GapKind::Timeout | GapKind::Connection | GapKind::ServerError | GapKind::MalformedAnswer
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 6 Operating it: a backup's age is wall time, too
    #[test]
    fn a_backup_is_old_after_the_machine_slept() {
        let made_at: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let backup = Backup { folder: PathBuf::new(), manifest: String::new(), made: Instant::now(), made_at };
        assert!(backup.is_young(made_at));
        assert!(!backup.is_young("2026-11-23T09:11:00Z".parse().unwrap()), "it slept");
        assert!(!backup.is_young("2026-11-23T08:00:00Z".parse().unwrap()), "the clock was set back");
    }
}
