//! Finds the files and reads them: a folder is searched as git sees it, the files of a Terraform module are read together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use scangap_iac::{
    Declarations, ExceptionNote, FileProblem, Form, Place, ReadProblem, Source, cdk_environments, decode, form,
    may_matter, read_data, read_module,
};

use crate::args::Gate;
use crate::error::CliError;
use crate::values::BadValue;

/// Larger than any template or plan.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What is read at once.
#[derive(Debug)]
pub(super) enum Unit {
    /// A file of data; `asked`: it was named.
    Data {
        path: PathBuf,
        asked: bool,
    },
    /// A folder's files of HCL. Only what stands in those that are asked about is reported.
    Module {
        paths: Vec<PathBuf>,
        asked: Option<BTreeSet<PathBuf>>,
    },
    Stdin,
}

/// What a unit states.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) source: Source,
    pub(super) stated: Declarations,
    pub(super) problems: Vec<FileProblem>,
    pub(super) notes: Vec<ExceptionNote>,
    pub(super) n_files: usize,
    pub(super) is_module: bool,
    /// Where the resources of a plan are written, by their address.
    pub(super) written: BTreeMap<String, (Place, Place)>,
    /// Files that findings are reported of; `None`: all.
    pub(super) reported: Option<BTreeSet<String>>,
}

/// Everything that the arguments name.
pub(super) fn units(command: &Gate) -> Result<(Vec<Unit>, Vec<FileProblem>), CliError> {
    let mut data: BTreeMap<PathBuf, bool> = BTreeMap::new();
    let mut modules: BTreeMap<PathBuf, Option<BTreeSet<PathBuf>>> = BTreeMap::new();
    let mut units = Vec::new();
    let mut problems = Vec::new();
    for path in &command.paths {
        if path == Path::new("-") {
            units.push(Unit::Stdin);
        } else if path.is_dir() {
            walk(path, None, command.no_ignore, &mut data, &mut modules, &mut problems)?;
        } else if path.exists() {
            match form(&path.to_string_lossy()) {
                Some(Form::Hcl) => {
                    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
                    if let Some(asked) = modules.entry(folder).or_insert_with(|| Some(BTreeSet::new())) {
                        asked.insert(path.clone());
                    }
                }
                Some(Form::Data) | None => drop(data.insert(path.clone(), !command.skip_unrelated)),
            }
        } else if let Some((folder, pattern)) = pattern(path) {
            let before = data.len() + modules.len();
            walk(&folder, Some(&pattern), command.no_ignore, &mut data, &mut modules, &mut problems)?;
            if data.len() + modules.len() == before {
                return Err(missing(path));
            }
        } else {
            return Err(missing(path));
        }
    }
    units.extend(data.into_iter().map(|(path, asked)| Unit::Data { path, asked }));
    for (folder, asked) in modules {
        match hcl_files(&folder) {
            Ok(paths) => units.push(Unit::Module { paths, asked }),
            Err(error) => problems.push(problem(&folder, error.to_string())),
        }
    }
    Ok((units, problems))
}

fn missing(path: &Path) -> CliError {
    let hint = "name files, folders, patterns, or - for standard input";
    BadValue::new(&path.to_string_lossy(), "a file or a folder that is there", hint).into()
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

fn walk(
    folder: &Path,
    pattern: Option<&str>,
    no_ignore: bool,
    data: &mut BTreeMap<PathBuf, bool>,
    modules: &mut BTreeMap<PathBuf, Option<BTreeSet<PathBuf>>>,
    problems: &mut Vec<FileProblem>,
) -> Result<(), CliError> {
    let mut builder = WalkBuilder::new(folder);
    builder.standard_filters(!no_ignore).hidden(true).require_git(false).follow_links(false);
    builder.sort_by_file_path(Ord::cmp);
    if let Some(pattern) = pattern {
        let wrong = |error: ignore::Error| BadValue::new(pattern, "a pattern", error.to_string());
        let mut overrides = OverrideBuilder::new(folder);
        overrides.add(&format!("/{pattern}")).map_err(wrong)?;
        builder.overrides(overrides.build().map_err(wrong)?);
    }
    for entry in builder.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                problems.push(problem(folder, error.to_string()));
                continue;
            }
        };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.into_path();
        match form(&path.to_string_lossy()) {
            Some(Form::Hcl) => {
                modules.insert(path.parent().map(Path::to_owned).unwrap_or_default(), None);
            }
            Some(Form::Data) => {
                data.entry(path).or_insert(false);
            }
            None => {}
        }
    }
    Ok(())
}

