//! One truthful progress line on a terminal, plain lines otherwise. Numbers are counted, never guessed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scangap_aws::Meter;
use scangap_collect::{Event, RegistryRecord};
use scangap_model::{AccountId, AccountOutcome, Api, Gap, RegionName, RegistryOutcome, RepositoryFacts};
use scangap_report::thousands;

use crate::terminal;

/// Between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// How a run shows that it goes on.
enum Shown {
    Bar(ProgressBar),
    Plain { last: Instant },
    Nothing,
}

type Key = (Option<AccountId>, Option<RegionName>, Api, String);

fn key(gap: &Gap) -> Key {
    (gap.account, gap.region.clone(), gap.api, gap.resource.clone())
}

pub(crate) struct Progress {
    shown: Shown,
    accounts: usize,
    accounts_done: usize,
    registries: usize,
    registries_done: usize,
    repositories: usize,
    /// One gap may hide several facts and affect many registries: it is counted once, as in gaps.csv.
    gaps: BTreeSet<Key>,
}

impl Progress {
    pub(crate) fn new(quiet: u8, wanted: bool) -> Self {
        let shown = if quiet > 0 || !wanted {
            Shown::Nothing
        } else if terminal::stderr_is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            Shown::Bar(bar)
        } else {
            Shown::Plain { last: Instant::now() }
        };
        Self {
            shown,
            accounts: 0,
            accounts_done: 0,
            registries: 0,
            registries_done: 0,
            repositories: 0,
            gaps: BTreeSet::new(),
        }
    }

    /// Of a resumed audit whose accounts are known.
    pub(crate) fn of_accounts(&mut self, accounts: usize) {
        self.accounts = accounts;
    }

    fn see(&mut self, record: &RegistryRecord) {
        if record.facts.outcome == RegistryOutcome::Read {
            self.registries_done += 1;
        }
        self.repositories += record.repositories.len();
        let gaps = record.facts.gaps().chain(record.repositories.iter().flat_map(RepositoryFacts::gaps));
        self.gaps.extend(gaps.map(key));
    }

    pub(crate) fn on(&mut self, event: &Event, meter: &Meter) {
        match event {
            Event::Organization { accounts, gaps, listed: true, .. } => {
                self.accounts = accounts.len();
                self.gaps.extend(gaps.iter().map(key));
            }
            Event::Organization { listed: false, .. } => {}
            Event::AccountsExpected(more) => self.accounts += more,
            Event::RegistriesExpected(more) => self.registries += more,
            Event::AccountDone(_) => self.accounts_done += 1,
            Event::Registry(harvest) => self.see(harvest),
            Event::InspectorRole { role, .. } => self.gaps.extend(role.gap().map(key)),
            Event::Account { facts, gaps, registries, .. } => {
                self.gaps.extend(gaps.iter().map(key));
                if let AccountOutcome::Unreadable(gap) = &facts.outcome {
                    self.gaps.insert(key(gap));
                }
                for harvest in registries {
                    self.see(harvest);
                }
            }
        }
        let line = self.line(meter);
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_message(line),
            Shown::Plain { last } if last.elapsed() >= PLAIN_EVERY => {
                *last = Instant::now();
                terminal::note(&line);
            }
            Shown::Plain { .. } | Shown::Nothing => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn line(&self, meter: &Meter) -> String {
        let total = meter.total();
        format!(
            "accounts {}/{}, registries read {} of {} known, repositories {}, calls {}, throttled {}, gaps {}",
            thousands(self.accounts_done),
            thousands(self.accounts),
            thousands(self.registries_done),
            thousands(self.registries),
            thousands(self.repositories),
            total.calls,
            total.throttled,
            thousands(self.gaps.len())
        )
    }
}
