//! A re-sync: Disable, wait, Enable, wait, put the scanning configuration back, look. From the first Disable on there is one
//! way out: the registry is enabled again, or the journal says that it may not be.

mod close;
mod off;
mod on;
mod undo;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::position::At;
use super::{Action, Because, End, Failure, Line, Moment, Notice, Seen, Timeouts};
use crate::backoff::Backoff;
use crate::progress::Progress;

/// What a run of the protocol is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// Save what would be deleted.
    BackUp,
    /// See that scanning may be turned on, while it is on.
    Trial,
    /// Re-sync from wherever the step is.
    Forward,
    /// From wherever the step is to scanning, with its configuration as it was.
    Undo,
    /// The same where only the account that toggles opens: the configuration must wait.
    TurnOn,
}

/// A Disable that was called longer ago than this has taken effect, or never will.
pub(crate) const LONG_AGO: SignedDuration = SignedDuration::from_mins(15);
/// Reads of a status that fail in passing until Enable is called without it.
const READS_BEFORE_ENABLE: u8 = 3;

/// What there is to see of a Disable that may or may not have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Evidence {
    Done,
    NotDone,
    NotKnown,
}

/// Who asked for the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asker {
    /// A backup that was made after a Disable without an answer.
    SavedAgain,
    Disable,
    Undo,
    /// The wait for a Disable to take effect.
    ComeThrough,
}

/// What follows once scanning is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum AfterEnable {
    Restore,
    /// Nothing more can be done here.
    End,
    /// The failure that was noticed.
    Noticed,
}

/// One run for one registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Resync {
    purpose: Purpose,
    progress: Progress,
    /// When Disable was last called.
    called_at: Option<Timestamp>,
    timeouts: Timeouts,
    at: At,
    pub(crate) notice: Option<Notice>,
    /// Why the step does not go on, where that is found just now; what is disabled is enabled first.
    pub(crate) failing: Option<Failure>,
    /// Of the loop that runs.
    backoff: Backoff,
    /// Of a read that failed in passing and is made again.
    read: Option<Backoff>,
    /// Of a change that was accepted and must show.
    settle: Option<Backoff>,
    asker: Asker,
    after_enable: AfterEnable,
    /// Whether scanning was seen off since the Disable, or the journal says that it was.
    seen_off: bool,
    /// Whether ENABLED can be trusted: after it was seen off, or after Inspector accepted our Enable.
    certain: bool,
    status_failed: bool,
    failed_reads: u8,
    /// Whether something failed in this loop that is more telling than a timeout.
    has_failure: bool,
    /// Whether the configuration was put.
    put: bool,
    /// Whether an earlier Disable had no answer.
    unanswered: bool,
    /// Whether the next lines must say that nobody knows what came of a Disable, since the one that should could not be written.
    says_unanswered: bool,
    /// Whether a Disable that was not done is called again.
    retries: bool,
    gone: bool,
    kept: bool,
    denied: bool,
    /// Whether scanning was turned on a second time, since it was found off after all.
    again: bool,
    noticed: bool,
}

impl Resync {
    pub(crate) fn new(
        purpose: Purpose,
        progress: Progress,
        called_at: Option<Timestamp>,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        Self {
            purpose,
            progress,
            called_at,
            timeouts,
            at: At::Start,
            notice: None,
            failing: None,
            backoff: Backoff::new(now.elapsed, timeouts.status),
            read: None,
            settle: None,
            asker: Asker::Disable,
            after_enable: AfterEnable::Restore,
            seen_off: false,
            certain: false,
            status_failed: false,
            failed_reads: 0,
            has_failure: false,
            put: false,
            unanswered: progress >= Progress::Disabling,
            says_unanswered: false,
            retries: false,
            gone: false,
            kept: false,
            denied: false,
            again: false,
            noticed: false,
        }
    }

