//! `plan.json` as `apply` takes it: whole, unchanged, and with the policies that it names beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scangap_model::{AccountId, Partition, RegionName, ScanRule};
use serde_json::Value;

use super::summary::{PlanReadError, whole};
use crate::hash::sha256;
use crate::render::commands::RegistryCommands;

#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a plan that can be applied")]
    Plan { path: PathBuf, source: PlanReadError },
    #[error("`{0}` is not the plan's file: its hash is another")]
    OtherFile(PathBuf),
}

/// A plan that is about to be applied.
#[derive(Debug, Clone)]
pub struct PlanDocument {
    /// Where `plan.json` and its policies lie.
    pub folder: PathBuf,
    pub plan_sha256: String,
    pub facts_sha256: String,
    /// What was counted for it.
    pub losses_sha256: Option<String>,
    /// `None`: the account is in no organization.
    pub organization_id: Option<String>,
    /// Whether the snapshot could not say which organization it is of: nobody can check that it is the right one.
    pub organization_unknown: bool,
    pub partition: Partition,
    /// The write role that the plan was judged for; `None`: any role.
    pub write_role_name: Option<String>,
    pub simulated: bool,
    /// What the plan was told to keep out of.
    pub blocklist: Vec<AccountId>,
    /// Findings that all of its re-syncs delete. `None`: not counted, which no plan with a re-sync is.
    pub findings_lost: Option<u64>,
    pub warning: Option<String>,
    pub repairs: Vec<Repair>,
    pub resyncs: Vec<Resync>,
}

#[derive(Debug, Clone)]
pub struct Repair {
    pub id: String,
    pub account: AccountId,
    pub region: RegionName,
    pub repository: String,
    pub repository_arn: String,
    /// Empty where the plan was opened without its policies.
    pub before: String,
    pub after: String,
    /// Of both in canonical form.
    pub before_sha256: String,
    pub after_sha256: String,
}

#[derive(Debug, Clone)]
pub struct Resync {
    pub id: String,
    pub account: AccountId,
    pub region: RegionName,
    pub repositories: Vec<String>,
    /// The policy of each in canonical form; `None`: it has none.
    pub policies: Vec<(String, Option<String>)>,
    /// Repositories whose images are not scanned again, whatever their age.
    pub not_let_in: Vec<String>,
    /// Who disables and enables.
    pub toggled_from: AccountId,
    /// Repairs without which it would take images out of scanning.
    pub needs_first: Vec<String>,
    pub scan_type: String,
    pub rules: Vec<ScanRule>,
    pub scanning_sha256: String,
    pub registry_policy_sha256: Option<String>,
    pub findings: u64,
    pub images_not_rescanned: u64,
    pub only_scan_type: bool,
}

impl Resync {
    /// What brings the registry back by hand: commands, a line each, that are pasted as they are.
    pub fn way_back(&self) -> String {
        let commands = RegistryCommands {
            account: self.account,
            region: &self.region,
            toggled_from: self.toggled_from,
            scan_type: &self.scan_type,
            rules: &self.rules,
        };
        commands.way_back()
    }
}

impl PlanDocument {
    /// `path`: the plan's folder, or its `plan.json`.
    pub fn open(path: &Path) -> Result<Self, DocumentError> {
        let (document, value) = Self::alone(path)?;
        document.with_policies(&value)
    }

    /// The same whatever became of the policies beside it: to bring registries back, and for nothing else.
    pub fn open_without_policies(path: &Path) -> Result<Self, DocumentError> {
        Ok(Self::alone(path)?.0)
    }

    fn alone(path: &Path) -> Result<(Self, Value), DocumentError> {
        let path = if path.is_dir() { path.join("plan.json") } else { path.to_owned() };
        // The parent of a bare name is empty, and no folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let text = read(&path)?;
        let not_one = |source| DocumentError::Plan { path: path.clone(), source };
        let (value, plan_sha256) = whole(&text).map_err(not_one)?;
        let document = document(&value, &folder, plan_sha256).ok_or_else(|| not_one(PlanReadError::NotAPlan))?;
        Ok((document, value))
    }

    /// Reads each policy before and after, and holds it to its hash.
    fn with_policies(mut self, value: &Value) -> Result<Self, DocumentError> {
        let steps = value.get("steps").and_then(Value::as_array).into_iter().flatten();
        let repairs = steps.filter(|step| text(step, "kind").as_deref() == Some("repair_policy"));
        for (repair, step) in self.repairs.iter_mut().zip(repairs) {
            for side in ["before", "after"] {
                let named = text(step, &format!("{side}_file")).unwrap_or_default();
                // Plain names below the folder: a plan of somebody else must not lead out of it.
                let plain = Path::new(&named).components().all(|part| matches!(part, std::path::Component::Normal(_)));
                let path = self.folder.join(&named);
                let policy = if plain { read(&path)? } else { return Err(DocumentError::OtherFile(path)) };
                if Some(sha256(&policy)) != text(step, &format!("{side}_sha256")) {
                    return Err(DocumentError::OtherFile(path));
                }
                if side == "before" { repair.before = policy } else { repair.after = policy }
            }
        }
        Ok(self)
    }

