//! Backups while an apply runs: each is counted against the plan, and made again where it grew old.

use std::path::PathBuf;

use scangap_plan::Resync;
use serde_json::json;
use tokio::time::Instant;

use crate::context::{Backup, Executor};
use crate::error::Stop;
use crate::events::ApplyEvent;
use crate::journal::Progress;
use crate::report::resync;
use crate::{backup, cell, findings_report};

impl Executor<'_> {
    /// Saves a cell, and counts what was saved: more than the plan says is not deleted.
    pub(crate) async fn save(&self, step: &Resync) -> Result<(), Stop> {
        let (now, began) = ((self.options.clock)(), Instant::now());
        let name = format!("backup/{}", backup::folder_name(step, now));
        let saved = backup::save(&self.access, step, &self.options.folder.join(&name), now).await?;
        backup::verify(&saved.folder, &saved.manifest_sha256)
            .map_err(|why| Stop::Backup { step: step.id.clone(), why })?;
        if saved.scanning_sha256 != step.scanning_sha256 {
            let what = "its scanning configuration is not the one that the plan saw";
            return Err(Stop::Stale(vec![resync::describe(step, what)]));
        }
        let grew = |what, planned, now| Stop::LossesGrew { step: step.id.clone(), what, planned, now };
        if saved.losses.findings > step.findings {
            return Err(grew("findings", step.findings, saved.losses.findings));
        }
        let not_rescanned = saved.losses.not_rescanned.len() as u64;
        if not_rescanned > step.images_not_rescanned {
            return Err(grew("images that lose coverage", step.images_not_rescanned, not_rescanned));
        }
        let details = [
            ("backup", json!(name)),
            ("manifest_sha256", json!(saved.manifest_sha256)),
            ("findings", json!(saved.losses.findings)),
        ];
        if self.progress(&step.id)? < Progress::Disabling {
            self.note(Progress::BackedUp, &step.id, &details).await?;
        } else {
            // A disable that nobody answered for stays open; and where it came through meanwhile, the first backup is the good
            // one.
            if !cell::nothing_has_gone(self, step).await? {
                let what = "a disable was called, and what was saved begins to go".to_owned();
                return Err(Stop::Surprise { step: step.id.clone(), what });
            }
            self.line("saved_again", &step.id, &details).await?;
        }
        let findings = saved.losses.findings;
        self.tell(ApplyEvent::BackedUp { step: step.id.clone(), findings, folder: saved.folder.clone() });
        {
            let mut backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let backup = Backup { folder: saved.folder, manifest: saved.manifest_sha256, made: began, made_at: now };
            backups.insert(step.id.clone(), backup);
        }
        // AWS: a report of nothing fails, and one at a time is written.
        if let Some(to) = self.options.findings_reports.as_ref().filter(|_| findings > 0) {
            let _alone = self.reporting.lock().await;
            findings_report::write(self, step, to).await?;
            self.tell(ApplyEvent::Reported { step: step.id.clone() });
        }
        Ok(())
    }

    /// The folder and manifest of a backup that is young enough to hold what a disable would delete now.
    pub(crate) async fn fresh_backup(&self, step: &Resync) -> Result<(PathBuf, String), Stop> {
        let known = || {
            let backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            backups.get(&step.id).cloned()
        };
        if !known().is_some_and(|backup| backup.is_young((self.options.clock)())) {
            self.save(step).await?;
        }
        let missing = || Stop::Backup { step: step.id.clone(), why: "there is no backup".to_owned() };
        known().map(|backup| (backup.folder, backup.manifest)).ok_or_else(missing)
    }
}
