//! `scangap completions`: the line of a shell's configuration, as a script.

use clap_complete::env::Shells;

use crate::args::Completions;
use crate::completion::VARIABLE;
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;
use crate::values::BadValue;

pub(super) fn run(command: &Completions) -> Result<Exit, CliError> {
    let shells = Shells::builtins();
    let name = command.shell.as_str();
    let unknown = || BadValue::new(name, "a shell that is known", "bash, zsh, fish, powershell, elvish");
    let shell = shells.completer(name).ok_or_else(unknown)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "scangap", "scangap", "scangap", &mut script).map_err(|_| unknown())?;
    terminal::raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Finished)
}
