//! `scangap gate`: policies in the files that deploy them, judged before they are.

mod files;
mod findings;
mod judge;
mod output;
mod places;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::Offset;
use rayon::prelude::*;
use scangap_iac::{BASELINE_VERSION, Baseline, Comment, GateReport, by_comment, unused};
use scangap_report::{Acceptance, Accepts, write_atomically};

use crate::args::Gate;
use crate::config;
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::gate_rules;
use crate::terminal;

use self::files::{Read, Unit};
use self::findings::{Judge, Outcome};
use self::judge::{Asked, Scopes};
use self::places::Configuration;
use crate::values::BadValue;

pub(super) fn run(command: &Gate) -> Result<Exit, CliError> {
    let acceptances = config::acceptances(command.config.as_deref()).map_err(CliError::Config)?;
    let baseline = command.baseline.as_deref().map(read_baseline).transpose()?;
    let as_of = command.as_of.unwrap_or_else(environment::now);
    let today = Offset::UTC.to_datetime(as_of).date();
    let asked = Asked::of(command, as_of)?;
    if command.until.is_some_and(|until| until < today) {
        let until = command.until.map(|until| until.to_string()).unwrap_or_default();
        return Err(BadValue::new(&until, "a day to come", "the baseline would be past at once").into());
    }
    let (units, problems) = files::units(command)?;
    let mut scopes = Scopes::stated(command);
    let (mut outcomes, waiting) = as_they_are_read(units, &asked, &mut scopes, &command.fail_on, &acceptances);
    let configuration = Configuration::of(&waiting);
    let fail_on = &command.fail_on;
    let judge =
        Judge { asked: &asked, scopes: &scopes, configuration: &configuration, fail_on, acceptances: &acceptances };
    outcomes.par_extend(waiting.into_par_iter().map(|(at, unit)| (at, judge.outcome(at, unit))));
    outcomes.sort_by_key(|(at, _)| *at);
    let mut report = GateReport { problems, ..GateReport::default() };
    let mut excepting: Vec<Comment> = Vec::new();
    let mut all = Vec::new();
    let mut of_repositories = BTreeSet::new();
    for (at, outcome) in outcomes {
        report.files_read += outcome.n_files;
        report.policies_judged += outcome.n_judged;
        *report.counts.entry("allowed".to_owned()).or_default() += outcome.n_allowed;
        report.problems.extend(outcome.problems);
        report.exceptions.extend(outcome.notes);
        report.unrecognized.extend(outcome.unrecognized);
        excepting.extend(outcome.comments);
        of_repositories.extend(outcome.accepted);
        all.extend(outcome.findings.into_iter().map(|finding| (at, finding)));
    }
    configuration.settle(&mut all);
    report.findings = all.into_iter().map(|(_, finding)| finding).collect();
    report.findings.sort_by(|a, b| (&a.place, a.level, &a.code).cmp(&(&b.place, b.level, &b.code)));
    findings::name_files(&mut report.findings);
    findings::number_equal_fingerprints(&mut report.findings);
    report.counts.retain(|_, number| *number > 0);
    for finding in &mut report.findings {
        *report.counts.entry(finding.code.clone()).or_default() += 1;
        finding.excepted = by_comment(&mut excepting, finding, today);
    }
    unused(&excepting, today, &mut report.exceptions);
    accept(&mut report, &acceptances, &of_repositories, today, &asked);
    if let Some((name, baseline)) = &baseline {
        baseline.except(&mut report, name, today);
    }
    report.exceptions.sort();
    report.exceptions.dedup();
    if let (Some(path), Some(reason), Some(until)) = (&command.write_baseline, &command.reason, command.until) {
        let baseline = Baseline::of(&report, reason, until);
        let text = serde_json::to_string_pretty(&baseline).unwrap_or_default() + "\n";
        write_atomically(path, |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
        output::print(command, &report)?;
        terminal::note(&format!(
            "{} in {}: name it with --baseline",
            scangap_model::count(baseline.findings.len(), "finding"),
            path.display()
        ));
        return Ok(if report.problems.is_empty() { Exit::Finished } else { Exit::Data });
    }
    output::print(command, &report)?;
    Ok(exit(&report))
}

/// With the place of each among all units.
type Numbered<T> = Vec<(usize, T)>;

/// Judges units as they are read, so that of each only its findings are kept. Those wait, whole, that need others: plans and the
/// modules that may be theirs, and registry policies, which count where another file says.
fn as_they_are_read(
    units: Vec<Unit>,
    asked: &Asked,
    scopes: &mut Scopes,
    fail_on: &[String],
    acceptances: &[Acceptance],
) -> (Numbered<Outcome>, Numbered<Read>) {
    let nothing = Configuration::default();
    let (modules, data): (Vec<_>, Vec<_>) =
        units.into_iter().enumerate().partition(|(_, unit)| matches!(unit, Unit::Module { .. }));
    let mut outcomes = Vec::new();
    let mut waiting: Numbered<Read> = Vec::new();
    for units in [data, modules] {
        let is_planned = waiting.iter().any(|(_, unit)| unit.declarations.is_plan);
        let judge = Judge { asked, scopes, configuration: &nothing, fail_on, acceptances };
        let read: Vec<_> = units
            .into_par_iter()
            .map(|(at, unit)| {
                let unit = files::read(unit);
                let waits = unit.needs_others(is_planned);
                (at, if waits { Err(unit) } else { Ok(judge.outcome(at, unit)) })
            })
            .collect();
        for (at, one) in read {
            match one {
                Ok(outcome) => outcomes.push((at, outcome)),
                Err(unit) => {
                    scopes.extend(at, &unit);
                    waiting.push((at, unit));
                }
            }
        }
    }
    (outcomes, waiting)
}

/// What is unreadable could hide anything: it outranks the rest.
fn exit(report: &GateReport) -> Exit {
    let failing = || report.findings.iter().filter(|finding| finding.fails && finding.excepted.is_none());
    let is_open = |code: &str| code == gate_rules::UNDECIDED || code == gate_rules::UNKNOWN;
    if !report.problems.is_empty() {
        Exit::Data
    } else if failing().any(|finding| !is_open(&finding.code)) {
        Exit::Reached
    } else if failing().next().is_some() {
        Exit::UndecidedReached
    } else {
        Exit::Finished
    }
}

fn read_baseline(path: &Path) -> Result<(String, Baseline), CliError> {
    let wrong = |source| CliError::Baseline { path: path.to_owned(), source };
    let text = fs_err::read_to_string(path).map_err(wrong)?;
    let invalid = |what: String| wrong(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
    let baseline: Baseline = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    if baseline.schema_version != BASELINE_VERSION {
        return Err(invalid(format!("it is of version {}, and not {BASELINE_VERSION}", baseline.schema_version)));
    }
    Ok((path.display().to_string(), baseline))
}

/// Excepts what the configuration accepts. An acceptance that is past is named, and so is one of a repository whose policy is here and has
/// nothing to accept; others that match nothing here may be about what an audit finds.
fn accept(
    report: &mut GateReport,
    acceptances: &[Acceptance],
    of_repositories: &BTreeSet<usize>,
    today: Date,
    asked: &Asked,
) {
    let mut notes = Vec::new();
    for (at, acceptance) in acceptances.iter().enumerate() {
        let Accepts::Diagnosis(diagnosis) = acceptance.what else { continue };
        let mut matches = false;
        for finding in &mut report.findings {
            let account = finding.deployed.account.or(asked.account);
            let region = finding.deployed.region.as_ref().or(asked.region.as_ref());
            let is_about =
                diagnosis.word() == finding.code && acceptance.is_of(account, region, finding.repository.as_deref());
            matches |= is_about;
            if !is_about || finding.excepted.is_some() {
                continue;
            }
            if acceptance.until < today {
                notes.push(scangap_iac::ExceptionNote {
                    source: acceptance.source.clone(),
                    what: format!("expired on {}", acceptance.until),
                });
            } else {
                finding.excepted = Some(scangap_iac::Exception {
                    reason: acceptance.reason.clone(),
                    until: acceptance.until.to_string(),
                    source: acceptance.source.clone(),
                });
            }
        }
        // Of what a policy's text decides: the rest is only known when it is deployed.
        let is_of_policies = [gate_rules::BLOCKED, gate_rules::UNDECIDED].contains(&diagnosis.word());
        if is_of_policies && !matches && of_repositories.contains(&at) {
            let what = format!("`{}` matches nothing here", diagnosis.word());
            notes.push(scangap_iac::ExceptionNote { source: acceptance.source.clone(), what });
        }
    }
    report.exceptions.extend(notes);
}
