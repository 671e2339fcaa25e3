//! Does what the protocol of a re-sync says, and hands back what it saw. Nothing is decided here.

use scangap_aws::CallError;
use scangap_aws::read::RegionReader;
use scangap_aws::write::ToggleRefusal;
use scangap_model::{Api, GapKind};
use scangap_plan::Resync;
use scangap_plan::hash::scanning_sha256;
use tokio::time::Instant;

use crate::backup::{self, Saved};
use crate::context::{Backup, Executor};
use crate::coverage::coverage;
use crate::error::ApplyError;
use crate::events::ApplyEvent;
use crate::journal::{JournalLine, REENABLED};
use crate::preconditions::{ENABLED, stale};
use crate::progress::Progress;
use crate::protocol::resync::{Purpose, Resync as Protocol};
use crate::protocol::{Action, Answer, Because, Configuration, End, Failure, Line, Notice, Seen, Status};
use crate::report::resync::describe;
use crate::step_report::{Lost, StepReport};
use crate::{findings_report, report};

const DISABLED: &str = "DISABLED";
/// Refusals of an Enable that say that there is nothing left to ask for.
const ON_ALREADY: [&str; 2] = ["ALREADY_ENABLED", "ENABLE_IN_PROGRESS"];
/// The refusal of an account that is being disabled already.
const DISABLING_ALREADY: &str = "DISABLE_IN_PROGRESS";
/// Refusals of an account that leave open what happens to it.
const OPEN_REFUSALS: [&str; 2] = ["SUSPEND_IN_PROGRESS", "INTERNAL_ERROR"];

/// Saves what a re-sync would delete, before anything is written anywhere.
pub(crate) async fn back_up(executor: &Executor<'_>, step: &Resync) -> Result<(), ApplyError> {
    Driver::new(executor, step).run(Purpose::BackUp).await
}

/// Sees that scanning may be turned on, before it is turned off anywhere.
pub(crate) async fn verify_enable_permission(executor: &Executor<'_>, step: &Resync) -> Result<(), ApplyError> {
    let mut driver = Driver::new(executor, step);
    let verified = driver.run(Purpose::Trial).await;
    // A trial that could not be undone says so itself.
    verified.map_err(|error| match (error, driver.progress) {
        (error @ (ApplyError::Stale(_) | ApplyError::Interrupted | ApplyError::Journal(_)), _)
        | (error, Progress::Trying) => error,
        (error, _) => {
            let (account, region) = (step.account, step.region.clone());
            ApplyError::EnableNotVerified { step: step.id.clone(), account, region, source: Box::new(error) }
        }
    })?;
    executor.tell(ApplyEvent::EnableVerified { step: step.id.clone() });
    Ok(())
}

/// Re-syncs a registry from wherever its step is. Where it cannot go on, the registry is re-enabled. What is open even then,
/// the journal says.
pub(crate) async fn resync(executor: &Executor<'_>, step: &Resync) -> Result<StepReport, ApplyError> {
    let mut driver = Driver::new(executor, step);
    driver.run(Purpose::Forward).await?;
    let not_refreshed = driver.not_refreshed();
    Ok(report::resync::done(step, &executor.state().step(&step.id), not_refreshed, driver.lost))
}

/// After a crash, before anything else: a registry that may be without scanning is re-enabled. One whose Disable had no
/// answer, and that nothing has happened to yet, stays open: Disable is called again.
pub(crate) async fn reenable(executor: &Executor<'_>, step: &Resync) -> Result<(), ApplyError> {
    Driver::new(executor, step).run(Purpose::Undo).await
}

/// The same where only the account that toggles opens: scanning is turned on, and the configuration must wait.
pub(crate) async fn turn_on(executor: &Executor<'_>, step: &Resync) -> Result<(), ApplyError> {
    Driver::new(executor, step).run(Purpose::TurnOn).await
}

