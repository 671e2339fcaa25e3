//! From answers and settings to findings, each with its place, its words and its repair.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scangap_assess::{UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use scangap_iac::{
    Addition, Attached, Comment, DeclaredPolicy, DeclaredSetting, Destroyed, ExceptionNote, FileProblem, Finding,
    Language, Level, NoText, NotKnown, Place, Replacement, Setting, Span, additions, comments, fingerprint, insertions,
    repair_lines,
};
use scangap_model::{Verdict, sanitize};
use scangap_policy::{Action, Context, Decision, Lint, Responsible, why};
use scangap_report::Acceptance;

use super::files::Read;
use super::judge::{self, Asked, Judged, Scopes, without_made_up_account};
use super::places::Configuration;
use crate::excerpt;
use crate::gate_rules::{self, BASIC_SCANNING, BLOCKED, INSPECTOR_OFF, PRINCIPAL_DENIED, UNDECIDED, UNKNOWN};

/// What a unit came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    pub(super) problems: Vec<FileProblem>,
    /// Policies that were judged and do not count with another unit's.
    pub(super) n_judged: usize,
    /// Those that let everything through.
    pub(super) n_allowed: usize,
    pub(super) comments: Vec<Comment>,
    /// Acceptances of a repository that a policy here is of, by their place.
    pub(super) accepted: BTreeSet<usize>,
    /// Comments that say no reason or no end.
    pub(super) notes: Vec<ExceptionNote>,
    pub(super) n_files: usize,
    /// Where it names ECR's resources in a form that is not read.
    pub(super) unrecognized: Vec<String>,
}

/// What findings are made by.
pub(super) struct Judge<'j> {
    pub(super) asked: &'j Asked,
    pub(super) scopes: &'j Scopes,
    pub(super) configuration: &'j Configuration,
    pub(super) fail_on: &'j [String],
    pub(super) acceptances: &'j [Acceptance],
}

impl Judge<'_> {
    /// Everything that the files of a unit come to; `at` is its place among all units. The unit's text and declarations end here.
    pub(super) fn outcome(&self, at: usize, mut unit: Read) -> Outcome {
        let mut outcome = Outcome {
            problems: std::mem::take(&mut unit.problems),
            n_files: unit.n_files,
            unrecognized: unit.unrecognized(),
            ..Outcome::default()
        };
        outcome.comments = comments(&unit.source, &mut outcome.notes);
        let mut findings = Findings { at, unit: &unit, judge: self, outcome: &mut outcome };
        for policy in &unit.declarations.policies {
            findings.policy(policy, self.scopes.of(at, &policy.place));
        }
        if self.asked.is_about_inspector() {
            for setting in &unit.declarations.settings {
                findings.setting(setting);
            }
        }
        outcome
    }
}

/// Fingerprints tell files apart by their paths in the repository, from whichever folder the gate was started.
pub(super) fn name_files(findings: &mut [Finding]) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for finding in findings {
        let file = finding.place.file.clone();
        let name = known.entry(file).or_insert_with_key(|file| path_in_repository(Path::new(file)));
        finding.fingerprint = fingerprint(&[name, &finding.fingerprint]);
    }
}

/// From the folder that has git's on: without one, from the file's own.
fn path_in_repository(file: &Path) -> String {
    let whole = fs_err::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let root = whole.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    let here = || fs_err::canonicalize(".").ok();
    let root = root.map(Path::to_owned).or_else(here).unwrap_or_default();
    whole.strip_prefix(&root).unwrap_or(file).to_string_lossy().into_owned()
}

/// Two findings that are alike in everything are told apart by their order.
pub(super) fn number_equal_fingerprints(findings: &mut [Finding]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let number = seen.entry(finding.fingerprint.clone()).or_default();
        *number += 1;
        if *number > 1 {
            finding.fingerprint = fingerprint(&[&finding.fingerprint, &number.to_string()]);
        }
    }
}

/// The findings of one unit, as they are made.
struct Findings<'m> {
    at: usize,
    unit: &'m Read,
    judge: &'m Judge<'m>,
    outcome: &'m mut Outcome,
}

/// A finding before it has its place.
struct Draft {
    code: String,
    level: Level,
    message: String,
    span: Span,
    statement: Option<String>,
    excerpt: String,
    repair: Option<String>,
    replacements: Vec<Replacement>,
    /// What else it is told from others by.
    detail: String,
    /// What it would be where it is not known yet: that decides whether it fails.
    about: &'static str,
}

