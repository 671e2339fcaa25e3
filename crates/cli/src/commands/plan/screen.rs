//! A plan on the screen: the causes first, then the steps, or where these are many the accounts.

use std::fmt::Write;
use std::path::Path;

use scangap_model::{Tone, Verdict, account_label, count, sanitize};
use scangap_plan::{Plan as Planned, PolicyStep, RefusalGroup, shell_word};

use crate::exit::Exit;
use crate::{open_applies, terminal};

/// How many rows of one kind the screen shows.
const SHOWN: usize = 20;
/// How many places of one reason.
const PLACES: usize = 3;

pub(super) fn text(planned: &Planned, directory: Option<&Path>) -> String {
    let mut out = String::new();
    if planned.simulated {
        let line = "SIMULATED: a plan of an organization that does not exist; it is refused at AWS.";
        let _ = writeln!(out, "{}", terminal::paint(line, Tone::Warning));
    }
    causes(planned, &mut out);
    if planned.policies.len() <= SHOWN {
        planned.policies.iter().for_each(|step| change(step, &mut out));
    } else {
        accounts(planned, &mut out);
    }
    for step in planned.resyncs.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {}  {} {}  {}: {} findings, {} images, {} of them not scanned again",
            terminal::paint("re-sync", Tone::Bad),
            step.id,
            account_label(step.account, step.account_name.as_deref()),
            step.region,
            sanitize(&step.repositories.join(", ")),
            step.losses.findings,
            step.losses.images,
            step.losses.not_rescanned.len()
        );
    }
    more(&mut out, planned.resyncs.len());
    let reasons = planned.by_reason();
    reasons.iter().take(SHOWN).for_each(|group| refused(group, &mut out));
    more(&mut out, reasons.len());
    for one in planned.undecided.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {} {}  {}: depends on {}",
            terminal::paint("decide ", Tone::Question),
            one.account_label(),
            one.region,
            sanitize(one.repository.as_str()),
            sanitize(&one.depends_on.join(", "))
        );
    }
    more(&mut out, planned.undecided.len());
    if let Some(nothing) = planned.nothing() {
        let _ = writeln!(out, "{nothing}");
    }
    if !planned.complete {
        let code = open_applies::ending(Exit::Incomplete).code();
        let line =
            format!("Some facts could not be learnt, and what they hide is not in this plan: the exit code is {code}.");
        let _ = writeln!(out, "{}", terminal::paint(&line, Tone::Warning));
    }
    if !planned.resyncs.is_empty() {
        let line = "A re-sync is the last resort: wait, push a new digest, or where that is possible toggle the repository's scan filter first (plan.md).";
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}", planned.summary());
    if let Some(warning) = planned.warning() {
        let _ = writeln!(out, "{}", terminal::paint(&warning, Tone::Bad));
    }
    end(planned, directory, &mut out);
    out
}

/// What is behind the policies that would be changed, with what is to be known before.
fn causes(planned: &Planned, out: &mut String) {
    let groups = planned.by_cause();
    for group in groups.iter().take(SHOWN) {
        let (policies, accounts) = (count(group.steps.len(), "policy"), count(group.accounts(), "account"));
        let statements = sanitize(&group.statements());
        let _ = writeln!(out, "  cause    {}  {policies} in {accounts}  {statements}", group.ids());
        let writers = group.other_writers();
        for (writer, steps) in writers.iter().take(PLACES) {
            let steps = of_all(steps.len(), group.steps.len());
            let _ = writeln!(out, "           also written by {}: repair it there too{steps}", sanitize(writer));
        }
        if let rest @ 1.. = writers.len().saturating_sub(PLACES) {
            let _ = writeln!(out, "           and by {} (plan.json)", count(rest, "other writer"));
        }
        let open = |step: &&PolicyStep| step.write_access.verdict != Verdict::Allowed;
        if group.steps.iter().any(open) {
            for (sentence, steps) in group.who_gets_through().iter().take(PLACES) {
                let steps = of_all(steps.len(), group.steps.len());
                let _ = writeln!(out, "           {}{steps}", sanitize(sentence));
            }
        }
    }
    more(out, groups.len());
}

/// Which part of the policies of a cause, where it is not all.
fn of_all(part: usize, all: usize) -> String {
    if part == all { String::new() } else { format!(" ({part} of {all})") }
}

fn change(step: &PolicyStep, out: &mut String) {
    let causes: Vec<String> = step.causes.iter().map(|cause| cause.id.to_string()).collect();
    let _ = writeln!(
        out,
        "  {}  {}  {} {}  {}  {}",
        terminal::paint("change ", Tone::Good),
        step.id,
        account_label(step.account, step.account_name.as_deref()),
        step.region,
        sanitize(step.repository.as_str()),
        causes.join(" ")
    );
}

/// The accounts whose policies would be changed, those with most first.
fn accounts(planned: &Planned, out: &mut String) {
    let mut accounts: Vec<_> = planned.by_account().into_iter().filter(|(_, tally)| tally.policies > 0).collect();
    accounts.sort_by_key(|(id, tally)| (std::cmp::Reverse(tally.policies), *id));
    for (id, tally) in accounts.iter().take(SHOWN) {
        let word = terminal::paint("change ", Tone::Good);
        let _ = writeln!(out, "  {word}  {}  {}", account_label(*id, tally.name), count(tally.policies, "policy"));
    }
    if let rest @ 1.. = accounts.len().saturating_sub(SHOWN) {
        let policies = accounts.iter().skip(SHOWN).map(|(_, tally)| tally.policies).sum();
        let _ = writeln!(out, "           and {} more, {}", count(rest, "account"), count(policies, "policy"));
    }
}

fn refused(group: &RefusalGroup<'_>, out: &mut String) {
    let _ = writeln!(
        out,
        "  {}  {} of {} in {}: {}",
        terminal::paint("refused", Tone::Question),
        group.what(),
        count(group.repositories(), "repository"),
        count(group.accounts(), "account"),
        sanitize(&group.sentence)
    );
    for one in group.refused.iter().take(PLACES) {
        let names = sanitize(&one.repositories.join(", "));
        let _ = writeln!(out, "           {} {}  {names}", one.account_label(), one.region);
    }
    if let rest @ 1.. = group.refused.len().saturating_sub(PLACES) {
        let _ = writeln!(out, "           and {rest} more");
    }
}

/// What was written, and what to do next.
fn end(planned: &Planned, directory: Option<&Path>, out: &mut String) {
    if let Some(directory) = directory {
        let terraform = if planned.policies.is_empty() { "" } else { "  policies/  terraform/" };
        let _ = writeln!(
            out,
            "Written  {}: plan.json  plan.schema.json  plan.md  plan.sh  resync.csv{terraform}  manifest.json",
            directory.display()
        );
    }
    if planned.has_steps() {
        let next = match directory {
            Some(directory) => format!("scangap rehearse {}", sanitize(&shell_word(&directory.to_string_lossy()))),
            None => "the same command with --out plan, then scangap rehearse plan".to_owned(),
        };
        let _ = writeln!(out, "Next     {next}");
    }
}

fn more(out: &mut String, number: usize) {
    if number > SHOWN {
        let _ = writeln!(out, "           and {} more", number - SHOWN);
    }
}
