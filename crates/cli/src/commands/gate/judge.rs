//! From what a file states to a question, and its answer over everything that is not known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_assess::{AskedPolicy, OpenPolicy, OpenValue, Participation, PolicyQuestion, PolicyWorld, WorldsAnswer};
use scangap_iac::{Attached, DeclaredPolicy, DeployedTo, Document, Leaf, Piece, Setting, Source, World, WrittenPolicy};
use scangap_model::{AccountId, Partition, RegionName};
use scangap_policy::{Action, Caller, Organization, PolicyKind, Request, RoleIdentity, SyntaxError, Tags};

use super::files::Read;
use crate::args::Gate;
use crate::commands::explain::request;
use crate::error::CliError;
use crate::values::{self, BadValue};

/// What is asked of every policy.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) account: Option<AccountId>,
    pub(super) region: Option<RegionName>,
    pub(super) principal: Option<String>,
    partition: Option<Partition>,
    organization: Organization,
    caller: Caller,
    repository_actions: Vec<Action>,
    registry_actions: Vec<Action>,
    as_of: Timestamp,
    /// Where nothing says where.
    no_account: AccountId,
    home: RegionName,
    homes: Vec<(Partition, RegionName)>,
}

/// Stands for an account that is not known: AWS gives no such id.
const NO_ACCOUNT: &str = "000000000000";

impl Asked {
    pub(super) fn of(command: &Gate, as_of: Timestamp) -> Result<Self, CliError> {
        let region = command.region.as_ref().map(RegionName::as_str);
        let (partition, home) = request::place(command.partition.as_deref(), region)?;
        let organization = match command.org.as_deref() {
            None => Organization::Unknown,
            Some("none") => Organization::None,
            Some(text) => {
                let (id, path) = text.split_once('/').map_or((text, None), |(id, _)| (id, Some(text)));
                request::organization(id, path)?
            }
        };
        let principal = command.principal.as_deref();
        let caller = match principal {
            Some(text) => {
                Caller::parse(text, partition).map_err(|error| BadValue::new(text, "a principal", error.to_string()))?
            }
            None => Caller::Inspector,
        };
        let named = (!command.action.is_empty()).then_some(command.action.as_slice());
        Ok(Self {
            account: command.account,
            region: command.region.clone(),
            principal: command.principal.clone(),
            partition: command.partition.is_some().then_some(partition),
            organization,
            caller,
            repository_actions: request::actions(named, PolicyKind::Repository, principal)?,
            registry_actions: request::actions(named, PolicyKind::Registry, principal)?,
            as_of,
            no_account: values::account(NO_ACCOUNT)?,
            home: values::region(&home)?,
            homes: [Partition::Aws, Partition::AwsCn, Partition::AwsUsGov]
                .into_iter()
                .map(|one| Ok((one, values::region(one.home_region())?)))
                .collect::<Result<_, BadValue>>()?,
        })
    }

    pub(super) fn is_about_inspector(&self) -> bool {
        self.caller == Caller::Inspector
    }
}

/// Where registry policies count, by the place that they are deployed to.
pub(super) struct Scopes {
    /// As the command or the configuration says: everywhere.
    stated: Option<String>,
    /// As files set it, with the place of the unit among all. `None`: not known yet.
    set: Vec<(usize, DeployedTo, Option<String>)>,
    /// What is deployed where the files do not say it.
    asked: DeployedTo,
}

impl Scopes {
    pub(super) fn stated(command: &Gate) -> Self {
        let asked = DeployedTo { account: command.account, region: command.region.clone() };
        Self { stated: command.registry_policy_scope.clone(), set: Vec::new(), asked }
    }

    /// Takes along what a unit sets.
    pub(super) fn extend(&mut self, at: usize, unit: &Read) {
        self.set.extend(unit.declarations.settings.iter().filter_map(|one| match &one.setting {
            Setting::RegistryPolicyScope(scope) => Some((at, one.place.clone(), scope.clone())),
            _ => None,
        }));
    }

    /// Where something is deployed, as far as it is known. Two places of which something is not known are not the same place.
    fn known(&self, place: &DeployedTo) -> Option<DeployedTo> {
        let account = place.account.or(self.asked.account);
        let region = place.region.clone().or_else(|| self.asked.region.clone());
        (account.is_some() && region.is_some()).then_some(DeployedTo { account, region })
    }