impl Draft {
    fn new(code: &str, level: Level, message: String, span: Span) -> Self {
        Self {
            code: code.to_owned(),
            level,
            message,
            span,
            statement: None,
            excerpt: String::new(),
            repair: None,
            replacements: Vec::new(),
            detail: String::new(),
            about: "",
        }
    }
}

impl Findings<'_> {
    fn policy(&mut self, policy: &DeclaredPolicy, scope: Option<&str>) {
        let source = &self.unit.source;
        let document = match &policy.document {
            Ok(document) => document,
            Err(no_text) => {
                self.judged(policy, false);
                let draft = Draft::new(UNKNOWN, Level::Error, why_unknown(policy, no_text), no_text.span);
                self.add(draft, policy);
                return;
            }
        };
        let judged = match judge::judge(self.judge.asked, policy, document, source, scope) {
            Ok(judged) => judged,
            // An effect, an action or an operator that is not known yet is no mistake.
            Err(_) if !document.leaves.is_empty() => {
                self.judged(policy, false);
                let no_text = NoText { why: document.open_names().join(", "), span: document.span };
                self.add(Draft::new(UNKNOWN, Level::Error, why_unknown(policy, &no_text), document.span), policy);
                return;
            }
            Err(error) => {
                let message = format!("{} is not a policy that AWS would store: {error}", subject(policy));
                self.outcome.problems.push(FileProblem { place: self.place(document.span.0, policy).0, message });
                return;
            }
        };
        let verdict = judged.answer.verdict;
        let is_computed = self.unit.declarations.is_plan
            && policy.language == Language::HclDocument
            && !self.judge.configuration.is_reference(self.at, &policy.address);
        if verdict == Verdict::Allowed && is_computed {
            self.judged(policy, false);
            let message = format!(
                "{} is known after apply: it comes from a document that lets Inspector through, by functions or as it is, which the plan does not say: give the gate the configuration too",
                subject(policy)
            );
            self.add(Draft::new(UNKNOWN, Level::Error, message, document.span), policy);
            return;
        }
        self.judged(policy, verdict == Verdict::Allowed);
        if verdict != Verdict::Allowed {
            let draft = self.verdict(policy, &judged, verdict);
            self.add(draft, policy);
        }
        for lint in &judged.answer.lints {
            let span = judged.written.source_span(lint.span).unwrap_or(document.span);
            let draft =
                Draft { detail: lint.path.clone(), ..Draft::new(lint.code, Level::Warning, lint_message(lint), span) };
            self.add(draft, policy);
        }
    }

    fn judged(&mut self, policy: &DeclaredPolicy, is_allowed: bool) {
        let asked = self.judge.asked;
        let account = policy.place.account.or(asked.account);
        let region = policy.place.region.as_ref().or(asked.region.as_ref());
        let is_about = |one: &Acceptance| {
            one.repository.pattern() != "*" && one.is_of(account, region, policy.repository.as_deref())
        };
        let about = self.judge.acceptances.iter().enumerate().filter(|(_, one)| is_about(one)).map(|(at, _)| at);
        self.outcome.accepted.extend(about);
        // What a plan decides is counted with it.
        if !self.judge.configuration.is_planned(self.at, &policy.address) {
            self.outcome.n_judged += 1;
            self.outcome.n_allowed += usize::from(is_allowed);
        }
    }

    fn verdict(&self, policy: &DeclaredPolicy, judged: &Judged, verdict: Verdict) -> Draft {
        let answer = &judged.answer;
        let mut responsible = responsible(&answer.answer.decisions);
        // Where a statement denies for certain, those that only may are not to blame.
        if verdict == Verdict::Denied && responsible.iter().any(|(_, one)| one.residual.is_none()) {
            responsible.retain(|(_, one)| one.residual.is_none());
        }
        let labels: Vec<String> = responsible.iter().map(|(_, one)| sanitize(&one.label())).collect();
        let (code, message) = if verdict == Verdict::Denied {
            let lacks_allow = answer.answer.decisions.iter().any(|(_, decision)| decision.lacks_allow);
            let by = match (labels.as_slice(), lacks_allow) {
                ([], true) => "no statement allows it, and a principal of elsewhere needs one".to_owned(),
                (labels, _) => labels.join(", "),
            };
            match &self.judge.asked.principal {
                None => (BLOCKED, format!("{} keeps Inspector out: {by}", subject(policy))),
                Some(who) => (PRINCIPAL_DENIED, format!("{} denies {}: {by}", subject(policy), sanitize(who))),
            }
        } else {
            let on: Vec<String> = answer.depends_on.iter().map(|one| depends(one)).collect();
            let by = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
            let does = match &self.judge.asked.principal {
                None => "keeps Inspector out".to_owned(),
                Some(who) => format!("denies {}", sanitize(who)),
            };
            (UNDECIDED, format!("whether {} {does} depends on {}{by}", subject(policy), on.join(", ")))
        };
        let written = &judged.written;
        let span = responsible
            .first()
            .and_then(|(_, one)| statement_span(judged, one))
            .and_then(|span| written.source_span(span))
            .or_else(|| policy.document.as_ref().ok().map(|document| document.span))
            .unwrap_or(policy.span);
        let mut excerpts = String::new();
        for (action, one) in &responsible {
            self.excerpt(&mut excerpts, judged, *action, one);
        }
        let (repair, replacements) = if self.judge.asked.is_about_inspector() && verdict != Verdict::Allowed {
            self.repair(policy, judged)
        } else {
            (None, Vec::new())
        };
        Draft {
            statement: (!labels.is_empty()).then(|| labels.join(", ")),
            excerpt: anstream::adapter::strip_str(&without_made_up_account(&excerpts)).to_string(),
            repair,
            replacements,
            detail: labels.join("|"),
            ..Draft::new(code, Level::Error, without_made_up_account(&message), span)
        }
    }

    /// The statement in the file's own lines, each element underlined. A policy in one line is shown as JSON is printed.
    fn excerpt(&self, out: &mut String, judged: &Judged, action: Action, one: &Responsible) {
        let question = &judged.answer.question;
        let Some(policy) = question.policies.first() else { return };
        let Some(span) = statement_span(judged, one) else { return };
        let mut elements = why(&policy.document, one.index, action, &Context::new(&question.request));
        let source = &self.unit.source;
        let written = &judged.written;
        let lines = |span: Span| (source.place(span.0), source.place(span.1));
        let in_file = written.source_span(span).filter(|span| {
            let (start, end) = lines(*span);
            start.file == end.file && end.line > start.line
        });
        let Some(in_file) = in_file else {
            excerpt::write(out, &written.text, span, &elements);
            return;
        };
        // The whole lines of the statement.
        let (start, end) = (source.line(in_file.0).0, source.line(in_file.1).1);
        let Some(text) = source.text.get(start..end) else { return };
        elements.retain_mut(|element| {
            let span = written.source_span(element.span).unwrap_or((0, 0));
            element.span = (span.0.wrapping_sub(start), span.1.wrapping_sub(start));
            in_file.0 <= span.0 && span.1 <= in_file.1
        });
        let span = (in_file.0 - start, in_file.1 - start);
        excerpt::write_from(out, text, source.place(in_file.0).line, span, &elements);
    }

    fn repair(&self, policy: &DeclaredPolicy, judged: &Judged) -> (Option<String>, Vec<Replacement>) {
        let question = &judged.answer.question;
        let request = &question.request;
        let before = question.own_text();
        match question.repair() {
            Ok(repair) => {
                let added = additions(before, &repair.text);
                let account = request.account.to_string();
                let lines = repair_lines(&added, policy.language, &account, request.partition.as_str());
                let lines = without_made_up_account(&lines);
                let remains =
                    repair.remains.map_or_else(String::new, |remains| format!("with this repair {remains}\n"));
                let replacements = self.replacements(policy, judged, &added, &repair.text);
                (Some(lines + &remains).filter(|text| !text.is_empty()), replacements)
            }
            Err(why) => {
                let why = format!("an exemption does not repair it: {}\n", sanitize(&why));
                (Some(without_made_up_account(&why)), Vec::new())
            }
        }
    }

    /// The repair as changes of the file, where they can be made without a person: the account is known, or the file's language has a word
    /// for it that is defined there.
    fn replacements(
        &self,
        policy: &DeclaredPolicy,
        judged: &Judged,
        added: &[Addition],
        repaired: &str,
    ) -> Vec<Replacement> {
        let question = &judged.answer.question;
        let source = &self.unit.source;
        let is_account_known = policy.place.account.is_some() || self.judge.asked.account.is_some();
        // A file that is the policy can be replaced by its repair.
        if source.text == question.own_text() {
            let whole = || Replacement {
                start: source.place(0),
                end: source.place(source.text.len()),
                text: repaired.to_owned(),
            };
            return if is_account_known { vec![whole()] } else { Vec::new() };
        }
        let defines = |name: &str| source.text.contains(&format!("data \"{name}\" \"current\""));
        let can_be_said = match policy.language {
            Language::Json | Language::Yaml => is_account_known,
            Language::CloudFormationJson | Language::CloudFormationYaml | Language::Hcl | Language::HclText => true,
            Language::HclDocument => false,
        };
        // A plan is not what is changed, whatever stands in it.
        if !can_be_said || self.unit.declarations.is_plan || !judged.answer.is_whole {
            return Vec::new();
        }
        let request = &question.request;
        let role = (request.account.as_str(), request.partition.as_str());
        let put = |(at, text): (usize, String)| Replacement { start: source.place(at), end: source.place(at), text };
        let mut all: Vec<Replacement> =
            insertions(added, policy.language, role, &judged.written, source).into_iter().map(put).collect();
        let is_hcl = matches!(policy.language, Language::Hcl | Language::HclText);
        // The data sources that the lines name, at the end of the same file where the module has none.
        let missing = ["aws_partition", "aws_caller_identity"].into_iter().filter(|name| is_hcl && !defines(name));
        let missing = missing.fold(String::new(), |text, name| text + "\ndata \"" + name + "\" \"current\" {}\n");
        let mut files = source.files().map(|(_, span)| span);
        if let Some((_, end)) = files.find(|(start, end)| (*start..=*end).contains(&policy.span.0))
            && !all.is_empty()
            && !missing.is_empty()
        {
            all.push(put((end, missing)));
        }
        all
    }

    fn setting(&mut self, setting: &DeclaredSetting) {
        let address = sanitize(&setting.address);
        let open = |what: &NotKnown, why: &str| format!("{address}: {why} depends on {}", sanitize(&what.0));
        let (about, code, message) = match &setting.setting {
            Setting::ScanType(Ok(word)) if word == "BASIC" => (
                BASIC_SCANNING,
                BASIC_SCANNING,
                format!("{address} sets the registry's scan type to BASIC: Inspector scans nothing there"),
            ),
            Setting::ScanType(Ok(word)) if word == "ENHANCED" => return,
            Setting::ScanType(Ok(word)) => (
                BASIC_SCANNING,
                UNKNOWN,
                format!("{address} sets the registry's scan type to `{}`, which is not known here", sanitize(word)),
            ),
            Setting::ScanType(Err(what)) => {
                (BASIC_SCANNING, UNKNOWN, open(what, "whether the registry's scan type is BASIC"))
            }
            Setting::ScanningConfigurationDestroyed(how) => {
                let leaves = "which leaves the registry with BASIC: Inspector scans nothing there";
                (BASIC_SCANNING, BASIC_SCANNING, destroyed(&address, *how, leaves))
            }
            Setting::Enabler { types: Ok(types), had_ecr } if !types.iter().any(|one| one == "ECR") => {
                let turns_off = if *had_ecr {
                    "has ECR no more among its resource types: ECR scanning is turned off, and its history lost"
                } else {
                    "has no ECR among its resource types: what an enabler does not name is turned off where it is on"
                };
                (INSPECTOR_OFF, INSPECTOR_OFF, format!("{address} {turns_off}"))
            }
            Setting::Enabler { types: Err(what), .. } => {
                (INSPECTOR_OFF, UNKNOWN, open(what, "whether ECR scanning is turned off"))
            }
            Setting::EnablerDestroyed { had_ecr: true, how } => {
                let leaves = "which turns ECR scanning off, and loses its history";
                (INSPECTOR_OFF, INSPECTOR_OFF, destroyed(&address, *how, leaves))
            }
            Setting::RegistryPolicyScope(_) | Setting::Enabler { .. } | Setting::EnablerDestroyed { .. } => return,
        };
        let draft = Draft { about, ..Draft::new(code, Level::Warning, message, setting.span) };
        self.finding(draft, &setting.address, setting.span, setting.place.clone(), None);
    }

    fn add(&mut self, draft: Draft, policy: &DeclaredPolicy) {
        self.finding(draft, &policy.address, policy.span, policy.place.clone(), policy.repository.clone());
    }

    fn finding(
        &mut self,
        draft: Draft,
        address: &str,
        resource: Span,
        deployed: scangap_iac::DeployedTo,
        repository: Option<String>,
    ) {
        let source = &self.unit.source;
        let written = self.judge.configuration.place(self.at, address);
        let (place, end) = written.cloned().unwrap_or_else(|| (source.place(draft.span.0), source.place(draft.span.1)));
        let resource = written.cloned().unwrap_or_else(|| (source.place(resource.0), source.place(resource.1)));
        let fails = gate_rules::fails(&draft.code, draft.about, self.judge.fail_on);
        let finding = Finding {
            fingerprint: fingerprint(&[&draft.code, address, &draft.detail]),
            resource,
            code: draft.code,
            level: draft.level,
            message: draft.message,
            place,
            end,
            address: address.to_owned(),
            statement: draft.statement,
            excerpt: draft.excerpt,
            repair: draft.repair,
            replacements: draft.replacements,
            excepted: None,
            fails,
            deployed,
            repository,
        };
        self.outcome.findings.push(finding);
    }

    fn place(&self, offset: usize, policy: &DeclaredPolicy) -> (Place, Place) {
        let here = self.unit.source.place(offset);
        self.judge.configuration.place(self.at, &policy.address).cloned().unwrap_or((here.clone(), here))
    }
}

