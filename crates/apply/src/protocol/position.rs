//! Every position of a re-sync: what is done there, whether a read that fails in passing is made again there, and what for.
//! `docs/reference.md` prints the table.

use scangap_plan::{STAGES, Stage};

use super::{Action, Because, Line};
use crate::progress::Progress;

/// Where a run of the protocol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Start,
    BackUp,
    JournalBackUp,
    JournalSavedAgain,
    Report,
    TrialStatus,
    TrialJournal,
    TrialEnable,
    TrialWait,
    TrialConfiguration,
    TrialJournalEnd,
    DisableStatus,
    Preconditions,
    JournalDisabling,
    Disable,
    OffStatus,
    JournalDisabled,
    EnableStatus,
    JournalEnabling,
    JournalAsking,
    Enable,
    JournalEnabled,
    RestoreRead,
    RestoreJournal,
    RestorePut,
    RestoreLast,
    JournalRestored,
    Coverage,
    AfterStatus,
    AfterConfiguration,
    Compare,
    JournalDone,
    EvidenceStatus,
    EvidenceCompare,
    EvidenceCoverage,
    EvidenceStatusAgain,
    EvidenceConfiguration,
    JournalNotComeThrough,
    JournalUnanswered,
    UndoCompare,
    JournalBroughtBack,
    JournalNotDone,
    JournalAccepted,
    JournalReopened,
}

/// A position, with what is done there.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) at: At,
    pub(crate) stage: Stage,
    /// `None`: a line of the journal that says why, which depends on what was seen.
    pub(crate) action: Option<Action>,
    /// Whether a read that failed in passing is made again at once; elsewhere the loop goes on with what it knows.
    pub(crate) patient: bool,
    pub(crate) what_for: &'static str,
}

const fn read(at: At, stage: Stage, action: Action, what_for: &'static str) -> Position {
    Position { at, stage, action: Some(action), patient: true, what_for }
}

const fn act(at: At, stage: Stage, action: Action, what_for: &'static str) -> Position {
    Position { at, stage, action: Some(action), patient: false, what_for }
}

/// A line that must be on the disk before anything else is done.
const fn must(at: At, stage: Stage, progress: Progress, because: Option<Because>, what_for: &'static str) -> Position {
    act(at, stage, Action::Journal(Line::Reached { progress, because, required: true }), what_for)
}

/// A line written while re-enabling: that it cannot be written stops nothing.
const fn may(at: At, stage: Stage, progress: Progress, because: Option<Because>, what_for: &'static str) -> Position {
    act(at, stage, Action::Journal(Line::Reached { progress, because, required: false }), what_for)
}

const fn why(at: At, stage: Stage, what_for: &'static str) -> Position {
    Position { at, stage, action: None, patient: false, what_for }
}

