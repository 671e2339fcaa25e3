//! `scangap doctor`: whether an audit would run here, step by step, with what to do where it would not.

mod ask;
mod machine;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use scangap_access::{Advice, Check, CheckStatus, advice, checks};
use scangap_aws::ConnectError;
use scangap_model::{AccountId, GapKind, Phase, Tone, count, sanitize};
use serde_json::json;

use crate::args::{Doctor, DoctorOutput};
use crate::assessed::AssessedSnapshot;
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::{Session, block_on};
use crate::settings::{collect_options, connect_options};
use crate::terminal::{self, paint};

pub(super) fn run(command: &Doctor) -> Result<Exit, CliError> {
    if let Some(path) = &command.from {
        return from(path, command.output);
    }
    let mut all = vec![Check::ok("version", format!("scangap {}", environment::VERSION))];
    all.extend(machine::checks(command));
    match Session::open(&connect_options(&command.aws)) {
        Ok(session) => {
            all.extend(credentials(&session, command));
            let assume = collect_options(&command.roles, Phase::Audit).assume;
            let survey = block_on(ask::survey(&session, command, &assume))?;
            all.extend(checks(&survey));
        }
        Err(CliError::Connect(error)) => {
            // What AWS says is one line, whatever it holds.
            let line = |text: &str| sanitize(&text.replace('\n', "; "));
            let mut found = line(&error.to_string());
            let mut cause = std::error::Error::source(&error);
            while let Some(one) = cause {
                let _ = write!(found, ": {}", line(&one.to_string()));
                cause = one.source();
            }
            all.push(Check::fail(step_of(&error), found, sanitize(&error.hint())));
        }
        Err(error) => return Err(error),
    }
    let worst = all.iter().map(|check| check.status).max().unwrap_or(CheckStatus::Ok);
    match command.output {
        DoctorOutput::Json => terminal::json(&json!({
            "status": worst.word(),
            "checks": all.iter().map(|check| json!({
                "check": check.name, "status": check.status.word(), "found": check.found, "fixes": check.fixes,
            })).collect::<Vec<_>>(),
        })),
        DoctorOutput::Text => terminal::out(&text(&all)),
    }
    Ok(match worst {
        CheckStatus::Ok => Exit::Finished,
        CheckStatus::Warn => Exit::Incomplete,
        CheckStatus::Fail => Exit::NoPermission,
    })
}

/// What it is that keeps a connection from being opened.
fn step_of(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Identity(call) if call.kind == GapKind::ClockSkew => "clock",
        ConnectError::Identity(call) if matches!(call.kind, GapKind::Connection | GapKind::Timeout) => "endpoint",
        ConnectError::CaBundle { .. } | ConnectError::CaBundleEmpty { .. } | ConnectError::CaBundleBroken { .. } => {
            "network"
        }
        ConnectError::Partition(_) | ConnectError::BadIdentity(_) => "endpoint",
        ConnectError::Setting(_) => "settings",
        ConnectError::NoCredentials(_)
        | ConnectError::CredentialsFailed(_)
        | ConnectError::NoCredentialChain
        | ConnectError::Identity(_) => "credentials",
    }
}

/// From here on a clock is worth a warning.
const OFF: Duration = Duration::from_mins(1);

/// What is known once AWS has answered who calls: the signature was good, and with it the clock.
fn credentials(session: &Session, command: &Doctor) -> Vec<Check> {
    let Session { connection, identity } = session;
    let from = connection.credentials_from();
    let found = format!("{} of account {}, from {from}", sanitize(&identity.arn), identity.account);
    let caller = if identity.arn.ends_with(":root") {
        Check::warn(
            "credentials",
            found,
            "use a role: the root user may do everything, and so could its key's next reader",
        )
    } else {
        Check::ok("credentials", found)
    };
    let endpoint = if connection.meter().met_foreign_host() {
        format!("{}: SIMULATED, partition {}", machine::endpoint(command).unwrap_or_default(), identity.partition)
    } else {
        format!("AWS, partition {}", identity.partition)
    };
    vec![caller, Check::ok("endpoint", endpoint), clock(connection.meter().behind(environment::now()))]
}

/// AWS: a signature is good for five minutes. The SDK corrects what it sees; sessions and the times in reports are this clock's.
fn clock(behind: Option<SignedDuration>) -> Check {
    let Some(behind) = behind else {
        return Check::ok("clock", "within what AWS accepts of a signature");
    };
    let seconds = behind.as_secs();
    let off = match seconds {
        ..=-2 => format!("{} ahead of AWS", count_seconds(seconds)),
        -1..=1 => "the same as that of AWS".to_owned(),
        2.. => format!("{} behind AWS", count_seconds(seconds)),
    };
    if behind.unsigned_abs() < OFF {
        return Check::ok("clock", off);
    }
    Check::warn("clock", off, "set the time from the network: timedatectl set-ntp true")
}

