//! The documentation as a site: the pages of this repository, in the order of `docs/SUMMARY.md`, built by mdBook, every link followed.
//!
//! Pages link to each other and to files of the repository as they lie there. What is linked is copied, so that a link that works in
//! the repository works on the site.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use regex::Regex;

use crate::shell::{root, target};

/// The order of the pages.
const SUMMARY: &str = "docs/SUMMARY.md";
const SETTINGS: &str = "docs/site.toml";

pub(crate) fn run(mdbook: &Path) -> Result<()> {
    let (from, to) = (target().join("site-pages"), target().join("site"));
    for folder in [&from, &to] {
        if folder.exists() {
            fs_err::remove_dir_all(folder)?;
        }
    }
    let pages = gather(&from)?;
    let built = Command::new(mdbook).arg("build").arg(&from).arg("--dest-dir").arg(&to).output()?;
    let said = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success() && !said.contains("WARN"), "mdBook: {said}");
    let broken = broken_links(&to)?;
    for link in &broken {
        eprintln!("site: {link}");
    }
    ensure!(broken.is_empty(), "{} links lead nowhere", broken.len());
    eprintln!("site: {pages} pages in target/site");
    Ok(())
}

/// Copies the pages of the summary, and what they link to. Pages that only others link to come last.
fn gather(to: &Path) -> Result<usize> {
    let link = Regex::new(r"\]\(([^)\s]+)\)")?;
    let summary = fs_err::read_to_string(root().join(SUMMARY))?;
    let listed: Vec<PathBuf> =
        link.captures_iter(&summary).filter_map(|found| Some(found.get(1)?.as_str().into())).collect();
    let mut seen: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    let (mut queue, mut others) = (listed.clone(), Vec::new());
    while let Some(file) = queue.pop() {
        let source = root().join(&file);
        let target = to.join(&file);
        if source.is_dir() {
            copy_folder(&source, &target)?;
            continue;
        }
        fs_err::create_dir_all(target.parent().unwrap_or(to))?;
        fs_err::copy(&source, &target).with_context(|| format!("{} is linked, and is not there", file.display()))?;
        if file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        if !listed.contains(&file) {
            others.push(file.clone());
        }
        let text = fs_err::read_to_string(&source)?;
        for found in link.captures_iter(&text) {
            let target = found.get(1).map_or("", |found| found.as_str());
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let path = plain(&file.parent().unwrap_or(Path::new("")).join(path));
            if seen.insert(path.clone()) {
                queue.push(path);
            }
        }
    }
    others.sort();
    let mut summary = summary;
    summary.push_str("\n# Evidence\n\n");
    for page in &others {
        let text = fs_err::read_to_string(root().join(page))?;
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("Page").to_owned();
        writeln!(summary, "- [{title}]({})", page.display())?;
    }
    fs_err::write(to.join("SUMMARY.md"), summary)?;
    fs_err::copy(root().join(SETTINGS), to.join("book.toml"))?;
    Ok(listed.len() + others.len())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs_err::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Links of the built pages to files or places that are not there.
fn broken_links(site: &Path) -> Result<Vec<String>> {
    let link = Regex::new(r#"(?:href|src)="([^"]+)""#)?;
    let id = Regex::new(r#"\sid="([^"]+)""#)?;
    let mut pages = BTreeMap::new();
    read_pages(site, site, &mut pages)?;
    let ids: BTreeMap<&PathBuf, BTreeSet<&str>> = pages
        .iter()
        .map(|(page, text)| (page, id.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect()))
        .collect();
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for target in link.captures_iter(text).filter_map(|found| found.get(1)).map(|found| found.as_str()) {
            if target.contains("://")
                || ["mailto:", "data:", "javascript:"].iter().any(|other| target.starts_with(other))
            {
                continue;
            }
            let target = target.replace("&amp;", "&");
            let (path, place) = target.split_once('#').unwrap_or((&target, ""));
            let path =
                if path.is_empty() { page.clone() } else { plain(&page.parent().unwrap_or(Path::new("")).join(path)) };
            let is_there = site.join(&path).exists();
            let has_place = place.is_empty() || ids.get(&path).is_none_or(|ids| ids.contains(place));
            if !is_there || !has_place {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    Ok(broken)
}

fn read_pages(site: &Path, folder: &Path, pages: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_pages(site, &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "html")
            && path.file_name().is_some_and(|name| name != "404.html")
        {
            // What was copied as it is, such as the sample reports, has links of its own kind.
            let text = fs_err::read_to_string(&path)?;
            if text.contains("mdbook") || text.contains("mdBook") {
                pages.insert(path.strip_prefix(site)?.to_owned(), text);
            }
        }
    }
    Ok(())
}
