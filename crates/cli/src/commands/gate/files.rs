//! Finds the files and reads them: a folder is searched as git sees it, the files of a Terraform module are read together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use scangap_iac::{
    Attached, Declarations, FileProblem, Form, Place, ReadProblem, Setting, Source, Span, cdk_environments, decode,
    form, may_matter, read_data, read_module,
};

use crate::args::Gate;
use crate::error::CliError;
use crate::values::BadValue;

/// Larger than any template or plan.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What is read at once.
#[derive(Debug)]
pub(super) enum Unit {
    /// A file of data; `is_named`: on the command line, and not found in a folder.
    Data {
        path: PathBuf,
        is_named: bool,
    },
    /// The files of HCL in a folder: they are one module, whichever of them is named.
    Module {
        folder: PathBuf,
    },
    Stdin,
}

/// What a unit states.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) source: Source,
    pub(super) declarations: Declarations,
    pub(super) problems: Vec<FileProblem>,
    pub(super) n_files: usize,
    /// The folder of a module or of a file, from the root of the system.
    pub(super) folder: PathBuf,
    pub(super) is_module: bool,
}

impl Read {
    /// Where it names ECR's resources in a form that is not read: `stack.yml`, `main.tf:12`.
    pub(super) fn unrecognized(&self) -> Vec<String> {
        let place = |(start, end): &Span| {
            let place = self.source.place(*start);
            if *end == 0 { place.file } else { format!("{}:{}", place.file, place.line) }
        };
        self.declarations.unrecognized.iter().map(place).collect()
    }

    /// Whether it cannot be judged by itself. `is_planned`: there are plans, which a module may belong to.
    pub(super) fn needs_others(&self, is_planned: bool) -> bool {
        let Declarations { is_plan, policies, settings, .. } = &self.declarations;
        let of_registries = policies.iter().any(|policy| policy.attached_to == Attached::Registry)
            || settings.iter().any(|one| matches!(one.setting, Setting::RegistryPolicyScope(_)));
        let states = !policies.is_empty() || !settings.is_empty();
        *is_plan || of_registries || is_planned && self.is_module && states
    }
}

/// What the arguments name, by form.
#[derive(Debug, Default)]
struct Found {
    data: BTreeMap<PathBuf, bool>,
    modules: BTreeSet<PathBuf>,
    problems: Vec<FileProblem>,
}

/// Everything that the arguments name.
pub(super) fn units(command: &Gate) -> Result<(Vec<Unit>, Vec<FileProblem>), CliError> {
    let mut found = Found::default();
    let mut units = Vec::new();
    for path in &command.paths {
        if path == Path::new("-") {
            units.push(Unit::Stdin);
        } else if path.is_dir() {
            walk(path, None, command, &mut found)?;
        } else if path.exists() {
            match form(&path.to_string_lossy()) {
                Some(Form::Hcl) => drop(found.modules.insert(parent(path))),
                Some(Form::Data) | None => drop(found.data.insert(path.clone(), !command.skip_unrelated)),
            }
        } else {
            let before = found.data.len() + found.modules.len();
            if let Some((folder, pattern)) = pattern(path) {
                walk(&folder, Some(&pattern), command, &mut found)?;
            }
            if found.data.len() + found.modules.len() == before {
                found.problems.push(problem(path, "there is no such file or folder"));
            }
        }
    }
    units.extend(found.data.into_iter().map(|(path, is_named)| Unit::Data { path, is_named }));
    units.extend(found.modules.into_iter().map(|folder| Unit::Module { folder }));
    Ok((units, found.problems))
}

