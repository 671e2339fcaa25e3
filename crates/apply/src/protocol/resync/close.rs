//! After it is enabled again: coverage, and whether it stayed on.

use super::Resync;
use crate::progress::Progress;
use crate::protocol::position::At;
use crate::protocol::{Action, Because, Configuration, End, Failure, Moment, Seen, Status};

impl Resync {
    /// Waits until no repository of the step says `ACCESS_DENIED`, or the time is over, and looks whether it is still on.
    pub(super) fn closing(&mut self, seen: Seen, now: Moment) -> Action {
        match (self.at, seen) {
            (At::Coverage, Seen::Coverage { refreshed, .. }) => {
                if refreshed || self.backoff.is_over(now.elapsed) || now.interrupted {
                    self.enter(At::AfterStatus)
                } else {
                    self.wait_at(At::Coverage, now)
                }
            }
            (At::AfterStatus, Seen::Status(Status::Enabled)) => self.enter(At::AfterConfiguration),
            (At::AfterStatus, Seen::Status(_)) => self.reopen(Progress::Disabled, Because::DisabledMeanwhile),
            // Inspector may have written a configuration of its own.
            (At::AfterConfiguration, Seen::Configuration(Configuration::Other)) => {
                self.reopen(Progress::Enabled, Because::ConfigurationChanged)
            }
            (At::AfterConfiguration, Seen::Configuration(_)) => self.enter(At::Compare),
            (At::JournalReopened, _) => self.enable_and_restore(now),
            (At::Compare, _) => self.enter(At::JournalDone),
            (At::JournalDone, Seen::Journaled(true)) => {
                self.progress = Progress::Done;
                Action::Finish(End::Done)
            }
            _ => self.fail(Failure::Last, now),
        }
    }

    pub(super) fn reopen(&mut self, progress: Progress, because: Because) -> Action {
        self.again = true;
        self.progress = progress;
        self.journal(At::JournalReopened, progress, Some(because), false)
    }
}