    /// Every account that the plan touches, with the regions.
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        let repairs = self.repairs.iter().map(|repair| repair.account);
        repairs.chain(self.resyncs.iter().flat_map(|resync| [resync.account, resync.toggled_from])).collect()
    }

    /// The plan with one step of its alone.
    #[must_use]
    pub fn only(&self, id: &str) -> Self {
        let resyncs = self.resyncs.iter().filter(|step| step.id == id).cloned().collect();
        Self { repairs: Vec::new(), resyncs, ..self.clone() }
    }

    /// The plan without what takes one of these accounts.
    #[must_use]
    pub fn without_accounts(&self, refused: &BTreeSet<AccountId>) -> Self {
        let repairs = self.repairs.iter().filter(|step| !refused.contains(&step.account));
        let takes = |step: &Resync| refused.contains(&step.account) || refused.contains(&step.toggled_from);
        Self {
            repairs: repairs.cloned().collect(),
            resyncs: self.resyncs.iter().filter(|step| !takes(step)).cloned().collect(),
            ..self.clone()
        }
    }

    /// The plan without these steps.
    #[must_use]
    pub fn without_steps(&self, ids: &[String]) -> Self {
        let repairs = self.repairs.iter().filter(|step| !ids.contains(&step.id)).cloned().collect();
        let resyncs = self.resyncs.iter().filter(|step| !ids.contains(&step.id)).cloned().collect();
        Self { repairs, resyncs, ..self.clone() }
    }

    /// Images that all of its re-syncs leave without coverage.
    pub fn images_lost(&self) -> u64 {
        self.resyncs.iter().map(|step| step.images_not_rescanned).sum()
    }

    pub fn steps(&self) -> usize {
        self.repairs.len() + self.resyncs.len()
    }
}

fn read(path: &Path) -> Result<String, DocumentError> {
    fs_err::read_to_string(path).map_err(|source| DocumentError::Read { path: path.to_owned(), source })
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn document(value: &Value, folder: &Path, plan_sha256: String) -> Option<PlanDocument> {
    let (mut repairs, mut resyncs) = (Vec::new(), Vec::new());
    for step in value.get("steps")?.as_array()? {
        match text(step, "kind")?.as_str() {
            "repair_policy" => repairs.push(repair(step)?),
            "resync_registry" => resyncs.push(resync(step)?),
            _ => return None,
        }
    }
    let blocklist = value.get("wishes")?.get("blocklist")?.as_array()?;
    Some(PlanDocument {
        folder: folder.to_owned(),
        plan_sha256,
        facts_sha256: text(value, "facts_sha256")?,
        losses_sha256: text(value, "losses_sha256"),
        organization_id: text(value, "organization_id").filter(|id| id != "unknown"),
        organization_unknown: text(value, "organization_id").is_some_and(|id| id == "unknown"),
        partition: text(value, "partition")?.parse().ok()?,
        write_role_name: text(value.get("wishes")?, "write_role_name"),
        simulated: value.get("simulated")?.as_bool()?,
        blocklist: blocklist.iter().map(|id| id.as_str()?.parse().ok()).collect::<Option<_>>()?,
        findings_lost: value.get("losses")?.get("findings")?.as_u64(),
        warning: text(value, "warning"),
        repairs,
        resyncs,
    })
}

fn repair(step: &Value) -> Option<Repair> {
    Some(Repair {
        id: text(step, "id")?,
        account: text(step, "account_id")?.parse().ok()?,
        region: text(step, "region")?.parse().ok()?,
        repository: text(step, "repository")?,
        repository_arn: text(step, "repository_arn")?,
        before: String::new(),
        after: String::new(),
        before_sha256: text(step, "before_canonical_sha256")?,
        after_sha256: text(step, "after_canonical_sha256").unwrap_or_default(),
    })
}

fn resync(step: &Value) -> Option<Resync> {
    let before = step.get("before")?;
    let rule = |rule: &Value| {
        let filters = rule.get("filters")?.as_array()?;
        Some(ScanRule {
            frequency: text(rule, "frequency")?,
            filters: filters.iter().map(|filter| filter.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        })
    };
    let losses = step.get("losses")?;
    let number = |name: &str| losses.get(name)?.as_u64();
    let policy = |one: &Value| Some((text(one, "repository")?, text(one, "policy_canonical_sha256")));
    let names = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    };
    Some(Resync {
        id: text(step, "id")?,
        account: text(step, "account_id")?.parse().ok()?,
        region: text(step, "region")?.parse().ok()?,
        repositories: names(step.get("repositories")?)?,
        policies: step.get("repository_policies")?.as_array()?.iter().map(policy).collect::<Option<_>>()?,
        not_let_in: names(step.get("not_let_in")?)?,
        toggled_from: text(step, "toggled_from")?.parse().ok()?,
        needs_first: names(step.get("needs_first")?)?,
        scan_type: text(before, "scan_type")?,
        rules: before.get("rules")?.as_array()?.iter().map(rule).collect::<Option<_>>()?,
        scanning_sha256: text(step, "before_sha256")?,
        registry_policy_sha256: text(step, "registry_policy_sha256"),
        findings: number("findings")?,
        images_not_rescanned: number("images_not_rescanned")?,
        only_scan_type: losses.get("only_scan_type")?.as_bool()?,
    })
}
