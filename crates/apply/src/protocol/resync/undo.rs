//! From wherever a step stopped to scanning; and what shows of a Disable without an answer.

use super::{AfterEnable, Asker, Evidence, Resync};
use crate::backoff::Backoff;
use crate::progress::Progress;
use crate::protocol::position::At;
use crate::protocol::{Action, Because, Configuration, Failure, Moment, Notice, Seen, Status};

impl Resync {
    /// Whether a Disable that had no answer was done. ENABLED says little: it may show late, and the registry may have been
    /// enabled since. What was saved says more: all of it is still there, or none of it is.
    pub(super) fn gather(&mut self, asker: Asker, now: Moment) -> Action {
        self.asker = asker;
        self.settle = Some(Backoff::new(now.elapsed, self.timeouts.settle));
        self.enter(At::EvidenceStatus)
    }

    pub(super) fn gathering(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::EvidenceStatus, Seen::Status(Status::Enabled)) => match &mut self.settle {
                Some(settle) if !settle.is_over(now.elapsed) => Action::Wait(settle.next_pause(now.elapsed)),
                _ => self.enter(At::EvidenceCompare),
            },
            (At::EvidenceCompare, Seen::Compared { gone, kept }) => {
                (self.gone, self.kept) = (gone, kept);
                self.enter(At::EvidenceCoverage)
            }
            // A Disable takes the rows of repositories too: one that is still denied was not reset.
            (At::EvidenceCoverage, Seen::Coverage { denied, .. }) => {
                self.denied = denied;
                self.enter(At::EvidenceStatusAgain)
            }
            (At::EvidenceStatusAgain, Seen::Status(Status::Enabled)) => self.enter(At::EvidenceConfiguration),
            (At::EvidenceStatus | At::EvidenceStatusAgain, Seen::Status(_)) => self.shown(Evidence::Done, now),
            // It must be put back in every case: an Enable of ours may have, so that it proves nothing where all is still
            // there.
            (At::EvidenceConfiguration, Seen::Configuration(Configuration::Other)) => {
                self.says_unanswered |= !self.gone && (self.kept || self.denied);
                self.shown(Evidence::Done, now)
            }
            (At::EvidenceConfiguration, Seen::Configuration(_)) => {
                let evidence = match (self.gone, self.kept || self.denied) {
                    (true, false) => Evidence::Done,
                    (false, true) => Evidence::NotDone,
                    // Nothing to see, or something in between: findings close by themselves too.
                    (false, false) | (true, true) => Evidence::NotKnown,
                };
                self.shown(evidence, now)
            }
            _ => self.not_shown(now),
        }
    }

    pub(super) fn shown(&mut self, evidence: Evidence, now: Moment) -> Action {
        let long_ago = self.is_long_ago(now);
        match (self.asker, evidence, long_ago) {
            (Asker::SavedAgain, Evidence::NotDone, _) => self.enter(At::JournalSavedAgain),
            (Asker::SavedAgain, Evidence::Done | Evidence::NotKnown, _) => self.fail(Failure::BeginsToGo, now),
            (Asker::Disable, Evidence::Done, _) => self.accepted(Some(Because::SeenToComeThrough)),
            // Called again, Inspector says so where it is under way after all.
            (Asker::Disable, Evidence::NotDone, _) if !self.backoff.is_over(now.elapsed) => {
                self.unanswered = true;
                self.wait_at(At::DisableStatus, now)
            }
            (Asker::Disable, Evidence::NotDone | Evidence::NotKnown, _) => self.fail(Failure::Unanswered, now),
            (Asker::Undo, Evidence::NotDone, true) => self.enter(At::JournalNotComeThrough),
            // It stays open: the Disable may still take effect, and a resume calls it again.
            (Asker::Undo, Evidence::NotDone, false) => self.finish(),
            // It is not disabled a second time on the chance that it never was.
            (Asker::Undo, Evidence::NotKnown, true) => self.enter(At::JournalUnanswered),
            (Asker::Undo, Evidence::Done, _) | (Asker::Undo, Evidence::NotKnown, false) => self.come_through(now),
            (Asker::ComeThrough, Evidence::Done, _) => self.enable_and_restore(now),
            (Asker::ComeThrough, Evidence::NotDone | Evidence::NotKnown, _) => self.wait_to_come_through(now),
        }
    }

    /// There is no evidence: something could not be read.
    pub(super) fn not_shown(&mut self, now: Moment) -> Action {
        match self.asker {
            Asker::SavedAgain | Asker::Disable => self.fail(Failure::Last, now),
            // The backup may have been put away since: what it would tell is not needed any more.
            Asker::Undo if self.is_long_ago(now) => self.shown(Evidence::NotKnown, now),
            // An Enable does no harm; the step stays open, since the Disable may still take effect.
            Asker::Undo => {
                self.noticed = true;
                let action = self.enable(AfterEnable::Noticed, now);
                self.failing = Some(Failure::Last);
                action
            }
            Asker::ComeThrough if self.progress >= Progress::Accepted => self.enable_and_restore(now),
            Asker::ComeThrough => self.wait_to_come_through(now),
        }
    }

    pub(super) fn undo(&mut self, now: Moment) -> Action {
        let action = match self.progress {
            Progress::Trying => self.enter(At::TrialConfiguration),
            Progress::Disabling => self.gather(Asker::Undo, now),
            progress if progress < Progress::Disabled => self.come_through(now),
            _ => self.enable_and_restore(now),
        };
        self.notice = Some(Notice::Reenables);
        action
    }

    /// Waits until a Disable that may have been accepted takes effect, so that it cannot take effect after this process has
    /// exited. Long after it was called it is taken to have taken effect, and to have been undone since; where nothing can
    /// be seen, the Enable asks Inspector.
    pub(super) fn come_through(&mut self, now: Moment) -> Action {
        self.backoff = Backoff::new(now.elapsed, self.timeouts.status);
        self.look_whether_through(now)
    }

    pub(super) fn look_whether_through(&mut self, now: Moment) -> Action {
        if self.is_long_ago(now) { self.enable_and_restore(now) } else { self.gather(Asker::ComeThrough, now) }
    }

    pub(super) fn wait_to_come_through(&mut self, now: Moment) -> Action {
        if self.backoff.is_over(now.elapsed) {
            return self.fail(Failure::NotComeThrough, now);
        }
        self.settle = None;
        self.wait_at(At::EvidenceStatus, now)
    }

    pub(super) fn undoing(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::JournalNotComeThrough, Seen::Journaled(true)) => {
                self.progress = Progress::BackedUp;
                self.finish()
            }
            (At::JournalUnanswered, seen) => {
                self.says_unanswered = seen != Seen::Journaled(true);
                self.progress = Progress::Accepted;
                self.come_through(now)
            }
            // Whether or not the step is gone on with: what is lost is lost.
            (At::UndoCompare, _) => self.enter(At::JournalBroughtBack),
            (At::JournalBroughtBack, _) => self.finish(),
            _ => self.fail(Failure::Last, now),
        }
    }
}