struct Driver<'e> {
    executor: &'e Executor<'e>,
    step: &'e Resync,
    /// Of the account that toggles.
    from: RegionReader,
    /// The last thing that failed.
    last: Option<ApplyError>,
    /// Why the step does not go on.
    noticed: Option<ApplyError>,
    /// What was heard of a Disable that had no answer.
    unanswered: String,
    /// The code of a Disable that was not done.
    not_done: String,
    status: String,
    refreshed: Vec<String>,
    lost: Option<Lost>,
    /// A backup that is not in the journal yet.
    saved: Option<(Saved, Backup)>,
    progress: Progress,
}

impl<'e> Driver<'e> {
    fn new(executor: &'e Executor<'e>, step: &'e Resync) -> Self {
        Self {
            executor,
            step,
            from: executor.access.reader(step.toggled_from, &step.region),
            last: None,
            noticed: None,
            unanswered: String::new(),
            not_done: String::new(),
            status: String::new(),
            refreshed: Vec::new(),
            lost: None,
            saved: None,
            progress: executor.progress(&step.id),
        }
    }

    async fn run(&mut self, purpose: Purpose) -> Result<(), ApplyError> {
        let (executor, now) = (self.executor, self.executor.now());
        let called_at = executor.state().step(&self.step.id).called_at;
        let mut protocol = Protocol::new(purpose, self.progress, called_at, executor.timeouts(), now);
        let mut seen = Seen::Began;
        loop {
            let action = protocol.next(seen, executor.now());
            self.progress = protocol.progress();
            if let Some(failure) = protocol.failing {
                let error = self.error(failure);
                self.notice(error);
            }
            if let Some(notice) = protocol.notice {
                self.tell(notice);
            }
            seen = match action {
                Action::Finish(end) => return self.end(end),
                Action::Wait(pause) => {
                    tokio::time::sleep(pause).await;
                    Seen::Waited
                }
                Action::Journal(line) => Seen::Journaled(self.journal(line)),
                action => self.act(action).await.unwrap_or_else(|error| {
                    let passing = error.may_pass();
                    self.last = Some(error);
                    Seen::Failed { passing }
                }),
            };
        }
    }

    fn tell(&self, notice: Notice) {
        let step = self.step.id.clone();
        let event = match notice {
            Notice::Begins => {
                let what = format!("ECR scanning of account {}", self.step.place());
                ApplyEvent::Begins { step, what }
            }
            Notice::Reached(_) => ApplyEvent::Reached { step, status: self.status.clone() },
            Notice::Reenables => ApplyEvent::Reenables { step },
            Notice::Reenabled => ApplyEvent::Reenabled { step },
        };
        self.executor.tell(event);
    }

    /// Keeps why the step does not go on. One that was kept before is told now: it stopped for the one, and could not be
    /// re-enabled for the other.
    fn notice(&mut self, error: ApplyError) {
        if let Some(earlier) = self.noticed.replace(error) {
            self.executor.tell(ApplyEvent::Failed { step: self.step.id.clone(), why: earlier.to_string() });
        }
    }

    fn end(&mut self, end: End) -> Result<(), ApplyError> {
        match end {
            End::Done => return Ok(()),
            End::Noticed => {}
            End::Failed(failure) => {
                let error = self.error(failure);
                self.notice(error);
            }
        }
        self.noticed.take().map_or(Ok(()), Err)
    }

    fn error(&mut self, failure: Failure) -> ApplyError {
        let (step, account, region) = (self.step.id.clone(), self.step.account, self.step.region.clone());
        let unexpected = |what: &str| ApplyError::UnexpectedState { step: step.clone(), what: what.to_owned() };
        match failure {
            Failure::Interrupted => ApplyError::Interrupted,
            Failure::Last => self.last.take().unwrap_or_else(|| unexpected("it failed")),
            Failure::NotEnabledAtTrial => {
                let what = format!("ECR scanning is {}, and not {ENABLED}", self.status);
                ApplyError::Stale(vec![describe(self.step, &what)])
            }
            Failure::Slow { wanted } => {
                let wanted = if wanted == Status::Disabled { DISABLED } else { ENABLED };
                ApplyError::Timeout { step, account, region, status: self.status.clone(), wanted }
            }
            Failure::Unanswered => unexpected(&format!("Disable: {}", self.unanswered)),
            Failure::NotComeThrough => unexpected("a Disable was called and has not taken effect: it still may"),
            Failure::BeginsToGo => unexpected("a Disable was called, and what was saved begins to disappear"),
            Failure::NotPut => unexpected("the scanning configuration was put back, and ECR has another one"),
        }
    }

