//! `scangap.toml`: what is accepted. What it says of flags is in `configuration`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use scangap_model::{DIAGNOSES, Diagnosis, GapKind};
use scangap_report::{Acceptance, Accepts, Pattern};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::configuration::nearest;

/// Where it is looked for where nothing is named.
pub(crate) const FILE: &str = "scangap.toml";

/// The tables of what is accepted.
pub(crate) const ACCEPT: &str = "accept";

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the configuration `{path}` cannot be used")]
pub(crate) struct ConfigError {
    pub(crate) path: PathBuf,
    pub(crate) source: ConfigProblem,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigProblem {
    #[error("it cannot be read")]
    Read(#[source] std::io::Error),
    #[error("it is not a valid configuration")]
    Toml(#[source] Box<toml::de::Error>),
    #[error("line {line}, acceptance {number}: {problem}")]
    Acceptance { line: usize, number: usize, problem: String },
    #[error("line {line}: {problem}")]
    Key { line: usize, problem: String },
    #[error("{0}")]
    Organization(String),
}

impl ConfigProblem {
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Acceptance { .. } => "`scangap accept` writes acceptances as they are read",
            Self::Read(_) => "name another file with --config, or make this one readable",
            Self::Toml(_) | Self::Key { .. } => "`scangap config schema` has every table and key",
            Self::Organization(_) => "`scangap config show --origin` shows what counts now",
        }
    }
}

/// The other tables are read before the command line is parsed, and wrong keys are refused there.
#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    accept: Vec<Spanned<Written>>,
}

/// What an acceptance may say.
const KEYS: [&str; 9] = ["diagnosis", "gap", "account", "ou", "region", "repository", "reason", "by", "until"];

/// An acceptance as it is written. What is not said is everywhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    pub(crate) diagnosis: Option<String>,
    pub(crate) gap: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) ou: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) until: Until,
}

/// A date of TOML, or the same as a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Until {
    Date(toml::value::Datetime),
    Text(String),
}

/// The acceptances of a file: the one that is named, or that of this folder where there is one.
pub(crate) fn acceptances(named: Option<&Path>) -> Result<Vec<Acceptance>, ConfigError> {
    let Some(path) = named.map(Path::to_owned).or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.exists()))
    else {
        return Ok(Vec::new());
    };
    let wrong = |source| ConfigError { path: path.clone(), source };
    let text = fs_err::read_to_string(&path).map_err(|error| wrong(ConfigProblem::Read(error)))?;
    acceptances_of(&text, &path)
}

/// The acceptances in the text of a file.
pub(crate) fn acceptances_of(text: &str, path: &Path) -> Result<Vec<Acceptance>, ConfigError> {
    let wrong = |source| ConfigError { path: path.to_owned(), source };
    if let Some((at, word)) = unknown_key(text) {
        let problem = match nearest(&word, KEYS.into_iter()) {
            Some(near) => format!("no acceptance has a `{word}`: did you mean `{near}`?"),
            None => format!("no acceptance has a `{word}`, but {}", KEYS.join(", ")),
        };
        return Err(wrong(ConfigProblem::Key { line: line_of(text, at), problem }));
    }
    let file: File = toml::from_str(text).map_err(|error| wrong(ConfigProblem::Toml(Box::new(error))))?;
    let name = path.file_name().map_or_else(|| FILE.into(), std::ffi::OsStr::to_string_lossy);
    accepted(file.accept, text, &name).map_err(wrong)
}

/// The first key of an acceptance that none has, and where it stands.
fn unknown_key(text: &str) -> Option<(usize, String)> {
    let root = DeTable::parse(text).ok()?;
    let DeValue::Array(all) = root.get_ref().get(ACCEPT)?.get_ref() else { return None };
    let tables =
        all.iter().filter_map(|one| if let DeValue::Table(table) = one.get_ref() { Some(table) } else { None });
    let keys = tables.flat_map(|table| table.keys());
    let mut unknown = keys.filter(|key| !KEYS.contains(&key.get_ref().as_ref()));
    unknown.next().map(|key| (key.span().start, key.get_ref().to_string()))
}

/// The line of a place in a text, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

