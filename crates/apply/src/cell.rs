//! One cell: disable, wait, enable, wait, put the scanning configuration back, look. From the first disable on there is
//! one way out: the cell is enabled again, or named as one that could not be.

mod back;
mod before;

use std::collections::BTreeSet;
use std::path::PathBuf;

use scangap_aws::CallError;
use scangap_aws::read::{CoverageFilter, CoveredResource, RegionReader, ScanningConfiguration};
use scangap_aws::write::ToggleRefusal;
use scangap_model::{Api, Arn, GapKind};
use serde_json::json;

use self::back::Evidence;
pub(crate) use self::back::{bring_back, nothing_has_gone, turn_on};
pub(crate) use self::before::{prove, stale};
use crate::backoff::Waits;
use crate::backup;
use crate::context::Executor;
use crate::context::may_pass;
use crate::error::Stop;
use crate::events::ApplyEvent;
use crate::journal::{Progress, UNANSWERED};
use crate::pages::pages;
use crate::report::resync;
use crate::step_report::StepReport;
use crate::step_report::Taken;
use scangap_plan::Resync;
use scangap_plan::hash::scanning_sha256;

/// What a journal calls an enable that is asked for to hear whether it is on.
const ASKING: &str = "asking";

const ENABLED: &str = "ENABLED";
const DISABLED: &str = "DISABLED";

/// What came of a call that turns scanning off or on.
enum Called {
    Accepted,
    /// Inspector refuses this account, and nothing is done.
    Refused {
        code: String,
        message: String,
    },
    /// Certainly not done: it may be asked again.
    NotDone(CallError),
    /// Nobody knows whether it was or will be done.
    NotKnown(String),
}

/// Refusals of an enable that say that there is nothing left to ask for.
const ON_ALREADY: [&str; 2] = ["ALREADY_ENABLED", "ENABLE_IN_PROGRESS"];
/// Refusals of an account that say that it is at it already.
const DISABLING_ALREADY: &str = "DISABLE_IN_PROGRESS";
/// Refusals of an account that leave open what happens to it.
const OPEN_REFUSALS: [&str; 2] = ["SUSPEND_IN_PROGRESS", "INTERNAL_ERROR"];

fn came_of(answer: Result<Option<ToggleRefusal>, CallError>) -> Called {
    match answer {
        Ok(None) => Called::Accepted,
        Ok(Some(refusal)) if OPEN_REFUSALS.contains(&refusal.code.as_str()) => Called::NotKnown(refusal.code),
        Ok(Some(refusal)) => Called::Refused { code: refusal.code, message: refusal.message },
        Err(error)
            if matches!(
                error.kind,
                GapKind::Timeout | GapKind::Connection | GapKind::ServerError | GapKind::MalformedAnswer
            ) =>
        {
            Called::NotKnown(error.to_string())
        }
        Err(error) => Called::NotDone(error),
    }
}

/// Where it cannot go on, the cell is brought back. What is open even then, the journal says.
pub(crate) async fn run(executor: &Executor<'_>, step: &Resync) -> Result<StepReport, Stop> {
    let mut cell = Cell::new(executor, step)?;
    match cell.forward().await {
        Err(why) if cell.progress.is_open() => match cell.bring_back().await {
            Ok(()) => Err(why),
            Err(worse) => {
                // Both are told: why it stopped, and why it could not be brought back.
                executor.tell(ApplyEvent::Failed { step: step.id.clone(), why: why.to_string() });
                Err(worse)
            }
        },
        ended => ended,
    }
}

struct Cell<'e> {
    executor: &'e Executor<'e>,
    step: &'e Resync,
    progress: Progress,
    from: RegionReader,
}

impl<'e> Cell<'e> {
    fn new(executor: &'e Executor<'e>, step: &'e Resync) -> Result<Self, Stop> {
        let progress = executor.progress(&step.id)?;
        let from = executor.access.reader(step.toggled_from, &step.region);
        Ok(Self { executor, step, progress, from })
    }

