//! To a registry that is disabled: backup, trial, Disable.

use super::{Asker, Resync};
use crate::backoff::Backoff;
use crate::progress::Progress;
use crate::protocol::position::At;
use crate::protocol::resync::Purpose;
use crate::protocol::{Action, Answer, Because, Configuration, End, Failure, Moment, Notice, Seen, Status};

impl Resync {
    pub(super) fn backing_up(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::BackUp, Seen::BackupSaved) if self.progress < Progress::Disabling => self.enter(At::JournalBackUp),
            // A Disable that had no answer stays open; and where it took effect meanwhile, the first backup is the good one.
            (At::BackUp, Seen::BackupSaved) => self.gather(Asker::SavedAgain, now),
            (At::JournalBackUp, Seen::Journaled(true)) => {
                self.progress = Progress::BackedUp;
                self.enter(At::Report)
            }
            (At::JournalSavedAgain, Seen::Journaled(true)) => self.enter(At::Report),
            (At::BackUp, Seen::BackupYoung) | (At::Report, Seen::Reported) if self.purpose == Purpose::BackUp => {
                Action::Finish(End::Done)
            }
            (At::BackUp, Seen::BackupYoung) | (At::Report, Seen::Reported) => self.enter(At::Preconditions),
            _ => self.fail(Failure::Last, now),
        }
    }

    /// AWS has no dry run of Enable. Calling it while scanning is on changes nothing: it is refused as `ALREADY_ENABLED`, or
    /// accepted; but it shows a missing permission or an SCP before anything is disabled.
    pub(super) fn try_once(&mut self, now: Moment) -> Action {
        if now.interrupted { self.end_trial(Some(Failure::Interrupted)) } else { self.enter(At::TrialStatus) }
    }

    pub(super) fn trying(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::TrialStatus, Seen::Status(Status::Enabled)) => self.enter(At::TrialJournal),
            (At::TrialStatus, Seen::Status(_)) => self.end_trial(Some(Failure::NotEnabledAtTrial)),
            (At::TrialJournal, Seen::Journaled(true)) => {
                self.progress = Progress::Trying;
                self.enter(At::TrialEnable)
            }
            (At::TrialEnable, Seen::Answered(Answer::Accepted | Answer::AlreadyOn)) => {
                self.backoff = Backoff::new(now.elapsed, self.timeouts.status);
                self.enter(At::TrialWait)
            }
            (At::TrialEnable, Seen::Answered(Answer::NotKnown | Answer::NotDone { passing: true }))
                if !self.backoff.is_over(now.elapsed) =>
            {
                self.wait_at(At::TrialStatus, now)
            }
            (At::TrialWait, Seen::Status(Status::Enabled)) => {
                let action = self.end_trial(None);
                self.notice = Some(Notice::Reached(Status::Enabled));
                action
            }
            (At::TrialWait, Seen::Status(_)) if self.backoff.is_over(now.elapsed) => {
                self.end_trial(Some(Failure::Slow { wanted: Status::Enabled }))
            }
            (At::TrialWait, Seen::Status(_)) => self.wait_at(At::TrialWait, now),
            (At::TrialConfiguration, Seen::Configuration(Configuration::Other)) => self.restore(now),
            (At::TrialConfiguration, Seen::Configuration(_)) => self.enter(At::TrialJournalEnd),
            (At::TrialJournalEnd, Seen::Journaled(true)) => {
                self.progress = Progress::BackedUp;
                if self.purpose == Purpose::Undo {
                    self.notice = Some(Notice::Reenabled);
                }
                self.finish()
            }
            (At::TrialConfiguration | At::TrialJournalEnd, _) => Action::Finish(End::Failed(Failure::Last)),
            _ => self.end_trial(Some(Failure::Last)),
        }
    }

    /// Undoes the trial, also if its outcome is unknown: AWS does not say what an Enable writes, so a scanning configuration that
    /// is another afterwards is put back at once.
    pub(super) fn end_trial(&mut self, failure: Option<Failure>) -> Action {
        self.noticed = failure.is_some();
        let action = if self.progress == Progress::Trying { self.enter(At::TrialConfiguration) } else { self.finish() };
        self.failing = failure;
        action
    }

    /// Looks once more that everything is as it was planned, and calls. Known not to be done, the step is not open; but it
    /// stays open where an earlier call had no answer.
    pub(super) fn disable_once(&mut self, now: Moment) -> Action {
        if now.interrupted {
            self.fail(Failure::Interrupted, now)
        } else if self.unanswered {
            self.enter(At::DisableStatus)
        } else {
            self.enter(At::BackUp)
        }
    }

    pub(super) fn disabling(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::DisableStatus, Seen::Status(Status::Enabled)) => self.enter(At::BackUp),
            (At::DisableStatus, Seen::Status(_)) => self.accepted(Some(Because::SeenToComeThrough)),
            (At::Preconditions, Seen::Ready) => self.enter(At::JournalDisabling),
            (At::JournalDisabling, Seen::Journaled(true)) => {
                self.progress = Progress::Disabling;
                self.called_at = Some(now.wall);
                self.enter(At::Disable)
            }
            (At::Disable, Seen::Answered(answer)) => self.disable_answered(answer, now),
            (At::JournalNotDone, Seen::Journaled(true)) => {
                self.progress = Progress::BackedUp;
                if self.retries { self.wait_at(At::DisableStatus, now) } else { self.fail(Failure::Last, now) }
            }
            (At::JournalAccepted, Seen::Journaled(_)) => {
                self.progress = Progress::Accepted;
                self.wait_until_off(now)
            }
            (At::OffStatus, Seen::Status(Status::Disabled)) => {
                self.notice = Some(Notice::Reached(Status::Disabled));
                self.says_unanswered = false;
                self.enter(At::JournalDisabled)
            }
            (At::OffStatus, Seen::Status(_)) if self.backoff.is_over(now.elapsed) => {
                self.fail(Failure::Slow { wanted: Status::Disabled }, now)
            }
            (At::OffStatus, Seen::Status(_)) => self.wait_at(At::OffStatus, now),
            (At::JournalDisabled, Seen::Journaled(true)) => {
                self.progress = Progress::Disabled;
                self.enable_and_restore(now)
            }
            _ => self.fail(Failure::Last, now),
        }
    }

    pub(super) fn disable_answered(&mut self, answer: Answer, now: Moment) -> Action {
        let (because, retries) = match answer {
            Answer::Accepted => return self.accepted(None),
            Answer::AlreadyDisabling => return self.accepted(Some(Because::SeenToComeThrough)),
            Answer::NotKnown | Answer::RefusedOpen => return self.gather(Asker::Disable, now),
            Answer::Refused | Answer::AlreadyOn => (Because::DisableRefused, false),
            Answer::NotDone { passing } => (Because::DisableNotDone, passing && !self.backoff.is_over(now.elapsed)),
        };
        self.retries = retries;
        match (self.unanswered, retries) {
            (false, _) => self.journal(At::JournalNotDone, Progress::BackedUp, Some(because), true),
            (true, true) => self.wait_at(At::DisableStatus, now),
            (true, false) => self.fail(Failure::Last, now),
        }
    }

    pub(super) fn accepted(&mut self, because: Option<Because>) -> Action {
        self.journal(At::JournalAccepted, Progress::Accepted, because, false)
    }

    pub(super) fn wait_until_off(&mut self, now: Moment) -> Action {
        self.backoff = Backoff::new(now.elapsed, self.timeouts.status);
        self.enter(At::OffStatus)
    }
}