    /// Of a registry: what every setting of the same place says, where they agree.
    pub(super) fn of(&self, at: usize, place: &DeployedTo) -> Option<&str> {
        if let Some(stated) = &self.stated {
            return Some(stated);
        }
        let here = self.known(place);
        let is_here =
            |unit: usize, one: &DeployedTo| unit == at && one == place || here.is_some() && self.known(one) == here;
        let mut of_place =
            self.set.iter().filter(|(unit, one, _)| is_here(*unit, one)).map(|(_, _, scope)| scope.as_deref());
        let first = of_place.next()??;
        of_place.all(|scope| scope == Some(first)).then_some(first)
    }
}

/// A policy with its answer.
pub(super) struct Judged {
    pub(super) answer: WorldsAnswer,
    /// The policy in the world of the answer, with its places.
    pub(super) written: WrittenPolicy,
}

pub(super) fn judge(
    asked: &Asked,
    policy: &DeclaredPolicy,
    document: &Document,
    source: &Source,
    scope: Option<&str>,
) -> Result<Judged, SyntaxError> {
    let kind = match policy.attached_to {
        Attached::Registry => PolicyKind::Registry,
        Attached::Repository | Attached::Template { .. } => PolicyKind::Repository,
    };
    let account = policy.place.account.or(asked.account);
    let region = policy.place.region.clone().or_else(|| asked.region.clone());
    let partition = asked.partition.unwrap_or_else(|| {
        region.as_ref().map_or_else(|| named_partition(document), |region| Partition::of_region(region.as_str()))
    });
    let home = || asked.homes.iter().find(|(one, _)| *one == partition).map(|(_, region)| region.clone());
    let request = Request {
        partition,
        account: account.unwrap_or(asked.no_account),
        region: region.clone().or_else(home).unwrap_or_else(|| asked.home.clone()),
        repository: policy.repository.as_deref().and_then(|name| name.parse().ok()),
        organization: asked.organization.clone(),
        tags: Tags::Unknown,
        inspector_role: RoleIdentity::UNKNOWN,
        principal: asked.caller.clone(),
        as_of: asked.as_of,
        stated: BTreeMap::new(),
    };
    let written = |world: &PolicyWorld| -> WrittenPolicy {
        document.write(
            World {
                account: world.account.as_str(),
                region: world.region.as_str(),
                partition: partition.as_str(),
                leaves: &world.values,
            },
            source,
        )
    };
    let name = if policy.address.is_empty() { source.place(policy.span.0).file } else { policy.address.clone() };
    let asked_policy = |world: &PolicyWorld| AskedPolicy::new(kind, name.clone(), written(world).text);
    let actions = match kind {
        PolicyKind::Repository => &asked.repository_actions,
        PolicyKind::Registry => &asked.registry_actions,
    };
    let counts = match kind {
        PolicyKind::Repository => Participation::Yes,
        PolicyKind::Registry => Participation::in_scope(scope),
    };
    let question =
        PolicyQuestion { request, policies: Vec::new(), actions: actions.clone(), unread: None, members: None };
    let values = document.leaves.iter().map(open_value).collect();
    let open = OpenPolicy { question, account, region, values, written: &asked_policy, counts };
    let answer = open.answer()?;
    let written = written(&answer.world);
    Ok(Judged { answer, written })
}

/// The partition that a text names, where nothing else does.
fn named_partition(document: &Document) -> Partition {
    [Partition::AwsCn, Partition::AwsUsGov]
        .into_iter()
        .find(|partition| document.mentions(&format!("arn:{partition}:")))
        .unwrap_or(Partition::Aws)
}

fn open_value(leaf: &Leaf) -> OpenValue {
    let piece = |piece: &Piece| match piece {
        Piece::Known(text) => Some(text.clone()),
        Piece::Unresolved(_) => None,
    };
    OpenValue {
        path: leaf.path.clone(),
        name: leaf.open_names().collect::<Vec<_>>().join(", "),
        pieces: leaf.pieces.iter().map(piece).collect(),
        is_made_role: leaf.is_made_role(),
    }
}

/// Puts a word in the place of the id that stands for an account that is not known.
pub(super) fn without_made_up_account(text: &str) -> String {
    text.replace(NO_ACCOUNT, "ACCOUNT")
}
