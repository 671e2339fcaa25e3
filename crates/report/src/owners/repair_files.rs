//! What an owner needs to repair a cause, in a folder of its own: the changed texts, commands of the aws CLI that need nothing else,
//! and the condition as lines of a program.

use std::fmt::Write;

use scangap_model::{Diagnosis, sanitize};

use super::condition;
use super::to_do::{Change, Task, TaskRepository};
use crate::html::shell_word;

/// A file of the task's folder.
pub(super) struct RepairFile {
    pub(super) name: String,
    pub(super) text: String,
}

/// Nothing where no text would be changed.
pub(super) fn files(task: &Task, simulated: bool) -> Vec<RepairFile> {
    let file = |name: &str, text: String| RepairFile { name: name.to_owned(), text };
    let mut files = Vec::new();
    for (at, change) in task.changes.iter().enumerate() {
        if let Ok(after) = &change.after {
            files.push(file(&before_file(task, at), change.before.clone()));
            files.push(file(&after_file(task, at), after.clone()));
        }
    }
    if files.is_empty() {
        return files;
    }
    files.push(file("commands.sh", commands(task, simulated)));
    for (name, write) in [
        ("condition.json", condition::as_json as fn(&[condition::Exemption]) -> String),
        ("condition.tf", condition::as_hcl),
        ("condition.ts", condition::as_cdk),
    ] {
        if let Some(change) = shown(task) {
            files.push(file(name, write(&change.exemptions)));
        }
    }
    files
}

/// The change that the others are shown by.
pub(super) fn shown(task: &Task) -> Option<&Change> {
    task.changes.iter().find(|change| change.after.is_ok())
}

fn before_file(task: &Task, at: usize) -> String {
    numbered("before", task, at)
}

pub(super) fn after_file(task: &Task, at: usize) -> String {
    numbered("after", task, at)
}

/// `after.json` where there is one text, `after-2.json` where there are more.
fn numbered(side: &str, task: &Task, at: usize) -> String {
    if task.changes.len() == 1 { format!("{side}.json") } else { format!("{side}-{}.json", at + 1) }
}

/// A line that changes a repository's policy, without looking first.
pub(super) fn plain_command(task: &Task) -> Option<String> {
    let (one, at) = task.repositories.iter().find_map(|one| {
        let at = one.change?;
        task.changes.get(at)?.after.is_ok().then_some((one, at))
    })?;
    Some(format!(
        "aws ecr set-repository-policy --registry-id {} --region {} --repository-name {} --policy-text file://{}",
        one.account,
        one.region,
        shell_word(&sanitize(&one.name)),
        after_file(task, at)
    ))
}

const BEGIN: &str = r#"cd "$(dirname "$0")" || exit 1
export AWS_PAGER=
failed=0
"#;

const CHANGE: &str = r#"
# Looks first whether the policy is still the one that was read. To take a change back: the last command with before.json.
change() { # account, region, repository, the text as it was read, the text as it is to be
  now=$(aws ecr get-repository-policy --registry-id "$1" --region "$2" --repository-name "$3" --query policyText --output text)
  if [ "$now" != "$(cat "$4")" ]; then
    echo "NOT DONE: $3 ($1 $2): its policy is not $4" >&2
    failed=1
    return
  fi
  if aws ecr set-repository-policy --registry-id "$1" --region "$2" --repository-name "$3" --policy-text "file://$5" > /dev/null; then
    echo "done: $3 ($1 $2)"
  else
    failed=1
  fi
}
"#;

const CHANGE_REGISTRY: &str = r#"
# The policy of a whole registry, which is not one repository's alone: it looks first whether it is still the one that was read.
change_registry() { # account, region, the text as it was read, the text as it is to be
  if [ "$(aws sts get-caller-identity --query Account --output text)" != "$1" ]; then
    echo "NOT DONE: the registry of $1: these are the credentials of another account" >&2
    failed=1
    return
  fi
  now=$(aws ecr get-registry-policy --region "$2" --query policyText --output text)
  if [ "$now" != "$(cat "$3")" ]; then
    echo "NOT DONE: the registry of $1 in $2: its policy is not $3" >&2
    failed=1
    return
  fi
  if aws ecr put-registry-policy --region "$2" --policy-text "file://$4" > /dev/null; then
    echo "done: the registry of $1 in $2"
  else
    failed=1
  fi
}
"#;

fn commands(task: &Task, simulated: bool) -> String {
    let mut text = format!(
        "#!/bin/sh\n# {}: {}\n# Exempts Amazon Inspector's role of the account from the statements that deny it. Needs the aws CLI and nothing else, with the\n# credentials of the account that each part names: what other credentials may not do is refused by AWS.\n",
        task.name, task.sentence
    );
    if simulated {
        text.push_str("# SIMULATED: these repositories do not exist.\n");
    }
    text.push_str(BEGIN);
    let is_repaired = |at: &usize| task.changes.get(*at).is_some_and(|change| change.after.is_ok());
    let registries: Vec<(usize, &Change)> = task
        .changes
        .iter()
        .enumerate()
        .filter(|(at, change)| change.key.registry.is_some() && is_repaired(at))
        .collect();
    if !registries.is_empty() {
        text.push_str(CHANGE_REGISTRY);
    }
    for (at, change) in registries {
        let Some(region) = &change.key.registry else { continue };
        let (before, after) = (before_file(task, at), after_file(task, at));
        let (label, account) = (change.account_label(), change.key.account);
        let _ = writeln!(text, "\n# as account {label}\nchange_registry {account} {region} {before} {after}");
    }
    let own: Vec<(&TaskRepository, usize)> =
        task.repositories.iter().filter_map(|one| Some((one, one.change.filter(is_repaired)?))).collect();
    // Whether the policy denies hangs on something that a person knows.
    let is_open = |one: &TaskRepository| one.diagnosis == Diagnosis::Undecided;
    if own.iter().any(|(one, _)| !is_open(one)) {
        text.push_str(CHANGE);
    }
    let mut account = None;
    for (one, at) in own {
        if account.replace(one.account) != Some(one.account) {
            let _ = writeln!(text, "\n# as account {}", one.account_label());
        }
        let name = shell_word(&sanitize(&one.name));
        let (before, after) = (before_file(task, at), after_file(task, at));
        if is_open(one) {
            let _ = writeln!(
                text,
                "# to be decided by a person first: aws ecr set-repository-policy --registry-id {} --region {} --repository-name {name} --policy-text file://{after}",
                one.account, one.region
            );
        } else {
            let _ = writeln!(text, "change {} {} {name} {before} {after}", one.account, one.region);
        }
    }
    text.push_str("\nexit \"$failed\"\n");
    text
}
