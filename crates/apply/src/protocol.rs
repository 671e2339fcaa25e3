//! What is done next in a step, and why: decided without I/O, without a clock and without waiting. The driver performs an
//! action, and hands back what it saw; every decision is here.

pub(crate) mod position;
pub(crate) mod repair;
pub(crate) mod resync;
#[cfg(test)]
mod walk;

use std::time::Duration;

use jiff::Timestamp;

use crate::progress::Progress;

/// When something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Moment {
    /// Since the process began.
    pub(crate) elapsed: Duration,
    pub(crate) wall: Timestamp,
    /// Whether the user wants it to end.
    pub(crate) interrupted: bool,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Timeouts {
    pub(crate) status: Duration,
    pub(crate) coverage: Duration,
    /// How long a change may take to show in a status.
    pub(crate) settle: Duration,
}

/// The status of ECR scanning, as far as the protocol tells statuses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Enabled,
    Disabled,
    /// On its way to either, or suspended.
    Other,
}

/// The registry's scanning configuration against the one that the plan saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Configuration {
    /// With its rules in the same order.
    AsSaved,
    /// The same rules in another order.
    SameRules,
    Other,
}

/// What Inspector answered to a Disable or an Enable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Accepted,
    /// It is on already, or is being turned on.
    AlreadyOn,
    /// It is being turned off already.
    AlreadyDisabling,
    /// The account is refused, and nothing is done.
    Refused,
    /// The account is refused, and what happens to it is left open.
    RefusedOpen,
    /// Certainly not done. `passing`: it may be another time.
    NotDone {
        passing: bool,
    },
    /// Done or not: there was no answer.
    NotKnown,
}

/// What the driver saw when it did what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Seen {
    /// Nothing yet.
    Began,
    Waited,
    /// Whether the line is on the disk.
    Journaled(bool),
    Status(Status),
    Configuration(Configuration),
    /// Whether no repository of the step is denied any more, and whether any is.
    Coverage {
        refreshed: bool,
        denied: bool,
    },
    /// Of what was saved: whether anything is gone, and whether anything is still there.
    Compared {
        gone: bool,
        kept: bool,
    },
    /// Everything is as it was planned.
    Ready,
    /// Something is not.
    Stale,
    /// A backup of this run is young enough.
    BackupYoung,
    /// A backup was made.
    BackupSaved,
    /// Inspector wrote its report, or none was asked for.
    Reported,
    Answered(Answer),
    ConfigurationPut,
    /// What was to be done failed. `passing`: it may succeed another time.
    Failed {
        passing: bool,
    },
}

/// What the driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    ReadStatus,
    ReadConfiguration,
    ReadCoverage,
    /// What was saved with what is there now.
    CompareBackup,
    CheckPreconditions,
    /// Save what the re-sync deletes, unless a backup of this run is young enough.
    BackUp,
    /// Have Inspector write a report of what was saved, where that was asked for.
    WriteReport,
    /// A line that is on the disk before anything else happens.
    Journal(Line),
    CallDisable,
    CallEnable,
    PutConfiguration,
    Wait(Duration),
    Finish(End),
}

/// What is written into the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// The step is so far. `required`: where it cannot be written, nothing goes on.
    Reached { progress: Progress, because: Option<Because>, required: bool },
    /// An Enable is called where scanning was not seen off.
    Asking,
    /// The scanning configuration is put back.
    Restoring,
    /// A backup was made once more after a Disable without an answer.
    SavedAgain,
    /// It is re-enabled, with what was lost.
    Reenabled,
}

impl Line {
    /// Whether the line says where a backup is.
    pub(crate) fn names_backup(self) -> bool {
        matches!(self, Self::SavedAgain | Self::Reached { progress: Progress::BackedUp, because: None, .. })
    }
}

/// Why a step is where it is, where that does not follow from the state before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Because {
    SeenToComeThrough,
    DidNotComeThrough,
    NobodyKnows,
    DisableRefused,
    DisableNotDone,
    DisabledMeanwhile,
    ConfigurationChanged,
    ConfigurationAsItWas,
}

/// How a run of the protocol ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Done,
    /// With the failure that was noticed before.
    Noticed,
    /// With this one, which is worse than one that was noticed before.
    Failed(Failure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    Interrupted,
    /// The last thing that failed.
    Last,
    NotEnabledAtTrial,
    Slow {
        wanted: Status,
    },
    /// A Disable had no answer, and nothing shows whether it was done.
    Unanswered,
    NotComeThrough,
    /// A Disable was called, and what was saved begins to go.
    BeginsToGo,
    /// The scanning configuration was put back, and is another.
    NotPut,
}

/// What the user is told on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    Begins,
    Reached(Status),
    Reenables,
    Reenabled,
}
