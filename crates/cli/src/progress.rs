//! How an audit goes on: a bar and what is under way on a terminal, plain lines otherwise. Numbers are counted; what is left is
//! reckoned from them, and says so.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use scangap_aws::Meter;
use scangap_collect::{Board, Event, RegistryRecord};
use scangap_model::{AccountId, AccountOutcome, Api, Gap, RegionName, RegistryOutcome, RepositoryFacts, thousands};

use crate::terminal;

/// Between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Registries under way that are shown.
const ROWS: usize = 8;

/// One that is done sooner is not worth a row.
const ROW_AFTER: Duration = Duration::from_secs(1);

/// How a run shows that it goes on.
enum Shown {
    Bars(Bars),
    Plain { last: Instant },
    Nothing,
}

/// A bar, a line of counts, and a row for each registry that takes long.
struct Bars {
    all: MultiProgress,
    bar: ProgressBar,
    counts: ProgressBar,
    rows: Vec<ProgressBar>,
}

type Key = (Option<AccountId>, Option<RegionName>, Api, String);

fn key(gap: &Gap) -> Key {
    (gap.account, gap.region.clone(), gap.api, gap.resource.clone())
}

pub(crate) struct Progress {
    shown: Shown,
    board: Board,
    started: Instant,
    accounts: usize,
    accounts_done: usize,
    /// Accounts that an earlier run left nothing to ask of.
    settled: usize,
    /// Whether more accounts may still be listed.
    listed: bool,
    registries: usize,
    registries_done: usize,
    repositories: usize,
    /// One gap may hide several facts and affect many registries: it is counted once, as in gaps.csv.
    gaps: BTreeSet<Key>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let line = |template: &str| {
            let bar = all.add(ProgressBar::new(0));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        };
        let bar = line("{spinner} {prefix} [{wide_bar}] {msg}");
        bar.enable_steady_tick(Duration::from_millis(120));
        let counts = line("  {wide_msg}");
        let rows = (0..ROWS).map(|_| line("  {wide_msg}")).collect();
        Self { all, bar, counts, rows }
    }
}

impl Progress {
    pub(crate) fn new(quiet: u8, wanted: bool, board: Board) -> Self {
        let shown = if quiet > 0 || !wanted {
            Shown::Nothing
        } else if terminal::stderr_is_terminal() {
            Shown::Bars(Bars::new())
        } else {
            Shown::Plain { last: Instant::now() }
        };
        Self {
            shown,
            board,
            started: Instant::now(),
            accounts: 0,
            accounts_done: 0,
            settled: 0,
            listed: false,
            registries: 0,
            registries_done: 0,
            repositories: 0,
            gaps: BTreeSet::new(),
        }
    }

    /// Of a resumed audit: what is settled is not done again, and does not count as done.
    pub(crate) fn of_resumed(&mut self, listed: Option<usize>, settled: usize) {
        self.settled = settled;
        if let Some(accounts) = listed {
            self.of_accounts(accounts);
        }
    }

    fn of_accounts(&mut self, accounts: usize) {
        self.accounts = accounts.saturating_sub(self.settled);
        self.listed = true;
    }

    fn see(&mut self, record: &RegistryRecord) {
        if record.facts.outcome == RegistryOutcome::Read {
            self.registries_done += 1;
        }
        self.repositories += record.repositories.len();
        let gaps = record.facts.gaps().chain(record.repositories.iter().flat_map(RepositoryFacts::gaps));
        self.gaps.extend(gaps.map(key));
    }

    pub(crate) fn on(&mut self, event: &Event) {
        match event {
            Event::Organization { accounts, gaps, listed: true, .. } => {
                self.of_accounts(accounts.len());
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
    }

    /// Shows how far it is: a few times a second on a terminal, so that what hangs is seen to hang.
    pub(crate) fn show(&mut self, meter: &Meter) {
        let (counts, time) = (self.counts(meter), self.time());
        let phase = if self.listed { "reading" } else { "listing and reading" };
        let (done, all) = (self.accounts_done as u64, self.accounts as u64);
        match &mut self.shown {
            Shown::Bars(bars) => {
                bars.bar.set_prefix(phase);
                bars.bar.set_length(all.max(1));
                bars.bar.set_position(done);
                bars.bar.set_message(time);
                bars.counts.set_message(counts);
                let mut running = self.board.longest(ROWS).into_iter().filter(|running| running.time >= ROW_AFTER);
                for row in &bars.rows {
                    row.set_message(running.next().map_or_else(String::new, |running| {
                        let (account, region) = (running.account, running.region);
                        format!("{account} {region:<15} {:>6}  {}", clock(running.time), running.stage.words())
                    }));
                }
            }
            Shown::Plain { last } if last.elapsed() >= PLAIN_EVERY => {
                *last = Instant::now();
                terminal::note(&format!("{counts}; {time}"));
            }
            Shown::Plain { .. } | Shown::Nothing => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Shown::Bars(bars) = &self.shown {
            let _ = bars.all.clear();
        }
    }

    fn counts(&self, meter: &Meter) -> String {
        let total = meter.total();
        let number = |n: u64| thousands(usize::try_from(n).unwrap_or(usize::MAX));
        format!(
            "accounts {}/{}{}, registries read {} of {} known, repositories {}, calls {}, throttled {}, gaps {}",
            thousands(self.accounts_done),
            thousands(self.accounts),
            if self.listed { "" } else { " so far" },
            thousands(self.registries_done),
            thousands(self.registries),
            thousands(self.repositories),
            number(total.calls),
            number(total.throttled),
            thousands(self.gaps.len())
        )
    }

    /// Time gone, the rate, and what is left if the rest takes as long.
    fn time(&self) -> String {
        let gone = self.started.elapsed();
        let rate = self.registries_done as f64 / gone.as_secs_f64().max(0.1);
        let left = match self.accounts_done {
            done if self.listed && done > 0 && done < self.accounts => {
                let rest = gone.mul_f64((self.accounts - done) as f64 / done as f64);
                format!(", about {} left", clock(rest))
            }
            _ => String::new(),
        };
        format!("{}, {rate:.0} registries/s{left}", clock(gone))
    }
}

/// `1:05`, `2:03:00`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_on_a_clock() {
        let written = [0, 59, 65, 3_600, 7_380].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(written, ["0:00", "0:59", "1:05", "1:00:00", "2:03:00"]);
    }
}
