//! A plan on the screen.

use std::fmt::Write;
use std::path::Path;

use scangap_model::{Tone, Verdict, sanitize};
use scangap_plan::Plan as Planned;

use crate::exit::Exit;
use crate::{open_applies, terminal};

/// How many rows of one kind the screen shows.
const SHOWN: usize = 20;

pub(super) fn text(planned: &Planned, directory: Option<&Path>) -> String {
    let mut out = String::new();
    if planned.simulated {
        let line = "SIMULATED: a plan of an organization that does not exist; it is refused at AWS.";
        let _ = writeln!(out, "{}", terminal::paint(line, Tone::Warning));
    }
    for step in planned.policies.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {}  {} {}  {}  {}",
            terminal::paint("change ", Tone::Good),
            step.id,
            step.account,
            step.region,
            sanitize(step.repository.as_str()),
            sanitize(&step.responsible_statements.join("; "))
        );
        for source in &step.sources {
            let _ = writeln!(out, "           also written by {}: repair it there too", sanitize(source));
        }
        if step.write_access.verdict != Verdict::Allowed {
            let _ = writeln!(out, "           {}", sanitize(&step.who_gets_through()));
        }
    }
    more(&mut out, planned.policies.len());
    for step in planned.resyncs.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {}  {} {}  {}: {} findings, {} images, {} of them not scanned again",
            terminal::paint("re-sync", Tone::Bad),
            step.id,
            step.account,
            step.region,
            sanitize(&step.repositories.join(", ")),
            step.losses.findings,
            step.losses.images,
            step.losses.not_rescanned.len()
        );
    }
    more(&mut out, planned.resyncs.len());
    for refused in planned.refused.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {} {} {}  {}: {}",
            terminal::paint("refused", Tone::Question),
            if refused.what == "resync" { "re-sync" } else { "repair" },
            refused.account,
            refused.region,
            sanitize(&refused.repositories.join(", ")),
            sanitize(&refused.refusal.sentence())
        );
    }
    more(&mut out, planned.refused.len());
    for one in planned.undecided.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {} {}  {}: depends on {}",
            terminal::paint("decide ", Tone::Question),
            one.account,
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
    if let Some(directory) = directory {
        let _ = writeln!(
            out,
            "Written  {}: plan.json  plan.schema.json  plan.md  plan.sh  resync.csv  policies/  manifest.json",
            directory.display()
        );
    }
    out
}

fn more(out: &mut String, number: usize) {
    if number > SHOWN {
        let _ = writeln!(out, "           and {} more", number - SHOWN);
    }
}
