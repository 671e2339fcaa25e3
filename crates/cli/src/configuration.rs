//! Where a flag's value comes from: the command line, the environment, the project's file, the user's file, its default.
//!
//! Every flag has a variable and a key in the table of its command: `--max-in-flight` of `audit` is `SCANGAP_AUDIT_MAX_IN_FLIGHT`, and
//! `max_in_flight` of `[audit]`. What all commands that call AWS share (`--role-name`) is `SCANGAP_ROLE_NAME`, and may stand in `[defaults]` or in
//! the table of a named organization too. What the environment and files say becomes the default of the flag before the command line is parsed,
//! so that it is checked by the same parsers, and excludes nothing that was written.

mod flags;
mod layers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::args::{Arguments, ErrorFormat};
use crate::config::{ConfigError, ConfigProblem, FILE};
use crate::environment;
use crate::values::BadValue;

pub(crate) use flags::{has_table, is_configurable, is_secret, is_shared, key, nearest, takes_several, variable};
pub(crate) use layers::{Setting, Table};

/// Everything that files say.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// The project's before the user's.
    settings: Vec<Setting>,
    /// Tables of organizations, empty ones too.
    organizations: Vec<String>,
    organization: Option<String>,
    /// The organization was named on the command line: then its table counts before the environment, which may be of another one.
    named_here: bool,
}

/// What is said of a flag, and where.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
pub(crate) enum Origin {
    Variable(String),
    File { path: PathBuf, line: usize },
}

/// Why there are no arguments.
#[derive(Debug)]
pub(crate) enum NotParsed {
    Usage(clap::Error),
    Configuration(ConfigError, ErrorFormat),
    Variable(BadValue, ErrorFormat),
}

/// The command line, with the environment and the files; and what of it people should hear.
pub(crate) fn arguments(command: &Command) -> Result<(Arguments, Option<String>), NotParsed> {
    // What is named here decides which files are read. What is missing may be in them.
    let first = command.clone().ignore_errors(true).try_get_matches().map_err(NotParsed::Usage)?;
    let configuration =
        Configuration::read(&first, command).map_err(|error| NotParsed::Configuration(error, format(&first)))?;
    let with_all = configuration.applied(command.clone(), &first);
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let mut missing = configuration.of_missing(&with_all, &words, &first, command);
    // What the command asks for and files say is as good as written. One that is added may ask for another.
    while !missing.is_empty() {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.splice(end..end, missing);
        missing = configuration.of_missing(&with_all, &words, &first, command);
    }
    let matches =
        with_all.try_get_matches_from(&words).map_err(|error| configuration.blamed(error, &first, command))?;
    let note = configuration.weakened(command, &matches);
    let arguments = Arguments::from_arg_matches(&matches)
        .map_err(|error| NotParsed::Usage(error.format(&mut Arguments::command())))?;
    Ok((arguments, note))
}

/// The user's own file: `~/.config/scangap/config.toml`, or below `XDG_CONFIG_HOME`.
pub(crate) fn user_file() -> Option<PathBuf> {
    let named = environment::variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| Some(PathBuf::from(environment::variable("HOME")?).join(".config")))?;
    Some(folder.join("scangap").join("config.toml"))
}

