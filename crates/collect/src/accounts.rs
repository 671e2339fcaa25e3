//! The accounts to read, while they are being listed: reading begins with the first page, and the whole list comes later.

use scangap_model::{AccountFacts, AccountId, AccountOutcome, Api, Asked, Observed, OrganizationFacts};
use tokio::sync::watch;

use crate::context::Context;
use crate::error::CollectError;
use crate::event::Event;
use crate::organization::{Discovered, Listing, Target, not_listed_yet};
use crate::waiting::Waiting;
use crate::workers::joined;

/// The accounts that Inspector's administrator is asked about, as far as they are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Askable {
    /// Of this shard, and with something left to ask.
    pub(crate) accounts: Vec<AccountId>,
    /// Once all are listed: how many there are over all shards, whether something of them is left or not.
    pub(crate) over_all_shards: Option<usize>,
}

pub(crate) struct Accounts {
    pub(crate) inspector_admin: Observed<AccountId>,
    /// Not yet opened.
    pub(crate) arrived: Waiting<Target>,
    pub(crate) askable: watch::Sender<Askable>,
    /// `None`: all have arrived.
    pub(crate) list: Option<Listing>,
}

/// What the list brings.
pub(crate) enum Arrival {
    Page(Vec<Target>),
    /// The end, with what is known only then.
    Whole(Box<Result<Discovered, CollectError>>),
}

impl Accounts {
    /// Of an organization that an earlier run listed.
    pub(crate) fn known(context: &Context, facts: &OrganizationFacts, targets: Vec<Target>, asked: usize) -> Self {
        let mut accounts = Self::none(facts.inspector_admin.clone());
        accounts.take(context, targets);
        accounts.askable.send_modify(|askable| askable.over_all_shards = Some(asked));
        accounts
    }

    /// All accounts at once.
    pub(crate) async fn all(context: &Context, discovered: Discovered) -> Self {
        let mut accounts = Self::none(discovered.facts.inspector_admin.clone());
        accounts.take(context, discovered.targets.clone());
        accounts.is_whole(context, discovered).await;
        accounts
    }

    /// Waits for the first accounts. Where that is refused, nothing is opened.
    pub(crate) async fn first(context: &Context, mut listing: Listing) -> Result<Self, CollectError> {
        let mut accounts = Self::none(listing.facts.inspector_admin.clone());
        let Some(targets) = listing.pages.recv().await else {
            let discovered = ended(&mut listing).await?;
            accounts.take(context, discovered.targets.clone());
            accounts.is_whole(context, discovered).await;
            return Ok(accounts);
        };
        let gap = not_listed_yet(Api::ListAccounts);
        let facts = OrganizationFacts { n_accounts: Observed::unknown(gap.clone()), ..listing.facts.clone() };
        let event = Event::Organization { facts, accounts: Vec::new(), gaps: vec![gap], asked: 0, listed: false };
        context.send(event).await;
        accounts.arrive(context, targets).await;
        accounts.list = Some(listing);
        Ok(accounts)
    }

    fn none(inspector_admin: Observed<AccountId>) -> Self {
        let (askable, _) = watch::channel(Askable::default());
        Self { inspector_admin, arrived: Waiting::new(), askable, list: None }
    }

    /// Waits for the next page, or for the end of the list; nothing is lost where something else comes first. `None`: all have
    /// arrived.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        let listing = self.list.as_mut()?;
        match listing.pages.recv().await {
            Some(targets) => Some(Arrival::Page(targets)),
            None => Some(Arrival::Whole(Box::new(ended(listing).await))),
        }
    }

    pub(crate) async fn take_in(&mut self, context: &Context, arrival: Arrival) -> Result<(), CollectError> {
        match arrival {
            Arrival::Page(targets) => self.arrive(context, targets).await,
            Arrival::Whole(discovered) => {
                self.list = None;
                self.is_whole(context, (*discovered)?).await;
            }
        }
        Ok(())
    }

    async fn arrive(&mut self, context: &Context, targets: Vec<Target>) {
        let before = self.arrived.len();
        self.take(context, targets);
        context.send(Event::AccountsExpected(self.arrived.len() - before)).await;
    }

    /// Of a page, what is of this shard.
    fn take(&mut self, context: &Context, mut targets: Vec<Target>) {
        if let Some(shard) = context.options.shard {
            targets.retain(|target| shard.holds(target.id));
        }
        let asked = targets.iter().filter(|target| target.skip_reason().is_none() && context.prior.is_left(target.id));
        self.askable.send_modify(|askable| askable.accounts.extend(asked.map(|target| target.id)));
        for target in targets {
            self.arrived.push(context.largest_of(target.id), target);
        }
    }

    /// All are listed: their names and paths are known, and how many there are.
    async fn is_whole(&mut self, context: &Context, Discovered { facts, mut targets, mut gaps }: Discovered) {
        let asked = targets.iter().filter(|target| target.skip_reason().is_none()).count();
        if let Some(shard) = context.options.shard {
            targets.retain(|target| shard.holds(target.id));
        }
        let facts = OrganizationFacts { inspector_admin: self.inspector_admin.clone(), ..facts };
        gaps.extend(facts.inspector_admin.gap().cloned());
        let not_reached = |target: Target| target.facts(AccountOutcome::NotReached, Asked::NotNeeded);
        let accounts: Vec<AccountFacts> = targets.into_iter().map(not_reached).collect();
        context.send(Event::Organization { facts, accounts, gaps, asked, listed: true }).await;
        self.askable.send_modify(|askable| askable.over_all_shards = Some(asked));
    }
}

/// What the list came to.
async fn ended(listing: &mut Listing) -> Result<Discovered, CollectError> {
    match listing.whole.join_next().await {
        Some(done) => joined(done),
        None => Err(CollectError::ListenerGone),
    }
}