fn accepted(all: Vec<Spanned<Written>>, text: &str, name: &str) -> Result<Vec<Acceptance>, ConfigProblem> {
    all.into_iter()
        .zip(1..)
        .map(|(spanned, number)| {
            let line = line_of(text, spanned.span().start);
            let written = spanned.into_inner();
            let source = format!("{name}, acceptance {number} ({})", written.in_words());
            written.acceptance(source).map_err(|problem| ConfigProblem::Acceptance { line, number, problem })
        })
        .collect()
}

impl Written {
    /// What it says, checked.
    pub(crate) fn acceptance(&self, source: String) -> Result<Acceptance, String> {
        let what = match (&self.diagnosis, &self.gap) {
            (Some(word), None) => Accepts::Diagnosis(
                Diagnosis::from_word(word)
                    .ok_or_else(|| unknown(word, "a diagnosis", DIAGNOSES.iter().map(|info| info.word)))?,
            ),
            (None, Some(word)) => Accepts::Gap(
                GapKind::from_word(word)
                    .ok_or_else(|| unknown(word, "a kind of gap", GapKind::ALL.iter().map(|kind| kind.word())))?,
            ),
            (None, None) => return Err("it names neither a `diagnosis` nor a `gap`".to_owned()),
            (Some(_), Some(_)) => return Err("it names a `diagnosis` and a `gap`: write two".to_owned()),
        };
        if what == Accepts::Diagnosis(Diagnosis::Covered) {
            return Err("`covered` needs no acceptance".to_owned());
        }
        let places = [("account", &self.account), ("region", &self.region), ("repository", &self.repository)];
        for (name, pattern) in places {
            if pattern.as_ref().is_some_and(|text| text.trim().is_empty()) {
                return Err(format!("`{name}` is empty: leave it out for everywhere"));
            }
        }
        for (name, text) in [("reason", &self.reason), ("by", &self.by)] {
            if text.trim().is_empty() {
                return Err(format!("`{name}` is empty"));
            }
        }
        let written = match &self.until {
            Until::Date(date) => date.date.map(|date| date.to_string()).unwrap_or_default(),
            Until::Text(text) => text.clone(),
        };
        let until: Date =
            written.parse().map_err(|_| format!("`until` is `{written}`: write a date, such as 2026-12-31"))?;
        let pattern = |text: &Option<String>| Pattern::new(text.as_deref().unwrap_or("*"));
        Ok(Acceptance {
            what,
            account: pattern(&self.account),
            ou: pattern(&self.ou),
            region: pattern(&self.region),
            repository: pattern(&self.repository),
            reason: self.reason.clone(),
            by: self.by.clone(),
            until,
            source,
        })
    }

    /// `blocked, repository legacy/*`.
    pub(crate) fn in_words(&self) -> String {
        let what = self.diagnosis.as_ref().or(self.gap.as_ref()).map_or("?", String::as_str);
        let places =
            [("account", &self.account), ("OU", &self.ou), ("region", &self.region), ("repository", &self.repository)];
        places.into_iter().fold(what.to_owned(), |mut words, (name, pattern)| {
            if let Some(pattern) = pattern {
                let _ = write!(words, ", {name} {pattern}");
            }
            words
        })
    }

    /// As it stands in the file.
    pub(crate) fn in_toml(&self) -> String {
        let until = match &self.until {
            Until::Date(date) => date.to_string(),
            Until::Text(text) => text.clone(),
        };
        let members = [
            ("diagnosis", self.diagnosis.as_ref()),
            ("gap", self.gap.as_ref()),
            ("account", self.account.as_ref()),
            ("ou", self.ou.as_ref()),
            ("region", self.region.as_ref()),
            ("repository", self.repository.as_ref()),
            ("reason", Some(&self.reason)),
            ("by", Some(&self.by)),
        ];
        let mut text = "[[accept]]\n".to_owned();
        for (name, value) in members {
            if let Some(value) = value {
                let _ = writeln!(text, "{name} = {}", toml::Value::String(value.clone()));
            }
        }
        let _ = writeln!(text, "until = {until}");
        text
    }
}

fn unknown(word: &str, expected: &str, known: impl Iterator<Item = &'static str>) -> String {
    let known: Vec<&str> = known.collect();
    let likeness = |one: &str| strsim::jaro_winkler(one, word);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).copied().unwrap_or_default();
    format!("`{word}` is not {expected}: did you mean `{nearest}`?")
}
