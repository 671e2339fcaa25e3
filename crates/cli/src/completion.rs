//! What a shell asks for while a command is typed. Accounts and OUs are those of the last audit in this folder.

use std::ffi::OsStr;

use clap::{Arg, Command};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use scangap_model::{REGIONS, sanitize};
use scangap_snapshot::{ListedAccount, Snapshot};

use crate::{help, runs};

/// The variable with which a shell asks.
pub(crate) const VARIABLE: &str = "SCANGAP_COMPLETE";

/// Answers a shell, where one asks, and ends the process.
pub(crate) fn answer() {
    CompleteEnv::with_factory(command).var(VARIABLE).bin("scangap").complete();
}

fn command() -> Command {
    help::command().mut_subcommands(|sub| sub.mut_args(with_values))
}

fn with_values(arg: Arg) -> Arg {
    match arg.get_long().unwrap_or_default() {
        "accounts" | "exclude-accounts" | "account" | "blocklist" => arg.add(ArgValueCompleter::new(accounts)),
        "ou" => arg.add(ArgValueCompleter::new(units)),
        "regions" | "region" => arg.add(ArgValueCompleter::new(regions)),
        _ => arg,
    }
}

/// Shells insert what they are given as it is: a name that one would take for more than a word is not offered.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c))
}

fn listed() -> Vec<ListedAccount> {
    runs::newest_snapshot().and_then(|path| Snapshot::listed_accounts(&path).ok()).unwrap_or_default()
}

fn beginning(words: impl Iterator<Item = (String, Option<String>)>, current: &OsStr) -> Vec<CompletionCandidate> {
    let begin = current.to_string_lossy();
    let fitting = words.filter(|(word, _)| word.starts_with(&*begin) && is_word(word));
    fitting.map(|(word, help)| CompletionCandidate::new(word).help(help.map(Into::into))).collect()
}

fn accounts(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = listed().into_iter().map(|account| (account.id, account.name.map(|name| sanitize(&name))));
    beginning(all, current)
}

fn units(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut all: Vec<String> = listed().into_iter().filter_map(|account| account.ou_path).collect();
    all.sort_unstable();
    all.dedup();
    beginning(all.into_iter().map(|unit| (unit, None)), current)
}

fn regions(current: &OsStr) -> Vec<CompletionCandidate> {
    beginning(REGIONS.iter().map(|region| (region.name.to_owned(), None)), current)
}