fn hcl_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(here)? {
        let name = entry?.file_name();
        if form(&name.to_string_lossy()) == Some(Form::Hcl) {
            paths.push(folder.join(name));
        }
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn read(unit: Unit) -> Read {
    match unit {
        Unit::Stdin => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes).and_then(|_| decode(&bytes));
            of_data("-", true, read.map(|(text, _)| text))
        }
        Unit::Data { path, asked } => {
            let name = shown(&path);
            match bytes_of(&path) {
                // Where a folder is searched, a file that is no text and says nothing of ECR is none of ours.
                Ok(bytes) if !asked && !may_matter(&String::from_utf8_lossy(&bytes)) && !is_utf16(&bytes) => {
                    nothing(name)
                }
                Ok(bytes) => {
                    let mut read = of_data(&name, asked, decode(&bytes).map(|(text, _)| text));
                    place_stack(&mut read.stated, &path);
                    read
                }
                Err(error) => of_data(&name, asked, Err(error)),
            }
        }
        Unit::Module { paths, asked } => of_module(&paths, asked),
    }
}

/// What the CDK synthesized is deployed where the manifest beside it says.
fn place_stack(declared: &mut Declarations, path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if declared.policies.is_empty() || !name.ends_with(".template.json") {
        return;
    }
    let Ok(manifest) = fs_err::read_to_string(path.with_file_name("manifest.json")) else { return };
    let Some(place) = cdk_environments(&manifest).remove(&*name) else { return };
    let policies = declared.policies.iter_mut().map(|policy| &mut policy.place);
    for one in policies.chain(declared.settings.iter_mut().map(|setting| &mut setting.place)) {
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

fn nothing(name: String) -> Read {
    Read {
        source: Source::new(name, String::new()),
        stated: Declarations::default(),
        problems: Vec::new(),
        notes: Vec::new(),
        n_files: 1,
        is_module: false,
        written: BTreeMap::new(),
        reported: None,
    }
}

fn of_data(name: &str, asked: bool, text: std::io::Result<String>) -> Read {
    let mut read = nothing(name.to_owned());
    match text {
        Ok(text) if asked || may_matter(&text) => {
            read.source = Source::new(name, text);
            match read_data(&read.source, asked) {
                Ok(stated) => read.stated = stated,
                Err(error) => read.problems.push(unread(&read.source, 0, &error)),
            }
        }
        Ok(_) => {}
        Err(error) => read.problems.push(problem(Path::new(name), error.to_string())),
    }
    read
}

fn of_module(paths: &[PathBuf], asked: Option<BTreeSet<PathBuf>>) -> Read {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match bytes_of(path).and_then(|bytes| decode(&bytes)) {
            Ok((text, _)) => files.push((shown(path), text)),
            Err(error) => problems.push(problem(path, error.to_string())),
        }
    }
    let n_files = files.len();
    // Locals and documents of other files count where any file has what matters.
    let matters = files.iter().any(|(_, text)| may_matter(text));
    let source = Source::joined(if matters { files } else { Vec::new() });
    let (stated, unreadable) = if matters { read_module(&source) } else { (Declarations::default(), Vec::new()) };
    for (at, error) in unreadable {
        let start = source.files().nth(at).map_or(0, |(_, (start, _))| start);
        problems.push(unread(&source, start, &error));
    }
    let reported: Option<BTreeSet<String>> = asked.map(|asked| asked.iter().map(|path| shown(path)).collect());
    if let Some(reported) = &reported {
        problems.retain(|problem| reported.contains(&problem.place.file));
    }
    Read { source, stated, problems, notes: Vec::new(), n_files, is_module: true, written: BTreeMap::new(), reported }
}

fn unread(source: &Source, start: usize, error: &ReadProblem) -> FileProblem {
    FileProblem { place: source.place(start + error.offset().unwrap_or(0)), message: error.to_string() }
}

fn problem(path: &Path, message: String) -> FileProblem {
    FileProblem { place: Place { file: shown(path), line: 1, column: 1 }, message }
}
