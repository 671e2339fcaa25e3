//! Where a flag's value comes from: the command line, the environment, the project's file, the user's file, its default.
//!
//! Every flag has a variable and a key in the table of its command: `--max-in-flight` of `audit` is `SCANGAP_AUDIT_MAX_IN_FLIGHT`, and
//! `max_in_flight` of `[audit]`. What all commands that call AWS share (`--role-name`) is `SCANGAP_ROLE_NAME`, and may stand in `[defaults]` or in
//! the table of a named organization too. What files say becomes the default of the flag before the command line is parsed, so that it
//! is checked by the same parsers.

mod flags;
mod layers;

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::args::{Arguments, ErrorFormat};
use crate::config::{ConfigError, ConfigProblem, FILE};
use crate::environment;

pub(crate) use flags::{has_table, is_configurable, is_shared, key, nearest, takes_several, variable};
pub(crate) use layers::{Setting, Table};

/// Everything that files say.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// The project's before the user's.
    settings: Vec<Setting>,
    organization: Option<String>,
}

/// Why there are no arguments.
#[derive(Debug)]
pub(crate) enum NotParsed {
    Usage(clap::Error),
    Configuration(ConfigError, ErrorFormat),
}

/// The command line, with the environment and the files.
pub(crate) fn arguments(command: Command) -> Result<Arguments, NotParsed> {
    let command = flags::with_variables(command);
    // What is named here decides which files are read.
    let first = command.clone().try_get_matches().map_err(NotParsed::Usage)?;
    let configuration =
        Configuration::read(&first, &command).map_err(|error| NotParsed::Configuration(error, format(&first)))?;
    let with_files = configuration.applied(command.clone(), &first);
    let matches = with_files.try_get_matches().map_err(|error| configuration.blamed(error, &first))?;
    Arguments::from_arg_matches(&matches).map_err(|error| NotParsed::Usage(error.format(&mut Arguments::command())))
}

/// The user's own file: `~/.config/scangap/config.toml`, or below `XDG_CONFIG_HOME`.
pub(crate) fn user_file() -> Option<PathBuf> {
    let named = environment::variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| Some(PathBuf::from(environment::variable("HOME")?).join(".config")))?;
    Some(folder.join("scangap").join("config.toml"))
}

/// How errors are to be printed.
fn format(matches: &ArgMatches) -> ErrorFormat {
    matches.get_one("error_format").copied().unwrap_or(ErrorFormat::Human)
}

/// The subcommand's name, and its matches.
fn subcommand(matches: &ArgMatches) -> (&str, Option<&ArgMatches>) {
    matches.subcommand().map_or(("", None), |(name, matches)| (name, Some(matches)))
}

impl Configuration {
    /// The files for a command line: the one that is named, else the project's; and the user's.
    fn read(first: &ArgMatches, command: &Command) -> Result<Self, ConfigError> {
        let (name, of_command) = subcommand(first);
        // It shows them itself, or only says what they may hold.
        if name == "config" {
            return Ok(Self::default());
        }
        let named = of_command.and_then(|matches| matches.try_get_one::<PathBuf>("config").ok().flatten());
        let organization = first.get_one::<String>("org_profile").cloned();
        let mut all = Self { settings: Vec::new(), organization: None };
        let project = Path::new(FILE);
        if let Some(path) = named.map(PathBuf::as_path).or_else(|| project.exists().then_some(project))
            // A file that is made by this very command is not there yet.
            && path.exists()
        {
            all.settings.extend(layers::read(path, layers::Whose::Project, command)?);
        }
        if let Some(path) = user_file().filter(|path| path.exists()) {
            all.settings.extend(layers::read(&path, layers::Whose::User, command)?);
        }
        if let Some(name) = &organization {
            all.choose(name)?;
        }
        all.organization = organization;
        Ok(all)
    }