    async fn note(&mut self, progress: Progress, more: &[(&str, serde_json::Value)]) -> Result<(), Stop> {
        self.executor.note(progress, &self.step.id, more).await?;
        self.progress = progress;
        Ok(())
    }

    /// The same where the journal cannot be written any more: what is disabled is enabled all the same.
    async fn note_if_possible(&mut self, progress: Progress, more: &[(&str, serde_json::Value)]) {
        if let Err(error) = self.executor.note(progress, &self.step.id, more).await {
            let why = format!("the journal cannot be written: {error}");
            self.executor.tell(ApplyEvent::Failed { step: self.step.id.clone(), why });
        }
        self.progress = progress;
    }

    async fn status(&self) -> Result<String, CallError> {
        let call = self.executor.access.call(Api::BatchGetAccountStatus);
        let answer = self.from.account_statuses(&call, &[self.step.account]).await?;
        let status = answer.accounts.into_iter().find(|(account, _)| *account == self.step.account);
        status.and_then(|(_, status)| status.ecr_status).ok_or_else(|| {
            CallError::malformed(
                Api::BatchGetAccountStatus,
                "AccountNotInAnswer",
                "the answer holds no status of the account",
            )
        })
    }

    async fn read_status(&self) -> Result<String, Stop> {
        let read = self.executor.patient(|| self.status()).await;
        read.map_err(|source| Stop::Call { step: self.step.id.clone(), what: "reading the status".to_owned(), source })
    }

    /// Waits for a status, until patience ends.
    async fn wait_for(&self, wanted: &'static str) -> Result<(), Stop> {
        let mut waits = self.executor.waits();
        loop {
            let status = self.read_status().await?;
            if status == wanted {
                self.executor.tell(ApplyEvent::Reached { step: self.step.id.clone(), status });
                return Ok(());
            }
            if waits.is_over() {
                let (account, region) = (self.step.account, self.step.region.clone());
                return Err(Stop::Slow { step: self.step.id.clone(), account, region, status, wanted });
            }
            waits.wait().await;
        }
    }

    fn refused(&self, call: &'static str, code: String, message: String) -> Stop {
        Stop::Refused { step: self.step.id.clone(), call, account: self.step.account, code, message }
    }

    fn failed(&self, what: &str) -> impl FnOnce(CallError) -> Stop {
        let (step, what) = (self.step.id.clone(), what.to_owned());
        move |source| Stop::Call { step, what, source }
    }

    async fn forward(&mut self) -> Result<StepReport, Stop> {
        let what = format!("ECR scanning of account {} in {}", self.step.account, self.step.region);
        self.executor.tell(ApplyEvent::Begins { step: self.step.id.clone(), what });
        if self.progress < Progress::Accepted {
            self.disable().await?;
        }
        if self.progress == Progress::Accepted {
            self.wait_for(DISABLED).await?;
            self.note(Progress::Disabled, &[]).await?;
        }
        self.enable_and_restore().await?;
        let covered = self.wait_for_coverage().await?;
        // Nobody may have turned it off while we waited, and Inspector may have written a configuration of its own.
        if self.read_status().await? != ENABLED {
            let because = json!("somebody disabled it meanwhile");
            self.note_if_possible(Progress::Disabled, &[("because", because)]).await;
            self.enable_and_restore().await?;
        } else if !self.is_restored().await? {
            let because = json!("the scanning configuration changed again");
            self.note_if_possible(Progress::Enabled, &[("because", because)]).await;
            self.enable_and_restore().await?;
        }
        let taken = self.taken().await;
        let not_refreshed: Vec<String> =
            self.step.repositories.iter().filter(|name| !covered.contains(name)).cloned().collect();
        self.note(
            Progress::Done,
            &[
                ("refreshed", json!(covered)),
                ("not_refreshed", json!(not_refreshed)),
                ("findings_taken", json!(taken.map(|taken| taken.findings))),
                ("images_not_rescanned", json!(taken.map(|taken| taken.images_not_rescanned))),
            ],
        )
        .await?;
        let told = self.executor.told_now().unwrap_or_default();
        Ok(resync::done(self.step, &told, not_refreshed, taken))
    }

