//! Which flags the environment and files may set, and under which names.

use std::collections::BTreeSet;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Consent is given for one run, and to sign is done by a person: neither is left lying in a file or a variable. A resumption names its run, and
/// a time is of one: exceptions would never be past.
const CONSENT: [&str; 10] = [
    "as-of",
    "confirm",
    "accept-history-loss",
    "bring-back",
    "resume",
    "reason",
    "by",
    "until",
    "write-baseline",
    "only-scan-type",
];

/// What is signed for is written by who signs.
const SIGNS: &str = "accept";

/// What decides which files are read.
const OF_FILES: [&str; 2] = ["config", "org-profile"];

/// Commands whose flags are all about one call.
const WITHOUT_TABLE: [&str; 7] = ["accept", "completions", "config", "help", "man", "schema", "verify"];

/// Whether a command has a table in files.
pub(crate) fn has_table(command: &str) -> bool {
    !WITHOUT_TABLE.contains(&command)
}

/// Whether the environment may set a flag.
fn has_variable(arg: &Arg) -> bool {
    let is_plain = matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue | ArgAction::Append);
    arg.get_long().is_some_and(|flag| is_plain && !CONSENT.contains(&flag))
}

/// Whether a file may set a flag.
pub(crate) fn is_configurable(arg: &Arg) -> bool {
    has_variable(arg) && arg.get_long().is_some_and(|flag| !OF_FILES.contains(&flag))
}

/// Groups of flags that mean the same in every command that has them. Others of the same name do not: the region of `audit` is where
/// STS is called, that of `gate` where a file is deployed.
const SHARED: [&str; 3] = ["AWS, as in the AWS CLI", "Roles", "Scope"];

/// Whether `[defaults]` and the table of an organization may set a flag.
pub(crate) fn is_shared(arg: &Arg) -> bool {
    is_configurable(arg) && (arg.is_global_set() || arg.get_help_heading().is_some_and(|group| SHARED.contains(&group)))
}

/// `SCANGAP_ROLE_NAME`; of a flag that is one command's, `SCANGAP_GATE_REGION`.
pub(crate) fn variable(command: &str, arg: &Arg) -> Option<String> {
    let flag = arg.get_long().filter(|_| has_variable(arg))?;
    if command == SIGNS && !arg.is_global_set() && !OF_FILES.contains(&flag) {
        return None;
    }
    let upper = |text: &str| text.to_ascii_uppercase().replace('-', "_");
    let is_shared = is_shared(arg) || arg.is_global_set();
    let command = if is_shared { String::new() } else { upper(command) + "_" };
    Some(format!("SCANGAP_{command}{}", upper(flag)))
}

/// `role_name`.
pub(crate) fn key(flag: &str) -> String {
    flag.replace('-', "_")
}

/// Whether a flag takes a list.
pub(crate) fn takes_several(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append) || arg.get_value_delimiter().is_some()
}

/// A switch takes the words of an environment too: `1` and `yes` are as good as `true`.
pub(super) fn with_switch_words(arg: Arg) -> Arg {
    if matches!(arg.get_action(), ArgAction::SetTrue) { arg.value_parser(FalseyValueParser::new()) } else { arg }
}

/// A list that was written as one text.
pub(super) fn split(arg: &Arg, values: Vec<String>) -> Vec<String> {
    let Some(delimiter) = arg.get_value_delimiter() else { return values };
    values.iter().flat_map(|value| value.split(delimiter)).map(str::to_owned).collect()
}

/// What is not shown: a password between accounts, and addresses that may hold one.
pub(crate) fn is_secret(flag: &str) -> bool {
    matches!(flag, "external-id" | "endpoint-url")
}

/// Whether a flag stands on the command line.
pub(super) fn is_written(matches: &ArgMatches, arg: Option<&Arg>) -> bool {
    let source = arg.and_then(|arg| matches.value_source(arg.get_id().as_str()));
    source == Some(ValueSource::CommandLine)
}

/// Flags that what was written on the command line excludes: files do not bring them in again.
pub(super) fn excluded(command: &Command, name: &str, matches: &ArgMatches) -> BTreeSet<String> {
    let Some(command) = command.find_subcommand(name) else { return BTreeSet::new() };
    let mut excluded = BTreeSet::new();
    for arg in command.get_arguments() {
        for other in command.get_arg_conflicts_with(arg) {
            // Said on one side, it holds for both.
            for (one, against) in [(arg, other), (other, arg)] {
                if is_written(matches, Some(against)) {
                    excluded.extend(one.get_long().map(str::to_owned));
                }
            }
        }
    }
    excluded
}

/// The known word that is most like a wrong one.
pub(crate) fn nearest<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = |word: &str| strsim::jaro_winkler(word, wrong);
    known.filter(|word| likeness(word) > 0.7).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
