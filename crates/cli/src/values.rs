//! What is written on the command line, as values: one parser for each kind, for clap and for other inputs with the
//! same values. An error says what is expected and how it is written.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use scangap_model::{AccountId, Diagnosis, ExternalId, RegionName, Shard, partition_without_inspector};
use scangap_snapshot::Recipients;

/// A value that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub(crate) struct BadValue {
    pub(crate) value: String,
    pub(crate) expected: &'static str,
    pub(crate) hint: String,
}

impl BadValue {
    pub(crate) fn new(value: &str, expected: &'static str, hint: impl Into<String>) -> Self {
        Self { value: value.to_owned(), expected, hint: hint.into() }
    }
}

/// A duration, and how it was written.
#[derive(Debug, Clone)]
pub struct WrittenDuration {
    pub(crate) duration: SignedDuration,
    pub(crate) text: String,
}

pub(crate) fn account(text: &str) -> Result<AccountId, BadValue> {
    let hint = "account ids have 12 digits, leading zeros included";
    text.trim().parse().map_err(|_| BadValue::new(text, "an account id", hint))
}

/// What was typed is not repeated: it may be right but for a character.
pub(crate) fn external_id(text: &str) -> Result<ExternalId, BadValue> {
    let hint = "2 to 1,224 letters, digits and +=,.@:/_-";
    text.parse().map_err(|_| BadValue::new("***", "an external id", hint))
}

pub(crate) fn region(text: &str) -> Result<RegionName, BadValue> {
    if let Some(partition) = partition_without_inspector(text) {
        let hint = format!("{partition} has no Amazon Inspector; scangap audits aws, aws-cn and aws-us-gov");
        return Err(BadValue::new(text, "a region of a partition with Amazon Inspector", hint));
    }
    text.parse().map_err(|_| BadValue::new(text, "a region", "name regions like `eu-west-1`"))
}

/// `ACCOUNT:REGION`.
pub(crate) fn registry(text: &str) -> Result<(AccountId, RegionName), BadValue> {
    let hint = "write it as 111122223333:eu-west-1";
    let (id, name) = text.split_once(':').ok_or_else(|| BadValue::new(text, "a registry", hint))?;
    Ok((account(id)?, region(name)?))
}

/// `3/8`.
pub(crate) fn shard(text: &str) -> Result<Shard, BadValue> {
    let hint = "write it as K/N, with K from 1 to N, and N 10000 at most";
    text.parse().map_err(|_| BadValue::new(text, "a shard", hint))
}

pub(crate) fn time(text: &str) -> Result<Timestamp, BadValue> {
    text.parse().map_err(|_| BadValue::new(text, "a time", "write it as 2026-11-23T00:00:00Z"))
}

/// `24h`, `90m`, `1d 12h`: a day has 24 hours.
pub(crate) fn duration(text: &str) -> Result<WrittenDuration, BadValue> {
    let span = text.parse::<Span>().ok().filter(|span| !span.is_negative());
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let duration = duration.ok_or_else(|| BadValue::new(text, "a duration", "write it as 24h, 90m or 1d 12h"))?;
    Ok(WrittenDuration { duration, text: text.to_owned() })
}

/// A diagnosis that a plan can do something about.
pub(crate) fn plannable(text: &str) -> Result<Diagnosis, BadValue> {
    let can_be_planned = |one: &Diagnosis| {
        matches!(one, Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Undecided | Diagnosis::Stale)
    };
    let hint = "a plan takes blocked, at_risk, undecided, stale";
    let found = Diagnosis::from_word(text).filter(can_be_planned);
    found.ok_or_else(|| BadValue::new(text, "a diagnosis that a plan can do something about", hint))
}

/// `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), BadValue> {
    let hint = "write it as KEY=VALUE";
    let (key, value) = text.split_once('=').ok_or_else(|| BadValue::new(text, "a key with its value", hint))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Recipients of age, each a public key or a file with some.
pub(crate) fn recipients(given: &[String]) -> Result<Recipients, BadValue> {
    let mut recipients = Recipients::default();
    for text in given {
        if recipients.add(text) {
            continue;
        }
        let hint = "name a public key of age, age1..., as age-keygen prints it, or a file with one a line; plugins and SSH keys are not read";
        let file =
            fs_err::read_to_string(text).map_err(|_| BadValue::new(text, "a recipient of age, nor a file", hint))?;
        let before = recipients.clone();
        recipients
            .add_lines(&file)
            .map_err(|line| BadValue::new(&format!("{text}:{line}"), "a line with a recipient of age", hint))?;
        if before.len() == recipients.len() {
            return Err(BadValue::new(text, "a file with recipients of age", hint));
        }
    }
    Ok(recipients)
}