    /// Looks once more that everything is as it was planned, and calls. Known not to be done, the cell is not open; but it
    /// stays open where an earlier call had no answer.
    async fn disable(&mut self) -> Result<(), Stop> {
        let mut unanswered = self.progress >= Progress::Disabling;
        let writer = self.executor.writer(&self.step.id, self.step.toggled_from, &self.step.region)?;
        let mut waits = self.executor.waits();
        loop {
            if self.executor.cancel.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            if unanswered && self.read_status().await? != ENABLED {
                return self.seen_to_come_through().await;
            }
            let saved = self.executor.fresh_backup(self.step).await?;
            backup::verify(&saved.0, &saved.1).map_err(|why| Stop::Backup { step: self.step.id.clone(), why })?;
            let differences = stale(self.executor, self.step).await?;
            if !differences.is_empty() {
                let named = differences.iter().map(|what| resync::describe(self.step, what)).collect();
                return Err(Stop::Stale(named));
            }
            self.note(Progress::Disabling, &[("call", json!("inspector2:Disable"))]).await?;
            let answer = writer.disable(&self.executor.access.call(Api::Disable), self.step.account).await;
            match came_of(answer) {
                Called::Accepted => {
                    self.note_if_possible(Progress::Accepted, &[]).await;
                    return Ok(());
                }
                Called::Refused { code, .. } if code == DISABLING_ALREADY => {
                    return self.seen_to_come_through().await;
                }
                Called::Refused { code, message } => {
                    if !unanswered {
                        let because = json!(format!("Disable was refused: {code}"));
                        self.note(Progress::BackedUp, &[("because", because)]).await?;
                    }
                    return Err(self.refused("inspector2:Disable", code, message));
                }
                Called::NotDone(source) => {
                    if !unanswered {
                        let because = json!(format!("Disable was not done: {}", source.code));
                        self.note(Progress::BackedUp, &[("because", because)]).await?;
                    }
                    if !may_pass(&source) || waits.is_over() {
                        return Err(self.failed("inspector2:Disable")(source));
                    }
                }
                Called::NotKnown(why) => match self.evidence().await? {
                    Evidence::Done => return self.seen_to_come_through().await,
                    // Asked again it says so where it is under way after all.
                    Evidence::NotDone if !waits.is_over() => unanswered = true,
                    Evidence::NotDone | Evidence::NotKnown => {
                        return Err(Stop::Surprise { step: self.step.id.clone(), what: format!("Disable: {why}") });
                    }
                },
            }
            waits.wait().await;
        }
    }

    async fn seen_to_come_through(&mut self) -> Result<(), Stop> {
        self.note_if_possible(Progress::Accepted, &[("because", json!("it is seen to come through"))]).await;
        Ok(())
    }

    fn backup_folder(&self) -> Result<PathBuf, Stop> {
        let missing = || Stop::Backup { step: self.step.id.clone(), why: "there is no backup".to_owned() };
        self.executor.backup_folder(&self.step.id).ok_or_else(missing)
    }

    /// From wherever the cell is to ENABLED, with the scanning configuration as it was.
    async fn enable_and_restore(&mut self) -> Result<(), Stop> {
        if self.progress < Progress::Enabled {
            self.enable().await?;
            self.note_if_possible(Progress::Enabled, &[]).await;
        }
        if self.progress < Progress::Restored {
            self.restore().await?;
            self.note_if_possible(Progress::Restored, &[]).await;
        }
        Ok(())
    }

