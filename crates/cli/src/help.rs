//! The command line as it is shown: commands by what they are for, `-h` short, `--help` with everything and examples.

use std::fmt::Write as _;

use clap::{Command, CommandFactory};

use crate::args::Arguments;
use crate::runs;

/// Commands by what they are for, in the order that a newcomer meets them.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Try it", &["demo", "simulate"]),
    ("Set it up", &["doctor", "permissions", "config", "completions", "man"]),
    ("Audit", &["audit", "report", "diff", "accept", "merge", "publish", "verify"]),
    ("Repair", &["explain", "plan", "rehearse", "apply"]),
    ("Before the deployment", &["gate"]),
    ("For programs", &["schema"]),
];

/// Groups of flags that `-h` leaves to `--help`: the same in many commands.
const LONG_ONLY: [&str; 2] = ["AWS, as in the AWS CLI", "Earlier audits and decisions"];

/// Everything that is parsed, with commands in their groups and nothing hidden.
pub(crate) fn whole() -> Command {
    let command = Arguments::command();
    let groups = groups(&command);
    let template =
        format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\nOptions:\n{{options}}{{after-help}}");
    command.help_template(template)
}

/// The same, with what `-h` leaves to `--help`.
pub(crate) fn command() -> Command {
    let command = whole();
    let codes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let codes = format!("Flags have variables, and keys in scangap.toml: `scangap config show --origin`.\n\n{codes}");
    let command = command.after_long_help(codes).after_help("scangap COMMAND --help says all of one, with examples");
    let command = command.mut_args(|arg| {
        let is_global = arg.is_global_set();
        arg.hide_short_help(is_global)
    });
    command.mut_subcommands(|sub| {
        let sub = sub.mut_args(|arg| {
            let is_long = arg.get_help_heading().is_some_and(|group| LONG_ONLY.contains(&group));
            if is_long { arg.hide_short_help(true) } else { arg }
        });
        match sub.get_after_help().cloned() {
            Some(examples) => sub.after_long_help(examples).after_help("--help says all of it, with examples"),
            None => sub,
        }
    })
}

fn groups(command: &Command) -> String {
    let about = |name: &str| {
        let sub = command.find_subcommand(name);
        sub.and_then(Command::get_about).map(ToString::to_string).unwrap_or_default()
    };
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "\n{title}:");
        for name in names {
            // The first sentence: the rest is with the command itself.
            let about = about(name);
            let short = about.split(". ").next().unwrap_or_default().split(':').next().unwrap_or_default();
            let _ = writeln!(text, "  {name:<12} {short}");
        }
    }
    text
}

/// What to do first: for a call without a command.
pub(crate) fn first_steps() -> String {
    let mut text = String::from(
        "scangap tells for every ECR repository of an AWS organization whether Amazon Inspector can scan it, and if not, why.

  scangap demo          audit a simulated organization: no AWS account, no network
  scangap doctor        look whether an audit can run here
  scangap permissions   print the least that AWS has to allow
  scangap audit         audit the organization
  scangap gate          judge policies in the files that deploy them
",
    );
    if let Some(path) = runs::newest_snapshot() {
        let path = path.display();
        let _ = write!(text, "\nThe last audit in this folder:\n\n  scangap plan {path}\n");
    }
    text + "\n`scangap --help` lists every command, `scangap COMMAND --help` says all of one, with examples.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = command();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut all: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }
}