    fn of_call(&self, what: &str) -> impl FnOnce(CallError) -> ApplyError {
        let (step, what) = (self.step.id.clone(), what.to_owned());
        move |source| ApplyError::Call { step, what, source }
    }

    async fn act(&mut self, action: Action) -> Result<Seen, ApplyError> {
        let (executor, step) = (self.executor, self.step);
        match action {
            Action::ReadStatus => self.read_status().await,
            Action::ReadConfiguration => self.read_configuration().await,
            Action::ReadCoverage => {
                let coverage = coverage(executor, step).await?;
                self.refreshed = coverage.refreshed(step);
                let refreshed = self.refreshed.len() == step.repositories.len();
                Ok(Seen::Coverage { refreshed, denied: coverage.is_denied() })
            }
            Action::CompareBackup => {
                // A failed comparison counts nothing: the numbers of an earlier one must not be reported for it.
                self.lost = None;
                let missing = || ApplyError::Backup { step: step.id.clone(), why: "there is no backup".to_owned() };
                let folder = executor.backup_folder(&step.id).ok_or_else(missing)?;
                let unexpected = |what| ApplyError::UnexpectedState { step: step.id.clone(), what };
                let (lost, kept) = backup::compare(&executor.access, step, &folder).await.map_err(unexpected)?;
                self.lost = Some(lost);
                Ok(Seen::Compared {
                    gone: lost.findings + lost.images_not_rescanned > 0,
                    kept: kept.findings + kept.images > 0,
                })
            }
            Action::CheckPreconditions => {
                let differences = stale(executor, step).await?;
                if differences.is_empty() {
                    return Ok(Seen::Ready);
                }
                self.last = Some(ApplyError::Stale(differences.iter().map(|what| describe(step, what)).collect()));
                Ok(Seen::Stale)
            }
            Action::BackUp => self.back_up().await,
            Action::WriteReport => {
                findings_report::write_if_asked(executor, step).await?;
                Ok(Seen::Reported)
            }
            Action::CallDisable => {
                let writer = executor.writer(&step.id, step.toggled_from, &step.region)?;
                let call = executor.access.call(Api::Disable);
                let answered = writer.disable(&call, step.account).await;
                Ok(self.answered(Api::Disable, answered))
            }
            Action::CallEnable => {
                let writer = executor.writer(&step.id, step.toggled_from, &step.region)?;
                let call = executor.access.call(Api::Enable);
                let answered = writer.enable(&call, step.account, &executor.token(&step.id)).await;
                Ok(self.answered(Api::Enable, answered))
            }
            Action::PutConfiguration => {
                let writer = executor.writer(&step.id, step.account, &step.region)?;
                let call = executor.access.call(Api::PutRegistryScanningConfiguration);
                let put = writer.put_scanning_configuration(&call, &self.meant()).await;
                put.map_err(self.of_call(Api::PutRegistryScanningConfiguration.permission()))?;
                Ok(Seen::ConfigurationPut)
            }
            Action::Journal(_) | Action::Wait(_) | Action::Finish(_) => Ok(Seen::Waited),
        }
    }

    async fn read_status(&mut self) -> Result<Seen, ApplyError> {
        "not known".clone_into(&mut self.status);
        let call = self.executor.access.call(Api::BatchGetAccountStatus);
        let answer = self.from.account_statuses(&call, &[self.step.account]).await;
        let answer = answer.map_err(self.of_call("reading the status"))?;
        let status = answer.accounts.into_iter().find(|(account, _)| *account == self.step.account);
        let Some(status) = status.and_then(|(_, status)| status.ecr_status) else {
            let why = "the answer holds no status of the account";
            let error = CallError::malformed(Api::BatchGetAccountStatus, "AccountNotInAnswer", why);
            return Err(self.of_call("reading the status")(error));
        };
        let seen = match status.as_str() {
            ENABLED => Status::Enabled,
            DISABLED => Status::Disabled,
            _ => Status::Other,
        };
        self.status = status;
        Ok(Seen::Status(seen))
    }