/// The path from the root of the system: whether one folder is in another is told by it.
fn whole(folder: &Path) -> PathBuf {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs_err::canonicalize(here).unwrap_or_else(|_| folder.to_owned())
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// A pattern with the folder that it begins in: shells of some systems do not expand them.
fn pattern(path: &Path) -> Option<(PathBuf, String)> {
    let text = path.to_str().filter(|text| text.contains(['*', '?', '[', '{']))?;
    let parts: Vec<&str> = text.split('/').collect();
    let plain = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{'])).count();
    let folder: PathBuf = if plain == 0 { PathBuf::from(".") } else { parts.iter().take(plain).collect() };
    let folder = if text.starts_with('/') { Path::new("/").join(folder) } else { folder };
    Some((folder, parts.into_iter().skip(plain).collect::<Vec<_>>().join("/")))
}

fn walk(folder: &Path, pattern: Option<&str>, command: &Gate, found: &mut Found) -> Result<(), CliError> {
    let mut builder = WalkBuilder::new(folder);
    builder.standard_filters(!command.no_ignore).hidden(false).ignore(false).require_git(false).follow_links(false);
    // What git and Terraform keep for themselves.
    builder.filter_entry(|entry| entry.file_name() != ".git" && entry.file_name() != ".terraform");
    builder.sort_by_file_path(Ord::cmp);
    let patterns = pattern.map(|pattern| format!("/{pattern}")).into_iter();
    let patterns: Vec<String> = patterns.chain(command.exclude.iter().map(|pattern| format!("!{pattern}"))).collect();
    if !patterns.is_empty() {
        let mut overrides = OverrideBuilder::new(folder);
        for pattern in &patterns {
            let wrong = |error: ignore::Error| BadValue::new(pattern, "a pattern", error.to_string());
            overrides.add(pattern).map_err(wrong)?;
        }
        let wrong = |error: ignore::Error| BadValue::new(&patterns.join(", "), "a pattern", error.to_string());
        builder.overrides(overrides.build().map_err(wrong)?);
    }
    for entry in builder.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.problems.push(problem(folder, &error.to_string()));
                continue;
            }
        };
        let kind = entry.file_type();
        let path = entry.into_path();
        let form = form(&path.to_string_lossy());
        if kind.is_some_and(|kind| kind.is_symlink()) && form.is_some() {
            // Terraform follows links to files; folders are not followed, which could go round.
            match fs_err::metadata(&path) {
                Ok(target) if target.is_file() => {}
                Ok(_) => continue,
                // The module reads its files, and says which it cannot.
                Err(_) if form == Some(Form::Hcl) => {}
                Err(error) => {
                    found.problems.push(problem(&path, &error.to_string()));
                    continue;
                }
            }
        } else if !kind.is_some_and(|kind| kind.is_file()) {
            continue;
        }
        match form {
            Some(Form::Hcl) => drop(found.modules.insert(parent(&path))),
            Some(Form::Data) => drop(found.data.entry(path).or_insert(false)),
            None => {}
        }
    }
    Ok(())
}

/// The files of HCL in a folder.
fn hcl_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(here)? {
        let name = entry?.file_name();
        if form(&name.to_string_lossy()) == Some(Form::Hcl) {
            paths.push(folder.join(name));
        }
    }
    // Terraform reads overrides last.
    let is_override = |path: &PathBuf| {
        path.file_stem().is_some_and(|stem| stem == "override" || stem.to_string_lossy().ends_with("_override"))
    };
    paths.sort_by_key(|path| (is_override(path), path.clone()));
    Ok(paths)
}

pub(super) fn read(unit: Unit) -> Read {
    match unit {
        Unit::Stdin => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes).and_then(|_| decode(&bytes));
            match read {
                // HCL says of itself what it is; all else is told apart as a file of data.
                Ok((text, _)) if is_hcl(&text) => of_hcl(vec![("-".to_owned(), text)], Vec::new(), Path::new("")),
                read => of_data(Path::new("-"), true, read.map(|(text, _)| text)),
            }
        }
        Unit::Data { path, is_named } => match bytes_of(&path) {
            // Where a folder is searched, a file that is no text and says nothing of ECR is none of ours.
            Ok(bytes) if !is_named && !is_utf16(&bytes) && !may_matter(&String::from_utf8_lossy(&bytes)) => {
                nothing(&path)
            }
            Ok(bytes) => {
                let mut read = of_data(&path, is_named, decode(&bytes).map(|(text, _)| text));
                place_stack(&mut read.declarations, &path);
                read
            }
            Err(error) => of_data(&path, is_named, Err(error)),
        },
        Unit::Module { folder } => of_module(&folder),
    }
}

