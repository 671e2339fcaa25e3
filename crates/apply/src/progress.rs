//! How far a step is, as its journal says: the states of a re-sync, in one table.

/// How far a step is. Each follows from the one before; after a crash the last that was written counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    Untouched,
    /// A policy may have been written.
    Writing,
    /// What would be lost is saved.
    BackedUp,
    /// An Enable may have been called where scanning is on: the scanning configuration may be another.
    Trying,
    /// A Disable may have been called, and may take effect.
    Disabling,
    /// Inspector accepted the Disable: it takes effect sooner or later.
    Accepted,
    Disabled,
    /// An Enable may have been called.
    Enabling,
    Enabled,
    /// The scanning configuration is as it was.
    Restored,
    Done,
}

/// A state: its word in the journal, whether the registry may be without scanning or without its scanning configuration
/// because of us, and what a run that finds it does first.
#[derive(Debug)]
pub struct State {
    pub progress: Progress,
    pub word: &'static str,
    pub open: bool,
    pub after_a_crash: &'static str,
}

pub const STATES: &[State] = &[
    State {
        progress: Progress::Writing,
        word: "writing",
        open: false,
        after_a_crash: "reads the policy: as planned, it is written again; already repaired, the step is done",
    },
    State {
        progress: Progress::BackedUp,
        word: "backed_up",
        open: false,
        after_a_crash: "saves again what the re-sync would delete, since findings may have been added",
    },
    State {
        progress: Progress::Trying,
        word: "trying",
        open: true,
        after_a_crash: "compares the scanning configuration, and puts it back where the trial Enable changed it",
    },
    State {
        progress: Progress::Disabling,
        word: "disabling",
        open: true,
        after_a_crash: "finds out from the status and from what was saved whether the Disable took effect; if so, calls Enable",
    },
    State {
        progress: Progress::Accepted,
        word: "accepted",
        open: true,
        after_a_crash: "waits until the Disable took effect, then calls Enable",
    },
    State { progress: Progress::Disabled, word: "disabled", open: true, after_a_crash: "calls Enable until it is on" },
    State { progress: Progress::Enabling, word: "enabling", open: true, after_a_crash: "calls Enable until it is on" },
    State {
        progress: Progress::Enabled,
        word: "enabled",
        open: true,
        after_a_crash: "compares the scanning configuration, and puts it back where it differs",
    },
    State {
        progress: Progress::Restored,
        word: "restored",
        open: false,
        after_a_crash: "waits for coverage, and looks once more that scanning is on",
    },
    State { progress: Progress::Done, word: "done", open: false, after_a_crash: "leaves the step alone" },
];

impl Progress {
    fn state(self) -> Option<&'static State> {
        STATES.iter().find(|state| state.progress == self)
    }

    pub fn word(self) -> &'static str {
        self.state().map_or("untouched", |state| state.word)
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        STATES.iter().find(|state| state.word == word).map(|state| state.progress)
    }

    /// Whether the registry may be without scanning, or without its scanning configuration, because of us.
    pub fn is_open(self) -> bool {
        self.state().is_some_and(|state| state.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_row_and_the_open_ones_are_between_the_trial_and_the_restore() {
        let open: Vec<&str> = STATES.iter().filter(|state| state.open).map(|state| state.word).collect();
        assert_eq!(open, ["trying", "disabling", "accepted", "disabled", "enabling", "enabled"]);
        assert!(STATES.iter().all(|state| Progress::from_word(state.word) == Some(state.progress)));
        assert!(STATES.windows(2).all(|pair| pair[0].progress < pair[1].progress));
    }
}