    async fn read_configuration(&self) -> Result<Seen, ApplyError> {
        let access = &self.executor.access;
        let own = access.reader(self.step.account, &self.step.region);
        let now = own.scanning_configuration(&access.call(Api::GetRegistryScanningConfiguration)).await;
        let now = now.map_err(self.of_call("reading the scanning configuration"))?;
        let same = scanning_sha256(&now.scan_type, &now.sorted_rules()) == self.step.scanning_sha256;
        Ok(Seen::Configuration(match same {
            _ if now == self.meant() => Configuration::AsSaved,
            true => Configuration::SameRules,
            false => Configuration::Other,
        }))
    }

    /// The scanning configuration that the plan saw: in AWS's own order where it was saved so, else in ours.
    fn meant(&self) -> scangap_aws::read::ScanningConfiguration {
        let saved = self.executor.backup_folder(&self.step.id).and_then(|folder| backup::saved_scanning(&folder));
        saved
            .filter(|saved| scanning_sha256(&saved.scan_type, &saved.sorted_rules()) == self.step.scanning_sha256)
            .unwrap_or_else(|| scangap_aws::read::ScanningConfiguration {
                scan_type: self.step.scan_type.clone(),
                rules: self.step.rules.clone(),
            })
    }

    async fn back_up(&mut self) -> Result<Seen, ApplyError> {
        let (executor, step) = (self.executor, self.step);
        let failed = |why| ApplyError::Backup { step: step.id.clone(), why };
        let young = executor.backup(&step.id).filter(|backup| backup.is_young((executor.options.clock)()));
        if let Some(young) = young {
            backup::verify(&young.folder, &young.manifest).map_err(failed)?;
            return Ok(Seen::BackupYoung);
        }
        let (made_at, made) = ((executor.options.clock)(), Instant::now());
        let folder = executor.options.folder.join(backup::name(step, made_at));
        let saved = backup::save(&executor.access, step, &folder, made_at).await?;
        backup::verify(&saved.folder, &saved.manifest_sha256).map_err(failed)?;
        saved.fits(step)?;
        let backup = Backup {
            folder: saved.folder.clone(),
            manifest: saved.manifest_sha256.clone(),
            made,
            made_at,
            findings: saved.losses.findings,
        };
        self.saved = Some((saved, backup));
        Ok(Seen::BackupSaved)
    }

    fn answered(&mut self, api: Api, answer: Result<Option<ToggleRefusal>, CallError>) -> Seen {
        let answer = match answer {
            Ok(None) => Answer::Accepted,
            Ok(Some(refusal)) => {
                self.not_done.clone_from(&refusal.code);
                self.unanswered.clone_from(&refusal.code);
                let code = refusal.code.as_str();
                let answer = if ON_ALREADY.contains(&code) {
                    Answer::AlreadyOn
                } else if code == DISABLING_ALREADY {
                    Answer::AlreadyDisabling
                } else if OPEN_REFUSALS.contains(&code) {
                    Answer::RefusedOpen
                } else {
                    Answer::Refused
                };
                // ALREADY_ENABLED is no failure of an Enable.
                if (api, answer) != (Api::Enable, Answer::AlreadyOn) {
                    self.last = Some(ApplyError::Refused {
                        step: self.step.id.clone(),
                        call: api.permission(),
                        account: self.step.account,
                        code: refusal.code,
                        message: refusal.message,
                    });
                }
                answer
            }
            Err(error) => {
                let lost = matches!(
                    error.kind,
                    GapKind::Timeout | GapKind::Connection | GapKind::ServerError | GapKind::MalformedAnswer
                );
                self.not_done.clone_from(&error.code);
                self.unanswered = error.to_string();
                let passing = error.may_pass();
                self.last = Some(self.of_call(api.permission())(error));
                if lost { Answer::NotKnown } else { Answer::NotDone { passing } }
            }
        };
        Seen::Answered(answer)
    }

