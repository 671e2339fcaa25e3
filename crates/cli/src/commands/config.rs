//! `scangap config`: what the environment and the files say, where each value comes from, and the schema of the files.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory};
use scangap_model::sanitize;
use serde_json::{Map, Value, json};

use crate::args::{Arguments, Config, ConfigCommand, ConfigShow, Global};
use crate::configuration::{
    Configuration, NotParsed, Origin, has_table, is_configurable, is_secret, is_shared, key, nearest, takes_several,
};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;
use crate::values::BadValue;

pub(super) fn run(command: &Config, global: &Global) -> Result<Exit, CliError> {
    match &command.command {
        ConfigCommand::Show(show) => print(show, global),
        ConfigCommand::Schema => {
            terminal::json(&schema());
            Ok(Exit::Finished)
        }
    }
}

/// Commands that have a table, with what they share first.
fn commands(root: &Command) -> impl Iterator<Item = &Command> {
    std::iter::once(root).chain(root.get_subcommands().filter(|command| has_table(command.get_name())))
}

fn flags(command: &Command) -> impl Iterator<Item = (&Arg, &str)> {
    command.get_arguments().filter(|arg| is_configurable(arg)).filter_map(|arg| Some((arg, arg.get_long()?)))
}

fn print(show: &ConfigShow, global: &Global) -> Result<Exit, CliError> {
    let root = Arguments::command();
    if let Some(name) = &show.of {
        let known = || root.get_subcommands().map(Command::get_name).filter(|name| has_table(name));
        if !known().any(|one| one == name) {
            let hint = nearest(name, known()).map_or_else(
                || "`scangap --help` lists the commands".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(BadValue::new(name, "a command with settings", hint).into());
        }
    }
    let mut out = String::new();
    let is_asked = |command: &&Command| {
        show.of.as_deref().is_none_or(|name| command.get_name() == name) || command.get_name() == root.get_name()
    };
    for command in commands(&root).filter(is_asked) {
        let is_root = command.get_name() == root.get_name();
        let table = if is_root { "" } else { command.get_name() };
        let configuration = shown(table, global, &root)?;
        // What a command's own table says of flags that all have.
        let of_all = flags(&root).filter(|(arg, _)| !is_root && configuration.is_of_command(table, arg));
        for (arg, flag) in flags(command).chain(of_all) {
            let Some((value, origin)) = found(&configuration, table, arg, flag) else { continue };
            let place = if table.is_empty() { String::new() } else { format!("{table}.") };
            let origin = if show.origin { format!("  # {}", sanitize(&origin)) } else { String::new() };
            let _ = writeln!(out, "{place}{} = {value}{origin}", key(flag));
        }
    }
    if out.is_empty() {
        terminal::note("Neither the environment nor a file says anything: every flag has its default");
    }
    terminal::out(&out);
    Ok(Exit::Finished)
}

/// What a command gets without a flag. What is shown is what counts: a value that the command does not take does not.
fn shown(name: &str, global: &Global, root: &Command) -> Result<Configuration, CliError> {
    let configuration =
        Configuration::without_flags(name, global.org_profile.clone(), root).map_err(CliError::Config)?;
    if has_table(name) && !name.is_empty() {
        match configuration.check(name, root) {
            Ok(()) | Err(NotParsed::Usage(_)) => {}
            Err(NotParsed::Configuration(error, _)) => return Err(CliError::Config(error)),
            Err(NotParsed::Variable(error, _)) => return Err(error.into()),
        }
    }
    Ok(configuration)
}

/// A flag's value as TOML has it, and where it comes from.
fn found(configuration: &Configuration, command: &str, arg: &Arg, flag: &str) -> Option<(String, String)> {
    let said = configuration.said(command, arg)?;
    let origin = match said.origin {
        Origin::Variable(name) => name,
        Origin::File { path, line } => format!("{}, line {line}", path.display()),
    };
    let hidden = is_secret(flag);
    let values: Vec<String> =
        said.values.iter().map(|one| if hidden { "***".to_owned() } else { sanitize(one) }).collect();
    let text = |one: &String| toml::Value::String(one.clone()).to_string();
    let value = match (arg.get_action(), values.as_slice()) {
        (ArgAction::SetTrue, [one]) => {
            (!matches!(one.to_ascii_lowercase().as_str(), "0" | "f" | "false" | "n" | "no" | "off" | "")).to_string()
        }
        (_, [one]) if !takes_several(arg) => text(one),
        (_, all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(", ")),
    };
    Some((value, origin))
}

fn schema() -> Value {
    let root = Arguments::command();
    let mut properties = Map::new();
    let mut all = Map::new();
    for command in commands(&root) {
        let mut table = Map::new();
        let of_all = flags(&root).filter(|_| command.get_name() != root.get_name());
        for (arg, flag) in flags(command).chain(of_all) {
            table.insert(key(flag), property(arg));
            if is_shared(arg) {
                all.insert(key(flag), property(arg));
            }
        }
        if command.get_name() != root.get_name() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            properties.insert(command.get_name().to_owned(), object(&about, &table));
        }
    }
    let text = || json!({ "type": "string" });
    let accepted = ["diagnosis", "gap", "account", "ou", "region", "repository", "reason", "by", "until"];
    let accepted: Map<String, Value> = accepted.iter().map(|name| ((*name).to_owned(), text())).collect();
    let mut accepted = object("What is signed for: a diagnosis or a gap, where, why, by whom, until when", &accepted);
    if let Some(members) = accepted.as_object_mut() {
        members.insert("required".to_owned(), json!(["reason", "by", "until"]));
    }
    properties.insert("accept".to_owned(), json!({ "type": "array", "items": accepted }));
    properties.insert("defaults".to_owned(), object("Of every command that calls AWS", &all));
    let organization = object("Chosen with --org-profile", &all);
    properties.insert("organizations".to_owned(), json!({ "type": "object", "additionalProperties": organization }));
    let mut schema = object("Settings of scangap", &properties);
    if let Some(members) = schema.as_object_mut() {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("title".to_owned(), json!("scangap.toml"));
    }
    schema
}

fn object(description: &str, properties: &Map<String, Value>) -> Value {
    json!({ "type": "object", "description": description, "properties": properties, "additionalProperties": false })
}

fn property(arg: &Arg) -> Value {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return json!({ "type": "boolean", "description": help });
    }
    let words: Vec<String> = arg.get_possible_values().iter().map(|one| one.get_name().to_owned()).collect();
    let one = if words.is_empty() { json!({ "type": ["string", "integer"] }) } else { json!({ "enum": words }) };
    if takes_several(arg) {
        return json!({ "description": help, "anyOf": [one, { "type": "array", "items": one }] });
    }
    let mut value = one;
    if let Some(members) = value.as_object_mut() {
        members.insert("description".to_owned(), json!(help));
    }
    value
}
