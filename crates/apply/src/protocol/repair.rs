//! A repair: read the policy, write it, read it again. Whatever the answer to the write was, what is there afterwards counts.

use crate::backoff::Backoff;
use crate::protocol::Moment;

/// The policy against the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PolicyNow {
    AsPlanned,
    AlreadyRepaired,
    /// It was changed since the plan, or is gone.
    Other,
}

/// What came of the last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Written {
    NotTried,
    Accepted,
    /// `passing`: it may succeed another time.
    Failed {
        passing: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RepairAction {
    /// Journal it, and write the policy; read it afterwards.
    Write,
    /// Wait, and read the policy again: what others change meanwhile is not written over.
    WaitThenRead(std::time::Duration),
    /// `written`: by us.
    Done { written: bool },
    /// It is not what the plan saw, and nothing was written.
    Stale,
    /// It was written, and is something else.
    Unexpected,
    /// The write failed.
    Failed,
    /// It was written without an error, and is not there.
    NotThere,
}

/// What is done after the policy was read. `rested`: the last write was waited after, and the policy read since.
pub(crate) fn next(
    policy: PolicyNow,
    written: Written,
    rested: bool,
    backoff: &mut Backoff,
    now: Moment,
) -> RepairAction {
    let over = backoff.is_over(now.elapsed);
    match (policy, written) {
        (PolicyNow::AlreadyRepaired, written) => RepairAction::Done { written: written != Written::NotTried },
        (PolicyNow::Other, Written::NotTried) => RepairAction::Stale,
        (PolicyNow::Other, Written::Accepted | Written::Failed { .. }) => RepairAction::Unexpected,
        (PolicyNow::AsPlanned, Written::NotTried) => RepairAction::Write,
        (PolicyNow::AsPlanned, Written::Failed { passing }) if over || !passing => RepairAction::Failed,
        (PolicyNow::AsPlanned, Written::Accepted) if over => RepairAction::NotThere,
        (PolicyNow::AsPlanned, Written::Accepted | Written::Failed { .. }) if rested => RepairAction::Write,
        (PolicyNow::AsPlanned, Written::Accepted | Written::Failed { .. }) => {
            RepairAction::WaitThenRead(backoff.next_pause(now.elapsed))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_there_counts_and_every_wait_ends() {
        let policies = [PolicyNow::AsPlanned, PolicyNow::AlreadyRepaired, PolicyNow::Other];
        let all = [
            Written::NotTried,
            Written::Accepted,
            Written::Failed { passing: true },
            Written::Failed { passing: false },
        ];
        for policy in policies {
            for written in all {
                let mut backoff = Backoff::new(Duration::ZERO, Duration::from_secs(1));
                let mut elapsed = Duration::ZERO;
                let mut waits = 0;
                let moment = |elapsed| Moment { elapsed, wall: jiff::Timestamp::UNIX_EPOCH, interrupted: false };
                let end = loop {
                    match next(policy, written, false, &mut backoff, moment(elapsed)) {
                        RepairAction::WaitThenRead(pause) => (elapsed, waits) = (elapsed + pause, waits + 1),
                        end => break end,
                    }
                    assert!(waits < 20, "{policy:?} {written:?}");
                    // Read after the wait: as planned it is written once more, and nothing else is.
                    let again = next(policy, written, true, &mut backoff, moment(elapsed));
                    assert!(!matches!(again, RepairAction::WaitThenRead(_)), "{policy:?} {written:?}");
                };
                match policy {
                    PolicyNow::AlreadyRepaired => {
                        assert_eq!(end, RepairAction::Done { written: written != Written::NotTried });
                    }
                    PolicyNow::Other => assert_ne!(end, RepairAction::Write, "never written over"),
                    PolicyNow::AsPlanned => assert!(!matches!(end, RepairAction::Done { .. }), "not done"),
                }
            }
        }
    }
}