/// The statements that decide, each once, with the first action that each decides.
fn responsible(decisions: &[(Action, Decision)]) -> Vec<(Action, &Responsible)> {
    let mut all: Vec<(Action, &Responsible)> = Vec::new();
    for (action, decision) in decisions.iter().filter(|(_, decision)| decision.verdict != Verdict::Allowed) {
        for statement in &decision.statements {
            if !all.iter().any(|(_, known)| known.index == statement.index) {
                all.push((*action, statement));
            }
        }
    }
    all
}

fn statement_span(judged: &Judged, one: &Responsible) -> Option<Span> {
    let policy = judged.answer.question.policies.first()?;
    policy.document.statements().get(one.index).map(|statement| statement.span)
}

fn destroyed(address: &str, how: Destroyed, leaves: &str) -> String {
    match how {
        Destroyed::ForGood => format!("{address} is destroyed, {leaves}"),
        Destroyed::AndMadeAgain => format!("{address} is destroyed and made again, {leaves} until then"),
        Destroyed::AfterItsSuccessor => format!("{address} is made anew and then its old instance destroyed, {leaves}"),
    }
}

/// What a sentence is about.
fn subject(policy: &DeclaredPolicy) -> String {
    let what = match &policy.attached_to {
        Attached::Repository => "the repository policy".to_owned(),
        Attached::Registry => "the registry policy".to_owned(),
        Attached::Template { prefix } => format!("the policy of the creation template `{}`", sanitize(prefix)),
    };
    if policy.address.is_empty() { what } else { format!("{what} of {}", sanitize(&policy.address)) }
}

fn why_unknown(policy: &DeclaredPolicy, no_text: &NoText) -> String {
    let why = sanitize(&no_text.why);
    match policy.language {
        _ if why.starts_with("known after") => format!("{} is {why}", subject(policy)),
        Language::Hcl | Language::HclText | Language::HclDocument => {
            format!("{} needs a plan: {why} is not literal", subject(policy))
        }
        Language::Json | Language::Yaml | Language::CloudFormationJson | Language::CloudFormationYaml => {
            format!("{} is not decided by the file: {why}", subject(policy))
        }
    }
}

/// A key or a value that the verdict depends on.
fn depends(name: &str) -> String {
    match name {
        UNKNOWN_ACCOUNT => "the account (state it with --account)".to_owned(),
        UNKNOWN_REGION => "the region (state it with --region)".to_owned(),
        "REGISTRY_POLICY_SCOPE" => "the scope of registry policies (state it with --registry-policy-scope)".to_owned(),
        name => sanitize(name),
    }
}

fn lint_message(lint: &Lint) -> String {
    without_made_up_account(&format!("{}. {}", sanitize(&lint.message), lint.explanation))
}