pub(crate) const POSITIONS: &[Position] = &[
    act(At::Start, Stage::Check, Action::ReadStatus, "Nothing was done yet"),
    act(
        At::BackUp,
        Stage::BackUp,
        Action::BackUp,
        "Saves what the re-sync deletes, unless a backup of this run is young enough",
    ),
    must(At::JournalBackUp, Stage::BackUp, Progress::BackedUp, None, "The backup counts from here on"),
    act(
        At::JournalSavedAgain,
        Stage::BackUp,
        Action::Journal(Line::SavedAgain),
        "A second backup after a Disable without an answer, which deleted nothing so far",
    ),
    act(At::Report, Stage::BackUp, Action::WriteReport, "Inspector's own copy of the findings, where it was asked for"),
    read(At::TrialStatus, Stage::Trial, Action::ReadStatus, "Scanning must be on to try Enable"),
    must(At::TrialJournal, Stage::Trial, Progress::Trying, None, "Before the trial Enable"),
    act(
        At::TrialEnable,
        Stage::Trial,
        Action::CallEnable,
        "Changes nothing while scanning is on, and shows whether it may be called",
    ),
    read(At::TrialWait, Stage::Trial, Action::ReadStatus, "Scanning is on after the trial"),
    read(
        At::TrialConfiguration,
        Stage::Trial,
        Action::ReadConfiguration,
        "The trial may have changed the scanning configuration",
    ),
    must(
        At::TrialJournalEnd,
        Stage::Trial,
        Progress::BackedUp,
        Some(Because::ConfigurationAsItWas),
        "The trial is undone",
    ),
    read(
        At::DisableStatus,
        Stage::Disable,
        Action::ReadStatus,
        "An earlier Disable without an answer may have taken effect meanwhile",
    ),
    act(At::Preconditions, Stage::Check, Action::CheckPreconditions, "Everything must be as the plan saw it"),
    must(
        At::JournalDisabling,
        Stage::Disable,
        Progress::Disabling,
        None,
        "Before Disable: from here on the step is open",
    ),
    act(At::Disable, Stage::Disable, Action::CallDisable, "Turns ECR scanning of the account off, once"),
    read(At::OffStatus, Stage::WaitForDisabled, Action::ReadStatus, "Until the status is DISABLED"),
    must(At::JournalDisabled, Stage::WaitForDisabled, Progress::Disabled, None, "Scanning was seen off"),
    act(At::EnableStatus, Stage::Enable, Action::ReadStatus, "Until the status is ENABLED and can be trusted"),
    may(At::JournalEnabling, Stage::Enable, Progress::Enabling, None, "Before Enable, where scanning was seen off"),
    act(
        At::JournalAsking,
        Stage::Enable,
        Action::Journal(Line::Asking),
        "Before Enable, where scanning was not seen off",
    ),
    act(
        At::Enable,
        Stage::Enable,
        Action::CallEnable,
        "Turns ECR scanning of the account on; an extra call is harmless",
    ),
    may(At::JournalEnabled, Stage::Enable, Progress::Enabled, None, "Scanning is on"),
    act(
        At::RestoreRead,
        Stage::Restore,
        Action::ReadConfiguration,
        "Until the scanning configuration is the one that the plan saw",
    ),
    act(
        At::RestoreJournal,
        Stage::Restore,
        Action::Journal(Line::Restoring),
        "Before the scanning configuration is put back",
    ),
    act(At::RestorePut, Stage::Restore, Action::PutConfiguration, "Puts the scanning configuration back"),
    read(
        At::RestoreLast,
        Stage::Restore,
        Action::ReadConfiguration,
        "The last put may have taken effect after the timeout",
    ),
    may(
        At::JournalRestored,
        Stage::Restore,
        Progress::Restored,
        None,
        "Scanning is on, with its configuration: the step is not open any more",
    ),
    act(At::Coverage, Stage::Restore, Action::ReadCoverage, "Until no repository of the step is denied"),
    read(At::AfterStatus, Stage::Restore, Action::ReadStatus, "Scanning may have been turned off meanwhile"),
    read(
        At::AfterConfiguration,
        Stage::Restore,
        Action::ReadConfiguration,
        "Inspector may have written a configuration of its own meanwhile",
    ),
    act(At::Compare, Stage::Restore, Action::CompareBackup, "Counts what was lost, for the closing report"),
    must(At::JournalDone, Stage::Restore, Progress::Done, None, "The step is done"),
    read(
        At::EvidenceStatus,
        Stage::Disable,
        Action::ReadStatus,
        "A Disable without an answer shows in the status, sooner or later",
    ),
    act(
        At::EvidenceCompare,
        Stage::Disable,
        Action::CompareBackup,
        "A Disable deletes what was saved: all of it, or nothing yet",
    ),
    act(
        At::EvidenceCoverage,
        Stage::Disable,
        Action::ReadCoverage,
        "A Disable resets coverage: a repository that is still denied was not reset",
    ),
    read(
        At::EvidenceStatusAgain,
        Stage::Disable,
        Action::ReadStatus,
        "The Disable may have taken effect while this was read",
    ),
    read(
        At::EvidenceConfiguration,
        Stage::Disable,
        Action::ReadConfiguration,
        "A Disable changes the scanning configuration",
    ),
    must(
        At::JournalNotComeThrough,
        Stage::Disable,
        Progress::BackedUp,
        Some(Because::DidNotComeThrough),
        "The Disable never took effect: the step is not open any more",
    ),
    may(
        At::JournalUnanswered,
        Stage::Disable,
        Progress::Accepted,
        Some(Because::NobodyKnows),
        "Whether the Disable took effect cannot be found out any more: it is taken to have",
    ),
    act(
        At::UndoCompare,
        Stage::Restore,
        Action::CompareBackup,
        "Counts what was lost, whether or not the re-sync goes on",
    ),
    act(
        At::JournalBroughtBack,
        Stage::Restore,
        Action::Journal(Line::Reenabled),
        "It is enabled again, with its configuration",
    ),
    why(At::JournalNotDone, Stage::Disable, "Disable was certainly not done: the step is not open"),
    why(At::JournalAccepted, Stage::Disable, "Disable takes effect, or took effect"),
    why(
        At::JournalReopened,
        Stage::Restore,
        "Scanning or its configuration was changed by others meanwhile: it is put right once more",
    ),
];