fn is_hcl(text: &str) -> bool {
    text.lines()
        .any(|line| ["resource \"", "data \"", "locals {"].iter().any(|mark| line.trim_start().starts_with(mark)))
}

/// What the CDK synthesized is deployed where the manifest beside it says.
fn place_stack(declarations: &mut Declarations, path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.ends_with(".template.json") {
        return;
    }
    let Ok(manifest) = fs_err::read_to_string(path.with_file_name("manifest.json")) else { return };
    let Some(place) = cdk_environments(&manifest).remove(&*name) else { return };
    let policies = declarations.policies.iter_mut().map(|policy| &mut policy.place);
    for one in policies.chain(declarations.settings.iter_mut().map(|setting| &mut setting.place)) {
        one.account = one.account.or(place.account);
        one.region = one.region.take().or_else(|| place.region.clone());
    }
}

fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF])
}

fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = fs_err::File::open(path)?;
    if file.metadata()?.len() > BYTES_MAX {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is larger than any template or plan"));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As people write it: without the `./` of a search.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

fn nothing(path: &Path) -> Read {
    Read {
        source: Source::new(shown(path), String::new()),
        declarations: Declarations::default(),
        problems: Vec::new(),
        n_files: 1,
        folder: whole(&parent(path)),
        is_module: false,
    }
}

fn of_data(path: &Path, is_named: bool, text: std::io::Result<String>) -> Read {
    let mut read = nothing(path);
    match text {
        Ok(text) if is_named || may_matter(&text) => {
            read.source = Source::new(shown(path), text);
            match read_data(&read.source, is_named) {
                Ok(declarations) => read.declarations = declarations,
                Err(error) => read.problems.push(unread(&read.source, 0, &error)),
            }
        }
        Ok(_) => {}
        Err(error) => read.problems.push(problem(path, &error.to_string())),
    }
    read
}

fn of_module(folder: &Path) -> Read {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let paths = hcl_files(folder).unwrap_or_else(|error| {
        problems.push(problem(folder, &error.to_string()));
        Vec::new()
    });
    for path in paths {
        match bytes_of(&path).and_then(|bytes| decode(&bytes)) {
            Ok((text, _)) => files.push((shown(&path), text)),
            Err(error) => problems.push(problem(&path, &error.to_string())),
        }
    }
    of_hcl(files, problems, folder)
}

fn of_hcl(files: Vec<(String, String)>, mut problems: Vec<FileProblem>, folder: &Path) -> Read {
    let n_files = files.len();
    // Locals and documents of other files count where any file has what matters.
    let matters = files.iter().any(|(_, text)| may_matter(text));
    let source = Source::joined(if matters { files } else { Vec::new() });
    let (declarations, unreadable) = if matters { read_module(&source) } else { (Declarations::default(), Vec::new()) };
    for (at, error) in unreadable {
        let start = source.files().nth(at).map_or(0, |(_, (start, _))| start);
        problems.push(unread(&source, start, &error));
    }
    Read { source, declarations, problems, n_files, folder: whole(folder), is_module: true }
}

fn unread(source: &Source, start: usize, error: &ReadProblem) -> FileProblem {
    FileProblem { place: source.place(start + error.offset().unwrap_or(0)), message: error.to_string() }
}

fn problem(path: &Path, message: &str) -> FileProblem {
    FileProblem { place: Place { file: shown(path), line: 1, column: 1 }, message: message.to_owned() }
}
