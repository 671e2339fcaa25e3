//! Opening an account: which role gets in, and which regions are enabled.

use std::sync::Arc;

use scangap_aws::CallError;
use scangap_aws::pages::list;
use scangap_aws::read::AccountReader;
use scangap_model::{
    AccountId, Api, Gap, GapKind, INSPECTOR_ROLE_NAME, Observed, RegionFact, RegionName, RegionStatus, RegionsSource,
    region_info,
};

use tokio::sync::OnceCell;

use crate::context::Context;
use crate::event::Event;
use crate::gate::Calls;
use crate::prior::PriorRole;

/// An account whose role was assumed, or the caller's own.
#[derive(Debug)]
pub(crate) struct OpenedAccount {
    pub(crate) id: AccountId,
    pub(crate) reader: AccountReader,
    /// `None`: the caller's own credentials.
    pub(crate) role_name: Option<String>,
    /// Limiters of the account's global calls.
    calls: Calls,
    /// Asked once, however many need it: the administrator's streams and the account's own registries.
    regions: OnceCell<Regions>,
    /// Asked once, by the first registry that has a policy which hangs on it.
    inspector_role: OnceCell<()>,
}

#[derive(Debug, Clone)]
pub(crate) enum Opening {
    Opened(Arc<OpenedAccount>),
    Refused(Gap),
    Skipped { reason: String },
}

/// Inspector's administrator, with its own role name first where one is given.
pub(crate) async fn open_admin(context: &Context, id: AccountId) -> Opening {
    let own = context.options.inspector_admin_role_name.iter();
    let names: Vec<String> = own.chain(&context.options.role_names).cloned().collect();
    open(context, id, &names).await
}

/// The roles are tried in order; the first refusal is what is reported, since it is of the role meant first.
pub(crate) async fn open(context: &Context, id: AccountId, role_names: &[String]) -> Opening {
    let begun = context.prior.begun(id);
    let prior = begun.and_then(|begun| begun.opened.as_ref());
    let opened = |reader, role_name| {
        let regions = prior.map(|prior| Regions::known(prior.regions.clone()));
        let role_asked = begun.is_some_and(|begun| begun.inspector_role == PriorRole::Asked).then_some(());
        Opening::Opened(Arc::new(OpenedAccount {
            id,
            reader,
            role_name,
            calls: context.calls.clone(),
            regions: OnceCell::new_with(regions),
            inspector_role: OnceCell::new_with(role_asked),
        }))
    };
    if id == context.identity.account {
        // The caller's own credentials, narrowed by the type of the port: it has no mutating call.
        return opened(context.connection.account(id, None), None);
    }
    let mut refusal: Option<CallError> = None;
    let mut tried = "";
    for name in role_names {
        let arn = format!("arn:{}:iam::{id}:role/{}", context.identity.partition, name.trim_start_matches('/'));
        let assumed = context.calls.call(Api::AssumeRole, |call| async move {
            context.connection.assume(&arn, &context.options.assume, &call).await
        });
        match assumed.await {
            Ok(role) => return opened(context.connection.account(id, Some(&role)), Some(name.clone())),
            Err(error) => {
                let final_word = error.kind != GapKind::AccessDenied;
                if refusal.is_none() || final_word {
                    refusal = Some(error);
                    tried = name;
                }
                if final_word {
                    break;
                }
            }
        }
    }
    match refusal {
        Some(error) => Opening::Refused(error.at(Some(id), None, tried)),
        None => Opening::Skipped { reason: "no role name was given".to_owned() },
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Regions {
    pub(crate) source: Observed<RegionsSource>,
    /// Sorted, in scope only.
    pub(crate) facts: Vec<RegionFact>,
    pub(crate) gaps: Vec<Gap>,
}

impl Regions {
    /// For an account that was not opened.
    pub(crate) fn none() -> Self {
        Self { source: Observed::Absent, facts: Vec::new(), gaps: Vec::new() }
    }

    /// Of an account whose facts are stored already.
    fn known(facts: Vec<RegionFact>) -> Self {
        Self { facts, ..Self::none() }
    }
}

pub(crate) async fn regions<'a>(context: &Context, account: &'a OpenedAccount) -> &'a Regions {
    account.regions.get_or_init(|| ask_regions(context, account)).await
}

/// Reads Inspector's service-linked role and sends its event before any registry that depends on it.
pub(crate) async fn ask_inspector_role(context: &Context, account: &OpenedAccount) {
    let ask = || async {
        let asked =
            account.calls.call(Api::GetRole, |call| async move { account.reader.inspector_role(&call).await }).await;
        let role = match asked {
            Ok(role) => Observed::from_answer(role),
            Err(error) => Observed::unknown(error.at(Some(account.id), None, INSPECTOR_ROLE_NAME)),
        };
        if !context.calls.is_cancelled() {
            context.send(Event::InspectorRole { account: account.id, role }).await;
        }
    };
    account.inspector_role.get_or_init(ask).await;
}

/// ListRegions; else the default-enabled ones with GetRegionOptStatus for the rest; else everything by probing.
async fn ask_regions(context: &Context, account: &OpenedAccount) -> Regions {
    let listed = list(Api::ListRegions, |token| {
        account.calls.call(Api::ListRegions, |call| async move { account.reader.regions(&call, token).await })
    })
    .await;
    let wanted = &context.options.scope.regions;
    let in_scope = |region: &RegionName| wanted.is_empty() || wanted.contains(region);
    let Some(list_error) = listed.error else {
        let mut facts: Vec<RegionFact> = listed
            .items
            .into_iter()
            .filter(|answer| in_scope(&answer.region))
            .map(|answer| RegionFact { region: answer.region, status: answer.status })
            .collect();
        // A region that ListRegions leaves out is tried: its silence is no answer.
        for region in context.regions() {
            if !facts.iter().any(|fact| fact.region == region) {
                facts.push(RegionFact { region, status: RegionStatus::Other("not listed".to_owned()) });
            }
        }
        facts.sort_by(|a, b| a.region.cmp(&b.region));
        // A list may hold a row twice.
        facts.dedup_by(|a, b| a.region == b.region);
        return Regions { source: Observed::Known(RegionsSource::ListRegions), facts, gaps: Vec::new() };
    };

    let mut facts = Vec::new();
    let mut status_error = None;
    for region in context.regions() {
        let status = if region_info(region.as_str()).is_some_and(|info| info.default_enabled) {
            RegionStatus::Enabled
        } else if status_error.is_some() {
            RegionStatus::Other("not told".to_owned())
        } else {
            let region = &region;
            let asked = account
                .calls
                .call(Api::GetRegionOptStatus, |call| async move { account.reader.region_status(&call, region).await });
            match asked.await {
                Ok(status) => status,
                Err(error) => {
                    status_error = Some(error);
                    RegionStatus::Other("not told".to_owned())
                }
            }
        };
        facts.push(RegionFact { region, status });
    }
    match status_error {
        None => Regions { source: Observed::Known(RegionsSource::GetRegionOptStatus), facts, gaps: Vec::new() },
        // Nothing but trying tells: both refusals are gaps, since a region enabled there may be missing here.
        Some(status_error) => Regions {
            source: Observed::Known(RegionsSource::Probing),
            facts,
            gaps: vec![list_error.at(Some(account.id), None, ""), status_error.at(Some(account.id), None, "")],
        },
    }
}