    /// Whether the line is on the disk.
    fn journal(&mut self, line: Line) -> bool {
        let (word, details, required) = match line {
            Line::Reached { progress, because, required } => {
                (progress.word(), self.details(progress, because), Some(required))
            }
            Line::Asking => ("asking", of(Api::Enable), None),
            Line::Restoring => ("restoring", of(Api::PutRegistryScanningConfiguration), None),
            Line::SavedAgain => ("saved_again", self.of_backup(), Some(true)),
            Line::Reenabled => (REENABLED, self.of_loss(), None),
        };
        let written = self.executor.write(JournalLine::of(&self.step.id, word).with(details));
        // A backup is used from the journal line that names it. A later line must not register one that was refused.
        let saved = self.saved.take();
        match (written, required) {
            (Ok(()), _) => {
                if line.names_backup()
                    && let Some((saved, backup)) = saved
                {
                    self.backed_up(saved, backup);
                }
                return true;
            }
            (Err(error), Some(true)) => self.last = Some(error),
            (Err(error), Some(false)) => {
                let why = format!("the journal cannot be written: {error}");
                self.executor.tell(ApplyEvent::Failed { step: self.step.id.clone(), why });
            }
            (Err(_), None) => {}
        }
        false
    }

    /// What is written of a step besides how far it is.
    fn details(&self, progress: Progress, because: Option<Because>) -> JournalLine {
        let line = match (progress, because) {
            (Progress::BackedUp, None) => self.of_backup(),
            (Progress::Trying | Progress::Enabling, _) => of(Api::Enable),
            (Progress::Disabling, _) => of(Api::Disable),
            (Progress::Done, _) => JournalLine {
                refreshed: Some(self.refreshed.clone()),
                not_refreshed: Some(self.not_refreshed()),
                ..self.of_loss()
            },
            _ => JournalLine::default(),
        };
        let why = because.map(|because| match because {
            Because::SeenToComeThrough => "the status shows that it takes effect".to_owned(),
            Because::DidNotComeThrough => {
                "the Disable did not take effect: everything that was saved is still there".to_owned()
            }
            Because::NobodyKnows => {
                "its Disable had no answer, and nothing shows any more whether it was done".to_owned()
            }
            Because::DisableRefused => format!("Disable was refused: {}", self.not_done),
            Because::DisableNotDone => format!("Disable was not done: {}", self.not_done),
            Because::DisabledMeanwhile => "it was disabled by others meanwhile".to_owned(),
            Because::ConfigurationChanged => "the scanning configuration changed again".to_owned(),
            Because::ConfigurationAsItWas => "its scanning configuration is as it was".to_owned(),
        });
        let unanswered = (because == Some(Because::NobodyKnows)).then_some(true);
        JournalLine { because: why, unanswered, ..line }
    }

    fn of_backup(&self) -> JournalLine {
        let saved = self.saved.as_ref();
        JournalLine {
            backup: saved.map(|(_, backup)| backup::name(self.step, backup.made_at)),
            manifest_sha256: saved.map(|(_, backup)| backup.manifest.clone()),
            findings: saved.map(|(saved, _)| saved.losses.findings),
            ..JournalLine::default()
        }
    }

    fn of_loss(&self) -> JournalLine {
        JournalLine {
            findings_lost: self.lost.map(|lost| lost.findings),
            images_not_rescanned: self.lost.map(|lost| lost.images_not_rescanned),
            ..JournalLine::default()
        }
    }

    fn backed_up(&self, saved: Saved, backup: Backup) {
        let step = self.step.id.clone();
        self.executor.tell(ApplyEvent::BackedUp { step, findings: saved.losses.findings, folder: saved.folder });
        self.executor.keep_backup(&self.step.id, backup);
    }

    fn not_refreshed(&self) -> Vec<String> {
        self.step.repositories.iter().filter(|name| !self.refreshed.contains(name)).cloned().collect()
    }
}

fn of(call: Api) -> JournalLine {
    JournalLine { call: Some(call.to_string()), ..JournalLine::default() }
}
