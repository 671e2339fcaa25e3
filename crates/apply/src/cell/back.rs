//! From wherever a cell is back to scanning, with its configuration as it was.

use serde_json::json;

use super::{Cell, ENABLED, UNANSWERED};
use crate::backup;
use crate::context::Executor;
use crate::error::Stop;
use crate::events::ApplyEvent;
use crate::journal::Progress;
use scangap_plan::Resync;

const NOT_COME_THROUGH: &str = "the disable did not come through: everything that was saved is still there";
const NOBODY_KNOWS: &str = "its disable had no answer, and nothing tells any more whether it was done";

/// After a crash, before anything else: a cell that may be without scanning is enabled again. One whose disable nobody
/// answered for, and that nothing has happened to yet, stays open: it is asked again.
pub(crate) async fn bring_back(executor: &Executor<'_>, step: &Resync) -> Result<(), Stop> {
    let mut cell = Cell::new(executor, step)?;
    if cell.progress.is_open() { cell.bring_back().await } else { Ok(()) }
}

/// The same where only the account that toggles opens: scanning is turned on, and the configuration must wait.
pub(crate) async fn turn_on(executor: &Executor<'_>, step: &Resync) -> Result<(), Stop> {
    let mut cell = Cell::new(executor, step)?;
    if cell.progress.is_open() && cell.progress < Progress::Enabled {
        cell.enable().await?;
        // Never seen off, it may still go off.
        if cell.progress >= Progress::Disabled {
            cell.note_if_possible(Progress::Enabled, &[]).await;
        }
    }
    Ok(())
}

/// Whether everything that was saved at first is still there, and the cell as it was.
pub(crate) async fn nothing_has_gone(executor: &Executor<'_>, step: &Resync) -> Result<bool, Stop> {
    Ok(Cell::new(executor, step)?.evidence().await? == Evidence::NotDone)
}

/// What there is to see of a disable that may or may not have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    Done,
    NotDone,
    NotKnown,
}

impl Cell<'_> {
    pub(crate) async fn bring_back(&mut self) -> Result<(), Stop> {
        self.executor.tell(ApplyEvent::BringsBack { step: self.step.id.clone() });
        if self.progress == Progress::Trying {
            self.as_before_the_trial().await?;
            self.executor.tell(ApplyEvent::BroughtBack { step: self.step.id.clone() });
            return Ok(());
        }
        if self.progress == Progress::Disabling {
            let long_ago = self.executor.is_long_ago(&self.step.id);
            let evidence = match self.evidence().await {
                // The backup may have been put away since: what it would tell is not needed any more.
                Err(_) if long_ago => Evidence::NotKnown,
                Err(why) => {
                    // Nothing can be seen. To ask that it be on does no harm, and it stays open: it may go off yet.
                    let _ = self.enable().await;
                    return Err(why);
                }
                Ok(evidence) => evidence,
            };
            match (evidence, long_ago) {
                (Evidence::NotDone, true) => {
                    return self.note(Progress::BackedUp, &[("because", json!(NOT_COME_THROUGH))]).await;
                }
                (Evidence::NotDone, false) => return Ok(()),
                // It is not disabled a second time on the chance that it never was.
                (Evidence::NotKnown, true) => {
                    let more = [("because", json!(NOBODY_KNOWS)), (UNANSWERED, json!(true))];
                    self.note_if_possible(Progress::Accepted, &more).await;
                }
                (Evidence::Done, _) | (Evidence::NotKnown, false) => {}
            }
        }
        if self.progress < Progress::Disabled {
            self.see_it_come_through().await?;
        }
        self.enable_and_restore().await?;
        self.executor.tell(ApplyEvent::BroughtBack { step: self.step.id.clone() });
        // Whether or not it is gone on with: what is gone is gone.
        let taken = self.taken().await;
        let lost = [
            ("findings_taken", json!(taken.map(|taken| taken.findings))),
            ("images_not_rescanned", json!(taken.map(|taken| taken.images_not_rescanned))),
        ];
        let _ = self.executor.line("brought_back", &self.step.id, &lost).await;
        Ok(())
    }

    /// Whether a disable that nobody answered for was done. ENABLED says little: it may show late, and somebody may have
    /// enabled it since. What was saved says more: all of it is still there, or none of it is.
    pub(crate) async fn evidence(&self) -> Result<Evidence, Stop> {
        let mut waits = self.executor.settling();
        loop {
            if self.read_status().await? != ENABLED {
                return Ok(Evidence::Done);
            }
            if waits.is_over() {
                break;
            }
            waits.wait().await;
        }
        let surprise = |what| Stop::Surprise { step: self.step.id.clone(), what };
        let folder = self.backup_folder()?;
        let (taken, kept) = backup::taken(&self.executor.access, self.step, &folder).await.map_err(surprise)?;
        // A disable takes the rows of repositories too: one that is still denied was not reset.
        let still_denied = self.coverage().await?.denied.len() as u64;
        let gone = taken.findings + taken.images_not_rescanned;
        let here = kept.findings + kept.images + still_denied;
        Ok(match (gone, here) {
            _ if self.read_status().await? != ENABLED || !self.is_restored().await? => Evidence::Done,
            (1.., 0) => Evidence::Done,
            (0, 1..) => Evidence::NotDone,
            // Nothing to see, or something in between: findings close by themselves too.
            (0, 0) | (1.., 1..) => Evidence::NotKnown,
        })
    }

    /// Inspector has accepted a disable, or may have: it is waited for, so that it does not come through after everybody has
    /// gone. Long after it was called it is taken to have come through, and to have been enabled by somebody since; where
    /// nothing can be seen, the enable asks Inspector.
    async fn see_it_come_through(&self) -> Result<(), Stop> {
        let mut waits = self.executor.waits();
        loop {
            if self.executor.is_long_ago(&self.step.id) {
                return Ok(());
            }
            match self.evidence().await {
                Ok(Evidence::Done) => return Ok(()),
                Err(_) if self.progress >= Progress::Accepted => return Ok(()),
                Ok(Evidence::NotDone | Evidence::NotKnown) | Err(_) => {}
            }
            if waits.is_over() {
                let what = "a disable was called and has not come through: it still may".to_owned();
                return Err(Stop::Surprise { step: self.step.id.clone(), what });
            }
            waits.wait().await;
        }
    }
}
