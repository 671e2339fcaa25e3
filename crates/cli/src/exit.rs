//! Exit codes: one table, the same in `--help`, in `scangap schema exit-codes` and in the documents.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Finished,
    Unexpected,
    Reached,
    Incomplete,
    UndecidedReached,
    ScanningOff,
    Usage,
    Data,
    NoPermission,
    Interrupted,
}

/// (code, what it means)
pub const EXIT_CODES: &[(Exit, u8, &str)] = &[
    (Exit::Finished, 0, "finished and complete"),
    (Exit::Unexpected, 1, "unexpected error"),
    (
        Exit::Reached,
        2,
        "a diagnosis named by --fail-on was met; plan --detailed-exitcode: there are steps; explain: denied; gate: a finding fails",
    ),
    (
        Exit::Incomplete,
        3,
        "finished but incomplete: something could not be read (outranks 2); apply: a repository is not refreshed yet",
    ),
    (
        Exit::UndecidedReached,
        4,
        "only undecided repositories reached --fail-on; explain: depends or unknown; gate: only undecided or unknown until apply",
    ),
    (
        Exit::ScanningOff,
        5,
        "ECR scanning is off, or may be, in a registry that an apply turned off (any command, until that is mended; outranks the others)",
    ),
    (Exit::Usage, 64, "wrong usage"),
    (Exit::Data, 65, "a snapshot, policy, scenario or other file is unreadable, mismatched, or of another version"),
    (Exit::NoPermission, 77, "no usable credentials, or neither management nor delegated account"),
    (Exit::Interrupted, 130, "interrupted; the snapshot was closed first, the registry in hand came to its end"),
];

impl Exit {
    pub fn code(self) -> u8 {
        EXIT_CODES.iter().find(|(exit, _, _)| *exit == self).map_or(1, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// For `--help`.
pub(crate) fn help() -> String {
    EXIT_CODES.iter().fold("Exit codes:\n".to_owned(), |mut text, (_, code, meaning)| {
        use std::fmt::Write;
        let _ = writeln!(text, "  {code:>3}  {meaning}");
        text
    })
}