    /// For `config show`: what a command line without anything else would get.
    pub(crate) fn of_project(organization: Option<&str>, command: &Command) -> Result<Self, ConfigError> {
        let mut all = Self::default();
        for (path, whose) in [(Some(PathBuf::from(FILE)), layers::Whose::Project), (user_file(), layers::Whose::User)] {
            if let Some(path) = path.filter(|path| path.exists()) {
                all.settings.extend(layers::read(&path, whose, command)?);
            }
        }
        if let Some(name) = organization {
            all.choose(name)?;
        }
        all.organization = organization.map(str::to_owned);
        Ok(all)
    }

    fn choose(&self, name: &str) -> Result<(), ConfigError> {
        let known: Vec<&str> = self
            .settings
            .iter()
            .filter_map(|setting| match &setting.table {
                Table::Organization(known) => Some(known.as_str()),
                Table::Defaults | Table::Command(_) => None,
            })
            .collect();
        if known.contains(&name) {
            return Ok(());
        }
        let path = self.settings.first().map_or_else(|| FILE.into(), |setting| setting.file.clone());
        let problem = match nearest(name, known.into_iter()) {
            None => format!("--org-profile {name}: no file has a table [organizations.{name}]"),
            Some(other) => {
                format!("--org-profile {name}: there is no table [organizations.{name}]; did you mean `{other}`?")
            }
        };
        Err(ConfigError { path, source: ConfigProblem::Organization(problem) })
    }

    /// What files say of a flag: the named organization before the command's own table, that before `[defaults]`, and in each the
    /// project's before the user's.
    pub(crate) fn value(&self, command: &str, arg: &clap::Arg) -> Option<&Setting> {
        let flag = arg.get_long()?;
        let is_shared = flags::is_shared(arg);
        let ranks = [
            self.organization.clone().filter(|_| is_shared).map(Table::Organization),
            Some(Table::Command(command.to_owned())),
            Some(Table::Defaults).filter(|_| is_shared),
        ];
        let of = |table: &Table| self.settings.iter().find(|one| one.table == *table && one.flag == flag);
        ranks.iter().flatten().find_map(of)
    }

    /// The command line with what files say as defaults, but for what the command line itself excludes.
    fn applied(&self, command: Command, first: &ArgMatches) -> Command {
        let (name, of_command) = subcommand(first);
        let name = name.to_owned();
        let excluded = of_command.map(|matches| flags::excluded(&command, &name, matches)).unwrap_or_default();
        let set = |arg: clap::Arg| -> clap::Arg {
            let Some(flag) = arg.get_long().map(str::to_owned) else { return arg };
            if !is_configurable(&arg) || excluded.contains(&flag) {
                return arg;
            }
            match self.value(&name, &arg) {
                Some(setting) => arg.default_values(setting.values.clone()),
                None => arg,
            }
        };
        let command = command.mut_args(set);
        if name.is_empty() { command } else { command.mut_subcommand(&name, |sub| sub.mut_args(set)) }
    }

    /// A value of a file that its flag does not take is the file's fault, and the line is named.
    fn blamed(&self, error: clap::Error, first: &ArgMatches) -> NotParsed {
        use clap::error::{ContextKind, ContextValue};
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(text)) => text.split([' ', '=']).next().unwrap_or_default().to_owned(),
            _ => return NotParsed::Usage(error),
        };
        let flag = argument.trim_start_matches('-');
        let name = subcommand(first).0;
        let command = Arguments::command();
        let args =
            command.get_arguments().chain(command.find_subcommand(name).into_iter().flat_map(Command::get_arguments));
        let arg = args.into_iter().find(|arg| arg.get_long() == Some(flag));
        let Some(setting) = arg.and_then(|arg| self.value(name, arg)) else { return NotParsed::Usage(error) };
        let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        let problem = format!("`{}` is not what --{flag} takes{why}", setting.values.join(", "));
        let source = ConfigProblem::Key { line: setting.line, problem };
        NotParsed::Configuration(ConfigError { path: setting.file.clone(), source }, format(first))
    }
}
