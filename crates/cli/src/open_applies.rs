//! Registries that an apply left without scanning: every later command reports them until they are re-enabled.

use std::path::{Path, PathBuf};

use scangap_apply::{KnownFrom, LeftDisabled, Open, OpenRegistries, OpenRegistry, registry_name};
use scangap_model::{Tone, sanitize};
use scangap_plan::shell_word;

use crate::exit::Exit;
use crate::{environment, terminal};

/// `$XDG_STATE_HOME/scangap/applies`.
pub(crate) fn known() -> OpenRegistries {
    let state = environment::variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment::variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    OpenRegistries { folder: state.or_else(home).map(|state| state.join("scangap/applies")) }
}

/// Warns about registries that an unfinished apply may have left without scanning. Returns whether there are any.
pub(crate) fn warn() -> bool {
    let open = known().look(environment::now());
    for one in &open {
        note(&sentence(one), if is_left(one) { Tone::Bad } else { Tone::Warning });
    }
    open.iter().any(is_left)
}

/// The final exit code: a registry that an apply left without scanning outranks every other code.
pub(crate) fn ending(exit: Exit) -> Exit {
    if known().look(environment::now()).iter().any(is_left) { Exit::ScanningOff } else { exit }
}

/// Prints the same warning for registries that are recorded nowhere, because the record could not be written.
pub(crate) fn warn_of_unrecorded(registries: &[LeftDisabled]) {
    let recorded = known().names();
    for registry in registries {
        let name = registry_name(registry.account, &registry.region);
        if recorded.contains(&name) {
            continue;
        }
        let text = format!(
            "error: {name} may be without ECR scanning, or without its scanning configuration\n  by hand:\n{}",
            indented(&registry.reenable)
        );
        note(&text, Tone::Bad);
    }
}

/// Whether nothing is at work to re-enable it.
fn is_left(open: &Open) -> bool {
    !matches!(open, Open::Registry(OpenRegistry { known_from: KnownFrom::RunningApply, .. }))
}

fn sentence(open: &Open) -> String {
    match open {
        Open::Registry(registry) => sentence_of(registry),
        Open::Unreadable(marker) => format!(
            "error: an apply may have left registries without ECR scanning, and {0} cannot be read\n  once you have checked in Inspector that every account is scanned: remove {0}",
            marker.display()
        ),
    }
}

fn sentence_of(registry: &OpenRegistry) -> String {
    let OpenRegistry { name, reenable, plan, .. } = registry;
    let kind = if registry.simulated { "SIMULATED: " } else { "" };
    let (journal, marker, by_hand) = (registry.journal.display(), shell_path(&registry.marker), indented(reenable));
    match registry.known_from {
        KnownFrom::RunningApply => format!(
            "{kind}an apply is at work on {name}, which may be without ECR scanning meanwhile\n  journal: {journal}"
        ),
        KnownFrom::Journal => {
            let last = if registry.simulated {
                "if that simulation is gone"
            } else {
                "if the apply cannot tell any more, once you have checked in Inspector and ECR that it is scanned with its configuration"
            };
            format!(
                "error: {kind}{name} may be without ECR scanning, or without its scanning configuration: an apply did not finish\n  to re-enable it: scangap apply {} --bring-back --write-role-name ROLE\n  or by hand:\n{by_hand}\n  journal: {journal}\n  {last}: remove {marker}",
                shell_word(plan),
            )
        }
        KnownFrom::NoJournal => format!(
            "error: {kind}{name} may be without ECR scanning, or without its scanning configuration: the journal of an apply is gone or cannot be read\n  if the plan's folder was moved, re-enable it with: scangap apply FOLDER --bring-back --write-role-name ROLE\n  or by hand:\n{by_hand}\n  the journal was: {journal}\n  once you have checked in Inspector and ECR that the registry is scanned with its configuration: remove {marker}"
        ),
    }
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn note(text: &str, tone: Tone) {
    let lines: Vec<String> = text.lines().map(sanitize).collect();
    terminal::note(&terminal::paint(&lines.join("\n"), tone));
}

fn shell_path(path: &Path) -> String {
    shell_word(&path.to_string_lossy())
}
