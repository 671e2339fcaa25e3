//! The stages of a re-sync, once for everybody: `apply` names the places of its protocol after them, and the runbook's chapter
//! for a person walks through them in this order.

use scangap_model::Api;

/// A stage of a re-sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    Check,
    BackUp,
    Trial,
    Disable,
    WaitForDisabled,
    Enable,
    Restore,
}

/// What is done in a stage, by `apply` or by a person.
#[derive(Debug)]
pub struct StageInfo {
    pub stage: Stage,
    pub name: &'static str,
    /// The calls that change something.
    pub changes: &'static [Api],
    /// What a person does.
    pub by_hand: &'static str,
    /// What may be seen then, and what follows from it.
    pub then: &'static str,
}

pub const STAGES: &[StageInfo] = &[
    StageInfo {
        stage: Stage::Check,
        name: "check",
        changes: &[],
        by_hand: "Look whether everything is still as it was planned.",
        then: "",
    },
    StageInfo { stage: Stage::BackUp, name: "back up", changes: &[], by_hand: "Save what will be gone.", then: "" },
    StageInfo {
        stage: Stage::Trial,
        name: "trial",
        changes: &[Api::Enable],
        by_hand: "check that it can be turned on again.",
        then: "It is on, so this changes nothing: `failedAccounts` is empty, or says ALREADY_ENABLED. After anything else, stop here.",
    },
    StageInfo {
        stage: Stage::Disable,
        name: "disable",
        changes: &[Api::Disable],
        by_hand: "turn it off, once.",
        then: "Where `failedAccounts` is not empty it was refused, and nothing was done, unless it says DISABLE_IN_PROGRESS, SUSPEND_IN_PROGRESS or INTERNAL_ERROR. After these, and where there was no answer, do not call it again: go on with 5.",
    },
    StageInfo {
        stage: Stage::WaitForDisabled,
        name: "wait",
        changes: &[],
        by_hand: "wait.",
        then: "This comes back when it is off. Where it is still ENABLED a quarter of an hour after the call, nobody knows whether it was done: end this with Ctrl-C, and do 6 and 7 all the same.",
    },
    StageInfo {
        stage: Stage::Enable,
        name: "enable",
        changes: &[Api::Enable],
        by_hand: "turn it on.",
        then: "This asks until it is on, and comes back then.",
    },
    StageInfo {
        stage: Stage::Restore,
        name: "restore",
        changes: &[Api::PutRegistryScanningConfiguration],
        by_hand: "look whether the scanning configuration is as in 1, and put it back where it is not:",
        then: "",
    },
];