    /// Asks until it is ENABLED, or until patience ends. Once it was accepted it is not asked again before that had time to
    /// show. ENABLED is the end of it where the cell was seen off. Else it may be what was before: Inspector is asked, which
    /// says so where it is being turned off after all, and that is not written down as the way back of a cell that was off.
    /// Where the status cannot be read Enable is called too, whatever the reason, once a few reads have failed or half the time has passed: an enable too
    /// many does nothing, one too few does.
    async fn enable(&mut self) -> Result<(), Stop> {
        let writer = self.executor.writer(&self.step.id, self.step.toggled_from, &self.step.region)?;
        let mut waits = self.executor.waits();
        let mut last: Option<Stop> = None;
        let mut accepted: Option<Waits> = None;
        let mut seen_off = self.progress >= Progress::Disabled;
        let mut sure = seen_off;
        let mut unread = 0;
        loop {
            let status = self.status().await;
            let asks = match status.as_deref() {
                Ok(ENABLED) if sure => {
                    self.executor.tell(ApplyEvent::Reached { step: self.step.id.clone(), status: ENABLED.to_owned() });
                    return Ok(());
                }
                Ok(DISABLED) => {
                    (seen_off, sure) = (true, true);
                    true
                }
                Ok(status) => status == ENABLED,
                Err(error) => {
                    unread += 1;
                    last = Some(self.failed("reading the status")(error.clone()));
                    !may_pass(error) || unread >= READS_BEFORE_ENABLE || waits.is_half_over()
                }
            };
            if asks && accepted.as_ref().is_none_or(Waits::is_over) {
                let line = [("call", json!("inspector2:Enable"))];
                if seen_off {
                    self.note_if_possible(Progress::Enabling, &line).await;
                } else {
                    let _ = self.executor.line(ASKING, &self.step.id, &line).await;
                }
                let call = self.executor.access.call(Api::Enable);
                let token = self.executor.token(&self.step.id);
                let called = came_of(writer.enable(&call, self.step.account, &token).await);
                accepted = None;
                match called {
                    Called::Refused { code, message } if !ON_ALREADY.contains(&code.as_str()) => {
                        last = Some(self.refused("inspector2:Enable", code, message));
                    }
                    Called::NotDone(error) => last = Some(self.failed("inspector2:Enable")(error)),
                    Called::NotKnown(why) => {
                        last = Some(Stop::Surprise { step: self.step.id.clone(), what: format!("Enable: {why}") });
                    }
                    Called::Accepted | Called::Refused { .. } => {
                        sure = true;
                        accepted = Some(self.executor.settling());
                        last = last.filter(|_| status.is_err());
                    }
                }
            }
            if waits.is_over() {
                let (account, region) = (self.step.account, self.step.region.clone());
                let status = status.unwrap_or_else(|_| "not known".to_owned());
                let slow = Stop::Slow { step: self.step.id.clone(), account, region, status, wanted: ENABLED };
                return Err(last.unwrap_or(slow));
            }
            waits.wait().await;
        }
    }

    async fn scanning(&self) -> Result<ScanningConfiguration, CallError> {
        let access = &self.executor.access;
        let own = access.reader(self.step.account, &self.step.region);
        own.scanning_configuration(&access.call(Api::GetRegistryScanningConfiguration)).await
    }

    /// Whether the scanning configuration is the one that the plan saw, in whatever order AWS gives it.
    async fn is_restored(&self) -> Result<bool, Stop> {
        let now = self.executor.patient(|| self.scanning()).await;
        let now = now.map_err(self.failed("reading the scanning configuration"))?;
        Ok(scanning_sha256(&now.scan_type, &now.sorted_rules()) == self.step.scanning_sha256)
    }

