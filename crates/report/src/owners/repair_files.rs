//! What an owner needs to repair a cause, in a folder of its own: the changed texts, commands of the aws CLI that need nothing else,
//! and the condition as lines of a program.

use std::fmt::Write;

use scangap_model::{Diagnosis, sanitize};

use super::condition;
use super::to_do::{Task, TaskRepository};
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
    let statements = task.statements();
    files.push(file("condition.json", condition::as_json(&statements)));
    files.push(file("condition.tf", condition::as_hcl(&statements)));
    files.push(file("condition.ts", condition::as_cdk(&statements)));
    files
}

/// Whether there is a text to change.
pub(super) fn has_changes(task: &Task) -> bool {
    task.changes.iter().any(|change| change.after.is_ok())
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

/// A line that changes a repository's policy, without looking first. None where a person has to decide before.
pub(super) fn plain_command(task: &Task) -> Option<String> {
    let (one, at) = repaired(task).find(|(one, _)| one.diagnosis != Diagnosis::Undecided)?;
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
undo=no
[ "${1:-}" = --undo ] && undo=yes
"#;

/// What is simulated is never asked of AWS.
const SIMULATED: &str = r#"
case "${AWS_ENDPOINT_URL:-}" in
  http://127.0.0.1:* | http://localhost:* | 'http://[::1]:'*) ;;
  *)
    echo "NOT DONE: this organization is simulated: AWS_ENDPOINT_URL must name the simulation on this machine" >&2
    exit 1
    ;;
esac
"#;

const CHANGE: &str = r#"
me=$(aws sts get-caller-identity --query Account --output text) || exit 1
mine=0
others=
# ECR sets the spaces of what it stores itself.
plain() { tr -d '[:space:]'; }
# Looks first whether the policy is still the one that was read; with --undo, whether it is the one that was set.
change() { # account, region, repository, the text as it was read, the text as it is to be
  if [ "$1" != "$me" ]; then
    case " $others " in *" $1 "*) ;; *) others="$others $1" ;; esac
    return
  fi
  mine=$((mine + 1))
  from=$4 to=$5
  [ "$undo" = yes ] && from=$5 to=$4
  if ! now=$(aws ecr get-repository-policy --registry-id "$1" --region "$2" --repository-name "$3" --query policyText --output text); then
    echo "NOT DONE: $3 ($1 $2): its policy could not be read" >&2
    failed=1
    return
  fi
  if [ "$(printf %s "$now" | plain)" = "$(plain < "$to")" ]; then
    echo "done before: $3 ($1 $2)"
    return
  fi
  if [ "$(printf %s "$now" | plain)" != "$(plain < "$from")" ]; then
    case "$undo$now" in
      no*AWSServiceRoleForAmazonInspector2*) why="it is another one now, and names Inspector's role: it may be done already" ;;
      *) why="it is another one now" ;;
    esac
    echo "NOT DONE: $3 ($1 $2): its policy is not $from: $why" >&2
    failed=1
    return
  fi
  if aws ecr set-repository-policy --registry-id "$1" --region "$2" --repository-name "$3" --policy-text "file://$to" > /dev/null; then
    echo "done: $3 ($1 $2)"
  else
    failed=1
  fi
}
"#;

const END: &str = r#"
if [ -n "$others" ]; then
  echo "these are credentials of account $me; run it again with those of:$others"
fi
if [ "$mine" -eq 0 ]; then
  echo "NOT DONE: nothing here is of account $me" >&2
  failed=1
fi
"#;

fn commands(task: &Task, simulated: bool) -> String {
    let mut text = format!(
        "#!/bin/sh\n# {}: {}\n# Exempts Amazon Inspector's role of the account from the statements that deny it. Needs the aws CLI and nothing else, with the\n# credentials of one of the accounts: it does what is of that account. `sh commands.sh --undo` takes it back, where the policy is still\n# the one that was set.\n",
        task.name, task.sentence
    );
    text.push_str(BEGIN);
    if simulated {
        text.push_str(SIMULATED);
    }
    for (at, change) in task.changes.iter().enumerate() {
        if let (Some(region), Ok(_)) = (&change.key.registry, &change.after) {
            let _ = writeln!(
                text,
                "\n# The policy of the registry denies too. It counts for every repository of account {} in {region}, and is not one owner's alone.\n# The registry's administrator sets it with credentials of that account, if the stored policy still equals {}:\n# aws ecr put-registry-policy --region {region} --policy-text file://{}",
                change.account_label(),
                before_file(task, at),
                after_file(task, at)
            );
            // Without it, a repaired repository policy would read as the end of it.
            let _ = writeln!(
                text,
                "echo 'NOT DONE: the registry policy of account {} in {region} denies Inspector too, and is not changed here' >&2\nfailed=1",
                change.key.account
            );
        }
    }
    let own: Vec<(&TaskRepository, usize)> = repaired(task).collect();
    let mut end = "";
    // Whether the policy denies depends on a condition key whose value is not known.
    let is_open = |one: &TaskRepository| one.diagnosis == Diagnosis::Undecided;
    if own.iter().any(|(one, _)| !is_open(one)) {
        text.push_str(CHANGE);
        end = END;
    } else {
        text.push_str("\necho 'NOT DONE: this file changes no policy by itself; its comments say what a person has to decide' >&2\nfailed=1\n");
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
    text.push_str(end);
    text.push_str("\nexit \"$failed\"\n");
    text
}

/// The repositories whose own policy is repaired, each with the place of its changed text.
fn repaired(task: &Task) -> impl Iterator<Item = (&TaskRepository, usize)> {
    let is_repaired = |at: &usize| task.changes.get(*at).is_some_and(|change| change.after.is_ok());
    task.repositories.iter().filter_map(move |one| Some((one, one.change.filter(is_repaired)?)))
}
