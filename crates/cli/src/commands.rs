//! One file per command: translates its arguments into calls to the crates below.

mod accept;
mod apply;
mod audit;
mod completions;
mod config;
mod demo;
mod diff;
mod doctor;
mod explain;
mod gate;
mod man;
mod merge;
mod permissions;
mod plan;
mod publish;
mod rehearse;
mod report;
mod schema;
mod simulate;
mod verify;

use crate::args::{Arguments, Command};
use crate::error::CliError;
use crate::exit::Exit;

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, CliError> {
    match &arguments.command {
        Command::Accept(command) => accept::run(command),
        Command::Audit(command) => audit::run(command, &arguments.global),
        Command::Merge(command) => merge::run(command, &arguments.global),
        Command::Rehearse(command) => rehearse::run(command, &arguments.global),
        Command::Report(command) => report::run(command, &arguments.global),
        Command::Demo(command) => demo::run(command, &arguments.global),
        Command::Simulate(command) => simulate::run(command),
        Command::Diff(command) => diff::run(command, &arguments.global),
        Command::Plan(command) => plan::run(command, &arguments.global),
        Command::Apply(command) => apply::run(command, &arguments.global),
        Command::Publish(command) => publish::run(command, &arguments.global),
        Command::Verify(command) => verify::run(command, &arguments.global),
        Command::Explain(command) => explain::run(command),
        Command::Gate(command) => gate::run(command),
        Command::Completions(command) => completions::run(command),
        Command::Man(command) => man::run(command),
        Command::Config(command) => config::run(command, &arguments.global),
        Command::Doctor(command) => doctor::run(command),
        Command::Permissions(command) => permissions::run(command),
        Command::Schema(command) => {
            schema::run(command);
            Ok(Exit::Finished)
        }
    }
}
