//! Circles of files inside a crate: a type that two files need lives in neither of them, so that no file needs one that
//! needs it. What a file uses is read from its `use` lines, and followed through what a parent hands on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use syn::{Item, ItemUse, UseTree};

use crate::shell::root;

/// A module, such as `execute::registry`; the root of a crate is empty.
type Module = Vec<String>;

/// What a module names by `use`, by the name that it has there, with the full path.
type Uses = Vec<(String, Module)>;

/// Reports every circle.
pub(crate) fn look(problems: &mut Vec<String>) -> Result<()> {
    let mut folders: Vec<_> = fs_err::read_dir(root().join("crates"))?.collect::<Result<_, _>>()?;
    folders.sort_by_key(fs_err::DirEntry::path);
    for folder in folders {
        let name = folder.file_name().to_string_lossy().into_owned();
        let mut modules = BTreeMap::new();
        read(&folder.path().join("src"), &Vec::new(), &mut modules)?;
        for circle in circles(&modules) {
            problems.push(format!("{name}: these files need each other: {}", listed(&circle)));
        }
    }
    Ok(())
}

fn listed(files: &BTreeSet<String>) -> String {
    files.iter().cloned().collect::<Vec<_>>().join(", ")
}

fn read(folder: &Path, module: &Module, modules: &mut BTreeMap<Module, Uses>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_root = module.is_empty() && (stem == "lib" || stem == "main");
        let inner = if is_root { Vec::new() } else { [module.as_slice(), &[stem]].concat() };
        if path.is_dir() {
            read(&path, &inner, modules)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs_err::read_to_string(&path)?;
            let file = syn::parse_file(&text).with_context(|| path.display().to_string())?;
            let uses = modules.entry(inner.clone()).or_default();
            for item in &file.items {
                if let Item::Use(item) = item {
                    named(item, &inner, uses);
                }
            }
        }
    }
    Ok(())
}

/// The paths of a `use` line, each with the name that it is used by. Those of other crates are left out.
fn named(item: &ItemUse, module: &Module, uses: &mut Uses) {
    let mut trees: Vec<(Option<Module>, &UseTree)> = vec![(None, &item.tree)];
    while let Some((before, tree)) = trees.pop() {
        let step = |segment: String| match (&before, segment.as_str()) {
            (None, "crate") => Some(Vec::new()),
            (None, "self") => Some(module.clone()),
            (None | Some(_), "super") => {
                let mut outer = before.clone().unwrap_or_else(|| module.clone());
                outer.pop().map(|_| outer)
            }
            // A module of this file's own, or another crate: which, the modules that there are tell.
            (None, _) => Some([module.as_slice(), &[segment]].concat()),
            (Some(before), _) => Some([before.as_slice(), &[segment]].concat()),
        };
        match tree {
            UseTree::Path(path) => trees.extend(step(path.ident.to_string()).map(|path_| (Some(path_), &*path.tree))),
            UseTree::Group(group) => trees.extend(group.items.iter().map(|tree| (before.clone(), tree))),
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let path = if name == "self" { before.clone() } else { step(name) };
                uses.extend(path.and_then(|path| Some((path.last()?.clone(), path))));
            }
            UseTree::Rename(rename) => {
                uses.extend(step(rename.ident.to_string()).map(|path| (rename.rename.to_string(), path)));
            }
            UseTree::Glob(_) => uses.extend(before.map(|path| ("*".to_owned(), path))),
        }
    }
}

/// The file where a path ends: the longest module of it, or where that one hands the name on to.
fn home<'m>(path: &[String], modules: &'m BTreeMap<Module, Uses>, depth: usize) -> Option<&'m Module> {
    let length = (0..=path.len()).rev().find(|length| modules.contains_key(path.get(..*length).unwrap_or_default()))?;
    let (module, uses) = modules.get_key_value(path.get(..length)?)?;
    let handed_on = path.get(length).and_then(|name| uses.iter().find(|(used, _)| used == name));
    match handed_on {
        Some((_, further)) if depth < 8 => home(further, modules, depth + 1),
        _ => Some(module),
    }
}

/// Sets of files each of which reaches the others, by name.
fn circles(modules: &BTreeMap<Module, Uses>) -> Vec<BTreeSet<String>> {
    let needs: BTreeMap<&Module, BTreeSet<&Module>> = modules
        .iter()
        // The root of a crate hands on, and nothing else.
        .filter(|(module, _)| !module.is_empty())
        .map(|(module, uses)| {
            let files = uses.iter().filter_map(|(_, path)| home(path, modules, 0));
            (module, files.filter(|file| *file != module && !file.is_empty()).collect())
        })
        .collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        needs.keys().map(|module| (*module, reachable(module, &needs))).collect();
    let mut found: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for (module, files) in &reached {
        if files.contains(module) {
            let circle = files.iter().filter(|file| reached.get(**file).is_some_and(|back| back.contains(module)));
            found.insert(circle.map(|file| file.join("::")).collect());
        }
    }
    found.into_iter().collect()
}

fn reachable<'m>(from: &'m Module, needs: &BTreeMap<&'m Module, BTreeSet<&'m Module>>) -> BTreeSet<&'m Module> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(module) = waiting.pop() {
        for next in needs.get(module).into_iter().flatten() {
            if reached.insert(*next) {
                waiting.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(files: &[(&str, &str)]) -> BTreeMap<Module, Uses> {
        let mut modules = BTreeMap::new();
        for (name, text) in files {
            let module: Module = name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let mut uses = Vec::new();
            for item in &syn::parse_file(text).expect("Rust").items {
                if let Item::Use(item) = item {
                    named(item, &module, &mut uses);
                }
            }
            modules.insert(module, uses);
        }
        modules
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        circles(&modules(files)).iter().map(listed).collect()
    }

    #[test]
    fn files_that_need_each_other_are_found_through_what_hands_them_on() {
        let root = ("", "pub use a::One; pub use b::{Two, Three};");
        assert_eq!(found(&[root, ("a", "use crate::Two;"), ("b", "use std::fmt;")]), [""; 0]);
        assert_eq!(found(&[root, ("a", "use crate::Two;"), ("b", "use super::{One as Other};")]), ["a, b"]);
        assert_eq!(
            found(&[("", ""), ("a", "pub use inner::Part; struct Whole;"), ("a::inner", "use super::Whole;")]),
            ["a, a::inner"]
        );
        assert_eq!(
            found(&[("a", "use a::one::X;"), ("a::one", "use super::two::Y;"), ("a::two", "use tokio::{self, time};")]),
            [""; 0]
        );
        assert_eq!(
            found(&[("a", "use crate::b::*;"), ("b", "use crate::c::{self, Z};"), ("c", "use crate::a::W;")]),
            ["a, b, c"]
        );
    }
}