fn count_seconds(seconds: i64) -> String {
    count(usize::try_from(seconds.unsigned_abs()).unwrap_or(usize::MAX), "second")
}

fn text(all: &[Check]) -> String {
    let width = all.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for check in all {
        let tone = match check.status {
            CheckStatus::Ok => Tone::Good,
            CheckStatus::Warn => Tone::Warning,
            CheckStatus::Fail => Tone::Bad,
        };
        let word = paint(&format!("{:<4}", check.status.word()), tone);
        let _ = writeln!(out, "{word}  {:<width$}  {}", check.name, check.found);
        for fix in &check.fixes {
            let _ = writeln!(out, "      {:<width$}  fix: {fix}", "");
        }
    }
    let number = |status| all.iter().filter(|check| check.status == status).count();
    let (fail, warn) = (number(CheckStatus::Fail), number(CheckStatus::Warn));
    let _ = match (fail, warn) {
        (0, 0) => writeln!(out, "\nAn audit can run: `scangap audit`, with the same flags"),
        (0, _) => writeln!(out, "\nAn audit can run, and will have gaps: {}", count(warn, "warning")),
        (_, _) => writeln!(out, "\nAn audit cannot run: {} failed", count(fail, "check")),
    };
    out
}

/// What the gaps of an audit need.
fn from(path: &Path, output: DoctorOutput) -> Result<Exit, CliError> {
    let judged = AssessedSnapshot::open_checked(path)?;
    let gaps = &judged.assessment.gaps;
    let all = advice(gaps.iter());
    let simulated = judged.snapshot.meta.simulated;
    if simulated && matches!(output, DoctorOutput::Text) {
        terminal::note(&terminal::paint(terminal::SIMULATED, Tone::Warning));
    }
    match output {
        DoctorOutput::Json => terminal::json(&json!({
            "simulated": simulated,
            "gaps": gaps.len(),
            "advice": all.iter().map(|one| json!({
                "kind": one.kind.word(), "cause": one.cause.word(), "policy": one.policy, "permissions": one.permissions,
                "gaps": one.gaps, "accounts": one.accounts.iter().map(AccountId::as_str).collect::<Vec<_>>(),
                "regions": one.regions.iter().map(scangap_model::RegionName::as_str).collect::<Vec<_>>(), "fix": one.hint,
            })).collect::<Vec<_>>(),
        })),
        DoctorOutput::Text => terminal::out(&advised(&all, gaps.len())),
    }
    Ok(if all.is_empty() { Exit::Finished } else { Exit::Incomplete })
}

fn advised(all: &[Advice], gaps: usize) -> String {
    if all.is_empty() {
        return "The audit has no gaps\n".to_owned();
    }
    let mut out = format!("{}, {}, worst first\n", count(gaps, "gap"), count(all.len(), "remedy"));
    for (at, one) in all.iter().enumerate() {
        let cause = if one.cause.word().is_empty() { String::new() } else { format!(" by {}", one.cause.word()) };
        let whole = if one.accounts_unread > 0 {
            format!(", {} unread as a whole", count(one.accounts_unread, "account"))
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "\n{}. {}{cause}: {}{}{whole}",
            at + 1,
            one.kind.word(),
            count(one.gaps, "gap"),
            if one.accounts.is_empty() {
                " of the organization".to_owned()
            } else {
                format!(" in {}", count(one.accounts.len(), "account"))
            }
        );
        if !one.policy.is_empty() {
            let _ = writeln!(out, "   policy: {}", sanitize(&one.policy));
        }
        if !one.permissions.is_empty() {
            let _ = writeln!(out, "   actions: {}", one.permissions.iter().copied().collect::<Vec<_>>().join(", "));
        }
        let shown: Vec<&str> = one.accounts.iter().take(ACCOUNTS_SHOWN).map(AccountId::as_str).collect();
        if !shown.is_empty() {
            let more = one.accounts.len().saturating_sub(ACCOUNTS_SHOWN);
            let more = if more == 0 {
                String::new()
            } else {
                format!(" and {} more: gaps.csv has all", count(more, "account"))
            };
            let _ = writeln!(out, "   accounts: {}{more}", shown.join(", "));
        }
        let _ = writeln!(out, "   fix: {}", one.hint);
    }
    out
}

const ACCOUNTS_SHOWN: usize = 10;
