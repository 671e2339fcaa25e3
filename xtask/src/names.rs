//! One name, one thing: no two crates export the same name, so that a reader who meets it knows what it is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use syn::{Item, UseTree, Visibility};

use crate::shell::root;

/// Adds a problem for each name that two crates export.
pub(crate) fn look(problems: &mut Vec<String>) -> Result<()> {
    let mut crates_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs_err::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = folder.join("src/lib.rs");
        let text = fs_err::read_to_string(&path)?;
        let file = syn::parse_file(&text).with_context(|| format!("{} is not Rust", path.display()))?;
        for exported in exported(&file) {
            crates_of.entry(exported).or_default().insert(name.clone());
        }
    }
    for (name, crates) in crates_of.iter().filter(|(_, crates)| crates.len() > 1) {
        let crates: Vec<&str> = crates.iter().map(String::as_str).collect();
        problems.push(format!("`{name}` is exported by {}: one name, one thing", crates.join(" and ")));
    }
    Ok(())
}

fn exported(file: &syn::File) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let is_public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
    for item in &file.items {
        match item {
            Item::Use(item) if is_public(&item.vis) => used(&item.tree, &mut names),
            Item::Fn(item) if is_public(&item.vis) && item.sig.ident != "main" => {
                names.insert(item.sig.ident.to_string());
            }
            Item::Struct(item) if is_public(&item.vis) => drop(names.insert(item.ident.to_string())),
            Item::Enum(item) if is_public(&item.vis) => drop(names.insert(item.ident.to_string())),
            Item::Const(item) if is_public(&item.vis) => drop(names.insert(item.ident.to_string())),
            Item::Type(item) if is_public(&item.vis) => drop(names.insert(item.ident.to_string())),
            _ => {}
        }
    }
    names
}

/// What another crate of ours exports and this one hands on is the same thing.
fn used(tree: &UseTree, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) if path.ident.to_string().starts_with("scangap_") => {}
        UseTree::Path(path) => used(&path.tree, names),
        UseTree::Name(name) => drop(names.insert(name.ident.to_string())),
        UseTree::Rename(rename) => drop(names.insert(rename.rename.to_string())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| used(tree, names)),
        UseTree::Glob(_) => {}
    }
}