impl At {
    pub(crate) fn position(self) -> Option<&'static Position> {
        POSITIONS.iter().find(|position| position.at == self)
    }
}

/// The table for people: the position, its stage, what is done there, and what for.
pub fn positions() -> impl Iterator<Item = (String, &'static str, &'static str, &'static str)> {
    POSITIONS.iter().map(|position| {
        let name = format!("{:?}", position.at);
        let action = position.action.map_or("writes the journal", |action| match action {
            Action::ReadStatus => "`inspector2:BatchGetAccountStatus`",
            Action::ReadConfiguration => "`ecr:GetRegistryScanningConfiguration`",
            Action::ReadCoverage => "`inspector2:ListCoverage`",
            Action::CompareBackup => "`inspector2:ListFindings`, `inspector2:ListCoverage`",
            Action::CheckPreconditions => "reads all that the plan saw",
            Action::BackUp => "saves a backup",
            Action::WriteReport => "`inspector2:CreateFindingsReport`",
            Action::CallDisable => "`inspector2:Disable`",
            Action::CallEnable => "`inspector2:Enable`",
            Action::PutConfiguration => "`ecr:PutRegistryScanningConfiguration`",
            Action::Journal(_) | Action::Wait(_) | Action::Finish(_) => "writes the journal",
        });
        let stage = STAGES.iter().find(|info| info.stage == position.stage).map_or("", |info| info.name);
        (name, stage, action, position.what_for)
    })
}

#[cfg(test)]
mod tests {
    use scangap_model::Api;

    use super::*;

    #[test]
    fn each_position_has_one_row() {
        for position in POSITIONS {
            assert_eq!(POSITIONS.iter().filter(|other| other.at == position.at).count(), 1, "{:?}", position.at);
        }
        assert_eq!(POSITIONS.len(), At::JournalReopened as usize + 1);
    }

    /// The calls that change something are those of the stage, which the runbook's chapter by hand goes by.
    #[test]
    fn each_stage_makes_the_calls_that_it_says() {
        for info in STAGES {
            let mut calls: Vec<Api> = POSITIONS
                .iter()
                .filter(|position| position.stage == info.stage)
                .filter_map(|position| match position.action? {
                    Action::CallDisable => Some(Api::Disable),
                    Action::CallEnable => Some(Api::Enable),
                    Action::PutConfiguration => Some(Api::PutRegistryScanningConfiguration),
                    _ => None,
                })
                .collect();
            calls.dedup();
            assert_eq!(calls, info.changes, "{}", info.name);
        }
    }
}