    /// AWS does not say what rules are there after an enable: they are compared, and put back where they differ.
    async fn restore(&mut self) -> Result<(), Stop> {
        let writer = self.executor.writer(&self.step.id, self.step.account, &self.step.region)?;
        // In AWS's own order where it was saved so, else in ours.
        let saved = self.executor.backup_folder(&self.step.id).and_then(|folder| backup::saved_scanning(&folder));
        let meant = saved
            .filter(|saved| scanning_sha256(&saved.scan_type, &saved.sorted_rules()) == self.step.scanning_sha256)
            .unwrap_or_else(|| ScanningConfiguration {
                scan_type: self.step.scan_type.clone(),
                rules: self.step.rules.clone(),
            });
        let mut waits = self.executor.waits();
        let mut put = false;
        let mut last = Stop::Surprise {
            step: self.step.id.clone(),
            what: "the scanning configuration was put back, and is not what was put".to_owned(),
        };
        loop {
            match self.scanning().await {
                Ok(now) => {
                    // The order may be AWS's own; once it was put as it was, the same rules in another order are as good.
                    let same = scanning_sha256(&now.scan_type, &now.sorted_rules()) == self.step.scanning_sha256;
                    if now == meant || same && put {
                        return Ok(());
                    }
                    let call = self.executor.access.call(Api::PutRegistryScanningConfiguration);
                    let line = [("call", json!("ecr:PutRegistryScanningConfiguration"))];
                    // As with enabling: that it cannot be written down does not keep it from being put back.
                    let _ = self.executor.line("restoring", &self.step.id, &line).await;
                    put = true;
                    if let Err(source) = writer.put_scanning_configuration(&call, &meant).await {
                        last = self.failed("ecr:PutRegistryScanningConfiguration")(source);
                    }
                }
                Err(source) => last = self.failed("reading the scanning configuration")(source),
            }
            if waits.is_over() {
                // One more look: the last put may have come through.
                return if put && self.is_restored().await? { Ok(()) } else { Err(last) };
            }
            waits.wait().await;
        }
    }

    /// Waits until no repository of the step says `ACCESS_DENIED`, or patience ends; those that do not any more.
    async fn wait_for_coverage(&self) -> Result<Vec<String>, Stop> {
        let mut waits = self.executor.waits_for_coverage();
        loop {
            let refreshed = self.refreshed().await?;
            let all = refreshed.len() == self.step.repositories.len();
            if all || waits.is_over() || self.executor.cancel.is_cancelled() {
                return Ok(refreshed);
            }
            waits.wait().await;
        }
    }

    async fn refreshed(&self) -> Result<Vec<String>, Stop> {
        let coverage = self.coverage().await?;
        let good = |name: &&String| coverage.scanned.contains(*name) && !coverage.denied.contains(*name);
        Ok(self.step.repositories.iter().filter(good).cloned().collect())
    }

    /// What coverage says of the step's repositories, images' rows included.
    async fn coverage(&self) -> Result<Said, Stop> {
        let mut said = Said::default();
        for filter in [CoverageFilter::RepositoriesOf(self.step.account), CoverageFilter::ImagesOf(self.step.account)] {
            let page = |token: Option<String>| {
                let read = move || {
                    let (call, token) = (self.executor.access.call(Api::ListCoverage), token.clone());
                    async move { self.from.coverage(&call, filter, token).await }
                };
                self.executor.patient(read)
            };
            let take = |rows: Vec<CoveredResource>| {
                for row in &rows {
                    said.take(row, &self.step.repositories);
                }
                Ok(())
            };
            let surprise = |what| Stop::Surprise { step: self.step.id.clone(), what };
            pages(Api::ListCoverage, page, take).await.map_err(surprise)?;
        }
        Ok(said)
    }

    /// What was really lost, for the report. That it cannot be told changes nothing that was done.
    async fn taken(&self) -> Option<Taken> {
        let folder = self.executor.backup_folder(&self.step.id)?;
        backup::taken(&self.executor.access, self.step, &folder).await.ok().map(|(taken, _)| taken)
    }
}

/// Repositories by what coverage says of them.
#[derive(Debug, Default)]
struct Said {
    denied: BTreeSet<String>,
    scanned: BTreeSet<String>,
}

impl Said {
    fn take(&mut self, row: &CoveredResource, of: &[String]) {
        let arn = row.resource_id.parse::<Arn>().ok().and_then(|arn| arn.ecr_repository());
        let Some((repository, _)) = arn.filter(|(name, _)| of.iter().any(|one| one == name.as_str())) else { return };
        match row.reason.as_deref() {
            Some("ACCESS_DENIED") => self.denied.insert(repository.to_string()),
            // Left over from before, or not looked at yet.
            Some("PENDING_DISABLE" | "RESOURCE_TERMINATED" | "PENDING_INITIAL_SCAN") | None => false,
            Some(_) => self.scanned.insert(repository.to_string()),
        };
    }
}

/// Reads of a status that fail in passing until Enable is called without it.
const READS_BEFORE_ENABLE: u32 = 3;
