//! What `scangap gate` may find: one row for each rule, for reports and for `--fail-on`.

use scangap_iac::{Level, Rule};
use scangap_model::Diagnosis;
use scangap_policy::LINT_RULES;

use crate::values::BadValue;

pub(crate) const BLOCKED: &str = "blocked";
pub(crate) const UNDECIDED: &str = "undecided";
pub(crate) const UNKNOWN: &str = "unknown_until_apply";
pub(crate) const BASIC_SCANNING: &str = "basic_scanning";
pub(crate) const INSPECTOR_OFF: &str = "inspector_off";
pub(crate) const PRINCIPAL_DENIED: &str = "principal_denied";

/// What fails where nothing is named.
const BY_DEFAULT: [&str; 4] = [BLOCKED, PRINCIPAL_DENIED, UNDECIDED, UNKNOWN];
/// What `any` names beside these. Mistakes are named one by one.
const BY_ANY: [&str; 2] = [BASIC_SCANNING, INSPECTOR_OFF];

/// Every rule, in the order of reports.
pub(crate) fn rules() -> Vec<Rule> {
    let rule = |code: &str, level, title: &str, help: String| Rule {
        code: code.to_owned(),
        level,
        title: title.to_owned(),
        help,
    };
    let of = |diagnosis: Diagnosis| {
        let info = diagnosis.info();
        format!("{}. {}.", capitalized(info.meaning), capitalized(info.next_step))
    };
    let mut all = vec![
        rule(
            BLOCKED,
            Level::Error,
            "The policy keeps Amazon Inspector out",
            "A statement denies Inspector's service-linked role, so that Inspector cannot scan the repository's images. Exempt the role in the condition of the statement.".to_owned(),
        ),
        rule(
            PRINCIPAL_DENIED,
            Level::Error,
            "The policy denies the principal that was asked about",
            "A statement denies the principal an action, or none allows it where it needs one.".to_owned(),
        ),
        rule(
            UNDECIDED,
            Level::Error,
            "Whether the policy keeps Amazon Inspector out depends",
            "The decision hangs on values or condition keys that are not known: state them, or let a person decide.".to_owned(),
        ),
        rule(
            UNKNOWN,
            Level::Error,
            "The policy is not known yet",
            "The file does not say the policy's text. Give the gate a plan (terraform show -json), or the deployed template.".to_owned(),
        ),
        rule(BASIC_SCANNING, Level::Warning, "The registry would be scanned with BASIC", of(Diagnosis::BasicScanning)),
        rule(INSPECTOR_OFF, Level::Warning, "ECR scanning would be off", of(Diagnosis::InspectorOff)),
    ];
    all.extend(LINT_RULES.iter().map(|lint| {
        rule(lint.code, Level::Warning, &capitalized(&lint.code.replace('-', " ")), lint.explanation.to_owned())
    }));
    all
}

/// A word of `--fail-on`.
pub(crate) fn word(text: &str) -> Result<String, BadValue> {
    let mut known: Vec<String> = rules().into_iter().map(|rule| rule.code).collect();
    known.push("any".to_owned());
    if known.iter().any(|code| code == text) {
        return Ok(text.to_owned());
    }
    let likeness = |word: &str| strsim::jaro_winkler(word, text);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map_or("any", String::as_str);
    let hint = format!("did you mean `{nearest}`? `scangap schema lints` lists the mistakes");
    Err(BadValue::new(text, "what the gate may find", hint))
}

/// Whether a finding of this rule fails. `about`: the rule that decides where the finding is only that something is not known;
/// empty for the rule's own.
pub(crate) fn fails(code: &str, about: &str, words: &[String]) -> bool {
    let is_named = |code: &str| words.iter().any(|word| word == code);
    if !about.is_empty() && about != code {
        return is_named(code) || fails(about, about, words);
    }
    let by_any = words.iter().any(|word| word == "any") && (BY_DEFAULT.contains(&code) || BY_ANY.contains(&code));
    by_any || is_named(code) || words.is_empty() && BY_DEFAULT.contains(&code)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