/// The file that a variable names for a command.
fn named_by_variable(command: &str) -> Option<PathBuf> {
    environment::variable(&format!("SCANGAP_{}_CONFIG", command.to_ascii_uppercase())).map(PathBuf::from)
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
        // Of these none is set by a file: one that is broken must not keep `man` from printing.
        if !has_table(name) {
            return Ok(Self::default());
        }
        let named = of_command.and_then(|matches| matches.try_get_one::<PathBuf>("config").ok().flatten()).cloned();
        let named = named.or_else(|| named_by_variable(name));
        Self::of(named.as_deref(), first.get_one::<String>("org_profile").cloned(), command)
    }

    /// For `config show`: what a command line of this name without anything else would get.
    pub(crate) fn without_flags(name: &str, organization: Option<String>, root: &Command) -> Result<Self, ConfigError> {
        Self::of(named_by_variable(name).as_deref(), organization, root)
    }

    /// `written`: the organization that the command line names. Else the environment may.
    fn of(named: Option<&Path>, written: Option<String>, command: &Command) -> Result<Self, ConfigError> {
        let mut all = Self { named_here: written.is_some(), ..Self::default() };
        let of_variable =
            || environment::variable("SCANGAP_ORG_PROFILE").map(|name| name.to_string_lossy().into_owned());
        let organization = written.or_else(of_variable);
        let project = Path::new(FILE);
        let whose = if named.is_some() { layers::Whose::Named } else { layers::Whose::Project };
        let files = [(Some(named.unwrap_or(project).to_owned()), whose), (user_file(), layers::Whose::User)];
        for (path, whose) in files {
            // A file that is made by this very command is not there yet.
            if let Some(path) = path.filter(|path| path.exists()) {
                let read = layers::read(&path, whose, command)?;
                all.settings.extend(read.settings);
                all.organizations.extend(read.organizations);
            }
        }
        if let Some(name) = &organization {
            all.choose(name)?;
        }
        all.organization = organization;
        Ok(all)
    }

    fn choose(&self, name: &str) -> Result<(), ConfigError> {
        if self.organizations.iter().any(|known| known == name) {
            return Ok(());
        }
        let path = self.settings.first().map_or_else(|| FILE.into(), |setting| setting.file.clone());
        let problem = match nearest(name, self.organizations.iter().map(String::as_str)) {
            None => format!("--org-profile {name}: no file has a table [organizations.{name}]"),
            Some(other) => {
                format!("--org-profile {name}: there is no table [organizations.{name}]; did you mean `{other}`?")
            }
        };
        Err(ConfigError { path, source: ConfigProblem::Organization(problem) })
    }

    /// What is said of a flag: by the environment before files; in files by the table of the organization before the command's own, that
    /// before `[defaults]`, and in each by the project's before the user's.
    pub(crate) fn said(&self, command: &str, arg: &Arg) -> Option<Said> {
        let flag = arg.get_long().filter(|_| is_configurable(arg))?;
        let shared = is_shared(arg);
        let of_variable = || {
            let name = variable(command, arg)?;
            let value = environment::variable(&name)?.to_string_lossy().into_owned();
            Some(Said { values: flags::split(arg, vec![value]), origin: Origin::Variable(name) })
        };
        let of_file = |table: Table| {
            let setting = self.settings.iter().find(|one| one.table == table && one.flag == flag)?;
            let origin = Origin::File { path: setting.file.clone(), line: setting.line };
            Some(Said { values: flags::split(arg, setting.values.clone()), origin })
        };
        let of_organization = || of_file(Table::Organization(self.organization.clone().filter(|_| shared)?));
        let of_command = || of_file(Table::Command(command.to_owned()));
        let of_defaults = || if shared { of_file(Table::Defaults) } else { None };
        let chosen = if self.named_here { of_organization() } else { None };
        chosen.or_else(of_variable).or_else(of_organization).or_else(of_command).or_else(of_defaults)
    }

    /// Whether the table of a command says something of a flag.
    pub(crate) fn is_of_command(&self, command: &str, arg: &Arg) -> bool {
        let table = Table::Command(command.to_owned());
        self.settings.iter().any(|one| one.table == table && arg.get_long() == Some(one.flag.as_str()))
    }

    /// The command line with what is said as defaults, but for what the command line itself excludes.
    fn applied(&self, command: Command, first: &ArgMatches) -> Command {
        let (name, of_command) = subcommand(first);
        let name = name.to_owned();
        let excluded = of_command.map(|matches| flags::excluded(&command, &name, matches)).unwrap_or_default();
        let set = |arg: Arg| -> Arg {
            let arg = flags::with_switch_words(arg);
            if arg.get_long().is_none_or(|flag| excluded.contains(flag)) {
                return arg;
            }
            // Which file is read is decided before; what the command reads of it itself it finds by this flag.
            if arg.get_long() == Some("config")
                && let Some(path) = named_by_variable(&name)
            {
                return arg.default_value(path.into_os_string());
            }
            match self.said(&name, &arg) {
                Some(said) => arg.default_values(said.values),
                None => arg,
            }
        };
        let command = command.mut_args(set);
        if name.is_empty() { command } else { command.mut_subcommand(&name, |sub| sub.mut_args(set)) }
    }

    /// Flags that the command line lacks and the environment or a file says, as they would be written.
    fn of_missing(
        &self,
        with_all: &Command,
        words: &[OsString],
        first: &ArgMatches,
        command: &Command,
    ) -> Vec<OsString> {
        let Err(error) = with_all.clone().try_get_matches_from(words) else { return Vec::new() };
        let Some(ContextValue::Strings(names)) = error.get(ContextKind::InvalidArg) else { return Vec::new() };
        if error.kind() != ErrorKind::MissingRequiredArgument {
            return Vec::new();
        }
        let name = subcommand(first).0;
        let own = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
        let is_missing = |arg: &&Arg| {
            let flag = arg.get_long().map(|flag| format!("--{flag}"));
            names.iter().any(|name| name.split([' ', '=']).next() == flag.as_deref())
        };
        let said = own.filter(is_missing).filter_map(|arg| Some((arg.get_long()?, self.said(name, arg)?.values)));
        said.flat_map(|(flag, values)| values.into_iter().map(move |value| format!("--{flag}={value}").into()))
            .collect()
    }

    /// Whether every value is one that its flag takes; the first that is not.
    pub(crate) fn check(&self, name: &str, root: &Command) -> Result<(), NotParsed> {
        let words = ["scangap", name];
        let first = root.clone().ignore_errors(true).try_get_matches_from(words).map_err(NotParsed::Usage)?;
        let Err(error) = self.applied(root.clone(), &first).try_get_matches_from(words) else { return Ok(()) };
        // What else a command asks for is not the files' to say.
        if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
            return Err(self.blamed(error, &first, root));
        }
        Ok(())
    }

    /// A value that its flag does not take is the fault of what said it.
    fn blamed(&self, error: clap::Error, first: &ArgMatches, command: &Command) -> NotParsed {
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(text)) => text.split([' ', '=']).next().unwrap_or_default().to_owned(),
            _ => return NotParsed::Usage(error),
        };
        let flag = argument.trim_start_matches('-');
        let name = subcommand(first).0;
        let own = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
        let arg = command.get_arguments().chain(own).find(|arg| arg.get_long() == Some(flag));
        let is_written = subcommand(first).1.is_some_and(|matches| flags::is_written(matches, arg));
        let Some(said) = arg.filter(|_| !is_written).and_then(|arg| self.said(name, arg)) else {
            return NotParsed::Usage(error);
        };
        let value = if is_secret(flag) { "***".to_owned() } else { said.values.join(", ") };
        let why = std::error::Error::source(&error).filter(|_| !is_secret(flag));
        let why = why.map_or_else(String::new, |source| format!(": {source}"));
        match said.origin {
            Origin::File { path, line } => {
                let source = ConfigProblem::Key { line, problem: format!("`{value}` is not what --{flag} takes{why}") };
                NotParsed::Configuration(ConfigError { path, source }, format(first))
            }
            Origin::Variable(variable) => {
                let hint = format!("the variable {variable} sets --{flag}{why}");
                NotParsed::Variable(BadValue::new(&value, "a value that its flag takes", hint), format(first))
            }
        }
    }

    /// What makes the gate see or fail less, and was not written where it runs.
    fn weakened(&self, command: &Command, matches: &ArgMatches) -> Option<String> {
        const WEAKENING: [&str; 6] = ["action", "baseline", "exclude", "fail-on", "principal", "skip-unrelated"];
        let (name, matches) = subcommand(matches);
        if name != "gate" {
            return None;
        }
        let args = command.find_subcommand(name)?.get_arguments();
        let args = args.filter(|arg| arg.get_long().is_some_and(|flag| WEAKENING.contains(&flag)));
        let of = |arg: &Arg| {
            let is_written = matches.is_some_and(|matches| flags::is_written(matches, Some(arg)));
            let said = self.said(name, arg).filter(|_| !is_written)?;
            let from = match said.origin {
                Origin::Variable(name) => name,
                Origin::File { path, line } => format!("{}, line {line}", path.display()),
            };
            Some(format!("--{} {} ({from})", arg.get_long()?, said.values.join(",")))
        };
        let all: Vec<String> = args.filter_map(of).collect();
        (!all.is_empty()).then(|| format!("Not written here: {}", all.join(", ")))
    }
}