    /// How far the step is now.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// The next action, after what was seen of the last one.
    pub(crate) fn next(&mut self, seen: Seen, now: Moment) -> Action {
        (self.notice, self.failing) = (None, None);
        if let Some(action) = self.read_again(seen, now) {
            return action;
        }
        match self.at {
            At::Start => self.start(now),
            At::BackUp | At::JournalBackUp | At::JournalSavedAgain | At::Report => self.backing_up(seen, now),
            At::TrialStatus
            | At::TrialJournal
            | At::TrialEnable
            | At::TrialWait
            | At::TrialConfiguration
            | At::TrialJournalEnd => self.trying(seen, now),
            At::DisableStatus
            | At::Preconditions
            | At::JournalDisabling
            | At::Disable
            | At::JournalNotDone
            | At::JournalAccepted
            | At::OffStatus
            | At::JournalDisabled => self.disabling(seen, now),
            At::EnableStatus | At::JournalEnabling | At::JournalAsking | At::Enable | At::JournalEnabled => {
                self.enabling(seen, now)
            }
            At::RestoreRead | At::RestoreJournal | At::RestorePut | At::RestoreLast | At::JournalRestored => {
                self.restoring(seen, now)
            }
            At::Coverage
            | At::AfterStatus
            | At::AfterConfiguration
            | At::JournalReopened
            | At::Compare
            | At::JournalDone => self.closing(seen, now),
            At::EvidenceStatus
            | At::EvidenceCompare
            | At::EvidenceCoverage
            | At::EvidenceStatusAgain
            | At::EvidenceConfiguration => self.gathering(seen, now),
            At::JournalNotComeThrough | At::JournalUnanswered | At::UndoCompare | At::JournalBroughtBack => {
                self.undoing(seen, now)
            }
        }
    }

    /// A read that failed in passing is made again, until its time is over.
    fn read_again(&mut self, seen: Seen, now: Moment) -> Option<Action> {
        if seen == Seen::Waited {
            return Some(self.again_at(now));
        }
        let patient = self.at.position().is_some_and(|position| position.patient);
        if let (true, Seen::Failed { passing: true }) = (patient, seen) {
            let mut read = self.read.unwrap_or(Backoff::new(now.elapsed, self.timeouts.status));
            if !read.is_over(now.elapsed) {
                let pause = read.next_pause(now.elapsed);
                self.read = Some(read);
                return Some(Action::Wait(pause));
            }
        }
        self.read = None;
        None
    }

    /// What is done where it is, once more after a pause.
    fn again_at(&mut self, now: Moment) -> Action {
        match self.at {
            // The user may want it to end meanwhile.
            At::TrialStatus if self.read.is_none() => self.try_once(now),
            At::DisableStatus if self.read.is_none() => self.disable_once(now),
            At::EvidenceStatus if self.read.is_none() && self.settle.is_none() => self.look_whether_through(now),
            at => self.enter(at),
        }
    }

    /// Goes to a position of the table, and does what is done there.
    fn enter(&mut self, at: At) -> Action {
        self.at = at;
        // INVARIANT: every position that is entered has an action; those without are journaled with their reason.
        let action = at.position().and_then(|position| position.action).unwrap_or(Action::Wait(Duration::ZERO));
        match action {
            Action::Journal(Line::Reached { progress, because: None, required }) if self.says_unanswered => {
                Action::Journal(Line::Reached { progress, because: Some(Because::NobodyKnows), required })
            }
            action => action,
        }
    }

    fn journal(&mut self, at: At, progress: Progress, because: Option<Because>, required: bool) -> Action {
        self.at = at;
        Action::Journal(Line::Reached { progress, because, required })
    }

    fn wait_at(&mut self, at: At, now: Moment) -> Action {
        self.at = at;
        Action::Wait(self.backoff.next_pause(now.elapsed))
    }

    fn is_long_ago(&self, now: Moment) -> bool {
        self.called_at.is_some_and(|at| now.wall.duration_since(at) >= LONG_AGO)
    }

    fn start(&mut self, now: Moment) -> Action {
        match self.purpose {
            Purpose::BackUp => self.enter(At::BackUp),
            Purpose::Trial => self.try_once(now),
            Purpose::Forward => {
                self.notice = Some(Notice::Begins);
                match self.progress {
                    Progress::Accepted => self.wait_until_off(now),
                    progress if progress < Progress::Accepted => self.disable_once(now),
                    _ => self.enable_and_restore(now),
                }
            }
            Purpose::Undo if self.progress.is_open() => self.undo(now),
            Purpose::TurnOn if self.progress.is_open() && self.progress < Progress::Enabled => {
                self.enable(AfterEnable::End, now)
            }
            Purpose::Undo | Purpose::TurnOn => Action::Finish(End::Done),
        }
    }

    /// It cannot go on: what may be without scanning is enabled first.
    fn fail(&mut self, failure: Failure, now: Moment) -> Action {
        match self.purpose {
            Purpose::Forward if self.progress.is_open() => {
                self.purpose = Purpose::Undo;
                self.noticed = true;
                let action = self.undo(now);
                self.failing = Some(failure);
                action
            }
            Purpose::Trial => self.end_trial(Some(failure)),
            _ if self.after_enable == AfterEnable::Noticed && self.noticed => Action::Finish(End::Noticed),
            _ => Action::Finish(End::Failed(failure)),
        }
    }

    fn finish(&self) -> Action {
        Action::Finish(if self.noticed { End::Noticed } else { End::Done })
    }
}
