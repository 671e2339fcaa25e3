//! Whether two builds say and write the same: the commands that read, plan, rehearse and apply, over the demo organization and a generated one, a plan of each,
//! its rehearsal and its apply. What differs between any two runs is masked: times, hashes, ports, durations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use calamine::{Reader, Xlsx, open_workbook};
use clap::Args;
use regex::Regex;

use crate::samples::SAMPLE_TIME;
use crate::shell::{binary, target};

#[derive(Debug, Args)]
pub(crate) struct Same {
    /// The binary of before
    before: PathBuf,
    /// What is meant to differ: lines `old<tab>new`, and `line` or `file`, a tab and a pattern of what is left out
    #[arg(long)]
    named_changes: Option<PathBuf>,
}

pub(crate) fn check(same: &Same) -> Result<()> {
    let binary = binary()?;
    let named = match &same.named_changes {
        None => NamedChanges::default(),
        Some(path) => NamedChanges::read(&fs_err::read_to_string(path)?)?,
    };
    let before = named.of_before(everything(&fs_err::canonicalize(&same.before)?)?);
    let after = named.of_after(everything(&binary)?);
    keep(&before, &target().join("same/before"))?;
    keep(&after, &target().join("same/after"))?;
    let everything_named: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut differing = 0;
    for name in &everything_named {
        let lines = |side: &BTreeMap<String, String>| -> Vec<String> {
            side.get(*name).map_or_else(Vec::new, |text| text.lines().map(str::to_owned).collect())
        };
        let (old, new) = (lines(&before), lines(&after));
        if old == new {
            continue;
        }
        differing += 1;
        let at = old.iter().zip(&new).position(|(old, new)| old != new).unwrap_or(old.len().min(new.len()));
        println!("{name} differs in line {}:", at + 1);
        for (sign, side) in [("-", &old), ("+", &new)] {
            let line: String = side.get(at).map_or("(nothing)", String::as_str).chars().take(600).collect();
            println!("  {sign} {line}");
        }
    }
    println!("{} files and screens compared, {differing} differ", everything_named.len());
    ensure!(differing == 0, "{differing} differ");
    Ok(())
}

/// What is meant to differ.
#[derive(Default)]
struct NamedChanges {
    /// Texts of before, and what is said now.
    words: Vec<(String, String)>,
    /// Lines that are left out on both sides.
    lines: Vec<Regex>,
    /// Files and screens that are left out.
    files: Vec<Regex>,
}

impl NamedChanges {
    fn read(text: &str) -> Result<Self> {
        let mut named = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once('\t').with_context(|| format!("`{line}` is not two fields with a tab between"))? {
                ("line", pattern) => named.lines.push(Regex::new(pattern)?),
                ("file", pattern) => named.files.push(Regex::new(pattern)?),
                (old, new) => named.words.push((old.to_owned(), new.to_owned())),
            }
        }
        Ok(named)
    }

    fn of_before(&self, texts: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let renamed = |text: &str| self.words.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new));
        self.of_after(texts.into_iter().map(|(name, text)| (renamed(&name), renamed(&text))).collect())
    }

    fn of_after(&self, texts: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let kept = texts.into_iter().filter(|(name, _)| !self.files.iter().any(|file| file.is_match(name)));
        kept.map(|(name, text)| (name, self.left_over(&text))).collect()
    }

    /// Sorted where something has another name: it is elsewhere then.
    fn left_over(&self, text: &str) -> String {
        let mut lines: Vec<&str> =
            text.lines().filter(|line| !self.lines.iter().any(|pattern| pattern.is_match(line))).collect();
        if !self.words.is_empty() {
            lines.sort_unstable();
        }
        lines.join("\n")
    }
}

/// Both sides, to look at with other tools.
fn keep(texts: &BTreeMap<String, String>, folder: &Path) -> Result<()> {
    let _ = fs_err::remove_dir_all(folder);
    for (name, text) in texts {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::write(path, text)?;
    }
    Ok(())
}

