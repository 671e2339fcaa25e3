//! What `scangap config` takes.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Config {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print what flags would have without being written: what the environment and the files say
    Show(ConfigShow),
    /// Print the JSON Schema of scangap.toml, for editors
    Schema,
}

#[derive(Debug, Args)]
pub struct ConfigShow {
    /// Only of this command
    #[arg(value_name = "COMMAND")]
    pub of: Option<String>,
    /// Where each value comes from
    #[arg(long)]
    pub origin: bool,
}
