//! What happens during an apply, for progress on the terminal.

use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyEvent {
    Checked {
        steps: usize,
        done_before: usize,
        /// Of the others, policies that somebody else has repaired meanwhile, as the plan would.
        repaired_by_others: usize,
    },
    BackedUp {
        step: String,
        findings: u64,
        folder: PathBuf,
    },
    /// Inspector wrote a report of what was saved.
    Reported {
        step: String,
    },
    /// Whoever will turn scanning off may turn it on.
    EnableVerified {
        step: String,
    },
    Begins {
        step: String,
        what: String,
    },
    Reached {
        step: String,
        status: String,
    },
    Done {
        step: String,
        result: String,
    },
    Failed {
        step: String,
        why: String,
    },
    Reenables {
        step: String,
    },
    Reenabled {
        step: String,
    },
}

/// Called with each event.
pub type Listener<'a> = &'a (dyn Fn(ApplyEvent) + Sync);
