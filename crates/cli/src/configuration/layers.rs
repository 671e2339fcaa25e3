//! A configuration file, read: each value with its table, its flag and its line. A key that no flag has is an error.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::flags::{has_table, is_configurable, is_shared, key, nearest, takes_several};
use crate::config::{ACCEPT, ConfigError, ConfigProblem, acceptances_of, line_of};

/// One value of a file.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) table: Table,
    pub(crate) flag: String,
    pub(crate) values: Vec<String>,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Table {
    /// Of every command that has the flag.
    Defaults,
    Command(String),
    /// Chosen with `--org-profile`.
    Organization(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Found in the folder: it may be of a repository that was only cloned.
    Project,
    /// Named with `--config`.
    Named,
    User,
}

/// What a file in a folder must not decide: where calls go, whom they trust, and which file is overwritten.
const NOT_OF_A_FOLDER: [&str; 7] = [
    "age-identity",
    "age-recipient",
    "ca-bundle",
    "endpoint-url",
    "findings-report",
    "findings-report-key",
    "log-file",
];
/// Flags that name what is written.
const WRITTEN: [&str; 3] = ["out", "save", "write"];

/// Flags that name what is read.
#[cfg(test)]
const READ: [&str; 13] = [
    "applied",
    "baseline",
    "caller-policy",
    "carry-over",
    "from",
    "hints",
    "history",
    "plan",
    "policy",
    "previous",
    "registry-policy",
    "scenario",
    "snapshot",
];

/// What a file says.
#[derive(Debug)]
pub(super) struct FileSettings {
    pub(super) settings: Vec<Setting>,
    pub(super) organizations: Vec<String>,
}

const DEFAULTS: &str = "defaults";
const ORGANIZATIONS: &str = "organizations";

/// What is read of one file.
struct Reading<'a> {
    text: &'a str,
    path: &'a Path,
    command: &'a Command,
    whose: Whose,
    read: FileSettings,
}

pub(super) fn read(path: &Path, whose: Whose, command: &Command) -> Result<FileSettings, ConfigError> {
    let wrong = |source| ConfigError { path: path.to_owned(), source };
    let text = fs_err::read_to_string(path).map_err(|error| wrong(ConfigProblem::Read(error)))?;
    let root = DeTable::parse(&text).map_err(|error| wrong(ConfigProblem::Toml(Box::new(error))))?;
    let read = FileSettings { settings: Vec::new(), organizations: Vec::new() };
    let mut reading = Reading { text: &text, path, command, whose, read };
    for (name, value) in root.get_ref() {
        reading.top(name, value)?;
    }
    Ok(reading.read)
}

