//! `scangap man`: pages for `man`.

use clap::Command;
use clap_mangen::Man;
use scangap_report::write_atomically;

use crate::args::ManPages;
use crate::error::CliError;
use crate::exit::Exit;
use crate::values::BadValue;
use crate::{help, terminal};

pub(super) fn run(command: &ManPages) -> Result<Exit, CliError> {
    let mut root = help::whole().disable_help_subcommand(true);
    // Gives each command the flags that all have.
    root.build();
    let of =
        |sub: &Command| sub.clone().name(format!("scangap-{}", sub.get_name())).version(crate::environment::VERSION);
    let below = |sub: &Command| -> Vec<Command> {
        let name = sub.get_name();
        let nested = sub.get_subcommands().filter(|nested| nested.get_name() != "help");
        let nested = nested.map(|one| of(one).name(format!("scangap-{name}-{}", one.get_name())));
        std::iter::once(of(sub)).chain(nested).collect()
    };
    let pages: Vec<Command> = std::iter::once(root.clone()).chain(root.get_subcommands().flat_map(below)).collect();
    if let Some(folder) = &command.out {
        fs_err::create_dir_all(folder).map_err(|source| CliError::Folder { path: folder.clone(), source })?;
        for page in &pages {
            let text = rendered(page);
            let path = folder.join(format!("{}.1", page.get_name()));
            write_atomically(&path, |out| out.write_all(&text)).map_err(CliError::Report)?;
        }
        terminal::note(&format!("{} in {}", scangap_model::count(pages.len(), "page"), folder.display()));
        return Ok(Exit::Finished);
    }
    let wanted = command.of.as_deref().map_or_else(|| "scangap".to_owned(), |name| format!("scangap-{name}"));
    let page = pages.iter().find(|page| page.get_name() == wanted);
    let unknown =
        || BadValue::new(command.of.as_deref().unwrap_or_default(), "a command", "`scangap --help` lists them");
    let page = page.ok_or_else(unknown)?;
    terminal::raw(&String::from_utf8_lossy(&rendered(page)));
    Ok(Exit::Finished)
}

fn rendered(page: &Command) -> Vec<u8> {
    let mut text = Vec::new();
    // It is memory that is written to.
    let _ = Man::new(page.clone()).render(&mut text);
    text
}
