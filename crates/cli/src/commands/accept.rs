//! `scangap accept`: what is signed for, listed, or one more added.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::Offset;
use scangap_model::count;
use scangap_report::{sanitize, write_atomically};

use crate::args::Accept;
use crate::config::{self, ConfigError, ConfigProblem, FILE, Until, Written};
use crate::error::CliError;
use crate::exit::Exit;
use crate::values::BadValue;
use crate::{environment, terminal};

pub(super) fn run(command: &Accept) -> Result<Exit, CliError> {
    let path = command.config.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let today = Offset::UTC.to_datetime(environment::now()).date();
    match (&command.diagnosis, &command.gap) {
        (None, None) if command.says_a_place() => {
            let hint = "say --diagnosis or --gap too; `scangap accept` alone lists what is accepted";
            Err(BadValue::new("accept", "enough by itself", hint).into())
        }
        (None, None) => list(command, today),
        _ => add(command, &path, today),
    }
}

fn list(command: &Accept, today: Date) -> Result<Exit, CliError> {
    let acceptances = config::acceptances(command.config.as_deref()).map_err(CliError::Config)?;
    let mut out = String::new();
    for acceptance in &acceptances {
        let state = if acceptance.until < today { "expired" } else { "accepted" };
        let line = format!(
            "  {state:<9} until {} by {}: {} ({})",
            acceptance.until, acceptance.by, acceptance.reason, acceptance.source
        );
        let _ = writeln!(out, "{}", sanitize(&line));
    }
    let _ = writeln!(out, "{}", count(acceptances.len(), "acceptance"));
    terminal::out(&out);
    Ok(Exit::Finished)
}

fn add(command: &Accept, path: &PathBuf, today: Date) -> Result<Exit, CliError> {
    let needed = |value: &Option<String>, name: &'static str| {
        value
            .clone()
            .ok_or_else(|| CliError::from(BadValue::new("accept", "enough by itself", format!("say --{name} too"))))
    };
    let until = command.until.clone().ok_or_else(|| BadValue::new("accept", "enough by itself", "say --until too"))?;
    let written = Written {
        diagnosis: command.diagnosis.clone(),
        gap: command.gap.clone(),
        account: command.account.clone(),
        ou: command.ou.clone(),
        region: command.region.clone(),
        repository: command.repository.clone(),
        reason: needed(&command.reason, "reason")?,
        by: needed(&command.by, "by")?,
        until: Until::Text(until.clone()),
    };
    let checked = written
        .acceptance(String::new())
        .map_err(|problem| BadValue::new(&written.in_words(), "an acceptance", problem))?;
    if checked.until < today {
        let hint = format!("today is {today}: an acceptance holds until the day that it names");
        return Err(BadValue::new(&until, "a day to come", hint).into());
    }
    // What is there already must be whole before it is added to.
    let before = if path.exists() {
        config::acceptances(Some(path)).map_err(CliError::Config)?;
        fs_err::read_to_string(path)
            .map_err(|error| CliError::Config(ConfigError { path: path.clone(), source: ConfigProblem::Read(error) }))?
    } else {
        String::new()
    };
    let gap = match before.as_str() {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let written = Written { until: Until::Text(checked.until.to_string()), ..written };
    let text = format!("{before}{gap}{}", written.in_toml());
    write_atomically(path, |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
    terminal::out(&format!(
        "{}: {} until {}. The next report says what it matches.\n",
        path.display(),
        sanitize(&written.in_words()),
        checked.until
    ));
    Ok(Exit::Finished)
}
