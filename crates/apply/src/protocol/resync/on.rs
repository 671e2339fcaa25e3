//! To a registry that is enabled, with its scanning configuration as it was.

use super::{AfterEnable, Purpose, READS_BEFORE_ENABLE, Resync};
use crate::backoff::Backoff;
use crate::progress::Progress;
use crate::protocol::position::At;
use crate::protocol::{Action, Answer, Configuration, End, Failure, Moment, Notice, Seen, Status};

impl Resync {
    /// From wherever the registry is to ENABLED, with the scanning configuration as it was.
    pub(super) fn enable_and_restore(&mut self, now: Moment) -> Action {
        if self.progress < Progress::Enabled {
            self.enable(AfterEnable::Restore, now)
        } else if self.progress < Progress::Restored {
            self.restore(now)
        } else {
            self.restored(now)
        }
    }

    /// Calls Enable until the status is ENABLED or the timeout passes. ENABLED is trusted only after the status was seen off, or
    /// after Inspector accepted our Enable; before that it may be a stale status. Once Enable was accepted it is not called
    /// again before that had time to show. If the status cannot be read, Enable is called anyway: an extra Enable is
    /// harmless, a missing one is not.
    pub(super) fn enable(&mut self, after: AfterEnable, now: Moment) -> Action {
        self.backoff = Backoff::new(now.elapsed, self.timeouts.status);
        self.after_enable = after;
        self.settle = None;
        self.seen_off = self.progress >= Progress::Disabled;
        self.certain = self.seen_off;
        self.failed_reads = 0;
        self.has_failure = false;
        self.enter(At::EnableStatus)
    }

    pub(super) fn enabling(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::EnableStatus, Seen::Status(Status::Enabled)) if self.certain => {
                let action = self.enabled();
                self.notice = Some(Notice::Reached(Status::Enabled));
                action
            }
            (At::EnableStatus, Seen::Status(status)) => {
                self.status_failed = false;
                if status == Status::Disabled {
                    (self.seen_off, self.certain, self.says_unanswered) = (true, true, false);
                }
                self.enable_or_wait(status != Status::Other, now)
            }
            (At::EnableStatus, Seen::Failed { passing }) => {
                self.failed_reads = self.failed_reads.saturating_add(1);
                (self.status_failed, self.has_failure) = (true, true);
                let asks =
                    !passing || self.failed_reads >= READS_BEFORE_ENABLE || self.backoff.is_half_over(now.elapsed);
                self.enable_or_wait(asks, now)
            }
            (At::JournalEnabling | At::JournalAsking, _) => {
                if self.seen_off {
                    self.progress = Progress::Enabling;
                }
                self.settle = None;
                self.enter(At::Enable)
            }
            (At::Enable, Seen::Answered(Answer::Accepted | Answer::AlreadyOn)) => {
                self.certain = true;
                self.settle = Some(Backoff::new(now.elapsed, self.timeouts.settle));
                self.has_failure &= self.status_failed;
                self.wait_for_enabled(now)
            }
            (At::JournalEnabled, _) => {
                self.progress = Progress::Enabled;
                if self.after_enable == AfterEnable::End { self.finish() } else { self.restore(now) }
            }
            _ => {
                self.has_failure = true;
                self.wait_for_enabled(now)
            }
        }
    }

    pub(super) fn enable_or_wait(&mut self, asks: bool, now: Moment) -> Action {
        let settled = self.settle.is_none_or(|settle| settle.is_over(now.elapsed));
        match (asks && settled, self.seen_off) {
            (true, true) => self.enter(At::JournalEnabling),
            (true, false) => self.enter(At::JournalAsking),
            (false, _) => self.wait_for_enabled(now),
        }
    }

    pub(super) fn wait_for_enabled(&mut self, now: Moment) -> Action {
        if !self.backoff.is_over(now.elapsed) {
            return self.wait_at(At::EnableStatus, now);
        }
        let failure = if self.has_failure { Failure::Last } else { Failure::Slow { wanted: Status::Enabled } };
        self.fail(failure, now)
    }

    pub(super) fn enabled(&mut self) -> Action {
        match self.after_enable {
            AfterEnable::Restore => self.enter(At::JournalEnabled),
            // Never seen off, it may still go off.
            AfterEnable::End if self.progress >= Progress::Disabled => self.enter(At::JournalEnabled),
            AfterEnable::End | AfterEnable::Noticed => self.finish(),
        }
    }

    /// AWS does not say what rules are there after an Enable: they are compared, and put back where they differ.
    pub(super) fn restore(&mut self, now: Moment) -> Action {
        self.backoff = Backoff::new(now.elapsed, self.timeouts.status);
        (self.put, self.has_failure) = (false, false);
        self.enter(At::RestoreRead)
    }

    pub(super) fn restoring(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::RestoreRead, Seen::Configuration(Configuration::AsSaved)) => self.restored_or_tried(),
            // The order may be AWS's own; once it was put as it was, the same rules in another order are as good.
            (At::RestoreRead, Seen::Configuration(Configuration::SameRules)) if self.put => self.restored_or_tried(),
            (At::RestoreRead, Seen::Configuration(_)) => self.enter(At::RestoreJournal),
            (At::RestoreJournal, _) => {
                self.put = true;
                self.enter(At::RestorePut)
            }
            (At::RestorePut, Seen::ConfigurationPut) => self.wait_for_configuration(now),
            (At::RestoreLast, Seen::Configuration(Configuration::Other)) => self.not_restored(now),
            (At::RestoreLast, Seen::Configuration(_)) => self.restored_or_tried(),
            (At::RestoreLast, _) => {
                self.has_failure = true;
                self.not_restored(now)
            }
            (At::JournalRestored, _) => {
                self.progress = Progress::Restored;
                self.restored(now)
            }
            _ => {
                self.has_failure = true;
                self.wait_for_configuration(now)
            }
        }
    }

    pub(super) fn wait_for_configuration(&mut self, now: Moment) -> Action {
        match (self.backoff.is_over(now.elapsed), self.put) {
            (false, _) => self.wait_at(At::RestoreRead, now),
            // One more look: the last put may have taken effect.
            (true, true) => self.enter(At::RestoreLast),
            (true, false) => self.not_restored(now),
        }
    }

    pub(super) fn not_restored(&mut self, now: Moment) -> Action {
        let failure = if self.has_failure { Failure::Last } else { Failure::NotPut };
        // A trial that cannot be undone is worse than what it showed.
        if self.progress == Progress::Trying {
            return Action::Finish(End::Failed(failure));
        }
        self.fail(failure, now)
    }

    pub(super) fn restored_or_tried(&mut self) -> Action {
        let trial = self.progress == Progress::Trying;
        self.enter(if trial { At::TrialJournalEnd } else { At::JournalRestored })
    }

    pub(super) fn restored(&mut self, now: Moment) -> Action {
        match (self.purpose, self.again) {
            (Purpose::Undo, _) => {
                self.notice = Some(Notice::Reenabled);
                self.enter(At::UndoCompare)
            }
            (_, true) => self.enter(At::Compare),
            (_, false) => {
                self.backoff = Backoff::new(now.elapsed, self.timeouts.coverage);
                self.enter(At::Coverage)
            }
        }
    }
}