/// A server that is stopped when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that a binary says and writes, by name, masked.
fn everything(binary_of: &Path) -> Result<BTreeMap<String, String>> {
    let (folder, beside) = (tempfile::tempdir()?, tempfile::tempdir()?);
    // Help pages and runbooks name the program as it is called.
    let binary = &beside.path().join("scangap");
    fs_err::copy(binary_of, binary)?;
    let mut texts = BTreeMap::new();
    let mut say = |name: &str, at: &Path, variables: &[(String, String)], arguments: &[&str]| -> Result<()> {
        fs_err::create_dir_all(at)?;
        let done = Command::new(binary)
            .args(arguments)
            .current_dir(at)
            .env_clear()
            .env("HOME", folder.path())
            .env("SOURCE_DATE_EPOCH", SAMPLE_TIME)
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .output()?;
        let code = done.status.code().unwrap_or(-1);
        let out = String::from_utf8_lossy(&done.stdout);
        // Steps of a batch run side by side: what they say comes in any order.
        let in_any_order = arguments.iter().any(|word| matches!(*word, "apply" | "rehearse"));
        let errors = String::from_utf8_lossy(&done.stderr);
        let mut errors: Vec<&str> = errors.lines().collect();
        if in_any_order {
            errors.sort_unstable();
        }
        let text = format!("exit {code}\n{out}\n--\n{}\n", errors.join("\n"));
        texts.insert(format!("screens/{name}"), masked(&text, folder.path())?);
        Ok(())
    };
    let help =
        ["audit", "report", "diff", "verify", "explain", "schema", "plan", "rehearse", "apply", "demo", "simulate"];
    say("help", folder.path(), &[], &["--help"])?;
    for command in help {
        say(&format!("help-{command}"), folder.path(), &[], &[command, "--help"])?;
    }
    let organizations: [(&str, &[&str]); 2] =
        [("demo", &[]), ("generated", &["--accounts", "40", "--regions", "2", "--repositories", "6", "--seed", "7"])];
    for (name, arguments) in organizations {
        let (server, variables) = serve(binary, arguments)?;
        let at = folder.path().join(name);
        let steps: [(&str, &[&str]); 12] = [
            ("audit", &["audit", "--out", "audit", "--no-progress"]),
            ("audit-json", &["audit", "--out", "again", "--no-progress", "--output", "json"]),
            ("diff", &["diff", "audit/snapshot.db", "again/snapshot.db"]),
            ("report", &["report", "audit/snapshot.db", "--out", "report"]),
            ("verify", &["verify", "report"]),
            ("plan", &["plan", "audit/snapshot.db", "--out", "plan-uncounted"]),
            ("plan-counted", &["plan", "audit/snapshot.db", "--collect", "--min-age", "0h", "--out", "plan"]),
            ("report-planned", &["report", "audit/snapshot.db", "--plan", "plan", "--out", "report-planned"]),
            ("rehearse", &["rehearse", "plan", "--no-progress"]),
            ("dry-run", &["apply", "plan", "--write-role-name", ROLE, "--dry-run", "--no-progress"]),
            ("apply-refused", &["apply", "plan", "--write-role-name", ROLE, "--confirm", "o-other", "--no-progress"]),
            ("audit-partial", &["audit", "--regions", "eu-west-1", "--out", "partial", "--no-progress", "--images"]),
        ];
        for (step, arguments) in steps {
            say(&format!("{name}-{step}"), &at, &variables, arguments)?;
        }
        let plan: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(at.join("plan/plan.json"))?)?;
        let member = |pointer: &str| plan.pointer(pointer).with_context(|| format!("plan.json has no {pointer}"));
        let organization = member("/organization_id")?.as_str().unwrap_or_default().to_owned();
        let lost = member("/losses/findings")?.to_string();
        let applied = ["apply", "plan", "--write-role-name", ROLE, "--confirm", &organization, "--no-progress"];
        let more = ["--accept-history-loss", &lost, "--batch", "1", "--wait", "5s"];
        say(&format!("{name}-apply"), &at, &variables, &[&applied[..], &more].concat())?;
        drop(server);
    }
    let mut files = Vec::new();
    walk(folder.path(), &mut files)?;
    for path in files {
        let name = path.strip_prefix(folder.path())?.to_string_lossy().into_owned();
        let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let text = match kind {
            "db" | "gz" => continue,
            "xlsx" => workbook(&path)?,
            _ => fs_err::read_to_string(&path)?,
        };
        let text = masked(&text, folder.path())?;
        let text = if name.ends_with("journal.jsonl") { journal(&text)? } else { text };
        texts.insert(masked(&name, folder.path())?, text);
    }
    Ok(texts)
}

const ROLE: &str = "OrganizationAccountAccessRole";

/// A simulated organization, and the variables that its first line says.
fn serve(binary: &Path, arguments: &[&str]) -> Result<(Server, Vec<(String, String)>)> {
    use std::io::BufRead;
    let mut child = Command::new(binary)
        .arg("simulate")
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", SAMPLE_TIME)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("its output is read")?;
    std::io::BufReader::new(stdout).read_line(&mut line)?;
    let words = line.trim().trim_start_matches("export ").split(' ');
    let variables =
        words.filter_map(|word| word.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok((Server(child), variables.collect()))
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Every sheet of a workbook, a row a line.
fn workbook(path: &Path) -> Result<String> {
    let mut workbook: Xlsx<_> = open_workbook(path)?;
    let mut text = String::new();
    for name in workbook.sheet_names() {
        writeln!(text, "== {name}")?;
        for row in workbook.worksheet_range(&name)?.rows() {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
    }
    Ok(text)
}

/// What differs between any two runs of one binary, and what is written instead.
const MASKS: &[(&str, &str)] = &[
    // The page's rows, packed; the workbook and CSV have them too.
    (r#"id="data">[^<]*"#, "id=\"data\"><packed>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"\b20\d\d-\d\d-\d\dT[0-9:.]+Z", "<time>"),
    (r"\b20\d{6}T\d+Z", "<time>"),
    // A workbook's times are days.
    (r"\b\d{5}\.\d{3,}", "<time>"),
    (r"\b[0-9a-f]{64}\b", "<hash>"),
    (r"\b(plan|facts) +[0-9a-f]{12}\b", "$1 <hash>"),
    (r"\b\d+(\.\d+)?m?s\b", "<duration>"),
    (r#""bytes": \d+"#, "\"bytes\": <number>"),
    (r#""(duration_ms|wall_ms|waited_ms)": \d+"#, "\"$1\": <number>"),
];

/// The text without what differs between any two runs of one binary.
fn masked(text: &str, folder: &Path) -> Result<String> {
    let mut text = text.replace(&folder.to_string_lossy().into_owned(), "<folder>");
    for (pattern, instead) in MASKS {
        text = Regex::new(pattern)?.replace_all(&text, *instead).into_owned();
    }
    Ok(text)
}

/// A journal's lines in an order of their own: steps of a batch end in any.
fn journal(text: &str) -> Result<String> {
    let number = Regex::new(r#""line":\d+"#)?;
    let mut lines: Vec<String> = text.lines().map(|line| number.replace(line, "").into_owned()).collect();
    lines.sort();
    Ok(lines.join("\n"))
}