impl Reading<'_> {
    fn wrong(&self, at: usize, problem: String) -> ConfigError {
        ConfigError { path: self.path.to_owned(), source: ConfigProblem::Key { line: self.line(at), problem } }
    }

    fn line(&self, at: usize) -> usize {
        line_of(self.text, at)
    }

    fn top(&mut self, name: &Spanned<toml::de::DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let at = name.span().start;
        let word: &str = name.get_ref();
        let commands: Vec<&str> =
            self.command.get_subcommands().map(Command::get_name).filter(|name| has_table(name)).collect();
        if word == ACCEPT {
            return match self.whose {
                Whose::Project | Whose::Named => acceptances_of(self.text, self.path).map(drop),
                Whose::User => Err(self.wrong(
                    at,
                    "acceptances belong to the project's scangap.toml, where reviewers see them".to_owned(),
                )),
            };
        }
        let is_command = commands.contains(&word);
        if !is_command && word != DEFAULTS && word != ORGANIZATIONS {
            let known = commands.into_iter().chain([ACCEPT, DEFAULTS, ORGANIZATIONS]);
            let near = nearest(word, known).map_or_else(
                || "tables are `defaults`, `organizations.NAME`, the names of commands, and `accept`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(self.wrong(at, format!("`{word}` is no table of a configuration: {near}")));
        }
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong(at, format!("`{word}` is a table: write [{word}]")));
        };
        if word != ORGANIZATIONS {
            let of = if is_command { Table::Command(word.to_owned()) } else { Table::Defaults };
            return self.table(&of, table);
        }
        for (name, value) in table {
            let word: &str = name.get_ref();
            let DeValue::Table(table) = value.get_ref() else {
                return Err(self.wrong(name.span().start, format!("`{word}` is a table: write [organizations.{word}]")));
            };
            self.read.organizations.push(word.to_owned());
            self.table(&Table::Organization(word.to_owned()), table)?;
        }
        Ok(())
    }

    fn table(&mut self, of: &Table, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in table {
            let at = name.span().start;
            let word: &str = name.get_ref();
            let Some(arg) = self.flag(of, word) else {
                let known: Vec<String> = self.flags(of).filter_map(Arg::get_long).map(key).collect();
                let near = match self.command_with(word) {
                    Some(command) => format!(": it belongs in the table of a command, such as [{command}]"),
                    None => nearest(word, known.iter().map(String::as_str))
                        .map_or_else(String::new, |near| format!(": did you mean `{near}`?")),
                };
                return Err(self.wrong(at, format!("no flag is called `{word}` there{near}")));
            };
            let values = values(arg, value.get_ref())
                .map_err(|expected| self.wrong(at, format!("`{word}` takes {expected}")))?;
            let flag = arg.get_long().unwrap_or_default().to_owned();
            self.may_decide(at, &flag, &values)?;
            self.read.settings.push(Setting {
                table: of.clone(),
                flag,
                values,
                file: self.path.to_owned(),
                line: self.line(at),
            });
        }
        Ok(())
    }

    /// A file that is merely in the folder may be a stranger's: it sends no call elsewhere, and writes nothing outside of the folder.
    fn may_decide(&self, at: usize, flag: &str, values: &[String]) -> Result<(), ConfigError> {
        if self.whose != Whose::Project {
            return Ok(());
        }
        if NOT_OF_A_FOLDER.contains(&flag) {
            let problem = format!("`{}` belongs in the user's own file, or in one that --config names", key(flag));
            return Err(self.wrong(at, problem));
        }
        let is_outside = |value: &String| {
            let path = Path::new(value.rsplit('=').next().unwrap_or_default());
            path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir)
        };
        if WRITTEN.contains(&flag) && values.iter().any(is_outside) {
            return Err(
                self.wrong(at, format!("`{}` is below this folder, where a file in the folder says it", key(flag)))
            );
        }
        Ok(())
    }

    /// The flags that a table may set.
    fn flags(&self, of: &Table) -> impl Iterator<Item = &Arg> {
        let name = if let Table::Command(name) = of { Some(name.clone()) } else { None };
        let commands = self.command.get_subcommands().filter(|command| has_table(command.get_name()));
        let commands = commands.filter(move |command| name.as_ref().is_none_or(|name| command.get_name() == name));
        let is_of_one = matches!(of, Table::Command(_));
        let may = move |arg: &&Arg| if is_of_one { is_configurable(arg) } else { is_shared(arg) };
        self.command.get_arguments().chain(commands.flat_map(Command::get_arguments)).filter(may)
    }

    /// A command that has a flag of this name, which not all share.
    fn command_with(&self, word: &str) -> Option<&str> {
        let has = |command: &&Command| {
            command
                .get_arguments()
                .any(|arg| is_configurable(arg) && arg.get_long().is_some_and(|flag| key(flag) == word))
        };
        self.command.get_subcommands().filter(|command| has_table(command.get_name())).find(has).map(Command::get_name)
    }

    fn flag(&self, of: &Table, word: &str) -> Option<&Arg> {
        self.flags(of).find(|arg| arg.get_long().is_some_and(|flag| key(flag) == word))
    }
}

/// The values as a command line has them; or what is expected.
fn values(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    let one = |value: &DeValue<'_>| -> Option<String> {
        match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            DeValue::Datetime(time) => Some(time.to_string()),
            DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        }
    };
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (ArgAction::SetTrue, _) => Err("true or false"),
        (_, DeValue::Array(items)) if takes_several(arg) => {
            items.iter().map(|item| one(item.get_ref())).collect::<Option<_>>().ok_or("texts or numbers")
        }
        (_, DeValue::Array(_)) => Err("one value, and no list"),
        (_, value) => one(value).map(|text| vec![text]).ok_or("a text or a number"),
    }
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Arguments;

    /// A flag that is added and names a file must not be one that a stranger's folder can point anywhere.
    #[test]
    fn of_every_flag_with_a_path_it_is_known_whether_it_reads_or_writes() {
        let command = Arguments::command();
        let of_commands = command.get_subcommands().filter(|command| has_table(command.get_name()));
        let all = command.get_arguments().chain(of_commands.flat_map(Command::get_arguments));
        let paths =
            all.filter(|arg| is_configurable(arg) && arg.get_value_parser().type_id() == TypeId::of::<PathBuf>());
        let mut n_paths = 0;
        for flag in paths.filter_map(Arg::get_long) {
            n_paths += 1;
            let lists = [NOT_OF_A_FOLDER.contains(&flag), WRITTEN.contains(&flag), READ.contains(&flag)];
            assert_eq!(lists.into_iter().filter(|yes| *yes).count(), 1, "--{flag}");
        }
        assert!(n_paths > 12, "{n_paths}");
    }
}
