//! `plan.json` as `apply` takes it: whole, unchanged, and with the policies that it names beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scangap_model::{AccountId, Partition, RegionName, ScanRule, account_label};

use super::open::{PlanReadError, open};
use super::v2::{PlanJson, RepairJson, RepositoryPolicyJson, ResyncJson, ScanRuleJson, StepJson};
use crate::counted::Counted;
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
    pub account_name: Option<String>,
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
    pub account_name: Option<String>,
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

impl Repair {
    /// `111111111111 (payments) eu-west-1`.
    pub fn place(&self) -> String {
        format!("{} {}", account_label(self.account, self.account_name.as_deref()), self.region)
    }
}

impl Resync {
    /// `111111111111 (payments) eu-west-1`.
    pub fn place(&self) -> String {
        format!("{} {}", account_label(self.account, self.account_name.as_deref()), self.region)
    }

    /// What brings the registry back by hand: commands, a line each, that are pasted as they are.
    pub fn reenable_commands(&self) -> String {
        let commands = RegistryCommands {
            account: self.account,
            region: &self.region,
            toggled_from: self.toggled_from,
            scan_type: &self.scan_type,
            rules: &self.rules,
        };
        commands.reenable_commands()
    }
}

impl PlanDocument {
    /// `path`: the plan's folder, or its `plan.json`.
    pub fn open(path: &Path) -> Result<Self, DocumentError> {
        let (document, plan) = Self::alone(path)?;
        document.with_policies(&plan)
    }

    /// The same whatever became of the policies beside it: to bring registries back, and for nothing else.
    pub fn open_without_policies(path: &Path) -> Result<Self, DocumentError> {
        Ok(Self::alone(path)?.0)
    }

    fn alone(path: &Path) -> Result<(Self, PlanJson), DocumentError> {
        let path = if path.is_dir() { path.join("plan.json") } else { path.to_owned() };
        // The parent of a bare name is empty, and no folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let text = read(&path)?;
        let not_one = |source| DocumentError::Plan { path: path.clone(), source };
        let (plan, plan_sha256) = open(&text).map_err(not_one)?;
        let document = document(&plan, &folder, plan_sha256).map_err(not_one)?;
        Ok((document, plan))
    }

    /// Reads each policy before and after, and compares it with its hash.
    fn with_policies(mut self, plan: &PlanJson) -> Result<Self, DocumentError> {
        let repairs = plan.steps.iter().filter_map(|step| match step {
            StepJson::Repair(repair) => Some(repair),
            StepJson::Resync(_) => None,
        });
        for (repair, step) in self.repairs.iter_mut().zip(repairs) {
            repair.before = policy(&self.folder, &step.before_file, &step.before_sha256)?;
            repair.after = policy(&self.folder, &step.after_file, &step.after_sha256)?;
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

/// The text of a file that the plan names below its folder.
fn policy(folder: &Path, named: &str, hash: &str) -> Result<String, DocumentError> {
    let path = folder.join(named);
    // Plain names below the folder: a plan of others must not lead out of it.
    if !Path::new(named).components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err(DocumentError::OtherFile(path));
    }
    let text = read(&path)?;
    if sha256(&text) == hash { Ok(text) } else { Err(DocumentError::OtherFile(path)) }
}

/// A text that names something, parsed; or the member that does not.
fn parsed<T: std::str::FromStr>(member: &str, text: &str) -> Result<T, PlanReadError>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| PlanReadError::Member { member: member.to_owned(), why: format!("`{text}`: {error}") })
}

fn document(plan: &PlanJson, folder: &Path, plan_sha256: String) -> Result<PlanDocument, PlanReadError> {
    let (mut repairs, mut resyncs) = (Vec::new(), Vec::new());
    for step in &plan.steps {
        match step {
            StepJson::Repair(step) => repairs.push(repair(step)?),
            StepJson::Resync(step) => resyncs.push(resync(step)?),
        }
    }
    let blocklist = plan.requested.blocklist.iter().map(|id| parsed("requested.blocklist", id));
    Ok(PlanDocument {
        folder: folder.to_owned(),
        plan_sha256,
        facts_sha256: plan.facts_sha256.clone(),
        losses_sha256: plan.losses_sha256.clone(),
        organization_id: plan.organization_id.clone().filter(|id| id != "unknown"),
        organization_unknown: plan.organization_id.as_deref() == Some("unknown"),
        partition: parsed("partition", &plan.partition)?,
        write_role_name: plan.requested.write_role_name.clone(),
        simulated: plan.simulated,
        blocklist: blocklist.collect::<Result<_, _>>()?,
        findings_lost: match plan.losses.findings {
            Counted::Number(number) => Some(number),
            Counted::NotCounted => None,
        },
        warning: plan.warning.clone(),
        repairs,
        resyncs,
    })
}

fn repair(step: &RepairJson) -> Result<Repair, PlanReadError> {
    Ok(Repair {
        id: step.id.clone(),
        account: parsed("account_id", &step.account_id)?,
        account_name: step.account_name.clone(),
        region: parsed("region", &step.region)?,
        repository: step.repository.clone(),
        repository_arn: step.repository_arn.clone(),
        before: String::new(),
        after: String::new(),
        before_sha256: step.before_canonical_sha256.clone(),
        after_sha256: step.after_canonical_sha256.clone(),
    })
}

fn resync(step: &ResyncJson) -> Result<Resync, PlanReadError> {
    let rule = |rule: &ScanRuleJson| ScanRule { frequency: rule.frequency.clone(), filters: rule.filters.clone() };
    let policy = |one: &RepositoryPolicyJson| (one.repository.clone(), one.policy_canonical_sha256.clone());
    Ok(Resync {
        id: step.id.clone(),
        account: parsed("account_id", &step.account_id)?,
        account_name: step.account_name.clone(),
        region: parsed("region", &step.region)?,
        repositories: step.repositories.clone(),
        policies: step.repository_policies.iter().map(policy).collect(),
        not_let_in: step.not_let_in.clone(),
        toggled_from: parsed("toggled_from", &step.toggled_from)?,
        needs_first: step.needs_first.clone(),
        scan_type: step.before.scan_type.clone(),
        rules: step.before.rules.iter().map(rule).collect(),
        scanning_sha256: step.before_sha256.clone(),
        registry_policy_sha256: step.registry_policy_sha256.clone(),
        findings: step.losses.findings,
        images_not_rescanned: step.losses.images_not_rescanned,
        only_scan_type: step.losses.only_scan_type,
    })
}
