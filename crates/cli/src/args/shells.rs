//! What `scangap completions` and `scangap man` take.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_parser = ["bash", "zsh", "fish", "powershell", "elvish"])]
    pub shell: String,
}

#[derive(Debug, Args)]
pub struct ManPages {
    /// Only the page of this command; default: the page of scangap
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub of: Option<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
